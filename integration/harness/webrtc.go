//go:build players

package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
)

// WebRTC is an origin that sends a clip to whoever negotiates with WHEP, until
// the session is deleted. Its media stays on loopback.
type WebRTC struct {
	clip string
	api  *webrtc.API

	mu       sync.Mutex
	last     int
	sessions map[string]*webrtc.PeerConnection
}

// NewWebRTC makes one, and the clip that it sends.
func NewWebRTC(t testing.TB) *WebRTC {
	t.Helper()
	o := &WebRTC{clip: filepath.Join(t.TempDir(), "clip.ivf"), sessions: map[string]*webrtc.PeerConnection{}}
	result := run(t, os.Environ(), "ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-t", "2",
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-g", "15", o.clip)
	if result.Code != 0 {
		t.Fatalf("ffmpeg: %s", result.Stderr)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var codecs webrtc.MediaEngine
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	o.api = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&codecs))
	t.Cleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, pc := range o.sessions {
			pc.Close()
		}
	})
	return o
}

// ServeHTTP implements http.Handler.
func (o *WebRTC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		offer, _ := io.ReadAll(r.Body)
		id, answer, err := o.begin(string(offer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", strings.TrimSuffix(r.URL.Path, "/")+"/"+id)
		w.Header().Set("Content-Type", "application/sdp")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	case http.MethodDelete:
		o.mu.Lock()
		pc := o.sessions[path.Base(r.URL.Path)]
		delete(o.sessions, path.Base(r.URL.Path))
		o.mu.Unlock()
		if pc == nil {
			http.NotFound(w, r)
			return
		}
		_ = pc.Close()
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (o *WebRTC) begin(offer string) (id, answer string, err error) {
	pc, err := o.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", "", err
	}
	defer func() {
		if err != nil {
			pc.Close()
		}
	}()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "clip")
	if err != nil {
		return "", "", err
	}
	if err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", "", err
	}
	if _, err = pc.AddTrack(track); err != nil {
		return "", "", err
	}
	local, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err = pc.SetLocalDescription(local); err != nil {
		return "", "", err
	}
	<-gathered
	ctx, cancel := context.WithCancel(context.Background())
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			go o.send(ctx, track)
		case webrtc.PeerConnectionStateClosed, webrtc.PeerConnectionStateFailed:
			cancel()
		}
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	id = fmt.Sprintf("session-%d", o.last)
	o.sessions[id] = pc
	return id, pc.LocalDescription().SDP, nil
}

// send repeats the clip.
func (o *WebRTC) send(ctx context.Context, track *webrtc.TrackLocalStaticSample) {
	frame := time.NewTicker(time.Second / 30)
	defer frame.Stop()
	for {
		file, err := os.Open(o.clip)
		if err != nil {
			return
		}
		clip, _, err := ivfreader.NewWith(file)
		for err == nil {
			var data []byte
			if data, _, err = clip.ParseNextFrame(); err != nil {
				break
			}
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-frame.C:
				_ = track.WriteSample(media.Sample{Data: data, Duration: time.Second / 30})
			}
		}
		file.Close()
		if !errors.Is(err, io.EOF) {
			return
		}
	}
}
