package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/handclasp/handclasp/explain"
	html "github.com/handclasp/handclasp/explain/page"
	"github.com/handclasp/handclasp/fault"
	chrome "github.com/handclasp/handclasp/internal/browser"
)

// look tells a handshake with a peer's server as a page, and looks at that in a
// browser. Without one there is nothing to see, which a note says.
func (r *runner) look(ctx context.Context, t *tally, k *kit, play play, c testCase) {
	r.looking.Lock()
	defer r.looking.Unlock()
	if r.eyes == nil && r.blind == nil {
		r.eyes, r.blind = chrome.Start(context.WithoutCancel(ctx)) // this peer's end is not the browser's; run closes it
	}
	if r.blind != nil {
		t.notes = append(t.notes, "its page was not looked at: "+r.blind.Error())
		return
	}
	faults, err := r.seen(ctx, t, k, play, c)
	if err != nil || len(faults) > 0 {
		r.fail(t, "", "%s  %v: the page of it: %v; %s", t.peer, c, err, strings.Join(faults, "; "))
		return
	}
	t.notes = append(t.notes, "its page was looked at, light and dark, wide and narrow")
}

func (r *runner) seen(ctx context.Context, t *tally, k *kit, play play, c testCase) (faults []string, err error) {
	rec := explain.New(fault.Client, time.Now)
	rec.Target(t.peer)
	k.watch = rec.Watch
	defer func() { k.watch = nil }()
	limited, cancel := context.WithTimeout(ctx, caseWithin)
	defer cancel()
	if err := play(limited, c); err != nil {
		return nil, err
	}
	story := rec.Story()
	if !story.Summary.Connected {
		return []string{"it tells of no handshake"}, nil
	}
	var b bytes.Buffer
	if err := html.Write(&b, story, html.Options{Notes: []explain.Line{{Label: "with", Text: t.version}}}); err != nil {
		return nil, err
	}
	if b.Len() > 300_000 {
		faults = append(faults, fmt.Sprintf("it has %d bytes", b.Len()))
	}
	file := k.files.path("page.html")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return faults, err
	}
	p, err := r.eyes.Open("file://"+file, chrome.Views[0])
	if err != nil {
		return faults, err
	}
	if err := p.OpenAll(); err != nil {
		return faults, err
	}
	for _, v := range chrome.Views {
		more, err := p.Faults(v)
		if faults = append(faults, more...); err != nil {
			return faults, err
		}
	}
	return faults, nil
}
