package main

import (
	"errors"
	"strings"
)

// workloads starts what the wanted ones need.
func (b *bench) workloads(wanted func(name string) bool, fresh int) ([]workload, error) {
	plain, err := b.startPlain()
	if err != nil {
		return nil, err
	}
	gate, at, err := b.startGate("gate", "")
	if err != nil {
		return nil, err
	}
	var list []workload
	if wanted("seen") {
		w, err := b.seen(plain, gate, at)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	if wanted("media") {
		list = append(list, b.media(plain, gate, at["EdDSA"])...)
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

// seen compares viewers, whose token the gate has seen before.
func (b *bench) seen(plain proxied, gate *process, at map[string]string) (workload, error) {
	token := withToken(segment, b.keys["EdDSA"].tokens("viewer", 1))
	w := workload{"seen", "4 KB segment, token seen before", []contender{
		{"Caddy with Playgate's defaults, no gate", plain.plain, plain.plainAt, 200, token, true, true},
		{"stock Caddy, no gate", plain.stock, plain.stockAt, 200, token, true, true},
	}}
	for _, algorithm := range algorithms {
		w.contenders = append(w.contenders,
			contender{"Playgate " + algorithm, gate, at[algorithm], 200, withToken(segment, b.keys[algorithm].tokens("viewer", 1)), true, true})
	}
	w.contenders = append(w.contenders,
		contender{"Playgate EdDSA, 10,000 tokens", gate, at["EdDSA"], 200, withToken(segment, b.keys["EdDSA"].tokens("many", many)), true, true})
	nginx, nginxAt, err := b.startNginx()
	switch {
	case errors.Is(err, errMissing):
		b.notes = append(b.notes, err.Error())
	case err != nil:
		return w, err
	default:
		w.contenders = append(w.contenders, contender{"nginx, no gate", nginx, nginxAt, 200, token, true, true})
	}
	haproxy, haproxyAt, err := b.startHAProxy()
	switch {
	case errors.Is(err, errMissing):
		b.notes = append(b.notes, err.Error())
	case err != nil:
		return w, err
	default:
		w.contenders = append(w.contenders, contender{"HAProxy, no gate", haproxy, haproxyAt[""], 200, token, true, true})
		for _, algorithm := range []string{"HS256", "ES256"} {
			w.contenders = append(w.contenders, contender{"HAProxy " + algorithm, haproxy, haproxyAt[algorithm], 200,
				withToken(segment, b.keys[algorithm].tokens("viewer", 1)), true, true})
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
		list = append(list, workload{w.name, w.title, []contender{
			{"Caddy with Playgate's defaults, no gate", plain.plain, plain.plainAt, 200, withToken(w.path, tokens), true, true},
			{"Playgate EdDSA", gate, at, 200, withToken(w.path, tokens), true, true},
		}})
	}
	return list
}

// first compares tokens that the gate has not seen with one that it has.
func (b *bench) first(algorithm string, gate *process, at string, fresh int) workload {
	k := b.keys[algorithm]
	return workload{"first-" + algorithm, algorithm + " token at first sight", []contender{
		{"seen", gate, at, 200, withToken(segment, k.tokens("viewer", 1)), true, true},
		{"first sight", gate, at, 200, withToken(segment, k.tokens("first", fresh)), true, false},
	}}
}

// refused compares refusals with the cheapest answer that Caddy has, for a URL of
// the same length.
func (b *bench) refused(plain proxied, gate *process, at map[string]string, fresh int) []workload {
	good := b.keys["EdDSA"].token("viewer-00000000")
	unknown := encode(`{"alg":"EdDSA","kid":"strange","typ":"JWT"}`) + good[strings.IndexByte(good, '.'):]
	long := workload{"refused", "Refusals of a token", []contender{
		{"Caddy, respond 403", plain.plain, plain.forbiddenAt, 403, []string{segment + "?token=" + good}, false, true},
		{"seen token, other stream", gate, at["EdDSA"], 403, []string{other + "?token=" + good}, false, true},
		{"unknown key", gate, at["EdDSA"], 401, []string{segment + "?token=" + unknown}, false, true},
	}}
	for _, algorithm := range algorithms {
		k := b.keys[algorithm]
		long.contenders = append(long.contenders,
			contender{"the same forged " + algorithm + " again", gate, at[algorithm], 401, withToken(segment, k.forged(1)), false, true},
			contender{"forged " + algorithm, gate, at[algorithm], 401, withToken(segment, k.forged(fresh)), false, false})
	}
	short := workload{"refused-short", "Refusals without a token", []contender{
		{"Caddy, respond 403", plain.plain, plain.forbiddenAt, 403, []string{segment}, false, true},
		{"no token", gate, at["EdDSA"], 401, []string{segment}, false, true},
		{"malformed token", gate, at["EdDSA"], 401, []string{segment + "?token=abc"}, false, true},
		{"no such path", gate, at["EdDSA"], 404, []string{"/elsewhere/s1/seg.m4s"}, false, true},
	}}
	return []workload{long, short}
}
