package command

import (
	"errors"
	"fmt"
	"io"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/internal/keyfile"
	"github.com/playgate/playgate/module/token"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "key",
		Usage: "new|public|list|add|rotate|retire",
		Short: "Keeps the keys that tokens are signed with",
		Long: `Keeps the keys that tokens are signed with.

new and public work with files. A key made there is one private JSON Web Key
(RFC 7517) with its id and its algorithm in it. Whoever has the file can make
tokens; the gate itself needs only the public part.

list, add, rotate and retire are about the keys of a running server, which makes its
own.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(keyNew(), keyPublic(), keyList(), keyAdd(), keyRotate(), keyRetire())
			group(cmd)
		},
	})
}

// group makes a command that has only subcommands refuse words that are none.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func keyNew() *cobra.Command {
	var id, algorithm, out string
	cmd := &cobra.Command{
		Use:   "new [--id ID] [--algorithm EdDSA] [--out FILE]",
		Short: "Makes a new private key",
		Long: `Makes a new private key and writes it to a file with mode 0600, or to
standard output. An existing file is never overwritten.`,
		Example: `  playgate key new --out playgate.jwk
  playgate key new --id 2027-01 --algorithm ES256 --out playgate.jwk`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd); err != nil {
				return err
			}
			if id == "" {
				id = token.NewID(8)
			}
			key, err := token.GenerateKey(id, algorithm)
			if err != nil {
				return err
			}
			jwk, err := key.MarshalJWK(false)
			if err != nil {
				return err
			}
			jwk = append(jwk, '\n')
			if out == "" {
				protectOutput()
				_, err = cmd.OutOrStdout().Write(jwk)
			} else {
				err = writeNew(out, jwk)
			}
			if err != nil {
				return err
			}
			where := out
			if where == "" {
				where = "playgate.jwk"
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Made key %s (%s). For the gate, in the Caddyfile's global block:\n\n\tplaygate {\n\t\tkey %s {\n\t\t\tfile %s\n\t\t}\n\t}\n\nKeep a copy in a safe place: without it, no more tokens of this key can be made.\n",
				key.ID, key.Algorithm, key.ID, where)
			return nil
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "id of the key, the kid of its tokens (default: 8 random characters)")
	cmd.Flags().StringVar(&algorithm, "algorithm", token.EdDSA, "EdDSA, ES256, ES384, RS256, PS256 or HS256")
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write (default: standard output)")
	return cmd
}

// protectOutput gives a file that standard output is redirected to the mode that
// a secret needs.
func protectOutput() {
	if info, err := os.Stdout.Stat(); err == nil && info.Mode().IsRegular() {
		_ = os.Stdout.Chmod(0o600)
	}
}

// writeNew writes a file that is not there yet, for its owner alone.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already; a key is never overwritten, because its tokens would stop playing", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func keyPublic() *cobra.Command {
	var file string
	var asPEM bool
	cmd := &cobra.Command{
		Use:   "public --key-file FILE [--pem]",
		Short: "Writes the public part of a key",
		Long: `Writes the public part of a key, as a JSON Web Key or in PEM form. It is
all that a gate needs, and it cannot make tokens.`,
		Example: `  playgate key public --key-file playgate.jwk > playgate-public.jwk
  playgate key public --key-file playgate.jwk --pem`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseEmpty(cmd); err != nil {
				return err
			}
			if len(args) == 1 {
				if file != "" {
					return errors.New("two key files are named; name one")
				}
				file = args[0]
			}
			key, err := readKey(file, cmd.InOrStdin())
			if err != nil {
				return err
			}
			var out []byte
			if asPEM {
				out, err = key.MarshalPEM()
			} else if out, err = key.MarshalJWK(true); err == nil {
				out = append(out, '\n')
			}
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(out)
			return err
		},
	}
	keyFileFlag(cmd, &file)
	cmd.Flags().BoolVar(&asPEM, "pem", false, "write PEM instead of a JSON Web Key")
	return cmd
}

// keyFileVariable names the key file where no flag does.
const keyFileVariable = "PLAYGATE_KEY_FILE"

func keyFileFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "key-file", "", "file that playgate key new wrote, or - for standard input (default: $PLAYGATE_KEY_FILE)")
}

// byKeyFile reports whether a command is to work with a key file and without a
// server. A flag says so, or that a server is to be asked; else the environment.
func byKeyFile(cmd *cobra.Command) (bool, error) {
	file, asks := cmd.Flags().Changed("key-file"), asksServer(cmd)
	if file && asks {
		return false, errors.New("--key-file works without a server, and --config, --address and --api ask one; leave one of both out")
	}
	return file || !asks && os.Getenv(keyFileVariable) != "", nil
}

// onlyWithKeyFile refuses flags that a server cannot be told.
func onlyWithKeyFile(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s goes with --key-file; a running server has it from its configuration", name)
		}
	}
	return nil
}

// readKey reads the key of a --key-file.
func readKey(file string, stdin io.Reader) (*token.Key, error) {
	if file == "" {
		file = os.Getenv(keyFileVariable)
	}
	switch file {
	case "":
		return nil, errors.New("no key: name the file that playgate key new wrote with --key-file, or in PLAYGATE_KEY_FILE")
	case "-", "@-":
		data, err := io.ReadAll(io.LimitReader(stdin, 64<<10))
		if err != nil {
			return nil, err
		}
		return token.ParseKey(data, "", "")
	}
	return keyfile.Read(file, "", "")
}
