package headers

import (
	"net/http"
	"reflect"
	"testing"
)

func TestDropReports(t *testing.T) {
	for _, tt := range []struct{ lines, want []string }{
		{nil, nil},
		{[]string{"default-src 'self'"}, []string{"default-src 'self'"}},
		{[]string{"default-src 'self'; img-src *;"}, []string{"default-src 'self'; img-src *;"}},
		{[]string{"report-uri /x"}, nil},
		{[]string{" Report-To x ", "a b"}, []string{"a b"}},
		{[]string{"a; report-to x; b, report-uri /y, c"}, []string{"a; b, c"}},
		{[]string{"report-uris /x; no-report-to"}, []string{"report-uris /x; no-report-to"}},
		{[]string{""}, nil},
	} {
		for _, name := range []string{"Content-Security-Policy", "Content-Security-Policy-Report-Only"} {
			h := http.Header{"Nel": {"x"}, "Report-To": {"x"}, "Reporting-Endpoints": {"x"}, "Service-Worker-Allowed": {"/"}, "Sourcemap": {"x"}, "X-Sourcemap": {"x"}, "Link": {"</x>; rel=preload"}}
			if tt.lines != nil {
				h[name] = tt.lines
			}
			DropReports(h)
			want := http.Header{"Link": {"</x>; rel=preload"}}
			if tt.want != nil {
				want[name] = tt.want
			}
			if !reflect.DeepEqual(h, want) {
				t.Errorf("%q: %v", tt.lines, h)
			}
		}
	}
}
