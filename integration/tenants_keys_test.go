package integration_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// keySource is a place that keys of org2's tokens come from.
type keySource struct {
	name    string
	all     bool   // its keys may speak for org1 too
	retired bool   // its keys are retired
	options string // of their blocks in the Caddyfile
}

var keySources = []keySource{
	{name: "configuration", all: true},
	{name: "configuration-org2", options: "orgs org2"},
	{name: "configuration-retired", all: true, retired: true, options: "state retired"},
	{name: "configuration-org2-retired", retired: true, options: "orgs org2\n\t\t\tstate retired"},
	{name: "set", all: true},
	{name: "set-org2"},
	{name: "registry"},
	{name: "registry-retired", retired: true},
}

// duel is one key of a source, and the key that the attacker adds to org1 under its id.
type duel struct {
	source         keySource
	before         bool // the attacker's is there before the source's
	same           bool // with the same material
	retire, atOnce bool

	key, attack          *tenantKey
	exists, added, ended bool // the source's key; the attacker's; the attacker's was retired
	token, session       string
	running              map[string]net.Conn
}

// duels are all combinations.
func duels(t *testing.T) (list []*duel) {
	for _, source := range keySources {
		for n, text := range strings.Fields("before.kept before.retired before.retired-at-once after.kept after.retired") {
			for _, material := range []string{"own", "same"} {
				d := &duel{source: source, before: n < 3, same: material == "same", retire: n == 1 || n == 4, atOnce: n == 2, running: map[string]net.Conn{}}
				d.key = newTenantKey(t, source.name+"."+text+"."+material)
				if d.attack = d.key; !d.same {
					d.attack = newTenantKey(t, d.key.ID)
				}
				d.token = d.key.token(t, "org2")
				list = append(list, d)
			}
		}
	}
	return list
}

// live reports whether org2's tokens of the key play.
func (d *duel) live() bool { return d.exists && !d.source.retired }

// ofOrg1 is how the gate has to answer org1's token of the attacker's key: whatever is done
// to it has an effect there.
func (d *duel) ofOrg1() string {
	shared, active := d.exists && d.source.all, d.added && !d.ended
	switch {
	case shared && !d.source.retired && !d.same:
		return "401 bad_signature" // the source's key comes first
	case shared && d.source.retired && d.same, !active && (!shared || d.source.retired), d.ended && d.same:
		return "401 unknown_key"
	default:
		return "200 org1/cam/org1." + d.key.ID + "/"
	}
}

// check compares the gate's answers about one key with what they have to be.
func (d *duel) check(t *testing.T, n *tenants, when string) {
	t.Helper()
	want, forged := "401 unknown_key", "401 unknown_key"
	if d.live() {
		want, forged = "200 org2/cam/org2."+d.key.ID+"/", "401 bad_signature"
	}
	expect := func(what, path, want string) {
		t.Helper()
		if got := n.play(t, path); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, %s: %s instead of %s", when, d.key.ID, what, got, want)
		}
	}
	expect("org2's token", segment("org2", d.token), want)
	if d.session != "" {
		expect("org2's session", segment("org2", d.session), "200 org2/cam/session:")
	}
	if !d.same {
		expect("org2's token, signed by the attacker", segment("org2", d.attack.token(t, "org2")), forged)
	}
	if d.added {
		expect("org1's token", segment("org1", d.attack.token(t, "org1")), d.ofOrg1())
		if strings.HasPrefix(d.ofOrg1(), "200") {
			expect("org1's token on org2's stream", segment("org2", d.attack.token(t, "org1")), "403 wrong_org")
		}
	}
}

// tenantDuels is the server with all keys, as far as they are there.
type tenantDuels struct {
	*tenants

	list []*duel
}

// check asks about all keys, and whether all that is running goes on.
func (n *tenantDuels) check(t *testing.T, when string) {
	t.Helper()
	for _, d := range n.list {
		d.check(t, n.tenants, when)
		for what, conn := range d.running {
			if !isRunning(conn) {
				t.Errorf("%s: %s: what plays with %s has ended", when, d.key.ID, what)
				delete(d.running, what)
			}
		}
	}
	if t.Failed() {
		t.FailNow() // the rest would only repeat it
	}
}

