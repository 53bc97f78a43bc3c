package api

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/playgate/playgate/module/internal/registry"
)

// A new token and a new API key are in the one answer to their making, in no
// later one, and nowhere in the store's directory.
func TestShownOnce(t *testing.T) {
	s := newTestAPI(t, `"playout": ["https://live.test/play/{org}/{stream}"]`)
	admin := s.key(registry.Admin)
	made := s.do(admin, "POST", "/api/v1/tokens", `{"org":"acme","streams":["cam","cam2"],"tag":"once","ip":["203.0.113.0/24"],"referer":["*.example.com"],"user":"ann","not_before":"1h"}`).want(201).json()
	text := made["token"].(string)
	apiKey := s.do(admin, "POST", "/api/v1/apikeys", `{"role":"read","orgs":["acme"]}`).want(201).json()["apikey"].(string)
	s.do(apiKey, "GET", "/api/v1/orgs", "").want(200)
	splay := s.do(s.key(registry.Issue, "acme"), "POST", "/api/v1/splay", `{"orgawide":true}`).want(200).json()["data"].(map[string]any)["token"].(string)

	secrets := map[string]string{}
	for name, secret := range map[string]string{"token": text, "splay token": splay, "API key": apiKey, "admin's API key": admin} {
		secrets[name] = secret
		parts := strings.FieldsFunc(secret, func(r rune) bool { return r == '.' || r == '_' && strings.HasPrefix(secret, "pgk_") })
		secrets[name+"'s last part"] = parts[len(parts)-1]
	}
	id := made["id"].(string)
	for _, path := range []string{"tokens", "tokens?org=acme&tag=once", "tokens/" + id, "tokens/" + id + "?org=acme", "apikeys", "audit", "keys", "status", "orgs", "orgs/acme", "streams"} {
		body := s.do(admin, "GET", "/api/v1/"+path, "").want(200).Body.String()
		for name, secret := range secrets {
			if strings.Contains(body, secret) {
				t.Errorf("%s: the %s is in %s", path, name, body)
			}
		}
	}
	verified := s.do(admin, "POST", "/api/v1/tokens/verify", `{"token":"`+text+`"}`).want(200)
	if verified.json()["reason"] != "not_yet_valid" || strings.Contains(verified.Body.String(), text) {
		t.Errorf("%s", verified.Body)
	}
	if err := s.app.Registry().Close(); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		for name, secret := range secrets {
			raw, _ := base64.RawURLEncoding.DecodeString(secret)
			if bytes.Contains(data, []byte(secret)) || len(raw) > 16 && bytes.Contains(data, raw) {
				t.Errorf("%s has the %s", path, name)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
	// The search finds what is there.
	if data := s.stored(); !strings.Contains(data, id) {
		t.Error("not even the token's id is there")
	}
}

// stored is all that is in the store's directory.
func (s *fixture) stored() string {
	var all strings.Builder
	_ = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			data, _ := os.ReadFile(path)
			all.Write(data)
		}
		return nil
	})
	return all.String()
}

