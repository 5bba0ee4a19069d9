// Package browser drives a headless Chromium, to look at pages as a person does.
//
// Policy: it speaks the DevTools protocol over a pair of pipes, so nothing
// listens, and needs no library. What the page did wrong (scripts that fail,
// requests, violations of its own policy) is collected, whoever asks. It is for
// tests and for pictures of the documentation.
package browser

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Program is the name under which Chromium is looked for.
const Program = "chromium"

// A Browser is a running Chromium. Its methods may be called by one goroutine at
// a time.
type Browser struct {
	cmd  *exec.Cmd
	dir  string // what it remembers
	in   *os.File
	done chan struct{} // closed when no answer comes any more
	stop context.CancelFunc

	mu      sync.Mutex
	last    int
	answers map[int]chan reply
	pages   map[string]*Page // by session
}

// A reply is what Chromium says: an answer, or an event.
type reply struct {
	ID      int             `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Start starts a browser that remembers nothing, until ctx ends or Close.
func Start(ctx context.Context) (*Browser, error) {
	dir, err := os.MkdirTemp("", "handclasp-browser-")
	if err != nil {
		return nil, err
	}
	b, err := start(ctx, dir)
	if err != nil {
		os.RemoveAll(dir)
	}
	return b, err
}

func start(ctx context.Context, dir string) (*Browser, error) {
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, Program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir="+dir, "about:blank")
	theirIn, in, err := os.Pipe()
	if err != nil {
		stop()
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		stop()
		return nil, errors.Join(err, theirIn.Close(), in.Close())
	}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // they become 3 and 4
	err = cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		stop()
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	b := &Browser{cmd: cmd, dir: dir, in: in, done: make(chan struct{}), stop: stop, answers: map[int]chan reply{}, pages: map[string]*Page{}}
	go b.read(out)
	return b, nil
}

// Close ends the browser, in order if it lets itself be asked.
func (b *Browser) Close() {
	timer := time.AfterFunc(5*time.Second, b.stop)
	defer timer.Stop()
	b.call("", "Browser.close", nil, nil)
	b.cmd.Wait()
	b.stop()
	b.in.Close()
	<-b.done
	for range 20 { // its helpers may still be writing
		if os.RemoveAll(b.dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// read takes what Chromium says: JSON, each piece ended by a zero byte.
func (b *Browser) read(out *os.File) {
	defer close(b.done)
	defer out.Close()
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var a reply
		if json.Unmarshal(line[:len(line)-1], &a) != nil {
			continue
		}
		b.mu.Lock()
		if waits, p := b.answers[a.ID], b.pages[a.Session]; a.ID != 0 && waits != nil {
			delete(b.answers, a.ID)
			waits <- a
		} else if a.ID == 0 && p != nil {
			p.event(a)
		}
		b.mu.Unlock()
	}
}

// call calls a method of the protocol and decodes its result into out, unless
// that is nil.
func (b *Browser) call(session, method string, params map[string]any, out any) error {
	b.mu.Lock()
	b.last++
	id, answer := b.last, make(chan reply, 1)
	b.answers[id] = answer
	b.mu.Unlock()
	call := map[string]any{"id": id, "method": method}
	if params != nil {
		call["params"] = params
	}
	if session != "" {
		call["sessionId"] = session
	}
	line, err := json.Marshal(call)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(line, 0)); err != nil {
		return fmt.Errorf("browser: %s: %w", method, err)
	}
	select {
	case a := <-answer:
		switch {
		case a.Error != nil:
			return fmt.Errorf("browser: %s: %s", method, a.Error.Message)
		case out == nil:
			return nil
		}
		return json.Unmarshal(a.Result, out)
	case <-b.done:
		return fmt.Errorf("browser: %s: Chromium is gone", method)
	}
}

// A View is how a page is looked at.
type View struct {
	Width, Height int // CSS pixels
	Scale         float64
	Dark, Phone   bool
	Trusting      bool // of any certificate
	Print         bool // on paper
}

// A Page is a tab.
type Page struct {
	b       *Browser
	session string
	loaded  chan struct{}

	// guarded by b.mu
	requests []string
	troubles []string
}

// Open opens url in a new tab and waits until it is loaded.
func (b *Browser) Open(url string, v View) (*Page, error) {
	var target struct{ TargetID string }
	if err := b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	var attached struct{ SessionID string }
	if err := b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	p := &Page{b: b, session: attached.SessionID, loaded: make(chan struct{}, 1)}
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	if v.Trusting {
		if err := p.call("Security.setIgnoreCertificateErrors", map[string]any{"ignore": true}, nil); err != nil {
			return nil, err
		}
	}
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		if err := p.call(domain+".enable", nil, nil); err != nil {
			return nil, err
		}
	}
	if err := p.Look(v); err != nil {
		return nil, err
	}
	var went struct{ ErrorText string }
	if err := p.call("Page.navigate", map[string]any{"url": url}, &went); err != nil {
		return nil, err
	}
	if went.ErrorText != "" {
		return nil, fmt.Errorf("browser: %s: %s", url, went.ErrorText)
	}
	select {
	case <-p.loaded:
		return p, nil
	case <-b.done:
		return nil, errors.New("browser: Chromium is gone")
	}
}

// Look changes how the page is looked at.
func (p *Page) Look(v View) error {
	if v.Scale == 0 {
		v.Scale = 1
	}
	err := p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": v.Width, "height": v.Height, "deviceScaleFactor": v.Scale, "mobile": v.Phone}, nil)
	if err != nil {
		return err
	}
	scheme := map[bool]string{false: "light", true: "dark"}[v.Dark]
	media := map[bool]string{false: "screen", true: "print"}[v.Print]
	return p.call("Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

func (p *Page) call(method string, params map[string]any, out any) error {
	return p.b.call(p.session, method, params, out)
}

// event takes an event; p.b.mu is held.
func (p *Page) event(a reply) {
	var e struct {
		Request          struct{ URL string }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Entry struct{ Level, Text, URL string }
	}
	if json.Unmarshal(a.Params, &e) != nil {
		return
	}
	switch a.Method {
	case "Page.loadEventFired":
		select {
		case p.loaded <- struct{}{}:
		default:
		}
	case "Network.requestWillBeSent":
		p.requests = append(p.requests, e.Request.URL)
	case "Runtime.exceptionThrown":
		p.troubles = append(p.troubles, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case "Log.entryAdded":
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			p.troubles = append(p.troubles, e.Entry.Text)
		}
	}
}

// Requests are the addresses that were asked for, the page's own first.
func (p *Page) Requests() []string {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Troubles are what scripts threw and what the browser complained of.
func (p *Page) Troubles() []string {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return append([]string(nil), p.troubles...)
}

// Faults are what is wrong with a page of ours, looked at as v: it scrolls sideways,
// its script did not run or failed, it is dark by day, or it asked anybody for
// anything.
func (p *Page) Faults(v View) (faults []string, err error) {
	if err := p.Look(v); err != nil {
		return nil, err
	}
	var is struct {
		Width, Light int
		Scripted     bool
	}
	err = p.Eval(`({width: document.documentElement.scrollWidth, scripted: document.documentElement.classList.contains("scripted"),
		light: Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0])})`, &is)
	if is.Width > v.Width {
		faults = append(faults, fmt.Sprintf("it is %d pixels wide in a window of %d", is.Width, v.Width))
	}
	if !is.Scripted {
		faults = append(faults, "its script did not run")
	}
	if (is.Light < 128) != v.Dark {
		faults = append(faults, fmt.Sprintf("its ground is %d of 255 bright; dark: %v", is.Light, v.Dark))
	}
	if r := p.Requests(); len(r) != 1 {
		faults = append(faults, fmt.Sprintf("it asked for %q", r))
	}
	return append(faults, p.Troubles()...), err
}

// Views are a page on a desk, in half of its width, and on a phone, by day and by night.
var Views = []View{
	{Width: 1280, Height: 900}, {Width: 900, Height: 1200, Dark: true},
	{Width: 390, Height: 844, Phone: true}, {Width: 390, Height: 844, Phone: true, Dark: true},
}

// OpenAll opens all that folds.
func (p *Page) OpenAll() error {
	return p.Eval(`document.querySelectorAll("details").forEach((d) => { d.open = true })`, nil)
}

// Eval evaluates an expression of JavaScript and decodes its value into out,
// unless that is nil.
func (p *Page) Eval(expression string, out any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := p.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	switch {
	case err != nil:
		return err
	case r.ExceptionDetails != nil:
		return fmt.Errorf("browser: %s: %s %s", expression, r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	case out == nil || len(r.Result.Value) == 0:
		return nil
	}
	return json.Unmarshal(r.Result.Value, out)
}

// Click clicks with the mouse on the middle of what a selector finds first, which
// is scrolled into sight.
func (p *Page) Click(selector string) error {
	var at struct{ X, Y float64 }
	err := p.Eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getClientRects()[0]; return {x: r.x + Math.min(r.width / 2, 40), y: r.y + r.height / 2} })()`, selector), &at)
	if err != nil {
		return err
	}
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		if err := p.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Press presses a key that has a name, such as "ArrowDown", "Tab" or "Enter".
func (p *Page) Press(key string) error {
	codes := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowUp": 38, "ArrowDown": 40}
	down := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
	if key == "Enter" {
		down["text"] = "\r"
	}
	if err := p.call("Input.dispatchKeyEvent", down, nil); err != nil {
		return err
	}
	return p.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}, nil)
}

// Picture is a PNG of what is in sight, or of the whole page.
func (p *Page) Picture(whole bool) ([]byte, error) {
	var shot struct{ Data string }
	if err := p.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": whole}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}
