package redact

import (
	"strings"
	"testing"
	"time"
)

// A log line holds what strangers send; redacting it costs time in proportion.
// The limit leaves room for the race detector on a loaded machine: quadratic
// work takes several times as long.
func TestHostileLinesAreRedactedInLittleTime(t *testing.T) {
	const size = 20 << 10
	for name, part := range map[string]string{
		"beginnings of tokens": "ew", "parts without a third": "eyJhbGciOiJI.", "short parts": "ew.", "sessions": "s.", "escapes": "%65%77", "nested escapes": "%252525252565", "percent signs": "%25", "twenty-fives": "25%", "short sessions": "s." + strings.Repeat("a", 88) + ".", "names": "token=&", "escaped names": "token%3D%26",
	} {
		line := []byte(strings.Repeat(part, size/len(part)))
		start := time.Now()
		for range 50 {
			Text(line)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: 50 lines took %v", name, d)
		}
	}
}
