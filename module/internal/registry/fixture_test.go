package registry

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"
)

var writeStore = flag.Bool("write-store", false, "write testdata/store-1 anew; an older store must go on to open, so this is for a new fixture beside it")

const fixture = "testdata/store-1"

// A store that was written by an earlier version opens, with all that is in it,
// and takes changes.
func TestStoreOfEarlierVersion(t *testing.T) {
	const secretFile = "apikey"
	if *writeStore {
		r := New(Settings{Dir: fixture}, zap.NewNop())
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		fill(t, r)
		secret, err := r.APIKeys.Create(t.Context(), &APIKey{Role: Issue, Orgs: []string{"acme"}}, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fixture, secretFile), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(fixture)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "seal.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(dir, secretFile))
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	if o, err := r.Orgs.Get("acme"); err != nil || o.Name != "Acme" || o.Secure != "off" || !r.View().Public("acme", "cam") {
		t.Errorf("the organisation is %+v, %v", o, err)
	}
	x, err := r.Tokens.Index(t.Context())
	if err != nil || x.Len() != 100 {
		t.Errorf("%d tokens, %v", x.Len(), err)
	}
	if k, err := r.APIKeys.Authenticate(context.Background(), string(secret)); err != nil || k.Role != Issue {
		t.Errorf("the API key is %+v, %v", k, err)
	}
	if _, err := r.Keys.Signer(t.Context()); err != nil {
		t.Errorf("the signer: %v", err)
	}
	if _, _, err := r.Keys.Rotate(t.Context(), "test"); err != nil {
		t.Errorf("a rotation: %v", err)
	}
}
