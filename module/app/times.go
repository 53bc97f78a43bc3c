package app

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/token"
)

// minStaleAfter is the least stale_after: as long as an edge cannot tell a store that
// is away from one that is slow.
const minStaleAfter = 5 * time.Second

// checkTimes judges what JSON says of times. The Caddyfile is judged by the same
// functions, where its reader finds the line.
func (a *App) checkTimes() error {
	if a.StaleAfter != 0 {
		if err := checkStaleAfter(time.Duration(a.StaleAfter)); err != nil {
			return fmt.Errorf("stale_after: %w", err)
		}
		if a.Store.off() {
			return errors.New("stale_after needs a store; remove it, or write store embedded or store nats")
		}
	}
	most := cmp.Or(time.Duration(a.MaxLifetime), token.MaxLifetime)
	byDefault := cmp.Or(time.Duration(a.Lifetime), min(token.DefaultLifetime, most))
	if err := checkLifetimes(byDefault, most); err != nil {
		return fmt.Errorf("lifetime: %w", err)
	}
	if a.Leeway != nil {
		if err := checkLeeway(time.Duration(*a.Leeway)); err != nil {
			return fmt.Errorf("leeway: %w", err)
		}
	}
	return nil
}

func checkStaleAfter(d time.Duration) error {
	if d < minStaleAfter {
		return errors.New("write a duration of at least 5s")
	}
	return nil
}

func checkLifetimes(byDefault, most time.Duration) error {
	if byDefault < time.Second || byDefault > token.MaxLifetime {
		return errors.New("write a duration from 1s to 365d")
	}
	if most < byDefault || most > token.MaxLifetime {
		return errors.New("the most must be a duration from the default to 365d")
	}
	return nil
}

func checkLeeway(d time.Duration) error {
	if d < 0 || d > token.MaxLeeway {
		return errors.New("write a duration from 0s to 120s")
	}
	return nil
}

func parseLifetime(d *caddyfile.Dispenser) (lifetime, maximum caddy.Duration, err error) {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return 0, 0, d.Errf("lifetime takes the default and maybe the most, like lifetime 14d 365d, not %d values", len(args))
	}
	times := []time.Duration{0, token.MaxLifetime}
	for i, arg := range args {
		if times[i], err = caddy.ParseDuration(arg); err != nil {
			return 0, 0, d.Errf("lifetime %s: write a duration like 14d", arg)
		}
	}
	if err := checkLifetimes(times[0], times[1]); err != nil {
		return 0, 0, d.Errf("lifetime %s: %w", strings.Join(args, " "), err)
	}
	if times[0] != token.DefaultLifetime {
		lifetime = caddy.Duration(times[0])
	}
	if len(args) == 2 {
		maximum = caddy.Duration(times[1])
	}
	return lifetime, maximum, nil
}

func parseLeeway(d *caddyfile.Dispenser) (*caddy.Duration, error) {
	var text string
	if err := directive.OneArg(d, &text); err != nil {
		return nil, err
	}
	leeway, err := caddy.ParseDuration(text)
	if err != nil {
		leeway = -1
	}
	if err := checkLeeway(leeway); err != nil {
		return nil, d.Errf("leeway %s: %w", text, err)
	}
	return (*caddy.Duration)(&leeway), nil
}

func parseStaleAfter(d *caddyfile.Dispenser) (caddy.Duration, error) {
	args := d.RemainingArgs()
	if len(args) != 2 || args[1] != "deny" {
		return 0, d.Err("stale_after takes a duration and the word deny, like stale_after 10m deny")
	}
	after, err := caddy.ParseDuration(args[0])
	if err != nil {
		after = -1
	}
	if err := checkStaleAfter(after); err != nil {
		return 0, d.Errf("stale_after %s: %w", args[0], err)
	}
	return caddy.Duration(after), nil
}
