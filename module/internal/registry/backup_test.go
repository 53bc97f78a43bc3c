package registry

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/seal"
)

// fill fills a registry with one of everything.
func fill(t *testing.T, r *Registry) {
	t.Helper()
	ctx := t.Context()
	if err := r.Orgs.Create(ctx, &Org{Hash: "acme", Name: "Acme", Secure: "off"}, "test"); err != nil {
		t.Fatal(err)
	}
	if err := r.Streams.Create(ctx, &Stream{Org: "acme", Name: "cam", Public: true}, "test"); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := r.Tokens.Create(ctx, &Token{ID: fmt.Sprintf("t%d", i), Org: "acme", OrgWide: true, Created: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.APIKeys.Create(ctx, &APIKey{Role: Admin}, "test"); err != nil {
		t.Fatal(err)
	}
}

// After a wipe a backup puts everything back but what nobody may read from it.
func TestBackupWipeRestore(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	r := open(t, dir)
	fill(t, r)
	signer, err := r.Keys.Signer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	n, err := r.Backup(ctx, &backup)
	if err != nil {
		t.Fatal(err)
	}
	session, err := r.edge.Get(ctx, sessionRecord)
	if err != nil {
		t.Fatal(err)
	}
	private, err := signer.MarshalJWK(false)
	if err != nil {
		t.Fatal(err)
	}
	d := string(private[bytes.Index(private, []byte(`"d":"`))+5:][:40])
	if strings.Contains(backup.String(), d) || strings.Contains(backup.String(), "secret") || bytes.Contains(backup.Bytes(), session.Value) {
		t.Error("the backup has a secret in it")
	}
	sealKey, err := os.ReadFile(filepath.Join(dir, seal.File))
	if err != nil {
		t.Fatal(err)
	}

	for name, withSeal := range map[string]bool{"with the seal key": true, "without it": false} {
		t.Run(name, func(t *testing.T) {
			fresh := t.TempDir()
			if withSeal {
				if err := os.WriteFile(filepath.Join(fresh, seal.File), sealKey, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			other := open(t, fresh)
			if err := other.Orgs.Create(ctx, &Org{Hash: "later"}, "test"); err != nil {
				t.Fatal(err)
			}
			done, err := other.Restore(ctx, bytes.NewReader(backup.Bytes()), "test")
			if err != nil {
				t.Fatal(err)
			}
			if done.Records != n || done.Sealed != withSeal {
				t.Errorf("%+v of %d records", done, n)
			}
			if o, err := other.Orgs.Get("acme"); err != nil || o.Name != "Acme" || !other.View().Public("acme", "cam") {
				t.Errorf("the organisation is %+v, %v", o, err)
			}
			if _, err := other.Orgs.Get("later"); !errors.Is(err, ErrNotFound) {
				t.Error("what is not in the backup is still there")
			}
			x, err := other.Tokens.Index(ctx)
			if err != nil || x.Len() != 100 {
				t.Errorf("%d tokens, %v", x.Len(), err)
			}
			if keys := other.View().Keys(); len(keys) != 2 || keys[0].ID != signer.ID {
				t.Errorf("the keys are %v", keys)
			}
			if withSeal {
				if again, err := other.Keys.Signer(ctx); err != nil || again.ID != signer.ID {
					t.Errorf("the signer is %v, %v", again, err)
				}
				return
			}
			if _, err := other.Keys.Signer(ctx); err == nil || !strings.Contains(err.Error(), "key rotate") {
				t.Errorf("the signer: %v", err)
			}
			if _, _, err := other.Keys.Rotate(ctx, "test"); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Keys.Signer(ctx); err != nil {
				t.Errorf("after a rotation: %v", err)
			}
			if _, _, err := other.Keys.Rotate(ctx, "test"); err != nil {
				t.Fatal(err)
			}
			if keys := other.View().Keys(); len(keys) != 5 {
				t.Errorf("the keys are %v", keys)
			}
		})
	}
}

// What is not a whole backup changes nothing.
func TestBadBackups(t *testing.T) {
	ctx := t.Context()
	r := open(t, t.TempDir())
	fill(t, r)
	var backup bytes.Buffer
	if _, err := r.Backup(ctx, &backup); err != nil {
		t.Fatal(err)
	}
	good := backup.String()
	before := r.View().Changes()
	for name, bad := range map[string]string{
		"empty":          "",
		"something else": "{}\n",
		"cut":            good[:len(good)/2],
		"without a foot": good[:strings.LastIndex(strings.TrimSpace(good), "\n")+1],
		"changed":        strings.Replace(good, `"secure":"off"`, `"secure":"on"`, 1),
		"longer":         good + "{}\n",
		"newer":          strings.Replace(good, `"playgate_backup":1`, `"playgate_backup":2`, 1),
		"session keys":   strings.Replace(good, `"key":"signing"`, `"key":"sessions"`, 1),
	} {
		if _, err := r.Restore(ctx, strings.NewReader(bad), "test"); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.View().Changes() != before {
		t.Error("something was changed")
	}
}
