package harness

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATS is a cluster of nats-server processes.
type NATS struct {
	t     testing.TB
	Nodes []*NATSNode
}

// NATSNode is one of them.
type NATSNode struct {
	*Process
	t testing.TB
	// Name is its server_name, Addr where clients connect, Monitor the start of
	// its monitoring URLs.
	Name, Addr, Monitor string

	dir, conf string
}

var natsBuilt once[string]

// NATSServer is the path of the nats-server binary, as the module names it.
func NATSServer(t testing.TB) string {
	t.Helper()
	dir := SharedDir(t)
	return natsBuilt.get(t, func() (string, error) {
		root, err := findRoot()
		if err != nil {
			return "", err
		}
		out := filepath.Join(dir, "nats-server")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "github.com/nats-io/nats-server/v2")
		cmd.Dir = filepath.Join(root, "integration")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building nats-server: %w\n%s", err, text)
		}
		return out, nil
	})
}

const natsConf = `
server_name: %[1]s
listen: "%[2]s"
http: "%[3]s"
jetstream {
	store_dir: "%[4]s"
	sync_interval: %[5]s
}
`

const natsClusterConf = `
cluster {
	name: edge
	listen: "%s"
	no_advertise: true
	routes: [%s]
}
`

// StartNATS starts a cluster of so many nodes, or a single server, whose
// JetStream syncs as said, "always" or after a time. It returns when all of them
// say that they are healthy.
func StartNATS(t testing.TB, nodes int, sync string) *NATS {
	t.Helper()
	n := &NATS{t: t}
	var routes []string
	for range nodes {
		routes = append(routes, Loopback(Port(t)))
	}
	for i, route := range routes {
		node := &NATSNode{t: t, Name: fmt.Sprintf("nats%d", i+1), Addr: Loopback(Port(t)), dir: t.TempDir()}
		monitor := Loopback(Port(t))
		node.Monitor = "http://" + monitor
		node.conf = fmt.Sprintf(natsConf, node.Name, node.Addr, monitor, filepath.Join(node.dir, "store"), sync)
		if nodes > 1 {
			node.conf += fmt.Sprintf(natsClusterConf, route, `"nats://`+strings.Join(routes, `", "nats://`)+`"`)
		}
		n.Nodes = append(n.Nodes, node)
	}
	n.Start()
	return n
}

// Start starts the nodes that do not run, and waits until all are healthy.
func (n *NATS) Start() {
	n.t.Helper()
	for _, node := range n.Nodes {
		if node.Process == nil || node.Ended() {
			node.Start()
		}
	}
	for _, node := range n.Nodes {
		node.Await()
	}
}

// Kill ends all nodes with SIGKILL.
func (n *NATS) Kill() {
	for _, node := range n.Nodes {
		node.Kill()
	}
}

// Sync has the nodes sync otherwise from their next start on.
func (n *NATS) Sync(from, to string) {
	for _, node := range n.Nodes {
		node.conf = strings.Replace(node.conf, "sync_interval: "+from, "sync_interval: "+to, 1)
	}
}

// Start starts the node.
func (n *NATSNode) Start() {
	n.t.Helper()
	path := filepath.Join(n.dir, "nats.conf")
	if err := os.WriteFile(path, []byte(n.conf), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.Process = StartProcess(n.t, os.Environ(), n.dir, NATSServer(n.t), "-c", path)
}

// Await waits until the node says that it is healthy.
func (n *NATSNode) Await() {
	n.t.Helper()
	Wait(n.t, n.Name+" to be healthy", func() bool {
		if n.Ended() {
			n.t.Fatalf("%s ended: %s", n.Name, n.Output())
		}
		response, err := http.Get(n.Monitor + "/healthz")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
}

// Kill ends the node with SIGKILL.
func (n *NATSNode) Kill() { _ = n.End(syscall.SIGKILL, 5*time.Second) }

// Client is a client of the cluster, for a test to look into it.
func (n *NATS) Client() jetstream.JetStream {
	n.t.Helper()
	var addresses []string
	for _, node := range n.Nodes {
		addresses = append(addresses, "nats://"+node.Addr)
	}
	conn, err := nats.Connect(strings.Join(addresses, ","), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		n.t.Fatal(err)
	}
	return js
}

// Leader is the node that leads a bucket.
func (n *NATS) Leader(js jetstream.JetStream, bucket string) *NATSNode {
	n.t.Helper()
	var leader *NATSNode
	Wait(n.t, "a leader of "+bucket, func() bool {
		info := n.Bucket(js, bucket)
		if info == nil || info.Cluster == nil {
			return false
		}
		for _, node := range n.Nodes {
			if node.Name == info.Cluster.Leader {
				leader = node
			}
		}
		return leader != nil
	})
	return leader
}

// Bucket is what the cluster says of a bucket; nil when it says nothing.
func (n *NATS) Bucket(js jetstream.JetStream, bucket string) *jetstream.StreamInfo {
	ctx, cancel := context.WithTimeout(n.t.Context(), 2*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "KV_"+bucket)
	if err != nil {
		return nil
	}
	return stream.CachedInfo()
}
