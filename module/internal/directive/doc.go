// Package directive helps to read the Caddyfile directives and options of
// Playgate: one function for each form that several of them have, with errors
// that say what to change. It also registers the order of the directives.
package directive
