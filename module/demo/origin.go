package demo

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

const (
	segmentLength = time.Second
	partLength    = 200 * time.Millisecond

	// The stream is this old when NewOrigin returns: the first playlist is complete, and players that want three
	// segments before they begin have them.
	pastLength = 9 * time.Second

	// Beyond this the clock was set or the machine slept: the stream goes on from now instead of catching up.
	clockStep = 5 * time.Second
)

var errClosed = errors.New("the demo stream is closed")

// Origin is a live LL-HLS origin: it plays the embedded clip in real time for ever.
// It serves index.m3u8 and what that names, by the last element of the path.
type Origin struct {
	clip  *clip
	muxer *gohlslib.Muxer
	video *gohlslib.Track
	audio *gohlslib.Track

	// Of the writer alone: when the stream began, and what comes next.
	start    time.Time
	pictures int64
	sounds   int64

	closing   chan struct{}
	closed    chan struct{}
	closeOnce sync.Once

	mu  sync.Mutex
	err error
}

// NewOrigin starts the stream. It can be played at once.
func NewOrigin() (*Origin, error) {
	// Without a monotonic reading, so that a machine that slept is noticed.
	o, err := newOrigin(time.Now().Round(0))
	if err != nil {
		return nil, fmt.Errorf("starting the demo stream: %w", err)
	}
	go o.run()
	return o, nil
}

// newOrigin makes the stream with its past, but not yet running.
func newOrigin(now time.Time) (*Origin, error) {
	c, err := readClip(clipTS)
	if err != nil {
		return nil, err
	}

	o := &Origin{
		clip: c,
		// gohlslib wants the codec's own clock: 90 kHz for H.264, the sample rate for AAC.
		video:   &gohlslib.Track{Codec: &codecs.H264{}, ClockRate: videoClock},
		audio:   &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: c.audio}, ClockRate: c.audio.SampleRate},
		start:   now.Add(-pastLength),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	o.muxer = &gohlslib.Muxer{
		Tracks:             []*gohlslib.Track{o.video, o.audio},
		Variant:            gohlslib.MuxerVariantLowLatency,
		SegmentMinDuration: segmentLength,
		PartMinDuration:    partLength,
		OnEncodeError:      func(error) {}, // its default prints to the standard logger
	}
	if err := o.muxer.Start(); err != nil {
		return nil, err
	}
	if _, err := o.writeUntil(now); err != nil {
		o.muxer.Close()
		return nil, err
	}
	return o, nil
}

// Close ends the stream and every request that waits for more of it. It returns when nothing of it runs any more.
func (o *Origin) Close() {
	o.closeOnce.Do(func() {
		o.fail(errClosed)
		close(o.closing)
	})
	<-o.closed
}

// ServeHTTP serves playlists, segments and parts. A blocking reload waits here until there is what it asks for.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if err := o.failure(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}

	// The muxer writes nothing at all for a name that it does not have, which would be an empty 200.
	answer := &answerWriter{ResponseWriter: w}
	o.muxer.Handle(answer, r)
	if !answer.begun {
		http.NotFound(w, r)
	}
}

func (o *Origin) run() {
	defer close(o.closed)
	defer o.muxer.Close() // here, because nobody may be writing then

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-o.closing:
			return
		case <-timer.C:
		}

		now := time.Now().Round(0)
		next, err := o.writeUntil(now)
		if err != nil {
			o.fail(fmt.Errorf("the demo stream broke: %w", err))
			return
		}
		timer.Reset(max(next.Sub(now), time.Millisecond))
	}
}

// writeUntil writes every picture and every frame of sound that is due at now, and tells when the next picture is.
func (o *Origin) writeUntil(now time.Time) (time.Time, error) {
	if late := now.Sub(o.due()); o.pictures > 0 && late.Abs() > clockStep {
		o.start = o.start.Add(late)
	}

	rate := int64(o.audio.ClockRate)
	for due := o.due(); !due.After(now); due = o.due() {
		// The muxer holds one frame of each track back to know its length, and cuts both tracks when a picture arrives:
		// a part has all of its sound only if the sound is a frame ahead.
		for {
			pts := o.sounds * mpeg4audio.SamplesPerAccessUnit
			if (pts-mpeg4audio.SamplesPerAccessUnit)*videoClock > o.pictures*pictureTicks*rate {
				break
			}
			frame := o.clip.sound[o.sounds%int64(len(o.clip.sound))]
			// In two steps: nanoseconds times samples would overflow after three days.
			at := o.start.Add(time.Duration(pts/rate)*time.Second + time.Duration(pts%rate)*time.Second/time.Duration(rate))
			if err := o.muxer.WriteMPEG4Audio(o.audio, at, pts, [][]byte{frame}); err != nil {
				return due, err
			}
			o.sounds++
		}

		picture := o.clip.pictures[o.pictures%int64(len(o.clip.pictures))]
		if err := o.muxer.WriteH264(o.video, due, o.pictures*pictureTicks, picture); err != nil {
			return due, err
		}
		o.pictures++
	}
	return o.due(), nil
}

// due is when the next picture belongs on the screen.
func (o *Origin) due() time.Time {
	return o.start.Add(time.Duration(o.pictures) * (time.Second * pictureTicks / videoClock))
}

func (o *Origin) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
}

func (o *Origin) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// answerWriter remembers whether anything was answered.
type answerWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *answerWriter) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
