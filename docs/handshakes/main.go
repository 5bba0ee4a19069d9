// Command handshakes makes the pages and pictures of this directory anew: of each
// demonstration of 'handclasp explain', and of two side by side. Run it at the top
// of the repository: go run ./docs/handshakes. It needs Chromium for the pictures.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/handclasp/handclasp/internal/browser"
)

const dir = "docs/handshakes"

// A picture is a part of a page, as it is looked at.
type picture struct {
	name, page string
	view       browser.View
	before     string // JavaScript that puts it in sight
}

var (
	desk  = browser.View{Width: 1100, Height: 940}
	night = browser.View{Width: 1100, Height: 760, Dark: true}
	phone = browser.View{Width: 390, Height: 844, Phone: true}
)

// top puts an element at the upper edge.
const top = `const top = (s) => document.querySelector(s).scrollIntoView({block: "start", behavior: "instant"});`

var pictures = []picture{
	{"sequence", "tls13", desk, top + `top("#sequence")`},
	{"bytes", "tls13", night, top + `const row = [...document.querySelectorAll(".row")].find((r) => r.textContent.includes("ServerHello"));
		row.querySelector("details").open = true;
		row.querySelector(".body > .pane").scrollIntoView({block: "end", behavior: "instant"}); scrollBy(0, 40);
		[...row.querySelectorAll(".body > .pane .field")].find((f) => f.textContent.startsWith("random")).querySelector("button").click()`},
	{"keys", "0rtt", desk, top + `top("#keys")`},
	{"phone", "hrr", phone, top + `top("#sequence")`},
	{"compare", "compare", desk, top + `scrollTo({top: 0})`},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	for _, args := range [][]string{
		{"--demo", "all", "--html", dir},
		{"--compare", "tls13", "ecdhe", "--html", filepath.Join(dir, "compare.html")},
	} {
		cmd := exec.Command("go", append([]string{"run", "./cmd/handclasp", "explain"}, args...)...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", cmd, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	here, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for _, x := range pictures {
		p, err := b.Open("file://"+filepath.Join(here, x.page+".html"), x.view)
		if err != nil {
			return err
		}
		if err := p.Eval("(() => {"+x.before+"})()", nil); err != nil {
			return err
		}
		if err := p.Eval("new Promise((r) => setTimeout(r, 300))", nil); err != nil { // until it is drawn
			return err
		}
		png, err := p.Picture(false)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(here, x.name+".png"), png, 0o644); err != nil {
			return err
		}
	}
	return nil
}
