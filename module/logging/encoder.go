// Package logging has the log encoder that takes playback tokens out of
// everything that is logged.
package logging

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"github.com/playgate/playgate/module/internal/redact"
)

func init() { caddy.RegisterModule(Encoder{}) }

// Encoder wraps another encoder and takes tokens out of what it writes:
// whatever the field, and however the token is encoded.
type Encoder struct {
	// WrappedRaw is the encoder that does the writing. Default: json.
	WrappedRaw json.RawMessage `json:"wrap,omitempty" caddy:"namespace=caddy.logging.encoders inline_key=format"`

	zapcore.Encoder `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (Encoder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.playgate", New: func() caddy.Module { return new(Encoder) }}
}

// Provision loads the wrapped encoder.
func (e *Encoder) Provision(ctx caddy.Context) error {
	if e.WrappedRaw == nil {
		wrapped := new(logging.JSONEncoder)
		if err := wrapped.Provision(ctx); err != nil {
			return err
		}
		e.Encoder = wrapped
	} else {
		wrapped, err := ctx.LoadModule(e, "WrappedRaw")
		if err != nil {
			return err
		}
		e.Encoder = wrapped.(zapcore.Encoder)
	}
	return nil
}

// RedactsTokens tells gates that a log with this encoder writes no tokens.
func (*Encoder) RedactsTokens() {}

// ConfigureDefaultFormat hands on what the writer prefers, as for a console.
func (e *Encoder) ConfigureDefaultFormat(wo caddy.WriterOpener) error {
	if c, ok := e.Encoder.(caddy.ConfiguresFormatterDefault); ok {
		return c.ConfigureDefaultFormat(wo)
	}
	return nil
}

// Clone implements zapcore.Encoder.
func (e *Encoder) Clone() zapcore.Encoder { return &Encoder{Encoder: e.Encoder.Clone()} }

// EncodeEntry lets the wrapped encoder write the entry, and then takes the
// tokens out: of the finished bytes, so that no kind of field is forgotten.
func (e *Encoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	buf, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return buf, err
	}
	written := buf.Bytes()
	if clean := redact.Text(written); len(clean) != len(written) || len(clean) > 0 && &clean[0] != &written[0] {
		buf.Reset()
		_, err = buf.Write(clean)
	}
	return buf, err
}

// UnmarshalCaddyfile sets up the encoder from Caddyfile tokens. Syntax:
//
//	format playgate [<encoder>]               # wraps json by default
//
// An encoder with options of its own is written as wrap <encoder> { ... } in a block.
func (e *Encoder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.CountRemainingArgs() > 1 {
		return d.Err("format playgate takes one encoder at most; options of that encoder go into a block, as wrap <encoder> { ... }")
	}
	if d.NextArg() {
		if err := e.wrap(d); err != nil {
			return err
		}
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "wrap" || e.WrappedRaw != nil {
			return d.Errf("unknown option %q in format playgate; write the encoder once, as format playgate console, or as wrap <encoder> in a block", d.Val())
		}
		if !d.NextArg() {
			return d.ArgErr()
		}
		if err := e.wrap(d); err != nil {
			return err
		}
	}
	return nil
}

func (e *Encoder) wrap(d *caddyfile.Dispenser) error {
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, "caddy.logging.encoders."+name)
	if err != nil {
		return err
	}
	encoder, ok := module.(zapcore.Encoder)
	if !ok {
		return d.Errf("module %s (%T) is not a log encoder", name, module)
	}
	e.WrappedRaw = caddyconfig.JSONModuleObject(encoder, "format", name, nil)
	return nil
}

// Interface guards.
var (
	_ zapcore.Encoder                  = (*Encoder)(nil)
	_ caddy.Provisioner                = (*Encoder)(nil)
	_ redact.Encoder                   = (*Encoder)(nil)
	_ caddy.ConfiguresFormatterDefault = (*Encoder)(nil)
	_ caddyfile.Unmarshaler            = (*Encoder)(nil)
)
