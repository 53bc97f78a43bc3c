package sessiontoken

import (
	"fmt"

	"github.com/playgate/playgate/module/token"
)

var errShort = fmt.Errorf("a session key needs at least %d random bytes (openssl rand -base64 48)", token.MinSecret)
