package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp/explain"
)

// retell tells a story that was saved.
func (a *app) retell(ctx context.Context, args []string, form form, given *pflag.FlagSet) error {
	if len(args) > 0 {
		return &usageError{"--from tells what was saved, and takes no host.", "Leave out " + quote(args[0]) + ", or --from."}
	}
	var other error
	given.Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"from", "bytes", "json", "html", "steps"}, f.Name) {
			other = &usageError{"--from excludes --" + f.Name + ": it tells what was saved, and makes no connection.", "Leave out one of them."}
		}
	})
	if other != nil {
		return other
	}
	if form.from == "-" && form.steps {
		return &usageError{"--from - and --steps both want stdin.", "Give --from the name of a file."}
	}
	story, err := a.saved("--from", form.from)
	if err != nil {
		return err
	}
	printed := a.print(ctx, story, form)
	return cmp.Or(a.save(story, form.html, nil), printed)
}

// saved is the story in the file of a flag; that of --from may be stdin.
func (a *app) saved(flag, file string) (*explain.Story, error) {
	read := func() ([]byte, error) { return os.ReadFile(file) }
	if file == "-" {
		read = func() ([]byte, error) { return io.ReadAll(a.in) }
	}
	b, err := read()
	if err != nil {
		return nil, fileError(flag, file, err)
	}
	story, err := explain.Read(b)
	if err != nil {
		return nil, &usageError{sentence("The file " + quote(file) + " of " + flag + " can't be used: " + strings.TrimSuffix(err.Error(), ".")),
			"Write one with 'handclasp explain --json --bytes > FILE.json'."}
	}
	return story, nil
}
