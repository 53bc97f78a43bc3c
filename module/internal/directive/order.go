package directive

import "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

// The order of all directives is set here, in one place, so that it does not
// depend on which package is initialised first. The gate stands ahead of
// redirects, of rewrites, of handle and route, and of any cache, so that nothing that
// answers or changes a request comes before the verdict: a redirect that ran first
// would write the token of the request into its Location. Player pages need no token,
// and stand ahead of the gate. The API and the console are handlers that end requests,
// as respond is; authentication comes before them. A cache stands directly before the
// proxy, so that every access rule of the site judges hits too, and what it keeps is as
// the origin made it.
func init() {
	httpcaddyfile.RegisterDirectiveOrder("playgate_health", httpcaddyfile.Before, "redir")
	httpcaddyfile.RegisterDirectiveOrder("playgate_player", httpcaddyfile.Before, "redir")
	httpcaddyfile.RegisterDirectiveOrder("playgate", httpcaddyfile.Before, "redir")
	httpcaddyfile.RegisterDirectiveOrder("playgate_cache", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterDirectiveOrder("playgate_api", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("playgate_console", httpcaddyfile.Before, "respond")
}
