package access

import "testing"

func BenchmarkJudge(b *testing.B) {
	for _, bb := range []struct {
		name string
		add  func(a *attempt)
	}{
		{"restricted", func(*attempt) {}},
		{"plain", func(a *attempt) { a.grant.IPs, a.grant.Referers = nil, nil }},
		{"denied", func(a *attempt) { a.target.Stream = "cam2" }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			a := good(b)
			bb.add(&a)
			b.ReportAllocs()
			for b.Loop() {
				if a.judge().Allowed == (bb.name == "denied") {
					b.Fatal("wrong verdict")
				}
			}
		})
	}
}

func BenchmarkReadPage(b *testing.B) {
	referer := []string{"https://www.example.com/page"}
	b.ReportAllocs()
	for b.Loop() {
		if ReadPage(nil, referer).State != PageKnown {
			b.Fatal("not known")
		}
	}
}
