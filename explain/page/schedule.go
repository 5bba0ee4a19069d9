package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/iana"
)

// The key schedule as a picture: what goes in on the left, the secrets one below
// the other, the keys that come out of each on the right (RFC 9846, Section 7.1; RFC
// 5246, Sections 6.3 and 8.1).

// keys is the key schedule of one connection.
type keys struct {
	Wide, Narrow *figure
	Last         int   // number of the last step
	All          []key // in order
	Logged       bool  // their values stand here
}

// A key is one that came into being.
type key struct {
	explain.Key
	Step int
	At   string
}

// A stage is a secret, with what goes in and what comes out.
type stage struct {
	name, label string
	in          string
	out         []string // labels that every handshake has, and then others
	apart       bool     // the next does not come from it
}

// schedule is nil if no key came into being.
func schedule(s *explain.Story) *keys {
	k := &keys{Last: len(s.Steps)}
	born := map[string]*key{} // by label; the first of its name counts
	quiet := silent{story: s}
	for i := range s.Steps {
		step := &s.Steps[i]
		for _, x := range append(quiet.keys(step), step.Keys...) {
			k.All = append(k.All, key{x, step.Number, explain.Span(step.At)})
			k.Logged = k.Logged || len(x.Value) > 0
		}
	}
	if len(k.All) == 0 {
		return nil
	}
	for i := range k.All {
		if x := &k.All[i]; born[x.Label] == nil {
			born[x.Label] = x
		}
	}
	stages := stages13(s, born)
	if s.Summary.Version != "" && s.Summary.Version != iana.TLS13.String() {
		stages = stages12(s, born)
	} else {
		main := &stages[len(stages)-1]
		main.out = append(main.out, quiet.updated()...)
	}
	k.Wide, k.Narrow = draw(stages, born, true), draw(stages, born, false)
	return k
}