// some asks about one key, and about the first one of each source.
func (n *tenantDuels) some(t *testing.T, d *duel, when string) {
	t.Helper()
	d.check(t, n.tenants, when)
	for i := 0; i < len(n.list); i += len(n.list) / len(keySources) {
		n.list[i].check(t, n.tenants, when+" of "+d.key.ID)
	}
}

// add adds the attacker's key to org1, and retires it if that is to be at once.
func (n *tenantDuels) add(t *testing.T, d *duel) {
	t.Helper()
	n.must(t, n.first, "POST", "/api/v1/keys", object{"org": "org1", "jwk": d.attack.jwk}, nil)
	d.added = true
	n.some(t, d, "the attacker's key was added")
	if d.atOnce {
		n.end(t, d)
	}
}

// end retires the attacker's key.
func (n *tenantDuels) end(t *testing.T, d *duel) {
	t.Helper()
	n.must(t, n.first, "POST", "/api/v1/keys/"+d.key.ID+"/retire?org=org1", nil, nil)
	d.ended = true
	n.some(t, d, "the attacker's key was retired")
}

// bring adds the keys of all sources: to the configuration, to key sets, to the registry. It
// returns the Caddyfile.
func (n *tenantDuels) bring(t *testing.T) string {
	t.Helper()
	var keys strings.Builder
	sets := map[string][]*harness.Key{}
	for _, d := range n.list {
		switch {
		case strings.HasPrefix(d.source.name, "configuration"):
			keys.WriteString(d.key.block(d.source.options))
		case strings.HasPrefix(d.source.name, "set"):
			sets[d.source.name] = append(sets[d.source.name], d.key.Key)
		default:
			n.must(t, n.second, "POST", "/api/v1/keys", object{"org": "org2", "jwk": d.key.jwk}, nil)
			if d.source.retired {
				n.must(t, n.second, "POST", "/api/v1/keys/"+d.key.ID+"/retire?org=org2", nil, nil)
			}
		}
	}
	for name, orgs := range map[string]string{"set": "*", "set-org2": "org2"} {
		fmt.Fprintf(&keys, "jwks http://%s/jwks.json {\n\t\t\torgs %s\n\t\t}\n\t\t", publish(t, sets[name]...).addr, orgs)
	}
	caddyfile := tenantSite(keys.String())
	if r := n.Reload(caddyfile); r.Code != 0 {
		t.Fatalf("reload: %+v", r)
	}
	for _, d := range n.list {
		d.exists = true
	}
	n.ready(t)
	return caddyfile
}

// ready waits until the server has read the key sets.
func (n *tenantDuels) ready(t *testing.T) {
	t.Helper()
	for _, d := range n.list {
		if d.live() {
			harness.Wait(t, d.key.ID+" to be read", func() bool { return strings.HasPrefix(n.play(t, segment("org2", d.token)), "200") })
		}
	}
}

// watch begins a session with each key, and something that goes on with each token.
func (n *tenantDuels) watch(t *testing.T) {
	t.Helper()
	for _, d := range n.list {
		if d.live() {
			d.session = n.session(t, d.token)
			d.running["the token"] = hold(t, n.Server, "/live/org2/cam/stall?token="+d.token)
			d.running["the session"] = hold(t, n.Server, "/live/org2/cam/stall?token="+d.session)
		}
	}
}

