package command

import (
	"io"
	"time"

	"github.com/playgate/playgate/module/internal/issue"
)

// ask lets a running server explain the token.
func (x *explaining) ask(c *client, args []string) error {
	in := struct {
		Token   string    `json:"token"`
		At      time.Time `json:"at,omitzero"`
		IP      string    `json:"ip,omitempty"`
		Referer string    `json:"referer,omitempty"`
		URL     string    `json:"url,omitempty"`
	}{args[0], time.Time{}, x.q.IP, x.q.Referer, x.q.URL}
	if x.at != "" {
		in.At = x.q.At // else now, by the server's clock
	}
	var out struct {
		issue.Explanation
		Token struct{ ID, Org, Tag, User string }
	}
	answer, err := c.post("tokens/verify", in, &out)
	if err != nil {
		return err
	}
	err = c.show(answer, func(w io.Writer) error {
		t := out.Token
		return explained{&out.Explanation, t.ID, t.Org, t.Tag, t.User}.print(w)
	})
	if err == nil && !out.Allowed {
		return refused(c.cmd)
	}
	return err
}
