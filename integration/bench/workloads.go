package main

import (
	"errors"
	"path/filepath"
	"strings"
)

// workloadNames are what -only takes.
var workloadNames = []string{"seen", "steady", "media", "cached", "first-HS256", "first-EdDSA", "first-ES256", "refused"}

// workloads starts what the wanted ones need.
func (b *bench) workloads(wanted func(name string) bool, fresh int) ([]workload, error) {
	plain, err := b.startPlain()
	if err != nil {
		return nil, err
	}
	gate, at, err := b.startGate("gate", "", "")
	if err != nil {
		return nil, err
	}
	var list []workload
	peer := new(nginx)
	if wanted("seen") || wanted("cached") {
		if peer, err = b.startNginx(); err != nil {
			return nil, err
		}
	}
	if wanted("seen") {
		w, err := b.seen(plain, peer, gate, at)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	if wanted("steady") {
		w, err := b.steady(plain, gate, at["EdDSA"])
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	if wanted("media") {
		list = append(list, b.media(plain, gate, at["EdDSA"])...)
	}
	if wanted("cached") {
		more, err := b.cached(plain, peer)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	for _, algorithm := range algorithms {
		if wanted("first-" + algorithm) {
			list = append(list, b.first(algorithm, gate, at[algorithm], fresh))
		}
	}
	if wanted("refused") {
		list = append(list, b.refused(plain, gate, at, fresh)...)
	}
	return list, nil
}

// passes is a contender whose requests are let through.
func passes(name string, server *process, address string, targets []string) contender {
	return contender{name: name, server: server, address: address, status: 200, targets: targets, through: true, warm: true}
}

// refuses is one whose requests are refused.
func refuses(name string, server *process, address string, status int, targets []string) contender {
	return contender{name: name, server: server, address: address, status: status, targets: targets, warm: true}
}

// fresh has none of its targets asked for before it is measured.
func (c contender) fresh() contender {
	c.warm = false
	return c
}

// installed reports whether a server could be started, and notes one that is not
// installed.
func (b *bench) installed(err error) (bool, error) {
	if errors.Is(err, errMissing) {
		b.notes = append(b.notes, err.Error())
		return false, nil
	}
	return err == nil, err
}

// seen compares viewers, whose token the gate has seen before.
func (b *bench) seen(plain proxied, peer *nginx, gate *process, at map[string]string) (workload, error) {
	one := func(algorithm string) []string { return withToken(segment, b.keys[algorithm].tokens("viewer", 1)) }
	token := one("EdDSA")
	w := workload{"seen", "4 KB segment, token seen before", []contender{
		passes("Caddy with Playgate's defaults, no gate", plain.plain, plain.plainAt, token),
		passes("stock Caddy, no gate", plain.stock, plain.stockAt, token),
	}}
	for _, algorithm := range algorithms {
		w.contenders = append(w.contenders, passes("Playgate "+algorithm, gate, at[algorithm], one(algorithm)))
	}
	w.contenders = append(w.contenders,
		passes("Playgate EdDSA, 10,000 tokens", gate, at["EdDSA"], withToken(segment, b.keys["EdDSA"].tokens("many", many))))
	if peer.process != nil {
		w.contenders = append(w.contenders, passes("nginx, no gate", peer.process, peer.plainAt, token))
	}
	haproxy, haproxyAt, err := b.startHAProxy()
	if ok, err := b.installed(err); err != nil {
		return w, err
	} else if ok {
		w.contenders = append(w.contenders, passes("HAProxy, no gate", haproxy, haproxyAt[""], token))
		for _, algorithm := range []string{"HS256", "ES256"} {
			w.contenders = append(w.contenders, passes("HAProxy "+algorithm, haproxy, haproxyAt[algorithm], one(algorithm)))
		}
	}
	return w, nil
}

const (
	large    = "/live/s1/big.m4s"
	manifest = "/live/s1/list.m3u8"
)

// media compares what is larger than a part, and what is rewritten.
func (b *bench) media(plain proxied, gate *process, at string) []workload {
	tokens := b.keys["EdDSA"].tokens("viewer", 1)
	var list []workload
	for _, w := range []struct{ name, title, path string }{
		{"large", "1 MB segment", large},
		{"playlist", "Playlist of low latency, rewritten by the gate", manifest},
	} {
		targets := withToken(w.path, tokens)
		list = append(list, workload{w.name, w.title, []contender{
			passes("Caddy with Playgate's defaults, no gate", plain.plain, plain.plainAt, targets),
			passes("Playgate EdDSA", gate, at, targets),
		}})
	}
	return list
}

// answers is a contender that answers without the origin.
func answers(name string, server *process, address string, targets []string) contender {
	c := passes(name, server, address, targets)
	c.through = false
	return c
}

// cached compares answers from memory with those of the origin.
func (b *bench) cached(plain proxied, peer *nginx) ([]workload, error) {
	store := filepath.Join(b.dir, "cache") // beside the gate's that has none
	gate, at, err := b.startGate("cache", "\t\tstore embedded "+store+"\n", "\tplaygate_cache\n")
	if err != nil {
		return nil, err
	}
	var list []workload
	for _, w := range []struct {
		name, title, path string
		tokens            int // in turn
	}{
		{"hit", "4 KB segment from the cache", segment, 1},
		{"hit-many", "4 KB segment from the cache, 10,000 tokens", segment, many},
		{"hit-large", "1 MB segment from the cache", large, 1},
		{"hit-playlist", "Playlist of low latency from the cache, rewritten by the gate", manifest, 1},
	} {
		targets := withToken(w.path, b.keys["EdDSA"].tokens("viewer", w.tokens))
		contenders := []contender{
			passes("Caddy with Playgate's defaults, no cache, no gate", plain.plain, plain.plainAt, targets),
			answers("Playgate EdDSA, cached", gate, at["EdDSA"], targets),
		}
		if peer.process != nil {
			contenders = append(contenders, answers("nginx, cached, no gate", peer.process, peer.cacheAt, targets))
		}
		list = append(list, workload{w.name, w.title, contenders})
	}
	return list, nil
}

// first compares tokens that the gate has not seen with one that it has.
func (b *bench) first(algorithm string, gate *process, at string, fresh int) workload {
	k := b.keys[algorithm]
	return workload{"first-" + algorithm, algorithm + " token at first sight", []contender{
		passes("seen", gate, at, withToken(segment, k.tokens("viewer", 1))),
		passes("first sight", gate, at, withToken(segment, k.tokens("first", fresh))).fresh(),
	}}
}

// refused compares refusals with the cheapest answer that Caddy has, for a URL of
// the same length.
func (b *bench) refused(plain proxied, gate *process, at map[string]string, fresh int) []workload {
	good := b.keys["EdDSA"].token("viewer-00000000")
	unknown := encode(`{"alg":"EdDSA","kid":"strange","typ":"JWT"}`) + good[strings.IndexByte(good, '.'):]
	here := at["EdDSA"]
	long := workload{"refused", "Refusals of a token", []contender{
		refuses("Caddy, respond 403", plain.plain, plain.forbiddenAt, 403, []string{segment + "?token=" + good}),
		refuses("seen token, other stream", gate, here, 403, []string{other + "?token=" + good}),
		refuses("unknown key", gate, here, 401, []string{segment + "?token=" + unknown}),
	}}
	for _, algorithm := range algorithms {
		k := b.keys[algorithm]
		long.contenders = append(long.contenders,
			refuses("the same forged "+algorithm+" again", gate, at[algorithm], 401, withToken(segment, k.forged(1))),
			refuses("forged "+algorithm, gate, at[algorithm], 401, withToken(segment, k.forged(fresh))).fresh())
	}
	short := workload{"refused-short", "Refusals without a token", []contender{
		refuses("Caddy, respond 403", plain.plain, plain.forbiddenAt, 403, []string{segment}),
		refuses("no token", gate, here, 401, []string{segment}),
		refuses("malformed token", gate, here, 401, []string{segment + "?token=abc"}),
		refuses("no such path", gate, here, 404, []string{"/elsewhere/s1/seg.m4s"}),
	}}
	return []workload{long, short}
}
