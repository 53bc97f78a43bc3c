package headers

import (
	"net/http"
	"strings"
	"testing"
)

func TestVaryNamesAFieldOnce(t *testing.T) {
	for _, tc := range []struct {
		lines []string
		want  string
	}{
		{nil, "Origin"},
		{[]string{"Accept-Encoding"}, "Accept-Encoding | Origin"},
		{[]string{"origin"}, "origin"},
		{[]string{"Accept, ORIGIN"}, "Accept, ORIGIN"},
		{[]string{"*"}, "*"},
		{[]string{"Accept", "Origin, X"}, "Accept | Origin, X"},
		{[]string{"X-Origin"}, "X-Origin | Origin"},
	} {
		h := http.Header{"Vary": tc.lines}
		AddVary(h, "Origin")
		if got := strings.Join(h["Vary"], " | "); got != tc.want {
			t.Errorf("%q becomes %q instead of %q", tc.lines, got, tc.want)
		}
	}
}
