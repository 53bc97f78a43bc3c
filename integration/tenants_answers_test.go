package integration_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// question is one request of org2, or one of its responses that goes on.
type question struct {
	name string
	ask  func() string
	// untilRestart: the process alone knows the answer.
	untilRestart bool
}

// questions are all that are asked again and again, with their first answers.
type questions struct {
	list    []question
	answers map[string]string
}

// compare asks all questions. Every answer has to be as it was.
func (q *questions) compare(t *testing.T, after string) {
	t.Helper()
	for _, one := range q.list {
		if got := one.ask(); got != q.answers[one.name] {
			t.Errorf("after %s\n%s was answered: %s\nand is now answered:  %s", after, one.name, q.answers[one.name], got)
			q.answers[one.name] = got
		}
	}
}

// volatile are parts of an answer that change by themselves.
var volatile = regexp.MustCompile(`"(last_used|viewers|staleness_seconds|instance)":("[^"]*"|[0-9]+),?|valid at [^"]*`)

// invasion is the server, with what org2 has and what the attacker has.
type invasion struct {
	*tenants
	questions

	tokens  map[string]string     // org2's, by name
	keys    map[string]*tenantKey // org2's, by id
	attacks map[string]*tenantKey // the attacker's, by id
	own     string                // org1's token

	unnamed           *harness.Key // org2's only key for its algorithm
	kids              []string     // ids of all keys that org2's tokens are or were signed with
	forAll            []string     // ids of those that may speak for org1 too
	apiKeys           []string     // ids that the attacker must not end
	shared            string       // an API key of both organisations
	revoked, refusals []string     // ids of org2's revocations and refusals
}

// newInvasion starts the server and gives org2 keys of all sources, tokens, revocations and
// lists.
func newInvasion(t *testing.T) *invasion {
	t.Helper()
	v := &invasion{
		keys: map[string]*tenantKey{}, attacks: map[string]*tenantKey{}, tokens: map[string]string{}, questions: questions{answers: map[string]string{}},
		kids: []string{"conf-all", "conf-two", "conf-old", "set-all", "set-two", "own-two", "own-old"}, forAll: []string{"conf-all", "set-all"},
		unnamed: harness.NewKey(t, "unnamed", "ES256"),
	}
	for _, id := range append([]string{marker}, v.kids...) {
		v.keys[id] = newTenantKey(t, id)
	}
	v.tenants = startTenants(t, v.keys["conf-all"].block("")+v.keys["conf-two"].block("orgs org2")+v.keys["conf-old"].block("state retired")+
		"key unnamed {\n\t\t\tfile "+v.unnamed.PublicFile+"\n\t\t\torgs org2\n\t\t}\n\t\t"+
		"jwks http://"+publish(t, v.keys["set-all"].Key).addr+"/jwks.json {\n\t\t\torgs *\n\t\t}\n\t\t"+
		"jwks http://"+publish(t, v.keys["set-two"].Key).addr+"/jwks.json {\n\t\t\torgs org2\n\t\t}\n\t\t")
	v.must(t, v.second, "POST", "/api/v1/streams", object{"org": "org2", "stream": "cam", "title": marker, "tags": []string{"vip"}}, nil)
	for _, id := range []string{"own-two", "own-old", marker} {
		v.must(t, v.second, "POST", "/api/v1/keys", object{"org": "org2", "jwk": v.keys[id].jwk}, nil)
	}
	v.must(t, v.second, "POST", "/api/v1/keys/own-old/retire?org=org2", nil, nil)
	for id, k := range v.keys {
		v.tokens[id] = k.token(t, "org2")
	}
	v.tokens["without kid"] = v.unnamed.Forge(t, `{"alg":"ES256"}`, harness.Good("org2", "cam").JSON())
	v.issueAll(t)
	v.shared = v.apiKey(t, marker, "org1", "org2")
	for _, key := range []string{v.operator, v.second, v.shared} {
		v.apiKeys = append(v.apiKeys, strings.Split(key, "_")[1])
	}
	var own struct{ Token string }
	v.must(t, v.first, "POST", "/api/v1/tokens", object{"org": "org1", "streams": []string{"cam"}, "tag": "vip", "user": "ann"}, &own)
	v.own = own.Token
	return v
}

