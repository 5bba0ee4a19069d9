package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed openssl/peer.c
var opensslSource []byte

// openssl is a process that measures OpenSSL as peer.c says. A nil one has no part
// in anything.
type openssl struct {
	version string
	folder  string
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
}

// startOpenSSL compiles and starts the program. The error says in words why there
// is none.
func startOpenSSL(ctx context.Context, m *material) (*openssl, error) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return nil, errors.New("there is no C compiler")
	}
	folder, err := os.MkdirTemp("", "handclasp-bench")
	if err != nil {
		return nil, err
	}
	o := &openssl{folder: folder}
	if err := o.start(ctx, compiler, m); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *openssl) start(ctx context.Context, compiler string, m *material) error {
	files := map[string][]byte{"peer.c": opensslSource}
	for name, id := range map[string]*identity{"ecdsa": m.ecdsa, "rsa": m.rsa} {
		files[name+"-root.pem"], files[name+"-chain.pem"], files[name+"-key.pem"] = id.rootPEM, id.cert, id.key
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(o.folder, name), content, 0o600); err != nil {
			return err
		}
	}
	program := filepath.Join(o.folder, "peer")
	if err := exec.CommandContext(ctx, compiler, "-O2", "-o", program, filepath.Join(o.folder, "peer.c"), "-lssl", "-lcrypto").Run(); err != nil {
		return errors.New("its headers are not here (Debian: apt-get install libssl-dev)")
	}
	o.cmd = exec.CommandContext(ctx, program, o.folder)
	o.cmd.Stderr = os.Stderr
	var err error
	if o.orders, err = o.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := o.cmd.Start(); err != nil {
		return err
	}
	o.answers = bufio.NewReader(out)
	return o.answer(&o.version)
}

func (o *openssl) close() {
	if o.orders != nil {
		o.orders.Close()
	}
	if o.cmd != nil && o.cmd.Process != nil {
		o.cmd.Wait()
	}
	os.RemoveAll(o.folder)
}

func (o *openssl) answer(to any) error {
	line, err := o.answers.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("its program ended: %w", err)
	}
	return json.Unmarshal(line, to)
}

// An outcome is what the program answers.
type outcome struct {
	Value, Server, Objects, Bytes float64
	Write, Read, Client           float64
	Missing                       string
}

func (o *openssl) order(format string, args ...any) (a outcome, err error) {
	if _, err := fmt.Fprintf(o.orders, format+"\n", args...); err != nil {
		return a, err
	}
	if err := o.answer(&a); err != nil {
		return a, err
	}
	if a.Missing != "" {
		err = errors.New(a.Missing)
	}
	return a, err
}

// warmed gives an order that is to be repeated n times, after a few unmeasured ones.
func (o *openssl) warmed(order string, n int) (outcome, error) {
	if _, err := o.order(order+" %d", warm(n)); err != nil {
		return outcome{}, err
	}
	return o.order(order+" %d", n)
}

// add enters the order, which is repeated for about so long a sample.
func (o *openssl) add(c *contest, order string, each time.Duration) {
	if o == nil {
		return
	}
	first, why := o.order(order+" %d", 3)
	n := 1
	if first.Value > 0 {
		n = max(1, int(float64(each.Microseconds())/first.Value))
	}
	c.add(other, func() (sample, error) {
		a, err := o.warmed(order, n)
		return sample{value: a.Value, server: a.Server, objects: a.Objects, bytes: a.Bytes}, err
	}, why)
}

func (o *openssl) addRecords(write, read *contest, suite string, size, n int) {
	if o == nil {
		return
	}
	order := fmt.Sprintf("records %s %d", suite, size)
	write.add(other, func() (sample, error) {
		a, err := o.warmed(order, n)
		return sample{value: a.Write}, err
	}, nil)
	read.add(other, func() (sample, error) {
		a, err := o.warmed(order, n)
		return sample{value: a.Read}, err
	}, nil)
}

// addIdle has no process and no TCP: it counts OpenSSL's own memory.
func (o *openssl) addIdle(server, client *contest, n, rounds int) {
	if o == nil {
		return
	}
	s, c := &entrant{stack: other}, &entrant{stack: other}
	for range rounds {
		a, err := o.order("idle %d", n)
		if err != nil {
			s.missing, c.missing = err.Error(), err.Error()
			break
		}
		s.rounds = append(s.rounds, sample{value: a.Server})
		c.rounds = append(c.rounds, sample{value: a.Client})
	}
	server.entrants, client.entrants = append(server.entrants, s), append(client.entrants, c)
}
