package integration_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// From nothing to a playing stream with the command line alone: a key, its
// public half for the gate, a token, and both URLs to hand out.
func TestFromKeyToStream(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	info, err := os.Stat(g.key.File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
	public := string(fileOf(t, g.key.PublicFile))
	if strings.Contains(public, `"d"`) {
		t.Errorf("the public half holds the private one:\n%s", public)
	}
	out := harness.MustPlaygate(t, "token", "create", "--key-file", g.key.File, "--org", "org1", "--stream", "cam",
		"--tag", "summer", "--user", "alice", "--json",
		"--playout", "https://live.test/play/{org}/{stream}", "--stream-url", g.Plain()+"/live/{org}/{stream}/index.m3u8")
	var made struct {
		Token, ID, Org, Tag, User, Key string
		Streams                        []string
		Expires                        time.Time
		WebPlayoutURL                  string `json:"web_playout_url"`
		StreamURL                      string `json:"stream_url"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if made.Org != "org1" || made.Tag != "summer" || made.User != "alice" || made.Key != "main" || made.ID == "" || len(made.Streams) != 1 {
		t.Errorf("made %+v", made)
	}
	if left := time.Until(made.Expires); left < 14*24*time.Hour-time.Minute || left > 14*24*time.Hour {
		t.Errorf("expires in %v instead of 14 days", left)
	}
	if !strings.HasPrefix(made.WebPlayoutURL, "https://live.test/play/org1/cam?") || !strings.Contains(made.WebPlayoutURL, made.Token) {
		t.Errorf("web playout URL %s", made.WebPlayoutURL)
	}
	answer := harness.Curl(t, made.StreamURL)
	g.allowed(t, answer)
	last := g.origin.Last(t)
	if got := last.Values("X-Playgate-Token-Id"); len(got) != 1 || got[0] != made.ID {
		t.Errorf("the origin was told the token id %q instead of %q", got, made.ID)
	}
	for _, what := range []string{made.Token, made.StreamURL} {
		explained := harness.Playgate(t, "token", "explain", what, "--key-file", g.key.PublicFile)
		if explained.Code != 0 || !strings.Contains(explained.Stdout, "org1") || !strings.Contains(explained.Stdout, "cam") {
			t.Errorf("explain: exit status %d\n%s", explained.Code, explained.Text())
		}
		plant(made.Token).nowhere(t, explained.Text())
	}
}
