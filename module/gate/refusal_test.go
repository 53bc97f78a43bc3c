package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/go-json-experiment/json"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/problem"
	"github.com/playgate/playgate/module/token"
)

// row is one reason, and a request that meets it.
type row struct {
	reason    access.Reason
	status    int
	challenge string // WWW-Authenticate
	request   func(t testing.TB) *http.Request
}

const (
	bareChallenge    = `Bearer realm="playgate"`
	invalidChallenge = `Bearer realm="playgate", error="invalid_token"`
)

// reasonTable needs a gate whose app says "issuer playgate.test".
func reasonTable() []row {
	with := func(change func(*token.Grant)) func(testing.TB) *http.Request {
		return func(t testing.TB) *http.Request {
			return request(http.MethodGet, media+"?token="+mint(t, func(g *token.Grant) {
				g.Issuer = "playgate.test"
				change(g)
			}))
		}
	}
	to := func(method, target string) func(testing.TB) *http.Request {
		return func(testing.TB) *http.Request { return request(method, target) }
	}
	return []row{
		{access.BadRequest, 400, "", to(http.MethodGet, "/live/acme/cam%2fother/seg.ts")},
		{access.NoStream, 404, "", to(http.MethodGet, "/vod/acme/cam/seg.ts")},
		{access.Method, 405, "", to(http.MethodPost, media)},
		{access.AmbiguousToken, 400, "", func(t testing.TB) *http.Request {
			other := mint(t, func(g *token.Grant) { g.ID = "token-2" })
			return request(http.MethodGet, media+"?token="+mint(t, nil)+"&jwtoken="+other)
		}},
		{access.MissingToken, 401, bareChallenge, to(http.MethodGet, media)},
		{access.MalformedToken, 401, invalidChallenge, to(http.MethodGet, media+"?token=nothing")},
		{access.MalformedToken, 401, invalidChallenge, to(http.MethodGet, media+"?token=a.b.c")},
		{access.UnknownKey, 401, invalidChallenge, func(t testing.TB) *http.Request {
			return request(http.MethodGet, media+"?token="+mintWith(t, strangerKey, nil))
		}},
		{access.BadSignature, 401, invalidChallenge, func(t testing.TB) *http.Request {
			imposter := newKey(testKey.ID, testKey.Algorithm)
			return request(http.MethodGet, media+"?token="+mintWith(t, imposter, nil))
		}},
		{access.Expired, 401, invalidChallenge, with(func(g *token.Grant) { g.IssuedAt, g.Expires = noon.Unix()-100, noon.Unix()-50 })},
		{access.NotYetValid, 401, invalidChallenge, with(func(g *token.Grant) { g.NotBefore = noon.Unix() + 60 })},
		{access.NotYetValid, 401, invalidChallenge, with(func(g *token.Grant) { g.IssuedAt = noon.Unix() + 60 })},
		{access.Lifetime, 401, invalidChallenge, with(func(g *token.Grant) { g.Expires = noon.Add(366 * 24 * time.Hour).Unix() })},
		{access.Issuer, 401, invalidChallenge, with(func(g *token.Grant) { g.Issuer = "elsewhere.test" })},
		{access.WrongOrg, 403, "", with(func(g *token.Grant) { g.Org = "other" })},
		{access.WrongStream, 403, "", with(func(g *token.Grant) { g.Streams = []string{"other"} })},
		{access.WrongIP, 403, "", func(t testing.TB) *http.Request {
			return with(func(g *token.Grant) { g.IPs = addressRules(t, "203.0.113.7") })(t)
		}},
		{access.WrongReferer, 403, "", func(t testing.TB) *http.Request {
			return with(func(g *token.Grant) { g.Referers = hostPatterns(t, "page.test") })(t)
		}},
	}
}

