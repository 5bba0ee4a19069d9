package explain_test

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// elements are all that a page is made of, but for what stands in its head.
var elements = strings.Fields(`html head meta link title style body svg symbol path use a header p h1 strong ul li b span section dl div dt dd
	nav button main h2 small ol details summary code h3 pre i cite article h4 label output input table thead tr th tbody td g rect text line
	em footer script label wbr time`)

// sound takes a page apart and checks that it holds nothing but what its template
// has: one script, no handler, no address beyond itself and the RFCs'. It returns
// the text, and how many elements of each kind there are.
func sound(t testing.TB, s *explain.Story, o page.Options) (text string, count map[string]int, size int) {
	t.Helper()
	var b bytes.Buffer
	check(t, page.Write(&b, s, o))
	size = b.Len()
	text, count = apart(t, &b)
	return text, count, size
}

func apart(t testing.TB, page io.Reader) (text string, count map[string]int) {
	t.Helper()
	count = map[string]int{}
	var words strings.Builder
	var open []string
	ids := map[string]bool{}
	var links []string
	for z := html.NewTokenizer(page); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			break
		}
		token := z.Token()
		switch kind {
		case html.TextToken:
			if n := len(open); n > 0 && open[n-1] != "script" && open[n-1] != "style" {
				words.WriteString(token.Data)
			}
		case html.CommentToken:
			t.Errorf("a comment: %s", token.Data)
		case html.EndTagToken:
			if n := len(open); n == 0 || open[n-1] != token.Data {
				t.Fatalf("</%s> ends %q", token.Data, open)
			}
			open = open[:len(open)-1]
		case html.StartTagToken, html.SelfClosingTagToken:
			if !slices.Contains(elements, token.Data) {
				t.Fatalf("an element <%s>", token.Data)
			}
			count[token.Data]++
			for _, a := range token.Attr {
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "action":
					t.Errorf("<%s %s=%q>", token.Data, a.Key, a.Val)
				case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
					links = append(links, a.Val[1:])
				case a.Key == "href" && a.Val != "data:," && !strings.HasPrefix(a.Val, "https://www.rfc-editor.org/rfc/rfc"):
					t.Errorf("a link to %s", a.Val)
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("two elements are called %s", a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				}
			}
			if kind == html.StartTagToken && !slices.Contains([]string{"meta", "link", "input", "wbr"}, token.Data) {
				open = append(open, token.Data)
			}
		}
	}
	if len(open) > 0 || count["script"] != 1 || count["style"] != 1 || count["h1"] != 1 || count["main"] != 1 {
		t.Errorf("open %q, elements %v", open, count)
	}
	for _, to := range links {
		if !ids[to] {
			t.Errorf("a link to #%s, which is not there", to)
		}
	}
	return strings.Join(strings.Fields(words.String()), " "), count
}

// ordinary is the size, in bytes, that the page of an ordinary handshake stays
// below.
const ordinary = 300_000

// TestPages: every story has a page that says what the text says.
func TestPages(t *testing.T) {
	for _, x := range stories {
		t.Run(x.name, func(t *testing.T) {
			p := newPair(t)
			x.setup(t, p)
			s := p.run(t)
			text, count, size := sound(t, s, page.Options{Made: "the test", Notes: []explain.Line{{Label: "asked for by", Text: "nobody"}}})
			if size > ordinary && x.name != "many-names" {
				t.Errorf("%d bytes", size)
			}
			if count["details"] < len(s.Steps) {
				t.Errorf("%d of %d steps open", count["details"], len(s.Steps))
			}
			want := []string{"asked for by"}
			for _, step := range s.Steps {
				want = append(append(want, step.Title), step.Text...)
				for _, c := range step.Choices {
					want = append(want, c.Reason)
				}
				for _, f := range step.Fields {
					want = append(want, f.Meaning)
				}
				for _, k := range step.Keys {
					want = append(want, k.Label)
				}
				for _, c := range step.Certificates {
					want = append(want, c.SHA256)
				}
			}
			for _, r := range s.Remarks() {
				want = append(want, r.Text...)
			}
			for _, l := range s.Results() {
				want = append(want, l.Text)
			}
			for _, tr := range slices.Concat(s.States, s.Others) {
				if tr.To != fault.Failed.String() {
					want = append(want, tr.To)
				}
			}
			if s.Error != nil {
				want = append(want, s.Error.Text, s.Error.Hint)
				if n := fmt.Sprintf("see step %d", s.Error.Step); s.Error.Step > 0 && strings.Count(text, n) != 1 {
					t.Errorf("%q stands there %d times", n, strings.Count(text, n))
				}
			}
			for _, w := range want {
				if w = strings.Join(strings.Fields(w), " "); !strings.Contains(text, w) {
					t.Errorf("the page does not say %q", w)
				}
			}
		})
	}
}

