package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// docBlock is a fenced block of README.md or docs/.
type docBlock struct {
	file string
	line int
	info string // what stands behind the fence: "caddyfile site"
	text string
}

func (b docBlock) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// docFiles are README.md, CHANGELOG.md and everything in docs/, by their names
// from the root.
func docFiles(t *testing.T) map[string]string {
	t.Helper()
	root := harness.Root(t)
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no documentation in docs/: %v", err)
	}
	files := map[string]string{}
	for _, path := range append(paths, filepath.Join(root, "README.md"), filepath.Join(root, "CHANGELOG.md")) {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(name)] = sourceText(t, name)
	}
	return files
}

// sourceText is a file of the repository.
func sourceText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// docBlocks are all fenced blocks of a language. A block inside a list is
// indented with blanks, which are not part of it.
func docBlocks(t *testing.T, language string) []docBlock {
	t.Helper()
	var blocks []docBlock
	for name, text := range docFiles(t) {
		var open *docBlock
		indent := ""
		for i, line := range strings.Split(text, "\n") {
			bare := strings.TrimLeft(line, " ")
			switch {
			case open != nil && bare == "```":
				if word, _, _ := strings.Cut(open.info, " "); word == language {
					blocks = append(blocks, *open)
				}
				open = nil
			case open != nil:
				open.text += strings.TrimPrefix(line, indent) + "\n"
			case strings.HasPrefix(bare, "```"):
				indent = line[:len(line)-len(bare)]
				open = &docBlock{file: name, line: i + 1, info: strings.TrimPrefix(bare, "```")}
			}
		}
		if open != nil {
			t.Errorf("%v: the block is not closed", open)
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("no %s block in the documentation", language)
	}
	return blocks
}

// block is the one block of a language that holds a text.
func block(t *testing.T, language, holds string) string {
	t.Helper()
	var found []docBlock
	for _, b := range docBlocks(t, language) {
		if strings.Contains(b.text, holds) {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d %s blocks hold %q, wanted one: %v", len(found), language, holds, found)
	}
	return found[0].text
}

// docKey is the key file that the documentation writes.
const docKey = "/etc/playgate/public.jwk"

// docCaddyfile makes a whole Caddyfile of a block: what is missing is what the
// first example of the README has.
func docCaddyfile(t *testing.T, b docBlock) string {
	t.Helper()
	const (
		app  = "\tplaygate {\n\t\tkey main {\n\t\t\tfile " + docKey + "\n\t\t}\n\t}\n"
		gate = "\tplaygate {\n\t\tstream /{org}/{stream}/*\n\t}\n"
	)
	switch b.info {
	case "caddyfile", "caddyfile edge", "caddyfile distant":
		return b.text
	case "caddyfile global":
		return "{\n" + indented(b.text) + app + "}\n\nlive.example.com {\n" + gate + "\treverse_proxy 127.0.0.1:8888\n}\n"
	case "caddyfile site":
		lines := indented(b.text)
		if !strings.Contains(lines, "\tplaygate {") {
			lines = gate + lines
		}
		if !strings.Contains(lines, "\treverse_proxy ") {
			lines += "\treverse_proxy 127.0.0.1:8888\n"
		}
		return "{\n" + app + "}\n\nlive.example.com {\n" + lines + "}\n"
	}
	t.Errorf("%v: %q is no marker; write caddyfile alone, or with global, site or reference", b, b.info)
	return ""
}

func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			out.WriteByte('\t')
		}
		out.WriteString(line)
	}
	return out.String()
}

// Every Caddyfile in the documentation can be loaded, and is formatted as
// `playgate fmt` does it.
func TestDocsCaddyfiles(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	for _, b := range docBlocks(t, "caddyfile") {
		if b.info == "caddyfile reference" {
			continue // no configuration; see TestDocsReference
		}
		t.Run(b.String(), func(t *testing.T) {
			t.Parallel()
			text := strings.ReplaceAll(docCaddyfile(t, b), docKey, key.PublicFile)
			if strings.Contains(text, "\tkey ") && !strings.Contains(text, key.PublicFile) {
				t.Errorf("the key is not called %s", docKey)
			}
			path := filepath.Join(t.TempDir(), "Caddyfile")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r := harness.Playgate(t, "validate", "--config", path, "--adapter", "caddyfile")
			if r.Code != 0 {
				t.Errorf("cannot be loaded:\n%s\n%s", text, r.Text())
			}
			if strings.Contains(r.Text(), "not formatted") {
				t.Errorf("is not formatted:\n%s", text)
			}
		})
	}
}

