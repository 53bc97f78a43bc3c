package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// versions says what was measured, and where.
func (b *bench) versions() []string {
	list := []string{
		"Playgate, with " + firstLine(b.binary, "version"),
		runtime.Version(),
	}
	if nginx, err := look("nginx"); err == nil {
		list = append(list, strings.TrimPrefix(firstLine(nginx, "-v"), "nginx version: "))
	}
	if haproxy, err := look("haproxy"); err == nil {
		list = append(list, firstLine(haproxy, "-v"))
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	list = append(list, "Linux "+strings.TrimSpace(string(kernel)))
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return append(list, strings.TrimSpace(value))
		}
	}
	return list
}

func firstLine(name string, args ...string) string {
	text, _ := exec.Command(name, args...).CombinedOutput()
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}
