package integration_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// attempt is one request of the attacker to a route.
type attempt struct {
	path string
	body any
	want string // "done", "refused", or "either"
	says string // a part of the answer
	// then is a path of the gate whose answer shows that it had an effect, and shows is what
	// that answer begins with.
	then, shows string
}

func done(path string, body any) attempt    { return attempt{path: path, body: body, want: "done"} }
func refused(path string, body any) attempt { return attempt{path: path, body: body, want: "refused"} }

func (a attempt) saying(text string) attempt { a.says = text; return a }

func (a attempt) effect(then, shows string) attempt { a.then, a.shows = then, shows; return a }

// attackedRoute is a route with all that the attacker tries there. What is tried may depend on
// what was done before.
type attackedRoute struct {
	route    string
	attempts func() []attempt
}

// otherOrgs are ways to write org2, or more than org1, in a path.
var otherOrgs = []string{"org2", "ORG2", "org2%20", "%6frg2", "org1%2F..%2Forg2", "org1%2Corg2", "*"}

// aim makes an attempt at org1, which is done, and at org2, which is refused.
func aim(format string, body func(org string) any) (list []attempt) {
	for _, org := range append([]string{"org1"}, otherOrgs...) {
		a := refused(strings.Replace(format, "ORG", org, 1), nil)
		if org == "org1" {
			a.want = "done"
		}
		if body != nil {
			a.body = body(org)
		}
		list = append(list, a)
	}
	return list
}

// whole is aim with a body that does not depend on the organisation.
func whole(format string, body any) []attempt {
	return aim(format, func(string) any { return body })
}

// inBody makes attempts at both organisations, which are named in the body.
func inBody(path string, in object) []attempt {
	return slices.DeleteFunc(aim(path, func(org string) any {
		body := object{"org": org}
		for name, value := range in {
			body[name] = value
		}
		return body
	}), func(a attempt) bool { return strings.Contains(a.body.(object)["org"].(string), "%") })
}

// list is a route whose attempts do not depend on what was done before.
func list(route string, attempts ...[]attempt) attackedRoute {
	return attackedRoute{route, func() []attempt { return slices.Concat(attempts...) }}
}

func (v *invasion) orgRoutes() []attackedRoute {
	const withoutToken = "/live/org1/cam/seg.ts"
	off := aim("/api/v1/orgs/ORG", func(string) any { return object{"secure": "off"} })
	off[0] = off[0].effect(withoutToken, "200")
	on := whole("/api/v1/orgs/ORG", object{"secure": "unset", "name": "mine"})
	on[0] = on[0].effect(withoutToken, "401 missing_token")
	broken := whole("/api/v1/orgs/ORG/break-glass", object{"for": "1h", "reason": "attack"})
	broken[0] = broken[0].effect(withoutToken, "200")
	mended := whole("/api/v1/orgs/ORG/break-glass", nil)
	mended[0] = mended[0].effect(withoutToken, "401 missing_token")
	return []attackedRoute{
		list("GET /api/v1/orgs", []attempt{done("/api/v1/orgs", nil)}),
		list("POST /api/v1/orgs", []attempt{
			refused("/api/v1/orgs", object{"org": "org2", "secure": "off"}), refused("/api/v1/orgs", object{"org": "org1"}), refused("/api/v1/orgs", object{"org": "org3"}),
		}),
		list("GET /api/v1/orgs/{org}", whole("/api/v1/orgs/ORG", nil)),
		list("PATCH /api/v1/orgs/{org}", off, on),
		list("POST /api/v1/orgs/{org}/break-glass", broken),
		list("DELETE /api/v1/orgs/{org}/break-glass", mended),
		list("DELETE /api/v1/orgs/{org}", []attempt{
			refused("/api/v1/orgs/org1", nil), refused("/api/v1/orgs/org1?force=true", nil), refused("/api/v1/orgs/org2", nil), refused("/api/v1/orgs/org2?force=true", nil),
		}),
	}
}

func (v *invasion) streamRoutes() []attackedRoute {
	const path, withoutToken = "/api/v1/streams", "/live/org1/cam/seg.ts"
	var made []attempt
	for _, name := range []string{"cam", "org2-cam", "org2", "other"} {
		made = append(made, inBody(path, object{"stream": name, "public": true, "tags": []string{"vip"}})...)
	}
	made[0] = made[0].effect(withoutToken, "200")
	after := base64.RawURLEncoding.EncodeToString([]byte(`{"o":"org2","s":""}`))
	return []attackedRoute{
		list("POST /api/v1/streams", made),
		list("GET /api/v1/streams", []attempt{done(path, nil), done(path+"?tag=vip", nil), done(path+"?cursor="+after, nil), refused(path+"?org=org2", nil), refused(path+"?org=org2&cursor="+after, nil)}),
		list("GET /api/v1/streams/{org}/{stream}", whole(path+"/ORG/cam", nil)),
		list("PATCH /api/v1/streams/{org}/{stream}", whole(path+"/ORG/cam", object{"public": false, "title": "mine"}), whole(path+"/ORG/org2-cam", object{"public": true})),
		list("DELETE /api/v1/streams/{org}/{stream}", whole(path+"/ORG/cam", nil)),
	}
}