// TestPageOfJSON: a story that was saved has the same page.
func TestPageOfJSON(t *testing.T) {
	s := newPair(t).run(t)
	b, err := s.JSON()
	check(t, err)
	var back explain.Story
	check(t, json.Unmarshal(b, &back))
	var one, two bytes.Buffer
	check(t, page.Write(&one, s, page.Options{}))
	check(t, page.Write(&two, &back, page.Options{}))
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("they differ")
	}
}

// TestPageFolds: a long list is folded behind its beginning, and one that is long to
// be a nuisance is cut.
func TestPageFolds(t *testing.T) {
	s := newPair(t).run(t)
	names := make([]string, 5000)
	for i := range names {
		names[i] = fmt.Sprintf("host-%04d.example", i)
	}
	for _, x := range []struct {
		n    int
		more string
	}{{9, ""}, {1000, "and 992 others"}, {5000, "and 4,992 others, of which 992 are here"}} {
		for i := range s.Steps {
			for j := range s.Steps[i].Certificates {
				s.Steps[i].Certificates[j].Names = names[:x.n]
			}
		}
		var b bytes.Buffer
		check(t, page.Write(&b, s, page.Options{}))
		_, list, _ := strings.Cut(b.String(), "<dt>for</dt><dd>")
		list, _, _ = strings.Cut(list, "</dd>")
		chips := func(names []string) string {
			return `<ul class="chips"><li class="chip">` + strings.Join(names, `</li> <li class="chip">`) + "</li> </ul>"
		}
		want := chips(names[:min(x.n, 9)])
		if x.more != "" {
			want = chips(names[:8]) + `<details class="more"><summary>` + x.more + "</summary>" + chips(names[8:1000]) + "</details>"
		}
		if list != want {
			t.Errorf("%d names: %.400s …", x.n, list)
		}
	}
}

// TestPageForever: a certificate may be good until the end of 9999, which is how RFC
// 5280, Section 4.1.2.5 says that it does not end. That is longer than a
// time.Duration.
func TestPageForever(t *testing.T) {
	s := newPair(t).run(t)
	s.Began = "2026-01-01T00:00:00Z"
	for i := range s.Steps {
		for j := range s.Steps[i].Certificates {
			c := &s.Steps[i].Certificates[j]
			c.NotBefore, c.NotAfter = "1951-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
		}
	}
	var b bytes.Buffer
	check(t, page.Write(&b, s, page.Options{}))
	if !strings.Contains(b.String(), "<time>1 Jan 1951</time> to <time>31 Dec 9999</time>, 8049 years") || !strings.Contains(b.String(), `<line x1="2.89%"`) {
		t.Error("the time line is wrong:", regexp.MustCompile(`(?s)<ul class="timeline.*?</ul>`).FindString(b.String()))
	}
}

// TestPageBytes: what stands on a pane are the bytes of the message, all of them.
func TestPageBytes(t *testing.T) {
	s := newPair(t).run(t)
	var b bytes.Buffer
	check(t, page.Write(&b, s, page.Options{}))
	for _, step := range s.Steps {
		if len(step.Bytes) == 0 {
			continue
		}
		_, pane, _ := strings.Cut(b.String(), `id="m`+strconv.Itoa(step.Number)+`"`)
		_, pane, _ = strings.Cut(pane, `<code class="bytes">`)
		pane, _, ok := strings.Cut(pane, "</code>")
		var digits strings.Builder
		for z := html.NewTokenizer(strings.NewReader(pane)); z.Next() != html.ErrorToken; {
			if token := z.Token(); token.Type == html.TextToken {
				digits.WriteString(strings.Join(strings.Fields(token.Data), ""))
			}
		}
		if !ok || digits.String() != hex.EncodeToString(step.Bytes) {
			t.Errorf("%s: %s", step.Title, digits.String())
		}
	}
}

