package integration_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// consoleSite is an issuing server whose console believes a header. Real sites
// have one of Caddy's authentications.
var consoleSite = strings.Replace(issuer, "\t\tstream_url ", "\t\tplayout http://127.0.0.1:{$HTTP_PORT}/play/{org}/{stream}\n\t\tstream_url ", 1) + `
http://{$CONSOLE} {
	playgate_console {
		user {http.request.header.X-User}
		grant ann admin *
		grant oscar operate org1
		grant reed read org1
		grant other admin org2
		host 127.0.0.1 console.example.com
		ingest rtmp://publish.example.com/{org}/{stream}
	}
	log {
		format playgate json
	}
}
`

type console struct {
	*issuing
	address string
	client  *http.Client
}

func startConsole(t *testing.T) *console {
	t.Helper()
	address := harness.Loopback(harness.Port(t))
	_, port, _ := strings.Cut(address, ":")
	env := harness.Env{"STORE": t.TempDir() + "/store", "API": harness.Loopback(harness.Port(t)), "CONSOLE": ":" + port}
	c := &console{startIssuingFor(t, nil, consoleSite, env), address, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	harness.Wait(t, "the console", func() bool { return harness.Curl(t, "http://"+address+"/console/").Status == 401 })
	c.do(t, "org", "create", "org1")
	c.do(t, "org", "create", "org2")
	return c
}

// answered is an answer with its body.
type answered struct {
	*http.Response
	body string
}

// send sends a request with the header fields, "Name: value", of a user.
func (c *console) send(t *testing.T, method, user, path string, form url.Values, fields ...string) answered {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.Header.Set("X-User", user)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	response, err := c.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{response, string(text)}
}

func (c *console) page(t *testing.T, user, path string) answered {
	t.Helper()
	return c.send(t, http.MethodGet, user, path, nil)
}

var formToken = regexp.MustCompile(`name="form" value="([0-9a-f]{64})"`)

// formOf is what the forms of a user have in them.
func (c *console) formOf(t *testing.T, user string) string {
	t.Helper()
	m := formToken.FindStringSubmatch(c.page(t, user, "/console/explain").body)
	if m == nil {
		t.Fatalf("no form for %s", user)
	}
	return m[1]
}

// post sends a form as a browser does that shows a page of the console.
func (c *console) post(t *testing.T, user, path string, form url.Values) answered {
	t.Helper()
	form.Set("form", c.formOf(t, user))
	return c.send(t, http.MethodPost, user, path, form, "Sec-Fetch-Site: same-origin")
}

func (c *console) status(t *testing.T, what string, a answered, status int) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s: status %d instead of %d\n%s", what, a.StatusCode, status, a.body)
	}
}

