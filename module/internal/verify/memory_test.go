package verify

import (
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

func generate(t testing.TB, id, algorithm string) *token.Key {
	t.Helper()
	key, err := token.GenerateKey(id, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// again is the key as another reading of its file has it.
func again(t testing.TB, key *token.Key, state token.State) *token.Key {
	t.Helper()
	jwk, err := key.MarshalJWK(key.Algorithm != token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := token.ParseKey(jwk, key.ID, key.Algorithm)
	if err != nil {
		t.Fatal(err)
	}
	copied.State = state
	return copied
}

// memory and hasher are those of all tests.
var (
	memory    = NewMemory()
	hasher, _ = sessiontoken.NewHasher(make([]byte, token.MinSecret))
)

func trust(t testing.TB, keys ...*token.Key) *Trust {
	t.Helper()
	return trustOf(t, memory, keys...)
}

func trustOf(t testing.TB, m *Memory, keys ...*token.Key) *Trust {
	t.Helper()
	ring, err := token.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return m.NewTrust(ring, sessiontoken.Keyring{}, hasher)
}

// read is a look at a token from an address that owes nothing.
func read(t *Trust, text string) (*Verified, error) {
	return t.memory.ReadToken(t, text, Budget{}, func() netip.Addr { return netip.Addr{} }, time.Time{})
}

func signed(t testing.TB, key *token.Key, change func(*token.Grant)) string {
	t.Helper()
	g := &token.Grant{
		ID: token.NewID(16), Org: "acme", Streams: []string{"cam"}, Tag: "press", Subject: "ann",
		IssuedAt: time.Now().Unix(), Expires: time.Now().Add(time.Hour).Unix(), KeyID: key.ID, Key: key,
	}
	if change != nil {
		change(g)
	}
	text, err := jwt.Sign(g, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A token that was read before is the same as one that was not: as long as its key
// is there, is not retired and speaks for its organisation, and in every byte.
func TestVerifiedTokens(t *testing.T) {
	for _, algorithm := range token.Algorithms {
		key := generate(t, "main", algorithm)
		here := trust(t, key)
		text := signed(t, key, nil)
		first, err := read(here, text)
		if err != nil {
			t.Fatal(algorithm, err)
		}
		if second, err := read(here, strings.Clone(text)); err != nil || second != first {
			t.Errorf("%s: it is not remembered: %v", algorithm, err)
		}
		if subject, want := first.Subject("cam2"), access.SubjectOf(first.Grant, "cam2", hasher); subject != want {
			t.Errorf("%s: its subject is %+v instead of %+v", algorithm, subject, want)
		}
		for i := 0; i < len(text); i += 1 + len(text)/100 {
			for _, c := range []byte{'A', 'Q', text[i] ^ 1, text[i] ^ 32} {
				if c == text[i] {
					continue
				}
				changed := text[:i] + string(c) + text[i+1:]
				_, want := jwt.Read(changed, here.Keys)
				if got, err := read(here, changed); (err == nil) != (want == nil) || err == nil && got == first {
					t.Fatalf("%s: byte %d as %q: %v instead of %v", algorithm, i, c, err, want)
				}
			}
		}

		// Another reading of its key knows it, without another signature check.
		copied := again(t, key, token.Verify)
		after, err := read(trust(t, copied), text)
		if err != nil || after.Grant.Key != copied || after.Grant.ID != first.Grant.ID || first.Grant.Key != key {
			t.Errorf("%s: after a reload: %v", algorithm, err)
		}
		for name, tc := range map[string]struct {
			key  *token.Key
			want error
		}{
			"retired":           {again(t, key, token.Retired), token.ErrUnknownKey},
			"gone":              {generate(t, "other", algorithm), token.ErrUnknownKey},
			"another by its id": {generate(t, "main", algorithm), token.ErrBadSignature},
		} {
			for range 3 {
				if _, err := read(trust(t, tc.key), text); !errors.Is(err, tc.want) {
					t.Errorf("%s, %s: %v", algorithm, name, err)
				}
			}
		}
		others := again(t, key, token.Verify)
		others.Orgs = []string{"other"}
		if _, err := read(trust(t, others), text); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("%s: a key for others: %v", algorithm, err)
		}
		if _, err := read(here, text); err != nil {
			t.Errorf("%s: under the old keys: %v", algorithm, err)
		}
	}
}

// A signature that has not held is refused again without a check, under those keys
// alone.
func TestRejectedTokens(t *testing.T) {
	key, other := generate(t, "main", token.EdDSA), generate(t, "main", token.EdDSA)
	text := signed(t, other, nil)
	here := trust(t, key)
	for range 3 {
		if _, err := read(here, text); !errors.Is(err, token.ErrBadSignature) {
			t.Fatal(err)
		}
	}
	if hash := memory.rejectedHash(text, here); memory.slotOf(hash).Load() != hash {
		t.Error("it is not remembered")
	}
	if _, err := read(trust(t, other), text); err != nil {
		t.Errorf("with its own key: %v", err)
	}
	if _, err := read(here, signed(t, key, nil)); err != nil {
		t.Errorf("another token: %v", err)
	}
}

// What is remembered costs no allocation, whether it plays or not.
func TestVerifiedTokensAllocateNothing(t *testing.T) {
	key := generate(t, "main", token.EdDSA)
	here := trust(t, key)
	good, bad := signed(t, key, nil), signed(t, generate(t, "main", token.EdDSA), nil)
	for _, text := range []string{good, bad} {
		_, _ = read(here, text)
		if n := testing.AllocsPerRun(1000, func() { _, _ = read(here, text) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// However many tokens come, memory stays within the bound.
func TestVerifiedTokensAreBounded(t *testing.T) {
	const most = 4 << 20
	m := newMemory(most)
	key := generate(t, "main", token.HS256)
	here := trustOf(t, m, key)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 6_000 {
		if _, err := read(here, signed(t, key, nil)); err != nil {
			t.Fatal(err)
		}
	}
	m.verified.CleanUp()
	n, weight := m.verified.EstimatedSize(), m.verified.WeightedSize()
	grown := int64(heap()) - int64(before)
	t.Logf("%d tokens, %d bytes of weight, %d of memory", n, weight, grown)
	if weight > most || grown > most || n < 3_000 {
		t.Errorf("%d tokens take %d bytes, counted as %d", n, grown, weight)
	}
}

func BenchmarkVerified(b *testing.B) {
	for _, algorithm := range token.Algorithms {
		key := generate(b, "main", algorithm)
		here := trust(b, key)
		good, bad := signed(b, key, nil), signed(b, generate(b, "main", algorithm), nil)
		b.Run(algorithm+"/verified", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = read(here, good)
			}
		})
		b.Run(algorithm+"/rejected", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = read(here, bad)
			}
		})
		// Tokens that nobody has seen, and a memory that is full of others.
		b.Run(algorithm+"/first", func(b *testing.B) {
			list := make([]string, b.N)
			for i := range list {
				list[i] = signed(b, key, nil)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, text := range list {
				if _, err := read(here, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScaleVerifiedTokens has a million tokens come by, as many as twelve new
// ones a second make in a day, and reports what the memory takes when it has
// become full and at the end of the day.
func BenchmarkScaleVerifiedTokens(b *testing.B) {
	key := generate(b, "main", token.HS256)
	here := trust(b, key)
	live := func() float64 {
		runtime.GC()
		memory.verified.CleanUp()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		memory.verified.InvalidateAll()
		before := live()
		for i := range 1_000_000 {
			if _, err := read(here, signed(b, key, nil)); err != nil {
				b.Fatal(err)
			}
			if i == 200_000 {
				b.ReportMetric(live()-before, "MB-at-200000")
			}
		}
		b.ReportMetric(live()-before, "MB-at-1000000")
		b.ReportMetric(float64(memory.verified.EstimatedSize()), "tokens")
	}
}
