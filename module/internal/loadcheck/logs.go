package loadcheck

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/playgate/playgate/module/internal/redact"
)

// The loggers that write requests as they came, with their tokens: Caddy copies each
// request for them before any handler runs.
const (
	accessLogger = "http.log.access"
	errorLogger  = "http.log.error"
)

// redirects is the server that Caddy adds for automatic HTTPS. It logs as one of the
// others does.
const redirects = "remaining_auto_https_redirects"

// checkLogs refuses logs that would write tokens: those that take entries of the
// server's access log, and of its error log if errors are passed on, and whose
// outermost encoder takes no tokens out.
func (p *position) checkLogs(ctx caddy.Context, errorsPass bool) error {
	logs := logsOf(ctx)
	configs := []*caddyhttp.ServerLogConfig{p.server.Logs}
	if http, err := ctx.AppIfConfigured("http"); err == nil {
		if more := http.(*caddyhttp.App).Servers[redirects]; more != nil {
			configs = append(configs, more.Logs)
		}
	}
	for _, config := range configs {
		if config == nil {
			continue
		}
		names := p.accessLoggers(config)
		if err := logs.check(accessLogger, names); err != nil {
			return err
		}
		keepUnmapped(config, names, logs)
	}
	if !errorsPass {
		return nil
	}
	return logs.check(errorLogger, p.errorLoggers(p.server.Logs))
}

// accessLoggers are the names of the loggers that take access log entries of the
// server, apart from those for hosts that have nothing to do with a gate.
func (p *position) accessLoggers(config *caddyhttp.ServerLogConfig) []string {
	names := p.namedLoggers(config)
	if config.DefaultLoggerName != "" || !config.SkipUnmappedHosts && !p.gatesAreIn(config.LoggerNames, config.SkipHosts) {
		names = append(names, config.DefaultLoggerName)
	}
	return names
}

// errorLoggers are the same for the error log, which no host is left out of.
func (p *position) errorLoggers(config *caddyhttp.ServerLogConfig) []string {
	if config == nil {
		return []string{""}
	}
	names := p.namedLoggers(config)
	if config.DefaultLoggerName != "" || !p.gatesAreIn(config.LoggerNames, nil) {
		names = append(names, config.DefaultLoggerName)
	}
	return names
}

func (p *position) namedLoggers(config *caddyhttp.ServerLogConfig) []string {
	names := slices.Clone(p.loggers)
	for _, host := range slices.Sorted(maps.Keys(config.LoggerNames)) {
		names = append(names, config.LoggerNames[host]...)
	}
	return names
}

// gatesAreIn reports whether every host of every gate is in one of two lists, or logged
// under the name that log_name gives.
func (p *position) gatesAreIn(mapped map[string]caddyhttp.StringArray, skipped []string) bool {
	listed := slices.Concat(slices.Collect(maps.Keys(mapped)), skipped)
	for _, g := range p.gates {
		if g.named {
			continue
		}
		if g.hosts == nil {
			return false
		}
		for _, host := range g.hosts {
			if !slices.ContainsFunc(listed, func(l string) bool { return strings.EqualFold(l, host) }) {
				return false
			}
		}
	}
	return true
}

// keepUnmapped keeps requests for hosts that no site has out of a log that would write
// their tokens. They reach no gate, but somebody may have used a good URL with another
// host, such as the address of the server. Caddy writes them into the default log; if
// that has no encoder that redacts, they go into the first log that has been checked.
func keepUnmapped(config *caddyhttp.ServerLogConfig, checked []string, logs logs) {
	if config.SkipUnmappedHosts || config.DefaultLoggerName != "" || logs.check(accessLogger, []string{""}) == nil {
		return
	}
	if first := slices.IndexFunc(checked, func(name string) bool { return name != "" }); first >= 0 {
		config.DefaultLoggerName = checked[first]
	} else {
		config.SkipUnmappedHosts = true
	}
}

// logs are the logs of a configuration that the http app writes into.
type logs struct {
	cores []zapcore.Core
	names []string
}

// logsOf finds the logs. Caddy gives them to the app as one core, and keeps their
// names to itself: both are read by reflection, which changes nothing.
func logsOf(ctx caddy.Context) logs {
	all := reflect.ValueOf(ctx)
	for _, field := range []string{"cfg", "Logging", "Logs"} {
		if all = reflect.Indirect(all); all.Kind() == reflect.Struct {
			all = all.FieldByName(field)
		}
	}
	var l logs
	for _, core := range parts(ctx.Logger(new(caddyhttp.App)).Core()) {
		l.cores = append(l.cores, core)
		l.names = append(l.names, nameOf(core, all))
	}
	return l
}