const publicJWK = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"new-key"}`

var endPath = regexp.MustCompile(`/console/apikeys/([^"/]+)/end`)

var tokenPath = regexp.MustCompile(`/console/tokens/org1/([A-Za-z0-9]+)`)

// A stream with its token is made in one form; the token is shown once, plays, is
// in the overview, and plays no more when it is revoked, until that is taken back.
func TestConsole(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	made := c.post(t, "ann", "/console/streams", url.Values{"org": {"org1"}, "stream": {"cam"}, "title": {"Main stage"}, "with_token": {"yes"}})
	c.status(t, "creating", made, http.StatusSeeOther)
	where := made.Header.Get("Location")
	c.status(t, "HEAD", c.send(t, http.MethodHead, "ann", where, nil), http.StatusOK)
	c.status(t, "another user", c.page(t, "oscar", where), http.StatusGone)
	shown := c.page(t, "ann", where)
	c.status(t, "the new token", shown, http.StatusOK)
	token := regexp.MustCompile(`<code>(eyJ[^<]+)</code>`).FindStringSubmatch(shown.body)
	if token == nil || !strings.Contains(shown.body, "cannot be shown again") || !strings.Contains(shown.body, "/live/org1/cam/index.m3u8?token="+token[1]) {
		t.Fatalf("the token is not shown:\n%s", shown.body)
	}
	c.status(t, "again", c.page(t, "ann", where), http.StatusGone)
	c.plays(t, token[1], 200)

	id := harness.TokenID(t, token[1])
	overview := c.page(t, "reed", "/console/tokens?org=org1&stream=cam")
	if !strings.Contains(overview.body, id) || !strings.Contains(overview.body, "in 14 days") {
		t.Errorf("it is not in the overview:\n%s", overview.body)
	}
	stream := c.page(t, "reed", "/console/streams/org1/cam")
	if !strings.Contains(stream.body, id) || !strings.Contains(stream.body, "Main stage") || strings.Contains(stream.body, "publish.example.com") || strings.Contains(stream.body, "Create secure") {
		t.Errorf("the stream, for who may look:\n%s", stream.body)
	}
	if body := c.page(t, "reed", "/console/streams/org1/cam/settings").body; strings.Contains(body, "publish.example.com") || strings.Contains(body, "<form") {
		t.Errorf("its settings, for who may look:\n%s", body)
	}
	if body := c.page(t, "oscar", "/console/streams/org1/cam/settings").body; !strings.Contains(body, "rtmp://publish.example.com/org1/cam") || !strings.Contains(body, "Create secure") {
		t.Errorf("the stream, for an operator:\n%s", body)
	}
	c.status(t, "revoking", c.post(t, "oscar", "/console/tokens/org1/"+id+"/revoke", url.Values{"reason": {"copied"}}), http.StatusSeeOther)
	c.plays(t, token[1], 401)
	if body := c.page(t, "reed", "/console/tokens/org1/"+id).body; !strings.Contains(body, "copied") || strings.Contains(body, "Undo the revocation") {
		t.Errorf("the revoked token:\n%s", body)
	}
	c.status(t, "taking back", c.post(t, "oscar", "/console/tokens/org1/"+id+"/unrevoke", url.Values{}), http.StatusSeeOther)
	c.plays(t, token[1], 200)

	refused := c.get(t, target(harness.BreakSignature(token[1])))
	elsewhere := c.get(t, "/live/org1/other/seg.ts?token="+token[1])
	for _, tc := range []struct{ id, user, want string }{
		{refused.Header.Get("Playgate-Id"), "reed", "bad_signature"},
		{elsewhere.Header.Get("Playgate-Id"), "reed", "wrong_stream"},
		{elsewhere.Header.Get("Playgate-Id"), "reed", id},
		{elsewhere.Header.Get("Playgate-Id"), "other", "none of the last refusals"},
		{"222222222222", "ann", "none of the last refusals"},
	} {
		if body := c.post(t, tc.user, "/console/explain", url.Values{"token": {tc.id}}).body; !strings.Contains(body, tc.want) {
			t.Errorf("%s for %s: %q is not there:\n%s", tc.id, tc.user, tc.want, body)
		}
	}
	explained := c.post(t, "reed", "/console/explain", url.Values{"token": {token[1]}})
	if !strings.Contains(explained.body, "Accepted, as far as was checked") {
		t.Errorf("explained:\n%s", explained.body)
	}
	plant(token[1]).nowhere(t, c.Everything())
	if trail := c.do(t, "audit", "--org", "org1"); !strings.Contains(trail, "console ann") || !strings.Contains(trail, "console oscar") {
		t.Errorf("the audit trail:\n%s", trail)
	}
}

// A leaked token is replaced by one with the same rules; many are revoked at once,
// and that is taken back; the glass is broken and mended; and all of it is in the
// audit trail.
func TestConsoleRevocations(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	old := c.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "press", "--ip", "127.0.0.1", "--expires", "3d")
	kept := c.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "crew")
	replaced := c.post(t, "oscar", "/console/tokens/org1/"+harness.TokenID(t, old)+"/replace", url.Values{})
	c.status(t, "replacing", replaced, http.StatusSeeOther)
	shown := c.page(t, "oscar", replaced.Header.Get("Location")).body
	found := regexp.MustCompile(`<code>(eyJ[^<]+)</code>`).FindStringSubmatch(shown)
	if found == nil || !strings.Contains(shown, "127.0.0.1") || !strings.Contains(shown, "press") || !strings.Contains(shown, "in 3 days") && !strings.Contains(shown, "in 2 days") {
		t.Fatalf("the new one:\n%s", shown)
	}
	c.plays(t, old, 401)
	c.plays(t, found[1], 200)
	c.status(t, "replacing again", c.post(t, "oscar", "/console/tokens/org1/"+harness.TokenID(t, old)+"/replace", url.Values{}), http.StatusConflict)

	asked := c.post(t, "oscar", "/console/revocations", url.Values{"org": {"org1"}, "kind": {"tag"}, "value": {"press"}, "reason": {"leaked"}})
	c.status(t, "asking first", asked, http.StatusOK)
	if !strings.Contains(asked.body, "ends 1 viewer on 1 stream<") || !strings.Contains(asked.body, `value="leaked"`) || !strings.Contains(asked.body, `name="sure" value="org1 tag  press"`) {
		t.Errorf("what it would end:\n%s", asked.body)
	}
	for _, other := range []string{"yes", "org1 tag  crew", "org1 org  "} {
		c.status(t, "asked about something else", c.post(t, "oscar", "/console/revocations", url.Values{"org": {"org1"}, "kind": {"tag"}, "value": {"press"}, "sure": {other}}), http.StatusOK)
	}
	c.plays(t, found[1], 200)
	c.status(t, "a tag", c.post(t, "oscar", "/console/revocations", url.Values{"org": {"org1"}, "kind": {"tag"}, "value": {"press"}, "reason": {"leaked"}, "sure": {"org1 tag  press"}}), http.StatusSeeOther)
	c.plays(t, found[1], 401)
	c.plays(t, kept, 200)
	list := c.page(t, "oscar", "/console/revocations").body
	undo := regexp.MustCompile(`/console/revocations/org1/[^"]+/undo`).FindAllString(list, -1)
	if len(undo) != 2 || !strings.Contains(list, "tag press") || !strings.Contains(list, "leaked") || !strings.Contains(list, "replaced by") {
		t.Fatalf("the list:\n%s", list)
	}
	c.status(t, "taking back", c.post(t, "oscar", undo[0], url.Values{}), http.StatusSeeOther)
	c.plays(t, found[1], 200)

	// Replaced in a while: both play until then, and the plan is taken back.
	keptID := harness.TokenID(t, kept)
	c.status(t, "replacing at no time", c.post(t, "oscar", "/console/tokens/org1/"+keptID+"/replace", url.Values{"in": {"2m"}}), http.StatusUnprocessableEntity)
	c.status(t, "replacing later", c.post(t, "oscar", "/console/tokens/org1/"+keptID+"/replace", url.Values{"in": {"5m"}}), http.StatusSeeOther)
	c.plays(t, kept, 200)
	if body := c.page(t, "oscar", "/console/tokens/org1/"+keptID).body; !strings.Contains(body, "Undo the revocation") || strings.Contains(body, "Replace this token") || !strings.Contains(body, `class="status active"`) {
		t.Errorf("the plan:\n%s", body)
	}
	c.status(t, "taking the plan back", c.post(t, "oscar", "/console/tokens/org1/"+keptID+"/unrevoke", url.Values{}), http.StatusSeeOther)
	c.plays(t, kept, 200)
	c.status(t, "of all, with a value", c.post(t, "ann", "/console/revocations", url.Values{"org": {"org1"}, "kind": {"org"}, "value": {"x"}}), http.StatusUnprocessableEntity)

	c.status(t, "breaking without a reason", c.post(t, "ann", "/console/orgs/org1/break", url.Values{"for": {"1h"}}), http.StatusUnprocessableEntity)
	c.status(t, "breaking", c.post(t, "ann", "/console/orgs/org1/break", url.Values{"for": {"1h"}, "reason": {"the issuer is down"}}), http.StatusSeeOther)
	c.plays(t, "", 200)
	if body := c.page(t, "reed", "/console/tokens").body; !strings.Contains(body, "The glass is broken") || !strings.Contains(body, "the issuer is down") {
		t.Errorf("no banner:\n%s", body)
	}
	if body := c.page(t, "other", "/console/tokens").body; strings.Contains(body, "The glass is broken") {
		t.Error("another organisation is told of it")
	}
	c.status(t, "mending", c.post(t, "ann", "/console/orgs/org1/mend", url.Values{}), http.StatusSeeOther)
	c.plays(t, "", 401)
	c.status(t, "switching off", c.post(t, "ann", "/console/orgs/org1/secure", url.Values{"secure": {"off"}}), http.StatusSeeOther)
	c.plays(t, "", 200)
	c.status(t, "switching on", c.post(t, "ann", "/console/orgs/org1/secure", url.Values{"secure": {"on"}}), http.StatusSeeOther)
	c.plays(t, "", 401)
	trail := c.page(t, "ann", "/console/audit?org=org1").body
	for _, want := range []string{"console oscar", "console ann", "org.break_glass", "org.mend_glass", "revoke.undo", "the issuer is down"} {
		if !strings.Contains(trail, want) {
			t.Errorf("%q is not in the audit trail", want)
		}
	}
}

