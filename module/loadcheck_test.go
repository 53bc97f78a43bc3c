package module_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

const (
	testGate    = "playgate {\nstream /live/{org}/{stream}/*\n}\n"
	passingGate = "playgate {\nstream /live/{org}/{stream}/*\nerrors terse pass\n}\n"
	gateJSON    = `{"handler":"playgate","streams":[{"path":"/live/{org}/{stream}/*"}]}`
	proxyJSON   = `{"handler":"reverse_proxy","upstreams":[{"dial":"127.0.0.1:8888"}]}`
)

// loads adapts a Caddyfile of global options and sites, and loads it.
func loads(t *testing.T, global, sites string) error {
	t.Helper()
	text := "{\nadmin off\npersist_config off\nauto_https off\n" + global + "\nplaygate {\nstore off\nkey main {\nfile {env.PLAYGATE_KEY}\n}\n}\n}\n" + sites
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatalf("does not adapt: %v\n%s", err, text)
	}
	return validate(config)
}

// loadsJSON loads a server, with logging where it is not empty.
func loadsJSON(t *testing.T, server, logging string) error {
	t.Helper()
	config := `{"admin":{"disabled":true},"apps":{"playgate":{"store":{"driver":"off"},"keys":[{"id":"main","file":"{env.PLAYGATE_KEY}"}]},"http":{"servers":{"srv0":` + server + `}}}`
	if logging != "" {
		config += `,"logging":{"logs":` + logging + `}`
	}
	if config += "}"; !json.Valid([]byte(config)) {
		t.Fatalf("no JSON: %s", config)
	}
	return validate([]byte(config))
}

// expect compares an error of loading with a phrase in it; "" means that it loads.
func expect(t *testing.T, err error, says string) {
	t.Helper()
	switch {
	case says == "" && err != nil:
		t.Errorf("refused: %v", err)
	case says != "" && err == nil:
		t.Errorf("loads, instead of saying %q", says)
	case says != "" && !strings.Contains(err.Error(), says):
		t.Errorf("does not say %q: %v", says, err)
	}
}

