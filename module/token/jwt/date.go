package jwt

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/token"
)

// milliseconds is where a NumericDate cannot be meant in seconds any more: the year
// 5138. So no time is beyond the year 9999 either.
const milliseconds = 100_000_000_000

// maxNumber bounds the characters of a number, and its exponent.
const maxNumber = 64

// readDate reads a NumericDate (RFC 7519, section 2), which may have a fraction. It
// is rounded to the narrower side: up for a time at which something begins. rounded
// says that it was not a whole number.
func readDate(name string, value jsontext.Value, up bool, to *int64) (rounded bool, err error) {
	n, fraction, ok := number(value)
	switch {
	case !ok:
		return false, token.Malformed(name + " must be a number of seconds since 1970")
	case n > milliseconds || n == milliseconds && fraction:
		return false, token.Malformed(name + " is in milliseconds; write it in seconds since 1970")
	case fraction && up:
		n++
	}
	if n == 0 {
		return false, token.Malformed(name + " is the year 1970")
	}
	*to = n
	return fraction, nil
}

// number is the whole part of a JSON number from 0 on, and whether anything follows
// behind it. It counts digits, so that nothing is lost on the way, as in a float. A
// whole part above [milliseconds] may be any number above it.
func number(v jsontext.Value) (whole int64, fraction, ok bool) {
	if v.Kind() != '0' || v[0] == '-' || len(v) > maxNumber {
		return 0, false, false
	}
	mantissa, shift := string(v), 0
	if at := strings.IndexAny(mantissa, "eE"); at >= 0 {
		n, err := strconv.Atoi(mantissa[at+1:])
		if err != nil || n < -maxNumber || n > maxNumber {
			return 0, false, false
		}
		mantissa, shift = mantissa[:at], n
	}
	integer, decimals, _ := strings.Cut(mantissa, ".")
	point := len(integer) + shift
	for i := range max(point, len(integer)+len(decimals)) {
		digit := byte('0')
		switch {
		case i < len(integer):
			digit = integer[i]
		case i < len(integer)+len(decimals):
			digit = decimals[i-len(integer)]
		}
		if i >= point {
			fraction = fraction || digit != '0'
		} else if whole <= milliseconds {
			whole = whole*10 + int64(digit-'0')
		}
	}
	return whole, fraction, true
}
