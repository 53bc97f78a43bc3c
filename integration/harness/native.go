//go:build players

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// playTime is what a player outside of the browser gets from start to end.
const playTime = 30 * time.Second

// NativePlayer plays a URL, and all that belongs to it, without a browser. The
// error says why it did not show a second of it at the least.
type NativePlayer struct {
	Name string
	// Version is what the program says of itself.
	Version func(testing.TB) string
	// Play takes a header for each request too, "Name: value", or "" for none.
	Play func(ctx context.Context, url, header string) error
}

// FFmpeg decodes two seconds of picture and sound.
var FFmpeg = NativePlayer{"ffmpeg", versionOf(`^ffmpeg version (\d[\d.]*)`, "ffmpeg", "-version"), playFFmpeg}

// MPV plays two seconds in real time.
var MPV = NativePlayer{"mpv", versionOf(`^mpv (\d[\d.]*)`, "mpv", "--no-config", "--version"), playMPV}

// VLC plays in real time until it has shown a second.
var VLC = NativePlayer{"VLC", versionOf(`(?m)^VLC version (\d[\d.]*)`, "vlc", "--version"), playVLC}

func versionOf(pattern, name string, args ...string) func(testing.TB) string {
	return func(t testing.TB) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		asUser(cmd)
		text, err := cmd.CombinedOutput()
		m := regexp.MustCompile(pattern).FindSubmatch(text)
		if err != nil || m == nil {
			t.Fatalf("version of %s: %v\n%s", name, err, text)
		}
		return string(m[1])
	}
}

// asUser keeps a program from being root: VLC refuses to be that.
func asUser(cmd *exec.Cmd) {
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOME=/nonexistent")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
}

var lastFrame = regexp.MustCompile(`(?m)^frame=(\d+)$`)

func playFFmpeg(ctx context.Context, url, header string) error {
	args := []string{"-hide_banner", "-nostdin", "-loglevel", "error", "-xerror"}
	if header != "" {
		args = append(args, "-headers", header+"\r\n")
	}
	out, err := runPlayer(ctx, "ffmpeg", append(args, "-i", url,
		"-t", "2", "-map", "0:v:0", "-map", "0:a:0", "-progress", "pipe:1", "-f", "null", "-")...)
	if err != nil {
		return err
	}
	frames := 0
	for _, m := range lastFrame.FindAllStringSubmatch(out, -1) {
		frames, _ = strconv.Atoi(m[1])
	}
	if frames <= 25 {
		return fmt.Errorf("ffmpeg decoded %d frames\n%s", frames, out)
	}
	return nil
}

var position = regexp.MustCompile(`at=(\d+\.\d+)`)

func playMPV(ctx context.Context, url, header string) error {
	args := []string{"--no-config", "--ytdl=no", "--terminal=yes", "--msg-level=all=error,statusline=status",
		"--term-status-msg=at=${=playback-time} vo=${current-vo}\n", "--vo=null", "--ao=null", "--length=2"}
	if header != "" {
		args = append(args, "--http-header-fields="+header)
	}
	out, err := runPlayer(ctx, "mpv", append(args, url)...)
	if err != nil {
		return err
	}
	var positions []float64
	for _, m := range position.FindAllStringSubmatch(out, -1) {
		at, _ := strconv.ParseFloat(m[1], 64)
		positions = append(positions, at)
	}
	if len(positions) < 2 || positions[len(positions)-1]-positions[0] < 1 || !strings.Contains(out, "vo=null") {
		return fmt.Errorf("mpv did not advance\n%s", tail(out, 4000))
	}
	return nil
}

var shown = regexp.MustCompile(`frames displayed\s*:\s*(\d+)`)

// playVLC asks VLC over its remote control how much it has shown.
func playVLC(ctx context.Context, url, header string) error {
	if header != "" {
		return errors.New("VLC sends no header that it is given")
	}
	ctx, cancel := context.WithTimeout(ctx, playTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "vlc", "--intf", "oldrc", "--rc-fake-tty", "--vout", "vdummy", "--aout", "adummy",
		"--no-video-title-show", "--no-metadata-network-access", url)
	asUser(cmd)
	var out capture
	cmd.Stdout, cmd.Stderr = &out, &out
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = cmd.Wait()
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for pause := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-ended:
			return fmt.Errorf("VLC ended: %w\n%s", errors.Join(err, ctx.Err()), tail(out.String(), 4000))
		case <-pause.C:
		}
		io.WriteString(input, "stats\n") // a failure ends the program, which is seen above
		answers := shown.FindAllStringSubmatch(out.String(), -1)
		if len(answers) == 0 {
			continue
		}
		if frames, _ := strconv.Atoi(answers[len(answers)-1][1]); frames > 25 {
			return nil
		}
	}
}

// runPlayer runs a player to its end and gives all that it printed.
func runPlayer(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, playTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	asUser(cmd)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, errors.Join(err, ctx.Err()), tail(out.String(), 4000))
	}
	return out.String(), nil
}
