package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

// The requests that clients of nanocosmos send, with the answers that they know.
func TestSplay(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Issue, "acme")
	now := time.Now().Unix()
	in := func(d time.Duration) string { return fmt.Sprint(now + int64(d/time.Second)) }
	for _, tc := range []struct {
		body, says string // says "" for a token
		want       map[string]any
	}{
		{`{"streams":["cam"]}`, "", map[string]any{"streams": []any{"cam"}}},
		{`{"streams":["cam","XXXXX-YYYYY"],"revocable":false,"forceDisconnect":false,"orgawide":false}`, "", map[string]any{"streams": []any{"cam", "XXXXX-YYYYY"}}},
		{`{"orgawide":true,"revocable":true,"forceDisconnect":true,"exp":` + in(300*24*time.Hour) + `}`, "", map[string]any{"expires": time.Unix(now+300*24*3600, 0).UTC().Format(time.RFC3339)}},
		{`{"orgawide":true,"tag":"t","user":"u"}`, "", map[string]any{"orgwide": true, "tag": "t", "user": "u"}},
		{`{"orgawide":true,"domain":"*.example.com"}`, "", map[string]any{"referer": []any{"*.example.com"}}},
		{`{"orgawide":true,"ip":"203.0.113.7"}`, "", map[string]any{"ip": []any{"203.0.113.7"}}},
		{`{"orgawide":true,"ip":["203.0.113.0/24","198.51.100.7"]}`, "", map[string]any{"ip": []any{"203.0.113.0/24", "198.51.100.7"}}},
		{`{"orgawide":true,"exp":` + in(time.Hour) + `}`, "", map[string]any{"expires": time.Unix(now+3600, 0).UTC().Format(time.RFC3339)}},
		{`{"orgawide":true,"nbf":` + in(time.Hour) + `,"exp":` + in(2*time.Hour) + `}`, "", map[string]any{"status": "not_yet_valid"}},
		{`{"groupid":"g"}`, "groupid", nil},
		{`{"groupid":"g","orgawide":true}`, "groupid", nil},
		{`{"groupid":null,"orgawide":true}`, "groupid", nil},
		{`{}`, "exactly one of", nil},
		{`{"orgawide":false}`, "exactly one of", nil},
		{`{"streams":[]}`, "exactly one of", nil},
		{`{"streams":["cam"],"orgawide":true}`, "exactly one of", nil},
		{`{"orgawide":true,"revocable":"yes"}`, "Parameters", nil},
		{`{"orgawide":true,"forceDisconnect":1}`, "Parameters", nil},
		{`{"orgawide":true,"cust":"x"}`, "cust: it is not supported yet", nil},
		{`{"orgawide":true,"cust":null}`, "cust: it is not supported yet", nil},
		{`{"orgawide":true,"domain":""}`, "domain", nil},
		{`{"orgawide":true,"domain":"https://example.com/"}`, "domain", nil},
		{`{"orgawide":true,"ip":[]}`, "ip", nil},
		{`{"orgawide":true,"ip":7}`, "ip", nil},
		{`{"orgawide":true,"ip":"nowhere"}`, "ip", nil},
		{`{"orgawide":true,"ip":[` + strings.Repeat(`"203.0.113.7",`, 10) + `"203.0.113.8"]}`, "1 to 10", nil},
		{`{"orgawide":true,"exp":1}`, "exp", nil},
		{`{"orgawide":true,"exp":0}`, "exp", nil},
		{`{"orgawide":true,"exp":` + in(366*24*time.Hour) + `}`, "exp", nil},
		{`{"orgawide":true,"exp":` + in(time.Hour) + `,"nbf":` + in(2*time.Hour) + `}`, "nbf", nil},
		{`{"orgawide":true,"exp":"tomorrow"}`, "Parameters", nil},
		{`{"orgawide":true,"colour":"blue"}`, "Parameters", nil},
		{`{"orgawide":true,"org":"zebra"}`, "Parameters", nil},
		{`{"orgawide":true,"orgawide":true}`, "Parameters", nil},
		{`{"streams":["a/b"]}`, "streams", nil},
		{`{"orgawide":true,"tag":"` + strings.Repeat("x", 129) + `"}`, "tag", nil},
		{`[]`, "Parameters", nil},
	} {
		before := s.all()
		a := s.do("", "POST", "/api/v1/splay", tc.body, "Authorization: ", "X-BINTU-APIKEY: "+key)
		if tc.says != "" {
			a.want(400)
			if v := a.json(); v["success"] != false || v["errorCode"] != 1000.0 || v["data"] != nil || !strings.Contains(v["message"].(string), tc.says) {
				t.Errorf("%s: %s", tc.body, a.Body)
			}
			if s.all() != before {
				t.Errorf("%s has changed something", tc.body)
			}
			continue
		}
		v := a.want(200).json()
		text, _ := v["data"].(map[string]any)["token"].(string)
		if v["success"] != true || len(v) != 2 || text == "" {
			t.Errorf("%s: %s", tc.body, a.Body)
			continue
		}
		verified := s.do(key, "POST", "/api/v1/tokens/verify", `{"token":"`+text+`"}`).want(200).json()["token"].(map[string]any)
		kept := s.do(key, "GET", "/api/v1/tokens/"+verified["id"].(string), "").want(200).json()
		if kept["org"] != "acme" {
			t.Errorf("%s: %v", tc.body, kept)
		}
		for name, value := range tc.want {
			if !reflect.DeepEqual(kept[name], value) {
				t.Errorf("%s: %s is %v", tc.body, name, kept[name])
			}
		}
	}
}

