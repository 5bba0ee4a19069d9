package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is what was measured, and on what.
type report struct {
	Date    string   `json:"date"`
	Machine string   `json:"machine"`
	System  string   `json:"system"`
	Go      string   `json:"go"`
	Commit  string   `json:"commit,omitempty"`
	OpenSSL string   `json:"openssl"`
	Rounds  int      `json:"rounds"`
	Smoke   bool     `json:"smoke,omitempty"` // the numbers mean nothing
	Results []result `json:"results"`
}

// A result is one stack in one case. Ratio compares with crypto/tls: below 1 is
// better, or above 1 where Higher says so.
type result struct {
	Part        string  `json:"part"`
	Case        string  `json:"case"`
	Stack       string  `json:"stack"`
	Unit        string  `json:"unit"`
	Higher      bool    `json:"higher_is_better,omitempty"`
	Missing     string  `json:"missing,omitempty"`
	Value       *spread `json:"value,omitempty"`
	Ratio       *spread `json:"ratio,omitempty"`
	Server      *spread `json:"server,omitempty"`
	ServerRatio *spread `json:"server_ratio,omitempty"`
	Objects     *spread `json:"objects,omitempty"`
	Bytes       *spread `json:"bytes,omitempty"`
	GoStack     *spread `json:"goroutine_stack_bytes,omitempty"`
	RoundTrips  *spread `json:"round_trips,omitempty"`
}

func describe(rounds int, smoke bool, o *openssl, why string) report {
	r := report{
		Date: time.Now().UTC().Format("2006-01-02"), Machine: machine(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), Commit: commit(), OpenSSL: "not measured: " + why, Rounds: rounds, Smoke: smoke,
	}
	if o != nil {
		r.OpenSSL = o.version
	}
	return r
}

// machine is the processor's name, where the system tells it.
func machine() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%s, %d cores, of which one is used", strings.TrimSpace(value), runtime.NumCPU())
		}
	}
	return fmt.Sprintf("%d cores, of which one is used", runtime.NumCPU())
}

// commit is what was measured, as the build or git tells it.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(12, len(s.Value))]
			}
		}
	}
	out, _ := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	return strings.TrimSpace(string(out))
}

// add takes the outcome of a contest.
func (r *report) add(c *contest) {
	var base *entrant
	for _, e := range c.entrants {
		if e.stack == std && e.missing == "" {
			base = e
		}
	}
	for _, e := range c.entrants {
		x := result{Part: c.part, Case: c.name, Stack: e.stack, Unit: c.unit, Higher: c.higher, Missing: e.missing}
		if e.missing == "" && len(e.rounds) > 0 {
			x.fill(e, base)
		}
		r.Results = append(r.Results, x)
	}
}

func (x *result) fill(e, base *entrant) {
	for to, quantity := range map[**spread]func(sample) float64{
		&x.Server: server, &x.Objects: objects, &x.Bytes: bytesOf, &x.GoStack: stack, &x.RoundTrips: trips,
	} {
		if s := e.of(quantity); s.Max > 0 {
			*to = &s
		}
	}
	v := e.of(value)
	x.Value = &v
	if x.Part == "records" && e.stack != other { // none is a result there
		none := e.of(objects)
		x.Objects = &none
	}
	if base == nil || e == base {
		return
	}
	if s, ok := e.against(base, value); ok {
		x.Ratio = &s
	}
	if s, ok := e.against(base, server); ok {
		x.ServerRatio = &s
	}
}

// print writes tables for people.
func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "%s; %s; %s; OpenSSL: %s; commit %s; %s; %d rounds: median (least to most).\n",
		r.Machine, r.System, r.Go, r.OpenSSL, cmp.Or(r.Commit, "unknown"), r.Date, r.Rounds)
	fmt.Fprintf(out, "A ratio is to crypto/tls in the same round.\n")
	if r.Smoke {
		fmt.Fprintf(out, "This was a smoke test: the numbers mean nothing.\n")
	}
	w := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	part, name := "", ""
	for _, x := range r.Results {
		if x.Part != part {
			part = x.Part
			fmt.Fprintf(w, "\n%s\n", strings.ToUpper(part))
			fmt.Fprintln(w, "case\tstack\tmedian\tratio\tserver alone\tratio\tallocated\tbesides\t")
		}
		title := x.Case
		if title == name {
			title = ""
		}
		name = x.Case
		fmt.Fprintf(w, "%s\t%s\t%s\n", title, x.Stack, strings.Join(x.cells(), "\t"))
	}
	return w.Flush()
}

func (x *result) cells() []string {
	if x.Missing != "" {
		return []string{"—", "", "", "", "", x.Missing}
	}
	besides := ""
	switch {
	case x.RoundTrips != nil:
		besides = fmt.Sprintf("%.1f round trips", x.RoundTrips.Median)
	case x.GoStack != nil:
		besides = fmt.Sprintf("%.0f bytes of stack", x.GoStack.Median)
	}
	return []string{x.Value.in(x.Unit), x.Ratio.ratio(), x.Server.in(x.Unit), x.ServerRatio.ratio(), x.allocated(), besides}
}

func (x *result) allocated() string {
	switch {
	case x.Objects == nil:
		return ""
	case x.Part == "records":
		return fmt.Sprintf("%.2g a record", x.Objects.Median)
	case x.Bytes == nil:
		return fmt.Sprintf("%.0f", x.Objects.Median)
	}
	return fmt.Sprintf("%.0f, %.1f kB", x.Objects.Median, x.Bytes.Median/1000)
}

func (s *spread) in(unit string) string {
	if s == nil {
		return ""
	}
	digits := 2
	if s.Median >= 100 {
		digits = 0
	} else if s.Median >= 10 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %s (%.*f to %.*f)", digits, s.Median, unit, digits, s.Min, digits, s.Max)
}

func (s *spread) ratio() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Min, s.Max)
}

func (r *report) json() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(r)
	return b.Bytes(), err
}
