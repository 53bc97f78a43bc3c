package manifest

import "strings"

// Format is a kind of text in which a token is put.
type Format uint8

// Formats.
const (
	NoFormat Format = iota // no manifest
	HLS
	DASH
	JSON // steering manifests and asset lists
)

// Limits of what is looked at, in bytes.
const (
	// MaxSize is the largest manifest that is rewritten, before and after decoding.
	MaxSize = 4 << 20
	// MaxJSON is the largest JSON document that is looked at. Steering manifests and
	// asset lists are small; anything larger is something else.
	MaxJSON = 256 << 10
)

// FormatOf is what a media type announces. The types are the registered
// ones (RFC 8216, section 4; ISO/IEC 23009-1, annex C) and those that are seen
// in the wild.
func FormatOf(contentType string) Format {
	mime, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(mime)) {
	case "application/vnd.apple.mpegurl", "audio/mpegurl", "application/x-mpegurl", "audio/x-mpegurl":
		return HLS
	case "application/dash+xml", "video/vnd.mpeg.dash.mpd":
		return DASH
	case "application/json", "application/vnd.apple.steering-list":
		return JSON
	}
	return NoFormat
}
