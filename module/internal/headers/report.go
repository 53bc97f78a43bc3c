package headers

import (
	"net/http"
	"slices"
	"strings"
)

// reports are the fields by which an answer has a browser tell others what it has asked
// for, or lets a script see that: Network Error Logging, the Reporting API, source maps
// and the scope of service workers.
var reports = []string{"Nel", "Report-To", "Reporting-Endpoints", "Service-Worker-Allowed", "Sourcemap", "X-Sourcemap"}

// DropReports takes the fields and the directives of a Content-Security-Policy out by
// which the URL of the request, and a token that is in it, would be told to others.
func DropReports(h http.Header) {
	for _, name := range reports {
		delete(h, name)
	}
	for _, name := range []string{"Content-Security-Policy", "Content-Security-Policy-Report-Only"} {
		lines, ok := h[name]
		if !ok {
			continue
		}
		kept := make([]string, 0, len(lines))
		for _, line := range lines {
			if line = withoutReports(line); line != "" {
				kept = append(kept, line)
			}
		}
		if len(kept) == 0 {
			delete(h, name)
		} else {
			h[name] = kept
		}
	}
}

// withoutReports is a list of policies without their directives that report.
func withoutReports(line string) string {
	var policies []string
	for policy := range strings.SplitSeq(line, ",") {
		directives := slices.DeleteFunc(strings.Split(policy, ";"), func(directive string) bool {
			fields := strings.Fields(directive)
			return len(fields) > 0 && (strings.EqualFold(fields[0], "report-uri") || strings.EqualFold(fields[0], "report-to"))
		})
		if policy = strings.Join(directives, ";"); strings.TrimSpace(policy) != "" {
			policies = append(policies, policy)
		}
	}
	return strings.Join(policies, ",")
}

// AsksForWorker reports whether a browser asks for the script of a service worker.
func AsksForWorker(h http.Header) bool {
	return slices.ContainsFunc(h["Service-Worker"], func(v string) bool { return strings.EqualFold(strings.TrimSpace(v), "script") })
}