// issueAll makes tokens of org2 with keys of the platform in all states, and revokes some.
func (v *invasion) issueAll(t *testing.T) {
	t.Helper()
	retired := ""
	for _, name := range []string{"of a retired key", "of a former key", "platform", "orgwide", "revoked by id", "revoked by tag", marker} {
		in := object{"org": "org2", "streams": []string{"cam", "org2-cam"}, "tag": "vip", "user": "ann"}
		switch name {
		case "orgwide":
			delete(in, "streams")
			in["orgwide"] = true
		case "revoked by tag", marker:
			in["tag"] = name
		}
		var made struct{ ID, Token, Key string }
		v.must(t, v.second, "POST", "/api/v1/tokens", in, &made)
		v.tokens[name] = made.Token
		if strings.HasPrefix(name, "of a") || name == "platform" {
			v.kids = append(v.kids, made.Key)
		}
		if name == "of a retired key" {
			retired = made.Key
		}
		var revocation struct{ ID string }
		switch name {
		case "of a retired key", "of a former key":
			v.must(t, v.operator, "POST", "/api/v1/keys/rotate", nil, nil)
		case "revoked by id", "revoked by tag":
			kind, value := "token", made.ID
			if name == "revoked by tag" {
				kind, value = "tag", name
			}
			v.must(t, v.second, "POST", "/api/v1/revocations", object{"org": "org2", "kind": kind, "value": value, "reason": marker}, &revocation)
			v.revoked = append(v.revoked, revocation.ID)
		}
	}
	v.must(t, v.operator, "POST", "/api/v1/keys/"+retired+"/retire", nil, nil)
	v.kids = append(v.kids, v.next(t).ID)
	v.forAll = append(v.forAll, v.kids[slices.Index(v.kids, retired)+1:]...)
}

// chosen are tokens of all sources, for what is asked or tried with a few of them.
var chosen = []string{"platform", "conf-two", "set-all", "own-two", "orgwide"}

// ask adds a question, and its first answer.
func (v *invasion) ask(name string, ask func() string, untilRestart bool) {
	v.list = append(v.list, question{name, ask, untilRestart})
	v.answers[name] = ask()
}

// firstAnswer is what the gate has to answer a token of org2 with.
func firstAnswer(name string) string {
	switch name {
	case "conf-old", "own-old", "of a retired key":
		return "401 unknown_key"
	case "revoked by id", "revoked by tag":
		return "401 revoked"
	default:
		return "200 org2/cam/"
	}
}

// askGate adds requests to the gate.
func (v *invasion) askGate(t *testing.T) {
	t.Helper()
	paths := map[string]string{
		"no token": "/live/org2/cam/seg.ts", "org1's token": segment("org2", v.own), "joined name, no token": "/joined/x?stream=org2-cam",
		"joined name": "/joined/x?stream=org2-cam&token=" + v.tokens["platform"], "token in the path": "/live/~" + v.tokens["platform"] + "/org2/cam/seg.ts",
		"another stream": "/live/org2/other/seg.ts?token=" + v.tokens["platform"], "manifest": "/live/org2/cam/index.m3u8?token=" + v.tokens["platform"],
		"another key": segment("org2", newTenantKey(t, "another").token(t, "org2")), "broken": segment("org2", harness.BreakSignature(v.tokens["platform"])),
	}
	for name, token := range v.tokens {
		path := segment("org2", token)
		paths["token "+name] = path
		harness.Wait(t, "the key sets", func() bool { return !strings.HasPrefix(v.play(t, path), "503") })
		if got := v.play(t, path); !strings.HasPrefix(got, firstAnswer(name)) {
			t.Fatalf("the token %s is answered with %s", name, got)
		}
		if slices.Contains(chosen, name) {
			paths["session "+name] = segment("org2", v.session(t, token))
			running := hold(t, v.Server, "/live/org2/cam/stall?token="+token)
			v.ask("what plays with the token "+name, func() string { return fmt.Sprint("goes on: ", isRunning(running)) }, true)
		}
	}
	for name, path := range paths {
		v.ask(name, func() string { return v.play(t, path) }, false)
	}
	kept := "/live/org2/cam/kept.ts?token=" + v.tokens["platform"]
	v.ask("what is cached", func() string { return v.play(t, kept) }, true)
	for _, path := range []string{"/live/org2/cam/seg.ts", segment("org2", v.tokens["conf-old"])} {
		v.refusals = append(v.refusals, v.get(t, path).Header.Get("Playgate-Id"))
	}
}

