package command

import (
	"io"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
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

// orgAnswer is an organisation as the API tells it.
type orgAnswer struct {
	Org        string
	Name       string
	Secure     string
	Source     string
	NeedsToken bool `json:"needs_token"`
	Glass      *struct {
		Until, Since time.Time
		Reason, By   string
	} `json:"break_glass"`
	Created time.Time
	By      string
}

// need says whether its streams need a token.
func (o *orgAnswer) need() string {
	switch {
	case o.Glass != nil && !o.NeedsToken:
		return "no, until " + when(o.Glass.Until)
	case o.NeedsToken:
		return "yes"
	}
	return "no"
}

func (o *orgAnswer) print(w io.Writer) error {
	members := [][2]string{
		{"Organisation", o.Org},
		{"Name", o.Name},
		{"Streams need a token", o.need()},
		{"Secure", o.Secure},
		{"Told by", o.Source},
		{"Created", when(o.Created)},
		{"By", o.By},
	}
	if g := o.Glass; g != nil {
		members = append(members, [2]string{"Glass broken", when(g.Since) + " by " + g.By + ": " + g.Reason})
	}
	return card(w, members)
}

func orgCreate() *cobra.Command {
	var in struct {
		Org    string `json:"org"`
		Name   string `json:"name,omitempty"`
		Secure string `json:"secure,omitempty"`
	}
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
		var o orgAnswer
		answer, err := c.post("orgs", in, &o)
		if err != nil {
			return err
		}
		return c.done(answer, "Organisation %s is there; its streams need a token: %s. Next: playgate stream create --org %s STREAM", clean(o.Org), o.need(), clean(o.Org))
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
		var list struct{ Orgs []orgAnswer }
		answer, err := c.get("orgs", nil, &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Orgs))
			for i, o := range list.Orgs {
				rows[i] = []string{o.Org, o.Name, o.need(), o.Secure, o.Source}
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
		var o orgAnswer
		answer, err := c.get(path("orgs", args[0]), nil, &o)
		if err != nil {
			return err
		}
		return c.show(answer, o.print)
	})
}

func orgDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ORG",
		Short: "Removes an organisation that has no streams",
		Long: `Removes an organisation that has no streams. Its tokens stay valid: to end
them, retire the key that they were made with.`,
		Example: "  playgate org delete acme",
		Args:    takes(1),
	}
	return online(cmd, func(c *client, args []string) error {
		answer, err := c.ask("DELETE", path("orgs", args[0]), nil, nil, nil)
		if err != nil {
			return err
		}
		return c.done(answer, "Organisation %s is deleted.", clean(args[0]))
	})
}
