package app

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/verify"
)

// BadSignatures is how many tokens with a bad signature one address may send.
// Further ones are refused (rate_limited) without a look at their signature, which
// is what costs; tokens that were seen before are not concerned.
type BadSignatures struct {
	// Count is how many may come at once, from 1 to 1,000,000. Each is forgiven
	// after Within divided by Count.
	Count int `json:"count"`
	// Within is the time after which all of them are forgiven, from 1 second to
	// 24 hours.
	Within caddy.Duration `json:"within"`
}

const (
	maxBadSignatures = 1_000_000
	maxWithin        = 24 * time.Hour
)

func (b *BadSignatures) check() error {
	if b.Count < 1 || b.Count > maxBadSignatures {
		return fmt.Errorf("bad_signatures %d: write a number from 1 to 1000000", b.Count)
	}
	if within := time.Duration(b.Within); within < time.Second || within > maxWithin {
		return fmt.Errorf("bad_signatures: %s is no duration from 1s to 24h", within)
	}
	return nil
}

func (b *BadSignatures) parse(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("bad_signatures takes a number and a duration, like bad_signatures 20 1m, not %d values", len(args))
	}
	var err error
	if b.Count, err = strconv.Atoi(args[0]); err != nil {
		return d.Errf("bad_signatures %s: write a number from 1 to 1000000", args[0])
	}
	within, err := caddy.ParseDuration(args[1])
	if err != nil {
		return d.Errf("bad_signatures %s: write a duration from 1s to 24h, like 1m", args[1])
	}
	b.Within = caddy.Duration(within)
	if err := b.check(); err != nil {
		return d.Err(err.Error())
	}
	return nil
}

func (b *BadSignatures) limits() verify.Limits {
	return verify.Limits{Count: b.Count, Within: time.Duration(b.Within)}
}
