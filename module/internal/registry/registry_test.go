package registry

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// open starts a registry on a directory, and closes it with the test.
func open(t testing.TB, dir string) *Registry {
	t.Helper()
	r := New(Settings{Dir: dir}, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	if err := r.Start(); err != nil {
		_ = r.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// What is written can be read at once, here and after a restart.
func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	ctx := t.Context()
	if err := r.Orgs.Create(ctx, &Org{Hash: "acme", Name: "Acme"}, "test"); err != nil {
		t.Fatal(err)
	}
	if err := r.Orgs.Create(ctx, &Org{Hash: "acme"}, "test"); !errors.Is(err, ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	if err := r.Streams.Create(ctx, &Stream{Org: "acme", Name: "cam-1.x", Public: true}, "test"); err != nil {
		t.Fatal(err)
	}
	if err := r.Tokens.Create(ctx, &Token{ID: "t1", Org: "acme", Streams: []string{"cam-1.x"}, Created: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	secret, err := r.APIKeys.Create(ctx, &APIKey{Role: Issue, Orgs: []string{"acme"}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	check := func(r *Registry) {
		t.Helper()
		if o, err := r.Orgs.Get("acme"); err != nil || o.Name != "Acme" {
			t.Errorf("the organisation is %+v, %v", o, err)
		}
		if s, err := r.Streams.Get("acme", "cam-1.x"); err != nil || !s.Public || !r.View().Public("acme", "cam-1.x") || r.View().Public("acme", "cam-2") {
			t.Errorf("the stream is %+v, %v", s, err)
		}
		if tok, err := r.Tokens.Get(context.Background(), "acme", "t1"); err != nil || tok.Streams[0] != "cam-1.x" {
			t.Errorf("the token is %+v, %v", tok, err)
		}
		if k, err := r.APIKeys.Authenticate(context.Background(), secret); err != nil || k.Role != Issue {
			t.Errorf("the API key is %+v, %v", k, err)
		}
		for _, bad := range []string{"", "pgk_", secret[:len(secret)-1], secret + "x", "pgk_nobody_" + secret} {
			if _, err := r.APIKeys.Authenticate(context.Background(), bad); !errors.Is(err, ErrNoAPIKey) {
				t.Errorf("API key %q: %v", bad, err)
			}
		}
		if keys := r.View().Keys(); len(keys) != 2 || len(sessionKeysOf(r)) != 1 {
			t.Errorf("keys %v, %d session keys", keys, len(sessionKeysOf(r)))
		}
		if events, err := r.Audit.Events(context.Background(), "acme", 10); err != nil || len(events) != 3 {
			t.Errorf("events %v, %v", events, err)
		}
	}
	check(r)
	first := r.View().Keys()[0].ID
	began := time.Now()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	t.Logf("closing and opening took %s", time.Since(began))
	check(again)
	if again.View().Keys()[0].ID != first {
		t.Error("there are new keys")
	}
}

// An API key ends when it says so, and when it is deleted.
func TestAPIKeysEnd(t *testing.T) {
	r := open(t, t.TempDir())
	ctx := t.Context()
	now := time.Now()
	r.now = func() time.Time { return now }
	k := &APIKey{Role: Read, Expires: now.Add(time.Hour)}
	secret, err := r.APIKeys.Create(ctx, k, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.APIKeys.Authenticate(ctx, secret); err != nil {
		t.Errorf("before its end: %v", err)
	}
	now = now.Add(time.Hour)
	if _, err := r.APIKeys.Authenticate(ctx, secret); !errors.Is(err, ErrNoAPIKey) {
		t.Errorf("at its end: %v", err)
	}
	now = now.Add(-time.Minute)
	if err := r.APIKeys.Delete(ctx, k, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.APIKeys.Authenticate(ctx, secret); !errors.Is(err, ErrNoAPIKey) {
		t.Errorf("after it was deleted: %v", err)
	}
}
