package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

func TestTokens(t *testing.T) {
	s := newTestAPI(t, `"issuer": "https://iss.test", "audience": ["aud"], "lifetime": "7d", "max_lifetime": "30d",
		"playout": ["https://live.test/play/{org}/{stream}"], "stream_url": ["https://live.test/live/{org}/{stream}/index.m3u8", "wss://live.test/{org}/{stream}"]`)
	key := s.key(registry.Issue, "acme")
	for body, location := range map[string]string{
		`{"org":"acme"}`: "body.streams", `{"org":"acme","streams":[]}`: "body.streams", `{"org":"acme","orgwide":true,"streams":["cam"]}`: "body.streams",
		`{"org":"acme","streams":["a/b"]}`: "body.streams", `{"org":"acme","streams":["cam","cam"]}`: "body.streams", `{"org":"zebra","orgwide":true}`: "body.org",
		`{"org":"acme","orgwide":true,"expires":"31d"}`: "body.expires", `{"org":"acme","orgwide":true,"expires":"366d"}`: "body.expires", `{"org":"acme","orgwide":true,"expires":"soon"}`: "body.expires",
		`{"org":"acme","orgwide":true,"expires":"2020-01-01T00:00:00Z"}`: "body.expires", `{"org":"acme","orgwide":true,"expires":"65535d9999999h"}`: "body.expires",
		`{"org":"acme","orgwide":true,"not_before":"2h","expires":"1h"}`: "body.not_before", `{"org":"acme","orgwide":true,"not_before":"-1h"}`: "body.not_before",
		`{"org":"acme","orgwide":true,"ip":["x"]}`: "body.ip", `{"org":"acme","orgwide":true,"ip":["0.0.0.0/0"]}`: "body.ip", `{"org":"acme","orgwide":true,"ip":"203.0.113.7"}`: "body.ip",
		`{"org":"acme","orgwide":true,"referer":["https://example.com"]}`: "body.referer", `{"org":"acme","orgwide":true,"tag":"\u0001"}`: "body.tag", `{"org":"acme","orgwide":true,"user":"` + strings.Repeat("x", 129) + `"}`: "body.user",
		`{"org":"acme","orgwide":true,"exp":1}`: "body.exp", `{"org":"acme","orgwide":true,"iss":"x"}`: "body.iss", `{"org":"acme","orgwide":true,"id":"x"}`: "body.id",
	} {
		before := s.all()
		if p := s.do(key, "POST", "/api/v1/tokens", body).problem(badValue(body)); len(p.Errors) != 1 || p.Errors[0].Location != location {
			t.Errorf("%s: %+v", body, p)
		}
		if s.all() != before {
			t.Errorf("%s: something has changed", body)
		}
	}
	v := s.do(key, "POST", "/api/v1/tokens", `{"org":"acme","streams":["cam","unknown"],"tag":"t","user":"u","ip":["203.0.113.0/24"],"referer":["live.test"]}`).want(201).json()
	g, err := jwt.Read(v["token"].(string), s.app.Trust().Keys)
	if err != nil || g.Issuer != "https://iss.test" || g.Audience[0] != "aud" || g.Org != "acme" || time.Until(g.ExpiresAt()) > 7*24*time.Hour {
		t.Fatalf("%+v, %v", g, err)
	}
	if err := s.app.Terms().Check(g, time.Now()); err != nil {
		t.Error(err)
	}
	text := "?token=" + v["token"].(string)
	if v["web_playout_url"] != "https://live.test/play/acme/cam"+text || v["stream_url"] != "https://live.test/live/acme/cam/index.m3u8"+text || len(v["urls"].([]any)) != 4 {
		t.Errorf("%v", v)
	}
	if w := fmt.Sprint(v["warnings"]); !strings.Contains(w, "stream unknown is not known here") || strings.Contains(w, "stream cam ") || !strings.Contains(w, "IPv4") {
		t.Errorf("%s", w)
	}
	kept := s.do(key, "GET", "/api/v1/tokens/"+g.ID, "").want(200).json()
	for name, value := range kept {
		if !reflect.DeepEqual(v[name], value) {
			t.Errorf("%s is %v, and was %v", name, value, v[name])
		}
	}
	if kept["key"] != g.KeyID || kept["status"] != "active" || kept["by"] == nil || kept["id"] != g.ID {
		t.Errorf("%v", kept)
	}
	list := s.do(key, "GET", "/api/v1/tokens?limit=1", "").want(200).json()["tokens"].([]any)
	if list[0].(map[string]any)["id"] != g.ID {
		t.Errorf("the newest is not the first: %v", list)
	}
	// One id in two organisations.
	if p := s.do(s.key(registry.Read), "GET", "/api/v1/tokens/shared", "").problem(422); p.Errors[0].Location != "query.org" {
		t.Errorf("%+v", p)
	}
	if v := s.do(key, "GET", "/api/v1/tokens/shared", "").want(200).json(); v["org"] != "acme" {
		t.Errorf("%v", v)
	}
	s.do(key, "GET", "/api/v1/tokens?status=gone", "").problem(422)
}

