package target

import (
	"errors"
	"strings"
	"testing"
)

func mustRule(tb testing.TB, path, key, name string) *Rule {
	tb.Helper()
	r, err := ParseRule(path, key, name)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestTemplatesNameOrganisationAndStream(t *testing.T) {
	long := strings.Repeat("s", 128)
	tests := []struct {
		template, path string
		want           string // org/stream, or a reason
	}{
		{"/live/{org}/{stream}/*", "/live/org1/cam1/index.m3u8", "org1/cam1"},
		{"/live/{org}/{stream}/*", "/live/org1/cam1/a/b/c.ts", "org1/cam1"},
		{"/live/{org}/{stream}/*", "/live/org1/c.a_m-1/x", "org1/c.a_m-1"},
		{"/live/{org}/{stream}/*", "/live/org1/cam1/%20/é", "org1/cam1"},
		{"/live/{org}/{stream}/*", "/live/org1/" + long + "/x", "org1/" + long},
		{"/live/{org}/{stream}/*", "/live/org1/" + long + "s/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/" + long[:64] + "/cam1/x", long[:64] + "/cam1"},
		{"/live/{org}/{stream}/*", "/live/" + long[:65] + "/cam1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org1/cam1", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org1/cam1/", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/Live/org1/cam1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live2/org1/cam1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org-1/cam1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org1/cam+1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org1/caméra/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org1/cam:1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/live/org1/.../x", "org1/..."},
		{"/live/{org}/{stream}/*", "/live/org1/cam%31/x", "bad_request"},
		{"/live/{org}/{stream}/*", "/live/%6frg1/cam1/x", "bad_request"},
		{"/live/{org}/{stream}/*", "/live/org1/cam%20/x", "bad_request"},
		{"/live/{org}/{stream}/*", "/l%69ve/org1/cam1/x", "no_stream"},
		{"/live/{org}/{stream}/*", "/", "no_stream"},

		{"/{org}/{stream}", "/org1/cam1", "org1/cam1"},
		{"/{org}/{stream}", "/org1/cam1/", "no_stream"},
		{"/{org}/{stream}", "/org1/cam1/x", "no_stream"},
		{"/{org}/{stream}/", "/org1/cam1/", "org1/cam1"},
		{"/{org}/{stream}/", "/org1/cam1", "no_stream"},
		{"/{org}/{stream}/", "/org1/cam1/x", "no_stream"},
		{"/{org}/{stream}/", "/org1/cam1/%20", "no_stream"},
		{"/{org}/{stream}/whep", "/org1/cam1/whep", "org1/cam1"},
		{"/{org}/{stream}/whep", "/org1/cam1/whep2", "no_stream"},

		{"/live/{org}/{stream}.flv", "/live/org1/cam.flv", "org1/cam"},
		{"/live/{org}/{stream}.flv", "/live/org1/cam.flv.flv", "org1/cam.flv"},
		{"/live/{org}/{stream}.flv", "/live/org1/.flv", "no_stream"},
		{"/live/{org}/{stream}.flv", "/live/org1/cam.FLV", "no_stream"},
		{"/live/{org}/{stream}.flv", "/live/org1/cam.flv2", "no_stream"},
		{"/live/{org}/{stream}.flv", "/live/org1/cam", "no_stream"},
		{"/live/{org}/pre-{stream}.m3u8", "/live/org1/pre-pre-.m3u8", "org1/pre-"},
		{"/live/{org}/{stream}.x.{id}", "/live/org1/a.x.b.x.c", "org1/a.x.b"},

		{"/h5/{org}-{id}/*", "/h5/org1-cam1/x", "org1/org1-cam1"},
		{"/h5/{org}-{id}/*", "/h5/org1-a-b/x", "org1/org1-a-b"},
		{"/h5/{org}-{id}/*", "/h5/org_1-cam1/x", "org_1/org_1-cam1"},
		{"/h5/{org}-{id}/*", "/h5/org1-/x", "no_stream"},
		{"/h5/{org}-{id}/*", "/h5/-cam1/x", "no_stream"},
		{"/h5/{org}-{id}/*", "/h5/org1/x", "no_stream"},
		{"/h5/{org}-{id}/*", "/h5/org.1-cam1/x", "no_stream"},
		{"/h5/{org}-{id}/*", "/h5/org1-cam%31/x", "bad_request"},
		{"/h5/{org}-{stream}/*", "/h5/org1-cam1/x", "org1/cam1"},
		{"/h5/{org}-{stream}/*", "/h5/org1-a-b/x", "org1/a-b"},
		{"/h5/{stream}-{org}", "/h5/a-b-org1", "a-b/org1 reversed"},
		{"/h5/{stream}-{org}", "/h5/a-b-org-1", "a-b-org/1 reversed"},
		{"/h5/{org}.{stream}", "/h5/org1.cam1.x", "org1/cam1.x"},
		{"/{org}/{id}/*", "/org1/cam1/x", "org1/cam1"},
		{"/{org}/a{id}b/*", "/org1/acamb/x", "org1/acamb"},
		{"/{org}/{id}/{stream}/*", "/org1/room/cam1/x", "org1/cam1"},
		{"/{org}/{stream}/{id}", "/org1/cam1/a", "org1/cam1"},
		{"/{stream}/of/{org}", "/cam1/of/org1", "cam1/org1 reversed"},
	}
	for _, tt := range tests {
		t.Run(tt.template+" "+tt.path, func(t *testing.T) {
			rs := Rules{Rules: []*Rule{mustRule(t, tt.template, "", "")}}
			if _, err := rs.ReadPath(tt.path); err != nil {
				t.Fatal(err)
			}
			target, err := rs.Find(tt.path, Query{})
			want := tt.want
			if s, ok := strings.CutSuffix(want, " reversed"); ok {
				stream, org, _ := strings.Cut(s, "/")
				want = org + "/" + stream
			}
			if got := outcome(target, err); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// outcome is org/stream, or the reason.
func outcome(t Target, err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind.Error()
	}
	if err != nil {
		return err.Error()
	}
	if t.Open {
		return "open"
	}
	return t.Org + "/" + t.Stream
}

func TestTemplateErrorsSayWhatToChange(t *testing.T) {
	tests := []struct{ template, says string }{
		{"live/{org}/{stream}", "begin with a slash"},
		{"", "begin with a slash"},
		{"{org}/{stream}", "begin with a slash"},
		{"/live//{stream}", "empty segment"},
		{"//{org}/{stream}", "empty segment"},
		{"/live/*/{stream}", "whole last segment"},
		{"/live/{stream}*", "whole last segment"},
		{"/live/{stream}/**", "whole last segment"},
		{"/live/*.m3u8", "whole last segment"},
		{"/live/{host}/{stream}", "{org}, {stream} and {id}"},
		{"/live/{http.request.host}/{stream}", "Caddy"},
		{"/live/{path}/{stream}", "Caddy"},
		{"/live/{ORG}/{stream}", "{org}, {stream} and {id}"},
		{"/live/{org}/{stream", "{org}, {stream} and {id}"},
		{"/live/{org}/{}", "{org}, {stream} and {id}"},
		{"/live/{{org}}/{stream}", "{org}, {stream} and {id}"},
		{"/live/org}/{stream}", "closing brace"},
		{"/live/{stream}}", "closing brace"},
		{"/live/{org}{stream}", "literal between"},
		{"/live/{stream}{id}", "literal between"},
		{"/h5/{org}_{stream}", "belongs to it"},
		{"/h5/{org}x/{stream}", "belongs to it"},
		{"/live/{org}/{org}/{stream}", "stands twice"},
		{"/live/{stream}-{stream}", "stands twice"},
		{"/live/{stream}/{id}/{stream}", "stands twice"},
		{"/live/../{org}/{stream}", "let through"},
		{"/live/%2e%2e/{stream}", "let through"},
		{"/li;ve/{stream}", "let through"},
		{"/live%2f{stream}", "let through"},
		{"/live?x={stream}", "let through"},
		{"/live#{stream}", "let through"},
		{"/li ve/{stream}", "let through"},
		{"/live/{org}", "{stream} or {id}"},
		{"/live/*", "{stream} or {id}"},
		{"/", "{stream} or {id}"},
	}
	for _, tt := range tests {
		if _, err := ParseRule(tt.template, "", ""); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: got %v, want something with %q", tt.template, err, tt.says)
		}
	}
}

func TestQueryRuleErrorsSayWhatToChange(t *testing.T) {
	tests := []struct{ path, key, name, says string }{
		{"/h5/*", "stream", "{stream}-{stream}", "stands twice"},
		{"/h5/{org}/*", "stream", "{org}-{id}", "stands in the path template too"},
		{"/h5/*", "stream", "{host}", "{org}, {stream} and {id}"},
		{"/h5/*", "stream", "{org}", "{stream} or {id}"},
		{"/h5/*", "stream", "cam", "{stream} or {id}"},
		{"/h5/*", "", "{org}-{id}", "query key"},
		{"/h5/*", "stream", "{org}{id}", "literal between"},
		{"/h5/*", "stream", "{org}-{id", "{org}, {stream} and {id}"},
	}
	for _, tt := range tests {
		if _, err := ParseRule(tt.path, tt.key, tt.name); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
}

func TestThePrefixIsTheLiteralLeadingSegments(t *testing.T) {
	for template, want := range map[string]string{
		"/live/{org}/{stream}/*": "/live", "/a/b.c/{stream}": "/a/b.c", "/{org}/live/{stream}": "", "/{stream}": "", "/a/x{stream}": "/a", "/a/{org}/b/{stream}": "/a",
	} {
		if got := mustRule(t, template, "", "").Prefix(); got != want {
			t.Errorf("%s: %q", template, got)
		}
	}
	if got := mustRule(t, "/h5live/*", "stream", "").Prefix(); got != "/h5live" {
		t.Errorf("query rule: %q", got)
	}
}