// The gate answers each reason itself, with its status, and in the log stands
// the true reason under the id that the viewer sees.
func TestRefusals(t *testing.T) {
	for _, errorsOption := range []string{"terse", "verbose"} {
		h := newGate(t, "errors "+errorsOption, "issuer playgate.test")
		for _, tc := range reasonTable() {
			t.Run(errorsOption+" "+string(tc.reason), func(t *testing.T) {
				r := tc.request(t)
				var o origin
				w := serve(t, h, &o, r)
				told := string(tc.reason)
				if errorsOption == "terse" && tc.status == http.StatusForbidden {
					told = "forbidden"
				}
				p := refusedWith(t, w, &o, tc.status, told)
				if want := typeBase + told; p.Type != want {
					t.Errorf("type %q instead of %q", p.Type, want)
				}
				if got := w.Header().Get("WWW-Authenticate"); got != tc.challenge {
					t.Errorf("WWW-Authenticate %q instead of %q", got, tc.challenge)
				}
				if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
					t.Errorf("Access-Control-Allow-Origin %q: a page could not read why", got)
				}
				if got := w.Header().Get("Allow"); (got != "") != (tc.status == http.StatusMethodNotAllowed) {
					t.Errorf("Allow %q with status %d", got, tc.status)
				}
				fields := logFields(r)
				if fields["playgate_id"] != p.ID || fields["playgate_reason"] != string(tc.reason) {
					t.Errorf("the log says %v, not id %s and reason %s", fields, p.ID, tc.reason)
				}
			})
		}
	}
}

// logFields are what the gate adds to a request's line in the access log. They
// are read by reflection, because Caddy shows them to its own server alone.
func logFields(r *http.Request) map[string]any {
	fields := map[string]any{}
	extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if !ok {
		return fields
	}
	list := reflect.ValueOf(extra).Elem().FieldByName("fields")
	for i := range list.Len() {
		field := list.Index(i)
		fields[field.FieldByName("Key").String()] = field.FieldByName("String").String()
	}
	return fields
}

// Until the signature holds, nothing from the token is in the log or the
// answer: the organisation and stream are those of the path.
func TestUnverifiedTokensAreNotLogged(t *testing.T) {
	h := newGate(t, "errors verbose")
	marked := func(g *token.Grant) {
		g.ID, g.Tag, g.Subject, g.Org, g.Streams = "marked-id", "marked-tag", "marked-user", "marked_org", []string{"marked-stream"}
	}
	imposter := newKey(testKey.ID, testKey.Algorithm)
	for name, tok := range map[string]string{
		"unknown key":   mintWith(t, strangerKey, marked),
		"bad signature": mintWith(t, imposter, marked),
	} {
		t.Run(name, func(t *testing.T) {
			r := request(http.MethodGet, media+"?token="+tok)
			var o origin
			w := serve(t, h, &o, r)
			for field, value := range logFields(r) {
				if s, ok := value.(string); ok && strings.Contains(s, "marked") {
					t.Errorf("the log has %s %q", field, s)
				}
			}
			if fields := logFields(r); fields["playgate_org"] != "acme" || fields["playgate_stream"] != "cam" {
				t.Errorf("the log says %v, not the target", fields)
			}
			if strings.Contains(w.Body.String(), "marked") {
				t.Errorf("the answer repeats the token: %s", w.Body)
			}
		})
	}
}

// What has been verified is in the log: the token's id finds who it was.
func TestVerifiedTokensAreLogged(t *testing.T) {
	h := newGate(t, "")
	for name, tc := range map[string]struct {
		change func(*token.Grant)
		reason string
	}{
		"allowed":      {nil, ""},
		"expired":      {func(g *token.Grant) { g.IssuedAt, g.Expires = noon.Unix()-100, noon.Unix()-50 }, "expired"},
		"wrong stream": {func(g *token.Grant) { g.Streams = []string{"other"} }, "wrong_stream"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(http.MethodGet, media+"?token="+mint(t, tc.change))
			serve(t, h, new(origin), r)
			fields := logFields(r)
			if fields["playgate_token_id"] != "token-1" || fields["playgate_org"] != "acme" || fields["playgate_stream"] != "cam" {
				t.Errorf("the log says %v", fields)
			}
			if got, _ := fields["playgate_reason"].(string); got != tc.reason {
				t.Errorf("the reason in the log is %q, not %q", got, tc.reason)
			}
		})
	}
}

