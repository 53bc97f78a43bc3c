package manifest

import (
	"slices"
	"strings"
)

// place is where a base URL leads.
type place struct {
	foreign   bool // to another site, or unknown
	path, dir string
	query     string
}

// maxBases bounds the alternatives of base URLs, and maxInner those that differ
// inside of an element; beyond, nothing gets the token that is relative to them.
const (
	maxBases = 8
	maxInner = 64
)

// base are the base URLs that hold for the next element: those of the open
// element's own BaseURL elements, or else those around it.
func (m *mpd) base() []place {
	top := &m.levels[len(m.levels)-1]
	if top.own != nil {
		return top.own
	}
	return top.bases
}

// inherited are the base URLs further down that what stands here may be
// relative to.
func (m *mpd) inherited() []place {
	for i := len(m.levels) - 1; i > 0; i-- {
		switch l := &m.levels[i]; l.name {
		case "Representation":
			return nil
		case "MPD", "Period", "AdaptationSet":
			return m.inner[l.number]
		}
	}
	return nil
}

// addInner takes note of the places that a base URL of the open element leads
// to, for the elements around that.
func (m *mpd) addInner(places []place) {
	for i := 1; i < len(m.levels)-1; i++ {
		number := m.levels[i].number
		for _, b := range places {
			switch inner := m.inner[number]; {
			case slices.Contains(inner, b):
			case len(inner) == maxInner:
				inner[0] = place{foreign: true}
			default:
				if m.inner == nil {
					m.inner = make(map[int][]place)
				}
				m.inner[number] = append(inner, b)
			}
		}
	}
}

// resolveAll are the places that a base URL leads to.
func (m *mpd) resolveAll(url string, around []place) []place {
	plain, _, ok := m.decode(url, false)
	if !ok || url == "" {
		return []place{{foreign: true}}
	}
	var list []place
	for _, b := range around {
		list = append(list, m.resolve(plain, b))
	}
	return list
}

func (m *mpd) resolve(url string, b place) place {
	r, ok := parseReference(url)
	switch {
	case !ok, r.authority && !m.rw.ownOrigin(&r), !r.authority && b.foreign:
		return place{foreign: true}
	}
	m.stand(b)
	path, ok := m.rw.resolve(&r)
	if !ok {
		return place{foreign: true}
	}
	query, _ := m.rw.withoutTokens(r.query)
	return place{path: path, dir: path[:strings.LastIndexByte(path, '/')+1], query: query}
}

// stand makes a place the one that relative references start from.
func (m *mpd) stand(b place) { m.rw.Path, m.rw.dir, m.rw.Query = b.path, b.dir, b.query }
