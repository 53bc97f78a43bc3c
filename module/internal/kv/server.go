package kv

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

// StartTimeout bounds how long the embedded server may take to read its files.
const StartTimeout = 60 * time.Second

// Server is a NATS server in this process. It has no port and handles no signal.
type Server struct {
	settings ServerSettings
	logger   *zap.Logger
	server   *server.Server
	lock     *os.File
	log      *natsLogger
}

// ServerSettings are those of a [Server].
type ServerSettings struct {
	// Dir is its directory, which the server has for itself alone.
	Dir string
	// NoSync answers writes before they are on disk. Only a measurement that
	// fills a store sets it. Default: each write waits for the disk.
	NoSync bool
}

// StartServer starts the server on its directory, or returns ErrLocked if another
// process has that.
func StartServer(s ServerSettings, logger *zap.Logger) (*Server, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	locked, err := Lock(s.Dir)
	if err != nil {
		return nil, err
	}
	e := &Server{settings: s, logger: logger, lock: locked}
	if err := e.Start(); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// Start starts the server again after Halt.
func (e *Server) Start() error {
	dir := e.settings.Dir
	s, err := server.NewServer(&server.Options{
		ServerName: "playgate", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: filepath.Join(dir, "nats"), SyncAlways: !e.settings.NoSync,
		JetStreamMaxMemory: maxMemory, JetStreamMaxStore: maxDisk,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return fmt.Errorf("the store %s: %w", dir, err)
	}
	e.server = s
	l := &natsLogger{logger: e.logger, failed: make(chan string, 1)}
	e.log = l
	s.SetLoggerV2(l, false, false, false)
	go s.Start()
	ready := make(chan bool, 1)
	go func() { ready <- s.ReadyForConnections(StartTimeout) }()
	select {
	case text := <-l.failed:
		return fmt.Errorf("the store %s cannot be opened: %s", dir, text)
	case ok := <-ready:
		if !ok {
			return fmt.Errorf("the store %s did not open within %s", dir, StartTimeout)
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

// LastError is the newest error that the server has logged since it was started,
// or "".
func (e *Server) LastError() string {
	if last := e.log.last.Load(); last != nil {
		return *last
	}
	return ""
}

// Halt ends the server and keeps the directory.
func (e *Server) Halt() {
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
}

// Stop ends the server and gives the directory back.
func (e *Server) Stop() {
	e.Halt()
	_ = e.lock.Close()
}
