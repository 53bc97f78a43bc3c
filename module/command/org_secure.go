package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
)

func orgSecure() *cobra.Command {
	var glass types.NewGlass
	cmd := &cobra.Command{
		Use:   "secure ORG on|off|unset|mend [--for DURATION --reason TEXT]",
		Short: "Says whether an organisation's streams need a token",
		Long: `Says whether the streams of an organisation need a token, from now on.

  on     they do
  off    they do not: whoever knows a URL plays
  unset  nothing is said here, which means on

What the server's configuration says wins.

In an emergency, off with --for and --reason breaks the glass: for so long, at
most 24 hours, everything of the organisation plays without a token, whatever
anything else says, the configuration included. It ends by itself; mend ends it
now. Both are in the audit trail.`,
		Example: `  playgate org secure acme on
  playgate org secure acme off
  playgate org secure acme off --for 2h --reason "tokens of the partner are broken"
  playgate org secure acme mend`,
		Args:      takes(2),
		ValidArgs: []string{"on", "off", "unset", "mend"},
	}
	cmd.Flags().StringVar(&glass.For, "for", "", "with off: break the glass for so long, like 30m or 2h")
	cmd.Flags().StringVar(&glass.Reason, "reason", "", "with --for: why, for the audit trail")
	return online(cmd, func(c *client, args []string) error {
		org, word := args[0], args[1]
		where := path("orgs", org)
		breaks := glass.For != "" || glass.Reason != ""
		switch {
		case breaks && word != "off":
			return fmt.Errorf("--for and --reason belong to off, not to %s", word)
		case breaks && (glass.For == "" || glass.Reason == ""):
			return errors.New("to break the glass, say for how long and why: --for 2h --reason TEXT; to switch the tokens off for good, leave both out")
		}
		var o types.Org
		var answer json.RawMessage
		var err error
		switch {
		case breaks:
			answer, err = c.post(where+"/break-glass", glass, &o)
		case word == "mend":
			answer, err = c.ask("DELETE", where+"/break-glass", nil, nil, &o)
		case word == "on" || word == "off" || word == "unset":
			answer, err = c.ask("PATCH", where, nil, types.OrgChange{Secure: &word}, &o)
		default:
			err = fmt.Errorf("%q: write on, off, unset or mend", word)
		}
		if err != nil {
			return err
		}
		return c.done(answer, "%s", orgOutcome(&o))
	})
}

// orgOutcome says whether the streams of an organisation need a token, all told.
func orgOutcome(o *types.Org) string {
	org := clean(o.Org)
	switch {
	case o.BreakGlass != nil && !o.NeedsToken:
		return fmt.Sprintf("THE GLASS IS BROKEN: every stream of %s plays without a token until %s (%s), whatever anything else says.\nIt ends by itself. To end it now: playgate org secure %s mend",
			org, when(o.BreakGlass.Until), issue.Days(time.Until(o.BreakGlass.Until)), org)
	case o.NeedsToken:
		return fmt.Sprintf("The streams of %s need a token, but for those that are public.", org)
	}
	return fmt.Sprintf("The streams of %s play without a token.", org)
}
