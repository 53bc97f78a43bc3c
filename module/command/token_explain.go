package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/token"
)

var errRefused = errors.New("the token would be refused")

// explaining is what the flags say about a token to be explained.
type explaining struct {
	at string
	q  issue.Question

	// With a key file, or with no server; a server has these itself.
	file, issuer string
	audience     []string
	leeway       time.Duration
}

func tokenExplain() *cobra.Command {
	var x explaining
	cmd := &cobra.Command{
		Use:   "explain TOKEN|URL|- [flags]",
		Short: "Says check by check why a token is accepted or refused",
		Long: `Says check by check, in the gate's order, why a token is accepted or refused.
It takes the token itself, the URL that a viewer was given, or - to read either
from standard input. The exit status is 1 when the token would be refused.

A running server judges it with the keys that it has, and asks the gate that the URL
leads to, by host and path; so the URL of the player page will do. With --key-file (or
$PLAYGATE_KEY_FILE), or where no server runs, this command does it by itself, and knows
nothing of revocations and of the gates. What could not be checked is never a yes: a
signature without a key, or a rule for addresses or pages without --ip or --referer.`,
		Example: `  playgate token explain 'https://live.example.com/live/acme/cam1/index.m3u8?token=eyJ...'
  playgate token explain --key-file playgate.jwk 'https://live.example.com/live/acme/cam1/index.m3u8?token=eyJ...'
  playgate token explain - --key-file playgate-public.jwk --ip 203.0.113.7 --referer https://www.example.com/
  playgate token explain eyJ... --at 2027-01-31T20:00:00Z --url https://live.example.com/live/acme/cam2/index.m3u8`,
		Args: cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	keyFileFlag(cmd, &x.file)
	f.StringVar(&x.at, "at", "", "the time to judge it at: a time like 2027-01-31T20:00:00Z, or 2h from now (default: now)")
	f.StringVar(&x.q.IP, "ip", "", "the viewer's address")
	f.StringVar(&x.q.Referer, "referer", "", "the page that embeds the stream")
	f.StringVar(&x.q.URL, "url", "", "the stream's URL, where it is not the one that carries the token")
	f.StringVar(&x.q.Rule, "rule", "/live/{org}/{stream}/*", "the stream rule by which the URL names a stream (default with a server: those of its gates)")
	f.StringVar(&x.issuer, "issuer", "", "without a server: the iss that the gate asks for")
	f.StringArrayVar(&x.audience, "audience", nil, "without a server: the aud that the gate asks for; repeatable")
	f.DurationVar(&x.leeway, "leeway", token.DefaultLeeway, "without a server: the gate's leeway")
	online(cmd, x.ask)
	ask := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return x.run(cmd, args[0], ask) }
	return cmd
}

// run explains the token by what the flags say, or has a running server do it
// with ask; where none runs, by what the flags say after all.
func (x *explaining) run(cmd *cobra.Command, arg string, ask func(*cobra.Command, []string) error) error {
	if err := refuseEmpty(cmd); err != nil {
		return err
	}
	text, err := x.read(cmd.InOrStdin(), arg)
	if err != nil {
		return err
	}
	x.q.At = time.Now()
	if x.at != "" {
		if x.q.At, err = issue.ParseTime(x.at, x.q.At); err != nil {
			return fmt.Errorf("--at %s: %w", x.at, err)
		}
	}
	offline, err := byKeyFile(cmd)
	if err != nil {
		return err
	}
	own := []string{"issuer", "audience", "leeway"}
	if offline || !asksServer(cmd) && slices.ContainsFunc(append(own, "rule"), cmd.Flags().Changed) {
		return x.judge(cmd, text)
	}
	if err := onlyWithKeyFile(cmd, own...); err != nil {
		return err
	}
	err = ask(cmd, []string{text})
	if err == nil || errors.Is(err, errRefused) || asksServer(cmd) {
		return err
	}
	if _, nobody := errors.AsType[*noServerError](err); !nobody {
		fmt.Fprintln(cmd.ErrOrStderr(), "Note: the running server was asked, too, and could not say:", err)
	}
	return x.judge(cmd, text) // without a key: never a yes
}

// read reads what is to be explained.
func (x *explaining) read(stdin io.Reader, arg string) (string, error) {
	if arg != "-" && arg != "@-" {
		return arg, nil
	}
	pasted, err := io.ReadAll(io.LimitReader(stdin, 64<<10))
	return string(pasted), err
}

// judge explains the token by what the flags say.
func (x *explaining) judge(cmd *cobra.Command, text string) error {
	q := x.q
	q.Text = text
	q.Terms = &token.Terms{Max: token.MaxLifetime, Leeway: x.leeway, Issuer: x.issuer, Audience: x.audience}
	if x.file != "" || os.Getenv(keyFileVariable) != "" {
		key, err := readKey(x.file, cmd.InOrStdin())
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
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		err = writeJSON(cmd.OutOrStdout(), e)
	} else {
		about := explained{Explanation: e}
		if g := e.Grant; g != nil {
			about.id, about.org, about.tag, about.user = g.ID, g.Org, g.Tag, g.Subject
		}
		err = about.print(cmd.OutOrStdout())
	}
	if err == nil && !e.Allowed {
		return refused(cmd)
	}
	return err
}

// refused ends the command with status 1 and no word more.
func refused(cmd *cobra.Command) error {
	cmd.SilenceErrors = true
	return errRefused
}

// explained is an explanation, and what is known of its token.
type explained struct {
	*issue.Explanation
	id, org, tag, user string
}

func (e explained) print(w io.Writer) error {
	if e.id != "" {
		fmt.Fprintf(w, "Token %s of organisation %s", clean(e.id), clean(e.org))
		if e.tag != "" {
			fmt.Fprintf(w, ", tag %q", e.tag)
		}
		if e.user != "" {
			fmt.Fprintf(w, ", user %q", e.user)
		}
		fmt.Fprint(w, "\n\n")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range e.Checks {
		reason := c.Reason
		if reason != "" {
			reason += ": "
		}
		fmt.Fprintf(t, "%s\t%s\t%s%s\n", capital(c.Result), clean(c.Name), clean(reason), clean(c.Text))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "Accepted, as far as was checked."
	switch {
	case !e.Allowed && e.Reason == "":
		verdict = "Not decided: something could not be checked."
	case !e.Allowed:
		verdict = "Refused: " + clean(e.Reason) + "."
	}
	_, err := fmt.Fprintf(w, "\n%s\n", verdict)
	return err
}

func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + clean(word[1:])
}