// Terse tells all 403s alike: which check failed, and for whom, is not told.
func TestTerseRefusalsLookAlike(t *testing.T) {
	h := newGate(t, "", "issuer playgate.test")
	var bodies []string
	var headers []http.Header
	for _, tc := range reasonTable() {
		if tc.status != http.StatusForbidden {
			continue
		}
		w := serve(t, h, new(origin), tc.request(t))
		p := readProblem(t, w, http.StatusForbidden)
		w.Header().Del("Playgate-Id")
		bodies = append(bodies, strings.ReplaceAll(w.Body.String(), p.ID, "ID"))
		headers = append(headers, w.Header())
	}
	for i := range bodies {
		if bodies[i] != bodies[0] || !reflect.DeepEqual(headers[i], headers[0]) {
			t.Errorf("one is answered with\n%s%v\nanother with\n%s%v", bodies[0], headers[0], bodies[i], headers[i])
		}
	}
	if len(bodies) < 4 {
		t.Errorf("only %d reasons were compared", len(bodies))
	}
}

// An expired token says since when, so that a page can tell its viewer.
func TestExpiredSaysSinceWhen(t *testing.T) {
	ended := noon.Add(-time.Minute)
	tok := mint(t, func(g *token.Grant) { g.IssuedAt, g.Expires = ended.Unix()-100, ended.Unix() })
	var o origin
	p := refusedWith(t, get(t, newGate(t, ""), &o, media+"?token="+tok), &o, 401, "expired")
	if p.ExpiredAt == nil || !p.ExpiredAt.Equal(ended) {
		t.Errorf("expired_at is %v, not %v", p.ExpiredAt, ended)
	}
	p = refusedWith(t, get(t, newGate(t, ""), &o, media), &o, 401, "missing_token")
	if p.ExpiredAt != nil {
		t.Error("a missing token has expired_at")
	}
}

// HEAD gets the header of a refusal, and no body.
func TestRefusalOfHeadHasNoBody(t *testing.T) {
	w := serve(t, newGate(t, ""), new(origin), request(http.MethodHead, media))
	if w.Code != http.StatusUnauthorized || w.Body.Len() != 0 || w.Header().Get("Playgate-Id") == "" {
		t.Errorf("status %d, %d bytes, header %v", w.Code, w.Body.Len(), w.Header())
	}
}

