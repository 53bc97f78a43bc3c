package command

import (
	"io"
	"net/url"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "org",
		Usage: "create|list|show|secure|delete",
		Short: "Keeps the organisations of a running server",
		Long: `Keeps the organisations of a running server, and says whether their streams
need a token.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(orgCreate(), orgList(), orgShow(), orgSecure(), orgDelete())
			group(cmd)
		},
	})
}

// orgNeed says whether the streams of an organisation need a token.
func orgNeed(o *types.Org) string {
	switch {
	case o.BreakGlass != nil && !o.NeedsToken:
		return "no, until " + when(o.BreakGlass.Until)
	case o.NeedsToken:
		return "yes"
	}
	return "no"
}

func printOrg(w io.Writer, o *types.Org) error {
	members := [][2]string{
		{"Organisation", o.Org},
		{"Name", o.Name},
		{"Streams need a token", orgNeed(o)},
		{"Secure", o.Secure},
		{"Told by", o.Source},
		{"Created", whenever(o.Created)},
		{"By", o.By},
	}
	if g := o.BreakGlass; g != nil {
		members = append(members, [2]string{"Glass broken", when(g.Since) + " by " + g.By + ": " + g.Reason})
	}
	return card(w, members)
}

func orgCreate() *cobra.Command {
	var in types.NewOrg
	cmd := &cobra.Command{
		Use:   "create ORG [--name TEXT] [--secure on|off]",
		Short: "Adds an organisation",
		Long: `Adds an organisation. ORG is its organisation hash, 1 to 64 of letters, digits
and underscore, as it is in URLs. Its streams need a token, unless somebody says
otherwise.`,
		Example: `  playgate org create acme
  playgate org create acme --name "Acme Broadcasting"`,
		Args: takes(1),
	}
	cmd.Flags().StringVar(&in.Name, "name", "", "name for people")
	cmd.Flags().StringVar(&in.Secure, "secure", "", "on, or off: its streams need no token (default: nothing is said, which means on)")
	return online(cmd, func(c *client, args []string) error {
		in.Org = args[0]
		var o types.Org
		answer, err := c.post("orgs", in, &o)
		if err != nil {
			return err
		}
		return c.done(answer, "Organisation %s is there; its streams need a token: %s. Next: playgate stream create --org %s STREAM", clean(o.Org), orgNeed(&o), clean(o.Org))
	})
}

func orgList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Lists the organisations",
		Long:    "Lists the organisations, those of the server's configuration included.",
		Example: "  playgate org list\n  playgate org list --json",
		Args:    cobra.NoArgs,
	}
	return online(cmd, func(c *client, _ []string) error {
		var list types.Orgs
		answer, err := c.get("orgs", nil, &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Orgs))
			for i, o := range list.Orgs {
				rows[i] = []string{o.Org, o.Name, orgNeed(&o), o.Secure, o.Source}
			}
			return table(w, []string{"ORG", "NAME", "NEEDS TOKEN", "SECURE", "TOLD BY"}, rows)
		})
	})
}

func orgShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ORG",
		Short:   "Shows an organisation",
		Long:    "Shows an organisation, and whether its streams need a token.",
		Example: "  playgate org show acme",
		Args:    takes(1),
	}
	return online(cmd, func(c *client, args []string) error {
		var o types.Org
		answer, err := c.get(path("orgs", args[0]), nil, &o)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error { return printOrg(w, &o) })
	})
}

func orgDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "delete ORG [--force]",
		Short: "Removes an organisation, and refuses its tokens",
		Long: `Removes an organisation. Its tokens are refused from then on, also if one of the
same hash is made again. An organisation that has streams, tokens that play, keys or
API keys is not removed, unless --force ends them all.`,
		Example: `  playgate org delete acme
  playgate org delete acme --force`,
		Args: takes(1),
	}
	cmd.Flags().BoolVar(&force, "force", false, "end its streams, tokens, keys and API keys too")
	return online(cmd, func(c *client, args []string) error {
		query := url.Values{}
		if force {
			query.Set("force", "true")
		}
		answer, err := c.ask("DELETE", path("orgs", args[0]), query, nil, nil)
		if err != nil {
			return err
		}
		return c.done(answer, "Organisation %s is deleted; its tokens are refused.", clean(args[0]))
	})
}
