package target

import "strings"

// LooksLikeManifest reports whether a path ends as those of manifests do: in .m3u8 or
// .mpd, in any case.
func LooksLikeManifest(path string) bool {
	name := lastName(path)
	return endsIn(name, ".m3u8") || endsIn(name, ".mpd")
}

// LooksLikeHLS reports whether a path ends in .m3u8, in any case.
func LooksLikeHLS(path string) bool { return endsIn(lastName(path), ".m3u8") }

// LooksLikeDASH reports whether a path ends in .mpd, in any case.
func LooksLikeDASH(path string) bool { return endsIn(lastName(path), ".mpd") }

// lastName is the last segment of a path as an origin reads it: without escapes and
// parameters.
func lastName(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if strings.IndexByte(name, '%') >= 0 {
		name = decode(name)
	}
	if at := strings.IndexAny(name, ";?#"); at >= 0 {
		name = name[:at]
	}
	return name
}

func endsIn(name, suffix string) bool {
	at := len(name) - len(suffix)
	return at >= 0 && strings.EqualFold(name[at:], suffix)
}
