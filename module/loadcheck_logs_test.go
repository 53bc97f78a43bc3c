package module_test

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap/zapcore"
)

func init() { caddy.RegisterModule(otherCore{}) }

// otherCore gets log entries, with all their fields, beside the encoder of a log:
// caddy.logging.cores.other.
type otherCore struct {
	zapcore.Core `json:"-"`
}

func (otherCore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.cores.other", New: func() caddy.Module { return &otherCore{zapcore.NewNopCore()} }}
}

func (o *otherCore) With([]zapcore.Field) zapcore.Core { return o }

func (o *otherCore) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.AddCore(e, o)
}

func (*otherCore) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

// logs must have the playgate encoder outermost where they take what a gate's server
// writes of requests.
func TestLogsThatWouldWriteTokens(t *testing.T) {
	testKeys(t)
	const (
		format = "format playgate"
		media  = testGate + "respond media\n"
		passed = passingGate + "respond media\n"
	)
	log := func(name string, lines ...string) string {
		return "log " + name + " {\n" + strings.Join(lines, "\n") + "\n}\n"
	}
	says := func(name string) string {
		return `log ` + name + ` would write tokens; write "format playgate" (or "format playgate <encoder>") into it`
	}
	dir := t.TempDir()
	file := "output file " + dir + "/a.log"
	for name, tc := range map[string]struct{ global, site, says string }{
		"no log":                           {"", media, ""},
		"no log, at DEBUG":                 {"debug", media, ""},
		"no access log":                    {log("", "format json"), media, ""},
		"a bare log":                       {"", "log\n" + media, says("default")},
		"a bare log and a global one":      {log("", format), "log\n" + media, ""},
		"a bare log and a global json":     {log("", "format json"), "log\n" + media, says("default")},
		"json":                             {"", log("", "format json") + media, says("log0")},
		"console":                          {"", log("", "format console") + media, says("log0")},
		"only a level":                     {"", log("", "level INFO") + media, says("log0")},
		"only an output":                   {"", log("", file) + media, says("log0")},
		"with a global format only":        {log("", format), log("", file) + media, says("log0")},
		"playgate":                         {"", log("", format) + media, ""},
		"playgate console":                 {"", log("", "format playgate console") + media, ""},
		"playgate around filter":           {"", log("", "format playgate {\nwrap filter {\nrequest>uri delete\n}\n}") + media, ""},
		"filter around playgate":           {"", log("", "format filter {\nwrap playgate\nrequest>uri delete\n}") + media, says("log0")},
		"append around playgate":           {"", log("", "format append {\nwrap playgate\na b\n}") + media, says("log0")},
		"filter of the query":              {"", log("", "format filter {\nrequest>uri query {\nreplace token X\n}\n}") + media, says("log0")},
		"discard":                          {"", log("", "output discard") + media, ""},
		"level ERROR":                      {"", log("", "level ERROR") + media, says("log0")},
		"level FATAL":                      {"", log("", "level FATAL") + media, ""},
		"sampled":                          {"", log("", "sampling {\nfirst 1\nthereafter 1000000\n}") + media, says("log0")},
		"sampled playgate":                 {"", log("", format, "sampling {\nfirst 1\nthereafter 1000000\n}") + media, ""},
		"with another core":                {"", log("", format, "core other") + media, says("log0")},
		"discarded, with another core":     {log("", "output discard", "core other"), "log\n" + media, says("default")},
		"two logs, one without":            {"", log("a", format) + log("b", file) + media, says("b")},
		"two logs, the other without":      {"", log("a", file) + log("b", format) + media, says("a")},
		"two logs with":                    {"", log("a", format) + log("b", format, file) + media, ""},
		"a global log of access":           {log("all", "include http.log.access", file), log("", format) + media, says("all")},
		"a global log of everything":       {log("all", "include http", file), log("", format) + media, says("all")},
		"a global log of this access":      {log("all", "include http.log.access.mine", file), log("mine", format) + media, says("all")},
		"a global log of other things":     {log("all", "include admin.api http.handlers tls", file), log("", format) + media, ""},
		"excluded":                         {log("all", "include http", "exclude http.log", file), log("", format) + media, ""},
		"excluded by name":                 {log("all", "include http", "exclude http.log.access.mine", file), log("mine", format) + media, ""},
		"log_name":                         {"", log("a", format, "no_hostname") + "log_name a\n" + media, ""},
		"log_name of no log":               {"", log("a", format) + "log_name b\n" + media, says("default")},
		"log_name of a log without":        {"", log("", format) + log("b", file, "no_hostname") + "log_name b\n" + media, says("b")},
		"log_name below, of a log without": {"", log("", format) + log("b", file, "no_hostname") + testGate + "handle {\nlog_name b\nrespond media\n}", says("b")},

		"errors pass, no log":               {"", passed, says("default")},
		"errors pass, no log, at DEBUG":     {"debug", passed, says("default")},
		"errors pass, global json":          {log("", "format json"), passed, says("default")},
		"errors pass, global":               {log("", format), passed, ""},
		"errors pass, global discard":       {log("", "output discard"), passed, ""},
		"errors pass, only the site's log":  {"", log("", format) + passed, says("default")},
		"errors pass, both":                 {log("", format), log("", format) + passed, ""},
		"errors pass, a log of errors":      {log("", format) + log("e", "include http.log.error", file), passed, says("e")},
		"errors pass, no log of errors":     {log("", "exclude http.log.error"), passed, ""},
		"errors do not pass, log of errors": {log("", format) + log("e", "include http.log.error", file), media, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, address := range []string{"http://live.example.com", "http://:8080", "http://a.example.com, http://b.example.com:8080"} {
				if strings.HasPrefix(name, "two logs") && address == "http://:8080" {
					continue // Caddy uses the last one alone
				}
				expect(t, loads(t, tc.global, address+" {\n"+tc.site+"\n}\n"), tc.says)
			}
		})
	}
}