// Ids are not repeated, and have no characters that look alike.
func TestIdsOfRefusals(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := problem.NewID()
		if seen[id] || len(id) != 12 || strings.ContainsAny(id, "01ilo") {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

// errors pass hands refusals to error routes: with the status, without the
// token, and with placeholders that tell no more than the body would.
func TestErrorsPass(t *testing.T) {
	for _, errorsOption := range []string{"terse", "verbose"} {
		h := newGate(t, "errors "+errorsOption+" pass", "issuer playgate.test")
		for _, tc := range reasonTable() {
			t.Run(errorsOption+" "+string(tc.reason), func(t *testing.T) {
				r := tc.request(t)
				query := r.URL.RawQuery
				w := httptest.NewRecorder()
				var o origin
				err := h.ServeHTTP(w, r, &o)
				o.sawNothing(t)
				failure, ok := err.(caddyhttp.HandlerError) //nolint:errorlint // the server looks for the bare value
				if !ok || failure.StatusCode != tc.status {
					t.Fatalf("the gate returned %T %v, not a HandlerError with status %d", err, err, tc.status)
				}
				told := string(tc.reason)
				if errorsOption == "terse" && tc.status == http.StatusForbidden {
					told = "forbidden"
				}
				if got := failure.Err.Error(); got != told {
					t.Errorf("{err.message} is %q, not %q", got, told)
				}
				if w.Body.Len() > 0 || w.Code != http.StatusOK {
					t.Errorf("the gate wrote an answer: %d %s", w.Code, w.Body)
				}
				id := logFields(r)["playgate_id"]
				for placeholder, want := range map[string]any{
					"{http.playgate.reason}": told,
					"{http.playgate.id}":     id,
				} {
					if got := replacer(r).ReplaceAll(placeholder, "none"); got != want {
						t.Errorf("%s is %q, not %q", placeholder, got, want)
					}
				}
				for name, want := range map[string]string{
					"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "WWW-Authenticate": tc.challenge,
				} {
					if got := w.Header().Get(name); got != want {
						t.Errorf("%s is %q, not %q", name, got, want)
					}
				}
				if w.Header().Get("Playgate-Id") != id {
					t.Errorf("Playgate-Id is %q, not %v", w.Header().Get("Playgate-Id"), id)
				}
				original := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
				for _, uri := range []string{r.RequestURI, r.URL.String(), original.RequestURI, original.URL.String()} {
					if strings.Contains(uri, "token=ey") {
						t.Errorf("error routes get %s (it was %s)", uri, query)
					}
				}
			})
		}
	}
}

// What Allow says ends in OPTIONS, which pages may always ask, for every method that
// is not taken.
func TestAllowOfOtherMethods(t *testing.T) {
	h := newGate(t, "stream /rtc/{org}/{stream}/* {\nmethods whep\n}\nstream /live/{org}/{stream}/*\nopen /assets/*")
	const play, all = "GET, HEAD, OPTIONS", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
	for target, want := range map[string]string{media: play, playlist: play, "/assets/x": play, "/rtc/acme/cam/whep": all} {
		for _, method := range []string{"PUT", "TRACE", "CONNECT", "PROPFIND", "BREW", "get", "options", "M-SEARCH"} {
			r := request(http.MethodGet, target)
			r.Method = method
			var o origin
			w := serve(t, h, &o, r)
			refusedWith(t, w, &o, 405, "method")
			if got := w.Header().Values("Allow"); len(got) != 1 || got[0] != want {
				t.Errorf("%s %s: Allow %q", method, target, got)
			}
		}
	}
}

// An error from below is answered with its own status, under an id, and its
// text stays with the operator.
func TestErrorsFromBelow(t *testing.T) {
	h := newGate(t, "")
	for name, tc := range map[string]struct {
		err    error
		status int
		title  string
	}{
		"not found":         {caddyhttp.Error(404, errors.New("secret path")), 404, "The stream is not there"},
		"bad gateway":       {caddyhttp.Error(502, errors.New("dial 10.0.0.7")), 502, "origin"},
		"unavailable":       {caddyhttp.Error(503, errors.New("no upstreams")), 503, "not available"},
		"timeout":           {caddyhttp.Error(504, errors.New("late")), 504, "does not answer"},
		"client went away":  {caddyhttp.Error(499, errors.New("gone")), 499, ""},
		"too large":         {caddyhttp.Error(413, nil), 413, "Too Large"},
		"wrapped":           {errors.Join(errors.New("more"), caddyhttp.Error(404, errors.New("x"))), 404, "not there"},
		"a plain error":     {errors.New("secret plan"), 500, "Internal"},
		"without a status":  {caddyhttp.HandlerError{Err: errors.New("secret")}, 500, "Internal"},
		"unauthorised":      {caddyhttp.Error(401, errors.New("the origin's own login")), 401, ""},
		"header set before": {caddyhttp.Error(404, errors.New("x")), 404, "not there"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(http.MethodGet, media+"?token="+mint(t, nil))
			o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("Content-Length", "7")
				w.Header().Set("Content-Encoding", "gzip")
				w.Header().Set("Etag", `"below"`)
				w.Header().Set("Cache-Control", "public, max-age=3600")
				return tc.err
			}}
			w := serve(t, h, &o, r)
			p := readProblem(t, w, tc.status)
			if !strings.Contains(p.Title, tc.title) || p.Type != "about:blank" || p.Reason != "" {
				t.Errorf("the problem is %+v", p)
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "10.0.0.7") {
				t.Errorf("the answer has the handler's text: %s", w.Body)
			}
			if w.Header().Get("Content-Encoding") != "" || w.Header().Get("Etag") != "" {
				t.Errorf("the answer has the header from below: %v", w.Header())
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a page could not read the answer")
			}
			if tc.status == 401 && w.Header().Get("WWW-Authenticate") != "" {
				t.Error("the origin's refusal looks like ours")
			}
			want := ""
			if tc.status == http.StatusServiceUnavailable {
				want = "2"
			}
			if got := w.Header().Get("Retry-After"); got != want {
				t.Errorf("Retry-After is %q", got)
			}
			fields := logFields(r)
			if fields["playgate_id"] != p.ID || fields["playgate_reason"] != nil {
				t.Errorf("the log says %v", fields)
			}
		})
	}
}

