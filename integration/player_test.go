package integration_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// playerSite is the Caddyfile of an issuing server with player pages.
var playerSite = strings.NewReplacer(
	"\tplaygate {\n\t\t"+liveRule, "\tplaygate_player /play\n\tplaygate {\n\t\t"+liveRule,
	"store embedded {$STORE}", "store embedded {$STORE}\n\t\tleeway 0s\n\t\tplayout http://127.0.0.1:{$HTTP_PORT}/play/{org}/{stream}",
).Replace(issuer)

// The player page needs no login and no token, is small and quick, and leads to
// nothing but its own host; the token of its link is in no log.
func TestPlayerPage(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, nil, playerSite, nil)
	i.do(t, "org", "create", "org1", "--name", "First & Co")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	urls := i.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--json")
	if !strings.Contains(urls, `"web_playout_url":"`+i.Plain()+`/play/org1/cam?token=`) && !strings.Contains(urls, `"web_playout_url": "`+i.Plain()+`/play/org1/cam?token=`) {
		t.Errorf("no web playout URL:\n%s", urls)
	}
	seen := len(i.origin.Raw())
	for _, client := range harness.Clients() {
		page := client.Do(t, i.Server, harness.Request{Target: "/play/org1/cam?token=" + token})
		body := string(page.Body)
		if page.Status != http.StatusOK || !strings.Contains(body, "(14 days left)") || !strings.Contains(body, "First &amp; Co") {
			t.Fatalf("%s: status %d\n%s", client.Name, page.Status, body)
		}
		if len(body) > 100_000 || page.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d bytes, %v", client.Name, len(body), page.Header)
		}
		for _, asset := range []string{"player.js", "style.css", "icon.svg"} {
			_, rest, _ := strings.Cut(body, "/play/-/")
			version, _, _ := strings.Cut(rest, "/")
			if got := client.Do(t, i.Server, harness.Request{Target: "/play/-/" + version + "/" + asset}); got.Status != http.StatusOK || len(got.Body) > 100_000 {
				t.Errorf("%s: %s: status %d, %d bytes", client.Name, asset, got.Status, len(got.Body))
			}
		}
	}
	without := i.get(t, "/play/org1/cam")
	if without.Status != http.StatusOK || strings.Contains(string(without.Body), "valid until") {
		t.Errorf("without a token: status %d\n%s", without.Status, without.Body)
	}
	i.origin.SawNothing(t, seen)
	i.refused(t, i.get(t, "/live/org1/cam/index.m3u8"), 401, "missing_token")
	plant(token).nowhere(t, i.Everything())

	const times = 50
	began := time.Now()
	for range times {
		i.get(t, "/play/org1/cam?token="+token)
	}
	t.Logf("a page takes %v", time.Since(began)/times)
}
