package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// The chart has one bar for each case and stack, as long as its ratio to
// crypto/tls. What is better when it is higher is drawn as its inverse, so that a
// shorter bar is always the better one.

const (
	chartWidth = 860
	labelWidth = 330
	barHeight  = 11
	unitWidth  = 260 // pixels of ratio 1
	mostRatio  = 1.9 // what is longer is cut and says so
)

var barColour = map[string]string{ours: "#1f7a5a", looped: "#5fae8c", std: "#8d99ae", other: "#d9a441"}

func (r *report) chart() ([]byte, error) {
	var body bytes.Buffer
	y, name, part := 64, "", ""
	for i := range r.Results {
		x := &r.Results[i]
		ratio, ok := x.relative()
		if !ok || x.Part == "first byte" && x.Stack == std {
			continue
		}
		if x.Part != part {
			part = x.Part
			y += 14
			fmt.Fprintf(&body, `<text x="8" y="%d" font-weight="bold">%s</text>`+"\n", y, escape(part))
			y += 10
		}
		if x.Case != name {
			name = x.Case
			y += 6
			fmt.Fprintf(&body, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-8, y+10, escape(name))
		}
		length, shown := ratio, fmt.Sprintf("%.2f", ratio)
		if length > mostRatio {
			length, shown = mostRatio, shown+" →"
		}
		fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/><text x="%.0f" y="%d" class="n">%s, %s</text>`+"\n",
			labelWidth, y, length*unitWidth, barHeight-2, barColour[x.Stack], labelWidth+length*unitWidth+4, y+barHeight-2, shown, x.Value.short(x.Unit))
		y += barHeight
	}
	height := y + 24
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", chartWidth, height)
	fmt.Fprintf(&b, "<style>text{fill:#222}.n{font-size:9px;fill:#555}</style>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", chartWidth, height)
	fmt.Fprintf(&b, `<text x="8" y="20" font-size="14" font-weight="bold">Cost against crypto/tls = 1: shorter is better</text>`+"\n")
	at := 8
	for _, stack := range []string{ours, std, other} {
		fmt.Fprintf(&b, `<rect x="%d" y="32" width="10" height="10" fill="%s"/><text x="%d" y="41">%s</text>`+"\n", at, barColour[stack], at+14, escape(stack))
		at += 100
	}
	fmt.Fprintf(&b, `<text x="8" y="58" class="n">%s</text>`+"\n", escape(fmt.Sprintf("%s; %s; OpenSSL: %s; %s; medians of %d rounds", r.Machine, r.Go, r.OpenSSL, r.Date, r.Rounds)))
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="66" y2="%d" stroke="#888" stroke-dasharray="2 3"/>`+"\n", labelWidth+unitWidth, labelWidth+unitWidth, height-20)
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

// relative is the cost of x by that of crypto/tls in the same case.
func (x *result) relative() (float64, bool) {
	switch {
	case x.Missing != "" || x.Value == nil:
		return 0, false
	case x.Stack == std:
		return 1, true
	case x.Ratio == nil || x.Ratio.Median == 0:
		return 0, false
	case x.Higher:
		return 1 / x.Ratio.Median, true
	}
	return x.Ratio.Median, true
}

// short is the median alone.
func (s *spread) short(unit string) string {
	if s.Median >= 100 {
		return fmt.Sprintf("%.0f %s", s.Median, unit)
	}
	return fmt.Sprintf("%.1f %s", s.Median, unit)
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s))
	return b.String()
}
