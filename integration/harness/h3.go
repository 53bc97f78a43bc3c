package harness

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// tlsFor accepts the certificate of the server's own authority, whose root is
// nowhere but in the server's directory.
func tlsFor(protocols ...string) *tls.Config {
	return &tls.Config{ServerName: "localhost", InsecureSkipVerify: true, NextProtos: protocols}
}

func doHTTP3(t testing.TB, s *Server, r Request) Answer {
	t.Helper()
	transport := &http3.Transport{TLSClientConfig: tlsFor(http3.NextProtoH3)}
	defer transport.Close()
	return roundTrip(t, transport, newRequest(t, s, r))
}

// newRequest keeps the target's spelling: quic-go sends what url.URL was parsed
// from, as long as that is valid.
func newRequest(t testing.TB, s *Server, r Request) *http.Request {
	t.Helper()
	target, err := url.Parse("https://" + s.HTTPS + r.Target)
	if err != nil {
		t.Fatalf("target for HTTP/3: %v", err)
	}
	request, err := http.NewRequestWithContext(t.Context(), r.Method, "https://"+s.HTTPS, strings.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	request.URL = target
	request.Host = strings.TrimPrefix(s.Secure(), "https://")
	for _, line := range r.Header {
		name, value, _ := strings.Cut(line, ":")
		request.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return request
}

func roundTrip(t testing.TB, transport http.RoundTripper, request *http.Request) Answer {
	t.Helper()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s %s over HTTP/3: %v", request.Method, request.URL.Path, err)
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode, Proto: response.Proto, Header: response.Header}
	answer.Body, err = io.ReadAll(response.Body)
	if err != nil {
		answer.Code = 1
		t.Logf("body over HTTP/3: %v", err)
	}
	return answer
}

// EarlyData sends a request in TLS early data (0-RTT) and returns the answer
// that the server gave before the handshake was complete.
//
// Whether a server handles such a request in time would be a race on loopback.
// A relay decides it: it lets the early data through and holds back the
// client's part of the handshake until the answer is there.
func EarlyData(t testing.TB, s *Server, r Request) Answer {
	t.Helper()
	sessions := tls.NewLRUClientSessionCache(4)
	config := tlsFor(http3.NextProtoH3)
	config.ClientSessionCache = sessions

	// A first connection, to get the ticket that early data needs.
	first := &http3.Transport{TLSClientConfig: config}
	roundTrip(t, first, newRequest(t, s, Request{Method: "GET", Target: "/"}))
	Wait(t, "a session ticket", func() bool {
		_, ok := sessions.Get("localhost")
		return ok
	})
	first.Close()

	relay := newEarlyRelay(t, s.HTTPS)
	second := &http3.Transport{TLSClientConfig: config, QUICConfig: &quic.Config{}, Dial: relay.dial}
	defer second.Close()
	defer relay.release()
	r.Method = http3.MethodGet0RTT
	answer := roundTrip(t, second, newRequest(t, s, r))
	if !relay.sawEarlyData() {
		t.Fatal("the client sent no early data")
	}
	return answer
}
