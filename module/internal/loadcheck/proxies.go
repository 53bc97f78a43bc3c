package loadcheck

import (
	"reflect"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TrustsProxies reports whether a server takes the client's address from a header.
// Caddy forgets what the configuration says of that before it provisions handlers, and
// keeps the module that it has loaded to itself.
func TrustsProxies(server *caddyhttp.Server) bool {
	if server.TrustedProxiesUnix || len(server.TrustedProxiesRaw) > 0 {
		return true
	}
	loaded := reflect.ValueOf(server).Elem().FieldByName("trustedProxies")
	return loaded.Kind() == reflect.Interface && !loaded.IsNil()
}
