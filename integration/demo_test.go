package integration_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// demo is what `playgate demo --json` prints.
type demo struct {
	Page      string
	StreamURL string `json:"stream_url"`
	Cases     []struct {
		Name, Curl, Reason string
		Status             int
	}
}

func startDemo(t *testing.T, args ...string) (*harness.Process, demo) {
	t.Helper()
	process := harness.StartProcess(t, os.Environ(), t.TempDir(), harness.Binary(t), append([]string{"demo", "--json"}, args...)...)
	var d demo
	harness.Wait(t, "the demo's URLs", func() bool {
		if process.Ended() {
			t.Fatal("the demo ended at start")
		}
		return json.Unmarshal([]byte(process.Stdout()), &d) == nil
	})
	harness.Wait(t, "the demo's page", func() bool { return harness.Curl(t, d.Page).Status == http.StatusOK })
	return process, d
}

// Within two seconds the demo prints five lines, one of them a page's URL.
// Other programs may take the machine's time, so the best of three counts.
func TestDemoIsQuick(t *testing.T) {
	const limit = 2 * time.Second
	best := time.Hour
	for range 3 {
		begun := time.Now()
		process := harness.StartProcess(t, os.Environ(), t.TempDir(), harness.Binary(t), "demo")
		harness.Wait(t, "five lines", func() bool { return strings.Count(process.Stdout(), "\n") >= 5 })
		best = min(best, time.Since(begun))
		page := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(process.Stdout())
		if got := strings.Count(process.Stdout(), "\n"); got != 5 || page == "" {
			t.Errorf("%d lines, page %q:\n%s", got, page, process.Stdout())
		}
		if err := process.End(syscall.SIGINT, 10*time.Second); err != nil {
			t.Errorf("the demo on Ctrl-C: %v", err)
		}
		if best <= limit {
			return
		}
	}
	t.Errorf("five lines after %v", best)
}

// A busy port is replaced and said.
func TestDemoOnABusyPort(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	process, d := startDemo(t, "--port", port)
	if strings.Contains(d.Page, ":"+port+"/") || !strings.Contains(process.Stderr(), port) {
		t.Errorf("page %s, and on standard error:\n%s", d.Page, process.Stderr())
	}
	if err := process.End(syscall.SIGINT, 10*time.Second); err != nil {
		t.Errorf("the demo on Ctrl-C: %v", err)
	}
	if a := harness.Curl(t, d.Page); a.Status != 0 {
		t.Errorf("after Ctrl-C the page answers %d", a.Status)
	}
}

// The demo: its stream plays with the token and refuses without, every curl
// line that it shows gives the status that it promises, and Ctrl-C ends it
// well.
func TestDemo(t *testing.T) {
	t.Parallel()
	process, d := startDemo(t)
	if len(d.Cases) < 5 {
		t.Errorf("the demo shows %d cases", len(d.Cases))
	}
	for _, c := range d.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if !strings.HasPrefix(c.Curl, "curl ") {
				t.Fatalf("not a curl line: %s", c.Curl)
			}
			// The line as a reader would paste it, asked for its status.
			line := "curl --silent --output /dev/null --write-out '\\n%{response_code}' " + strings.TrimPrefix(c.Curl, "curl ")
			out, err := exec.CommandContext(t.Context(), "bash", "-c", line).Output()
			if err != nil {
				t.Fatalf("%s: %v", c.Curl, err)
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if got := lines[len(lines)-1]; got != strconv.Itoa(c.Status) {
				t.Errorf("%s: status %s instead of %d (%s)", c.Curl, got, c.Status, c.Reason)
			}
		})
	}
	t.Run("stream", func(t *testing.T) {
		token := queryOf(d.StreamURL).Get("token")
		if token == "" {
			t.Fatalf("no token in %s", d.StreamURL)
		}
		harness.Wait(t, "the live playlist", func() bool { return harness.Curl(t, d.StreamURL).Status == http.StatusOK })
		walks(t, d.StreamURL, token, 5)
		if kinds := harness.Probe(t, d.StreamURL); !slices.Contains(kinds, "video") {
			t.Errorf("ffprobe found %v", kinds)
		}
		harness.Play(t, d.StreamURL)
	})
	t.Run("revoke", func(t *testing.T) {
		button := func(what, site string) int {
			return harness.Curl(t, d.Page+what, "--request", "POST", "--header", "Sec-Fetch-Site: "+site).Status
		}
		if got := button("revoke", "cross-site"); got != http.StatusForbidden {
			t.Errorf("another site may press the button: status %d", got)
		}
		if got := harness.Curl(t, d.StreamURL).Status; got != http.StatusOK {
			t.Errorf("before: status %d", got)
		}
		if got := button("revoke", "same-origin"); got != http.StatusOK {
			t.Errorf("the button: status %d", got)
		}
		if a := harness.Curl(t, d.StreamURL); a.Status != http.StatusUnauthorized || !strings.Contains(string(a.Body), `"revoked"`) {
			t.Errorf("revoked: status %d, %s", a.Status, a.Body)
		}
		if got := button("unrevoke", "same-origin"); got != http.StatusOK {
			t.Errorf("taking it back: status %d", got)
		}
		if got := harness.Curl(t, d.StreamURL).Status; got != http.StatusOK {
			t.Errorf("taken back: status %d", got)
		}
	})
	if err := process.End(syscall.SIGINT, 10*time.Second); err != nil {
		t.Errorf("the demo on Ctrl-C: %v", err)
	}
}

// The demo has a console, where anybody makes a protected stream of his own: it
// plays with its token, and not without.
func TestDemoConsole(t *testing.T) {
	t.Parallel()
	_, d := startDemo(t, "--port", portOf(harness.Loopback(harness.Port(t))))
	base := strings.TrimSuffix(d.Page, "/")
	page := string(harness.Curl(t, base+"/console/").Body)
	form := formToken.FindStringSubmatch(page)
	if form == nil || !strings.Contains(page, "Create stream") || !strings.Contains(string(harness.Curl(t, d.Page).Body), `href="/console/"`) {
		t.Fatalf("no form:\n%s", page)
	}
	post := func(fields ...string) harness.Answer {
		args := []string{"--data-urlencode", "org=demo", "--data-urlencode", "stream=mine", "--data-urlencode", "with_token=yes", "--data-urlencode", "form=" + form[1]}
		return harness.Curl(t, base+"/console/streams", append(args, fields...)...)
	}
	if got := post("--header", "Origin: http://evil.example.com").Status; got != http.StatusForbidden {
		t.Errorf("another site's form: status %d", got)
	}
	if got := harness.Curl(t, base+"/console/", "--header", "Host: evil.example.com").Status; got != http.StatusMisdirectedRequest {
		t.Errorf("under another name: status %d", got)
	}
	made := post("--header", "Sec-Fetch-Site: same-origin")
	if made.Status != http.StatusSeeOther {
		t.Fatalf("status %d\n%s", made.Status, made.Body)
	}
	shown := string(harness.Curl(t, base+made.Header.Get("Location")).Body)
	stream := regexp.MustCompile(`http://[^<]+/live/demo/mine/index\.m3u8\?token=[A-Za-z0-9._-]+`).FindString(shown)
	if got := harness.Curl(t, stream); got.Status != http.StatusOK || !strings.Contains(string(got.Body), "#EXTM3U") {
		t.Errorf("%s: status %d", stream, got.Status)
	}
	without, _, _ := strings.Cut(stream, "?")
	if got := harness.Curl(t, without).Status; got != http.StatusUnauthorized {
		t.Errorf("without the token: status %d", got)
	}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
