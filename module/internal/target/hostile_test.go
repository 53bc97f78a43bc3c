package target

import (
	"strings"
	"testing"
	"time"
)

// A request head has 20 KiB at most; whatever is in it, reading it costs next to
// nothing, because it happens before anybody's signature is checked. The limit
// leaves room for the race detector on a loaded machine: quadratic work takes
// several times as long.
func TestHostilePathsAreReadInLittleTime(t *testing.T) {
	const size = 20 << 10
	rules := Rules{Rules: []*Rule{
		mustRule(t, "/live/{org}/{stream}-{id}.flv", "", ""),
		mustRule(t, "/h5/*", "stream", "{org}.{stream}-{id}x"),
	}}
	star := Rules{Rules: rules.Rules, Open: []Pattern{mustPattern(t, "/open/*")}}
	dashes := strings.Repeat("-", size)
	token := func(s string) bool { return s == "a.b.c" }
	query, err := ParseQuery("stream=o."+dashes, nil)
	if err != nil {
		t.Fatal(err)
	}
	odd := []string{strings.Repeat("a;", size/2), strings.Repeat("a;%3b%3f%23/", size/12) + "a", strings.Repeat("%20", size/3), strings.Repeat("%25", size/3), strings.Repeat("é[", size/3)}
	names, err := ParseQuery(strings.Repeat(strings.Repeat("+", size/1000)+"&", 999), nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 100 {
		for _, below := range odd {
			if _, err := rules.ReadPath("/live/org1/" + below); err == nil && strings.Contains(below, ";") {
				t.Fatal("is let through")
			}
			if _, err := star.ReadPath("/open/" + below); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := rules.Find("/h5/x", names); err == nil {
			t.Fatal("names a stream")
		}
		if _, err := rules.Find("/live/org1/"+dashes, Query{}); err == nil {
			t.Fatal("names a stream")
		}
		if _, err := rules.Find("/h5/x", query); err == nil {
			t.Fatal("names a stream")
		}
		rest, tokens, _ := rules.CutTokens("/live"+strings.Repeat("/~a.b.c", size/7)+"/x", tilde(token))
		if rest != "/live/x" || len(tokens) != size/7 {
			t.Fatalf("%d tokens cut, left %q", len(tokens), rest)
		}
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("100 rounds took %v", d)
	}
}

// Names at their longest still fit, literals and all.
func TestTheLongestNamesAreRead(t *testing.T) {
	org, stream := strings.Repeat("o", 64), strings.Repeat("s", 128)
	rules := Rules{Rules: []*Rule{mustRule(t, "/{org}-{stream}.{id}.flv", "", "")}}
	target, err := rules.Find("/"+org+"-"+stream+"."+strings.Repeat("i", 128)+".flv", Query{})
	if err != nil || target.Org != org || target.Stream != stream {
		t.Errorf("%+v, %v", target, err)
	}
}
