package target

import "testing"

func BenchmarkTarget(b *testing.B) {
	rs := siteRules(b)
	for _, bb := range []struct{ name, path, query string }{
		{"path", "/live/org1/cam1/segment-4711.mp4", "token=a.b.c"},
		{"query", "/h5live/stream/stream.mp4", "stream=org1-cam1&token=a.b.c&cid=4711"},
		{"last rule", "/q/org1/segment.ts", "s=cam1"},
		{"none", "/other/path/of/some/length", ""},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := Request{Method: "GET", Path: bb.path, Query: mustQuery(b, bb.query)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rs.Target(r); err != nil && bb.name != "none" {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	rs := siteRules(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rs.ReadPath("/live/org1/cam1/segment-4711.mp4"); err != nil {
			b.Fatal(err)
		}
		q, err := ParseQuery("token=a.b.c&_HLS_msn=4711&_HLS_part=2", tokenName)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := rs.Target(Request{Method: "GET", Path: "/live/org1/cam1/segment-4711.mp4", Query: q}); err != nil {
			b.Fatal(err)
		}
	}
}
