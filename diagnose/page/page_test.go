package page_test

import (
	"bytes"
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
		Target: words, Client: words, Outcome: words, Connections: 2, Noticed: []string{words},
		Addresses: []diagnose.Address{{IP: words, Outcome: words}, {IP: "::1", Outcome: "no connection"}},
		Findings: []diagnose.Finding{{
			Cause:      diagnose.Cause{ID: words, Text: words, Tell: words, Who: diagnose.Party(words), Fix: words, Lines: []diagnose.Line{{For: words, Text: words}}},
			Confidence: diagnose.Certain, Detail: words, Trigger: words, Prove: words,
			Evidence: []diagnose.Evidence{{Probe: words, Outcome: words, Times: 2, Offset: &offset, Bytes: words}},
		}},
		Probes: []diagnose.Probe{
			{What: "filled up to 100 bytes", Outcome: words, With: []string{words}, Stage: "hello", Decides: true},
			{What: "filled up to 99 bytes", Outcome: "it worked", Without: make([]string, 30), Stage: "connected", Works: true, Decides: true},
			{What: words, Outcome: words, Stage: words},
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
		for z := html.NewTokenizer(&b); z.Next() != html.ErrorToken; {
			switch token := z.Token(); token.Type {
			case html.TextToken:
				if in != "script" && in != "style" {
					text.WriteString(token.Data)
				}
			case html.EndTagToken:
				in = ""
			case html.StartTagToken, html.SelfClosingTagToken:
				in = token.Data
				if token.Data == "script" {
					scripts++
				}
				for _, a := range token.Attr {
					if strings.HasPrefix(a.Key, "on") || a.Key == "src" {
						t.Errorf("<%s %s=%q>", token.Data, a.Key, a.Val)
					}
					if a.Key == "class" && strings.Contains(a.Val, "decides") {
						decides++
					}
				}
			}
		}
		page := strings.Join(strings.Fields(text.String()), " ")
		if scripts != 1 || decides != 2 {
			t.Errorf("%q: %d scripts, %d probes decide", words, scripts, decides)
		}
		if n := strings.Count(strings.ToLower(page), strings.ToLower(words)); words != "" && n < times {
			t.Errorf("the page says %q %d times: %s", words, n, page)
		}
		for _, want := range []string{"Filled up to … bytes", "and 22 more", "at byte 7 of the ClientHello", "2 times", "It does not work"} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in %s", want, page)
			}
		}
	}
}
