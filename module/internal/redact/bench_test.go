package redact

import "testing"

// accessLine is a line of Caddy's access log, as it is written for a request
// without a token.
const accessLine = `{"level":"info","ts":1795543200.1234567,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"203.0.113.7","remote_port":"51234","client_ip":"203.0.113.7","proto":"HTTP/2.0","method":"GET","host":"live.example.com","uri":"/live/org1/cam1/seg-4711.mp4","headers":{"User-Agent":["Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"],"Accept":["*/*"],"Accept-Language":["en-US,en;q=0.5"],"Accept-Encoding":["gzip, deflate, br, zstd"],"Referer":["https://live.example.com/play/org1/cam1"],"Sec-Fetch-Dest":["empty"],"Sec-Fetch-Mode":["cors"],"Sec-Fetch-Site":["same-origin"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"live.example.com"}},"bytes_read":0,"user_id":"","duration":0.001234567,"size":123456,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Type":["video/mp4"],"Cache-Control":["private, max-age=60"]}}` + "\n"

func BenchmarkText(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"without", accessLine},
		{"nested", accessLine[:300] + "?other=%2525252565" + planted[1:] + accessLine[300:]},
		{"with", accessLine[:300] + "?token=" + planted + accessLine[300:]},
	} {
		b.Run(bb.name, func(b *testing.B) {
			in := []byte(bb.text)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				Text(in)
			}
		})
	}
}
