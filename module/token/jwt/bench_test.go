package jwt

import "testing"

func BenchmarkRead(b *testing.B) {
	for _, key := range allKeys() {
		b.Run(key.Algorithm, func(b *testing.B) {
			ring := mustRing(b, allKeys()...)
			text := forge(b, `{"alg":"`+key.Algorithm+`","kid":"`+key.ID+`"}`, goodClaims, key)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(text, ring); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("forged", func(b *testing.B) {
		ring := mustRing(b, edKey)
		text := forge(b, goodHeader, goodClaims, mustKey("eddsa", "EdDSA", mustGenerate(b)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Read(text, ring); err == nil {
				b.Fatal("a forged token verifies")
			}
		}
	})
}
