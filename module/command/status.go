package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "status",
		Usage: "[--json]",
		Short: "Says which server answers, and how its store is",
		Long: `Says which server answers, where it keeps organisations, streams and tokens,
whether that can be written, how old what it knows is, and which organisations
are open because somebody broke the glass. Below it lists all nodes of the same
registry that can be reached: whether they are ready, how old what they know is,
and up to which change of the store they know it.`,
		CobraFunc: func(cmd *cobra.Command) { status(cmd) },
	})
}

func status(cmd *cobra.Command) {
	cmd.Example = "  playgate status\n  playgate status --config /etc/caddy/Caddyfile"
	cmd.Args = cobra.NoArgs
	online(cmd, func(c *client, _ []string) error {
		c.told = true // it is in the answer
		var s types.Status
		answer, err := c.get("status", nil, &s)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			if err := printInstance(w, &s); err != nil || len(s.Nodes) == 0 {
				return err
			}
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
			return printNodes(w, s.Nodes)
		})
	})
}

// printInstance writes how the instance that answers is.
func printInstance(w io.Writer, s *types.Status) error {
	writable := yesNo(s.Store.Writable)
	if s.Store.Error != "" {
		writable += ": " + s.Store.Error
	}
	known := ""
	if s.Store.Driver != "off" {
		var age time.Duration
		if s.Store.Staleness != nil {
			age = time.Duration(*s.Store.Staleness) * time.Second
		}
		known = issue.Days(max(age, 0)) + " ago"
	}
	glass := "none"
	if len(s.BrokenGlass) > 0 {
		glass = fmt.Sprintf("%s (to end it: playgate org secure ORG mend)", strings.Join(s.BrokenGlass, ", "))
	}
	return card(w, [][2]string{
		{"Instance", s.Instance},
		{"Version", s.Version},
		{"Store", s.Store.Driver},
		{"Writable", writable},
		{"Last known to be true", known},
		{"Organisations", strconv.Itoa(s.Organisations)},
		{"Streams", strconv.Itoa(s.Streams)},
		{"Broken glass", glass},
	})
}

// printNodes writes how all nodes are that could be asked.
func printNodes(w io.Writer, nodes []types.Node) error {
	rows := make([][]string, len(nodes))
	for i, n := range nodes {
		age := time.Duration(n.Staleness * float64(time.Second)).Round(time.Millisecond)
		rows[i] = []string{n.Name, yesNo(n.Ready), age.String(), strconv.FormatUint(n.Position, 10), strconv.Itoa(n.Revoked), strconv.Itoa(n.Viewers), n.Version}
	}
	return table(w, []string{"NODE", "READY", "STALE", "POSITION", "REVOCATIONS", "VIEWERS", "VERSION"}, rows)
}
