package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// client asks a running instance, by the REST API that it has on Caddy's admin
// endpoint and in sites with playgate_api.
type client struct {
	server
	cmd    *cobra.Command
	asJSON bool
	told   bool // which instance answers
}

// online makes a command of one that is done by a running instance.
func online(cmd *cobra.Command, run func(c *client, args []string) error) *cobra.Command {
	c := &client{cmd: cmd}
	c.flags(cmd)
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "write the answer as JSON")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := refuseEmpty(cmd); err != nil {
			return err
		}
		if err := c.open(args); err != nil {
			return err
		}
		return run(c, args)
	}
	return cmd
}

// refuseEmpty refuses a flag with an empty value, as an unset variable of a script makes
// one: it would mean all.
func refuseEmpty(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.String() == ""
		if list, ok := f.Value.(pflag.SliceValue); ok {
			empty = slices.Contains(list.GetSlice(), "")
		}
		if empty && err == nil {
			err = fmt.Errorf("--%s has no value; write one, or leave the flag out", f.Name)
		}
	})
	return err
}

// takes lets a command have so many words, and else says how it is written.
func takes(words int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == words {
			return nil
		}
		return fmt.Errorf("%d words are too many or too few; write %s", len(args), cmd.UseLine())
	}
}

// open finds out whom to ask. Nothing is sent yet.
func (c *client) open(args []string) error {
	for _, arg := range args {
		if strings.HasPrefix(arg, apiKeyMark) {
			return errKeyInSight
		}
	}
	return c.find(c.cmd.InOrStdin())
}

// maxAnswer is far above any answer of the API.
const maxAnswer = 64 << 20

// ask sends a request and reads the answer into out, unless that is nil. It
// returns the answer as it came.
func (c *client) ask(method, path string, query url.Values, in, out any) (json.RawMessage, error) {
	// Where a name is missing, another path would be meant.
	for segment := range strings.SplitSeq(path, "/") {
		if slices.Contains([]string{"", ".", ".."}, segment) {
			return nil, fmt.Errorf("%q is no name here; write the one that list shows", segment)
		}
	}
	target := c.base + "/api/v1/" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	kind := ""
	if in != nil {
		kind = "application/json"
	}
	from, err := c.send(method, target, path, kind, body)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	answer, err := io.ReadAll(io.LimitReader(from, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.name, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			return nil, fmt.Errorf("the answer of %s cannot be read, perhaps because it is of another version: %w", c.name, err)
		}
	}
	return answer, nil
}

// stream sends a request whose body, or whose answer, may be large and take
// long. The caller closes the answer.
func (c *client) stream(method, path string, body io.Reader) (io.ReadCloser, error) {
	c.http.Timeout = 0
	kind := ""
	if body != nil {
		kind = "application/jsonl"
	}
	return c.send(method, c.base+"/api/v1/"+path, path, kind, body)
}

// send sends a request and returns the answer's body, if it is a good one.
func (c *client) send(method, target, path, kind string, body io.Reader) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(c.cmd.Context(), method, target, body)
	if err != nil {
		return nil, err
	}
	request.Header = c.header.Clone()
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := c.http.Do(request)
	if err != nil {
		// The URL in its text has what was asked for.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, c.unreachable(err)
	}
	instance := response.Header.Get("Playgate-Instance")
	if instance != "" {
		c.tell(instance)
	}
	if instance != "" && response.StatusCode < http.StatusMultipleChoices {
		return response.Body, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.name, err)
	}
	if instance == "" {
		return nil, c.stranger(response.StatusCode, answer)
	}
	return nil, refusal(path, response.StatusCode, answer)
}

// path is one of names that may hold anything.
func path(names ...string) string {
	for i, name := range names {
		names[i] = url.PathEscape(name)
	}
	return strings.Join(names, "/")
}

func (c *client) get(path string, query url.Values, out any) (json.RawMessage, error) {
	return c.ask(http.MethodGet, path, query, nil, out)
}

func (c *client) post(path string, in, out any) (json.RawMessage, error) {
	return c.ask(http.MethodPost, path, nil, in, out)
}

// tell names the instance that answers, once.
func (c *client) tell(instance string) {
	if !c.told && !c.asJSON {
		c.remark("Instance: %s", clean(instance))
	}
	c.told = true
}

// remark writes a line for people, which is in nobody's way.
func (c *client) remark(format string, args ...any) {
	if !c.asJSON {
		fmt.Fprintf(c.cmd.ErrOrStderr(), format+"\n", args...)
	}
}

// show writes an answer: as it is for --json, else in words.
func (c *client) show(answer json.RawMessage, words func(w io.Writer) error) error {
	if c.asJSON {
		return printJSON(c.cmd.OutOrStdout(), answer)
	}
	return words(c.cmd.OutOrStdout())
}

// done ends a command whose answer is worth a remark only.
func (c *client) done(answer json.RawMessage, format string, args ...any) error {
	return c.show(answer, func(io.Writer) error {
		c.remark(format, args...)
		return nil
	})
}

// writeJSON writes a value as JSON.
func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// printJSON writes an answer, indented. Some have nothing to say.
func printJSON(w io.Writer, answer json.RawMessage) error {
	if len(answer) == 0 {
		return nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(answer), "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}
