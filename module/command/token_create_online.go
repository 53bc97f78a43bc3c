package command

import (
	"fmt"
	"io"
	"time"

	"github.com/playgate/playgate/module/api/types"
)

// ask lets a running server make the token. It reads the times, by its own clock.
func (m *tokenMaking) ask(c *client, _ []string) error {
	in := types.NewToken{
		Org: m.r.Org, Streams: m.r.Streams, OrgWide: m.r.OrgWide, Expires: m.expires, NotBefore: m.notBefore,
		IP: m.r.IPs, Referer: m.r.Referers, Tag: m.r.Tag, User: m.r.User,
	}
	var t types.IssuedToken
	answer, err := c.post("tokens", in, &t)
	if err != nil {
		return err
	}
	for _, warning := range t.Warnings {
		fmt.Fprintln(c.cmd.ErrOrStderr(), "Note:", clean(warning))
	}
	return c.show(answer, func(w io.Writer) error {
		printRemarks(c.cmd.ErrOrStderr(), clean(t.ID), t.Expires, time.Now(), urlsOf(&t))
		_, err := fmt.Fprintln(w, clean(t.Text))
		return err
	})
}

// urlsOf are those of a token to hand out, of one stream or of each.
func urlsOf(t *types.IssuedToken) []types.StreamURLs {
	list := t.URLs
	if len(list) == 0 {
		list = []types.StreamURLs{{WebPlayoutURL: t.WebPlayoutURL, StreamURL: t.StreamURL}}
	}
	for i, u := range list {
		list[i].WebPlayoutURL, list[i].StreamURL = clean(u.WebPlayoutURL), clean(u.StreamURL)
	}
	return list
}