// syntaxSources are the files whose comments hold the syntax of what can be
// written into a Caddyfile.
var syntaxSources = []string{
	"module/app/caddyfile.go",
	"module/gate/caddyfile.go",
	"module/gate/health.go",
	"module/cache/caddyfile.go",
	"module/api/handler.go",
	"module/player/caddyfile.go",
	"module/console/caddyfile.go",
	"module/logging/encoder.go",
}

// godocSyntax is the indented block behind "Syntax:" in a comment.
func godocSyntax(t *testing.T, file string) string {
	t.Helper()
	var syntax strings.Builder
	begun := false
	for line := range strings.Lines(sourceText(t, file)) {
		line = strings.TrimSuffix(line, "\n")
		code, ok := strings.CutPrefix(line, "//\t")
		switch {
		case !begun:
			begun = strings.HasPrefix(line, "//") && strings.HasSuffix(line, "Syntax:")
		case ok:
			syntax.WriteString(code + "\n")
		case syntax.Len() > 0:
			return syntax.String()
		}
	}
	t.Fatalf("%s has no block behind Syntax:", file)
	return ""
}

// The reference is the text of the Go sources, byte for byte.
func TestDocsReference(t *testing.T) {
	t.Parallel()
	var documented []string
	for _, b := range docBlocks(t, "caddyfile") {
		if b.info == "caddyfile reference" {
			documented = append(documented, b.text)
		}
	}
	for _, file := range syntaxSources {
		syntax := godocSyntax(t, file)
		at := slices.Index(documented, syntax)
		if at < 0 {
			t.Errorf("no reference block is equal to the syntax in %s:\n%s", file, syntax)
			continue
		}
		documented = slices.Delete(documented, at, at+1)
	}
	for _, text := range documented {
		t.Errorf("a reference block is not the syntax of any source:\n%s", text)
	}
}

var (
	reasonConst = regexp.MustCompile(`(?m)^\t(\w+)\s+Reason = "(\w+)"$`)
	reasonEntry = regexp.MustCompile(`(?m)^\t(\w+):\s+\{http\.(Status\w+), `)
	reasonRow   = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d+) \\| .+ \\|$")
	heading     = regexp.MustCompile(`(?m)^## (.+)$`)
)

