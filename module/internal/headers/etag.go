package headers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// TagETag makes the validator one of this token's copy of the manifest.
func TagETag(h http.Header, token string) {
	etag := h.Get("Etag")
	if etag == "" {
		return
	}
	opaque := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(etag, "W/"), `"`), `"`)
	h.Set("Etag", `W/"`+opaque+etagSuffix(token)+`"`)
}

// OwnETags are those validators of If-None-Match that belong to this token's
// copy, as the origin wrote them. They are sent as weak ones, which is how
// If-None-Match compares (RFC 9110, section 13.1.2).
func OwnETags(lines []string, token string) string {
	suffix := etagSuffix(token) + `"`
	var own []string
	for _, line := range lines {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if opaque, ok := strings.CutSuffix(tag, suffix); ok {
				own = append(own, `W/`+opaque+`"`)
			}
		}
	}
	return strings.Join(own, ", ")
}

func etagSuffix(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "-" + hex.EncodeToString(sum[:6])
}