// askAPI adds requests to the API, with API keys of org2's admins.
func (v *invasion) askAPI(t *testing.T) {
	t.Helper()
	add := func(name, key, method, path string, body any, untilRestart bool) {
		v.ask(name, func() string {
			status, text := v.call(t, key, method, path, body)
			return fmt.Sprint(status, " ", volatile.ReplaceAllString(text, ""))
		}, untilRestart)
	}
	for _, path := range []string{
		"/.well-known/jwks.json", "/api/v1/orgs", "/api/v1/orgs/org2", "/api/v1/streams", "/api/v1/streams/org2/cam", "/api/v1/tokens", "/api/v1/tokens?org=org2&status=revoked",
		"/api/v1/tokens?tag=vip", "/api/v1/revocations?org=org2", "/api/v1/keys", "/api/v1/apikeys", "/api/v1/audit", "/api/v1/status",
	} {
		add(path, v.second, "GET", path, nil, false)
	}
	add("the shared API key", v.shared, "GET", "/api/v1/orgs/org2", nil, false)
	add("whether a token can be made", v.second, "POST", "/api/v1/tokens/check", object{"org": "org2", "streams": []string{"cam"}, "tag": "vip", "user": "ann"}, false)
	for _, id := range v.refusals {
		add("refusal "+id, v.second, "GET", "/api/v1/refusals/"+id, nil, true)
	}
	for name, token := range v.tokens {
		if name != "conf-all" && name != "set-two" && name != marker {
			add("explain "+name, v.second, "POST", "/api/v1/tokens/verify", object{"token": token, "url": v.Plain() + "/live/org2/cam/seg.ts"}, false)
		}
		if name == "platform" || name == "revoked by tag" {
			add("verify "+name, v.second, "POST", "/api/v1/tokens/verify", object{"token": token}, false)
			add("splay/verify "+name, v.second, "POST", "/api/v1/splay/verify", object{"token": token}, false)
		}
		if name != "without kid" && v.keys[name] == nil {
			add("record of "+name, v.second, "GET", "/api/v1/tokens/"+harness.TokenID(t, token), nil, false)
		}
	}
}

