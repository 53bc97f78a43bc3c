package console

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
)

// explainPage says why a token is refused, or a request was.
type explainPage struct {
	Refusal                *types.Refusal
	Text, Address, Referer string
	Answer                 *types.TokenAnswer
	Mistakes               map[string]string
}

func askExplain(r *pageRequest) error {
	return r.render(http.StatusOK, "explain", "explain", "Why was it refused?", new(explainPage))
}

// refusalID is an id as the gate's answers have them.
var refusalID = regexp.MustCompile(`^[2-9a-z]{12}$`)

// explainRefusal says why the request of an id was refused.
func (r *pageRequest) explainRefusal(p *explainPage) error {
	status := http.StatusOK
	var err error
	if p.Refusal, err = ask(r, api.GetRefusal, &types.RefusalPath{ID: p.Text}); err != nil {
		problem := new(api.Problem)
		if !errors.As(err, &problem) || problem.Status != http.StatusNotFound {
			return err
		}
		status = http.StatusNotFound
		p.Mistakes = map[string]string{"token": "none of the last refusals, for your organisations, has this id; the access logs know all (playgate_id)"}
	}
	return r.render(status, "explain", "explain", "Why was it refused?", p)
}

// explain judges a token as the gate would.
func explain(r *pageRequest) error {
	f := r.request.PostForm
	p := &explainPage{Text: strings.TrimSpace(f.Get("token")), Address: strings.TrimSpace(f.Get("address")), Referer: strings.TrimSpace(f.Get("page"))}
	if refusalID.MatchString(p.Text) {
		return r.explainRefusal(p)
	}
	answer, err := ask(r, api.VerifyToken, body(types.TokenQuestion{Token: p.Text, IP: p.Address, Referer: p.Referer}))
	status := http.StatusOK
	if err == nil {
		p.Answer = answer
	} else if p.Mistakes = mistakes(err); p.Mistakes == nil {
		return err
	} else {
		status = http.StatusUnprocessableEntity
	}
	return r.render(status, "explain", "explain", "Why was it refused?", p)
}