func (v *invasion) tokenRoutes(t *testing.T) []attackedRoute {
	const path = "/api/v1/tokens"
	var made, ids, verified, splayVerified, splayRevoked []attempt
	for _, in := range []object{
		{"streams": []string{"cam"}, "tag": "vip", "user": "ann"}, {"streams": []string{"org2-cam", "org2"}}, {"orgwide": true}, {"streams": []string{"cam"}, "tag": "revoked by tag"},
	} {
		made = append(made, inBody(path, in)...)
	}
	made = append(made, refused(path, object{"org": "org1", "streams": []string{"org2/cam"}}), refused(path, object{"org": "org1", "streams": []string{"../org2/cam"}}))
	checks := slices.Clone(made)
	for i := range checks {
		checks[i].path += "/check"
	}
	for name, token := range v.tokens {
		id := harness.TokenID(t, token)
		ids = append(ids, refused(path+"/"+id, nil), refused(path+"/"+id+"?org=org1", nil), refused(path+"/"+id+"?org=org2", nil))
		verified = append(verified, done(path+"/verify", object{"token": token}).saying(`"allowed":false,"reason":"unknown_key"`))
		splayVerified = append(splayVerified, refused("/api/v1/splay/verify", object{"token": token}))
		splayRevoked = append(splayRevoked, refused("/api/v1/splay/revoke", object{"token": token}))
		// The id of org2's token, in a token of org1 that the attacker's own key signs, and in one of
		// org2 that it must not sign.
		for _, org := range []string{"org2", "org1"} {
			if org == "org1" && !slices.Contains(chosen, name) {
				continue
			}
			k := v.attacks["own-two"]
			forged := harness.Forge(t, "EdDSA", k.private, k.Header(), harness.Good(org, "cam").With("jti", id).With("kept", name).JSON())
			a := refused("/api/v1/splay/revoke", object{"token": forged})
			if org == "org1" {
				a = done(a.path, a.body).effect(segment("org1", forged), "401 revoked")
			}
			splayRevoked = append(splayRevoked, a)
		}
	}
	own := harness.TokenID(t, v.own)
	after := base64.RawURLEncoding.EncodeToString([]byte(`{"t":"2100-01-01T00:00:00Z","i":"z","o":"org2"}`))
	return []attackedRoute{
		list("GET /api/v1/tokens", []attempt{done(path, nil), done(path+"?tag=vip&user=ann", nil), done(path+"?cursor="+after, nil), refused(path+"?org=org2", nil), refused(path+"?org=org2&cursor="+after, nil)}),
		list("POST /api/v1/tokens", made),
		list("POST /api/v1/tokens/check", checks),
		list("POST /api/v1/tokens/verify", verified, []attempt{
			done(path+"/verify", object{"token": v.own}).saying(`"allowed":true`),
			done(path+"/verify", object{"token": v.own, "url": v.Plain() + "/live/org2/cam/seg.ts"}).saying(`"allowed":false`),
		}),
		list("GET /api/v1/tokens/{id}", ids, []attempt{done(path+"/"+own, nil)}),
		list("POST /api/v1/splay", []attempt{
			done("/api/v1/splay", object{"streams": []string{"cam"}, "tag": "vip"}), done("/api/v1/splay", object{"orgawide": true}),
			refused("/api/v1/splay", object{"streams": []string{"org2/cam"}}), refused("/api/v1/splay", object{"org": "org2", "streams": []string{"cam"}}),
		}),
		list("POST /api/v1/splay/verify", splayVerified),
		list("POST /api/v1/splay/revoke", splayRevoked),
		list("DELETE /api/v1/tokens/{id}", ids, []attempt{done(path+"/"+own, nil).effect(segment("org1", v.own), "401 revoked")}),
	}
}