// stages13 are those of TLS 1.3. Which keys are there at all depends on what the
// handshake needs; those that it could have made stand pale.
func stages13(s *explain.Story, born map[string]*key) []stage {
	sum := &s.Summary
	early := stage{name: "Early Secret", label: "Early Secret", in: "no pre-shared key: zeros", out: []string{binderKey, "CLIENT_EARLY_TRAFFIC_SECRET"}}
	shared := "zeros: a pre-shared key alone"
	if sum.Group != "" {
		shared = "shared secret of " + sum.Group
	}
	var stages []stage
	switch offered := born[binderKey] != nil || born["CLIENT_EARLY_TRAFFIC_SECRET"] != nil; {
	case sum.Resumed, sum.External, offered && sum.Version == "":
		early.in = "pre-shared key"
	case offered: // what the client began with leads nowhere
		tried := early
		tried.in, tried.apart = "pre-shared key, not taken", true
		early.name, early.out = "", nil
		stages = append(stages, tried)
	}
	stages = append(stages, early,
		stage{name: "Handshake Secret", label: "Handshake Secret", in: shared, out: []string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"}},
		stage{name: "Main Secret", label: "Main Secret", in: "zeros", out: []string{"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET", resumptionSecret}})
	return also(stages, born)
}

// stages12 are those of TLS 1.2 and below.
func stages12(s *explain.Story, born map[string]*key) []stage {
	sum := &s.Summary
	seed := "both randoms"
	if sum.Extended != nil && *sum.Extended {
		seed = "hash of the handshake so far"
	}
	from := "made up by the client"
	switch {
	case sum.KeyExchange == iana.RSAPSK.String():
		from = "pre-shared key, the client's secret"
	case strings.HasSuffix(sum.KeyExchange, "_PSK"):
		from = "pre-shared key, shared secret"
	case sum.KeyExchange == iana.PSK.String():
		from = "pre-shared key"
	case sum.KeyExchange != iana.RSAKeyTransport.String():
		from = "shared secret of " + cmp.Or(sum.Group, sum.KeyExchange)
	}
	block := stage{name: "master_secret", label: "Key block", in: "both randoms", out: []string{"client_write_key", "server_write_key"}}
	if born["master_secret"] != nil && born["master_secret"].Derived == "session" {
		return also([]stage{{name: "session", label: "Master secret", in: "kept of the earlier session", out: []string{"master_secret"}}, block}, born)
	}
	return also([]stage{
		{name: "key exchange", label: "Premaster secret", in: from, out: []string{"premaster_secret"}},
		{name: "premaster_secret", label: "Master secret", in: seed, out: []string{"master_secret"}}, block}, born)
}

// also adds keys that a stage has besides.
func also(stages []stage, born map[string]*key) []stage {
	var labels []string
	for l := range born {
		labels = append(labels, l)
	}
	slices.Sort(labels)
	for _, l := range labels {
		for i := range stages {
			if st := &stages[i]; st.name == born[l].Derived && !slices.Contains(st.out, l) {
				st.out = append(st.out, l)
			}
		}
	}
	return stages
}

// A figure is a picture in units that are about a pixel.
type figure struct {
	Class  string
	W, H   int
	Boxes  []box
	Lines  []line
	Labels []label
}

// A box is a secret or a key.
type box struct {
	X, Y, W, H int
	Class      string // "stage", "key client", "key server", "key"
	Step       int    // in which it came into being; 0: never
	Lines      []label
}

// A line leads from one box to the next.
type line struct {
	D    string
	Step int
}

// A label is a line of text.
type label struct {
	X, Y  int
	Text  string
	Class string
}

// draw lays the stages out, one below the other.
func draw(stages []stage, born map[string]*key, wide bool) *figure {
	const boxH, keyH, gap = 40, 40, 12
	f := &figure{Class: "narrow", W: 340}
	stageX, stageW, keyX, keyW := 2, 336, 26, 312
	if wide {
		f.Class, f.W = "wide", 900
		stageX, stageW, keyX, keyW = 276, 180, 522, 376
	}
	y := 8
	for i, st := range stages {
		rest := stages[i+1:]
		if st.apart {
			rest = nil
		}
		step := since(st, rest, born)
		top := y
		input := label{Text: st.in, Class: "input"}
		if wide {
			input.X, input.Y, input.Class = stageX-24, top+boxH/2+4, "input end"
			f.Labels = append(f.Labels, input)
			f.Lines = append(f.Lines, line{fmt.Sprintf("M%d %d H%d", stageX-18, top+boxH/2, stageX-2), step})
		} else {
			input.X, input.Y = 4, top+11
			f.Labels = append(f.Labels, input)
			y += 18
			top = y
		}
		f.Boxes = append(f.Boxes, box{stageX, top, stageW, boxH, "stage", step, []label{{stageX + stageW/2, top + boxH/2 + 5, st.label, "mid"}}})
		ky := top
		if !wide {
			ky = top + boxH + gap
		}
		for _, l := range st.out {
			b := box{X: keyX, Y: ky, W: keyW, H: keyH, Class: "key"}
			protects, since := "not made here", ""
			if k := born[l]; k != nil {
				b.Step, protects, since = k.Step, k.Protects, fmt.Sprintf("step %d", k.Step)
				b.Class = strings.TrimSpace("key " + k.Writer)
			}
			b.Lines = []label{{keyX + 12, ky + 17, l, "name"}, {keyX + keyW - 12, ky + 17, since, "note end"}}
			for j, text := range wrap(protects, (keyW-24)/6) {
				b.H = keyH + 14*j
				b.Lines = append(b.Lines, label{keyX + 12, ky + 32 + 14*j, text, "note"})
			}
			f.Boxes = append(f.Boxes, b)
			if wide {
				f.Lines = append(f.Lines, line{fmt.Sprintf("M%d %d H%d V%d H%d", stageX+stageW+2, top+boxH/2, stageX+stageW+40, ky+keyH/2, keyX-2), b.Step})
			} else {
				f.Lines = append(f.Lines, line{fmt.Sprintf("M12 %d V%d H%d", top+boxH+2, ky+keyH/2, keyX-2), b.Step})
			}
			ky += b.H + gap
		}
		bottom := max(ky-gap, top+boxH)
		y = bottom + 28
		if i+1 < len(stages) && wide && !st.apart {
			f.Lines = append(f.Lines, line{fmt.Sprintf("M%d %d V%d", stageX+stageW/2, top+boxH+2, y-2), since(stages[i+1], stages[i+2:], born)})
		}
		f.H = bottom + 8
	}
	return f
}

// wrap breaks text between words into lines of n characters.
func wrap(text string, n int) (lines []string) {
	for len(text) > n {
		i := strings.LastIndexByte(text[:n+1], ' ')
		if i < 0 {
			break
		}
		lines, text = append(lines, text[:i]), text[i+1:]
	}
	return append(lines, text)
}

// since is the step in which a stage's secret was there at last: that of the first
// key of its own, or of a later stage.
func since(st stage, rest []stage, born map[string]*key) int {
	first := 0
	for _, x := range append([]stage{st}, rest...) {
		for _, l := range x.out {
			if k := born[l]; k != nil && (first == 0 || k.Step < first) {
				first = k.Step
			}
		}
	}
	return first
}

// Lit reports whether it came into being.
func (b *box) Lit() bool  { return b.Step > 0 }
func (l *line) Lit() bool { return l.Step > 0 }