func TestSplayRights(t *testing.T) {
	s := newTestAPI(t, "")
	refused := func(status, code int, headers ...string) {
		t.Helper()
		for _, path := range []string{"/api/v1/splay", "/api/v1/splay/verify", "/api/v1/splay/revoke"} {
			if code == 1000 && path != "/api/v1/splay" {
				continue
			}
			a := s.send(request("POST", path, `{"orgawide":true}`, headers...)).want(status)
			if v := a.json(); v["success"] != false || v["errorCode"] != float64(code) {
				t.Errorf("%s", a.Body)
			}
		}
	}
	good := s.key(registry.Issue, "acme")
	refused(403, 1001)
	refused(403, 1001, "X-BINTU-APIKEY: x")
	refused(403, 1001, "X-BINTU-APIKEY: "+good, "Authorization: Bearer "+good)
	for _, path := range []string{"/api/v1/splay", "/api/v1/splay/revoke"} {
		if a := s.do(s.key(registry.Read, "acme"), "POST", path, `{"orgawide":true}`).want(403); a.json()["errorCode"] != 1001.0 {
			t.Errorf("%s", a.Body)
		}
	}
	refused(400, 1000, "Authorization: Bearer "+s.key(registry.Issue))
	refused(400, 1000, "Authorization: Bearer "+s.key(registry.Issue, "acme", "zebra"))
	refused(400, 1000, "Authorization: Bearer "+s.key(registry.Issue, "nobody"))
	s.do(good, "POST", "/api/v1/splay", `{"orgawide":true}`).want(200) // the usual header does as well
}

func TestSplayVerify(t *testing.T) {
	s := newTestAPI(t, "")
	acme, zebra := s.key(registry.Issue, "acme"), s.key(registry.Issue, "zebra")
	verify := func(key, token string) (status int, v map[string]any) {
		t.Helper()
		body, _ := json.Marshal(map[string]string{"token": token})
		a := s.do(key, "POST", "/api/v1/splay/verify", string(body))
		return a.Code, a.json()
	}
	create := func(key, body string) string {
		t.Helper()
		return s.do(key, "POST", "/api/v1/splay", body).want(200).json()["data"].(map[string]any)["token"].(string)
	}
	good := create(acme, `{"orgawide":true}`)
	if status, v := verify(acme, good); status != 200 || v["success"] != true || v["data"].(map[string]any)["token"] != good {
		t.Errorf("%d %v", status, v)
	}
	later := create(acme, fmt.Sprintf(`{"orgawide":true,"nbf":%d}`, time.Now().Unix()+3600))
	for _, tc := range []struct{ key, token, message string }{
		{zebra, good, "invalid signature"},
		{acme, good[:len(good)-8] + "AAAAAAAA", "invalid signature"},
		{acme, later, "jwt not active"},
		{acme, "nonsense", "jwt malformed"},
	} {
		if status, v := verify(tc.key, tc.token); status != 403 || v["success"] != false || v["errorCode"] != 1002.0 || v["message"] != tc.message {
			t.Errorf("%d %v instead of %s", status, v, tc.message)
		}
	}
	if status, v := verify(acme, ""); status != 400 || v["errorCode"] != 1000.0 {
		t.Errorf("%d %v", status, v)
	}
	s.do(acme, "POST", "/api/v1/splay/verify", `{"token":"x","colour":1}`).want(400)
}

