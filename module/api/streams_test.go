package api

import (
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/registry"
)

func TestStreams(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin, "acme")
	before := s.all()
	for _, body := range []string{
		`{"org":"acme"}`, `{"stream":"x"}`, `{"org":"acme","stream":""}`, `{"org":"acme","stream":"a/b"}`, `{"org":"acme","stream":".."}`,
		`{"org":"acme","stream":"x","title":"` + strings.Repeat("x", 129) + `"}`, `{"org":"acme","stream":"x","tags":[""]}`, `{"org":"acme","stream":"x","tags":["a","a"]}`,
		`{"org":"acme","stream":"x","tags":["\u0000"]}`, `{"org":"acme","stream":"x","tags":"a"}`, `{"org":"acme","stream":"x","public":"yes"}`,
		`{"org":"acme","stream":"x","tags":["1"` + strings.Repeat(`,"x"`, 32) + `]}`, `{"org":"acme","stream":"x","created":"2020-01-01T00:00:00Z"}`, `{"org":"acme","stream":"x","by":"me"}`,
	} {
		s.do(key, "POST", "/api/v1/streams", body).problem(badValue(body))
	}
	s.do(key, "POST", "/api/v1/streams", `{"org":"acme","stream":"cam"}`).problem(409)
	for _, body := range []string{`{}`, `{"stream":"y"}`, `{"tags":null}`, `{"public":null}`, `{"title":7}`} {
		s.do(key, "PATCH", "/api/v1/streams/acme/cam", body).problem(badValue(body))
	}
	if s.all() != before {
		t.Error("something has changed")
	}
	v := s.do(key, "POST", "/api/v1/streams", `{"org":"acme","stream":"x-1.y","title":"X","tags":["a","b"],"public":true}`).want(201).json()
	if v["public"] != true || v["title"] != "X" || len(v["tags"].([]any)) != 2 || v["created"] == nil {
		t.Errorf("%v", v)
	}
	v = s.do(key, "PATCH", "/api/v1/streams/acme/x-1.y", `{"public":false}`).want(200).json()
	if v["public"] != false || v["title"] != "X" || len(v["tags"].([]any)) != 2 {
		t.Errorf("%v", v)
	}
	v = s.do(key, "PATCH", "/api/v1/streams/acme/x-1.y", `{"title":"","tags":[]}`).want(200).json()
	if v["title"] != nil || len(v["tags"].([]any)) != 0 {
		t.Errorf("%v", v)
	}
	if v := s.do(key, "GET", "/api/v1/streams/acme/x-1.y", "").want(200).json(); v["title"] != nil {
		t.Errorf("%v", v)
	}
	s.do(key, "GET", "/api/v1/streams/acme/nothing", "").problem(404)
	s.do(key, "PATCH", "/api/v1/streams/acme/nothing", `{"title":"x"}`).problem(404)
	s.do(key, "DELETE", "/api/v1/streams/acme/nothing", "").problem(404)
	if list := s.do(key, "GET", "/api/v1/streams?tag=hall", "").want(200).json()["streams"].([]any); len(list) != 2 {
		t.Errorf("%v", list)
	}
}
