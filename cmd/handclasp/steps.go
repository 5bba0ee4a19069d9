package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/explain"
)

// errEnough ends a story that is told step by step, when its reader has had
// enough.
var errEnough = errors.New("enough")

// pauses is the pause between messages: it waits for a line of stdin. At the end
// of stdin the story goes on by itself.
func (a *app) pauses(story *explain.Story, o explain.TextOptions) func(last *explain.Step) error {
	in := bufio.NewScanner(a.in)
	on := true
	return func(last *explain.Step) error {
		for on {
			fmt.Fprintf(a.err, "\n%s is told. Enter: go on. b: its bytes. a: all the rest. q: stop. ", last.Title)
			if on = in.Scan(); !on {
				fmt.Fprintln(a.err)
				return in.Err()
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
