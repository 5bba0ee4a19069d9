package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/internal/browser"
)

// chromium is a browser, for as long as the test lasts.
func chromium(t *testing.T) *browser.Browser {
	t.Helper()
	if _, err := exec.LookPath(browser.Program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("chromium is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	b, err := browser.Start(ctx)
	check(t, err)
	t.Cleanup(b.Close)
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fits checks that nothing is wrong with a page that is looked at as v.
func fits(t *testing.T, p *browser.Page, v browser.View) {
	t.Helper()
	faults, err := p.Faults(v)
	check(t, err)
	if len(faults) > 0 {
		t.Errorf("%+v: %q", v, faults)
	}
}

// TestPagesInBrowser: the page of each kind of handshake, and of one that fails, in
// each way of looking, with everything opened.
func TestPagesInBrowser(t *testing.T) {
	b := chromium(t)
	dir := t.TempDir()
	make := func(want int, args ...string) {
		if code := run(t.Context(), append([]string{"explain"}, args...), nil, io.Discard, io.Discard); code != want {
			t.Fatalf("%q: exit code %d", args, code)
		}
	}
	make(0, "--demo", "all", "--html", dir)
	make(1, "--name", "wrong.example", "--html", filepath.Join(dir, "fails.html"))
	make(0, "--compare", "hrr", "dhe", "--html", filepath.Join(dir, "both.html"))
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	check(t, err)
	if len(pages) != len(demos)+2 {
		t.Fatalf("%d pages", len(pages))
	}
	for _, file := range pages {
		p, err := b.Open("file://"+file, browser.Views[0])
		check(t, err)
		for _, v := range browser.Views {
			check(t, p.OpenAll())
			fits(t, p, v)
			var hidden bool // part of the navigation, beyond its edge
			check(t, p.Eval(`[...document.querySelectorAll("nav")].some((n) => n.scrollWidth > n.clientWidth)`, &hidden))
			var over []string // text of the key schedule that leaves its box
			check(t, p.Eval(`[...document.querySelectorAll(".schedule g")].filter((g) => g.checkVisibility()).flatMap((g) => {
				const box = g.querySelector("rect").getBBox();
				return [...g.querySelectorAll("text")].filter((x) => { const b = x.getBBox(); return b.width && (b.x < box.x + 6 || b.x + b.width > box.x + box.width - 6 || b.y + b.height > box.y + box.height) }).map((x) => x.textContent);
			})`, &over))
			if len(over) > 0 {
				t.Errorf("%+v: %q leave their boxes", v, over)
			}
			var mixed []string // rows in which the sides or what is between them stand elsewhere
			check(t, p.Eval(`innerWidth < 500 ? [] : [...document.querySelectorAll(".row")].filter((r) => {
				const [time, client, act, server] = [".time", ".states.client", ".act", ".states.server"].map((s) => r.querySelector(s).getBoundingClientRect());
				return !(time.right <= client.left + 1 && client.right <= act.left + 1 && act.right <= server.left + 1 && act.width > 300);
			}).map((r) => r.id)`, &mixed))
			if len(mixed) > 0 {
				t.Errorf("%+v: %q are mixed up", v, mixed)
			}
			var split []string // dates in two lines, states that leave their place
			check(t, p.Eval(`[...document.querySelectorAll("time, .states > span")].filter((e) => e.checkVisibility() && (e.getClientRects().length > 1 || e.scrollWidth > e.clientWidth + 1)).map((e) => e.textContent)`, &split))
			if len(split) > 0 {
				t.Errorf("%+v: %q do not fit", v, split)
			}
			if hidden {
				t.Errorf("%+v: part of the navigation is out of sight", v)
			}
		}
		if t.Failed() {
			t.Fatal(filepath.Base(file))
		}
	}
}

// nasty are names for a certificate that want to break or to stretch a page.
func nasty(t *testing.T, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	names := []string{"localhost", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, strings.Repeat("a", 3000), strings.Repeat("w-", 400)}
	for i := range 1000 {
		names = append(names, fmt.Sprintf("host-%04d.customers.of.a-large-hoster.example", i))
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
		Subject: pkix.Name{CommonName: "</style></script><h1>\u202egnp.exe", Organization: []string{strings.Repeat("Longunbroken", 200)}, OrganizationalUnit: []string{"\ufdfa\ufdfa\U000102ab"}}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	check(t, os.WriteFile(file, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), 0o600))
}

// TestHostilePagesInBrowser: names with markup, without end, that turn the text round
// or are a thousand neither break nor stretch a page, of any kind.
func TestHostilePagesInBrowser(t *testing.T) {
	b := chromium(t)
	dir := t.TempDir()
	cert := filepath.Join(dir, "nasty.pem")
	nasty(t, cert)
	_, port := serving(t, "--cert", cert, "--key", cert, "--echo")
	host := "localhost:" + port
	for _, x := range []struct {
		name, shown string // the text in which the name stands
		code        int
		args        []string
	}{
		{"explain", "#certificates", 0, []string{"explain", "--insecure", host}},
		{"diagnose", "#findings", 1, []string{"diagnose", host}},
		{"compare", "#certificate", 0, []string{"explain", "--insecure", "--compare", host, "ecdhe"}},
	} {
		file := filepath.Join(dir, x.name+".html")
		if code := run(t.Context(), append(x.args, "--html", file), nil, io.Discard, io.Discard); code != x.code {
			t.Fatalf("%q: exit code %d", x.args, code)
		}
		p, err := b.Open("file://"+file, browser.Views[0])
		check(t, err)
		var is struct {
			Text    string
			Height  int
			Foreign int
		}
		check(t, p.Eval(fmt.Sprintf(`({text: document.querySelector(%q).textContent, height: document.documentElement.scrollHeight, foreign: document.querySelectorAll("img, h1 ~ h1, script ~ script").length})`, x.shown), &is))
		if !strings.Contains(is.Text, `\u202egnp.exe`) || is.Foreign > 0 || is.Height > 8000 {
			t.Errorf("%s: %d foreign elements, %d pixels high: %.500s", x.name, is.Foreign, is.Height, is.Text)
		}
		check(t, p.Look(browser.View{Width: 800, Height: 1100, Print: true}))
		check(t, p.Eval(`dispatchEvent(new Event("beforeprint"))`, nil))
		var printed bool
		check(t, p.Eval(`[...document.querySelectorAll("details.more > ul, details.more > code")].some((e) => e.checkVisibility())`, &printed))
		if printed {
			t.Errorf("%s: a thousand names are printed unasked", x.name)
		}
		check(t, p.Eval(`dispatchEvent(new Event("afterprint"))`, nil))
		check(t, p.OpenAll())
		for _, v := range browser.Views {
			fits(t, p, v)
		}
	}
}

// reads demands that a page fits a way of looking, and that nothing in it is hard to read.
func reads(t *testing.T, p *browser.Page, v browser.View) {
	t.Helper()
	fits(t, p, v)
	var wrong []string
	check(t, p.Eval(complaints, &wrong))
	if len(wrong) > 0 {
		t.Errorf("%+v: %s", v, strings.Join(wrong[:min(len(wrong), 12)], "\n"))
	}
}

// TestComparisonInUse: the page of a comparison reads well, in each way of looking,
// and shows what differs alone if that is wanted.
func TestComparisonInUse(t *testing.T) {
	b := chromium(t)
	file := filepath.Join(t.TempDir(), "both.html")
	if code := run(t.Context(), []string{"explain", "--compare", "chromium", "curl", "--html", file}, nil, io.Discard, io.Discard); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p, err := b.Open("file://"+file, browser.Views[0])
	check(t, err)
	for _, v := range browser.Views {
		reads(t, p, v)
		var twice []string // what both say alike, twice on a narrow page, or but once on a wide one
		check(t, p.Eval(`[...document.querySelectorAll("tr.same:not(.anew)")].filter((r) => !r.querySelector(".at") && r.cells[2].checkVisibility() !== (innerWidth > 700)).map((r) => r.textContent)`, &twice))
		if len(twice) > 0 {
			t.Errorf("%+v: %q", v, twice)
		}
	}
	var shown struct{ Same, Differs, Links int }
	check(t, p.Click("#only"))
	check(t, p.Eval(`(() => { const n = (s) => [...document.querySelectorAll(s)].filter((e) => e.checkVisibility()).length;
		return {same: n("tr.same, section.same, a.same"), differs: n("tr.differs"), links: n("nav a") - n("section")} })()`, &shown))
	if shown.Same > 0 || shown.Differs == 0 || shown.Links != 0 {
		t.Errorf("what differs alone: %+v", shown)
	}
}

// meanings is what a page says of fields and states, each once.
func meanings(page []byte) (list []string) {
	for _, m := range regexp.MustCompile(`</small></button><p>(.*?)</p>|(<dt><code>[A-Z0-9_<wbr>]+</code></dt><dd>.*?)</dd>`).FindAllSubmatch(page, -1) {
		list = append(list, string(m[1])+string(m[2]))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestPagesOfDocs: docs/handshakes has a page of each demonstration, and says so;
// each says of the fields what a page says now.
func TestPagesOfDocs(t *testing.T) {
	fresh := t.TempDir()
	if code := run(t.Context(), []string{"explain", "--demo", "all", "--html", fresh}, nil, io.Discard, io.Discard); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	dir := filepath.Join("..", "..", "docs", "handshakes")
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	check(t, err)
	for _, d := range demos {
		page, err := os.ReadFile(filepath.Join(dir, d.name+".html"))
		check(t, err)
		if len(page) > 300_000 || !strings.Contains(string(page), "</html>") {
			t.Errorf("%s: %d bytes; make it anew with 'go run ./docs/handshakes'", d.name, len(page))
		}
		now, err := os.ReadFile(filepath.Join(fresh, d.name+".html"))
		check(t, err)
		if was, is := meanings(page), meanings(now); len(is) == 0 || !slices.Equal(was, is) {
			t.Errorf("%s: it says other than a page does now; make it anew with 'go run ./docs/handshakes'", d.name)
		}
		if row := fmt.Sprintf("| [%[1]s.html](%[1]s.html) | %[2]s |", d.name, d.about); !strings.Contains(string(index), row) {
			t.Errorf("the index has no row %s", row)
		}
	}
}

// TestPageInUse: a person opens a message, follows a byte to its field and a field
// to its bytes, with the mouse and with keys, and moves the key schedule in time.
func TestPageInUse(t *testing.T) {
	b := chromium(t)
	file := filepath.Join(t.TempDir(), "page.html")
	if code := run(t.Context(), []string{"explain", "--html", file}, nil, io.Discard, io.Discard); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p, err := b.Open("file://"+file, browser.Views[0])
	check(t, err)
	var step int // of the ClientHello
	check(t, p.Eval(`Number([...document.querySelectorAll(".row")].find((r) => r.textContent.includes("ClientHello")).id.slice(5))`, &step))
	is := func(what, expression string) {
		t.Helper()
		var ok bool
		check(t, p.Eval(fmt.Sprintf("Boolean(%s)", expression), &ok))
		if !ok {
			t.Errorf("not so: %s: %s", what, expression)
		}
	}
	row, pane := fmt.Sprintf("#step-%d", step), fmt.Sprintf("#m%d", step)
	find := func(selector string) string { return fmt.Sprintf("document.querySelector(%q)", selector) }
	field := func(name string) string { // its number
		t.Helper()
		var f string
		check(t, p.Eval(fmt.Sprintf(`[...document.querySelectorAll("%s .field")].find((f) => f.querySelector("b").textContent === %q).dataset.f`, pane, name), &f))
		return f
	}

	is("the message is closed", "!"+find(row+" > details")+".open")
	check(t, p.Click(row+" summary"))
	is("the message is open", find(row+" > details")+".open && "+find(pane)+".checkVisibility()")

	random := field("random")
	check(t, p.Click(fmt.Sprintf(`%s .field[data-f="%s"] > button`, pane, random)))
	is("the bytes of the random are lit", fmt.Sprintf(`%s && %s.textContent.trim().split(" ").length === 32`, find(pane+" .bytes i.on"), find(pane+" .bytes i.on")))
	is("and nothing else", find(pane)+`.querySelectorAll(".on").length === 2`)

	name := field("host_name")
	check(t, p.Click(fmt.Sprintf(`%s .bytes i[data-f="%s"]`, pane, name)))
	is("the field of the byte is lit and in sight", fmt.Sprintf(`(() => { const f = %s, r = f.getBoundingClientRect(), box = %s.getBoundingClientRect();
		return f.dataset.f === %q && r.top >= box.top - 1 && r.bottom <= box.bottom + 1 })()`, find(pane+" .field.on"), find(pane+" .tree"), name))

	check(t, p.Eval(find(pane+" .field > button")+".focus()", nil))
	check(t, p.Press("ArrowDown"))
	is("the next field has the focus and is lit", find(pane+" .field.on")+`.dataset.f === "1" && document.activeElement === `+find(pane+` .field[data-f="1"] > button`))
	is("Tab has one field to stop at, and its source", fmt.Sprintf(`[...%s.querySelectorAll("button, a")].filter((e) => e.tabIndex >= 0).length === 2`, find(pane+" .tree")))
	check(t, p.Press("Escape"))
	is("nothing is lit", "!"+find(pane+" .on"))

	is("all keys are there", find(".schedule .key.client.lit"))
	check(t, p.Eval(`(() => { const m = document.getElementById("moment"); m.value = 1; m.dispatchEvent(new Event("input")) })()`, nil))
	is("and were not at the start", "!"+find(".schedule .lit"))

	check(t, p.Eval(`location.hash = "#step-1"`, nil))
	is("a link opens what it points to", `new Promise((r) => setTimeout(() => r(document.querySelector("#step-1 > details").open), 50))`)
	check(t, p.Click("#open-all"))
	is("all is open", `[...document.querySelectorAll("details")].every((d) => d.open)`)
	check(t, p.Click("#open-all"))
	is("all is closed", `[...document.querySelectorAll("details")].every((d) => !d.open)`)

	check(t, p.Look(browser.View{Width: 800, Height: 1100, Print: true}))
	check(t, p.Eval(`dispatchEvent(new Event("beforeprint"))`, nil))
	is("on paper every byte is to be seen", find(pane+" .hex")+".scrollHeight <= "+find(pane+" .hex")+".clientHeight + 1 && "+find(pane)+".checkVisibility()")
	is("and nothing to press", "!"+find("nav")+".checkVisibility()")
	check(t, p.Eval(`dispatchEvent(new Event("afterprint"))`, nil))
	is("then all is closed again", `[...document.querySelectorAll("details")].every((d) => !d.open)`)
	check(t, p.Look(browser.Views[0]))
	fits(t, p, browser.Views[0])
}

// TestServedPage: the page that serve answers with, over Chromium's own handshake.
func TestServedPage(t *testing.T) {
	b := chromium(t)
	_, port := serving(t, "--ca-out", filepath.Join(t.TempDir(), "ca.pem"))
	for _, v := range browser.Views {
		v.Trusting = true
		p, err := b.Open("https://127.0.0.1:"+port+"/", v)
		check(t, err)
		check(t, p.OpenAll())
		fits(t, p, v)
		var text string
		check(t, p.Eval("document.body.textContent", &text))
		for _, want := range []string{"This page came over TLS 1.3", "Asked in", "HTTP/2", "ClientHello", "GREASE", "Finished"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
	}
}

// TestDiagnosesInBrowser: the pages of three diagnoses, of which one searched.
func TestDiagnosesInBrowser(t *testing.T) {
	b := chromium(t)
	for _, x := range []struct{ server, want string }{
		{"resets-if sigalg=ed25519 & group=secp521r1 | length>1400", "group=secp521r1 & sigalg=ed25519 | length>1400"},
		{"expired", "cert-expired"},
		{"alerts-if version=1.3", "version=1.3"},
	} {
		dir := t.TempDir()
		ca, file := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "why.html")
		_, port := listens(t, "lab", x.server, "--ca-out", ca)
		if code := run(t.Context(), []string{"diagnose", "--ca", ca, "--html", file, "localhost:" + port}, nil, io.Discard, io.Discard); code != 1 {
			t.Fatalf("%s: exit code %d", x.server, code)
		}
		p, err := b.Open("file://"+file, browser.Views[0])
		check(t, err)
		for _, v := range browser.Views {
			reads(t, p, v)
		}
		if strings.Contains(x.server, "&") {
			inTree(t, p)
		}
		var text string
		check(t, p.Eval(`document.getElementById("findings").textContent`, &text))
		if !strings.Contains(text, x.want) {
			t.Errorf("%s: no %q in %s", x.server, x.want, text)
		}
	}
}

// inTree goes through a tree of probes with keys alone, and follows a link to one
// that decides.
func inTree(t *testing.T, p *browser.Page) {
	t.Helper()
	is := func(what, expression string) {
		t.Helper()
		var ok bool
		check(t, p.Eval(fmt.Sprintf("Boolean(%s)", expression), &ok))
		if !ok {
			t.Errorf("not so: %s: %s", what, expression)
		}
	}
	check(t, p.Eval(`document.querySelector("#probe-1 summary").focus()`, nil))
	is("the tree is open down to what decides", `document.querySelectorAll(".probe.decides").length === 2 && [...document.querySelectorAll(".probe.decides")].every((e) => e.checkVisibility())`)
	is("two levels and more", `document.querySelector("#probe-1 .probe .probe .probe")`)
	check(t, p.Press("Enter"))
	is("a key closes it", `!document.querySelector("#probe-1 > details").open && !document.querySelector(".probe .probe").checkVisibility()`)
	check(t, p.Click(".flip .passed a"))
	is("a link opens all above its probe", `new Promise((r) => setTimeout(() => r(document.querySelector(":target").checkVisibility()), 50))`)
	check(t, p.Click("#open-all"))
	is("all is open", `[...document.querySelectorAll("details")].every((d) => d.open)`)
}

// TestPageReads: with a screen reader in mind: pictures have words, controls have
// names, headings do not jump, and text stands out from its ground.
func TestPageReads(t *testing.T) {
	b := chromium(t)
	file := filepath.Join(t.TempDir(), "page.html")
	if code := run(t.Context(), []string{"explain", "--demo", "mtls", "--html", file}, nil, io.Discard, io.Discard); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p, err := b.Open("file://"+file, browser.Views[0])
	check(t, err)
	check(t, p.OpenAll())
	for _, v := range browser.Views {
		reads(t, p, v)
	}
}

// complaints looks for what WCAG 2.2 asks for and a script can see (1.1.1, 1.3.1,
// 1.4.3 at level AA, 2.4.6, 4.1.2).
const complaints = `(() => {
	const out = [], all = (s) => [...document.querySelectorAll(s)];
	for (const e of all("svg")) if (!e.closest("[aria-hidden=true]") && !(e.getAttribute("role") === "img" && e.getAttribute("aria-label"))) out.push("a picture without words: " + e.outerHTML.slice(0, 80));
	for (const e of all("button, a, summary, input")) if (!(e.textContent.trim() || e.labels?.length)) out.push("a control without a name: " + e.outerHTML.slice(0, 80));
	for (const e of all("section, nav, [role=region]")) if (e.matches("section[id], nav, [role=region]") && !(e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby")))) out.push("a landmark without a name: " + e.id);
	let level = 0;
	for (const h of all("h1, h2, h3, h4")) { const n = Number(h.tagName[1]); if (n > level + 1) out.push("a heading jumps: " + h.textContent); level = n; }
	if (!document.documentElement.lang || !document.title) out.push("no language or title");

	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const met = new Map(), rgba = (c) => { if (!met.has(c)) met.set(c, paint(c)); return met.get(c); };
	const paint = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
	const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
	const ground = (e) => { const stack = []; for (let x = e; x; x = x.parentElement) stack.push(rgba(getComputedStyle(x).backgroundColor)); return stack.reduceRight((under, c) => over(c, under), [255, 255, 255, 1]); };
	const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
	const fill = (c) => c === "none" ? [0, 0, 0, 0] : rgba(c);
	const solid = (e) => { let o = 1; for (let x = e; x; x = x.parentElement) o *= getComputedStyle(x).opacity; return o; };
	const seen = new Set();
	for (const e of all("body *")) {
		if (e.closest("script, .far") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
		const style = getComputedStyle(e), picture = e.closest("svg");
		let back = ground(picture ?? e), color = style.color;
		if (picture) { // its ground is its box, or the seam around its letters
			const box = e.parentElement.querySelector(":scope > rect");
			if (e.parentElement.localName === "g" && box) back = over(fill(getComputedStyle(box).fill), back);
			if (style.paintOrder.startsWith("stroke")) back = over(fill(style.stroke), back);
			color = style.fill;
		}
		const veil = (c) => over([...c.slice(0, 3), solid(e)], ground(picture ?? e));
		const ink = over(rgba(color), back);
		const [a, b] = [light(veil(ink)), light(veil(back))].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
		const big = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700;
		const name = e.tagName + "." + e.getAttribute("class"), key = name + ratio.toFixed(1);
		if (ratio < (big ? 3 : 4.5) && !seen.has(key)) { seen.add(key); out.push("contrast " + ratio.toFixed(2) + ": " + name + " in " + e.parentElement.tagName + "." + e.parentElement.getAttribute("class") + " " + e.textContent.trim().slice(0, 40)); }
	}
	return out;
})()`
