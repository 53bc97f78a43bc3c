package command

import (
	"errors"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// revocation is one, as the API tells it.
type revocation struct {
	ID, Org, Kind, Value, Reason, By string
	IssuedBefore                     time.Time `json:"issued_before"`
	From, At, Until                  time.Time
}

func tokenRevoke() *cobra.Command {
	var org, tag, user, stream, before, from, reason string
	var all bool
	cmd := &cobra.Command{
		Use:   "revoke ID | --org ORG (--tag TAG | --user USER | --stream STREAM | --all) [flags]",
		Short: "Refuses tokens from now on, or from a time on, on every edge",
		Long: `Refuses tokens from now on, or from a time on, on every edge: one by its id, or all of an
organisation that have a tag, a user or a stream, or all there are. Tokens that
are made later with the same tag, user or stream are refused too, unless
--issued-before spares them. Sessions that began with a revoked token end with it.`,
		Example: `  playgate token revoke 5N2hmK8clF7qRkLR --reason "posted in a forum"
  playgate token revoke 5N2hmK8clF7qRkLR --from 10m --reason "replaced"
  playgate token revoke --org acme --tag press
  playgate token revoke --org acme --all --issued-before 2027-01-31T20:00:00Z`,
	}
	f := cmd.Flags()
	f.StringVar(&org, "org", "", "organisation of the tokens")
	f.StringVar(&tag, "tag", "", "all that have this tag")
	f.StringVar(&user, "user", "", "all for this user")
	f.StringVar(&stream, "stream", "", "all, for this stream")
	f.BoolVar(&all, "all", false, "all of the organisation")
	f.StringVar(&before, "issued-before", "", "spare those that were issued after this time")
	f.StringVar(&from, "from", "", "begin at this time, or after a duration like 10m (default: at once)")
	f.StringVar(&reason, "reason", "", "why, for the records")
	return online(cmd, func(c *client, args []string) error {
		for _, id := range args {
			if err := refuseToken(id); err != nil {
				return err
			}
		}
		kind, value, n := "", "", len(args)
		for _, by := range [][2]string{{"tag", tag}, {"user", user}, {"stream", stream}} {
			if by[1] != "" {
				kind, value = by[0], by[1]
				n++
			}
		}
		if all {
			kind = "org"
			n++
		}
		if n != 1 {
			return errors.New("say which tokens: an id, or one of --tag, --user, --stream and --all")
		}
		if len(args) == 1 && before == "" {
			answer, err := c.ask("DELETE", path("tokens", args[0]), filter(map[string]string{"org": org, "from": from, "reason": reason}), nil, nil)
			if err != nil {
				return err
			}
			when := "now"
			if from != "" {
				when = "that time"
			}
			return c.done(answer, "Token %s is refused from %s on.", clean(args[0]), when)
		}
		if len(args) == 1 {
			return errors.New("--issued-before belongs to --tag, --user, --stream or --all: a token was issued once")
		}
		var v revocation
		answer, err := c.post("revocations", struct {
			Org          string `json:"org"`
			Kind         string `json:"kind"`
			Value        string `json:"value,omitempty"`
			IssuedBefore string `json:"issued_before,omitempty"`
			From         string `json:"from,omitempty"`
			Reason       string `json:"reason,omitempty"`
		}{org, kind, value, before, from, reason}, &v)
		if err != nil {
			return err
		}
		begins := "now"
		if !v.From.IsZero() {
			begins = when(v.From)
		}
		return c.done(answer, "These tokens are refused from %s on. To take it back: playgate token unrevoke %s --org %s", begins, clean(v.ID), clean(v.Org))
	})
}

func tokenUnrevoke() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use:     "unrevoke REVOCATION --org ORG",
		Short:   "Takes a revocation back",
		Long:    "Takes a revocation back, by the id that playgate token revocations lists.",
		Example: "  playgate token unrevoke 3q2-7wAAAAAAAAAAAAAAAA --org acme",
		Args:    takes(1),
	}
	cmd.Flags().StringVar(&org, "org", "", "its organisation")
	return online(cmd, func(c *client, args []string) error {
		if org == "" {
			return errors.New("name the organisation: --org ORG")
		}
		answer, err := c.ask("DELETE", path("revocations", org, args[0]), url.Values{}, nil, nil)
		if err != nil {
			return err
		}
		return c.done(answer, "The tokens play again, if nothing else refuses them.")
	})
}

func tokenRevocations() *cobra.Command {
	var org, kind, value string
	var p pages
	cmd := &cobra.Command{
		Use:   "revocations [--org ORG] [--by KIND] [--value VALUE]",
		Short: "Lists what is revoked on a running server",
		Long:  "Lists what is revoked on a running server, the newest first.",
		Example: `  playgate token revocations --org acme
  playgate token revocations --org acme --by tag --value press
  playgate token revocations --all --json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&org, "org", "", "of one organisation")
	f.StringVar(&kind, "by", "", "token, tag, user, stream or org")
	f.StringVar(&value, "value", "", "of one token, tag, user or stream")
	p.flags(cmd)
	return online(cmd, func(c *client, _ []string) error {
		if err := refuseToken(value); err != nil {
			return err
		}
		var list struct{ Revocations []revocation }
		answer, err := p.read(c, "revocations", "revocations", filter(map[string]string{"org": org, "kind": kind, "value": value}), &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Revocations))
			for i, v := range list.Revocations {
				rows[i] = []string{v.ID, v.Org, v.Kind, v.Value, when(v.IssuedBefore), when(v.From), v.Reason, when(v.At), v.By}
			}
			return table(w, []string{"ID", "ORG", "BY", "VALUE", "ISSUED BEFORE", "FROM", "REASON", "AT", "WHO"}, rows)
		})
	})
}
