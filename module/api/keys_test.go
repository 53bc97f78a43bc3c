package api

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// keyFile writes a key with its private part.
func keyFile(t *testing.T, id, algorithm string) string {
	t.Helper()
	key, err := token.GenerateKey(id, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := key.MarshalJWK(false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), id)
	if err := os.WriteFile(path, jwk, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// configured are keys of all kinds in a configuration.
func configured(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`"keys": [
		{"id": "everybody", "file": %q, "state": "active"},
		{"id": "zebra-only", "file": %q, "orgs": ["zebra"]},
		{"id": "both", "file": %q, "orgs": ["acme", "zebra"]},
		{"id": "hmac", "file": %q, "orgs": ["acme"]},
		{"id": "old", "file": %q, "state": "retired"}
	]`, keyFile(t, "everybody", token.ES256), keyFile(t, "zebra-only", token.EdDSA), keyFile(t, "both", token.ES384), keyFile(t, "hmac", token.HS256), keyFile(t, "old", token.EdDSA))
}

// ids lists what a list of keys has, as id:orgs.
func ids(t *testing.T, keys any) (list []string) {
	t.Helper()
	for _, k := range keys.([]any) {
		k := k.(map[string]any)
		if jwk, ok := k["jwk"].(map[string]any); ok != (k["alg"] != "HS256") || ok && private(jwk) {
			t.Errorf("the key %v", k)
		}
		name := fmt.Sprint(k["id"])
		if k["source"] == "playgate" {
			name = "playgate"
		}
		list = append(list, fmt.Sprint(name, k["orgs"]))
	}
	slices.Sort(list)
	return list
}

func private(jwk map[string]any) bool {
	return slices.ContainsFunc(privateMembers, func(name string) bool { return jwk[name] != nil })
}

func TestKeysAreListed(t *testing.T) {
	s := newTestAPI(t, configured(t))
	list := func(key string) []string {
		return ids(t, s.do(key, "GET", "/api/v1/keys", "").want(200).json()["keys"])
	}
	want := []string{"acme-key[acme]", "both[acme zebra]", "everybody<nil>", "hmac[acme]", "old<nil>", "playgate<nil>", "playgate<nil>", "zebra-key[zebra]", "zebra-only[zebra]"}
	if got := list(s.key(registry.Read)); !slices.Equal(got, want) {
		t.Errorf("all see %v", got)
	}
	want = []string{"acme-key[acme]", "both[acme]", "everybody<nil>", "hmac[acme]", "old<nil>", "playgate<nil>", "playgate<nil>"}
	if got := list(s.key(registry.Read, "acme")); !slices.Equal(got, want) {
		t.Errorf("acme sees %v", got)
	}
}

// The public key set has no private part, no secret, no retired key, and no
// key that speaks for some organisations only.
func TestJWKS(t *testing.T) {
	s := newTestAPI(t, configured(t))
	key := s.key(registry.Admin)
	former := s.do(key, "POST", "/api/v1/keys/rotate", "").want(200).json()["former"].(string)
	read := func() (list []string) {
		a := s.send(request("GET", jwksPath, "")).want(200)
		if a.Header().Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%v", a.Header())
		}
		for _, k := range a.json()["keys"].([]any) {
			jwk := k.(map[string]any)
			if private(jwk) || jwk["kty"] == "oct" || jwk["use"] != "sig" || jwk["alg"] == nil {
				t.Errorf("%v", jwk)
			}
			list = append(list, jwk["kid"].(string))
		}
		return list
	}
	if list := read(); len(list) != 4 || !slices.Contains(list, former) || !slices.Contains(list, "everybody") {
		t.Errorf("%v", list)
	}
	s.do(key, "POST", "/api/v1/keys/"+former+"/retire", "").want(204)
	if list := read(); len(list) != 3 || slices.Contains(list, former) {
		t.Errorf("%v", list)
	}
	s.do("", "GET", "/api/v1/keys", "").problem(401) // that list is not for everybody
}

