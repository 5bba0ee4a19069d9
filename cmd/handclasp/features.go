package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/expand"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/starttls"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/sign"
)

func featuresCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "features",
		Short: "Print what this build supports",
		Long: `features prints the versions, cipher suites, groups, signature algorithms,
extensions and certificates that this build supports, and the limits it sets its
peers, from the tables that its connections use. What is marked by name is off
unless a flag or a configuration names it.`,
		Example: `  handclasp features                         all of it
  handclasp features --json | jq .groups     the same for programs`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := supported()
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(f)
			}
			return f.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// features are what a build supports, in order of preference.
type features struct {
	Versions     []feature `json:"versions"`
	Suites       []feature `json:"cipher_suites"`
	Groups       []feature `json:"groups"`
	Schemes      []feature `json:"signature_algorithms"`
	Extensions   []feature `json:"extensions"`
	Compressions []feature `json:"certificate_compression"`
	Keys         []string  `json:"certificate_keys"`
	Bindings     []string  `json:"channel_bindings"`
	StartTLS     []string  `json:"starttls"`
	Limits       []bound   `json:"limits"`
}

// A feature is one row of a table.
type feature struct {
	Name   string   `json:"name"`
	Number int      `json:"number"`
	For    []string `json:"versions,omitempty"` // of TLS
	Note   string   `json:"note,omitempty"`
	ByName bool     `json:"by_name,omitempty"` // off unless it is named
}

// A bound is what a peer may do at most, unless a configuration says otherwise.
type bound struct {
	Name  string `json:"name"`
	What  string `json:"what"`
	Value int64  `json:"value"` // times in milliseconds
	Unit  string `json:"unit,omitempty"`
}

// supported reads the tables.
func supported() (*features, error) {
	plain, err := (&handclasp.ClientConfig{InsecureSkipVerify: true}).Params()
	if err != nil {
		return nil, err
	}
	widest, err := (&handclasp.ClientConfig{InsecureSkipVerify: true, MinVersion: iana.TLS10}).Params()
	if err != nil {
		return nil, err
	}
	f := &features{
		Keys:     sign.Kinds(),
		Bindings: []string{engine.BindingExporter, engine.BindingEndPoint, engine.BindingUnique},
		StartTLS: starttls.Protocols(),
	}
	for i, kind := range f.Keys {
		if kind == "RSA" {
			f.Keys[i] = fmt.Sprintf("RSA of %d to %d bits", cert.MinRSABits, cert.MaxRSABits)
		}
	}
	for _, v := range widest.Versions {
		f.Versions = append(f.Versions, feature{Name: v.String(), Number: int(v), ByName: !slices.Contains(plain.Versions, v)})
	}
	for _, s := range suite.All() {
		x := feature{Name: s.ID.String(), Number: int(s.ID), For: versionsWhere(widest.Versions, s.For), ByName: !slices.Contains(plain.Suites, s.ID)}
		if s.Exchange != iana.NoKeyExchange {
			x.Note = s.Exchange.String()
		}
		f.Suites = append(f.Suites, x)
	}
	for _, g := range kex.All() {
		x := feature{Name: g.String(), Number: int(g), ByName: !slices.Contains(plain.Groups, g)}
		x.For = versionsWhere(widest.Versions, func(v iana.Version) bool { return v == iana.TLS13 || !kex.PostQuantum(g) })
		if kex.PostQuantum(g) {
			x.Note = "resists quantum computers"
		}
		f.Groups = append(f.Groups, x)
	}
	for _, s := range sign.All() {
		x := feature{Name: s.String(), Number: int(s), ByName: !slices.Contains(plain.Schemes, s)}
		x.For = versionsWhere([]iana.Version{iana.TLS13, iana.TLS12}, func(v iana.Version) bool {
			return v == iana.TLS13 && sign.UsableIn13(s) || v == iana.TLS12 && sign.UsableIn12(s)
		})
		f.Schemes = append(f.Schemes, x)
	}
	for _, t := range hs.Extensions() {
		info, _ := t.Info()
		f.Extensions = append(f.Extensions, feature{Name: t.String(), Number: int(t), Note: info.Source})
	}
	for _, a := range expand.All {
		f.Compressions = append(f.Compressions, feature{Name: a.String(), Number: int(a), Note: "clients read it", ByName: true})
	}
	for _, row := range config.LimitTable() {
		l := bound{row.Field, row.What, row.Default, row.Unit}
		if row.Unit == "time" {
			l.Value, l.Unit = time.Duration(row.Default).Milliseconds(), "ms"
		}
		f.Limits = append(f.Limits, l)
	}
	return f, nil
}

// versionsWhere are those for which use holds, as people write them.
func versionsWhere(all []iana.Version, use func(iana.Version) bool) (names []string) {
	for _, v := range all {
		if use(v) {
			names = append(names, strings.TrimPrefix(v.String(), "TLS "))
		}
	}
	return names
}

// print writes it for a person: columns that need no terminal.
func (f *features) print(w io.Writer) error {
	var b strings.Builder
	for i, part := range []struct {
		title string
		list  []feature
	}{
		{"Versions", f.Versions}, {"Cipher suites", f.Suites}, {"Groups", f.Groups}, {"Signature algorithms", f.Schemes}, {"Extensions", f.Extensions},
		{"Compression of certificates", f.Compressions},
	} {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(part.title + "\n" + table(part.list))
	}
	for _, part := range []struct {
		title string
		list  []string
	}{
		{"Keys of certificates", f.Keys}, {"Channel bindings", f.Bindings}, {"STARTTLS", f.StartTLS},
	} {
		fmt.Fprintf(&b, "\n%s\n  %s\n", part.title, strings.Join(part.list, ", "))
	}
	b.WriteString("\nLimits, which a configuration can change\n")
	for _, l := range f.Limits {
		fmt.Fprintf(&b, "  %-16s  %s: %d%s\n", l.Name, l.What, l.Value, strings.TrimRight(" "+l.Unit, " "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table is a list in columns, those left out that nobody fills.
func table(list []feature) string {
	rows, widths := make([][4]string, len(list)), [4]int{}
	for i, x := range list {
		how := ""
		if x.ByName {
			how = "by name"
		}
		rows[i] = [4]string{x.Name, how, strings.Join(x.For, " "), x.Note}
		for c, cell := range rows[i] {
			widths[c] = max(widths[c], len(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		line := fmt.Sprintf("  0x%04x", list[i].Number)
		for c, cell := range row {
			if widths[c] > 0 {
				line += fmt.Sprintf("  %-*s", widths[c], cell)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
