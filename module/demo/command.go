package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "demo",
		Usage: "[--port 8480] [--json]",
		Short: "Shows a protected live stream, with nothing to install",
		Long: `Shows a protected live stream on this machine: a test card as live low-latency
HLS, the gate in front of it, and a page that plays it with a token and is
refused without. Everything is in this one process, on loopback, with a fresh
key; nothing is kept. Ctrl-C ends it.`,
		CobraFunc: func(cmd *cobra.Command) {
			var port int
			var asJSON bool
			cmd.Example = "  playgate demo\n  playgate demo --json | jq -r '.cases[].curl'"
			cmd.Args = cobra.NoArgs
			cmd.Flags().IntVar(&port, "port", 8480, "port on 127.0.0.1; a busy one is replaced")
			cmd.Flags().BoolVar(&asJSON, "json", false, "print the URLs and every curl line with what to expect, as JSON")
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
				defer stop()
				return run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), port, asJSON)
			}
		},
	})
}

// run starts the demo, says where it is, and ends it with the context.
func run(ctx context.Context, stdout, stderr io.Writer, port int, asJSON bool) error {
	s, err := start(port)
	if err != nil {
		return err
	}
	defer s.stop()
	if s.port != port && port != 0 {
		fmt.Fprintf(stderr, "Port %d is busy, so the demo is on port %d.\n", port, s.port)
	}
	if asJSON {
		err = s.printJSON(stdout)
	} else {
		err = s.print(stdout)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (s *stage) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `A live stream stands behind the gate. Open    %s
It plays with its token                       curl -i '%s'
and not without                               curl -i '%s'
The token is valid until %s (14 days left).
Ctrl-C ends the demo; nothing is kept.
`, s.page, s.scene.TokenURL, s.scene.PlainURL, s.scene.ValidUntil.Local().Format("2 Jan 2006, 15:04"))
	return err
}

// sheet is what --json prints.
type sheet struct {
	Page       string      `json:"page"`
	StreamURL  string      `json:"stream_url"`
	ValidUntil time.Time   `json:"valid_until"`
	Cases      []sheetCase `json:"cases"`
}

type sheetCase struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Curl   string `json:"curl"`
	Status int    `json:"status"`
	Reason string `json:"reason,omitempty"`
}

func (s *stage) printJSON(w io.Writer) error {
	out := sheet{Page: s.page, StreamURL: s.scene.TokenURL, ValidUntil: s.scene.ValidUntil.UTC()}
	out.Cases = []sheetCase{
		{Name: "with-token", URL: s.scene.TokenURL, Curl: Curl(s.scene.TokenURL), Status: 200},
		{Name: "without-token", URL: s.scene.PlainURL, Curl: Curl(s.scene.PlainURL), Status: 401, Reason: "missing_token"},
	}
	for _, c := range s.scene.Cases {
		if c.FreshSeconds > 0 {
			var err error
			if c.URL, c.Curl, _, err = s.scene.Mint(time.Duration(c.FreshSeconds) * time.Second); err != nil {
				return err
			}
		}
		out.Cases = append(out.Cases, sheetCase{Name: c.Name, URL: c.URL, Curl: c.Curl, Status: c.Status, Reason: c.Reason})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
