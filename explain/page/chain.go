package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/handclasp/handclasp/explain"
)

// A chain is the certificates that one side showed, with what was checked.
type chain struct {
	Of     string // "server" or "client"
	Step   int
	Links  []link
	Root   string // who vouches for the last; "" if nobody is known to
	Checks []explain.Check
	Judged int // the step
	Line   *timeline
}

// A link is a certificate, its place first.
type link struct {
	explain.Certificate
	Place  int
	Signer int // the place of who signed it, one more than the last for a root that was not sent; 0 if it is not on the page
}

// Itself reports whether it signed itself, Next whether the one below it did.
func (l *link) Itself() bool { return l.Signer == l.Place }
func (l *link) Next() bool   { return l.Signer == l.Place+1 }

// A timeline shows how long each certificate is good for.
type timeline struct {
	Bars     []bar
	From, To string
	Now      string // percent; "" if it lies outside
	NowText  string
}

// A bar is a certificate's time.
type bar struct {
	X, W     string // percent
	Text     string
	From, To string
	Long     string // how long
	Over     bool   // not good at the time of the handshake
}

func chains(s *explain.Story) (out []chain) {
	for i := range s.Steps {
		step := &s.Steps[i]
		if len(step.Certificates) == 0 {
			continue
		}
		c := chain{Of: s.Role, Step: step.Number}
		if step.Direction == explain.Received {
			c.Of = other(s.Role)
			c.judge(s, i)
		}
		for j, x := range step.Certificates {
			c.Links = append(c.Links, link{x, j + 1, c.signer(step.Certificates, j)})
		}
		c.Line = dates(s.Began, step.Certificates)
		out = append(out, c)
	}
	return out
}

// signer is the place of who signed the i-th of list. Not every server sends its
// chain in order.
func (c *chain) signer(list []explain.Certificate, i int) int {
	called := func(j int) bool { return list[j].Subject == list[i].Issuer && list[j].Problem == "" }
	switch {
	case called(i):
		return i + 1
	case i+1 < len(list) && called(i+1):
		return i + 2
	}
	for j := range list {
		if called(j) {
			return j + 1
		}
	}
	if c.Root != "" && c.Root == list[i].Issuer {
		return len(list) + 1
	}
	return 0
}

func other(role string) string {
	if role == "server" {
		return "client"
	}
	return "server"
}

// judge finds the verdict that follows the i-th step.
func (c *chain) judge(s *explain.Story, i int) {
	for j := i + 1; j < len(s.Steps); j++ {
		step := &s.Steps[j]
		if step.Kind != explain.KindVerify || len(step.Checks) == 0 || step.Checks[0].Name == "signature" || step.Checks[0].Name == "finished" {
			continue
		}
		c.Checks, c.Judged = step.Checks, step.Number
		for _, f := range step.Facts {
			if n := len(f.Values); f.Name == "chain" && n > 0 && n > len(s.Steps[i].Certificates) {
				c.Root = f.Values[n-1]
			}
		}
		return
	}
}

// dates draws the certificates' times. A root may be good for decades, so the line
// goes from the first to the last date, and what is short is at least visible.
func dates(began string, list []explain.Certificate) *timeline {
	now, err := time.Parse(time.RFC3339, began)
	known := err == nil
	var from, to time.Time
	for _, c := range list {
		a, b, ok := validity(&c)
		if !ok {
			continue
		}
		if from.IsZero() || a.Before(from) {
			from = a
		}
		if b.After(to) {
			to = b
		}
	}
	if from.IsZero() || !to.After(from) {
		return nil
	}
	if known && now.Before(from) {
		from = now
	}
	if known && now.After(to) {
		to = now
	}
	total := float64(to.Unix() - from.Unix()) // a Duration ends after 292 years, and a certificate may be good until 9999
	at := func(t time.Time) float64 { return 2 + 96*float64(t.Unix()-from.Unix())/total }
	l := &timeline{From: from.Format("2 Jan 2006"), To: to.Format("2 Jan 2006")}
	for i, c := range list {
		a, b, ok := validity(&c)
		if !ok {
			continue
		}
		w := max(at(b)-at(a), 0.6)
		l.Bars = append(l.Bars, bar{X: percent(at(a)), W: percent(w), Text: fmt.Sprintf("%d. %s", i+1, c.Subject),
			From: a.Format("2 Jan 2006"), To: b.Format("2 Jan 2006"), Long: days(b.Unix() - a.Unix()), Over: known && (now.Before(a) || now.After(b))})
	}
	if known {
		l.Now, l.NowText = percent(at(now)), now.Format("2 Jan 2006")
	}
	return l
}

func validity(c *explain.Certificate) (from, to time.Time, ok bool) {
	from, err1 := time.Parse(time.RFC3339, c.NotBefore)
	to, err2 := time.Parse(time.RFC3339, c.NotAfter)
	return from, to, err1 == nil && err2 == nil && !to.Before(from)
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }

func days(seconds int64) string {
	n := int(seconds / (24 * 60 * 60))
	if n > 730 {
		return fmt.Sprintf("%.0f years", float64(n)/365.2425)
	}
	return explain.Count(n, "day")
}

// Called is the certificate's own name without the type of its parts, if it has but
// one.
func (l *link) Called() string {
	name, ok := strings.CutPrefix(l.Subject, "CN=")
	if !ok || strings.Contains(name, "=") {
		return l.Subject
	}
	return name
}
