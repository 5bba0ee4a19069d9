package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/internal/clients"
	"github.com/handclasp/handclasp/internal/expand"
	"github.com/handclasp/handclasp/internal/starttls"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func completionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands and flags in your shell",
		Long: `completion prints a script for bash, zsh, fish or powershell. With it, the Tab
key completes commands, flags, and the names of suites, groups and algorithms.`,
		Example: `  source <(handclasp completion bash)        now, in bash
  handclasp completion bash > /etc/bash_completion.d/handclasp
  handclasp completion zsh > "${fpath[1]}/_handclasp"
  handclasp completion fish > ~/.config/fish/completions/handclasp.fish
  handclasp completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"Name one shell.", "Write 'handclasp completion bash', or zsh, fish or powershell."}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return &usageError{fmt.Sprintf("There is no script for the shell %s.", quote(args[0])), "Choose one of " + strings.Join(shells, ", ") + "."}
		},
	}
}

// complete makes the shell complete the names that flags take: those that this
// program can use.
func complete(cmd *cobra.Command) {
	known, err := new(handclasp.ClientConfig).Params()
	if err != nil {
		return // nothing to offer
	}
	for flag, names := range map[string][]string{
		"suites":           texts(known.Suites),
		"groups":           texts(known.Groups),
		"sigalgs":          texts(known.Schemes),
		"min-version":      versionNumbers(texts(known.Versions)),
		"max-version":      versionNumbers(texts(known.Versions)),
		"alpn":             {"h2", "http/1.1"},
		"cert-compression": texts(expand.All),
		"starttls":         starttls.Protocols(),
		"as":               clients.Names,
		"client-auth":      {"none", "request", "require", "verify-if-given", "require-and-verify"},
	} {
		many := flag == "suites" || flag == "groups" || flag == "sigalgs" || flag == "alpn" || flag == "cert-compression"
		cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			if !many {
				return names, cobra.ShellCompDirectiveNoFileComp
			}
			return afterComma(typed, names), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		})
	}
}

// afterComma completes the last name of a list, without those it has already.
func afterComma(typed string, names []string) []string {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var out []string
	for _, name := range names {
		if !strings.Contains(","+before, ","+name+",") {
			out = append(out, before+name)
		}
	}
	return out
}

// versionNumbers turns TLS 1.3 into 1.3, which needs no quotes in a shell.
func versionNumbers(names []string) []string {
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "TLS ")
	}
	return names
}

func texts[T fmt.Stringer](values []T) []string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	return names
}
