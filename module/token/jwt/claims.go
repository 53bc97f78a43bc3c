package jwt

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/token"
)

// claimNames are the claims that mean something here, or would if they were
// spelt right. A name that differs from one of them only in case is malformed.
var claimNames = []string{
	"org", "streams", "orgwide", "exp", "nbf", "iat", "jti", "ip", "referer", "tag", "sub", "iss", "aud", "scope",
	"max_sessions", "start_within", "expiry", "first_prefixes", "single_use",
	"ips", "referers", "referrer", "referrers", "domain", "domains", "stream", "groupid",
}

// readClaims reads the claims set. Other claims are ignored (RFC 7519, section 4).
func readClaims(data []byte) (*token.Grant, error) {
	var c claims
	if err := members(data, claimNames, c.read); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &c.grant, nil
}

// claims is a claims set while it is read.
type claims struct {
	grant  token.Grant
	hasExp bool
}

// read takes in one claim.
func (c *claims) read(name string, value jsontext.Value) (err error) {
	g := &c.grant
	switch name {
	case "org":
		return readOrg(value, g)
	case "streams":
		return readStreams(value, g)
	case "orgwide":
		if string(value) != "true" {
			return token.Malformed("orgwide must be true or absent")
		}
		g.OrgWide = true
	case "exp":
		c.hasExp = true
		_, err = readDate(name, value, false, &g.Expires)
	case "nbf":
		_, err = readDate(name, value, true, &g.NotBefore)
	case "iat":
		g.IssuedWithin, err = readDate(name, value, true, &g.IssuedAt)
	case "jti":
		return readID(value, g)
	case "ip":
		return readEach(value, token.ParseAddressRule, &g.IPs,
			"ip must be an array of at least one address or prefix",
			"ip holds something that is no address or prefix: host bits, zones and rules that match everything are not accepted")
	case "referer":
		return readEach(value, token.ParseHostPattern, &g.Referers,
			"referer must be an array of at least one host pattern",
			"referer holds something that is no host pattern: write example.com, *.example.com or example.com:8443")
	case "tag":
		return readText(name, value, &g.Tag)
	case "sub":
		return readText(name, value, &g.Subject)
	case "iss":
		return readIssuer(value, g)
	case "aud":
		return readAudience(value, g)
	case "scope":
		if s, ok := text(value); !ok || s != "play" {
			return token.Malformed(`scope must be "play" or absent`)
		}
	case "max_sessions", "start_within", "expiry", "first_prefixes", "single_use":
		return token.Malformed(name + " is not supported by this version; issue the token without it")
	default:
		if right := nearMisses[name]; right != "" {
			return token.Malformed(name + " is not a claim; " + right)
		}
	}
	return err
}

// check is what no single claim can tell.
func (c *claims) check() error {
	g := &c.grant
	switch {
	case g.Org == "":
		return token.Malformed("org is missing")
	case g.OrgWide == (len(g.Streams) > 0):
		return token.Malformed("exactly one of streams and orgwide must be there")
	case !c.hasExp:
		return token.Malformed("exp is missing")
	case g.NotBefore != 0 && g.Expires <= g.NotBefore:
		return token.Malformed("exp is not after nbf")
	case g.IssuedAt != 0 && g.Expires <= g.IssuedAt:
		return token.Malformed("exp is not after iat")
	}
	return nil
}

// nearMisses are names that people write when they mean a restriction.
// Ignored, they would leave the token unrestricted.
var nearMisses = map[string]string{
	"ips":       "write ip, an array of addresses and prefixes",
	"referers":  "write referer, an array of host patterns",
	"referrer":  "write referer, an array of host patterns",
	"referrers": "write referer, an array of host patterns",
	"domain":    "write referer, an array of host patterns",
	"domains":   "write referer, an array of host patterns",
	"stream":    "write streams, an array of stream names",
	"groupid":   "write streams, an array of stream names",
}

func readOrg(value jsontext.Value, g *token.Grant) error {
	s, ok := text(value)
	if !ok || !token.ValidOrg(s) {
		return token.Malformed("org must be an organisation hash: 1 to 64 of letters, digits and underscore")
	}
	g.Org = s
	return nil
}

func readStreams(value jsontext.Value, g *token.Grant) error {
	list, ok := textOrTexts(value)
	if !ok || len(list) == 0 {
		return token.Malformed("streams must name at least one stream")
	}
	for _, s := range list {
		if !token.ValidStream(s) {
			return token.Malformed("streams holds something that is no stream name: 1 to 128 of letters, digits, dot, underscore and hyphen")
		}
	}
	g.Streams = list
	return nil
}

func readID(value jsontext.Value, g *token.Grant) error {
	s, ok := text(value)
	if !ok || !token.ValidID(s) {
		return token.Malformed("jti must be 1 to 128 of letters, digits and . _ : -")
	}
	g.ID = s
	return nil
}

func readIssuer(value jsontext.Value, g *token.Grant) error {
	s, ok := text(value)
	if !ok || s == "" {
		return token.Malformed("iss must be a string that is not empty, or absent")
	}
	g.Issuer = s
	return nil
}

func readAudience(value jsontext.Value, g *token.Grant) error {
	list, ok := textOrTexts(value)
	if !ok || len(list) == 0 || slices.Contains(list, "") {
		return token.Malformed("aud must be a string or an array of strings, none of them empty, or absent")
	}
	g.Audience = list
	return nil
}

func readText(name string, value jsontext.Value, to *string) error {
	s, ok := text(value)
	if !ok || s == "" || !token.ValidText(s) {
		return token.Malformed(name + " must be a string of 1 to 128 characters, none of them a control character, or absent")
	}
	*to = s
	return nil
}

// readEach reads an array of at least one text, each of which parse understands.
// The errors are none for what is no such array, and bad for an entry. The parser's
// text may name the entry, and nobody has signed for it yet: it is not told.
func readEach[T any](value jsontext.Value, parse func(string) (T, error), to *[]T, none, bad string) error {
	list, ok := texts(value)
	if !ok || len(list) == 0 {
		return token.Malformed(none)
	}
	for _, s := range list {
		entry, err := parse(s)
		if err != nil {
			return token.Malformed(bad)
		}
		*to = append(*to, entry)
	}
	return nil
}
