package registry

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// Members that this version does not know survive a rewrite, at every level
// that newer versions may add to.
func TestUnknownMembersSurvive(t *testing.T) {
	r := open(t, t.TempDir())
	ctx := t.Context()
	raw := `{"schema":7,"org":"acme","name":"Acme","colour":{"of":["x",1]},"created":"2026-01-01T00:00:00Z"}`
	if _, err := r.edge.Create(ctx, orgKey("acme"), []byte(raw)); err != nil {
		t.Fatal(err)
	}
	o, err := r.Orgs.Change(ctx, "acme", "test", "org.change", nil, func(o *Org) error {
		o.Name = "Other"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.edge.Get(ctx, orgKey("acme"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(e.Value, &got); err != nil {
		t.Fatal(err)
	}
	if o.Name != "Other" || got["name"] != "Other" || got["schema"] != 7.0 || !strings.Contains(string(e.Value), `"colour":{"of":["x",1]}`) {
		t.Errorf("after the rewrite: %s", e.Value)
	}

	// So do those of a key, through a rotation.
	e, err = r.edge.Get(ctx, signingRecord)
	if err != nil {
		t.Fatal(err)
	}
	richer := strings.Replace(string(e.Value), `"alg":"EdDSA"`, `"alg":"EdDSA","comment":"of tomorrow"`, 1)
	if _, err := r.edge.Update(ctx, signingRecord, []byte(richer), e.Revision); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Keys.Rotate(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	if e, err = r.edge.Get(ctx, signingRecord); err != nil || !strings.Contains(string(e.Value), "of tomorrow") {
		t.Errorf("after the rotation: %s, %v", e.Value, err)
	}
}

// A restriction of a newer version refuses: it can neither be acted upon nor
// written over.
func TestUnknownRestrictionRefuses(t *testing.T) {
	r := open(t, t.TempDir())
	ctx := t.Context()
	for key, raw := range map[string]string{
		orgKey("acme"):           `{"schema":2,"needs":["secure_between"],"org":"acme","secure":"off","secure_between":"22h"}`,
		streamKey("acme", "cam"): `{"schema":2,"needs":["public_in"],"org":"acme","stream":"cam","public":true,"public_in":["DE"]}`,
	} {
		revision, err := r.edge.Create(ctx, key, []byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.replica.Wait(ctx, revision); err != nil {
			t.Fatal(err)
		}
	}
	if word := r.View().Secure("acme", r.now()); word != On {
		t.Errorf("the organisation's word is %d", word)
	}
	if r.View().Public("acme", "cam") {
		t.Error("the stream is public")
	}
	_, err := r.Orgs.Change(ctx, "acme", "test", "org.change", nil, func(*Org) error { return nil })
	if !errors.Is(err, ErrUnreadable) {
		t.Errorf("a change: %v", err)
	}
	k := `{"schema":2,"needs":["only_at"],"id":"abcdefghijkl","role":"admin","hash":"AAAA"}`
	revision, err := r.issuing.Create(ctx, apiKeyPrefix+".abcdefghijkl", []byte(k))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.index.get(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.index.follower.Wait(ctx, revision); err != nil {
		t.Fatal(err)
	}
	if _, err := r.APIKeys.Authenticate(ctx, "pgk_abcdefghijkl_x"); !errors.Is(err, ErrNoAPIKey) {
		t.Errorf("the API key: %v", err)
	}
}

// What cannot be read at all grants nothing.
func TestUnreadableRecords(t *testing.T) {
	for name, raw := range map[string]string{
		"not JSON":       `{`,
		"no schema":      `{"org":"acme","secure":"off"}`,
		"wrong type":     `{"schema":1,"org":"acme","secure":true}`,
		"another org":    `{"schema":1,"org":"other","secure":"off"}`,
		"twice a name":   `{"schema":1,"org":"acme","secure":"on","secure":"off"}`,
		"other spelling": `{"schema":1,"ORG":"acme","secure":"off"}`,
	} {
		r := open(t, t.TempDir())
		revision, err := r.edge.Create(t.Context(), orgKey("acme"), []byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.replica.Wait(t.Context(), revision); err != nil {
			t.Fatal(err)
		}
		if word := r.View().Secure("acme", r.now()); word != On {
			t.Errorf("%s: the word is %d", name, word)
		}
	}
}
