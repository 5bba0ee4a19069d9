// Package fault is the catalogue of everything that can go wrong in a
// handshake: which rule was broken, the alert that says so to the peer, the
// section that demands it, a plain sentence and a hint.
//
// Policy: code says which rule was broken and what it saw; it never words an
// error or picks an alert. One rule has one alert. An Error carries no secret
// and no unescaped byte of the peer.
package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// A Blame says whose fault a broken rule is, as far as we can tell.
type Blame uint8

const (
	Peer    Blame = iota // the peer broke the protocol or refuses what it must accept
	Local                // our own configuration or program
	Both                 // the two sides are each legal and have nothing in common
	Network              // the path between: reset, timeout, unreachable
)

func (b Blame) String() string {
	return [...]string{"the peer", "this side", "both sides' settings", "the network or the peer's host"}[b]
}

// A Rule is one entry of the catalogue. Rules are compared by identity:
// errors.Is(err, fault.CertExpired).
type Rule struct {
	ID     string     // stable, kebab-case; scripts may match it
	Alert  iana.Alert // what the peer is told; iana.NoAlert when nothing is sent
	Blame  Blame
	Source string // "RFC 9846, Section 4.3.8"; "" where no standard speaks
	Text   string // one plain sentence, what happened
	Hint   string // what to do now; "" only where nobody can do anything
}

func (r *Rule) Error() string { return r.Text }

// Error makes the Rule an Error. Detail is added by the Error's own methods,
// which return it, so that a check reads as one line:
//
//	return fault.KeyShareGroup.In("key_share.group").Saw(got, want)
func (r *Rule) New() *Error              { return &Error{Rule: r, Offset: -1} }
func (r *Rule) In(field string) *Error   { return r.New().In(field) }
func (r *Rule) Because(err error) *Error { return r.New().Because(err) }

// A Role is the side of a connection.
type Role uint8

const (
	NoRole Role = iota
	Client
	Server
)

func (r Role) String() string { return [...]string{"endpoint", "client", "server"}[r] }

// Peer is the other role.
func (r Role) Peer() Role { return [...]Role{NoRole, Server, Client}[r] }

// An Error is a broken rule, with where and when it was broken.
type Error struct {
	*Rule
	Role     Role       // the side that noticed, which is ours
	State    State      // the state it was in
	Field    string     // RFC name of the field, dotted; "" if it is no single field
	Offset   int        // byte offset of the field in its message; -1 if unknown
	Got      string     // what was seen; already escaped
	Want     string     // what would have been accepted
	Cause    error      // what lies below, if anything
	Code     iana.Alert // of a received alert, its description; else the Rule's
	Received bool       // the peer sent the alert; nothing is sent back
}

func (e *Error) In(field string) *Error   { e.Field = field; return e }
func (e *Error) At(offset int) *Error     { e.Offset = offset; return e }
func (e *Error) Because(err error) *Error { e.Cause = err; return e }

// Saw records what was got and what would have been accepted. Values are
// printed with %v; strings and bytes of the peer must come through Quote.
func (e *Error) Saw(got, want any) *Error {
	e.Got, e.Want = text(got), text(want)
	return e
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return strings.Trim(fmt.Sprint(v), "[]")
	}
}

// Quote escapes bytes that came from a peer and shortens them to 200 bytes.
func Quote(b []byte) string {
	if len(b) > 200 {
		return fmt.Sprintf("%q… (%d bytes)", b[:200], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// Error is one line: who noticed, in which state, what happened, the field,
// the values, the source and the alert. The hint is not in it; see Hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("tls: ")
	if e.Role != NoRole {
		fmt.Fprintf(&b, "%v in %v: ", e.Role, e.State)
	}
	b.WriteString(strings.TrimSuffix(e.Text, "."))
	if e.Got != "" {
		fmt.Fprintf(&b, ": %s", e.Got)
	}
	if e.Want != "" {
		fmt.Fprintf(&b, "; expected %s", e.Want)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	var notes []string
	if e.Field != "" && e.Offset >= 0 {
		notes = append(notes, fmt.Sprintf("%s at byte %d", e.Field, e.Offset))
	} else if e.Field != "" {
		notes = append(notes, e.Field)
	}
	if e.Source != "" {
		notes = append(notes, e.Source)
	}
	switch {
	case e.Received:
		notes = append(notes, fmt.Sprintf("alert %v received", e.AlertCode()))
	case e.AlertCode() != iana.NoAlert:
		notes = append(notes, fmt.Sprintf("alert %v", e.AlertCode()))
	}
	if len(notes) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(notes, "; "))
	}
	return Printable(b.String()) // a cause may quote what a peer said
}

// AlertCode is the alert that belongs to the error: the one received, or the
// one to send.
func (e *Error) AlertCode() iana.Alert {
	if e.Received {
		return e.Code
	}
	return e.Rule.Alert
}

func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is the broken rule.
func (e *Error) Is(target error) bool { r, ok := target.(*Rule); return ok && r == e.Rule }

// Timeout reports whether the cause is a deadline that passed, as net.Error asks.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return e.Cause != nil && errors.As(e.Cause, &t) && t.Timeout()
}

// Temporary is part of net.Error; a broken handshake is never temporary.
func (e *Error) Temporary() bool { return false }

// Wrap makes any error an Error: one that already is stays as it is, any other
// becomes the cause of r.
func Wrap(err error, r *Rule) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if r2, ok := err.(*Rule); ok {
		return r2.New()
	}
	return r.Because(err)
}

// Rules is the whole catalogue in the order it is written.
func Rules() []*Rule { return catalogue }

var catalogue []*Rule

func rule(id string, alert iana.Alert, blame Blame, source, text, hint string) *Rule {
	r := &Rule{id, alert, blame, source, text, hint}
	catalogue = append(catalogue, r)
	return r
}