// sourceReasons are the reasons in the source, each with its status.
func sourceReasons(t *testing.T) map[string]int {
	t.Helper()
	source := sourceText(t, "module/internal/access/reason.go")
	statuses := map[string]int{}
	for code := 100; code < 600; code++ {
		statuses["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(http.StatusText(code))] = code
	}
	status := map[string]int{}
	for _, m := range reasonEntry.FindAllStringSubmatch(source, -1) {
		if status[m[1]] = statuses[m[2]]; status[m[1]] == 0 {
			t.Fatalf("reason.go: no status is called %s", m[2])
		}
	}
	reasons := map[string]int{}
	for _, m := range reasonConst.FindAllStringSubmatch(source, -1) {
		reasons[m[2]] = status[m[1]]
	}
	if len(reasons) < 15 || len(reasons) != len(status) {
		t.Fatalf("reason.go could not be read: %d reasons, %d statuses", len(reasons), len(status))
	}
	return reasons
}

// Every reason has its row in the README, with its status, and its heading
// where the answers link to; and nothing else has.
func TestDocsReasons(t *testing.T) {
	t.Parallel()
	reasons := sourceReasons(t)
	rows := map[string]string{}
	for _, m := range reasonRow.FindAllStringSubmatch(sourceText(t, "README.md"), -1) {
		rows[m[1]] = m[2]
	}
	const page = "docs/refusals.md"
	if !strings.Contains(sourceText(t, "module/gate/refusal.go"), "/"+page+`#"`) {
		t.Errorf("the gate's answers do not link to %s", page)
	}
	var headings []string
	for _, m := range heading.FindAllStringSubmatch(sourceText(t, page), -1) {
		headings = append(headings, m[1])
	}
	for reason, status := range reasons {
		if rows[reason] != strconv.Itoa(status) {
			t.Errorf("the README gives %s the status %q, and the source %d", reason, rows[reason], status)
		}
		if !slices.Contains(headings, reason) {
			t.Errorf("%s has no heading %q", page, "## "+reason)
		}
	}
	for reason := range rows {
		if _, ok := reasons[reason]; !ok {
			t.Errorf("the README has a row for %s, which is no reason", reason)
		}
	}
	if !slices.Contains(headings, "forbidden") {
		t.Errorf("%s has no heading for what terse answers call every 403", page)
	}
	for _, h := range headings {
		if _, ok := reasons[h]; !ok && h != "forbidden" && !strings.Contains(h, " ") {
			t.Errorf("%s explains %s, which is no reason", page, h)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Links inside the repository lead somewhere.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	for name, text := range docFiles(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			to := text
			if path != "" {
				to = sourceText(t, filepath.ToSlash(filepath.Join(filepath.Dir(name), path)))
			}
			if anchor != "" && !slices.Contains(anchors(to), anchor) {
				t.Errorf("%s: %s: no heading of that name", name, m[1])
			}
		}
	}
}

// anchors are the names that GitHub gives to headings, as far as ours need it.
func anchors(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if level := strings.IndexFunc(line, func(r rune) bool { return r != '#' }); level > 0 && line[level] == ' ' {
			names = append(names, strings.ReplaceAll(strings.ToLower(strings.TrimSpace(line[level:])), " ", "-"))
		}
	}
	return names
}

// serveDocs runs a Caddyfile of the documentation. It keeps every line but the
// addresses, which are those of the test.
func serveDocs(t *testing.T, b docBlock, origin, documentedOrigin string) *guarded {
	t.Helper()
	key := harness.NewKey(t, "main", "EdDSA")
	text := docCaddyfile(t, b)
	for _, r := range [][2]string{
		{"{\n\tplaygate {", "{\n" + globals + "\tplaygate {"},
		{"live.example.com {", addresses + " {\n\tlog {\n\t\tformat playgate json\n\t}"},
		{docKey, "{$KEY}"},
		{documentedOrigin, "{$ORIGIN}"},
	} {
		if !strings.Contains(text, r[0]) {
			t.Fatalf("the Caddyfile does not hold %q:\n%s", r[0], text)
		}
		text = strings.Replace(text, r[0], r[1], 1)
	}
	server := harness.Serve(t, text, harness.Env{"KEY": key.PublicFile, "ORIGIN": origin})
	return &guarded{Server: server, key: key}
}

// The recipe for MediaMTX, which is the README's first Caddyfile.
func TestDocsMediaMTX(t *testing.T) {
	t.Parallel()
	origin := harness.MediaMTX(t)
	text := block(t, "caddyfile", "key main {\n")
	g := serveDocs(t, docBlock{info: "caddyfile", text: text}, origin.Addr, "127.0.0.1:8888")
	plays(t, g, "/org1/cam/index.m3u8", g.key.Token(t, "--org", "org1", "--stream", "cam"), 6)
}

// The recipe for MediaMTX and a cache: viewers share what MediaMTX gives a CDN, and its
// restart is not hidden by a first playlist from memory.
func TestDocsMediaMTXBehindTheCache(t *testing.T) {
	t.Parallel()
	origin, restart := harness.MediaMTXForCDN(t, "only for tests")
	text := strings.Replace(block(t, "caddyfile", "HLS_CDN_SECRET"), "{$HLS_CDN_SECRET}", "only for tests", 1)
	g := serveDocs(t, docBlock{info: "caddyfile site", text: text}, origin.Addr, "127.0.0.1:8888")
	first := "/org1/cam/index.m3u8?token=" + g.key.Token(t, "--org", "org1", "--stream", "cam")
	fetched := map[string]int{}
	for viewer := range 6 {
		if viewer == 4 {
			restart()
		}
		for _, visit := range harness.Walk(t, g.Plain()+first) {
			if visit.Status != http.StatusOK {
				t.Errorf("viewer %d: %s: %d %s", viewer+1, visit.URL, visit.Status, visit.Body)
			}
		}
	}
	for _, call := range origin.Calls() {
		fetched[call.Target]++
		if len(call.Values("Cookie")) > 0 || strings.Contains(call.Target, "session=") {
			t.Errorf("the origin has a session of a viewer:\n%s", call.Head)
		}
	}
	for target, n := range fetched {
		switch {
		case target == "/org1/cam/index.m3u8" && n != 6:
			t.Errorf("first playlist: %d requests", n)
		case strings.HasSuffix(target, ".m4s") && n != 1, strings.HasSuffix(target, ".mp4") && n != 1:
			t.Errorf("%s: %d requests for six viewers", target, n)
		}
	}
	if len(fetched) < 5 {
		t.Errorf("the origin got %v", fetched)
	}
	harness.Play(t, g.Plain()+first)
}

// The recipe for nginx-rtmp, with a real nginx and a real publisher: it plays,
// and nobody gets around the gate by RTMP.
func TestDocsNginxRTMP(t *testing.T) {
	t.Parallel()
	rtmp, hls := harness.Loopback(harness.Port(t)), harness.Loopback(harness.Port(t))
	startDocsNginx(t, rtmp, hls)
	const gate = "reverse_proxy 127.0.0.1:8081\n"
	g := serveDocs(t, docBlock{info: "caddyfile site", text: block(t, "caddyfile", gate)}, hls, "127.0.0.1:8081")
	plays(t, g, "/live/acme/cam1/index.m3u8", g.key.Token(t, "--org", "acme", "--stream", "cam1"), 3)

	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-rw_timeout", "10000000", "rtmp://"+rtmp+"/acme/cam1").CombinedOutput()
	if err == nil {
		t.Errorf("the stream plays by RTMP, without the gate\n%s", out)
	}
}

// startDocsNginx runs nginx with the README's configuration and publishes the
// stream cam1 to it.
func startDocsNginx(t *testing.T, rtmp, hls string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "srv", "live", "acme"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := block(t, "nginx", "hls_nested on;")
	for _, r := range [][2]string{
		{"listen 1935;", "listen " + rtmp + ";"},
		{"listen 127.0.0.1:8081;", "listen " + hls + ";"},
		{"hls_path /srv/hls/", "hls_path " + dir + "/srv/"},
		{"root /srv/hls;", "root " + dir + "/srv;"},
		{"http {\n", "http {\n\taccess_log off;\n"},
	} {
		if strings.Count(conf, r[0]) != 1 {
			t.Fatalf("the README's nginx configuration holds %q %d times", r[0], strings.Count(conf, r[0]))
		}
		conf = strings.Replace(conf, r[0], r[1], 1)
	}
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		conf = strings.Replace(conf, "http {\n", "http {\n\t"+name+"_temp_path "+dir+"/"+name+";\n", 1)
	}
	head := "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\npid " + dir + "/nginx.pid;\nevents {}\n" + harness.NginxUser() + "\n"
	server := harness.StartNginx(t, dir, head+conf)
	playlist := "http://" + hls + "/live/acme/cam1/index.m3u8"
	harness.Wait(t, "nginx to listen", func() bool { return answers(playlist) || server.Ended() })

	args := append([]string{"-re"}, harness.Source(600)...)
	args = append(args, "-f", "flv", "rtmp://"+rtmp+"/acme/cam1")
	publisher := harness.StartProcess(t, os.Environ(), dir, "ffmpeg", args...)
	harness.Wait(t, "live HLS from nginx-rtmp", func() bool {
		if publisher.Ended() || server.Ended() {
			t.Fatal("nginx or its publisher ended")
		}
		return strings.Count(string(harness.Curl(t, playlist).Body), "#EXTINF") >= 3
	})
}

