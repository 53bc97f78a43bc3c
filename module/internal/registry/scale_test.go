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

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/kv"
)

var scale = flag.Int("records", 10_000, "records that the benchmarks of scale work with")

var scaleStore = flag.String("store", "", "directory of their store, which is filled when it is empty; a second run then measures a process that has not filled it")

// BenchmarkScale says what many token records cost: opening, the index and its
// memory, listing, and a creation among them.
//
//	go test ./module/internal/registry -run NONE -bench Scale -benchtime 1x -records=1000000 -store=/tmp/million
func BenchmarkScale(b *testing.B) {
	dir, start := scaleRegistry(b)
	if _, err := os.Stat(filepath.Join(dir, "nats")); err != nil {
		fillScale(b, start, func(r *Registry) *kv.NATSBucket { return r.issuing }, tokenRecords)
	}
	memory("before")
	began := time.Now()
	r := start(Settings{})
	report("opening, without an index", began)
	memory("open, no index")
	began = time.Now()
	x, err := r.Tokens.Index(b.Context())
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
		if err := r.Tokens.Create(b.Context(), &Token{ID: fmt.Sprintf("n%d-%d", i, began.UnixNano()), Org: "org1", Created: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
			b.Fatal(err)
		}
	}
	report("creating 100 more", began)
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkScaleRevocations says what many revocations cost: opening and its
// memory, looking up, one more, and the look for those that have ended.
func BenchmarkScaleRevocations(b *testing.B) {
	dir, start := scaleRegistry(b)
	if _, err := os.Stat(filepath.Join(dir, "nats")); err != nil {
		fillScale(b, start, func(r *Registry) *kv.NATSBucket { return r.edge }, revocationRecords)
	}
	memory("before")
	began := time.Now()
	r := start(Settings{})
	report("opening", began)
	memory("open")
	if n := r.View().Revocations(); n < *scale {
		b.Fatal(n)
	}
	miss := &access.Subject{Org: "org1", Stream: "cam", IssuedAt: 1000, TokenID: 1, Tag: 2, User: 3}
	hit := &access.Subject{Org: "org1", Stream: "cam", IssuedAt: 1000, TokenID: hasherOf(r).Hash(byToken, "org1", "t0000001")}
	for what, bearer := range map[string]*access.Subject{"a token that is not revoked": miss, "one that is": hit} {
		const times = 1_000_000
		began = time.Now()
		for range times {
			if r.View().Revoked(bearer, began) != (bearer == hit) {
				b.Fatal(what)
			}
		}
		fmt.Fprintf(os.Stderr, "%-34s %s\n", what, time.Since(began)/times)
	}
	began = time.Now()
	for i := range 100 {
		if err := r.Revocations.Add(b.Context(), &Condition{Org: "org1", Kind: byToken, Value: fmt.Sprintf("n%d-%d", i, began.UnixNano())}, time.Time{}, "test"); err != nil {
			b.Fatal(err)
		}
	}
	report("revoking 100 more", began)
	began = time.Now()
	r.Revocations.expire(b.Context())
	report("looking for those that have ended", began)
	began = time.Now()
	if list, next := r.Revocations.List(RevocationFilter{}, nil, 50); len(list) != 50 || next == nil {
		b.Fatal(len(list))
	}
	report("a page of the newest", began)
	began = time.Now()
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	report("closing", began)
	if info, err := os.Stat(filepath.Join(dir, "view")); err == nil {
		fmt.Fprintf(os.Stderr, "%-34s %d MB\n", "the copy on disk", info.Size()>>20)
	}
}

// scaleRegistry is the directory of a benchmark's store, and what opens it.
func scaleRegistry(b *testing.B) (dir string, start func(Settings) *Registry) {
	if dir = *scaleStore; dir == "" {
		dir = b.TempDir()
	}
	return dir, func(s Settings) *Registry {
		s.Dir = dir
		r := New(s, zap.NewNop())
		if err := r.Start(); err != nil {
			b.Fatal(err)
		}
		return r
	}
}

func report(what string, began time.Time) {
	fmt.Fprintf(os.Stderr, "%-34s %s\n", what, time.Since(began).Round(time.Microsecond))
}

// fillScale writes records into one of the buckets, without a sync for each.
func fillScale(b *testing.B, start func(Settings) *Registry, bucket func(*Registry) *kv.NATSBucket, records func(i int) (string, record)) {
	r := start(Settings{noSync: true})
	values := make(map[string]jsontext.Value, *scale)
	for i := range *scale {
		key, value := records(i)
		data, err := encode(value)
		if err != nil {
			b.Fatal(err)
		}
		values[key] = data
	}
	if _, err := putAll(b.Context(), bucket(r), values, nil); err != nil {
		b.Fatal(err)
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

var scaleBegin = time.Now().Add(-time.Hour)

func tokenRecords(i int) (string, record) {
	t := &Token{
		ID: fmt.Sprintf("t%07d", i), Org: fmt.Sprintf("org%d", i%100), Streams: []string{fmt.Sprintf("cam%d", i%500)},
		Tag: fmt.Sprintf("tag%d", i%1000), Created: scaleBegin.Add(time.Duration(i) * time.Millisecond), Expires: scaleBegin.Add(14 * 24 * time.Hour), Key: "main", By: "test",
	}
	return tokenKey(t.Org, t.ID), t
}

func revocationRecords(i int) (string, record) {
	v := &Condition{
		Header: Header{Schema: conditionSchema}, ID: fmt.Sprintf("c%07d", i),
		Org: fmt.Sprintf("org%d", i%100), Kind: byToken, Value: fmt.Sprintf("t%07d", i),
		At: scaleBegin, By: "test", Until: scaleBegin.Add(14 * 24 * time.Hour),
	}
	return v.key(), v
}

// memory says how much the process holds.
func memory(when string) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(os.Stderr, "%-34s %d MB\n", "heap, "+when, m.HeapAlloc>>20)
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") {
			fmt.Fprintf(os.Stderr, "%-34s %s", "memory, "+when, line)
		}
	}
}
