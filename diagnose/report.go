package diagnose

import (
	"fmt"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A Report is what a diagnosis has found.
type Report struct {
	Schema      string    `json:"schema"`    // "handclasp.diagnose/1"
	Began       string    `json:"began"`     // RFC 3339, UTC
	Target      string    `json:"target"`    // HOST:PORT
	Addresses   []Address `json:"addresses"` // that were tried, in order
	Client      string    `json:"client"`    // as whom the handshake was made
	Reached     bool      `json:"reached"`   // some address took a TCP connection
	Works       bool      `json:"works"`     // this client's handshake works, and the certificate is good
	Outcome     string    `json:"outcome"`   // of this client's handshake
	Findings    []Finding `json:"findings"`  // what is wrong, the main thing first; "nothing-wrong" if nothing is
	Noticed     []string  `json:"noticed,omitempty"`
	Probes      []Probe   `json:"probes,omitempty"` // the connections that were made, in order
	Connections int       `json:"connections"`
	Seconds     float64   `json:"seconds"`
}

// An Address is one of the target's, with what came of it.
type Address struct {
	IP      string `json:"ip"`
	Outcome string `json:"outcome"`
}

// A Confidence says how sure a finding is.
type Confidence string

const (
	Certain  Confidence = "certain"  // shown by what came, or by repeated probes that differ in nothing else
	Likely   Confidence = "likely"   // other causes would look the same
	Possible Confidence = "possible" // not all that was wanted could be tried
)

// Meaning is the confidence in words.
func (c Confidence) Meaning() string {
	return map[Confidence]string{
		Certain:  "certain: nothing else would look the same",
		Likely:   "likely: other causes would look the same",
		Possible: "possible: not all that was wanted could be tried",
	}[c]
}

// A Finding is a cause with what shows it.
type Finding struct {
	Cause
	Confidence Confidence `json:"confidence"`
	Detail     string     `json:"detail,omitempty"`  // what exactly, such as the names in a certificate
	Trigger    string     `json:"trigger,omitempty"` // what in a ClientHello: "group=x25519 & length>1000"
	Evidence   []Evidence `json:"evidence,omitempty"`
	Prove      string     `json:"prove,omitempty"` // a command that shows it
}

// Evidence is a probe and its outcome.
type Evidence struct {
	Probe   string `json:"probe"`
	Outcome string `json:"outcome"`
	Times   int    `json:"times,omitempty"`  // how often it was so, if more than once
	Offset  *int   `json:"offset,omitempty"` // of what matters, in the ClientHello, in bytes
	Bytes   string `json:"bytes,omitempty"`  // in hex
}

func (e Evidence) String() string {
	s := e.Probe + ": " + e.Outcome
	if e.Times > 1 {
		s += fmt.Sprintf(" (%d times)", e.Times)
	}
	if e.Offset != nil {
		s += fmt.Sprintf("; bytes %s at %d of the ClientHello", e.Bytes, *e.Offset)
	}
	return s
}

// A Probe is a connection, with what its hello had beyond the client's, and lacked
// of it.
type Probe struct {
	What    string   `json:"what"`
	From    int      `json:"from,omitempty"`    // the earlier probe from whose hello this one differs least, counted from 1; 0 for the first at an address
	Repeats bool     `json:"repeats,omitempty"` // it is the hello of that probe
	With    []string `json:"with,omitempty"`    // as triggers name them
	Without []string `json:"without,omitempty"` // likewise
	Length  int      `json:"length,omitempty"`  // of the ClientHello, in bytes
	Outcome string   `json:"outcome"`
	Works   bool     `json:"works"`             // the handshake did
	Refused bool     `json:"refused,omitempty"` // the certificate, although the handshake works
	Stage   string   `json:"stage"`             // how far it came: "hello", "answered", "connected"; "none": it was for something else than a handshake
	Took    int64    `json:"took_us"`           // microseconds
	Decides bool     `json:"decides,omitempty"` // its hello, or the one that differs from it in one thing of what is blamed, and in nothing else
}

// note keeps a probe for the report.
func (d *diagnosis) note(what string, h hello, o *outcome) {
	h.set = h.closed()
	d.attempts = append(d.attempts, attempt{h, d.p.addr})
	p := Probe{What: what, Length: o.length, Outcome: d.atAddress(o), Works: o.good(), Refused: o.refused(), Stage: [...]string{"hello", "answered", "connected"}[o.stage], Took: o.took.Microseconds()}
	mine := d.mine().closed()
	for _, a := range d.p.model.atoms {
		switch {
		case h.set[a] && !mine[a]:
			p.With = append(p.With, a.String())
		case mine[a] && !h.set[a]:
			p.Without = append(p.Without, a.String())
		}
	}
	for _, m := range measures {
		if n := h.much[m]; n > 0 && n != d.much[m] {
			p.With = append(p.With, fmt.Sprintf("%s=%d", m, n))
		}
	}
	if h.name > 0 && h.set[nameAtom] {
		p.With = append(p.With, "name="+fault.Printable(d.p.model.names[h.name]))
	}
	if h.place != asUsual {
		p.With = append(p.With, h.placed())
	}
	if h.proxied {
		p.With = append(p.With, "proxy-protocol")
	}
	d.Probes = append(d.Probes, p)
}

// looked keeps a connection that was for something else than a handshake.
func (d *diagnosis) looked(what string, start time.Time, outcome string) {
	d.attempts = append(d.attempts, attempt{})
	d.Probes = append(d.Probes, Probe{What: what, Outcome: outcome, Stage: "none", Took: time.Since(start).Microseconds()})
}

// decide marks the probes of two hellos.
func (d *diagnosis) decide(fails, passes hello) {
	a, b := d.p.model.key(fails), d.p.model.key(passes)
	for i := range d.Probes {
		key := d.p.model.key(d.attempts[i].hello)
		d.Probes[i].Decides = key == a || key == b
	}
}

// find adds a finding.
func (d *diagnosis) find(id string, c Confidence, detail string, evidence ...Evidence) *Finding {
	f := Finding{Cause: *CauseByID(id), Confidence: c, Detail: detail, Evidence: evidence}
	f.Prove = d.prove(&f)
	d.Findings = append(d.Findings, f)
	return &d.Findings[len(d.Findings)-1]
}

// headline is the outcome of the client's handshake. Where the handshake itself
// succeeds and all is not well, it says so, and what is the matter.
func (d *diagnosis) headline() string {
	if d.first == nil {
		return d.Outcome
	}
	if len(d.Findings) > 0 && d.Findings[0].ID == "unstable" {
		return "not always the same: " + d.Findings[0].Evidence[0].Outcome + ", or " + d.Findings[0].Evidence[1].Outcome
	}
	if !d.first.good() || len(d.Findings) == 0 || d.Findings[0].ID == "nothing-wrong" {
		return d.first.String()
	}
	agreed := fmt.Sprintf("%v, %v", d.first.info.Version, d.first.info.CipherSuite)
	why := d.Findings[0].Text
	why = strings.ToLower(why[:1]) + strings.TrimSuffix(why[1:], ".")
	switch {
	case d.Works:
		return "the handshake worked: " + agreed + ". Others may refuse this server: " + why
	case len(d.first.failed()) > 0 && d.Findings[0].ID != "nodes-differ" && d.Findings[0].ID != "addresses-differ":
		return "the handshake succeeds (" + agreed + "), but the certificate is not accepted: " + why
	}
	return "the handshake succeeds (" + agreed + "), but not all is well: " + why
}

// noticeLosses tells of connections that were lost, where others with the same hello
// were not.
func (d *diagnosis) noticeLosses() {
	switch {
	case d.losses == 0, len(d.Findings) > 0 && d.Findings[0].ID == "unstable":
	case d.losses == 1:
		d.notice("One connection got no answer, and the next with the same hello did: a packet was lost, or the server is slow at times.")
	default:
		d.notice("%d connections got no answer, and the next with the same hello did: packets are lost, or the server is slow at times.", d.losses)
	}
}

// notice adds what was noticed besides.
func (d *diagnosis) notice(format string, args ...any) {
	d.Noticed = append(d.Noticed, fmt.Sprintf(format, args...))
}

// Took is how long it all took, for people.
func (r *Report) Took() string { return lasting(r.Seconds) }

func lasting(seconds float64) string {
	if seconds < 0.1 {
		return fmt.Sprintf("%.0f ms", max(1, seconds*1000))
	}
	return fmt.Sprintf("%.1f s", seconds)
}

// elapsed is how long it took, in seconds.
func elapsed(start time.Time) float64 { return time.Since(start).Round(time.Millisecond).Seconds() }