// What revokes a token of nanocosmos revokes one of ours, with its answers.
func TestSplayRevoke(t *testing.T) {
	s := newTestAPI(t, "")
	acme, zebra, both := s.key(registry.Issue, "acme"), s.key(registry.Issue, "zebra"), s.key(registry.Issue)
	ctx, r := t.Context(), s.app.Registry()
	signing, err := token.GenerateKey("signing", token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := token.GenerateKey("foreign", token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := token.GenerateKey("gone", token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	for key, org := range map[*token.Key]string{signing: "acme", gone: "acme", foreign: "zebra"} {
		if _, err := r.OrgKeys.Add(ctx, org, key, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.OrgKeys.Retire(ctx, "acme", "gone", "test"); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	sign := func(key *token.Key, g token.Grant) string {
		t.Helper()
		if g.Org == "" {
			g.Org = "acme"
		}
		g.OrgWide = true
		text, err := jwt.Sign(&g, key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := func(id string) string {
		return sign(signing, token.Grant{ID: id, IssuedAt: now, Expires: now + 3600})
	}
	revoke := func(key, text string) *answer {
		t.Helper()
		body, _ := json.Marshal(map[string]string{"token": text})
		return s.do(key, "POST", "/api/v1/splay/revoke", string(body))
	}
	refused := func(code int, message string) string {
		return fmt.Sprintf(`{"success":false,"errorCode":%d,"message":%q}`, code, message)
	}
	const malformed, notKnown, other = 2004, 2011, 2012
	texts := map[int]string{
		malformed: refused(malformed, "Malformed JWT"), notKnown: refused(notKnown, "The token is not allowed for revocation"),
		other: refused(other, "The token is of another organisation"), 1000: refused(1000, "Parameter required: token"),
	}
	first := good("first")
	for _, tc := range []struct {
		name, key, token string
		code             int
	}{
		{"none", acme, "", 1000},
		{"rubbish", acme, "nonsense", malformed},
		{"a URL", acme, "https://x.test/live/acme/cam/?token=" + first, malformed},
		{"a session token", acme, "s." + strings.Repeat("A", 112), malformed},
		{"too long", acme, first + strings.Repeat("A", 4096), malformed},
		{"of another organisation", zebra, first, other},
		{"of another organisation, broken", zebra, first[:len(first)-8] + "AAAAAAAA", other},
		{"broken", acme, first[:len(first)-8] + "AAAAAAAA", notKnown},
		{"with a key of another organisation", acme, sign(foreign, token.Grant{IssuedAt: now, Expires: now + 3600}), notKnown},
		{"with a key that is retired", acme, sign(gone, token.Grant{IssuedAt: now, Expires: now + 3600}), notKnown},
	} {
		a := revoke(tc.key, tc.token).want(400)
		if got := strings.TrimSpace(a.Body.String()); got != texts[tc.code] || a.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v %s", tc.name, a.Header(), got)
		}
		if list, _ := r.Revocations.List(registry.RevocationFilter{}, nil, 1); len(list) != 0 {
			t.Fatalf("%s: something was revoked", tc.name)
		}
	}
	s.do(acme, "POST", "/api/v1/splay/revoke", `{"token":"x","colour":1}`).want(400)

	for _, tc := range []struct{ name, token, id string }{
		{"an id", first, "first"},
		{"no id", good(""), ""},
		{"expired", sign(signing, token.Grant{ID: "old", IssuedAt: now - 7200, Expires: now - 3600}), "old"},
		{"not yet valid", sign(signing, token.Grant{ID: "new", IssuedAt: now, NotBefore: now + 3600, Expires: now + 7200}), "new"},
		{"valid in a year only", sign(signing, token.Grant{ID: "far", NotBefore: now + 400*24*3600, Expires: now + 700*24*3600}), "far"},
	} {
		for range 2 {
			if a := revoke(acme, tc.token).want(204); a.Body.Len() != 0 {
				t.Errorf("%s: %s", tc.name, a.Body)
			}
		}
		g, err := jwt.Read(tc.token, s.app.Trust().Keys)
		if err != nil {
			t.Fatal(tc.name, err)
		}
		subject := access.SubjectOf(g, "cam", s.app.Trust().Hasher)
		list := r.Revocations.OfToken("acme", g.ID)
		if len(list) != 1 || !s.app.Revoked(&subject, time.Now()) || tc.id != "" && list[0].Value != tc.id || list[0].Until.Before(g.ExpiresAt().Add(24*time.Hour)) {
			t.Errorf("%s: %+v", tc.name, list)
		}
	}
	if list, next := r.Revocations.List(registry.RevocationFilter{Orgs: []string{"acme"}}, nil, 5); len(list) != 5 || next != nil {
		t.Errorf("%d revocations of 5 tokens", len(list))
	}
	// Who said why before is still who said why.
	why := good("why")
	s.do(acme, "POST", "/api/v1/revocations", `{"org":"acme","kind":"token","value":"why","reason":"leaked"}`).want(201)
	revoke(both, why).want(204)
	if list := r.Revocations.OfToken("acme", "why"); len(list) != 1 || list[0].Reason != "leaked" {
		t.Errorf("%+v", list)
	}
	// What was planned holds at once.
	planned := good("planned")
	s.do(acme, "POST", "/api/v1/revocations", `{"org":"acme","kind":"token","value":"planned","from":"1h"}`).want(201)
	revoke(acme, planned).want(204)
	if list := r.Revocations.OfToken("acme", "planned"); len(list) != 2 || !list[0].From.IsZero() {
		t.Errorf("%+v", list)
	}
	list, _ := r.Revocations.List(registry.RevocationFilter{}, nil, 500)
	all, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	audit := s.do(s.key(registry.Admin), "GET", "/api/v1/audit?limit=500", "").want(200).Body.String()
	if strings.Contains(string(all)+audit, strings.Split(first, ".")[2]) {
		t.Error("the token is kept")
	}
}