// Many revocations are listed a page at a time.
func TestConsoleRevocationPages(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	const many = 53
	for i := range many {
		value := fmt.Sprintf("tag%02d", i)
		c.status(t, value, c.post(t, "oscar", "/console/revocations", url.Values{"org": {"org1"}, "kind": {"tag"}, "value": {value}, "sure": {"org1 tag  " + value}}), http.StatusSeeOther)
	}
	row := regexp.MustCompile(`tag (tag\d\d)`)
	first := c.page(t, "oscar", "/console/revocations?org=org1").body
	next := regexp.MustCompile(`href="(/console/revocations\?cursor=[^"]+)">More`).FindStringSubmatch(first)
	if n := len(row.FindAllString(first, -1)); n != 50 || next == nil {
		t.Fatalf("%d on the first page, then %q", n, next)
	}
	second := c.page(t, "oscar", html.UnescapeString(next[1])).body
	seen := map[string]bool{}
	for _, found := range row.FindAllStringSubmatch(first+second, -1) {
		seen[found[1]] = true
	}
	if len(seen) != many || strings.Contains(second, ">More<") {
		t.Errorf("%d on two pages:\n%s", len(seen), second)
	}
	c.status(t, "a wrong cursor", c.page(t, "oscar", "/console/revocations?cursor=x"), http.StatusUnprocessableEntity)
}