func (v *invasion) revocationRoutes(t *testing.T) []attackedRoute {
	const path = "/api/v1/revocations"
	var made []attempt
	for _, in := range []object{
		{"kind": "tag", "value": "vip"}, {"kind": "tag", "value": "revoked by tag"}, {"kind": "user", "value": "ann"}, {"kind": "stream", "value": "cam"}, {"kind": "stream", "value": "org2-cam"}, {"kind": "org"},
	} {
		future := object{"future": true}
		for name, value := range in {
			future[name] = value
		}
		made = slices.Concat(made, inBody(path, in), inBody(path, future))
	}
	for _, name := range chosen {
		made = append(made, inBody(path, object{"kind": "token", "value": harness.TokenID(t, v.tokens[name])})...)
	}
	previews := slices.Clone(made)
	for i := range previews {
		previews[i].path += "/preview"
	}
	signed := segment("org1", v.attacks["own-two"].token(t, "org1"))
	made = append(made, done(path, object{"org": "org1", "kind": "org", "future": true}).effect(signed, "401 revoked"))
	after := base64.RawURLEncoding.EncodeToString([]byte(`{"b":-9999999999999,"o":"org2","i":""}`))
	return []attackedRoute{
		list("POST /api/v1/revocations/preview", previews),
		list("POST /api/v1/revocations", made),
		list("GET /api/v1/revocations", []attempt{
			done(path, nil), done(path+"?kind=tag&value=vip", nil), done(path+"?cursor="+after, nil), refused(path+"?org=org2", nil), refused(path+"?org=org2&cursor="+after, nil),
		}),
		{"DELETE /api/v1/revocations/{org}/{id}", func() (all []attempt) {
			for _, id := range v.revoked {
				for _, org := range append([]string{"org1"}, otherOrgs...) {
					all = append(all, refused(path+"/"+org+"/"+id, nil))
				}
			}
			for _, id := range v.ids(t, path+"?limit=500", "revocations") {
				all = append(all, refused(path+"/org2/"+id, nil), done(path+"/org1/"+id, nil))
			}
			all[len(all)-1] = all[len(all)-1].effect(signed, "200")
			return all
		}},
	}
}

// ids are those of a list, as the attacker sees it.
func (v *invasion) ids(t *testing.T, path, member string) (ids []string) {
	t.Helper()
	var all map[string]json.RawMessage
	var records []struct{ ID string }
	v.must(t, v.first, "GET", path, nil, &all)
	if err := json.Unmarshal(all[member], &records); err != nil {
		t.Fatal(err)
	}
	for _, one := range records {
		ids = append(ids, one.ID)
	}
	return ids
}

func (v *invasion) keyRoutes(t *testing.T) []attackedRoute {
	const path = "/api/v1/keys"
	var added, retired []attempt
	for _, id := range v.kids {
		k := newTenantKey(t, id)
		v.attacks[id] = k
		shows, end := "200 org1/cam/", "401 unknown_key"
		if slices.Contains(v.forAll, id) { // it comes first
			shows, end = "401 bad_signature", "401 bad_signature"
		}
		if v.keys[id] != nil {
			added = append(added, refused(path, object{"org": "org2", "jwk": v.keys[id].jwk}))
		}
		added = append(added, refused(path, object{"org": "org2", "jwk": k.jwk}), refused(path, object{"org": "*", "jwk": k.jwk}), refused(path, object{"jwk": k.jwk}),
			done(path, object{"org": "org1", "jwk": k.jwk}).effect(segment("org1", k.token(t, "org1")), shows))
		retired = append(retired, refused(path+"/"+id+"/retire", nil), refused(path+"/"+id+"/retire?org=org2", nil), refused(path+"/"+id+"/retire?org=*", nil),
			done(path+"/"+id+"/retire?org=org1", nil).effect(segment("org1", k.token(t, "org1")), end))
	}
	wide := newTenantKey(t, "wide")
	wide.jwk["orgs"], wide.jwk["org"] = []string{"*"}, "org2"
	v.attacks["wide"] = wide
	added = append(added, attempt{path: path, body: object{"org": "org1", "jwk": wide.jwk}, want: "either"})
	// Two keys for one algorithm, which no token without kid can mean.
	for n, shows := range []string{"200", "401 unknown_key"} {
		k := harness.NewKey(t, []string{"unnamed", "unnamed-too"}[n], "ES256")
		var jwk object
		_ = json.Unmarshal(fileOf(t, k.PublicFile), &jwk)
		bare := segment("org1", k.Forge(t, `{"alg":"ES256"}`, harness.Good("org1", "cam").JSON()))
		added = append(added, done(path, object{"org": "org1", "jwk": jwk}).effect(bare, shows))
	}
	return []attackedRoute{
		list("GET /api/v1/keys", []attempt{done(path, nil), refused(path+"?org=org2", nil)}),
		list("POST /api/v1/keys", added),
		list("POST /api/v1/keys/rotate", []attempt{
			refused(path+"/rotate", nil), refused(path+"/rotate", object{"compromised": true}), refused(path+"/rotate", object{"sessions": true}), refused(path+"/rotate", object{"sessions": true, "now": true}),
		}),
		list("POST /api/v1/keys/{id}/retire", retired),
	}
}

