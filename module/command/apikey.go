package command

import (
	"fmt"
	"io"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "apikey",
		Usage: "create|list|delete",
		Short: "Makes the keys with which programs use a server's API",
		Long: `Makes the keys with which programs use the HTTP API of a server, which answers
in every site with playgate_api.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(apikeyCreate(), apikeyList(), apikeyDelete())
			group(cmd)
		},
	})
}

// apikeyScope says for which organisations an API key is good.
func apikeyScope(k *types.APIKey) string {
	if len(k.Orgs) == 0 {
		return "all"
	}
	return strings.Join(k.Orgs, ", ")
}

// apikeyEnd says when it ends.
func apikeyEnd(k *types.APIKey) string {
	if k.Expires == nil {
		return "never"
	}
	return when(*k.Expires)
}

func apikeyCreate() *cobra.Command {
	var in types.NewAPIKey
	cmd := &cobra.Command{
		Use:   "create --role read|issue|admin [--org ORG]... [--name TEXT] [--expires TIME]",
		Short: "Makes an API key",
		Long: `Makes an API key. The key alone goes to standard output, once: the server keeps
only a hash of it.

  read   looks
  issue  makes tokens, too
  admin  changes streams and the organisation and makes API keys, too

Without --org the key is good for all organisations.`,
		Example: `  playgate apikey create --role issue --org acme --name shop > shop.apikey
  playgate apikey create --role admin --expires 90d > admin.apikey
  playgate org list --api https://console.example.com --api-key @admin.apikey`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Name, "name", "", "what it is for")
	cmd.Flags().StringVar(&in.Role, "role", "", "read, issue or admin")
	cmd.Flags().StringArrayVar(&in.Orgs, "org", nil, "organisation that it is good for; repeatable (default: all)")
	cmd.Flags().StringVar(&in.Expires, "expires", "", "when it ends: 90d, 2h, or a time like 2027-01-31T20:00:00Z (default: never)")
	_ = cmd.MarkFlagRequired("role") // it is there
	return online(cmd, func(c *client, _ []string) error {
		protectOutput()
		var k types.IssuedAPIKey
		answer, err := c.post("apikeys", in, &k)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			c.remark("API key %s: %s, organisations: %s, expires: %s. Keep it: it cannot be shown again.", clean(k.ID), clean(k.Role), clean(apikeyScope(&k.APIKey)), apikeyEnd(&k.APIKey))
			_, err := fmt.Fprintln(w, clean(k.Text))
			return err
		})
	})
}

func apikeyList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Lists the API keys",
		Long:    "Lists the API keys, without the keys themselves, which nobody can show.",
		Example: "  playgate apikey list",
		Args:    cobra.NoArgs,
	}
	return online(cmd, func(c *client, _ []string) error {
		var list types.APIKeys
		answer, err := c.get("apikeys", nil, &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.APIKeys))
			for i, k := range list.APIKeys {
				rows[i] = []string{k.ID, k.Name, k.Role, apikeyScope(&k), apikeyEnd(&k), when(k.Created), k.By}
			}
			return table(w, []string{"ID", "NAME", "ROLE", "ORGS", "EXPIRES", "CREATED", "BY"}, rows)
		})
	})
}

func apikeyDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete ID",
		Short:   "Ends an API key at once",
		Long:    "Ends an API key at once. ID is the one that playgate apikey list shows.",
		Example: "  playgate apikey delete 0a1B2c3D4e5F",
		Args:    takes(1),
	}
	return online(cmd, func(c *client, args []string) error {
		answer, err := c.ask("DELETE", path("apikeys", args[0]), nil, nil, nil)
		if err != nil {
			return err
		}
		return c.done(answer, "API key %s is deleted; it is refused from now on.", clean(args[0]))
	})
}
