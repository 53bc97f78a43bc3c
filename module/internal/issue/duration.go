package issue

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a time as people write it: a duration from now on, such as
// 14d, 2h or 1d12h, or a time of RFC 3339.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		if y := t.UTC().Year(); y < 1970 || y > 9999 {
			return time.Time{}, errors.New("write a time between 1970 and 9999")
		}
		return t, nil
	}
	d, err := parseDuration(s)
	if err != nil || d <= 0 {
		return time.Time{}, errors.New("write a duration like 14d or 2h, or a time like 2027-01-31T20:00:00Z")
	}
	return now.Add(d), nil
}

// parseDuration is time.ParseDuration with days.
func parseDuration(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, err
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err == nil && (more < 0 || rest[0] == '+') {
		return 0, errors.New("a sign in the middle")
	}
	return d + more, err
}

// Days writes a duration in the unit that people think of it in.
func Days(d time.Duration) string {
	count := func(n int64, unit string) string {
		if n != 1 {
			unit += "s"
		}
		return strconv.FormatInt(n, 10) + " " + unit
	}
	if d > 10*time.Minute {
		d = d.Round(time.Minute) // a token made a moment ago still has its 14 days
	}
	switch {
	case d >= 48*time.Hour:
		return count(int64(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return count(int64(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return count(int64(d/time.Minute), "minute")
	}
	return count(int64(d/time.Second), "second")
}
