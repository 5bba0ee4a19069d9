package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/explain"
)

// errEnough ends a story that is told step by step, when its reader has had
// enough.
var errEnough = errors.New("enough")

// enough is err, but for a reader who has had enough, which is no error.
func enough(err error) error {
	if err == errEnough {
		return nil
	}
	return err
}

// pauses is the pause between messages: it waits for a line of stdin. At the end
// of stdin the story goes on by itself, and when ctx ends it stops.
func (a *app) pauses(ctx context.Context, story *explain.Story, o explain.TextOptions) func(last *explain.Step) error {
	if a.lines == nil {
		a.lines = bufio.NewScanner(a.in)
	}
	in, on := a.lines, true
	return func(last *explain.Step) error {
		for on {
			a.ask(last.Title + " is told. Enter: go on. b: its bytes. a: all the rest. q: stop.")
			read := make(chan bool, 1)
			go func() { read <- in.Scan() }() // nothing interrupts it but a line
			select {
			case on = <-read:
			case <-ctx.Done():
				fmt.Fprintln(a.err)
				return errEnough
			}
			if !on {
				fmt.Fprintln(a.err)
				return in.Err()
			}
			if !isTerminal(a.in) { // which shows the end of the line itself
				fmt.Fprintln(a.err)
			}
			switch answer := strings.ToLower(strings.TrimSpace(in.Text())); answer {
			case "":
				return nil
			case "a":
				on = false
			case "q":
				return errEnough
			case "b":
				if err := story.WriteBytes(a.out, last, o); err != nil {
					return err
				}
			default:
				fmt.Fprintf(a.err, "%s means nothing here.\n", quote(answer))
			}
		}
		return nil
	}
}

// ask writes a question below what was told, and leaves the cursor behind it.
func (a *app) ask(question string) {
	n := newNotes(a.err)
	n.wrap("", "", 0, question)
	fmt.Fprintf(a.err, "\n%s ", strings.TrimSuffix(n.out.String(), "\n"))
}
