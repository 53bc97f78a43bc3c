package issue

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/token"
)

func TestURLsOfATokenAreThoseOfItsStreams(t *testing.T) {
	const text = "a.b.c"
	both := URLs{Playout: "https://h/play/{org}/{stream}", Stream: "wss://h/h5live?stream={org}-{stream}"}
	noStream := URLs{Playout: "https://h/play/{org}", Stream: "https://h/{org}/{stream}"}
	streams := &token.Grant{Org: "org1", Streams: []string{"cam1", "c.2"}}
	orgwide := &token.Grant{Org: "org1", OrgWide: true}
	tests := []struct {
		name  string
		urls  URLs
		grant *token.Grant
		want  []types.StreamURLs
	}{
		{"both", both, streams, []types.StreamURLs{
			{Stream: "cam1", WebPlayoutURL: "https://h/play/org1/cam1?token=a.b.c", StreamURL: "wss://h/h5live?stream=org1-cam1&token=a.b.c"},
			{Stream: "c.2", WebPlayoutURL: "https://h/play/org1/c.2?token=a.b.c", StreamURL: "wss://h/h5live?stream=org1-c.2&token=a.b.c"},
		}},
		{"the player alone", URLs{Playout: both.Playout}, streams, []types.StreamURLs{
			{Stream: "cam1", WebPlayoutURL: "https://h/play/org1/cam1?token=a.b.c"}, {Stream: "c.2", WebPlayoutURL: "https://h/play/org1/c.2?token=a.b.c"},
		}},
		{"none", URLs{}, streams, nil},
		{"whole organisation", both, orgwide, nil},
		{"whole organisation, a page that names no stream", noStream, orgwide, []types.StreamURLs{{WebPlayoutURL: "https://h/play/org1?token=a.b.c"}}},
		{"a name that looks like a capture stays", URLs{Stream: "https://h/{stream}/{org}"}, &token.Grant{Org: "o", Streams: []string{"s"}}, []types.StreamURLs{{Stream: "s", StreamURL: "https://h/s/o?token=a.b.c"}}},
	}
	for _, tt := range tests {
		if got := (Templates{tt.urls}).For(tt.grant, text); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestURLTemplateErrorsSayWhatToChange(t *testing.T) {
	for template, says := range map[string]string{
		"https://live.example.com/play/{org}/{stream}": "", "http://h:8080/{stream}?x=1": "", "wss://h/h5live?stream={org}-{stream}": "", "ws://[::1]/{stream}": "", "https://h/": "",
		"": "whole URL", "live.example.com/{stream}": "whole URL", "/live/{org}/{stream}": "whole URL", "//h/{stream}": "scheme", "https:///{stream}": "whole URL", "https://user:pass@h/{stream}": "whole URL",
		"https://h/%zz": "whole URL", "ftp://h/{stream}": "https, http, wss and ws", "rtmp://h/{stream}": "https, http, wss and ws", "javascript://h/{stream}": "https, http, wss and ws",
		"https://h/{id}": "{org} and {stream}", "https://h/{stream": "{org} and {stream}", "https://h/{host}/{stream}": "{org} and {stream}",
		"https://h/{stream}#x": "fragment", "https://h/{stream}#": "fragment", "https://h/{stream}?token=x": "token is added", "https://h/{stream}?token": "token is added", "https://h/#/{stream}": "fragment",
	} {
		err := CheckURLTemplate(template)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: got %v, want %q", template, err, says)
		}
	}
}

// Whatever template is in order, the token is found where the gate looks.
func TestTheTokenIsInTheQueryOfEveryURL(t *testing.T) {
	for _, template := range []string{"https://h/{org}/{stream}", "https://h/{stream}?", "https://h/{stream}?x", "https://h/{stream}?x=1&", "https://h/?u=https%3A%2F%2Fx", "https://h/{stream}#", "https://h/{stream}#?x"} {
		if CheckURLTemplate(template) != nil {
			continue
		}
		u, err := url.Parse(withToken(template, "org1", "cam1", "a.b.c"))
		if err != nil || u.Query().Get("token") != "a.b.c" {
			t.Errorf("%s: %v, %v", template, u, err)
		}
	}
}
