// Package page makes one HTML page of a report of package diagnose.
//
// Policy: that of package explain/page, whose frame it uses: whole in itself, all
// text through html/template.
package page

import (
	_ "embed"
	"io"
	"regexp"
	"strings"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/explain/page"
)

//go:embed page.html
var source string

var pages = page.Template("diagnose.html", source)

// Write writes the page of r. Its error is w's, or says that r can't be shown.
func Write(w io.Writer, r *diagnose.Report, o page.Options) error {
	v := &view{Report: r, Options: o, Frame: page.Whole(), Groups: groups(r.Probes)}
	return page.Execute(w, pages, "diagnose.html", v)
}

// A view is what the template shows.
type view struct {
	*diagnose.Report
	page.Options
	page.Frame
	Groups []group
}

// Heading is the page's title.
func (v *view) Heading() string {
	if v.Title != "" {
		return v.Title
	}
	return "Why? " + v.Target
}

// Says is the outcome as a sentence.
func (v *view) Says() string {
	if v.Outcome == "" {
		return ""
	}
	return capital(strings.TrimSuffix(v.Outcome, ".")) + "."
}

// Decided reports whether two probes decide.
func (v *view) Decided() bool {
	for _, p := range v.Probes {
		if p.Decides {
			return true
		}
	}
	return false
}

// A group is probes that follow each other and are for the same.
type group struct {
	What    string
	pattern string // the same without numbers
	Probes  []probe
}

// A probe shows the first of what it changed.
type probe struct {
	diagnose.Probe
	Number      int
	Plus, Minus []string
	More        int
}

// most is how many changes of each kind are shown.
const most = 8

// groups joins what is for the same, or differs in a number, such as a length.
func groups(probes []diagnose.Probe) (out []group) {
	for i, p := range probes {
		pattern := number.ReplaceAllString(p.What, "…")
		if n := len(out); n == 0 || out[n-1].pattern != pattern {
			out = append(out, group{pattern: pattern, What: capital(p.What)})
		} else if n := len(out); out[n-1].What != capital(p.What) {
			out[n-1].What = capital(pattern)
		}
		x := probe{Probe: p, Number: i + 1, Plus: p.With[:min(len(p.With), most)], Minus: p.Without[:min(len(p.Without), most)]}
		x.More = len(p.With) + len(p.Without) - len(x.Plus) - len(x.Minus)
		g := &out[len(out)-1]
		g.Probes = append(g.Probes, x)
	}
	return out
}

var number = regexp.MustCompile(`\d+`)

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
