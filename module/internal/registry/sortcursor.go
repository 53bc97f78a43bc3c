package registry

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// SortCursor is where something stands in a sorted list: by a number, then by its
// organisation and id.
type SortCursor struct {
	By      int64
	Org, ID string
}

func (p SortCursor) compare(q SortCursor) int {
	return cmp.Or(cmp.Compare(p.By, q.By), strings.Compare(p.Org, q.Org), strings.Compare(p.ID, q.ID))
}

// firstN are the first n by their cursors, from after a cursor on. next is that of the
// last one, or nil at the end.
func firstN[T any](all iter.Seq2[SortCursor, T], after *SortCursor, n int) (page []T, next *SortCursor) {
	type item struct {
		SortCursor
		it T
	}
	var first []item // at most n+1, in order
	for at, it := range all {
		if after != nil && at.compare(*after) <= 0 || len(first) > n && at.compare(first[n].SortCursor) >= 0 {
			continue
		}
		p := item{at, it}
		i, _ := slices.BinarySearchFunc(first, p, func(a, b item) int { return a.compare(b.SortCursor) })
		first = slices.Insert(first[:min(len(first), n)], i, p)
	}
	for i, p := range first {
		if i == n {
			return page, &first[n-1].SortCursor
		}
		page = append(page, p.it)
	}
	return page, nil
}
