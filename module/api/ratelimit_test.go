package api

import (
	"strconv"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/registry"
)

// An address that fails ten times in a minute waits; others do not, and neither does who has a
// valid key.
func TestWhoGuessesWaits(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Read)
	id, _, _ := strings.Cut(strings.TrimPrefix(key, "pgk_"), "_")
	wrong := []string{"", "Authorization: Bearer pgk_x_y", "Authorization: Basic " + key, "Authorization: " + key, "Authorization: Bearer pgk_" + id + "_", "Authorization: Bearer " + key + "x"}
	for i := range authFailures.Count {
		a := s.send(from(request("GET", "/api/v1/orgs", "", wrong[i%len(wrong)]), "2001:db8::"+strconv.Itoa(i)))
		a.problem(401)
		if a.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Error("no WWW-Authenticate")
		}
	}
	good := "Authorization: Bearer " + key
	s.send(from(request("GET", "/api/v1/orgs", "", good), "2001:db8::1:2:3:4")).want(200)
	a := s.send(from(request("GET", "/api/v1/orgs", "", wrong[1]), "2001:db8::1:2:3:4"))
	a.problem(429)
	if n, err := strconv.Atoi(a.Header().Get("Retry-After")); err != nil || n < 1 || n > 60 {
		t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	for _, path := range []string{"/api/v1/splay", "/api/v1/splay/verify"} {
		a = s.send(from(request("POST", path, "{}", wrong[1]), "2001:db8::9")).want(429)
		if a.Header().Get("Retry-After") == "" || !strings.Contains(a.Body.String(), `"success":false`) {
			t.Errorf("%v %s", a.Header(), a.Body)
		}
	}
	for _, address := range []string{"2001:db8:0:1::1", "192.0.2.1", "2001:db9::"} {
		s.send(from(request("GET", "/api/v1/orgs", "", good), address)).want(200)
	}
	s.send(from(request("GET", jwksPath, ""), "2001:db8::1")).want(200) // is for everybody
	// Of two keys none counts, and two headers are none.
	r := request("GET", "/api/v1/orgs", "", good)
	r.Header.Add("Authorization", "Bearer "+key)
	s.send(r).problem(401)
	// What is nanocosmos's header elsewhere is not one here.
	s.send(request("GET", "/api/v1/orgs", "", "X-BINTU-APIKEY: "+key)).problem(401)
}
