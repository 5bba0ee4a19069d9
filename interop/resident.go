package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/handclasp/handclasp/iana"
)

// A residence is a family whose program stands in testdata and stays for many
// cases: it takes a line a case and echoes over the connection of that case.
type residence struct {
	program string                                    // in testdata
	compile []string                                  // the command that compiles the program, which is put behind it; nil if nothing needs to
	command func(c testCase, program string) []string // equal for cases that one process can serve
	suite   func(testCase) string
	groups  func([]iana.Group) string
}

// A resident is a running one.
type resident struct {
	*process
	lines *bufio.Scanner
	n     int // cases so far
}

func (f residence) open(ctx context.Context, k *kit) (*player, error) {
	text, err := testdata.ReadFile("testdata/" + f.program)
	if err != nil {
		return nil, err
	}
	path, err := k.files.write(f.program, text)
	if err != nil {
		return nil, err
	}
	if f.compile != nil {
		cmd := exec.CommandContext(ctx, f.compile[0], append(f.compile[1:], path)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w %s", err, out)
		}
	}
	running := map[string]*resident{}
	at := func(c testCase, options ...string) (*resident, error) {
		args := f.command(c, path)
		args = slices.Insert(args, 1, options...)
		name := strings.Join(args, " ")
		if running[name] != nil {
			return running[name], nil
		}
		p, err := start(ctx, args[0], args[1:]...)
		if err != nil {
			return nil, err
		}
		running[name] = &resident{process: p, lines: bufio.NewScanner(p)}
		return running[name], nil
	}
	return &player{
		client: func(ctx context.Context, c testCase) error {
			r, err := at(c)
			if err != nil {
				return err
			}
			return r.during(func() error { return f.calls(ctx, k, r, c) })
		},
		server: func(ctx context.Context, c testCase) error {
			r, err := at(c)
			if err != nil {
				return err
			}
			return r.during(func() error { return f.serves(ctx, k, r, c) })
		},
		hosts: func(_ context.Context, list []trouble) (all []host, err error) {
			for _, t := range list {
				options, words := t.split()
				r, err := at(testCase{version: iana.TLS13, suite: iana.TLS_AES_128_GCM_SHA256}, options...)
				if err != nil {
					return nil, err
				}
				port, err := f.hosts(k, r, t, words)
				if err != nil {
					return nil, r.blame(err, 0)
				}
				all = append(all, host{r.process, port})
			}
			return all, nil
		},
		close: func() {
			for _, r := range running {
				r.stop()
			}
		},
	}, nil
}

// tell gives a resident its next case.
func (f residence) tell(k *kit, r *resident, c testCase, role, port string) error {
	words, err := f.words(k, c, role, port)
	if err != nil {
		return err
	}
	return r.say(words)
}

// say is a line of words, numbered.
func (r *resident) say(words map[string]string) error {
	r.n++
	line := "n=" + strconv.Itoa(r.n)
	for word, value := range words {
		line += " " + word + "=" + value
	}
	_, err := fmt.Fprintln(r, line)
	return err
}

// words are what a resident needs to know of a case.
func (f residence) words(k *kit, c testCase, role, port string) (words map[string]string, err error) {
	words = map[string]string{
		"role": role, "port": port, "version": protocol(c.version), "suite": f.suite(c), "groups": f.groups(c.theirs()), "ca": k.files.ca,
		"rounds": strconv.Itoa(c.rounds()), "identity": identity, "psk": "", "sigalgs": "", "then": "", "ask": "", "verify": "", "cert": "", "key": "", "dh": "", "alpn": "", "sni": "",
		"options": strconv.Itoa(opensslOptions(c)),
	}
	id := k.files.id(c.key, c.chain)
	if role == "client" {
		id = k.files.id(c.mutual.shows, c.chain)
	}
	if role == "server" && c.shows() || role == "client" && c.mutual.proves() {
		words["cert"], words["key"] = id.cert, id.key
	}
	if c.secret() {
		words["psk"] = hex.EncodeToString(sharedKey)
	}
	if c.scheme != 0 {
		words["sigalgs"] = joined(c.schemes(), ":", opensslScheme)
	}
	if c.mutual.asked() {
		words["ask"] = "request"
		if c.mutual.policy.Requires() {
			words["ask"] = "require"
		}
		if c.mutual.policy.Verifies() {
			words["verify"] = "yes"
		}
	}
	words["then"] = map[deed]string{rekeyPeer: "rekey", renegotiate: "renegotiate", askLater: "ask", closeUs: "last", closePeer: "first"}[c.then]
	if role == "server" {
		words["dh"], err = k.dhParams(c)
	}
	return words, err
}