// TestPageSecrets: the values of keys stand on a page only if a key log was asked
// for.
func TestPageSecrets(t *testing.T) {
	for _, asked := range []bool{false, true} {
		p := newPair(t)
		p.keyLog = asked
		var log bytes.Buffer
		if !asked {
			p.client.KeyLogWriter = &log
		}
		s := p.run(t)
		text, _, _ := sound(t, s, page.Options{})
		if asked {
			log.WriteString("- - " + hex.EncodeToString(s.Steps[4].Keys[0].Value))
		}
		said := false
		for line := range strings.Lines(log.String()) {
			said = said || strings.Contains(text, strings.Fields(line)[2])
		}
		if log.Len() < 64 || said != asked {
			t.Errorf("asked for: %v, said: %v", asked, said)
		}
		if strings.Contains(text, "It holds no secret.") == asked {
			t.Errorf("asked for: %v, but the page says the contrary", asked)
		}
	}
}

// evil is what a peer may say to break out of a page.
var evil = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'><svg onload=alert(1)>`, `</style><script>alert(1)</script>`,
	`</title><base href="https://evil.example/">`, "javascript:alert(1)", `{{.Policy}}`, "--><script>", `]]><script>`, "\u202e\x00<b>",
}

// TestPageHostile: whatever the peer says, and however much, it stays text.
func TestPageHostile(t *testing.T) {
	_, plain, _ := sound(t, newPair(t).run(t), page.Options{})
	for _, words := range evil {
		p := newPair(t)
		p.client.InsecureSkipVerify = true
		p.client.NextProtos = []string{words}
		p.server.NextProtos = []string{words}
		issued, err := pki.SelfSigned(pki.Leaf{CommonName: strings.ToValidUTF8(words, "?"), Names: []string{"a.example"}, Key: pki.Ed25519}, birth)
		check(t, err)
		p.server.Certificates = []config.Certificate{own(t, issued.Chain, issued.Key)}
		p.edit = func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				h.ServerName = []byte(words)
				h.Extensions.AddRaw(0xabcd, []byte(words))
			}
		}
		p.before = func(r *explain.Recorder, k *clock) {
			r.Preamble("smtp", []explain.PreambleLine{{Text: words}}, k.pass(time.Millisecond), nil)
			r.Target(words)
		}
		text, count, _ := sound(t, p.run(t), page.Options{Title: words, Made: words, Notes: []explain.Line{{Label: words, Text: words}}})
		if count["svg"] > plain["svg"]+10 || count["b"] > plain["b"]+60 || !strings.Contains(text, fault.Printable(words)) {
			t.Errorf("%q: elements %v", words, count)
		}
	}
}

// TestPageLong: a page has bounds, whatever is sent.
func TestPageLong(t *testing.T) {
	m := &wire.ClientHello{LegacyVersion: iana.TLS12, CipherSuites: wire.MakeList16(make([]iana.CipherSuite, 30000)...), Compressions: wire.MakeList8(wire.Compression(0))}
	for range 200 {
		m.ALPN = append(m.ALPN, bytes.Repeat([]byte("<i>"), 80))
	}
	m.Extensions.Add(iana.ExtALPN)
	msg, err := wire.Append(nil, m)
	check(t, err)
	big := &wire.Certificate{List: []wire.CertificateEntry{{Data: make([]byte, 1<<20)}}}
	chain, err := wire.Append(nil, big)
	check(t, err)
	r := explain.New(fault.Server, (&clock{t: birth}).now)
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.ClientHello, Bytes: msg})
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.Certificate, Bytes: chain, Epoch: flow.Handshake})
	text, _, size := sound(t, r.Story(), page.Options{})
	if size > 800_000 || !strings.Contains(text, "fields more are left out") || !strings.Contains(text, "bytes …") {
		t.Errorf("%d bytes", size)
	}
}

