package integration_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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

// runbook runs the boxes of docs/operations.md as they are typed: with the
// programs of an operator, of which some lead to this test.
type runbook struct {
	*fleet
	dir string // where it is typed
	env []string
}

// the commands that are not what they are on an operator's machine. EDGE is the
// machine on which one is typed.
var runbookCommands = map[string]string{
	"playgate": `case "$1" in
version) exec "$BINARY" version ;;
reload) set -- "$@" --adapter caddyfile --address "$(cat "$MACHINES/$EDGE/admin")" ;;
validate) set -- "$@" --adapter caddyfile ;;
*) set -- "$@" --address "$(cat "$MACHINES/$EDGE/admin")" ;;
esac
if [ "$1 $2" = "token explain" ]; then # the gates here are those of other hosts
	args=()
	for a; do args+=("${a//https:\/\/live.example.com/http://$(cat "$MACHINES/$EDGE/http")}"); done
	set -- "${args[@]}"
fi
set -a; . "$MACHINES/$EDGE/env"; set +a
exec "$BINARY" "$@"`,
	"curl": `args=()
for a; do
	a=${a//http:\/\/localhost:2019/http://$(cat "$MACHINES/$EDGE/admin")}
	a=${a//http:\/\/localhost\//http://$(cat "$MACHINES/$EDGE/http")/}
	a=${a//https:\/\/live.example.com/http://$(cat "$MACHINES/edge1/http")}
	args+=("$a")
done
exec "$CURL" "${args[@]}"`,
	"ssh": `export EDGE=$1; shift
command="$*"
here=$(cat "$MACHINES/edge1/data") there=$(cat "$MACHINES/$EDGE/data" 2>/dev/null)
command=${command//"$here"/"$there"}
here=$(cat "$MACHINES/edge1/caddyfile") there=$(cat "$MACHINES/$EDGE/caddyfile" 2>/dev/null)
command=${command//"$here"/"$there"}
exec bash -c "$command"`,
	"systemctl": `exec "$CURL" -fsS "$CONTROL/$EDGE/$2/$1"`,
}

// startRunbook has three edges, of which the first only reports.
func startRunbook(t *testing.T, handler http.Handler) *runbook {
	t.Helper()
	f := &fleet{nats: harness.StartNATS(t, 3, "always"), origin: harness.NewOrigin(t, handler)}
	f.js = f.nats.Client()
	b := &runbook{fleet: f, dir: t.TempDir()}
	f.add(t, harness.Binary(t), strings.Replace(edgeSite, liveRule, liveRule+"\n\t\treport_only on", 1))
	f.ready(t)
	f.add(t, harness.Binary(t), edgeSite)
	f.add(t, harness.Binary(t), edgeSite)
	f.ready(t)
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.control(t, w, r) }))
	t.Cleanup(control.Close)

	bin, machines := filepath.Join(b.dir, "bin"), filepath.Join(b.dir, "machines")
	write := func(path, text string, mode os.FileMode) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range runbookCommands {
		write(filepath.Join(bin, name), "#!/bin/bash\n"+text+"\n", 0o755)
	}
	for i, e := range f.edges {
		at := filepath.Join(machines, fmt.Sprintf("edge%d", i+1))
		var env strings.Builder
		for _, line := range e.Variables() {
			name, value, _ := strings.Cut(line, "=")
			fmt.Fprintf(&env, "%s='%s'\n", name, value)
		}
		for name, text := range map[string]string{"admin": e.Admin, "http": e.HTTP, "data": e.dir, "caddyfile": e.Caddyfile(), "env": env.String()} {
			write(filepath.Join(at, name), text, 0o600)
		}
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	b.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "MACHINES="+machines, "EDGE=edge1",
		"BINARY="+harness.Binary(t), "CURL="+curl, "CONTROL="+control.URL)
	return b
}

