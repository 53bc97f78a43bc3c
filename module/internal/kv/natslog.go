package kv

import (
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"
)

// natsLogger sends what the embedded server has to say to Caddy's log. What it
// calls fatal fails the start, and never ends the process.
type natsLogger struct {
	logger *zap.Logger
	failed chan string
	last   atomic.Pointer[string] // error
}

func (l *natsLogger) Noticef(format string, v ...any) { l.logger.Debug(fmt.Sprintf(format, v...)) }
func (l *natsLogger) Warnf(format string, v ...any)   { l.logger.Warn(fmt.Sprintf(format, v...)) }
func (l *natsLogger) Debugf(format string, v ...any)  { l.logger.Debug(fmt.Sprintf(format, v...)) }
func (l *natsLogger) Tracef(string, ...any)           {}

func (l *natsLogger) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.last.Store(&text)
	l.logger.Error(text)
}

func (l *natsLogger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	select {
	case l.failed <- text:
	default:
	}
	l.logger.Error(text)
}
