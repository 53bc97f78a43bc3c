package api

import (
	"time"

	"github.com/playgate/playgate/module/internal/verify"
)

// authFailures is how often an address may fail to say who it is.
var authFailures = verify.Limits{Count: 10, Within: time.Minute}

// maxAddresses is how many addresses are remembered.
const maxAddresses = 10_000

func newAuthLimiter() *verify.Limiter { return verify.NewLimiter(verify.AtOnce, maxAddresses) }
