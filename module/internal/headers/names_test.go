package headers

import (
	"strings"
	"testing"
)

func TestUnionOfFieldNames(t *testing.T) {
	const own = "Location, ETag"
	for _, tc := range []struct {
		lines []string
		want  string
	}{
		{nil, own},
		{[]string{""}, own},
		{[]string{" , ,,"}, own},
		{[]string{"etag,LOCATION"}, own},
		{[]string{"X-Origin"}, own + ", X-Origin"},
		{[]string{"X-Origin, x-origin", "X-ORIGIN,Other , location"}, own + ", X-Origin, Other"},
		{[]string{"*"}, own + ", *"},
		{[]string{"a b", "a:b, é, \"q\", a\tb, a\x00b, (c), ok"}, own + ", ok"},
		{[]string{"Loc", "Location2", "ETag, ETa"}, own + ", Loc, Location2, ETa"},
	} {
		if got := Union(own, tc.lines); got != tc.want {
			t.Errorf("%q: %q instead of %q", tc.lines, got, tc.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Union(own, []string{"etag, Location"}) }); n != 0 {
		t.Errorf("names that are known cost %v allocations", n)
	}
	many := strings.Repeat("a,", 1<<14)
	if got := Union(own, []string{many}); got != own+", a" {
		t.Errorf("%.100q", got)
	}
}
