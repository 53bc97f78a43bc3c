//go:build players

package harness

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
)

const tsClock = 90_000

// lowLatency is live LL-HLS, made of what ffmpeg encodes in real time.
type lowLatency struct {
	muxer        *gohlslib.Muxer
	video, audio *gohlslib.Track
	began        time.Time
	// pictures are those that wait for their sound.
	pictures []picture
}

type picture struct {
	pts int64
	au  [][]byte
}

// LowLatency starts an LL-HLS origin and returns when it can be played. It
// serves index.m3u8 and what that names, by the last element of the path.
func LowLatency(t testing.TB) http.Handler {
	t.Helper()
	args := append([]string{"-re"}, Source(3600)...)
	// Without a payload size of 0 the sound comes in packets of half a second.
	cmd := exec.Command("ffmpeg", append(args, "-f", "mpegts", "-pes_payload_size", "0", "-flush_packets", "1", "pipe:1")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := &mpegts.Reader{R: out}
	var l *lowLatency
	var fed sync.WaitGroup
	t.Cleanup(func() {
		cmd.Process.Kill()
		fed.Wait() // nobody may be writing when the muxer closes
		cmd.Wait()
		if l != nil {
			l.muxer.Close()
		}
	})
	if err := reader.Initialize(); err != nil {
		t.Fatalf("the source of LL-HLS: %v", err)
	}
	if l, err = newLowLatency(reader); err != nil {
		t.Fatalf("LL-HLS: %v", err)
	}
	ended := make(chan error, 1)
	fed.Go(func() {
		for {
			if err := reader.Read(); err != nil {
				ended <- err
				return
			}
		}
	})
	// A player begins three segments before the end, and some cannot do without.
	Wait(t, "live LL-HLS", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the source of LL-HLS: %v", err)
		default:
		}
		return l.segments() >= 3
	})
	return l
}

func newLowLatency(reader *mpegts.Reader) (*lowLatency, error) {
	l := &lowLatency{began: time.Now()}
	for _, track := range reader.Tracks() {
		switch codec := track.Codec.(type) {
		case *tscodecs.H264:
			l.video = &gohlslib.Track{Codec: &codecs.H264{}, ClockRate: tsClock}
			reader.OnDataH264(track, func(pts, _ int64, au [][]byte) error {
				l.pictures = append(l.pictures, picture{pts, au})
				return nil
			})
		case *tscodecs.MPEG4Audio:
			rate := int64(codec.SampleRate)
			// gohlslib counts AAC in samples and not in the clock of MPEG-TS.
			l.audio = &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: codec.Config}, ClockRate: int(rate)}
			reader.OnDataMPEG4Audio(track, func(pts int64, aus [][]byte) error {
				if err := l.muxer.WriteMPEG4Audio(l.audio, l.wall(pts), pts*rate/tsClock, aus); err != nil {
					return err
				}
				return l.writePictures(pts)
			})
		}
	}
	if l.video == nil || l.audio == nil {
		return nil, errors.New("no picture or no sound")
	}
	l.muxer = &gohlslib.Muxer{
		Tracks:             []*gohlslib.Track{l.video, l.audio},
		Variant:            gohlslib.MuxerVariantLowLatency,
		SegmentMinDuration: time.Second,
		PartMinDuration:    200 * time.Millisecond,
		OnEncodeError:      func(error) {}, // its default prints to the standard logger
	}
	return l, l.muxer.Start()
}

// writePictures writes the pictures that have all of their sound. The muxer cuts
// both when a picture comes and holds one frame of each back: the sound has to be
// two frames ahead, or parts lack the end of theirs and some players give up.
func (l *lowLatency) writePictures(sound int64) error {
	ahead := 2 * int64(mpeg4audio.SamplesPerAccessUnit) * tsClock / int64(l.audio.ClockRate)
	for len(l.pictures) > 0 && l.pictures[0].pts+ahead <= sound {
		next := l.pictures[0]
		l.pictures = l.pictures[1:]
		if err := l.muxer.WriteH264(l.video, l.wall(next.pts), next.pts, next.au); err != nil {
			return err
		}
	}
	return nil
}

func (l *lowLatency) wall(pts int64) time.Time {
	return l.began.Add(time.Duration(pts) * time.Second / tsClock)
}

func (l *lowLatency) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.muxer.Handle(w, r) }

// segments are those of the picture that there are, without the gaps that stand
// for those before the beginning.
func (l *lowLatency) segments() int {
	answer := httptest.NewRecorder()
	l.muxer.Handle(answer, httptest.NewRequest(http.MethodGet, "/video1_stream.m3u8", nil))
	text := answer.Body.String()
	return strings.Count(text, "#EXTINF") - strings.Count(text, "#EXT-X-GAP")
}
