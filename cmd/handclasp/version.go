package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and how it was built",
		Long:  "version prints the version of handclasp, the commit it was built from, and the\nversion of Go it was built with.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(cmd.OutOrStdout(), build(info))
			return err
		},
	}
}

// build is one line about the build. Without module or version control, as in a
// test, it says less.
func build(info *debug.BuildInfo) string {
	if info == nil {
		return "handclasp (devel)"
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	line := fmt.Sprintf("handclasp %s, %s, %s/%s", version, info.GoVersion, set["GOOS"], set["GOARCH"])
	if commit := set["vcs.revision"]; commit != "" {
		line += fmt.Sprintf(", commit %.12s of %s", commit, set["vcs.time"])
		if set["vcs.modified"] == "true" {
			line += ", with changes"
		}
	}
	return line
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Sprintf("'%s' takes no %s.", cmd.CommandPath(), quote(args[0])), fmt.Sprintf("Run '%s --help' for what it takes.", cmd.CommandPath())}
}
