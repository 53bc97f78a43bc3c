package directive

import "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

// The order of all directives is set here, in one place, so that it does not
// depend on which package is initialised first. The gate stands ahead of
// rewrites, of handle and route, and of any cache, so that nothing that
// answers or changes a request comes before the verdict. The API and the
// console are handlers that end requests, as respond is; authentication comes before
// them. Player pages need no token, and stand ahead of
// the gate. A cache stands below encode, so that what it keeps is as the origin
// made it.
func init() {
	httpcaddyfile.RegisterDirectiveOrder("playgate_health", httpcaddyfile.Before, "method")
	httpcaddyfile.RegisterDirectiveOrder("playgate_player", httpcaddyfile.Before, "method")
	httpcaddyfile.RegisterDirectiveOrder("playgate", httpcaddyfile.Before, "method")
	httpcaddyfile.RegisterDirectiveOrder("playgate_cache", httpcaddyfile.After, "encode")
	httpcaddyfile.RegisterDirectiveOrder("playgate_api", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("playgate_console", httpcaddyfile.Before, "respond")
}
