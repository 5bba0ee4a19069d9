package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	why "github.com/handclasp/handclasp/diagnose/page"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
)

// save writes the story as a page, if one is asked for. A page with keys is readable
// for nobody else.
func (a *app) save(story *explain.Story, file string, d *demo) error {
	options := page.Options{Made: maker()}
	if d != nil {
		options.Title = strings.ToUpper(d.about[:1]) + d.about[1:]
	}
	mode := os.FileMode(0o666)
	if slices.ContainsFunc(story.Steps, func(s explain.Step) bool {
		return slices.ContainsFunc(s.Keys, func(k explain.Key) bool { return len(k.Value) > 0 })
	}) {
		mode = 0o600
	}
	return a.writePage(file, mode, func(w io.Writer) error { return page.Write(w, story, options) })
}

// saveReport writes a diagnosis as a page, if one is asked for.
func (a *app) saveReport(r *diagnose.Report, file string) error {
	return a.writePage(file, 0o666, func(w io.Writer) error { return why.Write(w, r, page.Options{Made: maker()}) })
}

// saveComparison writes two stories as a page, if one is asked for.
func (a *app) saveComparison(c *explain.Comparison, file string) error {
	return a.writePage(file, 0o666, func(w io.Writer) error { return page.Compare(w, c, page.Options{Made: maker()}) })
}

// writePage puts a page into the file, if one is named, and says how big it is and
// how long it took.
func (a *app) writePage(file string, mode os.FileMode, write func(io.Writer) error) error {
	switch file {
	case "":
		return nil
	case "-":
		return &usageError{"--html wants the name of a file; - is none.", "Give a file name, such as handshake.html."}
	}
	start := time.Now()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	took := time.Since(start)
	if mode == 0o600 {
		os.Remove(file) // one that others may read would stay so
	}
	if err := os.WriteFile(file, b.Bytes(), mode); err != nil {
		return fileError("--html", file, err)
	}
	p := newNotes(a.err)
	defer p.flush()
	p.wrap("handclasp: ", bold, 2, fmt.Sprintf("the page is in %s: %s, made in %s", quote(file), explain.Count(b.Len(), "byte"), explain.Span(took.Microseconds())))
	return nil
}

// maker is who makes pages, with the version if it is known.
func maker() string {
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
		return "Handclasp " + info.Main.Version
	}
	return "Handclasp"
}