// parts are the cores that a core hands entries to.
func parts(core zapcore.Core) []zapcore.Core {
	v := reflect.ValueOf(core)
	if !isKnown(v) || v.Kind() != reflect.Slice {
		return []zapcore.Core{core}
	}
	var all []zapcore.Core
	for i := range v.Len() {
		if part, ok := v.Index(i).Interface().(zapcore.Core); ok {
			all = append(all, parts(part)...)
		}
	}
	return all
}

// nameOf is the name of the log that a core belongs to: its own core, one of them, or
// one that filters entries for it.
func nameOf(core zapcore.Core, all reflect.Value) string {
	const unknown = "(one of the log blocks)"
	v := reflect.ValueOf(core)
	if all.Kind() != reflect.Map || v.Kind() != reflect.Pointer {
		return unknown
	}
	for iter := all.MapRange(); iter.Next(); {
		log := iter.Value()
		if log.Kind() != reflect.Pointer || log.Elem().Kind() != reflect.Struct {
			break
		}
		if v.Elem().Kind() == reflect.Struct {
			if of := v.Elem().FieldByName("cl"); of.Kind() == reflect.Pointer && of.Pointer() == log.Pointer() {
				return iter.Key().String()
			}
		}
		if isOneOf(v, log.Elem().FieldByName("core")) {
			return iter.Key().String()
		}
	}
	return unknown
}

// isOneOf reports whether a core is another one, or one of those that it consists of.
func isOneOf(core, of reflect.Value) bool {
	for of.Kind() == reflect.Interface {
		of = of.Elem()
	}
	switch of.Kind() {
	case reflect.Pointer:
		return of.Pointer() == core.Pointer()
	case reflect.Slice:
		for i := range of.Len() {
			if isOneOf(core, of.Index(i)) {
				return true
			}
		}
	}
	return false
}

// check is an error if a log takes entries of one of some loggers, which are named
// below parent, and its outermost encoder takes no tokens out.
func (l logs) check(parent string, loggers []string) error {
	for _, logger := range loggers {
		name := parent
		if logger != "" {
			name += "." + logger
		}
		for i, core := range l.cores {
			if leaks(core, name) {
				return fmt.Errorf(`log %s would write tokens; write "format playgate" (or "format playgate <encoder>") into it`, l.names[i])
			}
		}
	}
	return nil
}

// leaks reports whether a core takes entries of a logger and writes tokens.
func leaks(core zapcore.Core, logger string) bool {
	// Sampling counts messages, so each question has one of its own. Level ERROR is
	// the highest that requests are logged at.
	entry := zapcore.Entry{LoggerName: logger, Level: zapcore.ErrorLevel, Time: time.Now(), Message: "playgate asks: " + time.Now().String()}
	if core.Check(entry, nil) == nil {
		return false
	}
	for _, writer := range writers(core) {
		if writer.Check(entry, nil) == nil {
			continue // it discards everything
		}
		q := new(probe)
		writer.With([]zapcore.Field{zap.Inline(q)})
		if !q.redacts {
			return true
		}
	}
	return false
}

// writers are the cores inside of those that filter or sample for them.
func writers(core zapcore.Core) (all []zapcore.Core) {
	for _, part := range parts(core) {
		inner := reflect.Indirect(reflect.ValueOf(part))
		if isKnown(inner) && inner.Kind() == reflect.Struct {
			if field := inner.FieldByName("Core"); field.IsValid() && field.CanInterface() {
				if wrapped, ok := field.Interface().(zapcore.Core); ok {
					all = append(all, writers(wrapped)...)
					continue
				}
			}
		}
		all = append(all, part)
	}
	return all
}

// isKnown reports whether a core is one of Caddy or zap, which do with entries what the
// cores inside of them do. Others may write them as well.
func isKnown(core reflect.Value) bool {
	if !core.IsValid() {
		return false
	}
	path := core.Type().PkgPath()
	return path == reflect.TypeFor[caddy.Context]().PkgPath() || path == reflect.TypeFor[zapcore.Entry]().PkgPath()
}

// probe is a log field that writes nothing, and sees the encoder that it is given to.
type probe struct{ redacts bool }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (p *probe) MarshalLogObject(encoder zapcore.ObjectEncoder) error {
	_, p.redacts = encoder.(redact.Encoder)
	return nil
}
