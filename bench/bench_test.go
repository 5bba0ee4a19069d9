package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets this program be the clients' process of the idle connections.
func TestMain(m *testing.M) {
	if role := os.Getenv(idleRole); role != "" {
		idleClients(role)
		return
	}
	os.Exit(m.Run())
}

// TestSmoke: everything that can be measured works, each case negotiates what it
// means to, and the files can be read. No time is looked at.
func TestSmoke(t *testing.T) {
	folder := t.TempDir()
	o := options{short: true, openssl: true, json: filepath.Join(folder, "b.json"), svg: filepath.Join(folder, "b.svg")}
	var text strings.Builder
	if err := run(t.Context(), o, &text); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(o.json)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, x := range r.Results {
		seen[x.Part] = true
		switch {
		case x.Missing == "" && x.Value == nil:
			t.Errorf("%s, %s: neither a value nor a reason", x.Case, x.Stack)
		case x.Missing != "" && x.Stack == ours && !strings.HasPrefix(x.Case, "1.2 resumption"),
			x.Missing != "" && x.Stack == std && !strings.Contains(x.Case, "0-RTT"),
			x.Missing != "" && x.Stack == other && !strings.Contains(x.Case, "MLKEM"): // OpenSSL has it from 3.5 on
			t.Errorf("%s, %s: %s", x.Case, x.Stack, x.Missing)
		}
		if !strings.Contains(text.String(), x.Case) {
			t.Errorf("%s is not printed", x.Case)
		}
	}
	for _, part := range []string{"handshakes", "records", "first byte", "crowd", "idle"} {
		if !seen[part] {
			t.Errorf("nothing of %s", part)
		}
	}
	wellFormed(t, o.svg)
}

func wellFormed(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bars := 0
	for d := xml.NewDecoder(f); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars < 20 {
		t.Errorf("%d bars", bars)
	}
}

// TestRoundTrips: a link with a delay counts how often a first byte had to wait
// for another, not how many there were.
func TestRoundTrips(t *testing.T) {
	l := newLink(time.Millisecond)
	p := make([]byte, 10)
	for i, from := range []*end{&l.a, &l.b, &l.a} {
		from.Write([]byte("two"))
		from.Write([]byte("writes"))
		to := &l.b
		if from == to {
			to = &l.a
		}
		for got := 0; got < 9; {
			n, err := to.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
		if to.depth != i+1 {
			t.Errorf("after flight %d: %d", i+1, to.depth)
		}
	}
}

func TestSpread(t *testing.T) {
	if s := spreadOf([]float64{9, 1, 4, 2}); s != (spread{3, 1, 9}) {
		t.Error(s)
	}
	e := &entrant{rounds: []sample{{value: 1}, {value: 4}, {value: 9}}}
	base := &entrant{rounds: []sample{{value: 2}, {value: 4}, {value: 3}}}
	if s, ok := e.against(base, value); !ok || s != (spread{1, 0.5, 3}) {
		t.Error(s, ok)
	}
	if _, ok := e.against(base, server); ok {
		t.Error("a ratio to nothing")
	}
}

func TestUnknownPart(t *testing.T) {
	if err := run(t.Context(), options{only: []string{"handshake"}}, io.Discard); err == nil || !strings.Contains(err.Error(), "handshakes") {
		t.Error(err)
	}
}
