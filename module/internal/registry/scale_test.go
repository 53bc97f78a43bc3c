package registry

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"
)

var scale = flag.Int("records", 10_000, "token records that BenchmarkScale works with")

var scaleStore = flag.String("store", "", "directory of BenchmarkScale's store, which is filled when it is empty; a second run then measures a process that has not filled it")

// BenchmarkScale says what many token records cost: opening, the index and its
// memory, listing, and a creation among them.
//
//	go test ./module/internal/registry -run NONE -bench Scale -benchtime 1x -records=1000000 -store=/tmp/million
func BenchmarkScale(b *testing.B) {
	dir := *scaleStore
	if dir == "" {
		dir = b.TempDir()
	}
	start := func() *Registry {
		r := New(Settings{Dir: dir}, zap.NewNop())
		if err := r.Start(); err != nil {
			b.Fatal(err)
		}
		return r
	}
	report := func(what string, began time.Time) {
		fmt.Fprintf(os.Stderr, "%-34s %s\n", what, time.Since(began).Round(time.Microsecond))
	}
	if _, err := os.Stat(filepath.Join(dir, "nats")); err != nil {
		fillScale(b, start)
	}
	memory("before")
	began := time.Now()
	r := start()
	report("opening, without an index", began)
	memory("open, no index")
	began = time.Now()
	x, err := r.Tokens(b.Context())
	if err != nil || x.Len() < *scale {
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
		if err := r.CreateToken(b.Context(), &Token{ID: fmt.Sprintf("n%d-%d", i, began.UnixNano()), Org: "org1", Created: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
			b.Fatal(err)
		}
	}
	report("creating 100 more", began)
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// fillScale writes the records, without a sync for each.
func fillScale(b *testing.B, start func() *Registry) {
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
	if _, err := r.putAll(b.Context(), r.issuing, values, nil); err != nil {
		b.Fatal(err)
	}
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
