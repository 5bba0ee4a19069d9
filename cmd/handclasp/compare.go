package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/clients"
)

// compare puts two handshakes side by side.
func (a *app) compare(ctx context.Context, args []string, flags *client, form form, given *pflag.FlagSet) error {
	if len(args) != 2 {
		return &usageError{fmt.Sprintf("--compare needs two handshakes, and got %d.", len(args)),
			"Give two of: a host, a version such as 1.2, a kind of demonstration such as hrr, a client of --as such as curl, a file that 'handclasp explain --json --bytes' wrote, its name ending in .json."}
	}
	var stories [2]*explain.Story
	for i, arg := range args {
		one := *flags
		if slices.Contains(clients.Names, arg) {
			one.replay = replay{as: arg}
		}
		err := one.replay.check(given)
		if err != nil {
			return err
		}
		if stories[i], err = a.compared(ctx, arg, &one); err != nil {
			return err
		}
	}
	c := explain.Compare(args[0], stories[0], args[1], stories[1])
	var err error
	if form.json {
		err = a.printJSON(c)
	} else {
		err = c.WriteText(a.out, explain.TextOptions{Width: columnsOf(a.out), Color: coloured(a.out)})
	}
	if err != nil || form.html == "" {
		return err
	}
	start := time.Now()
	var b bytes.Buffer
	if err := page.Compare(&b, c, page.Options{Made: maker()}); err != nil {
		return err
	}
	return a.writePage(form.html, b.Bytes(), 0o666, time.Since(start))
}

// compared is the story of one side of a comparison. A handshake that fails has
// one too.
func (a *app) compared(ctx context.Context, arg string, flags *client) (*explain.Story, error) {
	if strings.HasSuffix(arg, ".json") {
		return a.saved("--compare", arg)
	}
	args := []string{arg}
	var d *demo
	if i := slices.IndexFunc(demos, func(d demo) bool { return d.name == arg }); i >= 0 {
		args, d = nil, &demos[i]
	} else if _, err := iana.ParseVersion(arg); err == nil {
		args = nil
		if err := flags.only(arg); err != nil {
			return nil, err
		}
	} else if slices.Contains(clients.Names, arg) {
		args = nil // with the hello that compare chose
	}
	story, err := a.told(ctx, args, flags, d)
	if story != nil {
		err = nil
	}
	return story, err
}

// only has the client speak one version.
func (c *client) only(name string) error {
	err := c.max.Set(name)
	if c.min = c.max; err != nil {
		return &usageError{sentence("--compare: " + err.Error()), "Compare versions that are, such as 1.0 and 1.3."}
	}
	return nil
}