// Tokens that are chosen from the overview are revoked after it was said whom that
// ends, and the overview is there again as it was.
func TestConsoleRevokesChosen(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	var tokens, names []string
	for range 3 {
		token := c.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "press")
		tokens, names = append(tokens, token), append(names, "org1/"+harness.TokenID(t, token))
		c.plays(t, token, 200)
	}
	const list = "/console/tokens?org=org1&tag=press"
	overview := c.page(t, "oscar", list).body
	for _, name := range names {
		if !strings.Contains(overview, `name="token" value="`+name+`" form="chosen"`) {
			t.Fatalf("%s cannot be chosen:\n%s", name, overview)
		}
	}
	action := regexp.MustCompile(`action="(/console/tokens/revoke[^"]*)"`).FindStringSubmatch(overview)
	if action == nil || html.UnescapeString(action[1]) != "/console/tokens/revoke?org=org1&tag=press" {
		t.Fatalf("the form leads to %q", action)
	}
	to := html.UnescapeString(action[1])
	if body := c.page(t, "reed", list).body; strings.Contains(body, `form="chosen"`) {
		t.Error("who may look can choose")
	}

	c.status(t, "none chosen", c.post(t, "oscar", to, url.Values{}), http.StatusUnprocessableEntity)
	c.status(t, "too many", c.post(t, "oscar", to, url.Values{"token": manyNames(51)}), http.StatusUnprocessableEntity)
	c.status(t, "one that is not there", c.post(t, "oscar", to, url.Values{"token": {names[0], "org1/nothing"}, "sure": {""}}), http.StatusNotFound)
	asked := c.post(t, "oscar", to, url.Values{"token": {names[0], names[2], names[0]}})
	c.status(t, "asking first", asked, http.StatusOK)
	if !strings.Contains(asked.body, "Revoke 2 tokens?") || !strings.Contains(asked.body, "This ends 2 viewers.") || strings.Contains(asked.body, names[1]) {
		t.Errorf("what it would end:\n%s", asked.body)
	}
	c.plays(t, tokens[0], 200)
	c.status(t, "with too long a reason", c.post(t, "oscar", to, url.Values{"token": {names[0]}, "sure": {"yes"}, "reason": {strings.Repeat("x", 129)}}), http.StatusUnprocessableEntity)
	c.plays(t, tokens[0], 200)
	done := c.post(t, "oscar", to, url.Values{"token": {names[0], names[2]}, "sure": {"yes"}, "reason": {"posted"}})
	c.status(t, "revoking", done, http.StatusSeeOther)
	if where := done.Header.Get("Location"); where != list+"&done=many" {
		t.Errorf("it leads to %s", where)
	}
	c.plays(t, tokens[0], 401)
	c.plays(t, tokens[1], 200)
	c.plays(t, tokens[2], 401)
	again := c.post(t, "oscar", "/console/tokens/revoke", url.Values{"token": {names[0]}, "sure": {"yes"}})
	if where := again.Header.Get("Location"); where != "/console/tokens?done=many" {
		t.Errorf("from the whole list it leads to %s", where)
	}
	after := c.page(t, "oscar", list).body
	if strings.Count(after, `form="chosen"`) != 1 || !strings.Contains(c.page(t, "oscar", "/console/"+"tokens/"+names[2]).body, "posted") {
		t.Errorf("afterwards:\n%s", after)
	}
}

func manyNames(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("org1/token%d", i))
	}
	return list
}

