package weborigin

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		want Origin
		text string // of the origin, or of the error
	}{
		{"https://cdn.example.com", Origin{"https", "cdn.example.com", "443"}, "https://cdn.example.com"},
		{"HTTP://CDN.Example.com:80", Origin{"http", "cdn.example.com", "80"}, "http://cdn.example.com"},
		{"http://[::1]:8080", Origin{"http", "[::1]", "8080"}, "http://[::1]:8080"},
		{"https://[2001:DB8:0::1]", Origin{"https", "[2001:db8::1]", "443"}, "https://[2001:db8::1]"},
		{"https://192.0.2.1:8443", Origin{"https", "192.0.2.1", "8443"}, "https://192.0.2.1:8443"},
		{"https://xn--bcher-kva.example", Origin{"https", "xn--bcher-kva.example", "443"}, "https://xn--bcher-kva.example"},
		{"http://a_b", Origin{"http", "a_b", "80"}, "http://a_b"},
		{"http://4ab", Origin{"http", "4ab", "80"}, "http://4ab"},
		{"", Origin{}, "write a scheme and a host"},
		{"cdn.example.com", Origin{}, `write "https://"`},
		{"ftp://cdn.example.com", Origin{}, "must be https or http"},
		{"https://", Origin{}, "no host"},
		{"https://:8443", Origin{}, "no host"},
		{"https://cdn.example.com/", Origin{}, `remove "/"`},
		{"https://cdn.example.com/a?b", Origin{}, `remove "/a?b"`},
		{"https://cdn.example.com?b", Origin{}, `remove "?b"`},
		{"https://cdn.example.com#b", Origin{}, `remove "#b"`},
		{"https://u:secret@cdn.example.com", Origin{}, "user information"},
		{"https://*.example.com", Origin{}, "wildcards"},
		{"https://cdn.example.com:", Origin{}, "the port must be"},
		{"https://cdn.example.com:0", Origin{}, "the port must be"},
		{"https://cdn.example.com:08", Origin{}, "the port must be"},
		{"https://cdn.example.com:65536", Origin{}, "the port must be"},
		{"https://cdn.example.com:x", Origin{}, "the port must be"},
		{"https://::1", Origin{}, "in brackets"},
		{"https://[::1", Origin{}, "in brackets"},
		{"https://[::1]x", Origin{}, "in brackets"},
		{"https://[fe80::1%25eth0]", Origin{}, "without zone"},
		{"https://[::ffff:192.0.2.1]", Origin{}, "the host must be"},
		{"https://[192.0.2.1]", Origin{}, "the host must be"},
		{"https://127.1", Origin{}, "the host must be"},
		{"https://0x7f000001", Origin{}, "the host must be"},
		{"https://a.0x", Origin{}, "the host must be"},
		{"https://192.0.02.1", Origin{}, "the host must be"},
		{"https://bücher.example", Origin{}, "xn--"},
		{"https://cdn.example.com.", Origin{}, "without a dot at the end"},
		{"https://a..b", Origin{}, "the host must be"},
		{"https://a b", Origin{}, "the host must be"},
		{"https://" + strings.Repeat("a", 64), Origin{}, "the host must be"},
		{"https://" + strings.Repeat("a.", 130) + "a", Origin{}, "the host must be"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := Parse(tt.in)
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			text := got.String()
			if err != nil {
				text = err.Error()
			}
			if (err != nil) != (tt.want == Origin{}) || !strings.Contains(text, tt.text) {
				t.Errorf("got %q, %v, want %q", text, err, tt.text)
			}
			if strings.Contains(text, "secret") {
				t.Errorf("the error repeats a password: %s", text)
			}
		})
	}
}
