package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// contender is one server under one kind of request.
type contender struct {
	name    string
	server  *process
	address string
	status  int // that it must answer
	targets []string
	through bool // its requests reach the origin
	warm    bool // all targets have been asked for before
}

// workload is a set of contenders that are compared.
type workload struct {
	name, title string
	contenders  []contender // the first is what the others are compared with
}

const (
	segment = "/live/s1/seg.m4s"
	other   = "/live/s2/seg.m4s" // no token opens it
	many    = 10_000             // tokens in turn
)

// bench has what all workloads need.
type bench struct {
	dir       string
	out       io.Writer // for results
	binary    string
	cpu       int // of servers, or allCPUs
	origin    *origin
	keys      map[string]*key
	processes []*process
	notes     []string // what was not measured
}

// stop ends all servers.
func (b *bench) stop() {
	for _, p := range b.processes {
		p.stop()
	}
}

func (b *bench) file(name, text string) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// run starts a server whose configuration has this text.
func (b *bench) run(name, config string, env []string, address string, command ...string) (*process, error) {
	path, err := b.file(name, config)
	if err != nil {
		return nil, err
	}
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "FILE", path)
	}
	p, err := start(path+".log", env, b.cpu, address, command[0], command[1:]...)
	if err == nil {
		b.processes = append(b.processes, p)
	}
	return p, err
}

const options = `{
	admin off
	auto_https off
	persist_config off
	log {
		output discard
	}
	servers {
		protocols h1
	}
%s}
`

// transport is what Caddyfile.example has.
const transport = `
		transport http {
			keepalive_idle_conns_per_host 512
			read_buffer 16KiB
			compression off
		}
`

// caddy starts the binary with these sites, one for each address.
func (b *bench) caddy(name string, env []string, global string, sites map[string]string, first string) (*process, error) {
	text := fmt.Sprintf(options, global)
	for address, body := range sites {
		text += "http://" + address + " {\n\tbind 127.0.0.1\n" + body + "\n}\n"
	}
	env = append(env, "XDG_DATA_HOME="+b.dir, "XDG_CONFIG_HOME="+b.dir)
	return b.run(name+".Caddyfile", text, env, first, b.binary, "run", "--config", "FILE", "--adapter", "caddyfile")
}

// proxied are the plain servers: Caddy as it comes, and the same binary with the
// defaults and the transport of Playgate, which also answers 403 by itself.
type proxied struct {
	stock, plain                  *process
	stockAt, plainAt, forbiddenAt string
}

func (b *bench) startPlain() (p proxied, err error) {
	at, err := freePorts(3)
	if err != nil {
		return p, err
	}
	p.stockAt, p.plainAt, p.forbiddenAt = at[0], at[1], at[2]
	// GOGC=100 is what Go has by itself, and what stock Caddy runs with.
	p.stock, err = b.caddy("stock", []string{"GOGC=100"}, "", map[string]string{p.stockAt: "\treverse_proxy " + b.origin.address()}, p.stockAt)
	if err != nil {
		return p, err
	}
	p.plain, err = b.caddy("plain", nil, "", map[string]string{
		p.plainAt:     "\treverse_proxy " + b.origin.address() + " {" + transport + "\t}",
		p.forbiddenAt: "\trespond 403",
	}, p.plainAt)
	return p, err
}

// startGate starts the gate; there is an address for each algorithm. More are
// lines of its global block, below is what stands between gate and origin.
func (b *bench) startGate(name, more, below string) (*process, map[string]string, error) {
	ports, err := freePorts(len(algorithms))
	if err != nil {
		return nil, nil, err
	}
	global := "\tplaygate {\n\t\tissuer bench\n\t\taudience playback\n" + more
	at, sites := make(map[string]string), make(map[string]string)
	for i, algorithm := range algorithms {
		k := b.keys[algorithm]
		what := "file " + k.file
		if algorithm == "HS256" {
			what = "secret {file." + k.file + "}"
		}
		global += "\t\tkey " + k.id() + " {\n\t\t\t" + what + "\n\t\t}\n"
		at[algorithm] = ports[i]
		sites[ports[i]] = "\tplaygate {\n\t\tstream /live/{stream}/*\n\t\tdefault_org bench\n\t}\n" + below +
			"\treverse_proxy " + b.origin.address() + " {" + transport + "\t}"
	}
	p, err := b.caddy(name, nil, global+"\t}\n", sites, ports[0])
	if err != nil {
		return nil, nil, err
	}
	return p, at, b.awaitGate(at)
}