// opensslOptions are what OpenSSL's SSL_CTX_set_options is told.
func opensslOptions(c testCase) (options int) {
	const noTicket, noEncryptThenMAC = 1 << 14, 1 << 19
	if c.resume == byID {
		options |= noTicket
	}
	if c.mac == macFirst {
		options |= noEncryptThenMAC
	}
	return options
}

// talk is an echo, or what a case makes of one.
func (f residence) talk(k *kit, r *resident, c testCase) talk {
	switch {
	case c.byPeer():
		return prodded(func(*ours) error { return nil }, lineBack) // it knows when
	case c.then == closeUs:
		return answered(k.amount(c))
	case c.then == closePeer:
		return func(o *ours) error { return r.hashed(o, random(k.amount(c))) }
	case c.then != nothing:
		return echo(k.amount(c)) // what is done comes behind
	}
	return farewell(echo(k.amount(c)))
}

// hashed has the resident close its side, sends data, and compares what it prints.
func (r *resident) hashed(o *ours, data []byte) error {
	if err := ended(o); err != nil {
		return err
	}
	if _, err := o.Write(data); err != nil {
		return err
	}
	if err := o.CloseWrite(); err != nil {
		return err
	}
	line, err := r.next()
	if want := sha256.Sum256(data); err == nil && line != hex.EncodeToString(want[:]) {
		return errDiffers
	}
	return err
}

// next is the next thing that it prints of this case: what an earlier one failed to
// read comes before.
func (r *resident) next() (string, error) {
	stuck := time.AfterFunc(caseWithin, r.stop) // nothing else wakes a Scanner
	defer stuck.Stop()
	for r.lines.Scan() {
		if text, ok := strings.CutPrefix(r.lines.Text(), strconv.Itoa(r.n)+" "); ok {
			return text, nil
		}
	}
	return "", fmt.Errorf("the peer prints nothing: %v", r.lines.Err())
}

func (f residence) calls(ctx context.Context, k *kit, r *resident, c testCase) error {
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := f.tell(k, r, c, "client", portOf(l)); err != nil {
		return err
	}
	return k.asServer(ctx, c, l, func(int) (talk, error) { return f.talk(k, r, c), nil })
}

// hosts has a resident serve a trouble, whose words say what is not as usual.
func (f residence) hosts(k *kit, r *resident, t trouble, told []string) (port string, err error) {
	words, err := f.words(k, usual(iana.TLS13, false), "server", "0")
	if err != nil {
		return "", err
	}
	id := k.files.id(t.key, t.chain)
	words["version"], words["suite"], words["groups"], words["cert"], words["key"] = "TLSv1.2,TLSv1.3", "", "", id.cert, id.key
	words["rounds"] = strconv.Itoa(enough)
	for _, word := range told {
		name, value, _ := strings.Cut(word, "=")
		words[name] = value
	}
	if err := r.say(words); err != nil {
		return "", err
	}
	return r.next()
}

func (f residence) serves(ctx context.Context, k *kit, r *resident, c testCase) error {
	if err := f.tell(k, r, c, "server", "0"); err != nil {
		return err
	}
	port, err := r.next()
	if err != nil {
		return err
	}
	return k.asClient(ctx, c, func() (net.Conn, error) { return r.dial(ctx, port) }, f.talk(k, r, c))
}
