package harness

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Raw sends bytes as they are to the site without TLS and reads one answer, for
// requests that no client would write.
func Raw(t testing.TB, s *Server, request string) Answer {
	t.Helper()
	conn, err := net.Dial("tcp", s.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(Deadline))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("answer to %q: %v", request, err)
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode, Proto: response.Proto, Header: response.Header}
	answer.Body, _ = io.ReadAll(response.Body)
	return answer
}

// RawTarget is a GET request with a target of any bytes.
func RawTarget(s *Server, target string, headers ...string) string {
	var text strings.Builder
	text.WriteString("GET " + target + " HTTP/1.1\r\nHost: " + s.HTTP + "\r\nConnection: close\r\n")
	for _, header := range headers {
		text.WriteString(header + "\r\n")
	}
	text.WriteString("\r\n")
	return text.String()
}
