// Package page makes one HTML page of a report of package diagnose.
//
// Policy: that of package explain/page, whose frame it uses: whole in itself, all
// text through html/template.
package page

import (
	_ "embed"
	"io"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/explain/page"
)

//go:embed page.html
var source string

var pages = page.Template("diagnose.html", source)

// Write writes the page of r. Its error is w's, or says that r can't be shown.
func Write(w io.Writer, r *diagnose.Report, o page.Options) error {
	v := &view{Report: r, Options: o, Frame: page.Whole(), Tree: tree(r.Probes)}
	v.Pair = decisive(v.Tree)
	return page.Execute(w, pages, "diagnose.html", v)
}

// A view is what the template shows.
type view struct {
	*diagnose.Report
	page.Options
	page.Frame
	Tree []*node
	Pair *pair
}

// Heading is the page's title.
func (v *view) Heading() string {
	if v.Title != "" {
		return v.Title
	}
	return "Why? " + v.Target
}

// Folds reports whether there is anything to open.
func (v *view) Folds() bool {
	return slices.ContainsFunc(v.Tree, func(n *node) bool { return len(n.Below) > 0 })
}

// Class is "passed" if it works, "waived" if the handshake does and something else
// is wrong, such as the certificate, else "failed".
func (v *view) Class() string {
	switch {
	case v.Works:
		return "passed"
	case len(v.Probes) > 0 && v.Probes[0].Works:
		return "waived"
	}
	return "failed"
}

// Says is the outcome as a sentence.
func (v *view) Says() string {
	if v.Outcome == "" {
		return ""
	}
	return capital(strings.TrimSuffix(v.Outcome, ".")) + "."
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