// What an admin of one organisation adds and retires under the ids of another one's keys
// changes nothing for the other one: whatever source these are of, with the same material or
// another, before them or after them.
func TestTenantsCannotChangeEachOthersKeys(t *testing.T) {
	t.Parallel()
	n := &tenantDuels{tenants: startTenants(t, ""), list: duels(t)}
	for _, d := range n.list {
		if d.before {
			n.add(t, d)
		}
	}
	n.check(t, "before the other keys are there")
	caddyfile := n.bring(t)
	n.check(t, "the other keys are there")
	n.watch(t)
	for _, d := range n.list {
		if !d.before {
			n.add(t, d)
		}
	}
	n.check(t, "all keys are added")
	// org1's own viewer of a key, to see that retired keys end what runs.
	own := hold(t, n.Server, "/live/org1/cam/stall?token="+n.attackable().attack.token(t, "org1"))
	for _, d := range n.list {
		if d.retire {
			n.end(t, d)
		}
	}
	harness.Wait(t, "org1's own viewer to be cut", func() bool { return !isRunning(own) })
	n.check(t, "the attacker's keys are retired")
	platform := n.platformKeys(t)
	n.check(t, "the platform's keys were rotated")

	n.restart(t, caddyfile)
	n.ready(t)
	for _, d := range n.list {
		clear(d.running)
	}
	n.check(t, "a restart")
	platform("a restart")
}

// attackable is the last key that is retired later, whose tokens play org1 now.
func (n *tenantDuels) attackable() (found *duel) {
	for _, d := range n.list {
		if d.retire && strings.HasPrefix(d.ofOrg1(), "200") {
			found = d
		}
	}
	return found
}

// platformKey is the key that Playgate signs with next, as every admin can see it.
type platformKey struct {
	ID, State, Source string
	JWK               object
}

// next is the platform's next key, as the attacker sees it.
func (n *tenants) next(t *testing.T) platformKey {
	t.Helper()
	var list struct{ Keys []platformKey }
	n.must(t, n.first, "GET", "/api/v1/keys", nil, &list)
	for _, k := range list.Keys {
		if k.Source == "playgate" && k.State == "next" {
			return k
		}
	}
	t.Fatalf("no next key in %v", list)
	return platformKey{}
}

// issue makes a token of org2 for a stream called cam.
func (n *tenants) issue(t *testing.T) string {
	t.Helper()
	var made struct{ Token string }
	n.must(t, n.second, "POST", "/api/v1/tokens", object{"org": "org2", "streams": []string{"cam"}}, &made)
	return made.Token
}

// platformKeys does the same to the keys that Playgate makes. They are seen before they
// sign. It returns a check of all tokens that were made.
func (n *tenantDuels) platformKeys(t *testing.T) func(when string) {
	t.Helper()
	want := map[string]string{}
	check := func(when string) {
		t.Helper()
		for token, want := range want {
			if got := n.play(t, segment("org2", token)); !strings.HasPrefix(got, want) {
				t.Errorf("%s: a token of the platform: %s instead of %s", when, got, want)
			}
		}
	}
	for _, state := range []string{"kept", "retired", "retired at once"} {
		for i := range 4 {
			before, same := i%2 == 0, i < 2
			key := n.next(t)
			name := fmt.Sprintf("platform, before %t, same %t, %s", before, same, state)
			attack := newTenantKey(t, key.ID)
			if same {
				attack.jwk = key.JWK
			}
			end := func() {
				n.must(t, n.first, "POST", "/api/v1/keys/"+key.ID+"/retire?org=org1", nil, nil)
				check(name)
			}
			add := func() {
				n.must(t, n.first, "POST", "/api/v1/keys", object{"org": "org1", "jwk": attack.jwk}, nil)
				check(name)
				if state == "retired at once" {
					end()
				}
			}
			if before {
				add()
			}
			n.must(t, n.operator, "POST", "/api/v1/keys/rotate", nil, nil)
			token := n.issue(t)
			want[token], want[n.session(t, token)] = "200 org2/cam/", "200 org2/cam/session:"
			if !same {
				want[attack.token(t, "org2")] = "401 bad_signature"
			}
			running := hold(t, n.Server, "/live/org2/cam/stall?token="+token)
			if !before {
				add()
			}
			if state == "retired" {
				end()
			}
			check(name)
			if !isRunning(running) {
				t.Errorf("%s: what plays has ended", name)
			}
			// The attacker has shut out his own organisation, and no other one.
			status, _ := n.call(t, n.first, "POST", "/api/v1/tokens", object{"org": "org1", "streams": []string{"cam"}})
			if refused := status == 409; refused != (same && state != "kept") {
				t.Errorf("%s: a token of org1 is answered with %d", name, status)
			}
		}
	}
	return check
}