// With pass, an error from below goes to the error routes with its status and
// an id, and nothing that its handler has set stays to spoil their answer.
func TestErrorsFromBelowPass(t *testing.T) {
	h := newGate(t, "errors terse pass")
	cause := caddyhttp.Error(502, errors.New("dial"))
	o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Length", "7")
		w.Header().Set("Content-Encoding", "gzip")
		return cause
	}}
	w := httptest.NewRecorder()
	w.Header().Set("Server", "Caddy")
	r := request(http.MethodGet, media+"?token="+mint(t, nil))
	err := h.ServeHTTP(w, r, &o)
	failure, ok := err.(caddyhttp.HandlerError) //nolint:errorlint // the server looks for the bare value
	if !ok || failure.StatusCode != 502 {
		t.Fatalf("the gate returned %T %v", err, err)
	}
	if w.Header().Get("Content-Length") != "" || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("error routes find the header of the answer that failed: %v", w.Header())
	}
	if w.Header().Get("Server") != "Caddy" {
		t.Error("what was set above the gate is gone")
	}
	if text := failure.Err.Error(); strings.Contains(text, "dial") {
		t.Errorf("{err.message} would show viewers %q", text)
	}
	if got := replacer(r).ReplaceAll("{http.playgate.id}", ""); got == "" || got != w.Header().Get("Playgate-Id") || got != logFields(r)["playgate_id"] {
		t.Errorf("{http.playgate.id} is %q, header %v, log %v", got, w.Header(), logFields(r))
	}
}

// The same for a playlist that came whole but cannot be used.
func TestRefusedPlaylistPasses(t *testing.T) {
	h := newGate(t, "errors terse pass")
	o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Length", "999")
		w.Header().Set("Etag", `"below"`)
		_, err := io.WriteString(w, "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\nseg.ts?{$token}\n")
		return err
	}}
	w := httptest.NewRecorder()
	err := h.ServeHTTP(w, request(http.MethodGet, playlist+"?token="+mint(t, nil)), &o)
	failure, ok := err.(caddyhttp.HandlerError) //nolint:errorlint // the server looks for the bare value
	if !ok || failure.StatusCode != 502 {
		t.Fatalf("the gate returned %T %v", err, err)
	}
	if w.Body.Len() > 0 || w.Header().Get("Content-Length") != "" || w.Header().Get("Etag") != "" {
		t.Errorf("error routes find the header of the answer that failed: %v", w.Header())
	}
}

// The body is one JSON object that ends in a line feed, for people with curl.
func TestRefusalBodyForPeople(t *testing.T) {
	w := get(t, newGate(t, ""), new(origin), media)
	body := w.Body.String()
	var members map[string]any
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(body, "}\n") || members["detail"] != nil || members["expired_at"] != nil {
		t.Errorf("the body is %q", body)
	}
}
