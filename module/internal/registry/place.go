package registry

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Place is where something stands in a sorted list: by a number, then by its
// organisation and id.
type Place struct {
	By      int64
	Org, ID string
}

func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.By, q.By), strings.Compare(p.Org, q.Org), strings.Compare(p.ID, q.ID))
}

// least are the first n by their places, from after a place on. next is the place of
// the last one, or nil at the end.
func least[T any](all iter.Seq2[Place, T], after *Place, n int) (page []T, next *Place) {
	type placed struct {
		Place
		it T
	}
	var first []placed // at most n+1, in order
	for at, it := range all {
		if after != nil && at.compare(*after) <= 0 || len(first) > n && at.compare(first[n].Place) >= 0 {
			continue
		}
		p := placed{at, it}
		i, _ := slices.BinarySearchFunc(first, p, func(a, b placed) int { return a.compare(b.Place) })
		first = slices.Insert(first[:min(len(first), n)], i, p)
	}
	for i, p := range first {
		if i == n {
			return page, &first[n-1].Place
		}
		page = append(page, p.it)
	}
	return page, nil
}