// control starts and stops what systemd would.
func (b *runbook) control(t *testing.T, w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	host, unit, verb := parts[0], parts[1], parts[2]
	n, err := strconv.Atoi(host[len(host)-1:])
	if err != nil {
		http.Error(w, "no such machine", http.StatusNotFound)
		return
	}
	switch unit + " " + verb {
	case "playgate stop":
		err = b.edges[n-1].Stop()
	case "playgate start":
		b.edges[n-1].Start()
	case "playgate restart":
		if err = b.edges[n-1].Stop(); err == nil {
			b.edges[n-1].Start()
		}
	case "nats-server stop":
		b.nats.Nodes[n-1].Kill()
	case "nats-server start":
		b.nats.Nodes[n-1].Start()
		b.nats.Nodes[n-1].Await()
	default:
		err = fmt.Errorf("%s %s", unit, verb)
	}
	if err != nil {
		t.Errorf("%s %s on %s: %v", verb, unit, host, err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// step is a command of a box, and what its answer holds.
type step struct {
	command string
	wants   []string
}

var edgeName = regexp.MustCompile(`^edge\d/`)

func stepsOf(text, hostname string) (steps []step) {
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		want, expects := strings.CutPrefix(line, "# → ")
		switch {
		case expects:
			last := &steps[len(steps)-1]
			last.wants = append(last.wants, edgeName.ReplaceAllString(want, hostname+"/"))
		case open:
			steps[len(steps)-1].command += "\n" + line
			open = line != "done"
		case line != "":
			steps = append(steps, step{command: line})
			open = strings.HasPrefix(line, "for ") && !strings.HasSuffix(line, "done")
		}
	}
	return steps
}

// run runs a box. What its variables hold is there in the next one.
func (b *runbook) run(t *testing.T, box docBlock) {
	t.Helper()
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"/etc/caddy/Caddyfile", b.edges[0].Caddyfile(),
		"/var/lib/caddy/.local/share/caddy/playgate", b.edges[0].dir,
	).Replace(box.text)
	var script strings.Builder
	script.WriteString("set -u\ncd " + b.dir + "\n[ ! -e vars ] || . ./vars\n")
	steps := stepsOf(text, hostname)
	for i, s := range steps {
		// What other edges are to know may take a moment.
		tries := 1
		if len(s.wants) > 0 {
			tries = 80
		}
		fmt.Fprintf(&script, "for try in $(seq %d); do\n{ %s\n} >out 2>&1; code=$?; tr -s ' \\t' ' ' <out >out.%d; echo $code >code.%d\nfound=yes\n", tries, s.command, i, i)
		for _, want := range s.wants {
			fmt.Fprintf(&script, "grep -qF -- '%s' out.%d || found=\n", want, i)
		}
		script.WriteString("[ -n \"$found\" ] && break\nsleep 0.25\ndone\n")
	}
	script.WriteString("declare -p TOKEN CHECK ID NEW OLD 2>/dev/null >vars || true\n")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Env = b.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", box, err, out)
	}
	for i, s := range steps {
		out, _ := os.ReadFile(filepath.Join(b.dir, fmt.Sprintf("out.%d", i)))
		code, _ := os.ReadFile(filepath.Join(b.dir, fmt.Sprintf("code.%d", i)))
		if strings.TrimSpace(string(code)) != "0" {
			t.Errorf("%v: %s\nends with %s\n%s", box, s.command, code, out)
		}
		for _, want := range s.wants {
			if !strings.Contains(string(out), want) {
				t.Errorf("%v: %s\ndoes not say %q:\n%s", box, s.command, want, out)
			}
		}
	}
}

// Every line of the operator's page does what it says, and nobody who plays with
// a token is dropped by a roll-out.
func TestDocsOperations(t *testing.T) {
	origin := new(endless)
	b := startRunbook(t, muxed(origin))
	var boxes []docBlock
	for _, box := range docBlocks(t, "sh") {
		if box.file == "docs/operations.md" && box.info == "sh run" {
			boxes = append(boxes, box)
		}
	}
	slices.SortFunc(boxes, func(x, y docBlock) int { return x.line - y.line })
	if len(boxes) < 10 {
		t.Fatalf("%d boxes", len(boxes))
	}
	for i, box := range boxes {
		b.run(t, box)
		switch i {
		case 1: // it only reports; whoever has a token plays
			token := b.edges[0].do(t, "token", "create", "--org", "acme", "--stream", "cam1", "--tag", "running")
			over, ended := crowd(t, b.edges[0].Server, 20, "/live/acme/cam1/stall?token="+token)
			b.run(t, boxes[2])
			if n := ended.Load(); n > 0 {
				t.Errorf("%d of 20 viewers were dropped by the roll-out", n)
			}
			// What began while the gate only reported is not cut; a restart ends it.
			if err := b.edges[0].Stop(); err != nil {
				t.Fatal(err)
			}
			<-over
			b.edges[0].Start()
			b.ready(t)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}
