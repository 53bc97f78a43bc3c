package issue

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/token"
)

// MaxComfortable is the length of a token that every device and application is
// known to take in a URL.
const MaxComfortable = 320

// Remarks are the texts of the warnings, never nil.
func (i *Issued) Remarks() []string {
	list := make([]string, 0, len(i.Warnings))
	for _, w := range i.Warnings {
		list = append(list, w.Text)
	}
	return list
}

// warnings are remarks on a token that is in order, but may not do what was
// meant.
func warnings(i *Issued, urls Templates) []types.Warning {
	var list []types.Warning
	add := func(format string, args ...any) {
		list = append(list, types.Warning{Text: fmt.Sprintf(format, args...)})
	}

	if n := len(i.Token); n > MaxComfortable {
		add("the token has %d characters; some cameras, set-top boxes and apps cut URLs with more than %d", n, MaxComfortable)
	}
	v4, v6, single := 0, 0, 0
	for _, rule := range i.Grant.IPs {
		if rule.Is4() {
			v4++
		} else {
			v6++
		}
		if rule.Single() {
			single++
		}
	}
	switch {
	case v4 > 0 && v6 == 0:
		add("only IPv4 addresses are allowed; a viewer who comes by IPv6 is refused, and many do without knowing it")
	case v6 > 0 && v4 == 0:
		add("only IPv6 addresses are allowed; a viewer who comes by IPv4 is refused")
	}
	if single > 0 {
		add("mobile and office networks change their address; a prefix (/24 for IPv4, /64 for IPv6) breaks less often")
	}
	if len(i.Grant.Referers) > 0 {
		add("a referer rule stops browsers only, and AirPlay, Chromecast, VLC and apps send no referer, so they are refused")
		for _, u := range urls {
			host := hostOf(u.Playout)
			if host == "" || slices.ContainsFunc(list, func(w types.Warning) bool { return w.Add == host }) || covered(i.Grant.Referers, u.Playout) {
				continue
			}
			list = append(list, types.Warning{
				Text:  fmt.Sprintf("the player page on %s is none of the allowed pages; allow %s too if it is to play there", host, host),
				Field: "referer", Add: host,
			})
		}
	}
	return list
}

func hostOf(template string) string {
	u, err := url.Parse(Fill(template, "org", "stream"))
	if err != nil {
		return ""
	}
	return u.Host
}

func covered(patterns []token.HostPattern, template string) bool {
	u, err := url.Parse(Fill(template, "org", "stream"))
	if err != nil {
		return false
	}
	host, port, _ := token.ParseHost(u.Host)
	if port == "" {
		if port = "443"; u.Scheme == "http" {
			port = "80"
		}
	}
	for _, p := range patterns {
		if p.Match(host, port) {
			return true
		}
	}
	return false
}