// TestPageChoices: what a version, suite or key rules out is not said to be refused.
func TestPageChoices(t *testing.T) {
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		for _, alone := range []bool{false, true} {
			p := newPair(t)
			p.role, p.alone = role, alone
			var b bytes.Buffer
			check(t, page.Write(&b, p.run(t), page.Options{}))
			_, choices, _ := strings.Cut(strings.ReplaceAll(b.String(), "<wbr>", ""), `id="choices"`)
			want := []string{"Offered too, for other versions</h4><ul class=\"chips\"><li class=\"chip\">TLS_ECDHE_ECDSA_WITH"}
			if !alone || role == fault.Server { // who knows what the server had
				want = append(want, "Offered too, unfit for the server&#39;s key or the version</h4><ul class=\"chips\"><li class=\"chip\">ecdsa_secp256r1_sha256")
			}
			for _, w := range want {
				if !strings.Contains(choices, w) {
					t.Errorf("%v, alone: %v: no %q", role, alone, w)
				}
			}
			if refused := regexp.MustCompile(`refused">[^<]*(_WITH_|rsa_)[^<]*`).FindString(choices); refused != "" {
				t.Errorf("%v, alone: %v: %s", role, alone, refused)
			}
		}
	}
}

// TestPageRoundTrips: the page counts round trips to the client's data, and says so.
func TestPageRoundTrips(t *testing.T) {
	for _, x := range []struct {
		setup func(p *pair)
		want  []string
	}{
		{func(*pair) {}, []string{"1 round trip before the client's data", "round trip 1: "}},
		{func(p *pair) { p.client.MaxVersion = iana.TLS12 }, []string{"2 round trips before the client's data", "round trip 2: "}},
		{func(p *pair) { p.eager(t, session.Accepted) },
			[]string{"0 round trips before the 0-RTT data", "1 round trip before all other data", "; the 0-RTT data did not wait for it"}},
		{func(p *pair) { p.eager(t, session.HelloSeen) }, []string{"1 round trip before the client's data"}},
	} {
		p := newPair(t)
		x.setup(p)
		text, _, _ := sound(t, p.run(t), page.Options{})
		for _, want := range x.want {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
	}
}

// TestPageSchedule: the picture of the keys has the secrets that no key log names, and
// what the server did not take leads nowhere.
func TestPageSchedule(t *testing.T) {
	lit := regexp.MustCompile(`(?s)<g class="(?:stage|key[a-z ]*) lit" data-step="(\d+)"><rect[^>]*>.*?<text[^>]*>([^<]*)<`)
	for _, x := range []struct {
		name string
		want []string // boxes, each with the message or kind of the step that lights it up
		in   []string // what goes in
	}{
		{"plain", []string{"Early Secret at keys", "Handshake Secret at keys", "Main Secret at keys"}, []string{"no pre-shared key: zeros"}},
		{"resumed", []string{"Early Secret at client_hello", "binder_key at client_hello", "Main Secret at keys", "resumption_secret at new_session_ticket"}, []string{"pre-shared key"}},
		{"psk-unknown", []string{"Early Secret at client_hello", "binder_key at client_hello", "Early Secret at keys"}, []string{"pre-shared key, not taken", "no pre-shared key: zeros"}},
		{"afterwards", []string{"Main Secret at keys", "server_application_traffic_secret_1 at key_update"}, []string{"no pre-shared key: zeros"}},
		{"tls12", nil, []string{"shared secret of x25519", "hash of the handshake so far"}},
		{"tls12-no-ems", nil, []string{"shared secret of x25519", "both randoms"}},
		{"dhe", nil, []string{"shared secret of ffdhe2048"}},
		{"rsa", nil, []string{"made up by the client"}},
		{"tls12-rsa-psk", nil, []string{"pre-shared key, the client's secret"}},
		{"tls12-ecdhe-psk", nil, []string{"pre-shared key, shared secret"}},
		{"tls12-psk", nil, []string{"pre-shared key"}},
		{"tls12-resumed-ticket", []string{"Master secret at keys", "Key block at keys"}, []string{"kept of the earlier session"}},
	} {
		p := newPair(t)
		for _, story := range stories {
			if story.name == x.name {
				story.setup(t, p)
			}
		}
		s := p.run(t)
		var b bytes.Buffer
		check(t, page.Write(&b, s, page.Options{}))
		_, wide, _ := strings.Cut(b.String(), `class="schedule wide"`)
		wide, table, _ := strings.Cut(wide, "</svg>")
		var got []string
		for _, m := range lit.FindAllStringSubmatch(wide, -1) {
			n, err := strconv.Atoi(m[1])
			check(t, err)
			got = append(got, m[2]+" at "+cmp.Or(s.Steps[n-1].Message, s.Steps[n-1].Kind))
		}
		for _, w := range x.want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: no %s, but %q", x.name, w, got)
			}
			label, _, _ := strings.Cut(w, " ")
			if strings.Contains(label, "_") && strings.Count(strings.ReplaceAll(table, "<wbr>", ""), `<th scope="row">`+label) != 1 {
				t.Errorf("%s: %s is not in the table once", x.name, label)
			}
		}
		for _, in := range x.in {
			if !strings.Contains(wide, ">"+html.EscapeString(in)+"</text>") {
				t.Errorf("%s: nothing says %q", x.name, in)
			}
		}
	}
}

