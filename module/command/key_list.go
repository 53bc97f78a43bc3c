package command

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func keyList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Lists the keys of a running server",
		Long: `Lists the keys whose tokens a running server accepts. The active one signs, the
next one will after key rotate; tokens of both, and of those in state verify, are
accepted. Tokens of a retired one are refused.`,
		Example: "  playgate key list",
		Args:    cobra.NoArgs,
	}
	return online(cmd, func(c *client, _ []string) error {
		var list types.Keys
		answer, err := c.get("keys", nil, &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Keys))
			for i, k := range list.Keys {
				orgs := "all"
				if len(k.Orgs) > 0 {
					orgs = strings.Join(k.Orgs, ", ")
				}
				rows[i] = []string{k.ID, k.Alg, k.State, orgs, k.Source, whenever(k.Created), whenever(k.Changed)}
			}
			return table(w, []string{"ID", "ALGORITHM", "STATE", "ORGS", "TOLD BY", "CREATED", "CHANGED"}, rows)
		})
	})
}
