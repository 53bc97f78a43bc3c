// Package verify checks the signatures of playback tokens, remembers how that
// ended, and limits what one client address can have it check.
package verify