// A token that nobody here has made for one of the caller's organisations is
// unknown, whatever is wrong with it.
func TestVerify(t *testing.T) {
	s := newTestAPI(t, "")
	acme, zebra, all := s.key(registry.Issue, "acme"), s.key(registry.Issue, "zebra"), s.key(registry.Read)
	ask := func(key string, q map[string]string) *answer {
		t.Helper()
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		return s.do(key, "POST", "/api/v1/tokens/verify", string(body))
	}
	made := s.do(acme, "POST", "/api/v1/tokens", `{"org":"acme","streams":["cam"],"ip":["203.0.113.0/24"],"referer":["page.test"],"tag":"secret-tag"}`).want(201).json()
	text := made["token"].(string)
	id := made["id"].(string)
	for _, key := range []string{acme, all} {
		a := ask(key, map[string]string{"token": text, "ip": "203.0.113.9", "referer": "https://page.test/x", "url": "https://live.test/live/acme/cam/index.m3u8"}).want(200)
		v := a.json()
		if v["allowed"] != true || v["reason"] != nil || v["token"].(map[string]any)["id"] != id || v["token"].(map[string]any)["by"] != made["by"] || strings.Contains(a.Body.String(), text) {
			t.Errorf("%s", a.Body)
		}
	}
	for reason, q := range map[string]map[string]string{
		"expired":         {"at": "15d"},
		"wrong_ip":        {"ip": "198.51.100.7"},
		"wrong_referer":   {"referer": "https://evil.test/"},
		"wrong_stream":    {"url": "https://live.test/live/acme/cam2/index.m3u8"},
		"wrong_org":       {"url": "https://live.test/live/zebra/cam/index.m3u8"},
		"malformed_token": {"token": "nonsense"},
	} {
		if q["token"] == "" {
			q["token"] = text
		}
		if v := ask(acme, q).want(200).json(); v["allowed"] != false || v["reason"] != reason {
			t.Errorf("%v: %v", q, v)
		}
	}
	if v := ask(acme, map[string]string{"token": "https://live.test/live/acme/cam/index.m3u8?token=" + text}).want(200).json(); v["allowed"] != false || v["reason"] != nil {
		t.Errorf("what was not checked is a yes: %v", v)
	}
	// By the URL that carries it, that of the player page, and that of a host without a gate.
	free := s.do(acme, "POST", "/api/v1/tokens", `{"org":"acme","streams":["cam"]}`).want(201).json()["token"].(string)
	for url, allowed := range map[string]bool{
		"https://live.test/live/acme/cam/index.m3u8?token=" + free:   true,
		"https://live.test/live/acme/~" + free + "/cam/index.m3u8":   true,
		"https://LIVE.test:8443/live/acme/cam/seg.ts?token=" + free:  true,
		"https://live.test/live/acme/cam2/index.m3u8?token=" + free:  false,
		"https://live.test/other/acme/cam/index.m3u8?token=" + free:  false,
		"https://other.test/live/acme/cam/index.m3u8?token=" + free:  false,
		"https://live.test/live/acme/cam/index.m3u8?jwtoken=" + free: false, // this gate reads token alone
	} {
		if v := ask(acme, map[string]string{"token": url}).want(200).json(); v["allowed"] != allowed {
			t.Errorf("%s: %v", url, v)
		}
	}
	if v := ask(acme, map[string]string{"token": free, "url": "https://x.test/a/acme/cam2/i.m3u8", "rule": "/a/{org}/{stream}/*"}).want(200).json(); v["reason"] != "wrong_stream" {
		t.Errorf("by a rule of the question: %v", v)
	}
	stranger, err := token.GenerateKey("stranger", token.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(org string, key *token.Key) string {
		now := time.Now()
		text, err := jwt.Sign(&token.Grant{ID: "i", Org: org, OrgWide: true, KeyID: key.ID, IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix()}, key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	same := *stranger
	same.ID = made["key"].(string)
	var unknown string
	for name, q := range map[string]struct{ key, token string }{
		"of a foreign organisation": {zebra, text},
		"of an unknown key":         {acme, sign("acme", stranger)},
		"altered":                   {acme, text[:len(text)-8] + "AAAAAAAA"},
		"of a false key":            {acme, sign("acme", &same)},
		"foreign and unknown":       {acme, sign("zebra", stranger)},
		"foreign and false":         {acme, sign("zebra", &same)},
		"of no organisation":        {acme, sign("nobody", stranger)},
	} {
		for _, more := range []map[string]string{{}, {"ip": "198.51.100.7", "referer": "https://evil.test/", "at": "20d", "url": "https://live.test/live/x/y/z"}} {
			more["token"] = q.token
			a := ask(q.key, more).want(200)
			if unknown == "" {
				unknown = a.Body.String()
			}
			v := a.json()
			if a.Body.String() != unknown || v["allowed"] != false || v["reason"] != "unknown_key" || v["token"] != nil {
				t.Errorf("%s: %s instead of %s", name, a.Body, unknown)
			}
		}
	}
	for _, q := range []map[string]string{{"token": text, "at": "x"}, {"token": text, "ip": "x"}, {"token": text, "ip": "fe80::1%eth0"}, {"token": "https://live.test/"}, {}} {
		ask(acme, q).problem(422)
	}
}

// A token in the place of its id would be kept and logged.
func TestTokensAreNoIDs(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	for _, text := range []string{"a.b.c", "s.Ag" + strings.Repeat("A", 114), "a b", "a/b", strings.Repeat("a", 129)} {
		p := s.do(key, "POST", "/api/v1/revocations", `{"org":"acme","kind":"token","value":"`+text+`"}`).problem(422)
		if p.Errors[0].Location != "body.value" {
			t.Errorf("%s: %+v", text, p)
		}
	}
	s.do(key, "POST", "/api/v1/revocations", `{"org":"acme","kind":"token","value":"sha256:abc"}`).want(201)
}