func (v *invasion) otherRoutes(t *testing.T) []attackedRoute {
	const path = "/api/v1/apikeys"
	var made, ended, purged, seen []attempt
	for _, orgs := range []any{[]string{"org2"}, []string{"org1", "org2"}, []string{"*"}, []string{}, nil, "*"} {
		made = append(made, refused(path, object{"role": "admin", "orgs": orgs}), refused(path, object{"role": "read", "orgs": orgs}))
	}
	made = append(made, refused(path, object{"role": "admin"}), done(path, object{"role": "admin", "orgs": []string{"org1"}, "name": "more"}))
	for _, id := range v.apiKeys {
		ended = append(ended, refused(path+"/"+id, nil))
	}
	for _, at := range []string{"/live/org2/cam/kept.ts", "/live/org1/../org2/cam/kept.ts", "/live/%6frg2/cam/kept.ts"} {
		purged = append(purged, done("/api/v1/purges", object{"url": v.Plain() + at}).saying(`"objects":0`))
	}
	v.play(t, "/live/org1/cam/kept.ts?token="+v.own) // so that it is cached
	purged = append(purged, done("/api/v1/purges", object{"url": v.Plain() + "/live/org1/cam/kept.ts"}).saying(`"objects":1`))
	purged = append(purged, inBody("/api/v1/purges", object{"stream": "cam"})...)
	purged = append(purged, inBody("/api/v1/purges", object{})...)
	for _, id := range v.refusals {
		seen = append(seen, refused("/api/v1/refusals/"+id, nil))
	}
	const own = "/live/org1/cam/seg.ts"
	return []attackedRoute{
		list("GET /.well-known/jwks.json", []attempt{done("/.well-known/jwks.json", nil)}),
		list("POST /api/v1/apikeys", made),
		list("GET /api/v1/apikeys", []attempt{done(path, nil), refused(path+"?org=org2", nil)}),
		{"DELETE /api/v1/apikeys/{id}", func() []attempt {
			for _, id := range v.ids(t, path, "apikeys") {
				if !strings.Contains(v.first, id) {
					ended = append(ended, done(path+"/"+id, nil))
				}
			}
			return ended
		}},
		list("GET /api/v1/audit", []attempt{done("/api/v1/audit", nil), done("/api/v1/audit?org=org1", nil), refused("/api/v1/audit?org=org2", nil), refused("/api/v1/audit?org=*", nil)}),
		list("GET /api/v1/status", []attempt{done("/api/v1/status", nil)}),
		list("POST /api/v1/purges", purged),
		list("GET /api/v1/refusals/{id}", seen, []attempt{done("/api/v1/refusals/"+v.get(t, own).Header.Get("Playgate-Id"), nil)}),
		list("GET /api/v1/backup", []attempt{refused("/api/v1/backup", nil), refused("/api/v1/backup?org=org1", nil)}),
		list("POST /api/v1/restore", []attempt{refused("/api/v1/restore", "{}\n"), refused("/api/v1/restore?org=org1", "{}\n")}),
	}
}

// secrets are tokens and API keys in an answer.
var secrets = regexp.MustCompile(`eyJ[A-Za-z0-9_.-]+|pgk_[A-Za-z0-9_]+`)

// try makes an attempt. It reports whether something may have changed.
func (v *invasion) try(t *testing.T, route string, a attempt) bool {
	t.Helper()
	method, _, _ := strings.Cut(route, " ")
	status, text := v.call(t, v.first, method, a.path, a.body)
	what := fmt.Sprintf("%s %s %v", method, a.path, a.body)
	if ok := status < 300; a.want == "done" && !ok || a.want == "refused" && ok || status >= 500 {
		t.Errorf("%s was to be %s: %d %s", what, a.want, status, text)
	} else if !ok {
		return false
	}
	if !strings.Contains(text, a.says) || strings.Contains(text, marker) {
		t.Errorf("%s: %s", what, text)
	}
	if a.then != "" {
		if got := v.play(t, a.then); !strings.HasPrefix(got, a.shows) {
			t.Errorf("%s: org1 is answered with %s instead of %s", what, got, a.shows)
		}
	}
	for _, secret := range secrets.FindAllString(text, -1) {
		if strings.HasPrefix(secret, "pgk_") {
			if status, _ := v.call(t, secret, "PATCH", "/api/v1/orgs/org2", object{"secure": "off"}); status < 400 {
				t.Errorf("%s gives an API key that may change org2", what)
			}
		} else if got := v.play(t, segment("org2", secret)); got != "403 wrong_org" {
			t.Errorf("%s gives a token that org2 answers with %s", what, got)
		}
	}
	if method != "GET" {
		v.compare(t, what)
	}
	return method != "GET"
}
