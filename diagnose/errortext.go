package diagnose

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A Reading is what an error text or an alert can mean.
type Reading struct {
	Said   []Said   `json:"said"`             // what was recognised; none if nothing was
	Causes []*Cause `json:"causes"`           // if a client printed it, likeliest first
	Logged []*Cause `json:"logged,omitempty"` // if a server logged it, where that is something else
	Notes  []string `json:"notes,omitempty"`  // what not to conclude
}

// A Said is a part of a text that was recognised.
type Said struct {
	Whose string     `json:"whose"` // the programs that say so
	Text  string     `json:"text"`  // the part, escaped; of an alert its name
	Alert iana.Alert `json:"alert"` // 255 if it is no alert
	Means string     `json:"means"`
}

// maxText bounds what is read of an error text, in bytes.
const maxText = 64 << 10

// ReadError says what an error text of Go, OpenSSL, curl, Java, Node, Python,
// GnuTLS, Chromium, Firefox, Windows, .NET, macOS, Rust, Ruby, PostgreSQL, MySQL or
// Handclasp can mean; or an alert, by name or number. It concludes nothing that the text does not say.
func ReadError(text string) *Reading {
	text = text[:min(len(text), maxText)]
	text = strings.Join(strings.Fields(text), " ")
	r := new(Reading)
	own := r.rules(text)
	for _, a := range alertsIn(text) {
		r.alert(a)
	}
	r.phrases(text)
	if own || len(r.Said) > 0 {
		for i, re := range compiled().remarks {
			if re.MatchString(text) {
				r.Notes = append(r.Notes, remarks[i].text)
			}
		}
	}
	if same(r.Causes, r.Logged) {
		r.Logged = nil
	}
	return r
}

// rules finds what Handclasp itself says: the sentence of a rule, or its name.
func (r *Reading) rules(text string) bool {
	low := strings.ToLower(text)
	for _, rule := range fault.Rules() {
		if rule == fault.AlertReceived || low != rule.ID && !strings.Contains(low, strings.ToLower(strings.TrimSuffix(rule.Text, "."))) {
			continue
		}
		r.Said = append(r.Said, Said{"Handclasp", rule.ID, iana.NoAlert, rule.Text})
		if c := CauseByID(rule.ID); c != nil {
			r.Causes = with(r.Causes, c.ID)
		} else if rule.Hint != "" {
			r.Notes = append(r.Notes, rule.Hint)
		}
	}
	return len(r.Said) > 0
}

func (r *Reading) alert(a iana.Alert) {
	row, means := rowOf(a), a.Meaning()
	if means == "" {
		means = "The registry has no meaning for this number."
	}
	r.Said = append(r.Said, Said{"the other side", a.String(), a, means})
	r.Causes = with(r.Causes, row.toClient)
	r.Logged = with(r.Logged, row.toServer)
}

// phrases finds the phrases of the table. What is vague counts only if nothing
// else does.
func (r *Reading) phrases(text string) {
	for _, vague := range []bool{false, true} {
		if vague && len(r.Said) > 0 {
			return
		}
		for i, re := range compiled().phrases {
			p := phrases[i]
			if m := re.FindStringSubmatch(text); m != nil && p.vague == vague {
				at := m[0]
				if re.NumSubexp() > 0 && m[1] != "" { // the rest tells it from something else
					at = m[1]
				}
				r.Said = append(r.Said, Said{p.whose, fault.Printable(at), iana.NoAlert, p.says})
				r.Causes = with(r.Causes, p.causes)
			}
		}
	}
}

// with adds the causes of a list of names that are not there yet.
func with(list []*Cause, names string) []*Cause {
	for id := range strings.FieldsSeq(names) {
		if c := CauseByID(id); c != nil && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

func same(a, b []*Cause) bool { return slices.Equal(a, b) }

// patterns are the tables' regular expressions.
type patterns struct{ phrases, remarks []*regexp.Regexp }

var compiled = sync.OnceValue(func() (p patterns) {
	for _, x := range phrases {
		p.phrases = append(p.phrases, regexp.MustCompile("(?i)"+x.pattern))
	}
	for _, x := range remarks {
		p.remarks = append(p.remarks, regexp.MustCompile("(?i)"+x.pattern))
	}
	return p
})
