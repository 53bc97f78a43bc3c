package command

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "audit",
		Usage: "[--org ORG] [--limit 100]",
		Short: "Lists who changed what on a running server",
		Long: `Lists who changed what on a running server, the newest first. Who made a token is
in its record: playgate token show.`,
		CobraFunc: func(cmd *cobra.Command) { audit(cmd) },
	})
}

func audit(cmd *cobra.Command) {
	var org string
	var limit int
	cmd.Example = "  playgate audit\n  playgate audit --org acme --limit 20"
	cmd.Args = cobra.NoArgs
	cmd.Flags().StringVar(&org, "org", "", "what concerns one organisation")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many")
	online(cmd, func(c *client, _ []string) error {
		var list types.Events
		answer, err := c.get("audit", filter(map[string]string{"org": org, "limit": strconv.Itoa(limit)}), &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Events))
			for i, e := range list.Events {
				var detail []string
				for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
					if value := e.Detail[name]; value != "" {
						detail = append(detail, name+"="+value)
					}
				}
				rows[i] = []string{when(e.Time), e.By, e.Org, e.What, strings.Join(detail, " ")}
			}
			return table(w, []string{"TIME", "BY", "ORG", "WHAT", "DETAIL"}, rows)
		})
	})
}