// described are the routes of the API, as its own description lists them.
func (n *tenants) described(t *testing.T) []string {
	t.Helper()
	var doc struct{ Paths map[string]object }
	n.must(t, n.first, "GET", "/api/openapi.json", nil, &doc)
	var routes []string
	for path, methods := range doc.Paths {
		for _, method := range slices.Collect(maps.Keys(methods)) {
			routes = append(routes, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	return routes
}

// An admin of one organisation goes through the whole API, with all names, ids and keys of
// another one: every request of the other one is answered as before. The routes are those of
// the API's own description, so that a new one has to be added here.
func TestTenantsCannotChangeEachOthersAnswers(t *testing.T) {
	t.Parallel()
	v := newInvasion(t)
	v.askGate(t)
	v.askAPI(t)
	v.compare(t, "nothing")
	keys := v.keyRoutes(t)
	routes := slices.Concat(v.orgRoutes(), v.streamRoutes(), keys[:3], v.revocationRoutes(t), v.tokenRoutes(t), keys[3:], v.otherRoutes(t))
	var attacked []string
	for _, r := range routes {
		attacked = append(attacked, r.route)
	}
	slices.Sort(attacked)
	if described := v.described(t); !slices.Equal(attacked, described) {
		t.Errorf("the routes of the API are\n%v\nand those that are attacked\n%v", described, attacked)
	}
	changes := 0
	for _, r := range routes {
		for _, a := range r.attempts() {
			if v.try(t, r.route, a) {
				changes++
			}
		}
		v.compare(t, r.route)
		if t.Failed() {
			return // the rest would only repeat it
		}
		if strings.HasPrefix(r.route, "POST /api/v1/keys") {
			v.signAsOrg2(t)
		}
	}
	if changes < 120 {
		t.Errorf("the attacker could change only %d things of his own", changes)
	}
	v.beginAgain(t)
	v.sameKeys(t)

	v.list = slices.DeleteFunc(v.list, func(q question) bool { return q.untilRestart })
	v.restart(t, string(fileOf(t, v.Caddyfile())))
	for _, id := range []string{"set-all", "set-two"} {
		harness.Wait(t, "the key sets", func() bool { return strings.HasPrefix(v.play(t, segment("org2", v.tokens[id])), "200") })
	}
	v.compare(t, "a restart")
	if got := v.play(t, segment("org2", v.issue(t))); !strings.HasPrefix(got, "200 org2/cam/") {
		t.Errorf("a new token of org2: %s", got)
	}
}

// signAsOrg2 tries tokens of org2 that the attacker's keys sign, under all ids.
func (v *invasion) signAsOrg2(t *testing.T) {
	t.Helper()
	for id, k := range v.attacks {
		if got := v.play(t, segment("org2", k.token(t, "org2"))); got != "401 bad_signature" && got != "401 unknown_key" {
			t.Errorf("a token of org2 that the attacker's key %s signs: %s", id, got)
		}
	}
}

// beginAgain deletes org1 and makes it again.
func (v *invasion) beginAgain(t *testing.T) {
	t.Helper()
	// What depends on org1's own API keys and tokens may change from now on.
	v.must(t, v.operator, "DELETE", "/api/v1/apikeys/"+v.apiKeys[2], nil, nil)
	v.list = slices.DeleteFunc(v.list, func(q question) bool { return q.name == "the shared API key" || q.name == "org1's token" })
	// The operator's deletion of a key that was org2's too is in org2's trail.
	for _, one := range v.list {
		if one.name == "/api/v1/audit" {
			v.answers[one.name] = one.ask()
		}
	}
	v.must(t, v.operator, "DELETE", "/api/v1/orgs/org1?force=true", nil, nil)
	v.compare(t, "the deletion of org1")
	v.must(t, v.operator, "POST", "/api/v1/orgs", object{"org": "org1"}, nil)
	v.compare(t, "the making of another org1")
	v.first = v.apiKey(t, "attacker", "org1")
}

// sameKeys adds the keys of org2 and of the platform to org1, with their own material, and
// retires them.
func (v *invasion) sameKeys(t *testing.T) {
	t.Helper()
	jwks := map[string]object{}
	for id, k := range v.keys {
		jwks[id] = k.jwk
	}
	var list struct{ Keys []platformKey }
	v.must(t, v.operator, "GET", "/api/v1/keys", nil, &list)
	for _, k := range list.Keys {
		if k.JWK != nil {
			jwks[k.ID] = k.JWK
		}
	}
	for _, id := range v.kids {
		if jwks[id] == nil {
			t.Errorf("the key %s is not listed", id)
		}
	}
	for id, jwk := range jwks {
		v.must(t, v.first, "POST", "/api/v1/keys", object{"org": "org1", "jwk": jwk}, nil)
		v.compare(t, "org1 has the key "+id)
		v.must(t, v.first, "POST", "/api/v1/keys/"+id+"/retire?org=org1", nil, nil)
		v.compare(t, "org1 has retired the key "+id)
	}
}