// Whatever is put where, no refusal and no log line repeats it: it could be a
// token or a key.
func TestNothingIsRepeated(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	restore := caddyLog(t, core)
	defer restore()
	const marked = "pgk_SecretSecret_0123456789abcdefghijABCDEFGHIJ12"
	token := "eyJhbGciOiJFZERTQSJ9.eyJvcmciOiJhY21lIn0." + strings.Repeat("c2ln", 22)
	for _, secret := range []string{marked, token, "a " + marked, "x/" + token} {
		quoted := `"` + secret + `"`
		for _, route := range routes {
			r := strings.NewReplacer("ORG", "acme", "APIKEY", "none")
			path, body := r.Replace(route.path), r.Replace(route.body)
			question := "?"
			if strings.Contains(path, "?") {
				question = "&"
			}
			escaped := strings.ReplaceAll(secret, " ", "%20")
			bodies := []string{quoted, secret, `{` + quoted + `:1}`, `{` + quoted + `:1,` + quoted + `:2}`, `{"x":{` + quoted + `:1}}`, "[" + quoted + "]"}
			if body != "" {
				for _, member := range []string{"org", "name", "secure", "for", "reason", "stream", "title", "public", "tags", "streams", "orgwide", "expires", "not_before", "ip", "referer", "tag", "user", "token", "at", "url", "jwk", "role", "orgs"} {
					for _, value := range []string{quoted, "[" + quoted + "]", "[" + quoted + "," + quoted + "]", "{" + quoted + ":" + quoted + "}", `{"kty":"oct","k":` + quoted + `}`, `{"kty":"OKP","kid":` + quoted + `}`, `{"kty":` + quoted + `,"kid":"x"}`, `{"kid":"x","kty":"OKP","crv":"Ed25519","x":` + quoted + `}`, `{"kid":"x","alg":` + quoted + `}`, `{"kid":"x","use":` + quoted + `}`} {
						if strings.Contains(body, `"`+member+`":`) {
							continue
						}
						bodies = append(bodies, `{"`+member+`":`+value+","+body[1:])
					}
				}
				for _, old := range []string{`"acme"`, `"cam"`, `["cam"]`, `"fresh"`, `"off"`, `"2h"`, `"fire"`, "true", `"x"`, `"read"`, publicJWK} {
					if strings.Contains(body, old) {
						bodies = append(bodies, strings.Replace(body, old, quoted, 1), strings.Replace(body, old, "["+quoted+"]", 1))
					}
				}
			}
			answers := []*answer{s.do(key, route.method, path+question+escaped+"=1", body), s.do(key, route.method, path+question+"limit="+escaped+"&cursor="+escaped+"&status="+escaped, body)}
			for _, old := range []string{"acme", "cam", "none", "shared"} {
				if strings.Contains(path, old) && !strings.Contains(secret, "/") {
					answers = append(answers, s.do(key, route.method, strings.Replace(path, old, escaped, 1), body))
				}
			}
			if route.method != "GET" {
				for _, b := range bodies {
					answers = append(answers, s.do(key, route.method, path, b))
				}
			}
			for _, a := range answers {
				if a.Code >= 400 && strings.Contains(a.Body.String()+a.Header().Get("Location"), secret[2:]) {
					t.Errorf("%s %s: %d %s", route.method, route.path, a.Code, a.Body)
				}
				if a.Code >= 500 {
					t.Errorf("%s %s: %d %s", route.method, route.path, a.Code, a.Body)
				}
			}
		}
		s.do(secret, "GET", "/api/v1/orgs", "").problem(401)
		for _, b := range []string{quoted, `{` + quoted + `:1}`, `{"streams":[` + quoted + `]}`, `{"orgawide":` + quoted + `}`, `{"orgawide":true,"domain":` + quoted + `}`, `{"orgawide":true,"ip":` + quoted + `}`, `{"groupid":` + quoted + `}`, `{"token":` + quoted + `}`} {
			for _, path := range []string{"/api/v1/splay", "/api/v1/splay/verify", "/api/v1/splay/revoke"} {
				if a := s.do(s.key(registry.Issue, "acme"), "POST", path, b); a.Code >= 400 && strings.Contains(a.Body.String(), secret[2:]) {
					t.Errorf("%s %s: %d %s", path, b, a.Code, a.Body)
				}
			}
		}
	}
	for _, line := range logs.All() {
		if line.LoggerName == "playgate.api" {
			t.Errorf("%s %v", line.Message, line.ContextMap())
		}
	}
}

// caddyLog replaces the API's logger for a while.
func caddyLog(t *testing.T, core zapcore.Core) (restore func()) {
	t.Helper()
	was := logger
	logger = func() *zap.Logger { return zap.New(core).Named("playgate.api") }
	return func() { logger = was }
}
