package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
)

// A brokenError is an error of a connection with what its story says of it.
type brokenError struct {
	error
	told *explain.Failure
}

func (e *brokenError) Unwrap() error { return e.error }

// broken puts the story's words to err. A nil err stays nil.
func broken(err error, rec *explain.Recorder) error {
	if err == nil {
		return nil
	}
	return &brokenError{err, rec.Story().Error}
}

// report tells of the error that ended the run, if it has not been told.
func (a *app) report(err error) {
	if err == nil || errors.As(err, new(errTold)) {
		return
	}
	p := newNotes(a.err)
	defer p.flush()
	if e, ok := errors.AsType[*usageError](err); ok {
		p.sentence(e.text)
		p.hint(e.hint)
		return
	}
	if !errors.As(err, new(*fault.Error)) {
		p.sentence(sentence(err.Error()))
		return
	}
	f := inWords(err, fault.Client)
	p.sentence(f.Text)
	if exitCode(err) != exitUsage {
		p.line("step", during(f))
		p.line("at fault", f.Side)
		p.line("alert", alert(f))
	}
	p.line("found", f.Got)
	p.line("expected", f.Want)
	for _, o := range f.Offered {
		p.line("offered", o.Label+": "+strings.Join(o.Values, ", "))
	}
	if flag := flagOf[f.Field]; flag != "" {
		p.line("flag", flag)
	} else {
		p.line("field", f.Field)
	}
	p.line("cause", f.Cause)
	p.line("rule", strings.Trim(f.Rule+"; "+f.Source, "; "))
	for i, cause := range f.Causes {
		p.wrap(map[bool]string{true: "  perhaps   - ", false: "            - "}[i == 0], "", 14, cause)
	}
	p.hint(f.Hint)
}

// flagOf is the flag that sets a field of the configuration.
var flagOf = map[string]string{
	"MinVersion, MaxVersion": "--min-version, --max-version",
	"CipherSuites":           "--suites",
	"CurvePreferences":       "--groups",
	"SignatureSchemes":       "--sigalgs",
	"NextProtos":             "--alpn",
	"certificate file":       "--cert",
	"key file":               "--key",
	"ClientAuth":             "--client-auth",
	"ClientCAs":              "--client-ca",
}

func during(f *explain.Failure) string {
	if f.State == "" {
		return f.During
	}
	return fmt.Sprintf("%s (state %s)", f.During, f.State)
}

func alert(f *explain.Failure) string {
	switch {
	case f.Alert == "":
		return ""
	case f.Received:
		return f.Alert + ", received"
	}
	return f.Alert + ", sent"
}

// inWords is err as explain words it: from its story, or else from what the
// error itself knows.
func inWords(err error, role fault.Role) *explain.Failure {
	if e, ok := errors.AsType[*brokenError](err); ok && e.told != nil {
		return e.told
	}
	return explain.Words(err, role)
}

// inLine is f in one line, for a log.
func inLine(f *explain.Failure) string {
	line := f.Text
	var notes []string
	add := func(label, text string) {
		if text != "" {
			notes = append(notes, label+text)
		}
	}
	add("found ", f.Got)
	add("expected ", f.Want)
	add("cause: ", f.Cause)
	add("alert ", alert(f))
	add("at fault: ", f.Side)
	add("while ", during(f))
	if len(notes) > 0 {
		line += " (" + strings.Join(notes, "; ") + ")"
	}
	if f.Hint != "" {
		line += " Hint: " + f.Hint
	}
	return line
}

func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// quote escapes what a peer or a person gave.
func quote(s string) string { return fault.Quote([]byte(s)) }
