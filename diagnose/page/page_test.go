package page_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/handclasp/handclasp/diagnose"
	why "github.com/handclasp/handclasp/diagnose/page"
	"github.com/handclasp/handclasp/explain/page"
)

// report has the words everywhere.
func report(words string) *diagnose.Report {
	offset := 7
	return &diagnose.Report{
		Target: words, Began: "2026-01-02T03:04:05Z", Client: words, Outcome: words, Connections: 2, Noticed: []string{words},
		Addresses: []diagnose.Address{{IP: words, Outcome: words}, {IP: "::1", Outcome: "no connection"}},
		Findings: []diagnose.Finding{{
			Cause:      diagnose.Cause{ID: words, Text: words, Tell: words, Who: diagnose.Party(words), Fix: words, Lines: []diagnose.Line{{For: words, Text: words}}},
			Confidence: diagnose.Certain, Detail: words, Trigger: words, Prove: words,
			Evidence: []diagnose.Evidence{{Probe: words, Outcome: words, Times: 2, Offset: &offset, Bytes: words}},
		}},
		Probes: []diagnose.Probe{
			{What: "filled up", With: []string{words, "length=100"}, Outcome: words + " in 3 s", Stage: "hello"},
			{What: "filled up", From: 1, With: []string{words, "length=99"}, Without: make([]string, 30), Outcome: "it worked", Stage: "connected", Works: true, Decides: true},
			{What: words, From: 1, Repeats: true, With: []string{words, "length=100"}, Outcome: words + " in 4 s", Stage: "hello"},
			{What: words, From: 2, With: []string{"version=1.1", "length=98"}, Without: make([]string, 30), Outcome: words, Stage: words},
			{What: "the last", From: 4, With: []string{"version=1.2"}, Outcome: words, Stage: "hello", Decides: true},
			{What: "at another address", Outcome: "no connection", Stage: "hello"},
			{What: "who is there", Outcome: "another certificate", Stage: "connected", Works: true, Refused: true},
		},
	}
}

// TestPage: all of a report stands on its page, as text, whatever it says.
func TestPage(t *testing.T) {
	const times = 21 // that report says its words
	for _, words := range []string{"plain words", `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "{{.Policy}}", ""} {
		var b bytes.Buffer
		if err := why.Write(&b, report(words), page.Options{}); err != nil {
			t.Fatal(err)
		}
		if b.Len() > 100_000 {
			t.Errorf("%d bytes", b.Len())
		}
		var text strings.Builder
		scripts, decides, in := 0, 0, ""
		var items []string           // that are open
		above := map[string]string{} // of each probe
		for z := html.NewTokenizer(&b); z.Next() != html.ErrorToken; {
			switch token := z.Token(); token.Type {
			case html.TextToken:
				if in != "script" && in != "style" {
					text.WriteString(token.Data)
				}
			case html.EndTagToken:
				if in = ""; token.Data == "li" {
					items = items[:len(items)-1]
				}
			case html.StartTagToken, html.SelfClosingTagToken:
				switch in = token.Data; in {
				case "script":
					scripts++
				case "li":
					items = append(items, "")
				}
				for _, a := range token.Attr {
					if strings.HasPrefix(a.Key, "on") || a.Key == "src" {
						t.Errorf("<%s %s=%q>", token.Data, a.Key, a.Val)
					}
					if a.Key == "id" && in == "li" {
						if items[len(items)-1] = a.Val; len(items) > 1 {
							above[a.Val] = items[len(items)-2]
						}
					}
					if a.Key == "class" && strings.HasSuffix(a.Val, " decides") {
						decides++
					}
				}
			}
		}
		if want := map[string]string{"probe-2": "probe-1", "probe-4": "probe-2", "probe-5": "probe-4"}; !maps.Equal(above, want) {
			t.Errorf("the tree is %v", above)
		}
		page := strings.Join(strings.Fields(text.String()), " ")
		if !strings.Contains(page, "! 7 Who is there") || !strings.Contains(page, "✓ 2 Filled up") || !strings.Contains(page, "✗ 6 At another address") {
			t.Errorf("the probes are not marked by what came of them: %s", page)
		}
		if scripts != 1 || decides != 2 {
			t.Errorf("%q: %d scripts, %d probes decide", words, scripts, decides)
		}
		if n := strings.Count(strings.ToLower(page), strings.ToLower(words)); words != "" && n < times {
			t.Errorf("the page says %q %d times: %s", words, n, page)
		}
		for _, want := range []string{
			"at byte 7 of the ClientHello", "on 2 Jan 2026, 03:04:05 UTC.", "2 times", "It does not work", "3 probes below", "in 3 s (2 times)", "again as 3", "length=99, not 100", "length=98, not 99", "and 25 more",
			"fails likewise", "The smallest change that flips the outcome", "Without this change, probe 5", "With it, probe 2",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in %s", want, page)
			}
		}
	}
}
