package issue

import (
	"strings"
	"testing"
)

func TestWarningsSayWhatMayNotBeMeant(t *testing.T) {
	long := strings.Repeat("s", 128)
	tests := []struct {
		name    string
		playout string // "" : the default
		request Request
		want    []string // one part of each warning, in order
	}{
		{"nothing", "", Request{}, nil},
		{"long", "", Request{Streams: []string{long}}, []string{"320"}},
		{"IPv4 only", "", Request{IPs: []string{"203.0.113.0/24"}}, []string{"only IPv4"}},
		{"IPv6 only", "", Request{IPs: []string{"2001:db8::/64"}}, []string{"only IPv6"}},
		{"v4-mapped is IPv4", "", Request{IPs: []string{"::ffff:203.0.113.0/120"}}, []string{"only IPv4"}},
		{"both families", "", Request{IPs: []string{"203.0.113.0/24", "2001:db8::/64"}}, nil},
		{"single addresses", "", Request{IPs: []string{"203.0.113.7", "2001:db8::1"}}, []string{"change their address"}},
		{"single IPv4", "", Request{IPs: []string{"203.0.113.7"}}, []string{"only IPv4", "change their address"}},
		{"the player's own page", "", Request{Referers: []string{"live.example.com"}}, []string{"AirPlay, Chromecast, VLC"}},
		{"the player's own page by wildcard", "", Request{Referers: []string{"*.example.com"}}, []string{"AirPlay"}},
		{"the player's own page with its port", "", Request{Referers: []string{"live.example.com:443"}}, []string{"AirPlay"}},
		{"another page", "", Request{Referers: []string{"www.example.org"}}, []string{"AirPlay", "allow live.example.com too"}},
		{"the player's own page with another port", "", Request{Referers: []string{"live.example.com:8443"}}, []string{"AirPlay", "none of the allowed pages"}},
		{"a player on another port", "https://live.example.com:8443/{stream}", Request{Referers: []string{"live.example.com:8443"}}, []string{"AirPlay"}},
		{"a player without TLS", "http://live.example.com/{stream}", Request{Referers: []string{"live.example.com:80"}}, []string{"AirPlay"}},
		{"a player in capitals", "https://Live.Example.com/{stream}", Request{Referers: []string{"live.example.com"}}, []string{"AirPlay"}},
		{"a player with an IPv6 address", "http://[2001:db8::1]/{stream}", Request{Referers: []string{"[2001:db8::1]"}}, []string{"AirPlay"}},
		{"no player", "-", Request{Referers: []string{"www.example.org"}}, []string{"AirPlay"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := testIssuer(t)
			if tt.playout != "" {
				i.URLs[0].Playout = strings.TrimPrefix(tt.playout, "-")
			}
			tt.request.Org = "org1"
			if tt.request.Streams == nil {
				tt.request.Streams = []string{"cam1"}
			}
			issued := mustIssue(t, i, tt.request)
			if len(issued.Warnings) != len(tt.want) {
				t.Fatalf("got %q, want %q", issued.Warnings, tt.want)
			}
			for n, part := range tt.want {
				if !strings.Contains(issued.Warnings[n].Text, part) {
					t.Errorf("got %q, want %q", issued.Warnings[n].Text, part)
				}
				if strings.Contains(issued.Warnings[n].Text, issued.Token) {
					t.Errorf("%q holds the token", issued.Warnings[n].Text)
				}
			}
		})
	}
}
