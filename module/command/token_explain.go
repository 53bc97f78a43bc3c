package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/token"
)

var errRefused = errors.New("the token would be refused")

func tokenExplain() *cobra.Command {
	var (
		file, at string
		q        issue.Question
		issuer   string
		audience []string
		leeway   time.Duration
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "explain TOKEN|URL|- [--key-file FILE] [flags]",
		Short: "Says check by check why a token is accepted or refused",
		Long: `Says check by check, in the gate's order, why a token is accepted or refused.
It takes the token itself, the URL that a viewer was given, or - to read either
from standard input. The exit status is 1 when the token would be refused.`,
		Example: `  playgate token explain --key-file playgate.jwk 'https://live.example.com/live/acme/cam1/index.m3u8?token=eyJ...'
  playgate token explain - --key-file playgate-public.jwk --ip 203.0.113.7 --referer https://www.example.com/
  playgate token explain eyJ... --at 2027-01-31T20:00:00Z --url https://live.example.com/live/acme/cam2/index.m3u8`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			q.Text, q.At = args[0], now
			if q.Text == "-" || q.Text == "@-" {
				pasted, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 64<<10))
				if err != nil {
					return err
				}
				q.Text = string(pasted)
			}
			var err error
			if at != "" {
				if q.At, err = issue.ParseTime(at, now); err != nil {
					return fmt.Errorf("--at %s: %w", at, err)
				}
			}
			q.Terms = &token.Terms{Max: token.MaxLifetime, Leeway: leeway, Issuer: issuer, Audience: audience}
			if file != "" || os.Getenv(keyFileVariable) != "" {
				key, err := readKey(file, cmd.InOrStdin())
				if err != nil {
					return err
				}
				if q.Keys, err = token.NewKeyring(key); err != nil {
					return err
				}
			}
			e, err := issue.Explain(q)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				err = enc.Encode(e)
			} else {
				err = printExplanation(cmd.OutOrStdout(), e)
			}
			if err == nil && !e.Allowed {
				cmd.SilenceErrors = true
				return errRefused
			}
			return err
		},
	}
	f := cmd.Flags()
	keyFileFlag(cmd, &file)
	f.StringVar(&at, "at", "", "the time to judge it at: a time like 2027-01-31T20:00:00Z, or 2h from now (default: now)")
	f.StringVar(&q.IP, "ip", "", "the viewer's address")
	f.StringVar(&q.Referer, "referer", "", "the page that embeds the stream")
	f.StringVar(&q.URL, "url", "", "the stream's URL, where it is not the one that carries the token")
	f.StringVar(&q.Rule, "rule", "/live/{org}/{stream}/*", "the gate's stream rule, by which the URL names a stream")
	f.StringVar(&issuer, "issuer", "", "the iss that the gate asks for")
	f.StringArrayVar(&audience, "audience", nil, "the aud that the gate asks for; repeatable")
	f.DurationVar(&leeway, "leeway", token.DefaultLeeway, "the gate's leeway")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

func printExplanation(w io.Writer, e *issue.Explanation) error {
	if g := e.Grant; g != nil {
		fmt.Fprintf(w, "Token %s of organisation %s", g.ID, g.Org)
		if g.Tag != "" {
			fmt.Fprintf(w, ", tag %q", g.Tag)
		}
		if g.Subject != "" {
			fmt.Fprintf(w, ", user %q", g.Subject)
		}
		fmt.Fprint(w, "\n\n")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range e.Checks {
		reason := c.Reason
		if reason != "" {
			reason += ": "
		}
		fmt.Fprintf(t, "%s\t%s\t%s%s\n", strings.ToUpper(c.Result[:1])+c.Result[1:], c.Name, reason, c.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "Accepted, as far as was checked."
	if !e.Allowed {
		verdict = "Refused: " + e.Reason + "."
	}
	_, err := fmt.Fprintf(w, "\n%s\n", verdict)
	return err
}
