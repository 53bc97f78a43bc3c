package handoff

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// What a client has sent stays as it was for matchers, and is told from what handlers of
// the site add, also where that has the very same text.
func TestSentIsKnownByItsMemory(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "http://live.example.com/", nil)
	r.Header = http.Header{"Same": {"value"}, "Twice": {"a", "b"}, "Empty": {""}, "None": nil}
	sent := Keep(r)
	if got := r.Header; r.Host != "live.example.com" || got.Get("Same") != "value" || strings.Join(got["Twice"], " ") != "a b" || len(got["Empty"]) != 1 || len(got["None"]) != 0 {
		t.Errorf("the header has become %v, the host %s", got, r.Host)
	}
	if !sent.Has(r.Host) || !sent.Has(r.Header.Get("Same")) || !sent.Has(r.Header["Twice"][1]) || !sent.Has(r.Header.Get("Same")[1:3]) || !sent.Has("") {
		t.Error("the client's own is not known")
	}
	r.Header.Add("Twice", strings.Clone("b"))
	r.Header.Set("Same", strings.Clone("value"))
	copied := r.Header.Clone()
	for _, h := range []http.Header{r.Header, copied} {
		if v := h["Twice"]; !sent.Has(v[0]) || !sent.Has(v[1]) || sent.Has(v[2]) {
			t.Errorf("%v: what was added is not known", v)
		}
		if sent.Has(h.Get("Same")) {
			t.Error("the same text is taken for the client's")
		}
	}
	for range 3 { // the text is kept, so that nothing else gets its memory
		runtime.GC()
		if other := strings.Repeat("x", len("live.example.com")); sent.Has(other) {
			t.Error("other memory is taken for the client's")
		}
	}
	if !(Sent{}).Has("anything") {
		t.Error("where nothing is known, something is the site's")
	}
}