// The gate stands where nothing can answer or change a request before it.
func TestPositionOfTheGate(t *testing.T) {
	testKeys(t)
	const proxy = "reverse_proxy 127.0.0.1:8888\n"
	for name, tc := range map[string]struct{ global, site, says string }{
		"in the site block":          {"", testGate + proxy, ""},
		"in handle":                  {"", "handle /live/* {\n" + testGate + proxy + "}\nhandle {\nrespond page\n}", ""},
		"in handle that comes later": {"", "handle /page {\nrewrite * /x\nfile_server\n}\nhandle_path /files/* {\nfile_server\n}\nhandle {\n" + testGate + proxy + "}", ""},
		"in several handles":         {"", "handle /live/* {\n" + testGate + proxy + "}\nhandle /vod/* {\n" + testGate + proxy + "}", ""},
		"in handle with a matcher":   {"", "@tv header X-TV *\nhandle @tv {\n" + testGate + proxy + "}\nhandle {\nrespond no\n}", ""},
		"in route":                   {"", "route {\n" + testGate + "rewrite * /x\n" + proxy + "}", ""},
		"in route with a matcher":    {"", "route /live/* {\n" + testGate + proxy + "}", ""},
		"in handle in handle":        {"", "handle {\nhandle /live/* {\n" + testGate + proxy + "}\nhandle {\nrespond page\n}\n}", ""},
		"in a snippet of handle":     {"", "handle /a/* {\n" + testGate + proxy + "}\n" + proxy, ""},
		"behind what is harmless":    {"", "map {path} {x} {\n/a b\n}\nvars a b\nfs default\nroot * /srv\nlog_append a b\nlog_skip /x\nlog_level /y WARN\nheader A b\nheader >B c\nrequest_body {\nmax_size 1MB\n}\ntracing {\nspan a\n}\nplaygate_health\nplaygate_player /play\nhandle {\n" + testGate + proxy + "}", ""},
		"site order does not matter": {"", "redir /old /new\nrewrite /a /b\nuri strip_prefix /x\nrequest_header -X\nbasic_auth {\nalice $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nencode\ntry_files /a\n" + testGate + proxy, ""},

		"redir before handle":          {"", "redir /old /new\nhandle {\n" + testGate + proxy + "}", "respond or redir would run before the gate"},
		"rewrite before handle":        {"", "rewrite /a /b\nhandle {\n" + testGate + proxy + "}", "rewrite, uri, method, try_files or handle_path would run before the gate"},
		"uri before handle":            {"", "uri strip_prefix /a\nhandle {\n" + testGate + proxy + "}", "would run before the gate"},
		"method before handle":         {"", "method GET\nhandle {\n" + testGate + proxy + "}", "would run before the gate"},
		"try_files before handle":      {"", "try_files {path} /index.html\nhandle {\n" + testGate + proxy + "}", "would run before the gate"},
		"encode before handle":         {"", "encode\nhandle {\n" + testGate + proxy + "}", "encode would run before the gate"},
		"request_header before handle": {"", "request_header Authorization x\nhandle {\n" + testGate + proxy + "}", "request_header would run before the gate"},
		"basic_auth before handle":     {"", "basic_auth {\nalice $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nhandle {\n" + testGate + proxy + "}", "basic_auth would run before the gate"},
		"forward_auth before handle":   {"", "forward_auth 127.0.0.1:9 {\nuri /a\n}\nhandle {\n" + testGate + proxy + "}", "would run before the gate"},
		"in handle_path":               {"", "handle_path /live/* {\n" + testGate + proxy + "}", "would run before the gate"},
		"respond before it in route":   {"", "route {\nrespond /a ok\n" + testGate + proxy + "}", "respond or redir would run before the gate"},
		"proxy before it in route":     {"", "route {\nreverse_proxy /a 127.0.0.1:8888\n" + testGate + proxy + "}", "reverse_proxy or forward_auth would run before the gate"},
		"cache before it in route":     {"", "route {\nplaygate_cache\n" + testGate + proxy + "}", "behind playgate_cache stands playgate"},
		"handle before route":          {"", "handle /a {\nrespond ok\n}\nroute {\n" + testGate + proxy + "}", "would run before the gate"},
		"order option":                 {"order playgate after rewrite", "rewrite /a /b\n" + testGate + proxy, "would run before the gate"},
		"order option, other side":     {"order redir first", "redir /a /b\n" + testGate + proxy, "would run before the gate"},
		"two in the site block":        {"", testGate + testGate + proxy, "two gates"},
		"one in handle below another":  {"", testGate + "handle {\n" + testGate + proxy + "}", "two gates"},
		"two in one handle":            {"", "handle {\n" + testGate + testGate + proxy + "}", "two gates"},
		"below its own matcher":        {"", "handle /live/* {\n" + testGate + "handle /live/hls/* {\n" + proxy + "}\nhandle {\n" + proxy + "}\n}\n" + proxy, ""},
		"its block has an answer":      {"", "handle /live/* {\n" + testGate + "rewrite /a /b\nrespond /a no\n" + proxy + "}\n" + proxy, ""},
		"all answers of its block":     {"", "handle /live/* {\n" + testGate + "reverse_proxy /live/a/* 127.0.0.1:8888\nreverse_proxy /live/b/* 127.0.0.1:8888\n}\nhandle {\nrespond page\n}", ""},

		"with forward_auth alone":               {"", "handle /live/* {\n" + testGate + "forward_auth 127.0.0.1:9 {\nuri /a\n}\n}\n" + proxy, "in its own block"},
		"with files that pass":                  {"", "handle /live/* {\n" + testGate + "file_server {\npass_thru\n}\n}\n" + proxy, "in its own block"},
		"with an answer that is no media":       {"", "handle /live/* {\n" + testGate + "respond no\n}\n" + proxy, "in its own block"},
		"forward_auth and a proxy":              {"", "handle /live/* {\n" + testGate + "forward_auth 127.0.0.1:9 {\nuri /a\n}\n" + proxy + "}\n" + proxy, ""},
		"no media outside":                      {"", "handle /live/* {\n" + testGate + "reverse_proxy /live/a/* 127.0.0.1:8888\nreverse_proxy /live/b/* 127.0.0.1:8888\n}\nrespond no 404", ""},
		"alone in handle":                       {"", "handle /live/acme/* {\n" + testGate + "}\n" + proxy, "in its own block"},
		"in handle, and a proxy of its matcher": {"", "handle /live/acme/* {\n" + testGate + "}\nreverse_proxy /live/acme/* 127.0.0.1:8888\n", ""},
		"alone in route":                        {"", "@tv header X-TV *\nroute @tv {\n" + testGate + "}\n" + proxy, "in its own block"},
		"alone in route in handle":              {"", "handle /live/acme/* {\nroute {\n" + testGate + "}\nheader A b\n}\n" + proxy, "in its own block"},
		"alone in handle in handle":             {"", "handle {\nhandle /live/acme/* {\n" + testGate + "}\n" + proxy + "}", "in its own block"},
		"alone in the handle that is left":      {"", "handle /static/* {\nheader A b\n}\nhandle {\n" + testGate + "}\n" + proxy, "in its own block"},
		"with no answer in its block":           {"", "handle /live/acme/* {\n" + testGate + "rewrite /a /b\nencode\nbasic_auth {\nalice $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nplaygate_cache\n}\n" + proxy, "in its own block"},
		"its block answers some requests":       {"", "handle /live/acme/* {\n" + testGate + "reverse_proxy /live/acme/a/* 127.0.0.1:8888\n}\n" + proxy, "in its own block"},

		"in error routes":           {"", proxy + "handle_errors {\n" + testGate + proxy + "}", "error routes"},
		"in error routes as well":   {"", testGate + proxy + "handle_errors {\n" + testGate + proxy + "}", "error routes"},
		"inside of another handler": {"", "reverse_proxy 127.0.0.1:8888 {\nhandle_response {\n" + testGate + "respond a\n}\n}", "inside of reverse_proxy"},
		"inside of intercept":       {"", "intercept {\nhandle_response {\n" + testGate + "respond a\n}\n}", "inside of intercept"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, address := range []string{"http://live.example.com", "http://:8080", "http://live.example.com/live/*"} {
				if strings.HasSuffix(address, "*") && strings.Contains(name, "error routes") {
					continue
				}
				expect(t, loads(t, tc.global, address+" {\n"+tc.site+"\n}\n"), tc.says)
			}
			// Another site before it, and one behind it, change nothing.
			const other = " {\nrewrite * /x\nrespond other\n}\n"
			expect(t, loads(t, tc.global, "http://a.example.com"+other+"http://live.example.com {\n"+tc.site+"\n}\nhttp://"+other), tc.says)
		})
	}
	for name, tc := range map[string]struct{ sites, says string }{
		"named route in the site":      {"&(media) {\nroute {\n" + testGate + proxy + "}\n}\nhttp://a.example.com {\ninvoke media\n}", ""},
		"named route in handle":        {"&(media) {\nroute {\n" + testGate + proxy + "}\n}\nhttp://a.example.com {\nhandle /live/* {\ninvoke media\n}\n}", ""},
		"named route behind a rewrite": {"&(media) {\nroute {\n" + testGate + proxy + "}\n}\nhttp://a.example.com {\nrewrite * /x\ninvoke media\n}", "would run before the gate"},
		"named route below a gate":     {"&(media) {\nroute {\n" + testGate + proxy + "}\n}\nhttp://a.example.com {\n" + testGate + "invoke media\n}", "two gates"},
		"named route without a proxy":  {"&(media) {\nroute {\n" + testGate + "}\n}\nhttp://a.example.com {\nhandle /live/* {\ninvoke media\n}\n" + proxy + "}", "in its own block"},
		"named route and its proxy":    {"&(media) {\nroute {\n" + testGate + "}\n}\nhttp://a.example.com {\nhandle /live/* {\ninvoke media\n" + proxy + "}\n}", ""},
		"proxy in a named route":       {"&(media) {\n" + proxy + "}\nhttp://a.example.com {\nhandle /live/* {\n" + testGate + "invoke media\n}\n}", ""},
		"gates of two sites":           {"http://a.example.com {\n" + testGate + proxy + "}\nhttp://b.example.com {\n" + testGate + proxy + "}\nhttp:// {\n" + testGate + proxy + "}", ""},
	} {
		t.Run(name, func(t *testing.T) { expect(t, loads(t, "", tc.sites), tc.says) })
	}
}