// A form that is filled in wrongly says what to change, and keeps what was
// written.
func TestConsoleMistakes(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	for name, tc := range map[string]struct {
		path string
		form url.Values
		want []string
	}{
		"a stream's name":  {"/console/streams", url.Values{"org": {"org1"}, "stream": {"a b"}}, []string{`value="a b"`, "write a stream name"}},
		"the organisation": {"/console/orgs", url.Values{"org": {"a-b"}}, []string{`value="a-b"`, "mistake"}},
		"the same again":   {"/console/orgs", url.Values{"org": {"org1"}}, []string{"exists already"}},
		"an address":       {"/console/tokens", url.Values{"org": {"org1"}, "stream": {"cam"}, "expires": {"1d"}, "ip": {"10.0.0.300"}, "tag": {"keep me"}}, []string{"10.0.0.300", `value="keep me"`, "mistake", `value="1d" checked`}},
		"a page":           {"/console/tokens", url.Values{"org": {"org1"}, "stream": {"cam"}, "expires": {"1d"}, "referer": {"https://x/y"}}, []string{"write the host alone"}},
		"no stream":        {"/console/tokens", url.Values{"org": {"org1"}, "scope": {"stream"}, "expires": {"1d"}}, []string{"name the streams"}},
		"no date":          {"/console/tokens", url.Values{"org": {"org1"}, "stream": {"cam"}, "expires": {"until"}}, []string{"choose a date"}},
		"a date in vain":   {"/console/tokens", url.Values{"org": {"org1"}, "stream": {"cam"}, "expires": {"until"}, "until": {"2020-01-01T00:00"}}, []string{"mistake"}},
		"too late":         {"/console/tokens", url.Values{"org": {"org1"}, "stream": {"cam"}, "expires": {"until"}, "until": {time.Now().Add(400 * 24 * time.Hour).Format("2006-01-02T15:04")}}, []string{"365"}},
		"no key":           {"/console/keys", url.Values{"org": {"org1"}, "jwk": {"x"}}, []string{"write a public key"}},
		"a private key":    {"/console/keys", url.Values{"org": {"org1"}, "jwk": {`{"kty":"OKP","crv":"Ed25519","kid":"k","d":"secret-part"}`}}, []string{"this key can sign"}},
		"an API key's end": {"/console/apikeys", url.Values{"role": {"read"}, "name": {"keep me"}, "expires": {"never"}}, []string{`value="keep me"`, "mistake"}},
		"no token":         {"/console/explain", url.Values{"token": {"https://live.example.com/"}}, []string{"no token in this URL"}},
	} {
		a := c.post(t, "ann", tc.path, tc.form)
		c.status(t, name, a, http.StatusUnprocessableEntity)
		for _, want := range tc.want {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: %q is not there:\n%s", name, want, a.body)
			}
		}
	}
	if list := c.do(t, "token", "list"); strings.Contains(list, "org1") {
		t.Errorf("a token was made all the same:\n%s", list)
	}
}

// Who may look changes nothing, who has other organisations sees nothing, and who
// has no grant gets in nowhere.
func TestConsoleRights(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	c.do(t, "stream", "create", "--org", "org1", "cam")
	text := c.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "press")
	id := harness.TokenID(t, text)
	c.status(t, "adding a key", c.post(t, "ann", "/console/keys", url.Values{"org": {"org1"}, "jwk": {strings.Replace(publicJWK, "new-key", "own", 1)}}), http.StatusSeeOther)
	c.do(t, "apikey", "create", "--role", "read", "--org", "org1")
	apiKey := endPath.FindStringSubmatch(c.page(t, "ann", "/console/keys").body)[1]
	posts := map[string]url.Values{
		"/console/streams":                         {"org": {"org1"}, "stream": {"cam2"}},
		"/console/orgs":                            {"org": {"org3"}},
		"/console/tokens":                          {"org": {"org1"}, "stream": {"cam"}, "expires": {"1d"}},
		"/console/tokens/org1/" + id + "/revoke":   {},
		"/console/tokens/org1/" + id + "/unrevoke": {},
		"/console/tokens/org1/" + id + "/replace":  {},
		"/console/tokens/revoke":                   {"token": {"org1/" + id}, "sure": {"yes"}},
		"/console/revocations":                     {"org": {"org1"}, "kind": {"tag"}, "value": {"press"}},
		"/console/orgs/org1/secure":                {"secure": {"off"}},
		"/console/orgs/org1/break":                 {"for": {"1h"}, "reason": {"none"}},
		"/console/orgs/org1/mend":                  {},
		"/console/streams/org1/cam/settings":       {"title": {"x"}, "public": {"yes"}},
		"/console/streams/org1/cam/delete":         {},
		"/console/keys":                            {"org": {"org1"}, "jwk": {publicJWK}},
		"/console/keys/rotate":                     {},
		"/console/keys/own/retire":                 {"org": {"org1"}},
		"/console/apikeys":                         {"role": {"read"}, "orgs": {"org1"}, "expires": {"90d"}},
		"/console/apikeys/" + apiKey + "/end":      {},
	}
	before := c.do(t, "audit", "--json")
	for path, form := range posts {
		a := c.post(t, "reed", path, form)
		if a.StatusCode < 400 {
			t.Errorf("%s: who may look gets %d", path, a.StatusCode)
		}
		if path == "/console/orgs" {
			continue // the others' own
		}
		if a = c.post(t, "other", path, form); a.StatusCode < 400 || strings.Contains(a.body, id) {
			t.Errorf("%s: another organisation's admin gets %d", path, a.StatusCode)
		}
	}
	for path, form := range posts {
		if strings.Contains(path, "/console/tokens") || path == "/console/revocations" {
			continue // an operator's own
		}
		c.status(t, path+" of an operator", c.post(t, "oscar", path, form), http.StatusForbidden)
	}
	for _, path := range []string{"/console/orgs/org1/secure", "/console/orgs/org1/break", "/console/orgs/org1/mend"} {
		c.status(t, path+" of an operator", c.post(t, "oscar", path, posts[path]), http.StatusForbidden)
	}
	c.status(t, "an operator's revocation of all", c.post(t, "oscar", "/console/revocations", url.Values{"org": {"org1"}, "kind": {"org"}}), http.StatusForbidden)
	c.status(t, "an operator's audit trail", c.page(t, "oscar", "/console/audit"), http.StatusForbidden)
	c.status(t, "an operator's stream", c.post(t, "oscar", "/console/streams", posts["/console/streams"]), http.StatusForbidden)
	c.status(t, "another's organisation", c.post(t, "other", "/console/orgs", posts["/console/orgs"]), http.StatusForbidden)
	for _, path := range []string{"/console/streams/org1/cam", "/console/tokens/org1/" + id, "/console/?org=org1", "/console/tokens?org=org1"} {
		c.status(t, path, c.page(t, "other", path), http.StatusNotFound)
		c.status(t, path, c.page(t, "reed", path), http.StatusOK)
	}
	for _, path := range []string{"/console/", "/console/tokens", "/console/explain", "/console/tokens/new", "/console/orgs", "/console/revocations", "/console/keys"} {
		if body := c.page(t, "other", path).body; strings.Contains(body, "org1") || strings.Contains(body, id) {
			t.Errorf("%s: another organisation is seen:\n%s", path, body)
		}
		c.status(t, path+" of a stranger", c.page(t, "eve", path), http.StatusForbidden)
		c.status(t, path+" of nobody", c.page(t, "", path), http.StatusUnauthorized)
	}
	if body := c.post(t, "other", "/console/explain", url.Values{"token": {text}}).body; strings.Contains(body, "press") || !strings.Contains(body, "unknown_key") {
		t.Errorf("another's token, explained:\n%s", body)
	}
	if after := c.do(t, "audit", "--json"); after != before {
		t.Errorf("something has changed:\n%s", after)
	}
	c.plays(t, text, 200)
}

