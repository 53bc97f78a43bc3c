package gate

import (
	"net/http"
	"strconv"
	"time"

	"github.com/playgate/playgate/module/app"
)

// cookieAllowed reports whether the request may use a cookie at all. Browsers
// send cookies along with whatever a page asks for, so a socket, which can be
// read by any page, must come from a page that may.
func (in *incoming) cookieAllowed() bool {
	if !in.socket {
		return in.r.Method == http.MethodGet || in.r.Method == http.MethodHead
	}
	origin := in.r.Header["Origin"]
	if len(origin) != 1 {
		return false
	}
	scheme, host := app.PublicOrigin(in.r)
	return in.h.cors.lists(origin[0]) || origin[0] == scheme+"://"+host
}

// setCookie hands the token to the browser, for the paths of this stream and
// the life of the token.
func (x *exchange) setCookie(h http.Header) {
	left := int64(x.credential.Grant.ExpiresAt().Sub(x.h.now()) / time.Second)
	if left <= 0 {
		return
	}
	h.Add("Set-Cookie", x.h.places.Cookie+"="+x.token.Text+
		"; Path="+x.target.Rule.StreamPrefix(x.path)+"; Max-Age="+strconv.FormatInt(left, 10)+
		"; HttpOnly; Secure; SameSite=None; Partitioned")
}