// JSON is judged as Caddyfiles are.
func TestPositionOfTheGateInJSON(t *testing.T) {
	testKeys(t)
	const (
		rewrite = `{"handler":"rewrite","uri":"/x"}`
		live    = `"match":[{"path":["/live/*"]}],`
		hostA   = `"match":[{"host":["a.example.com"]}],`
		hostB   = `"match":[{"host":["B.example.com"]}],`
	)
	for name, tc := range map[string]struct{ routes, says string }{
		"one route":                        {`{"handle":[` + gateJSON + `,` + proxyJSON + `]}`, ""},
		"one after the other":              {`{"handle":[` + gateJSON + `]},{"handle":[` + proxyJSON + `]}`, ""},
		"matched with its proxy":           {`{` + live + `"handle":[` + gateJSON + `,` + proxyJSON + `]}`, ""},
		"matched with a subroute":          {`{` + live + `"handle":[` + gateJSON + `,{"handler":"subroute","routes":[{"handle":[` + proxyJSON + `]}]}]}`, ""},
		"terminal":                         {`{` + live + `"handle":[` + gateJSON + `],"terminal":true},{"handle":[` + proxyJSON + `]}`, ""},
		"after a terminal route":           {`{` + hostA + `"handle":[` + proxyJSON + `],"terminal":true},{"handle":[` + gateJSON + `,` + proxyJSON + `]}`, ""},
		"after a route for another host":   {`{` + hostA + `"handle":[` + proxyJSON + `]},{` + hostB + `"handle":[` + gateJSON + `,` + proxyJSON + `]}`, ""},
		"after another of its group":       {`{"group":"g",` + live + `"handle":[` + proxyJSON + `]},{"group":"g","handle":[` + gateJSON + `,` + proxyJSON + `]}`, ""},
		"alone with a matcher":             {`{` + live + `"handle":[` + gateJSON + `]},{"handle":[` + proxyJSON + `]}`, "in its own block"},
		"alone with a host":                {`{` + hostA + `"handle":[` + gateJSON + `]},{"handle":[` + proxyJSON + `]}`, "in its own block"},
		"with a matcher and a header":      {`{` + live + `"handle":[` + gateJSON + `,{"handler":"headers"}]},{"handle":[` + proxyJSON + `]}`, "in its own block"},
		"alone in a group":                 {`{"group":"g",` + live + `"handle":[` + proxyJSON + `]},{"group":"g","handle":[` + gateJSON + `]},{"handle":[` + proxyJSON + `]}`, "in its own block"},
		"first in a group":                 {`{"group":"g","handle":[` + gateJSON + `]},{"handle":[` + proxyJSON + `]}`, ""},
		"alone in a matched subroute":      {`{` + live + `"handle":[{"handler":"subroute","routes":[{"handle":[` + gateJSON + `]}]}]},{"handle":[` + proxyJSON + `]}`, "in its own block"},
		"with a proxy behind the subroute": {`{` + live + `"handle":[{"handler":"subroute","routes":[{"handle":[` + gateJSON + `]}]},` + proxyJSON + `]}`, ""},
		"behind a rewrite":                 {`{"handle":[` + rewrite + `,` + gateJSON + `,` + proxyJSON + `]}`, "would run before the gate"},
		"behind a route with a rewrite":    {`{` + live + `"handle":[` + rewrite + `]},{"handle":[` + gateJSON + `,` + proxyJSON + `]}`, "would run before the gate"},
		"behind a rewrite in a subroute":   {`{"handle":[{"handler":"subroute","routes":[{"handle":[` + rewrite + `]}]},` + gateJSON + `,` + proxyJSON + `]}`, "would run before the gate"},
		"behind a route for the same host": {`{` + hostB + `"handle":[` + rewrite + `]},{"match":[{"host":["b.example.com"]}],"handle":[` + gateJSON + `,` + proxyJSON + `]}`, "would run before the gate"},
		"behind a route for a wildcard":    {`{"match":[{"host":["*.example.com"]}],"handle":[` + rewrite + `]},{` + hostB + `"handle":[` + gateJSON + `,` + proxyJSON + `]}`, "would run before the gate"},
		"behind one of another group":      {`{"group":"f",` + live + `"handle":[` + rewrite + `]},{"group":"g","handle":[` + gateJSON + `,` + proxyJSON + `]}`, "would run before the gate"},
		"behind another gate":              {`{"handle":[` + gateJSON + `]},{"handle":[` + gateJSON + `,` + proxyJSON + `]}`, "two gates"},
		"in error routes of a subroute":    {`{"handle":[{"handler":"subroute","routes":[{"handle":[` + proxyJSON + `]}],"errors":{"routes":[{"handle":[` + gateJSON + `]}]}}]}`, "error routes"},
		"behind a route with such headers": {`{` + live + `"handle":[{"handler":"headers","request":{"set":{"A":["b"]}}}]},{"handle":[` + gateJSON + `,` + proxyJSON + `]}`, "request_header would run before the gate"},
		"behind a route with headers":      {`{` + live + `"handle":[{"handler":"headers","response":{"set":{"A":["b"]}}}]},{"handle":[` + gateJSON + `,` + proxyJSON + `]}`, ""},
		"behind headers of requests":       {`{"handle":[{"handler":"headers","request":{"set":{"A":["b"]}}},` + gateJSON + `,` + proxyJSON + `]}`, "request_header would run before the gate"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, loadsJSON(t, `{"listen":[":8080"],"routes":[`+tc.routes+`]}`, ""), tc.says)
			expect(t, loadsJSON(t, `{"listen":[":8080"],"routes":[{"handle":[{"handler":"subroute","routes":[`+tc.routes+`]}]}]}`, ""), tc.says)
		})
	}
}

