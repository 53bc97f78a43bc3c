package command

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/keyfile"
)

func keyAdd() *cobra.Command {
	var org, id, algorithm string
	cmd := &cobra.Command{
		Use:   "add FILE --org ORG [--id ID] [--algorithm ALG]",
		Short: "Lets an organisation sign its own tokens, with a key of its own",
		Long: `Lets an organisation sign its own tokens: gives a running server the public part
of its key. The file is PEM or a JSON Web Key; a private one is read, and only its
public part is sent. Tokens of the key play streams of this organisation alone.`,
		Example: `  playgate key add partner.jwk --org acme
  playgate key add partner.pem --org acme --id partner-2027 --algorithm RS256`,
		Args: takes(1),
	}
	cmd.Flags().StringVar(&org, "org", "", "the organisation that the key speaks for")
	cmd.Flags().StringVar(&id, "id", "", "what its tokens name in their kid (default: the file's)")
	cmd.Flags().StringVar(&algorithm, "algorithm", "", "where the file does not say it: RS256 or PS256 for RSA")
	return online(cmd, func(c *client, args []string) error {
		key, err := keyfile.Read(args[0], id, algorithm)
		if err != nil {
			return err
		}
		public, err := key.MarshalJWK(true)
		if err != nil {
			return err
		}
		in := types.NewKey{Org: org}
		if err := json.Unmarshal(public, &in.JWK); err != nil {
			return err
		}
		var added types.Key
		answer, err := c.post("keys", in, &added)
		if err != nil {
			return err
		}
		if added.Warning != "" {
			c.remark("Warning: %s", clean(added.Warning))
		}
		return c.done(answer, "Key %s may speak for %s. To end all its tokens: playgate key retire %s --org %s", key.ID, org, key.ID, org)
	})
}
