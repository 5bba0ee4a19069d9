package main

import (
	"bytes"
	"fmt"
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

// save writes the story as a page, if one is asked for, and says how big it is
// and how long it took. A page with keys is readable for nobody else.
func (a *app) save(story *explain.Story, file string, d *demo) error {
	if file == "" {
		return nil
	}
	options := page.Options{Made: maker()}
	if d != nil {
		options.Title = strings.ToUpper(d.about[:1]) + d.about[1:]
	}
	start := time.Now()
	var b bytes.Buffer
	if err := page.Write(&b, story, options); err != nil {
		return err
	}
	mode := os.FileMode(0o666)
	if slices.ContainsFunc(story.Steps, func(s explain.Step) bool {
		return slices.ContainsFunc(s.Keys, func(k explain.Key) bool { return len(k.Value) > 0 })
	}) {
		mode = 0o600
	}
	return a.writePage(file, b.Bytes(), mode, time.Since(start))
}

// saveReport writes a diagnosis as a page, if one is asked for.
func (a *app) saveReport(r *diagnose.Report, file string) error {
	if file == "" {
		return nil
	}
	start := time.Now()
	var b bytes.Buffer
	if err := why.Write(&b, r, page.Options{Made: maker()}); err != nil {
		return err
	}
	return a.writePage(file, b.Bytes(), 0o666, time.Since(start))
}

func (a *app) writePage(file string, b []byte, mode os.FileMode, took time.Duration) error {
	if file == "-" {
		return &usageError{"--html wants the name of a file; - is none.", "Give a file name, such as handshake.html."}
	}
	if mode == 0o600 {
		os.Remove(file) // one that others may read would stay so
	}
	if err := os.WriteFile(file, b, mode); err != nil {
		return fileError("--html", file, err)
	}
	p := newNotes(a.err)
	defer p.flush()
	p.wrap("handclasp: ", bold, 2, fmt.Sprintf("the page is in %s: %s, made in %s", quote(file), explain.Count(len(b), "byte"), explain.Span(took.Microseconds())))
	return nil
}

// maker is who makes pages, with the version if it is known.
func maker() string {
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
		return "Handclasp " + info.Main.Version
	}
	return "Handclasp"
}