// Error routes that refusals are handed on to hold no proxy: what is refused would
// reach the origin.
func TestErrorRoutesOfAPassingGate(t *testing.T) {
	testKeys(t)
	const (
		proxy  = "reverse_proxy 127.0.0.1:8888\n"
		pages  = "handle_errors {\nrewrite * /{err.status_code}.html\nfile_server\n}\n"
		origin = "handle_errors {\nreverse_proxy 127.0.0.1:8888\n}\n"
		says   = "reverse_proxy stands in error routes"
	)
	for name, tc := range map[string]struct{ sites, says string }{
		"pages":               {"http://live.example.com {\n" + passingGate + proxy + pages + "}", ""},
		"a proxy":             {"http://live.example.com {\n" + passingGate + proxy + origin + "}", says},
		"for one status":      {"http://live.example.com {\n" + passingGate + proxy + "handle_errors 502 {\n" + proxy + "}\n}", says},
		"in a block":          {"http://live.example.com {\n" + passingGate + proxy + "handle_errors {\nhandle /live/* {\nroute {\n" + proxy + "}\n}\n}\n}", says},
		"by a named route":    {"&(origin) {\n" + proxy + "}\nhttp://live.example.com {\n" + passingGate + proxy + "handle_errors {\ninvoke origin\n}\n}", says},
		"FastCGI":             {"http://live.example.com {\n" + passingGate + proxy + "handle_errors {\nphp_fastcgi 127.0.0.1:9000\n}\n}", says},
		"of any host":         {"http://:8080 {\n" + passingGate + proxy + origin + "}", says},
		"of another site":     {"http://live.example.com {\n" + passingGate + proxy + pages + "}\nhttp://a.example.com {\n" + proxy + origin + "}", ""},
		"of a site before it": {"http://a.example.com {\n" + proxy + origin + "}\nhttp://live.example.com {\n" + passingGate + proxy + "}", ""},
		"of a wider site":     {"http://live.example.com {\n" + passingGate + proxy + "}\nhttp://*.example.com {\n" + proxy + origin + "}", says},
		"in intercept":        {"http://live.example.com {\n" + passingGate + proxy + "handle_errors {\nintercept {\nhandle_response {\n" + proxy + "}\n}\nrespond x\n}\n}", says},
		"named, in intercept": {"&(media) {\nroute {\n" + passingGate + proxy + "}\n}\nhttp://live.example.com {\ninvoke media\nhandle_errors {\nintercept {\nhandle_response {\n" + proxy + "}\n}\nrespond x\n}\n}", says},
		"files":               {"http://live.example.com {\n" + passingGate + proxy + "handle_errors {\nfile_server\n}\n}", "file_server stands in error routes"},
		"files in a block":    {"http://live.example.com {\n" + passingGate + proxy + "handle_errors {\nrewrite /a /b\nhandle {\nfile_server\n}\n}\n}", "file_server stands in error routes"},
		"rewritten in block":  {"http://live.example.com {\n" + passingGate + proxy + "handle_errors {\nrewrite * /{err.status_code}.html\nhandle {\nfile_server\n}\n}\n}", ""},
		"not passed":          {"http://live.example.com {\n" + testGate + proxy + origin + "}", ""},
		"passed in a handle":  {"http://live.example.com {\nhandle /live/* {\n" + passingGate + proxy + "}\n" + origin + "}", says},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, loads(t, "log {\nformat playgate\n}", tc.sites), tc.says)
		})
	}
	passing := strings.Replace(gateJSON, `{"handler"`, `{"errors_pass":true,"handler"`, 1)
	const logging = `{"default":{"encoder":{"format":"playgate"}}}`
	sub := func(errors string) string {
		return `{"listen":[":8080"],"routes":[{"handle":[{"handler":"subroute","routes":[{"handle":[` + passing + `,` + proxyJSON + `]}],"errors":{"routes":[{"handle":[` + errors + `]}]}}]}]}`
	}
	expect(t, loadsJSON(t, sub(proxyJSON), logging), says)
	expect(t, loadsJSON(t, sub(`{"handler":"subroute","routes":[{"handle":[`+proxyJSON+`]}]}`), logging), says)
	expect(t, loadsJSON(t, sub(`{"handler":"static_response"}`), logging), "")
}