// No page of another site can have a form of the console sent, nor reach it under
// a name of its own, nor frame it.
func TestConsoleForgery(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	form := func(token string) url.Values {
		return url.Values{"org": {"org1"}, "stream": {"forged"}, "form": {token}}
	}
	good := c.formOf(t, "ann")
	for name, tc := range map[string]struct {
		form   string
		fields []string
		status int
	}{
		"cross-site":                {good, []string{"Sec-Fetch-Site: cross-site"}, 403},
		"same-site":                 {good, []string{"Sec-Fetch-Site: same-site"}, 403},
		"none":                      {good, []string{"Sec-Fetch-Site: none"}, 403},
		"cross-site, own Origin":    {good, []string{"Sec-Fetch-Site: cross-site", "Origin: http://" + c.address}, 403},
		"no header at all":          {good, nil, 403},
		"another Origin":            {good, []string{"Origin: http://evil.example.com"}, 403},
		"Origin null":               {good, []string{"Origin: null"}, 403},
		"another port":              {good, []string{"Origin: http://127.0.0.1:1"}, 403},
		"no form token":             {"", []string{"Sec-Fetch-Site: same-origin"}, 403},
		"a wrong form token":        {strings.Repeat("0", 64), []string{"Sec-Fetch-Site: same-origin"}, 403},
		"another user's form token": {c.formOf(t, "oscar"), []string{"Sec-Fetch-Site: same-origin"}, 403},
		"as text":                   {good, []string{"Sec-Fetch-Site: same-origin", "Content-Type: text/plain"}, 415},
		"under another name":        {good, []string{"Sec-Fetch-Site: same-origin", "Host: evil.example.com"}, 421},
	} {
		c.status(t, name, c.send(t, http.MethodPost, "ann", "/console/streams", form(tc.form), tc.fields...), tc.status)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
		c.status(t, method, c.send(t, method, "ann", "/console/streams", form(good), "Sec-Fetch-Site: same-origin"), http.StatusMethodNotAllowed)
	}
	c.status(t, "GET", c.page(t, "ann", "/console/streams?"+form(good).Encode()), http.StatusNotFound)
	if list := c.do(t, "stream", "list"); strings.Contains(list, "forged") {
		t.Fatalf("a forged form was taken:\n%s", list)
	}
	c.status(t, "by Origin alone", c.send(t, http.MethodPost, "ann", "/console/streams", form(good), "Origin: http://"+c.address), http.StatusSeeOther)

	for _, host := range []string{"evil.example.com", "evil.example.com:80", "127.0.0.1.example.com", ""} {
		c.status(t, "Host "+host, c.send(t, http.MethodGet, "ann", "/console/", nil, "Host: "+host), map[bool]int{true: 200, false: 421}[host == ""])
	}
	c.status(t, "its name", c.send(t, http.MethodGet, "ann", "/console/", nil, "Host: CONSOLE.example.com:8443"), http.StatusOK)
	for _, path := range []string{"/console/", "/console/tokens", "/console/nothing", "/console/-/x/y"} {
		h := c.page(t, "ann", path).Header
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// Whatever is written into a field is text on every page.
func TestConsoleEscapes(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	c.post(t, "ann", "/console/orgs", url.Values{"org": {"org9"}, "name": {evil}})
	c.post(t, "ann", "/console/streams", url.Values{"org": {"org1"}, "stream": {"cam"}, "title": {evil}})
	made := c.post(t, "ann", "/console/tokens", url.Values{"org": {"org1"}, "stream": {"cam"}, "expires": {"1d"}, "tag": {evil}, "user": {evil}})
	c.status(t, "making", made, http.StatusSeeOther)
	shown := c.page(t, "ann", made.Header.Get("Location"))
	id := tokenPath.FindStringSubmatch(shown.body)
	if id == nil {
		t.Fatal(shown.body)
	}
	c.post(t, "ann", "/console/tokens/org1/"+id[1]+"/revoke", url.Values{"reason": {evil}})
	c.post(t, "ann", "/console/revocations", url.Values{"org": {"org1"}, "kind": {"tag"}, "value": {evil}, "reason": {evil}})
	c.post(t, "ann", "/console/orgs/org9/break", url.Values{"for": {"1h"}, "reason": {evil}})
	q := url.QueryEscape(evil)
	seen := 0
	bodies := map[string]string{"made": shown.body}
	for _, path := range []string{
		"/console/", "/console/?q=" + q, "/console/?q=" + q + "&org=org1", "/console/streams/org1/cam", "/console/tokens", "/console/tokens?tag=" + q + "&user=" + q + "&stream=cam",
		"/console/tokens/org1/" + id[1], "/console/tokens/new?org=" + q + "&stream=" + q + "&tag=" + q + "&user=" + q + "&ip=" + q + "&referer=" + q + "&until=" + q + "&scope=" + q,
		"/console/orgs", "/console/revocations", "/console/audit", "/console/keys", "/console/streams/org1/cam/settings", "/console/tokens?sort=used&tag=" + q, "/console/tokens?sort=" + q, "/console/revocations?org=" + q, "/console/audit?org=" + q, "/console/?done=" + q, "/console/" + url.PathEscape(evil), "/console/tokens?org=" + q, "/console/tokens?status=" + q, "/console/?cursor=" + q,
	} {
		bodies[path] = c.page(t, "ann", path).body
	}
	for _, path := range []string{"/console/orgs", "/console/streams", "/console/tokens", "/console/explain", "/console/revocations", "/console/orgs/org1/break", "/console/tokens/check", "/console/tokens/revoke?tag=" + q, "/console/keys", "/console/apikeys", "/console/streams/org1/cam/settings"} {
		bodies["POST "+path] = c.post(t, "ann", path, url.Values{
			"org": {evil}, "name": {evil}, "stream": {evil}, "title": {evil}, "expires": {evil}, "ip": {evil}, "referer": {evil}, "tag": {evil},
			"user": {evil}, "token": {evil, "org1/" + id[1]}, "sure": {"yes"}, "kind": {evil}, "value": {evil}, "reason": {evil}, "for": {evil}, "issued_until": {evil}, "future": {evil}, "address": {evil}, "page": {evil}, "until": {evil}, "not_before": {evil},
		}).body
	}
	for path, body := range bodies {
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, `"><script`) {
			t.Errorf("%s: a field has become markup", path)
		}
		if strings.Contains(body, "&lt;script&gt;") {
			seen++
		}
	}
	if seen < 10 {
		t.Errorf("the texts are seen on %d pages only", seen)
	}
}

// Keys are added, rotated and retired, and API keys are made, shown once and ended.
func TestConsoleKeys(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	key := harness.NewKey(t, "own", "EdDSA")
	public := harness.MustPlaygate(t, "key", "public", "--key-file", key.File)
	c.status(t, "adding", c.post(t, "ann", "/console/keys", url.Values{"org": {"org1"}, "jwk": {public}}), http.StatusSeeOther)
	if body := c.page(t, "reed", "/console/keys").body; !strings.Contains(body, "<code>own</code>") || strings.Contains(body, "API key") || strings.Contains(body, "<form") {
		t.Errorf("for who may look:\n%s", body)
	}
	own := key.Token(t, "--org", "org1", "--stream", "cam")
	made := c.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	c.plays(t, own, 200)
	c.status(t, "rotating", c.post(t, "ann", "/console/keys/rotate", url.Values{}), http.StatusSeeOther)
	c.plays(t, made, 200)
	c.status(t, "retiring", c.post(t, "ann", "/console/keys/own/retire", url.Values{"org": {"org1"}}), http.StatusSeeOther)
	c.plays(t, own, 401)

	created := c.post(t, "ann", "/console/apikeys", url.Values{"name": {"billing"}, "role": {"read"}, "orgs": {"org1"}, "expires": {"90d"}})
	c.status(t, "an API key", created, http.StatusSeeOther)
	where := created.Header.Get("Location")
	c.status(t, "HEAD", c.send(t, http.MethodHead, "ann", where, nil), http.StatusOK)
	c.status(t, "of another user", c.page(t, "oscar", where), http.StatusGone)
	c.status(t, "as a token", c.page(t, "ann", strings.Replace(where, "apikeys", "tokens", 1)), http.StatusGone)
	shown := regexp.MustCompile(`<code>(pgk_[^<]+)</code>`).FindStringSubmatch(c.page(t, "ann", where).body)
	if shown == nil {
		t.Fatal("the API key is not shown")
	}
	c.status(t, "again", c.page(t, "ann", where), http.StatusGone)
	asks := func(status int) {
		t.Helper()
		if a := harness.Curl(t, "http://"+c.env["API"]+"/api/v1/tokens", "-H", "Authorization: Bearer "+shown[1]); a.Status != status {
			t.Errorf("the API answers %d instead of %d: %s", a.Status, status, a.Body)
		}
	}
	asks(200)
	list := c.page(t, "ann", "/console/keys").body
	if !strings.Contains(list, "billing") || strings.Contains(list, shown[1]) {
		t.Errorf("the list:\n%s", list)
	}
	c.status(t, "ending", c.post(t, "ann", endPath.FindString(list), url.Values{}), http.StatusSeeOther)
	asks(401)
	if strings.Contains(c.Everything(), shown[1]) {
		t.Error("the API key is in a log")
	}
}

// A stream is renamed, made public and deleted; the overview of tokens is in the
// order that is asked for; and rules are remarked on before a token is made.
func TestConsoleSettings(t *testing.T) {
	t.Parallel()
	c := startConsole(t)
	c.do(t, "stream", "create", "--org", "org1", "cam")
	c.status(t, "public", c.post(t, "ann", "/console/streams/org1/cam/settings", url.Values{"title": {"Main stage"}, "public": {"yes"}}), http.StatusSeeOther)
	c.plays(t, "", 200)
	if body := c.page(t, "oscar", "/console/streams/org1/cam").body; !strings.Contains(body, "Main stage") || !strings.Contains(body, "it needs no token") || strings.Contains(body, "Create secure") {
		t.Errorf("the public stream:\n%s", body)
	}
	c.status(t, "secure", c.post(t, "ann", "/console/streams/org1/cam/settings", url.Values{"title": {"Main stage"}}), http.StatusSeeOther)
	c.plays(t, "", 401)
	c.status(t, "deleting", c.post(t, "ann", "/console/streams/org1/cam/delete", url.Values{}), http.StatusSeeOther)
	c.status(t, "the deleted one", c.page(t, "ann", "/console/streams/org1/cam"), http.StatusNotFound)

	long := c.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--expires", "9d")
	short := c.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--expires", "3d")
	c.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--expires", "5d")
	c.plays(t, long, 200)
	for sort, id := range map[string]string{"expires": harness.TokenID(t, short), "used": harness.TokenID(t, long)} {
		body := c.page(t, "reed", "/console/tokens?org=org1&sort="+sort).body
		if first := tokenPath.FindStringSubmatch(body); first == nil || first[1] != id {
			t.Errorf("by %s: %v instead of %s", sort, first, id)
		}
		if !strings.Contains(body, `aria-sort="`) {
			t.Errorf("by %s: the order is not said", sort)
		}
	}
	rules := url.Values{"org": {"org1"}, "stream": {"cam"}, "expires": {"1d"}, "ip": {"192.0.2.1"}, "referer": {"www.example.com"}}
	body := c.post(t, "oscar", "/console/tokens/check", rules).body
	for _, want := range []string{"only IPv4 addresses are allowed", "AirPlay", "is not known here", `data-add="referer" data-value="127.0.0.1:`} {
		if !strings.Contains(body, want) {
			t.Errorf("no remark %q:\n%s", want, body)
		}
	}
	c.status(t, "a check by who may look", c.post(t, "reed", "/console/tokens/check", rules), http.StatusForbidden)
	if n := strings.Count(c.do(t, "token", "list"), "org1"); n != 3 {
		t.Errorf("%d tokens: a check has made one", n)
	}
}
