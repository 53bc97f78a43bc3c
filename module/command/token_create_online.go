package command

import (
	"fmt"
	"io"
	"time"

	"github.com/playgate/playgate/module/api/types"
)

// ask lets a running server make the token. It reads the times, by its own clock.
func (m *tokenMaking) ask(c *client, _ []string) error {
	in := struct {
		Org       string   `json:"org"`
		Streams   []string `json:"streams,omitempty"`
		OrgWide   bool     `json:"orgwide,omitempty"`
		Expires   string   `json:"expires,omitempty"`
		NotBefore string   `json:"not_before,omitempty"`
		IP        []string `json:"ip,omitempty"`
		Referer   []string `json:"referer,omitempty"`
		Tag       string   `json:"tag,omitempty"`
		User      string   `json:"user,omitempty"`
	}{m.r.Org, m.r.Streams, m.r.OrgWide, m.expires, m.notBefore, m.r.IPs, m.r.Referers, m.r.Tag, m.r.User}
	var t tokenAnswer
	answer, err := c.post("tokens", in, &t)
	if err != nil {
		return err
	}
	for _, warning := range t.Warnings {
		fmt.Fprintln(c.cmd.ErrOrStderr(), "Note:", clean(warning))
	}
	return c.show(answer, func(w io.Writer) error {
		printRemarks(c.cmd.ErrOrStderr(), clean(t.ID), t.Expires, time.Now(), t.urls())
		_, err := fmt.Fprintln(w, clean(t.Token))
		return err
	})
}

// urls are those to hand out, of one stream or of each.
func (t *tokenAnswer) urls() []types.StreamURLs {
	list := t.URLs
	if len(list) == 0 {
		list = []types.StreamURLs{{WebPlayoutURL: t.WebPlayoutURL, StreamURL: t.StreamURL}}
	}
	for i, u := range list {
		list[i].WebPlayoutURL, list[i].StreamURL = clean(u.WebPlayoutURL), clean(u.StreamURL)
	}
	return list
}
