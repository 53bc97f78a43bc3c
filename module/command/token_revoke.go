package command

import (
	"errors"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

// revoking is what the flags say about tokens to be revoked.
type revoking struct {
	org, tag, user, stream, before, from, reason string
	all, future                                  bool
}

func tokenRevoke() *cobra.Command {
	var x revoking
	cmd := &cobra.Command{
		Use:   "revoke ID | --org ORG (--tag TAG | --user USER | --stream STREAM | --all) [flags]",
		Short: "Refuses tokens from now on, or from a time on, on every edge",
		Long: `Refuses tokens from now on, or from a time on, on every edge: one by its id, or all of an
organisation that have a tag, a user or a stream, or all there are. Sessions that
started with a revoked token end with it. One that was signed elsewhere is revoked by
its id (jti) and --org.

A tag, a user, a stream or an organisation is revoked for the tokens that were
issued until now. New tokens play. With --future they are refused too, and
cannot be made here, until you undo it with playgate token unrevoke.`,
		Example: `  playgate token revoke 5N2hmK8clF7qRkLR --reason "posted in a forum"
  playgate token revoke 5N2hmK8clF7qRkLR --from 10m --reason "replaced"
  playgate token revoke their-id-4711 --org acme
  playgate token revoke --org acme --tag press
  playgate token revoke --org acme --user ann --future --reason "contract ended"
  playgate token revoke --org acme --all --issued-before 2027-01-31T20:00:00Z`,
	}
	f := cmd.Flags()
	f.StringVar(&x.org, "org", "", "organisation of the tokens")
	f.StringVar(&x.tag, "tag", "", "all that have this tag")
	f.StringVar(&x.user, "user", "", "all for this user")
	f.StringVar(&x.stream, "stream", "", "all, for this stream")
	f.BoolVar(&x.all, "all", false, "all of the organisation")
	f.StringVar(&x.before, "issued-before", "", "spare those that were issued after this time (default: now)")
	f.BoolVar(&x.future, "future", false, "refuse those that are issued later too, until it is undone")
	f.StringVar(&x.from, "from", "", "begin at this time, or after a duration like 10m (default: at once)")
	f.StringVar(&x.reason, "reason", "", "why, for the records")
	return online(cmd, x.ask)
}

// ask has a running server revoke one token, or all that are meant.
func (x *revoking) ask(c *client, args []string) error {
	for _, id := range args {
		if err := refuseToken(id); err != nil {
			return err
		}
	}
	kind, value, n := "", "", len(args)
	for _, by := range [][2]string{{"tag", x.tag}, {"user", x.user}, {"stream", x.stream}} {
		if by[1] != "" {
			kind, value = by[0], by[1]
			n++
		}
	}
	if x.all {
		kind = "org"
		n++
	}
	if n != 1 {
		return errors.New("say which tokens: an id, or one of --tag, --user, --stream and --all")
	}
	if len(args) == 0 {
		return x.many(c, kind, value)
	}
	if x.before != "" {
		return errors.New("--issued-before belongs to --tag, --user, --stream or --all: a token was issued once")
	}
	if x.future {
		return errors.New("--future belongs to --tag, --user, --stream or --all: no other token has this id")
	}
	return x.one(c, args[0])
}

// one revokes a token by its id.
func (x *revoking) one(c *client, id string) error {
	answer, err := c.ask("DELETE", path("tokens", id), filter(map[string]string{"org": x.org, "from": x.from, "reason": x.reason}), nil, nil)
	if errors.Is(err, errNotFound) && x.org != "" {
		return x.foreign(c, id)
	}
	if err != nil {
		return err
	}
	when := "now"
	if x.from != "" {
		when = "that time"
	}
	return c.done(answer, "Token %s is refused from %s on.", clean(id), when)
}

// foreign revokes a token that was not made here, of an organisation that is.
func (x *revoking) foreign(c *client, id string) error {
	var v types.Revocation
	answer, err := c.post("revocations", types.NewRevocation{Org: x.org, Kind: "token", Value: id, From: x.from, Reason: x.reason}, &v)
	if err != nil {
		return err
	}
	begins := "now"
	if v.From != nil {
		begins = when(*v.From)
	}
	return c.done(answer, "Token %s was not made here. It is refused from %s on, until %s. To undo it: playgate token unrevoke %s --org %s", clean(id), begins, whenever(v.Until), clean(v.ID), clean(v.Org))
}

// many revokes all tokens of an organisation that have a value.
func (x *revoking) many(c *client, kind, value string) error {
	in := types.NewRevocation{Org: x.org, Kind: kind, Value: value, IssuedUntil: x.before, Future: x.future, From: x.from, Reason: x.reason}
	var v types.Revocation
	answer, err := c.post("revocations", in, &v)
	if err != nil {
		return err
	}
	begins := "now"
	if v.From != nil {
		begins = when(*v.From)
	}
	which := "Those that were issued until " + whenever(v.IssuedUntil)
	if v.Future {
		which = "These tokens, and those that are issued later,"
	}
	return c.done(answer, "%s are refused from %s on. To undo it: playgate token unrevoke %s --org %s", which, begins, clean(v.ID), clean(v.Org))
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
		var list types.Revocations
		answer, err := p.read(c, "revocations", "revocations", filter(map[string]string{"org": org, "kind": kind, "value": value}), &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Revocations))
			for i, v := range list.Revocations {
				until := whenever(v.IssuedUntil)
				if v.Future {
					until = "later too"
				}
				rows[i] = []string{v.ID, v.Org, v.Kind, v.Value, until, whenever(v.From), v.Reason, when(v.At), v.By}
			}
			return table(w, []string{"ID", "ORG", "BY", "VALUE", "ISSUED UNTIL", "FROM", "REASON", "AT", "WHO"}, rows)
		})
	})
}
