package kv

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/token"
)

// Settings say where the buckets of a store are.
type Settings struct {
	// URLs are the operator's NATS servers; none for a [Server] in this process.
	URLs []string
	// Credentials is a NATS credentials file; empty for none.
	Credentials string
	// Domain is the JetStream domain of the servers, where the way to them leads
	// over a leaf node; empty for none.
	Domain string
}

// Store is a group of buckets on one connection. Buckets are added before it is
// open.
type Store struct {
	settings Settings
	logger   *zap.Logger
	conn     *nats.Conn
	buckets  []*NATSBucket
}

// NewStore makes a store without buckets. It touches nothing.
func NewStore(s Settings, logger *zap.Logger) *Store { return &Store{settings: s, logger: logger} }

// Add adds a bucket, which is open once the store is.
func (s *Store) Add(settings BucketSettings) *NATSBucket {
	b := &NATSBucket{settings: settings}
	b.watchers.prefix = watcherPrefix + token.NewID(8) + "-"
	s.buckets = append(s.buckets, b)
	return b
}

// Embedded reports whether the store is on a server in this process.
func (s *Store) Embedded() bool { return len(s.settings.URLs) == 0 }

// Conn is the connection; nil before there is one.
func (s *Store) Conn() *nats.Conn { return s.conn }

// OpenOn connects to the server in this process, again after that was started
// again, and opens the buckets.
func (s *Store) OpenOn(ctx context.Context, server *Server) error {
	conn, err := nats.Connect("", append(connectOptions(), nats.InProcessServer(server.server))...)
	if err != nil {
		return err
	}
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn = conn
	return s.Open(ctx)
}

// Connect connects to the operator's servers, in the background and again after
// each loss, until the store is closed. again is called after a connection that
// follows another. Once the context has ended, a loss is no news.
func (s *Store) Connect(ctx context.Context, again func()) error {
	opts := connectOptions()
	if s.settings.Credentials != "" {
		if _, err := os.Stat(s.settings.Credentials); err != nil {
			return fmt.Errorf("store nats: credentials: %w", err)
		}
		opts = append(opts, nats.UserCredentials(s.settings.Credentials))
	}
	opts = append(opts,
		nats.SetCustomDialer(dialer{}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if ctx.Err() == nil {
				s.logger.Warn("the connection to the registry is lost; what is known goes on to count", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			s.logger.Info("connected to the registry again", zap.String("server", c.ConnectedUrlRedacted()))
			again()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.logger.Error("the registry's server says", zap.Error(err))
		}))
	var err error
	s.conn, err = nats.Connect(strings.Join(s.settings.URLs, ","), opts...)
	return err
}

// connectOptions are those of every connection. Nothing is kept to be sent once
// there is a connection again: whoever asked has been told that it failed. How
// many pings have no answer does not count; see [dialer].
func connectOptions() []nats.Option {
	return []nats.Option{
		nats.Name("playgate"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 250*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(time.Second),
		nats.MaxPingsOutstanding(math.MaxInt),
		nats.RetryOnFailedConnect(true),
	}
}

// replicas is how many servers of a cluster keep each bucket.
const replicas = 3

// Open opens the buckets on the connection, and makes those that do not exist.
func (s *Store) Open(ctx context.Context) error {
	js, err := jetstream.New(s.conn)
	if s.settings.Domain != "" {
		js, err = jetstream.NewWithDomain(s.conn, s.settings.Domain)
	}
	if err != nil {
		return err
	}
	copies := 1
	if s.conn.ConnectedClusterName() != "" {
		copies = replicas
	}
	for _, b := range s.buckets {
		o, err := openBucket(ctx, js, b.settings, copies, !s.Embedded())
		if err != nil {
			return err
		}
		b.open.Store(o)
	}
	return nil
}

// WarnOfReplicas logs the buckets that a cluster keeps on too few servers.
func (s *Store) WarnOfReplicas() {
	if s.conn.ConnectedClusterName() == "" {
		return
	}
	for _, b := range s.buckets {
		if n := b.open.Load().replicas; n < replicas {
			stream := streamOf(b.settings.Name)
			s.logger.Warn("a bucket is on too few servers of its cluster: without them nothing can be changed, and edges that start know nothing; run nats stream edit --replicas 3 "+stream,
				zap.String("stream", stream), zap.Int("replicas", n))
		}
	}
}

// Close ends the connection.
func (s *Store) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
}
