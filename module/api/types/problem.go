package types

// Problem is the answer that says what went wrong (RFC 9457). It never repeats
// what was sent.
type Problem struct {
	Type   string    `json:"type" doc:"Always about:blank: the status says it." example:"about:blank"`
	Title  string    `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status int       `json:"status" doc:"The HTTP status." example:"422"`
	Detail string    `json:"detail,omitempty" doc:"What to change, or why it cannot be done."`
	Errors []Mistake `json:"errors,omitempty" doc:"The mistakes in the request, one by one."`
}

// Mistake is one mistake in a request.
type Mistake struct {
	Location string `json:"location,omitempty" doc:"Where it is." example:"body.expires"`
	Message  string `json:"message" doc:"What to change."`
}
