package integration_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// A revoked token is refused over each version of HTTP, and so are the sessions
// that began with it; the origin sees nothing of it. Others play on, and it
// plays again when that is taken back.
func TestRevoked(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = w.Write([]byte("#EXTM3U\n#EXTINF:1,\nseg.ts\n"))
	}), issuer, nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "press")
	other := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	for _, client := range harness.Clients() {
		list := client.Do(t, i.Server, harness.Request{Target: "/live/org1/cam/index.m3u8?token=" + token})
		session := sessionToken.FindString(string(list.Body))
		if list.Status != http.StatusOK || session == "" {
			t.Fatalf("%s: status %d, %s", client.Name, list.Status, list.Body)
		}
		try := func(token string) harness.Answer {
			return client.Do(t, i.Server, harness.Request{Target: target(token)})
		}
		if got := try(session).Status; got != http.StatusOK {
			t.Errorf("%s: a session: status %d", client.Name, got)
		}
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(i.do(t, "token", "revoke", "--org", "org1", "--tag", "press", "--json")), &made); err != nil {
			t.Fatal(err)
		}
		seen := len(i.origin.Raw())
		i.refused(t, try(token), 401, "revoked")
		i.refused(t, try(session), 401, "revoked")
		i.refused(t, client.Do(t, i.Server, harness.Request{Target: "/live/org1/cam/index.m3u8?token=" + token}), 401, "revoked")
		i.origin.SawNothing(t, seen)
		if got := try(other).Status; got != http.StatusOK {
			t.Errorf("%s: another token: status %d", client.Name, got)
		}
		i.do(t, "token", "unrevoke", made.ID, "--org", "org1")
		for what, token := range map[string]string{"the token": token, "its session": session} {
			if got := try(token).Status; got != http.StatusOK {
				t.Errorf("%s: %s, taken back: status %d", client.Name, what, got)
			}
		}
	}
	if strings.Contains(i.origin.Raw(), harness.Signature(token)) {
		t.Error("the origin got the token")
	}
}
