package registry

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"
)

var scale = flag.Int("records", 10_000, "token records that BenchmarkScale works with")

// BenchmarkScale says what many token records cost: writing, opening, the index
// and its memory, listing, and a creation among them.
//
//	go test ./module/internal/registry -run NONE -bench Scale -benchtime 1x -records=1000000
func BenchmarkScale(b *testing.B) {
	dir := b.TempDir()
	start := func() *Registry {
		r := New(Settings{Dir: dir}, zap.NewNop())
		if err := r.Start(); err != nil {
			b.Fatal(err)
		}
		return r
	}
	syncAlways = false
	r := start()
	syncAlways = true
	begin := time.Now().Add(-time.Hour)
	values := make(map[string]jsontext.Value, *scale)
	for i := range *scale {
		t := &Token{
			ID: fmt.Sprintf("t%07d", i), Org: fmt.Sprintf("org%d", i%100), Streams: []string{fmt.Sprintf("cam%d", i%500)},
			Tag: fmt.Sprintf("tag%d", i%1000), Created: begin.Add(time.Duration(i) * time.Millisecond), Expires: begin.Add(14 * 24 * time.Hour), Key: "main", By: "test",
		}
		data, err := encode(t)
		if err != nil {
			b.Fatal(err)
		}
		values[tokenKey(t.Org, t.ID)] = data
	}
	began := time.Now()
	if _, err := r.putAll(b.Context(), r.issuing, values, nil); err != nil {
		b.Fatal(err)
	}
	report := func(what string, began time.Time) {
		fmt.Fprintf(os.Stderr, "%-34s %s\n", what, time.Since(began).Round(time.Microsecond))
	}
	report("writing, not synced", began)
	values = nil
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	memory("before")
	began = time.Now()
	r = start()
	report("opening, without an index", began)
	memory("open, no index")
	began = time.Now()
	x, err := r.Tokens(b.Context())
	if err != nil || x.Len() != *scale {
		b.Fatal(x.Len(), err)
	}
	report("making the index", began)
	memory("with the index")
	for _, f := range []Filter{{}, {Orgs: []string{"org7"}}, {Tag: "tag77"}, {User: "nobody"}} {
		began = time.Now()
		x.Page(f, nil, 50, time.Now())
		report(fmt.Sprintf("first page of %+v", f), began)
	}
	began = time.Now()
	for i := range 100 {
		if err := r.CreateToken(b.Context(), &Token{ID: fmt.Sprintf("n%d", i), Org: "org1", Created: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
			b.Fatal(err)
		}
	}
	report("creating 100 more", began)
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// memory says how much the process holds.
func memory(when string) {
	runtime.GC()
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") {
			fmt.Fprintf(os.Stderr, "%-34s %s", "memory, "+when, line)
		}
	}
}