// awaitGate waits until a token plays: a gate that listens may still be opening its
// store.
func (b *bench) awaitGate(at map[string]string) error {
	status := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := dial(at["EdDSA"], "127.0.0.1", 4<<10)
		if err != nil {
			return err
		}
		a, err := c.ask(request(withToken(segment, b.keys["EdDSA"].tokens("await", 1))[0], at["EdDSA"]))
		if err := errors.Join(err, c.conn.Close()); err != nil {
			return err
		}
		if status = a.status; status == 200 {
			return nil
		}
	}
	return fmt.Errorf("the gate answers %d to a good token", status)
}

func withToken(path string, tokens []string) []string {
	list := make([]string, len(tokens))
	for i, text := range tokens {
		list[i] = path + "?token=" + text
	}
	return list
}

// nginx is one that passes all on at an address, and has a cache at the other.
type nginx struct {
	*process         // nil where nginx is not installed
	plainAt, cacheAt string
}

// startNginx starts nginx, if it is installed.
func (b *bench) startNginx() (*nginx, error) {
	n := new(nginx)
	name, err := look("nginx")
	if ok, err := b.installed(err); !ok {
		return n, err
	}
	at, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	n.plainAt, n.cacheAt = at[0], at[1]
	n.process, err = b.run("nginx.conf", fmt.Sprintf(`daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path %[1]s/n1; proxy_temp_path %[1]s/n2; fastcgi_temp_path %[1]s/n3;
	uwsgi_temp_path %[1]s/n4; scgi_temp_path %[1]s/n5;
	upstream origin { server %[2]s; keepalive 256; keepalive_requests 100000000; }
	proxy_cache_path %[1]s/cached keys_zone=media:1m use_temp_path=off;
	server {
		listen %[4]s;
		location / {
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_pass http://origin;
			proxy_cache media;
			proxy_cache_key $uri;
		}
	}
	server {
		listen %[3]s;
		location / {
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_pass http://origin;
		}
	}
}
`, b.dir, b.origin.address(), at[0], at[1]), nil, at[0], name, "-c", "FILE")
	return n, err
}

// startHAProxy starts HAProxy: plain, and checking signature, expiry and stream
// of each algorithm that it knows.
func (b *bench) startHAProxy() (*process, map[string]string, error) {
	name, err := look("haproxy")
	if err != nil {
		return nil, nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, nil, err
	}
	at := map[string]string{"": ports[0], "HS256": ports[1], "ES256": ports[2]}
	text := `global
	nbthread 1
	maxconn 4000
defaults
	mode http
	timeout connect 5s
	timeout client 300s
	timeout server 300s
	http-reuse always
backend origin
	server origin ` + b.origin.address() + ` pool-max-conn -1 pool-purge-delay 1h
frontend plain
	bind ` + at[""] + `
	default_backend origin
`
	for _, algorithm := range []string{"HS256", "ES256"} {
		k := b.keys[algorithm]
		secret := k.file
		if algorithm == "HS256" {
			secret = string(k.private.([]byte))
		}
		text += `frontend ` + k.id() + `
	bind ` + at[algorithm] + `
	http-request set-var(txn.token) url_param(token)
	http-request set-var(txn.now) date()
	http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
	http-request set-var(txn.stream) path,field(3,/)
	http-request deny unless { var(txn.token),jwt_header_query('$.alg') -m str ` + algorithm + ` }
	http-request deny unless { var(txn.token),jwt_verify("` + algorithm + `","` + secret + `") -m int 1 }
	http-request deny if { var(txn.exp),sub(txn.now) -m int le 0 }
	http-request deny unless { var(txn.token),jwt_payload_query('$.streams[0]'),strcmp(txn.stream) -m int 0 }
	default_backend origin
`
	}
	p, err := b.run("haproxy.cfg", text, nil, at[""], name, "-db", "-f", "FILE")
	return p, at, err
}

var errMissing = errors.New("is not installed")

// look finds a server that Debian puts into sbin.
func look(name string) (string, error) {
	for _, place := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s %w", name, errMissing)
}