func answers(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

// The recipe for H5Live: the stream is in the query, the token is jwtoken, and
// the source is the one that is pinned.
func TestDocsH5Live(t *testing.T) {
	t.Parallel()
	origin := harness.NewOrigin(t, nil)
	text := block(t, "caddyfile", "pin url")
	g := serveDocs(t, docBlock{info: "caddyfile site", text: text}, origin.Addr, "127.0.0.1:8181")
	token := g.key.Token(t, "--org", "XXXXX", "--stream", "XXXXX-YYYYY")
	const path = "/h5live/http/stream.mp4?"
	for _, tc := range []struct{ query, arrives string }{
		{"stream=XXXXX-YYYYY", "stream=XXXXX-YYYYY&url=rtmp://127.0.0.1/play"},
		{"url=rtmp%3A%2F%2F127.0.0.1%2Fplay&stream=XXXXX-YYYYY", "url=rtmp%3A%2F%2F127.0.0.1%2Fplay&stream=XXXXX-YYYYY"},
	} {
		g.allowed(t, g.get(t, path+tc.query+"&jwtoken="+token))
		if got := origin.Last(t).Target; got != path+tc.arrives {
			t.Errorf("the origin was asked for %s instead of %s", got, path+tc.arrives)
		}
	}
	mark := len(origin.Raw())
	for _, tc := range []struct {
		query, reason string
		status        int
	}{
		{"stream=XXXXX-YYYYY", "missing_token", 401},
		{"stream=XXXXX-ZZZZZ&jwtoken=" + token, "wrong_stream", 403},
		{"stream=ZZZZZ-YYYYY&jwtoken=" + token, "wrong_org", 403},
		{"stream=XXXXX-YYYYY&url=rtmp://192.0.2.1/play&jwtoken=" + token, "bad_request", 400},
		{"jwtoken=" + token, "no_stream", 404},
	} {
		g.refused(t, g.get(t, path+tc.query), tc.status, tc.reason)
	}
	origin.SawNothing(t, mark)
}
