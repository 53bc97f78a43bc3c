package harness

import (
	"testing"
)

// Request is what a test wants to send. Target is sent as it is written.
type Request struct {
	Method string // GET when empty
	Target string
	Header []string // "Name: value"
	Body   string
}

// Client sends requests over one version of HTTP.
type Client struct {
	Name string
	do   func(testing.TB, *Server, Request) Answer
}

// Do sends the request and returns the answer; the test fails when there is
// none, or when it came over another version of HTTP.
func (c Client) Do(t testing.TB, s *Server, r Request) Answer {
	t.Helper()
	if r.Method == "" {
		r.Method = "GET"
	}
	return c.do(t, s, r)
}

// Clients are all the ways in: curl over plain HTTP and over TLS with HTTP/1.1
// and 2, and quic-go with HTTP/3.
func Clients() []Client {
	return []Client{
		{"plain HTTP/1.1", curlWith((*Server).Plain, "HTTP/1.1", "--http1.1")},
		{"TLS HTTP/1.1", curlWith((*Server).Secure, "HTTP/1.1", "--http1.1")},
		{"TLS HTTP/2", curlWith((*Server).Secure, "HTTP/2", "--http2")},
		{"HTTP/3", doHTTP3},
	}
}

func curlWith(base func(*Server) string, proto, flag string) func(testing.TB, *Server, Request) Answer {
	return func(t testing.TB, s *Server, r Request) Answer {
		t.Helper()
		args := []string{flag}
		switch r.Method {
		case "GET":
		case "HEAD":
			args = append(args, "--head")
		default:
			args = append(args, "--request", r.Method)
		}
		for _, line := range r.Header {
			args = append(args, "--header", line)
		}
		if r.Body != "" {
			args = append(args, "--data-binary", r.Body)
		}
		answer := Curl(t, base(s)+r.Target, args...)
		if answer.Status == 0 {
			t.Fatalf("%s %s: no answer, curl's exit status is %d", r.Method, r.Target, answer.Code)
		}
		if answer.Proto != proto {
			t.Fatalf("%s %s came over %s and not %s", r.Method, r.Target, answer.Proto, proto)
		}
		return answer
	}
}
