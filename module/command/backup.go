package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "backup",
		Usage: "FILE|-",
		Short: "Writes all records of a running server into a file",
		Long: `Writes all records of a running server into a file: organisations, streams, token
records, API keys (hashed), keys and the audit trail.

Private keys are in it as they are stored, encrypted under the file seal.key of
the store's directory, which is not in it: keep a copy of that file elsewhere.
Session keys are not in it. No token can be read from it.`,
		CobraFunc: func(cmd *cobra.Command) { backup(cmd) },
	})
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "restore",
		Usage: "FILE|- --yes",
		Short: "Makes the records of a running server those of a backup",
		Long: `Makes the records of a running server those of a backup. What is not in the
backup is removed, and whatever was changed after it is lost: switches, public
streams, retired keys, revocations. Tokens that were revoked later play again, and
so do those of keys that were retired later. --revoke-issued-before refuses all
tokens of all organisations that were issued before a time, such as now.

Nothing is touched before the whole backup was read and its checksum compared.`,
		CobraFunc: func(cmd *cobra.Command) { restore(cmd) },
	})
}

func backup(cmd *cobra.Command) {
	cmd.Example = "  playgate backup playgate-$(date +%F).backup\n  playgate backup - --config /etc/caddy/Caddyfile | age -r age1... > playgate.age"
	cmd.Args = takes(1)
	var force bool
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file if it is there")
	online(cmd, func(c *client, args []string) error {
		if _, err := os.Lstat(args[0]); err == nil && !force && args[0] != "-" {
			return fmt.Errorf("%s is there already; name another file, or overwrite it with --force", args[0])
		}
		body, err := c.stream(http.MethodGet, "backup", nil)
		if err != nil {
			return err
		}
		defer body.Close()
		if args[0] == "-" {
			_, err := copyBackup(cmd.OutOrStdout(), body)
			return err
		}
		n, err := writeBackup(args[0], body, force)
		if err != nil {
			return err
		}
		c.remark("%d records in %s. Keep a copy of seal.key, from the store's directory, in another place.", n, args[0])
		return nil
	})
}

// writeBackup writes a file that is whole or not there, and overwrites none unless it is forced.
func writeBackup(file string, from io.Reader, force bool) (records int, err error) {
	if !force {
		reserved, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		_ = reserved.Close() // nothing is in it
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".backup-") // mode 0600
	if err == nil {
		records, err = copyBackup(f, from)
		err = errors.Join(err, f.Sync(), f.Close())
		if err == nil {
			err = os.Rename(f.Name(), file)
		}
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}
	if err != nil && !force {
		err = errors.Join(err, os.Remove(file))
	}
	return records, err
}

// copyBackup copies a backup, and sees to it that its end is there.
func copyBackup(to io.Writer, from io.Reader) (records int, err error) {
	const longest = 1 << 20
	lines := bufio.NewReaderSize(from, longest)
	var last []byte
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			if _, err := to.Write(line); err != nil {
				return 0, err
			}
			last = bytes.Clone(line)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("the backup broke off: %w", err)
		}
	}
	var foot struct {
		End     bool
		Records int
	}
	if json.Unmarshal(last, &foot) != nil || !foot.End {
		return 0, errors.New("the backup broke off: its end is not there")
	}
	return foot.Records, nil
}

func restore(cmd *cobra.Command) {
	var yes bool
	var before string
	cmd.Example = "  playgate restore playgate-2027-01-31.backup --yes\n  age -d -i key.txt playgate.age | playgate restore - --yes"
	cmd.Args = takes(1)
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	cmd.Flags().StringVar(&before, "revoke-issued-before", "", "refuse all tokens that were issued before this time, or now")
	online(cmd, func(c *client, args []string) error {
		if !yes {
			return errors.New("what is not in the backup is removed, and whatever was changed after it is lost, revocations too (see --revoke-issued-before); add --yes to do it")
		}
		if before == "now" {
			before = time.Now().UTC().Format(time.RFC3339)
		}
		from := cmd.InOrStdin()
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }() // nothing was written
			from = f
		}
		body, err := c.stream(http.MethodPost, "restore", from)
		if err != nil {
			return err
		}
		defer body.Close()
		answer, err := io.ReadAll(io.LimitReader(body, maxAnswer))
		if err != nil {
			return err
		}
		var done types.Restored
		if err := json.Unmarshal(answer, &done); err != nil {
			return err
		}
		if before != "" {
			if err := revokeAll(c, before); err != nil {
				return fmt.Errorf("the backup was put back, but not all tokens issued before %s were revoked: %w; run playgate token revoke --org ORG --all --issued-before %s for each organisation", before, err, before)
			}
		}
		return c.show(answer, func(io.Writer) error {
			c.remark("Put back: %d records of %s; %d others were removed.", done.Records, when(done.Time), done.Removed)
			c.remark("Whatever was changed after that time is lost: look at switches and public streams, and retire again what had been retired.")
			if before == "" {
				c.remark("Tokens that were revoked after that time play again; to refuse all that were issued until now: playgate token revoke --org ORG --all --issued-before %s", time.Now().UTC().Format(time.RFC3339))
			}
			if !done.Sealed {
				c.remark("The private keys were sealed with another seal.key. Tokens play; before new ones can be made, run: playgate key rotate")
			}
			return nil
		})
	})
}

// revokeAll revokes the tokens of every organisation that were issued before a
// time.
func revokeAll(c *client, before string) error {
	var list types.Orgs
	if _, err := c.get("orgs", nil, &list); err != nil {
		return err
	}
	for _, o := range list.Orgs {
		in := types.NewRevocation{Org: o.Org, Kind: "org", IssuedUntil: before, Reason: "restored from a backup"}
		if _, err := c.post("revocations", in, nil); err != nil {
			return fmt.Errorf("%s: %w", o.Org, err)
		}
	}
	return nil
}
