package demo

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
)

//go:embed clip.ts
var clipTS []byte

// What clip.sh makes. Both rates divide the clip into whole frames, which is why it loops with exact timestamps.
const (
	clipSeconds  = 4
	clipPictures = 25 * clipSeconds
	videoClock   = 90000
	pictureTicks = videoClock / 25
)

// clip is the test card, taken apart: one access unit per picture, one per frame of sound.
type clip struct {
	pictures [][][]byte
	sound    [][]byte
	audio    mpeg4audio.AudioSpecificConfig
}

func readClip(ts []byte) (*clip, error) {
	r := &mpegts.Reader{R: bytes.NewReader(ts)}
	if err := r.Initialize(); err != nil {
		return nil, fmt.Errorf("reading the demo clip: %w", err)
	}

	c := &clip{}
	var damage error
	r.OnDecodeError(func(err error) { damage = err })

	for _, track := range r.Tracks() {
		switch codec := track.Codec.(type) {
		case *tscodecs.H264:
			r.OnDataH264(track, func(_, _ int64, au [][]byte) error {
				c.pictures = append(c.pictures, au)
				return nil
			})

		case *tscodecs.MPEG4Audio:
			c.audio = codec.Config
			r.OnDataMPEG4Audio(track, func(_ int64, aus [][]byte) error {
				c.sound = append(c.sound, aus...)
				return nil
			})
		}
	}

	for {
		err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the demo clip: %w", err)
		}
	}
	if damage != nil {
		return nil, fmt.Errorf("reading the demo clip: %w", damage)
	}

	// The encoder's priming frame comes first and is not part of the loop.
	frames := clipSeconds * c.audio.SampleRate / mpeg4audio.SamplesPerAccessUnit
	if len(c.sound) != frames+1 || len(c.pictures) != clipPictures {
		return nil, fmt.Errorf("the demo clip has %d pictures and %d frames of sound, not %d and %d",
			len(c.pictures), len(c.sound), clipPictures, frames+1)
	}
	c.sound = c.sound[1:]
	return c, nil
}