// TestPageOffers: what was taken of an offer is marked, and the legend says what is
// there alone.
func TestPageOffers(t *testing.T) {
	p := newPair(t)
	p.remember(t)
	var b bytes.Buffer
	check(t, page.Write(&b, p.run(t), page.Options{}))
	if !strings.Contains(b.String(), "✓ session ticket</li>") {
		t.Error("the session that was taken is not marked")
	}
	p = newPair(t)
	p.client.NextProtos, p.server.NextProtos = []string{"h2"}, []string{"imap"}
	text, _, _ := sound(t, p.run(t), page.Options{})
	if strings.Contains(text, "application keys") {
		t.Error("the legend names keys that nothing travels under")
	}
	p = newPair(t)
	p.client.MaxVersion = iana.TLS12
	text, _, _ = sound(t, p.run(t), page.Options{})
	if strings.Contains(text, "application keys") || !strings.Contains(text, ", encrypted with the write keys") {
		t.Error("TLS 1.2 is told to have application keys")
	}
}

// TestPageChainOrder: not every server sends its chain in order, and the page says of
// each certificate who signed it and not who comes next.
func TestPageChainOrder(t *testing.T) {
	named := func(subject, issuer string) explain.Certificate {
		return explain.Certificate{Subject: "CN=" + subject, Issuer: "CN=" + issuer, NotBefore: "2026-01-01T00:00:00Z", NotAfter: "2027-01-01T00:00:00Z"}
	}
	for want, list := range map[string][]explain.Certificate{
		"signed by ↓, signed by CN=root, which was not shown":                                   {named("leaf", "inner"), named("inner", "root")},
		"signed by CN=inner, number 3 here, signed by itself, signed by CN=root, number 2 here": {named("leaf", "inner"), named("root", "root"), named("inner", "root")},
		"signed by CN=other, which was not shown, signed by CN=root, which was not shown":       {named("leaf", "other"), named("inner", "root")},
	} {
		var b bytes.Buffer
		check(t, page.Write(&b, &explain.Story{Role: "client", Steps: []explain.Step{{Number: 1, Kind: explain.KindMessage, Message: "certificate", Direction: explain.Received, Certificates: list}}}, page.Options{}))
		var got []string
		for _, m := range regexp.MustCompile(`<p class="signed">([^<]*)<`).FindAllStringSubmatch(b.String(), -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestTrustedItself: of a certificate that is trusted itself nobody is said to vouch for it.
func TestTrustedItself(t *testing.T) {
	p := newPair(t)
	issued, err := pki.SelfSigned(pki.Leaf{Names: []string{"localhost"}, Key: pki.P256}, birth)
	check(t, err)
	p.server.Certificates, p.client.RootCAs = []config.Certificate{own(t, issued.Chain, issued.Key)}, x509.NewCertPool()
	p.client.RootCAs.AddCert(issued.Leaf)
	text, _, _ := sound(t, p.run(t), page.Options{})
	for words, want := range map[string]bool{"We trust this very certificate": true, "which is trusted itself": true, "vouched for by": false, "A root that we trust": false} {
		if strings.Contains(text, words) != want {
			t.Errorf("%q on the page: %v", words, !want)
		}
	}
}
