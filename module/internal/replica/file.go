package replica

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// newPrefix begins the names of files that are being written.
const newPrefix = ".new-"

// writeFile writes a file of secrets so that it is whole or not there.
func writeFile(path string, data []byte) error { return PlaceFile(path, data, os.Rename) }

// PlaceFile writes a file and puts it in its place by a rename, or by a link,
// which leaves alone what is there.
func PlaceFile(path string, data []byte, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), newPrefix+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = place(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if gone := os.Remove(f.Name()); err == nil || errors.Is(gone, os.ErrNotExist) {
		return err // it has another name now
	} else {
		return errors.Join(err, gone)
	}
}

// syncDir makes the names of a directory last through a power cut. Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// filesOf are the paths of a directory's files whose names begin with a prefix. Brackets in
// the directory's name mean nothing.
func filesOf(dir, prefix string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return paths, err
}