func TestKeysAreAddedAndRetired(t *testing.T) {
	s := newTestAPI(t, configured(t))
	all, acme := s.key(registry.Admin), s.key(registry.Admin, "acme")
	before := s.all()
	add := func(jwk string) *answer { return s.do(acme, "POST", "/api/v1/keys", `{"org":"acme","jwk":`+jwk+`}`) }
	for _, algorithm := range []string{token.EdDSA, token.ES256, token.RS256, token.HS256} {
		key, err := token.GenerateKey("mine", algorithm)
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := key.MarshalJWK(false)
		if err != nil {
			t.Fatal(err)
		}
		a := add(string(jwk))
		if p := a.problem(422); !strings.Contains(p.Detail, "this key can sign") {
			t.Errorf("%s: %s", algorithm, p.Detail)
		}
		var members map[string]any
		_ = json.Unmarshal(jwk, &members)
		for _, name := range privateMembers {
			if v, ok := members[name].(string); ok && strings.Contains(a.Body.String(), v) {
				t.Errorf("%s: the answer has %s in it", algorithm, name)
			}
		}
	}
	for _, jwk := range []string{`{}`, `"x"`, `null`, `[]`, `{"kid":"x"}`, strings.Replace(publicJWK, "new-key", "", 1), strings.Replace(publicJWK, "new-key", "a b", 1), strings.Replace(publicJWK, `"kid"`, `"use":"enc","kid"`, 1), strings.Replace(publicJWK, `"kid"`, `"alg":"none","kid"`, 1), strings.Replace(publicJWK, `"kid"`, `"alg":"HS256","kid"`, 1)} {
		if a := add(jwk); a.Code != 422 && a.Code != 400 {
			t.Errorf("%s: %d %s", jwk, a.Code, a.Body)
		}
	}
	add(strings.Replace(publicJWK, "new-key", "acme-key", 1)).problem(409)
	if s.all() != before {
		t.Error("something has changed")
	}
	// What this node's configuration has makes no difference: one that others come before
	// is kept, with a word of warning, and switches none of them off.
	for _, id := range []string{"everybody", "both", "hmac", s.app.Registry().Keys.List()[0].ID} {
		for org := range map[string]bool{"acme": true, "zebra": true} {
			was, _ := s.app.Trust().Keys.Lookup(org, id, "")
			if org == "acme" {
				v := add(strings.Replace(publicJWK, "new-key", id, 1)).want(201).json()
				if warning := fmt.Sprint(v["warning"]); !strings.Contains(warning, "another kid") {
					t.Errorf("%s: %v", id, v)
				}
			}
			if is, _ := s.app.Trust().Keys.Lookup(org, id, ""); is == nil && was != nil || is != nil && is.Thumbprint() != was.Thumbprint() {
				t.Errorf("%s of %s was %v and is %v", id, org, was, is)
			}
		}
	}
	v := add(strings.Replace(publicJWK, "new-key", "zebra-key", 1)).want(201).json() // zebra's is another one
	if v["source"] != "organisation" || v["state"] != "verify" || v["alg"] != "EdDSA" || fmt.Sprint(v["orgs"]) != "[acme]" || v["jwk"].(map[string]any)["kid"] != "zebra-key" {
		t.Errorf("%v", v)
	}
	s.do(acme, "POST", "/api/v1/keys/zebra-key/retire?org=acme", "").want(204)
	for _, k := range s.app.Registry().OrgKeys.List() {
		if retired := k.State == token.Retired; retired != (k.ID == "zebra-key" && k.Org == "acme") {
			t.Errorf("%s of %s is %s", k.ID, k.Org, k.State)
		}
	}
	active := s.app.Registry().Keys.List()[0].ID
	s.do(all, "POST", "/api/v1/keys/"+active+"/retire", "").problem(409)
	s.do(all, "POST", "/api/v1/keys/everybody/retire", "").problem(409) // the configuration's
	s.do(all, "POST", "/api/v1/keys/nothing/retire", "").problem(404)
	s.do(acme, "POST", "/api/v1/keys/"+active+"/retire", "").problem(403)
}

// A token whose key is retired is not told to be active.
func TestStatusOfTokensOfARetiredKey(t *testing.T) {
	s := newTestAPI(t, "")
	all := s.key(registry.Admin)
	id := fmt.Sprint(s.do(all, "POST", "/api/v1/tokens", `{"org":"acme","orgwide":true}`).want(201).json()["id"])
	status := func() any { return s.do(all, "GET", "/api/v1/tokens/"+id+"?org=acme", "").want(200).json()["status"] }
	if got := status(); got != "active" {
		t.Errorf("before: %v", got)
	}
	s.do(all, "POST", "/api/v1/keys/rotate", `{"compromised":true}`)
	if got := status(); got != "key_retired" {
		t.Errorf("after: %v", got)
	}
	for status, want := range map[string]bool{"active": false, "key_retired": true} {
		list := s.do(all, "GET", "/api/v1/tokens?org=acme&limit=200&status="+status, "").want(200).json()
		if strings.Contains(fmt.Sprint(list), id) != want {
			t.Errorf("the list of %s: %s", status, list)
		}
	}
}
