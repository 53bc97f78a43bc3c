package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// Limits of the embedded server, so that it takes neither all memory nor all of
// the disk, as JetStream does by default.
const (
	maxMemory = 64 << 20
	maxDisk   = 16 << 30
)

// startTimeout bounds how long the embedded server may take to read its files.
const startTimeout = 60 * time.Second

// syncAlways makes each write wait for the disk. Only a measurement that fills
// a store turns it off.
var syncAlways = true

// embedded is a NATS server in this process. It has no port and handles no signal.
type embedded struct {
	server *server.Server
	lock   *os.File
	log    *natsLogger
}

// startServer starts the server on a directory that no other process has.
func startServer(dir string, logger *zap.Logger) (*embedded, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	locked, err := lock(dir)
	if err != nil {
		return nil, err
	}
	e := &embedded{lock: locked}
	if err := e.start(dir, logger); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *embedded) start(dir string, logger *zap.Logger) error {
	s, err := server.NewServer(&server.Options{
		ServerName: "playgate", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: filepath.Join(dir, "nats"), SyncAlways: syncAlways,
		JetStreamMaxMemory: maxMemory, JetStreamMaxStore: maxDisk,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return fmt.Errorf("the store %s: %w", dir, err)
	}
	e.server = s
	l := &natsLogger{logger: logger, failed: make(chan string, 1)}
	e.log = l
	s.SetLoggerV2(l, false, false, false)
	go s.Start()
	ready := make(chan bool, 1)
	go func() { ready <- s.ReadyForConnections(startTimeout) }()
	select {
	case text := <-l.failed:
		return fmt.Errorf("the store %s cannot be opened: %s", dir, text)
	case ok := <-ready:
		if !ok {
			return fmt.Errorf("the store %s did not open within %s", dir, startTimeout)
		}
	}
	// It reports ready even when JetStream could not be enabled.
	select {
	case text := <-l.failed:
		return fmt.Errorf("the store %s cannot be opened: %s", dir, text)
	default:
	}
	if !s.JetStreamEnabled() {
		return fmt.Errorf("the store %s cannot be opened: %w", dir, errors.New("JetStream did not start"))
	}
	return nil
}

// halt ends the server and keeps the directory.
func (e *embedded) halt() {
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
}

func (e *embedded) stop() {
	e.halt()
	_ = e.lock.Close()
}
