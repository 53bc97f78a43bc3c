package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/registry"
)

// What this node has delivered at a manifest's URL is told with the token, to those of its
// organisation, and nothing is fetched.
func TestReferencesOfAManifest(t *testing.T) {
	s := newTestAPI(t, "")
	acme := s.key(registry.Issue, "acme")
	text := s.do(acme, "POST", "/api/v1/tokens", `{"org":"acme","streams":["cam"]}`).want(201).json()["token"].(string)
	check := func(url string) (result, said string, allowed bool) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"token": text, "url": url})
		if err != nil {
			t.Fatal(err)
		}
		v := s.do(acme, "POST", "/api/v1/tokens/verify", string(body)).want(200).json()
		for _, c := range v["checks"].([]any) {
			if c := c.(map[string]any); c["check"] == "references" {
				result, said = c["result"].(string), c["text"].(string)
			}
		}
		return result, said, v["allowed"].(bool)
	}
	const path = "/live/acme/cam/index.m3u8"
	if result, said, _ := check("https://live.test" + path); result != "skipped" || said != "not delivered on this node yet" {
		t.Errorf("%s: %s", result, said)
	}
	if result, _, _ := check("https://live.test/live/acme/cam/seg.ts"); result != "" {
		t.Errorf("a segment's references are %s", result)
	}
	edge := s.app.Edge()
	edge.RecordManifest("zebra", "live.test:443", path, new(manifest.Missed))
	if result, _, _ := check("https://live.test" + path); result != "skipped" {
		t.Errorf("another organisation's are %s", result)
	}
	edge.RecordManifest("acme", "live.test:443", path, &manifest.Missed{Count: 2, Kinds: map[string]int{"variable": 2}, References: []string{"{$a}/1.ts", "{$a}/2.ts"}})
	for _, url := range []string{"https://live.test" + path, "https://live.test/live/acme/cam/~" + text + "/index.m3u8"} {
		if result, said, allowed := check(url); result != "failed" || !allowed || !strings.HasPrefix(said, "2 of the references of this manifest got no token (variable), as this node delivered it at ") || !strings.HasSuffix(said, ": {$a}/1.ts  {$a}/2.ts") {
			t.Errorf("%s: %s: %s", url, result, said)
		}
	}
	edge.RecordManifest("acme", "live.test:443", path, new(manifest.Missed))
	if result, said, _ := check("https://live.test" + path); result != "ok" || !strings.HasPrefix(said, "all references of this manifest carried the token on") {
		t.Errorf("%s: %s", result, said)
	}
}
