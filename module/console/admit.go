package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/app"
)

// refusal is why a request gets no page.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// maxForm is the most that is read of a form, in bytes.
const maxForm = 64 << 10

// admit finds out who asks, and refuses what a page of another site could have
// sent.
func (h *Handler) admit(r *http.Request) (api.Principal, error) {
	if !slices.Contains(h.Hosts, app.Hostname(r.Host)) {
		return api.Principal{}, &refusal{http.StatusMisdirectedRequest, "This console is not for this host name. The option host of playgate_console lists its names."}
	}
	p, err := h.principal(r)
	if err != nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return p, err
	}
	if r.Method != http.MethodPost {
		return p, &refusal{http.StatusMethodNotAllowed, "Pages are asked for with GET, and forms are sent with POST."}
	}
	if !sameOrigin(r) {
		return p, &refusal{http.StatusForbidden, "Only the console's own pages may send this."}
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/x-www-form-urlencoded" {
		return p, &refusal{http.StatusUnsupportedMediaType, "Send a form."}
	}
	if err := r.ParseForm(); err != nil {
		return p, &refusal{http.StatusBadRequest, "This is no form that can be read."}
	}
	if !hmac.Equal([]byte(r.PostForm.Get("form")), []byte(formToken(p.Name))) {
		return p, &refusal{http.StatusForbidden, "This form is from before the server was started, or of another user. Go back, load the page again, and send it again."}
	}
	return p, nil
}

// sameOrigin asks the browser where the request comes from: Fetch Metadata, or
// the Origin header of browsers that do not have it.
func sameOrigin(r *http.Request) bool {
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 0 {
		return len(site) == 1 && site[0] == "same-origin"
	}
	origin := r.Header["Origin"]
	if len(origin) != 1 {
		return false
	}
	u, err := url.Parse(origin[0])
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// formSecret makes the tokens of forms, for as long as the process lives.
var formSecret = func() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return secret
}()

// formToken is in every form of a user. No other site can know it.
func formToken(user string) string {
	mac := hmac.New(sha256.New, formSecret)
	mac.Write([]byte(user))
	return hex.EncodeToString(mac.Sum(nil))
}
