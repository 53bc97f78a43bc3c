package harness

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Tree is a directory of recorded HLS, made by ffmpeg.
type Tree struct {
	Name string
	// Dir holds the files, First is the name of the playlist to begin with.
	Dir, First string
	// AtLeast is how many URIs its playlists name, at the least: a walk that
	// finds fewer has missed something.
	AtLeast int
}

// FileServer answers with the tree's files below a prefix.
func (tree *Tree) FileServer(prefix string) http.Handler {
	files := http.StripPrefix(prefix, http.FileServer(http.Dir(tree.Dir)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		}
		files.ServeHTTP(w, r)
	})
}

// The picture is small and the sound plain: what matters is the tree's shape.
var source = []string{
	"-hide_banner", "-loglevel", "error", "-nostdin",
	"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25",
	"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
}

var h264 = []string{
	"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25", "-b:v", "100k",
	"-c:a", "aac", "-b:a", "32k",
}

// Source are ffmpeg's arguments for a made-up picture and sound, encoded.
func Source(seconds int) []string {
	args := append([]string(nil), source...)
	args = append(args, "-t", fmt.Sprint(seconds))
	return append(args, h264...)
}

// FragmentedMP4 is HLS of fMP4 segments with one EXT-X-MAP.
func FragmentedMP4(t testing.TB) *Tree {
	return makeTree(t, &fragmentedMP4, Tree{Name: "fMP4", First: "index.m3u8", AtLeast: 5}, nil,
		append(Source(4), "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "index.m3u8"))
}

// EncryptedTS is HLS of TS segments under AES-128, with the key beside them.
func EncryptedTS(t testing.TB) *Tree {
	return makeTree(t, &encryptedTS, Tree{Name: "TS with AES-128", First: "index.m3u8", AtLeast: 5}, prepareKey,
		append(Source(4), "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod",
			"-hls_key_info_file", "key.info", "-hls_segment_filename", "seg%d.ts", "index.m3u8"))
}

// MultiVariant is a multivariant playlist of two pictures, a rendition of the
// sound and subtitles.
func MultiVariant(t testing.TB) *Tree {
	args := append([]string(nil), source...)
	args = append(args, "-i", "captions.srt", "-t", "4",
		"-map", "0:v", "-map", "0:v", "-map", "1:a", "-map", "2:s")
	args = append(args, h264...)
	args = append(args, "-s:v:1", "80x44", "-c:s", "webvtt",
		"-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
		"-master_pl_name", "master.m3u8",
		"-var_stream_map", "v:0,agroup:sound,s:0,sgroup:text v:1,agroup:sound a:0,agroup:sound,default:yes,language:en",
		"-hls_segment_filename", "v%v/seg%d.m4s", "v%v/index.m3u8")
	return makeTree(t, &multiVariant, Tree{Name: "multivariant with sound and subtitles", First: "master.m3u8", AtLeast: 23}, prepareCaptions, args)
}

// Clip is a short MPEG-TS file.
func Clip(t testing.TB) string {
	tree := makeTree(t, &clip, Tree{Name: "clip", First: "clip.ts"}, nil, append(Source(4), "-f", "mpegts", "clip.ts"))
	return filepath.Join(tree.Dir, tree.First)
}

var fragmentedMP4, encryptedTS, multiVariant, clip once[*Tree]

func makeTree(t testing.TB, o *once[*Tree], tree Tree, prepare func(dir string) error, args []string) *Tree {
	t.Helper()
	parent := SharedDir(t)
	return o.get(t, func() (*Tree, error) {
		dir, err := os.MkdirTemp(parent, "tree-")
		if err != nil {
			return nil, err
		}
		if prepare != nil {
			if err := prepare(dir); err != nil {
				return nil, err
			}
		}
		cmd := exec.Command("ffmpeg", args...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ffmpeg for %s: %w\n%s", tree.Name, err, text)
		}
		tree.Dir = dir
		return &tree, nil
	})
}

func prepareKey(dir string) error {
	key := make([]byte, 16)
	rand.Read(key)
	if err := os.WriteFile(filepath.Join(dir, "enc.key"), key, 0o600); err != nil {
		return err
	}
	// The URI for the playlist, then the file for ffmpeg.
	info := "enc.key\n" + filepath.Join(dir, "enc.key") + "\n"
	return os.WriteFile(filepath.Join(dir, "key.info"), []byte(info), 0o600)
}

func prepareCaptions(dir string) error {
	const captions = "1\n00:00:00,000 --> 00:00:02,000\nFirst line\n\n2\n00:00:02,000 --> 00:00:04,000\nSecond line\n"
	return os.WriteFile(filepath.Join(dir, "captions.srt"), []byte(captions), 0o600)
}
