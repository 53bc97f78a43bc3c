package command

import (
	"io"
	"time"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
)

// ask lets a running server explain the token.
func (x *explaining) ask(c *client, args []string) error {
	in := types.TokenQuestion{Token: args[0], IP: x.q.IP, Referer: x.q.Referer, URL: x.q.URL}
	if c.cmd.Flags().Changed("rule") {
		in.Rule = x.q.Rule
	}
	if x.at != "" {
		in.At = x.q.At.Format(time.RFC3339Nano) // else now, by the server's clock
	}
	var out types.TokenAnswer
	answer, err := c.post("tokens/verify", in, &out)
	if err != nil {
		return err
	}
	err = c.show(answer, func(w io.Writer) error {
		about := explained{Explanation: &issue.Explanation{Allowed: out.Allowed, Reason: out.Reason, Checks: out.Checks}}
		if t := out.Token; t != nil {
			about.id, about.org, about.tag, about.user = t.ID, t.Org, t.Tag, t.User
		}
		return about.print(w)
	})
	if err == nil && !out.Allowed {
		return refused(c.cmd)
	}
	return err
}
