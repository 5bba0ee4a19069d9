package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
)

var update = flag.Bool("update", false, "write the table of docs/limits.md")

// TestLimitsResolve: zero is the default, and each field is held to its range.
func TestLimitsResolve(t *testing.T) {
	if got, err := (Limits{}).resolve(); err != nil || *got != DefaultLimits() {
		t.Errorf("%+v, %v", got, err)
	}
	for _, row := range LimitTable() {
		for n, ok := range map[int64]bool{row.Least: true, row.Most: true, row.Default: true, row.Least - 1: row.Least == 1, -1: row.Endless} {
			var l Limits
			row.of(&l).SetInt(n)
			got, err := l.resolve()
			if ok != (err == nil) || err != nil && (!errors.Is(err, fault.ConfigValue) || !strings.Contains(err.Error(), "Limits."+row.Field)) {
				t.Errorf("%s = %d: %v", row.Field, n, err)
			}
			want := n
			switch {
			case n < 0:
				want = row.Most
			case n == 0:
				want = row.Default
			}
			if ok && row.of(got).Int() != want {
				t.Errorf("%s = %d became %d, want %d", row.Field, n, row.of(got).Int(), want)
			}
		}
	}
}

// TestLimitsGrow: larger certificates have room in a message, and that in a handshake.
func TestLimitsGrow(t *testing.T) {
	l, err := Limits{CertificateBytes: 1 << 22}.resolve()
	if err != nil || l.MessageBytes <= 1<<22 || l.HandshakeBytes <= l.MessageBytes {
		t.Errorf("%+v, %v", l, err)
	}
	l, err = Limits{CertificateBytes: 1 << 22, MessageBytes: 1 << 12, HandshakeBytes: 1 << 13}.resolve()
	if err != nil || l.MessageBytes != 1<<12 || l.HandshakeBytes != 1<<13 {
		t.Errorf("what was said does not hold: %+v, %v", l, err)
	}
}

// Both configurations check them.
func TestLimitsRefused(t *testing.T) {
	bad := Limits{EmptyRecords: -1}
	if _, err := (&ClientConfig{Limits: bad}).Params(); !errors.Is(err, fault.ConfigValue) {
		t.Errorf("client: %v", err)
	}
	psk := []PSK{{Identity: []byte("somebody"), Key: make([]byte, 16)}}
	if _, err := (&ServerConfig{PSKs: psk, Limits: bad}).Params(); !errors.Is(err, fault.ConfigValue) {
		t.Errorf("server: %v", err)
	}
}

const (
	tableBegins = "<!-- The table is written by go test ./config -update. -->\n"
	tableEnds   = "\n\n"
)

// TestLimitsDocumented: docs/limits.md has the table that the code goes by.
func TestLimitsDocumented(t *testing.T) {
	const file = "../docs/limits.md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), tableBegins)
	if !ok {
		t.Fatalf("%s does not say where the table begins", file)
	}
	named := rulesNamed(string(b))
	if len(named) < 20 {
		t.Errorf("only %d rules are named", len(named))
	}
	for _, id := range named {
		if !slices.ContainsFunc(fault.Rules(), func(r *fault.Rule) bool { return r.ID == id }) {
			t.Errorf("%s names a rule that there is not: %q", file, id)
		}
	}
	table, after, ok := strings.Cut(rest, tableEnds)
	if !ok {
		t.Fatalf("%s does not say where the table ends", file)
	}
	want := strings.TrimSuffix(documented(), "\n")
	if table == want {
		return
	}
	if !*update {
		t.Fatalf("%s has another table; run go test ./config -update", file)
	}
	if err := os.WriteFile(file, []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// rulesNamed are those in the tables whose last column is for rules.
func rulesNamed(page string) (ids []string) {
	within := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		last := strings.TrimSpace(cells[len(cells)-1])
		switch {
		case !strings.HasPrefix(line, "|"):
			within = false
		case last == "rule":
			within = true
		case within && last != "" && last != "---":
			ids = append(ids, strings.Split(last, ", ")...)
		}
	}
	return ids
}

func documented() string {
	var b strings.Builder
	b.WriteString("| `Limits.` | bounds | default | from | to | rule |\n|---|---|---|---|---|---|\n")
	for _, row := range limits {
		least, most := row.in(row.Least), row.in(row.Most)
		if row.Endless {
			most = "no limit (-1)"
		}
		rule := ""
		if row.Rule != nil {
			rule = row.Rule.ID
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", row.Field, row.What, row.in(row.Default), least, most, rule)
	}
	return b.String()
}

// in is a value as a person reads it.
func (row Limit) in(n int64) string {
	switch {
	case row.Unit == "time":
		return time.Duration(n).String()
	case n == many:
		return "2³¹-1"
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return strings.TrimSpace(s + " " + row.Unit)
}
