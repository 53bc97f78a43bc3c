package console

import (
	"net/http"
	"strings"

	"github.com/playgate/playgate/module/api"
)

// explainPage says why a token is refused.
type explainPage struct {
	Text, Address, Referer string
	Answer                 *api.TokenAnswer
	Mistakes               map[string]string
}

func (h *Handler) askExplain(v *visit) error {
	return v.render(http.StatusOK, "explain", "explain", "Why was it refused?", new(explainPage))
}

// explain judges a token as the gate would.
func (h *Handler) explain(v *visit) error {
	f := v.r.PostForm
	p := &explainPage{Text: strings.TrimSpace(f.Get("token")), Address: strings.TrimSpace(f.Get("address")), Referer: strings.TrimSpace(f.Get("page"))}
	var answer api.TokenAnswer
	err := v.ask(http.MethodPost, "/api/v1/tokens/verify", nil, api.TokenQuestion{Token: p.Text, IP: p.Address, Referer: p.Referer}, &answer)
	status := http.StatusOK
	if err == nil {
		p.Answer = &answer
	} else if p.Mistakes = mistakes(err); p.Mistakes == nil {
		return err
	} else {
		status = http.StatusUnprocessableEntity
	}
	return v.render(status, "explain", "explain", "Why was it refused?", p)
}
