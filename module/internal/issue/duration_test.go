package issue

import (
	"strings"
	"testing"
	"time"
)

func TestParseTimeReadsWhatPeopleWrite(t *testing.T) {
	const day = 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"14d": 14 * day, "1d": day, "2h": 2 * time.Hour, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute, "30s": 30 * time.Second, "1d1h1m1s": day + time.Hour + time.Minute + time.Second, "1.5h": 90 * time.Minute, "365d": 365 * day, "007d": 7 * day,
	} {
		got, err := ParseTime(s, now)
		if err != nil || !got.Equal(now.Add(want)) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for s, want := range map[string]time.Time{
		"2027-01-31T20:00:00Z": time.Date(2027, 1, 31, 20, 0, 0, 0, time.UTC), "2027-01-31T21:00:00+01:00": time.Date(2027, 1, 31, 20, 0, 0, 0, time.UTC), "2020-01-01T00:00:00Z": time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		got, err := ParseTime(s, now)
		if err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestParseTimeErrorsSayWhatToWrite(t *testing.T) {
	for _, s := range []string{
		"", " ", "d", "h", "14", "0", "0d", "0s", "-1d", "-2h", "+1d", "1d-25h", "1d-2h", "1.5d", "1d2", "d1h", "1d1d", "1w", "1y", "14 d", " 14d", "14D", "1e3d", "99999d", "tomorrow", "never",
		"65535d2562047h", "2027-01-31", "2027-01-31T20:00:00", "2027-01-31 20:00:00Z", "2027-13-01T00:00:00Z", "1900000000", "1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00",
	} {
		if got, err := ParseTime(s, now); err == nil || !strings.Contains(err.Error(), "14d") && !strings.Contains(err.Error(), "1970") {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestDaysWritesTheUnitThatPeopleThinkIn(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 119 * time.Second: "119 seconds", 2 * time.Minute: "2 minutes", 119 * time.Minute: "119 minutes", 2 * time.Hour: "2 hours", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days", 365 * 24 * time.Hour: "365 days",
	} {
		if got := Days(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
