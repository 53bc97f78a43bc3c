package manifest

import "strings"

// Format is a kind of text in which a token is carried.
type Format uint8

// Formats.
const (
	NoFormat Format = iota // no manifest
	HLS
	DASH // MPDs, their patches and remote elements
	JSON // steering manifests and asset lists
	VTT  // cues, of which some are pictures
)

// FormatOf is what a media type announces. The types are the registered
// ones (RFC 8216, section 4; ISO/IEC 23009-1, annex C) and those that are seen
// in the wild.
func FormatOf(contentType string) Format {
	mime, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(mime)) {
	case "application/vnd.apple.mpegurl", "audio/mpegurl", "application/x-mpegurl", "audio/x-mpegurl":
		return HLS
	case "application/dash+xml", "video/vnd.mpeg.dash.mpd", "application/dash-patch+xml":
		return DASH
	case "application/json", "application/vnd.apple.steering-list":
		return JSON
	case "text/vtt":
		return VTT
	}
	return NoFormat
}