// What Caddy itself puts before a site, so that other hosts get HTTPS, is no reason to
// refuse it.
func TestAutomaticRedirectsBeforeTheGate(t *testing.T) {
	testKeys(t)
	text := "{\nadmin off\npersist_config off\nlocal_certs\nskip_install_trust\nplaygate {\nstore off\nkey main {\nfile {env.PLAYGATE_KEY}\n}\n}\n}\nhttp:// {\n" + testGate + "respond a\n}\nother.localhost {\nrespond b\n}"
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, validate(config), "")
}

// A cache stands in the block of the proxy whose answers it keeps.
func TestPositionOfTheCache(t *testing.T) {
	testKeys(t)
	const (
		proxy  = "reverse_proxy 127.0.0.1:8888\n"
		cache  = "playgate_cache\n"
		handle = "handle /live/* {\n"
	)
	for name, tc := range map[string]struct{ site, says string }{
		"in the site block":           {testGate + cache + proxy, ""},
		"matched":                     {testGate + "playgate_cache /live/*\n" + proxy, ""},
		"before a matched proxy":      {testGate + cache + "reverse_proxy /live/* 127.0.0.1:8888\n", ""},
		"before files":                {testGate + cache + "file_server\n", ""},
		"in handle":                   {handle + testGate + cache + proxy + "}\nhandle {\nrespond page\n}", ""},
		"in two handles":              {handle + testGate + cache + proxy + "}\nhandle {\n" + testGate + cache + proxy + "}", ""},
		"in handle beside another":    {handle + testGate + cache + proxy + "}\nhandle {\n" + proxy + "}", ""},
		"in handle below the gate":    {testGate + handle + cache + proxy + "}", ""},
		"in handle_path":              {testGate + "handle_path /live/* {\n" + cache + proxy + "}", ""},
		"in route":                    {"route {\n" + testGate + "encode\n" + cache + proxy + "}", ""},
		"beside handle without proxy": {testGate + "handle /page {\nrespond page\n}\n" + cache + proxy, ""},
		"in error routes":             {testGate + proxy + "handle_errors {\n" + cache + proxy + "}", ""},

		"without a handler":             {testGate + cache, "no handler behind it"},
		"with its proxy outside":        {testGate + handle + cache + "}\n" + proxy, ""},
		"in handle without a handler":   {testGate + handle + cache + "}\nhandle {\nrespond page\n}", "no handler behind it"},
		"with a header only":            {"route {\n" + testGate + cache + "encode\nheader A b\n}\n" + proxy, "behind playgate_cache stands encode"},
		"behind the proxy in route":     {"route {\n" + testGate + proxy + cache + "}", "no handler behind it"},
		"beside handle":                 {testGate + cache + handle + proxy + "}", "beside a handle"},
		"beside handle, own proxy":      {testGate + cache + handle + proxy + "}\n" + proxy, "beside a handle"},
		"beside handle_path":            {testGate + cache + "handle_path /live/* {\n" + proxy + "}\n" + proxy, "beside a handle"},
		"beside route":                  {testGate + cache + "route /live/* {\n" + proxy + "}\n" + proxy, "beside a handle"},
		"beside handle in handle":       {testGate + cache + "handle /live/* {\nhandle {\n" + proxy + "}\n}\n" + proxy, "beside a handle"},
		"in handle beside a route":      {testGate + "handle {\n" + cache + "route /a {\n" + proxy + "}\n" + proxy + "}", "beside a handle"},
		"before a proxy of a query":     {testGate + cache + "@q query a=1\nreverse_proxy @q 127.0.0.1:8888", ""},
		"before a proxy of addresses":   {testGate + cache + "@ok not remote_ip 127.0.0.2\nreverse_proxy @ok 127.0.0.1:8888", "behind playgate_cache stands the matcher remote_ip"},
		"before a proxy of clients":     {testGate + cache + "@ok client_ip 127.0.0.2\nreverse_proxy @ok 127.0.0.1:8888", "the matcher client_ip"},
		"before a proxy of a header":    {testGate + cache + "@beta header X-Beta 1\nreverse_proxy @beta 127.0.0.1:8887\n" + proxy, "the matcher header"},
		"before a proxy of expressions": {testGate + cache + "@x expression `{header.a} == \"b\"`\nreverse_proxy @x 127.0.0.1:8888", "the matcher expression"},
		"before a rule in route":        {"route {\n" + testGate + cache + "@bad remote_ip 127.0.0.2\nrespond @bad 403\n" + proxy + "}", "the matcher remote_ip"},
		"before basic_auth":             {"route {\n" + testGate + cache + "basic_auth {\na $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n" + proxy + "}", "stands basic_auth"},
		"before forward_auth":           {"route {\n" + testGate + cache + "forward_auth 127.0.0.1:9 {\nuri /auth\n}\n" + proxy + "}", "a forward_auth"},
		"before proxy_protocol":         {testGate + cache + "reverse_proxy 127.0.0.1:8888 {\ntransport http {\nproxy_protocol v2\n}\n}", "a proxy_protocol"},
		"before a proxy of a method":    {testGate + cache + "@h method HEAD\nreverse_proxy @h 127.0.0.1:8887\n" + proxy, "the matcher method"},
		"before a header of the client": {testGate + cache + "reverse_proxy 127.0.0.1:8888 {\nheader_up X-User {http.request.header.X-User}\n}", "the placeholder {http.request.header.X-User}"},
		"before a client's address":     {testGate + cache + "reverse_proxy 127.0.0.1:8888 {\nheader_up X-Real-IP {remote_host}\n}", "the placeholder {http.request.remote.host}"},
		"before an upstream of clients": {testGate + cache + "reverse_proxy {http.request.header.X-B}:1", "the placeholder"},
		"before a cookie":               {"route {\n" + testGate + cache + "respond {http.request.cookie.user}\n}", "the placeholder {http.request.cookie.user}"},
		"before a path of the client":   {testGate + cache + "@p path /{client_ip}/*\nreverse_proxy @p 127.0.0.1:8887\n" + proxy, "the placeholder {http.vars.client_ip}"},
		"before what is everybody's":    {testGate + cache + "reverse_proxy 127.0.0.1:8888 {\nheader_up Host {host}\nheader_up X-Scheme {scheme}\nheader_up X-Path {path}\nheader_up X-T {tier}\n}", ""},
		"before a cookie's upstream":    {testGate + cache + "reverse_proxy 127.0.0.1:8888 127.0.0.1:8889 {\nlb_policy cookie\n}", "an lb_policy cookie"},
		"before an address's upstream":  {testGate + cache + "reverse_proxy 127.0.0.1:8888 127.0.0.1:8889 {\nlb_policy client_ip_hash\n}", "an lb_policy client_ip_hash"},
		"before a URI's upstream":       {testGate + cache + "reverse_proxy 127.0.0.1:8888 127.0.0.1:8889 {\nlb_policy uri_hash\n}", ""},
		"before a rule for responses":   {testGate + cache + "reverse_proxy 127.0.0.1:8888 {\nhandle_response {\nrespond 451\n}\n}", "a handle_response"},
		"before a header in route":      {"route {\n" + testGate + cache + "header Cache-Control max-age=5\n" + proxy + "}", ""},
		"before a viewer's header":      {"route {\n" + testGate + cache + "header X-For {http.request.remote.host}\n" + proxy + "}", "the placeholder {http.request.remote.host}"},
		"before a request_header":       {"route {\n" + testGate + cache + "request_header X-A b\n" + proxy + "}", "stands request_header"},
		"before a rewrite in route":     {"route {\n" + testGate + cache + "rewrite * /x\n" + proxy + "}", "stands rewrite, uri, method or try_files"},
		"before map in route":           {"route {\n" + testGate + cache + "map {http.request.cookie.tier} {x} {\na b\n}\n" + proxy + "}", "stands map"},
		"before vars in route":          {"route {\n" + testGate + cache + "vars ip {remote_host}\n" + proxy + "}", "stands vars"},
		"before files that match":       {"route {\n" + testGate + cache + "@b file {\ntry_files /a\n}\nrespond @b 403\n" + proxy + "}", "the matcher file"},
		"before a rule outside":         {testGate + handle + cache + "reverse_proxy /live/vod/* 127.0.0.1:8887\n}\n@banned remote_ip 127.0.0.2\nroute @banned {\nrespond 403\n}\n" + proxy, "the matcher remote_ip"},
		"before a rule outside route":   {"route {\n" + testGate + "route {\n" + cache + "reverse_proxy /live/vod/* 127.0.0.1:8887\n}\n@banned remote_ip 127.0.0.2\nrespond @banned 403\n" + proxy + "}", "the matcher remote_ip"},
		"before a rule never reached":   {"route {\n" + testGate + "route {\n" + cache + proxy + "}\n@banned remote_ip 127.0.0.2\nrespond @banned 403\n" + proxy + "}", ""},
		"inside of handle_response":     {testGate + "reverse_proxy 127.0.0.1:8888 {\n@m status 404\nhandle_response @m {\nroute {\n" + cache + proxy + "}\n}\n}", "inside of another handler"},
		"inside of intercept":           {testGate + "intercept {\nhandle_response {\nroute {\n" + cache + proxy + "}\n}\n}\n" + proxy, "inside of another handler"},
		"inside and outside":            {testGate + "intercept {\nhandle_response {\nroute {\n" + cache + proxy + "}\n}\n}\n" + cache + proxy, "inside of another handler"},
		"before a name that is dropped": {testGate + cache + "@p query CMCD=*\nreverse_proxy @p 127.0.0.1:8887\n" + proxy, "write cmcd keep"},
		"before a name that is ignored": {testGate + "playgate_cache {\nignore_query x\n}\n@p query x=*\nreverse_proxy @p 127.0.0.1:8887\n" + proxy, "a matcher behind playgate_cache looks for it"},
		"ignoring what tells streams":   {"playgate {\nstream /play/* {\nquery name {org}-{stream}\npin url x\n}\n}\nplaygate_cache {\nignore_query a name\n}\n" + proxy, "ignore_query name: the gate has it as query or pin"},
		"ignoring what is pinned":       {"playgate {\nstream /play/* {\nquery name {org}-{stream}\npin url x\n}\n}\nplaygate_cache {\nignore_query url\n}\n" + proxy, "ignore_query url: the gate has it as query or pin"},
		"without, in a second handle":   {handle + testGate + cache + proxy + "}\nhandle {\n" + testGate + cache + "}", "behind it in its own block"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, address := range []string{"http://live.example.com", "http://:8080"} {
				expect(t, loads(t, "", address+" {\n"+tc.site+"\n}\n"), tc.says)
			}
			const other = " {\nhandle {\nreverse_proxy 127.0.0.1:9999\n}\n}\n"
			expect(t, loads(t, "", "http://a.example.com"+other+"http:// {\n"+tc.site+"\n}\n"), tc.says)
			expect(t, loads(t, "", "http://live.example.com {\n"+tc.site+"\n}\nhttp://"+other), tc.says)
		})
	}
	expect(t, loads(t, "", "&(media) {\nroute {\n"+testGate+cache+proxy+"}\n}\nhttp://a.example.com {\ninvoke media\n}"), "in a named route")
	expect(t, loads(t, "", "(media) {\n"+testGate+cache+proxy+"}\nhttp://a.example.com {\nimport media\n}\nhttp://b.example.com {\nimport media\n}"), "")
	expect(t, loads(t, "", "&(media) {\n"+proxy+"}\nhttp://a.example.com {\nroute {\n"+testGate+cache+"invoke media\n}\n}"), "stands invoke")
	const (
		other = `{"match":[{"host":["a.example.com"]}],"handle":[{"handler":"subroute","routes":[{"handle":[` + proxyJSON + `]}]}]`
		own   = `{"handle":[` + gateJSON + `,{"handler":"playgate_cache"},` + proxyJSON + `]}`
	)
	expect(t, loadsJSON(t, `{"listen":[":8080"],"routes":[`+other+`,"terminal":true},`+own+`]}`, ""), "") // another site
	expect(t, loadsJSON(t, `{"listen":[":8080"],"routes":[`+own+`,`+other+`}]}`, ""), "beside a handle")
	const (
		partly = `{"handle":[` + gateJSON + `,{"handler":"playgate_cache"}]},{"match":[{"path":["/a/*"]}],"handle":[` + proxyJSON + `]}`
		banned = `{"match":[{"remote_ip":{"ranges":["127.0.0.2"]}}],"handle":[{"handler":"static_response","status_code":403}],"terminal":true}`
		ended  = `{"handle":[` + gateJSON + `,{"handler":"playgate_cache"},` + proxyJSON + `],"terminal":true}`
	)
	expect(t, loadsJSON(t, `{"listen":[":8080"],"routes":[`+partly+`,`+banned+`,{"handle":[`+proxyJSON+`]}]}`, ""), "the matcher remote_ip")
	expect(t, loadsJSON(t, `{"listen":[":8080"],"routes":[`+ended+`,`+banned+`]}`, ""), "")
}