// The logs of other sites of the server count, for they take entries of the same server
// with what pages of them write into a Referer; those of other servers do not.
func TestLogsOfOtherSites(t *testing.T) {
	testKeys(t)
	const (
		gate  = "http://live.example.com {\n" + testGate + "respond media\n%LOG%\n}\n"
		with  = "log {\nformat playgate\n}"
		other = " {\nlog\nrespond page\n}\n"
	)
	for name, tc := range map[string]struct{ sites, says string }{
		"same server":                  {gate + "http://www.example.com" + other, "log default would write tokens"},
		"same server, both have logs":  {strings.ReplaceAll(gate, "%LOG%", with) + "http://www.example.com" + other, "log default would write tokens"},
		"another port":                 {gate + "http://www.example.com:8081" + other, ""},
		"another port, both have logs": {strings.ReplaceAll(gate, "%LOG%", with) + "http://www.example.com:8081" + other, ""},
		"the other redacts":            {gate + "http://www.example.com {\n" + with + "\nrespond page\n}", ""},
		"the other is for any host":    {gate + "http:// {\n" + with + "\nrespond page\n}", ""},
		"the gate is for any host":     {strings.ReplaceAll(gate, "http://live.example.com", "http://") + "http://www.example.com {\n" + with + "\nrespond page\n}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, loads(t, "", strings.ReplaceAll(tc.sites, "%LOG%", "")), tc.says)
		})
	}
}

// JSON is judged as Caddyfiles are.
func TestLogsThatWouldWriteTokensInJSON(t *testing.T) {
	testKeys(t)
	const (
		redacting = `{"encoder":{"format":"playgate"},"include":["http.log.access.a"]}`
		writing   = `{"encoder":{"format":"json"},"include":["http.log.access.a"]}`
		hosted    = `[{"match":[{"host":["live.example.com"]}],"handle":[` + gateJSON + `,` + proxyJSON + `]}]`
		anyHost   = `[{"handle":[` + gateJSON + `,` + proxyJSON + `]}]`
	)
	passing := strings.ReplaceAll(anyHost, `"handler":"playgate"`, `"handler":"playgate","errors_pass":true`)
	for name, tc := range map[string]struct{ routes, logs, logging, says string }{
		"none":                        {anyHost, ``, ``, ""},
		"empty":                       {anyHost, `{}`, ``, "log default would write tokens"},
		"empty, default redacts":      {anyHost, `{}`, `{"default":{"encoder":{"format":"playgate"}}}`, ""},
		"named by default":            {anyHost, `{"default_logger_name":"a"}`, `{"a":` + writing + `,"default":{"exclude":["http.log.access.a"]}}`, "log a would write tokens"},
		"named by default, redacts":   {anyHost, `{"default_logger_name":"a"}`, `{"a":` + redacting + `,"default":{"exclude":["http.log.access.a"]}}`, ""},
		"default takes it too":        {anyHost, `{"default_logger_name":"a"}`, `{"a":` + redacting + `}`, "log default would write tokens"},
		"one host of many":            {anyHost, `{"logger_names":{"live.example.com":["a"]}}`, `{"a":` + redacting + `,"default":{"exclude":["http.log.access.a"]}}`, "log default would write tokens"},
		"one host, others skipped":    {anyHost, `{"logger_names":{"live.example.com":["a"]},"skip_unmapped_hosts":true}`, `{"a":` + redacting + `,"default":{"exclude":["http.log.access.a"]}}`, ""},
		"the host of the gate":        {hosted, `{"logger_names":{"LIVE.example.com":["a"]}}`, `{"a":` + redacting + `,"default":{"exclude":["http.log.access.a"]}}`, ""},
		"the host, writing":           {hosted, `{"logger_names":{"live.example.com":["a"]}}`, `{"a":` + writing + `,"default":{"exclude":["http.log.access.a"]}}`, "log a would write tokens"},
		"another host":                {hosted, `{"logger_names":{"www.example.com":["a"]}}`, `{"a":` + redacting + `,"default":{"exclude":["http.log.access.a"]}}`, "log default would write tokens"},
		"another host, gate skipped":  {hosted, `{"logger_names":{"www.example.com":["a"]},"skip_hosts":["live.example.com"]}`, `{"a":` + redacting + `,"default":{"exclude":["http.log.access.a"]}}`, ""},
		"errors pass":                 {passing, ``, ``, "log default would write tokens"},
		"errors pass, encoder inside": {passing, ``, `{"default":{"encoder":{"format":"filter","wrap":{"format":"playgate"},"fields":{"a":{"filter":"delete"}}}}}`, "log default would write tokens"},
		"errors pass, redacts":        {passing, ``, `{"default":{"encoder":{"format":"playgate"}}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := `{"listen":[":8080"],"routes":` + tc.routes
			if tc.logs != "" {
				server += `,"logs":` + tc.logs
			}
			expect(t, loadsJSON(t, server+"}", tc.logging), tc.says)
		})
	}
}
