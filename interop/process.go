package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is how a program on the machine tells its version: the first line of
// what it prints, cut at width.
func program(name string, args ...string) func(context.Context) (string, error) {
	const width = 60
	return func(ctx context.Context) (string, error) {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("%s is not installed", name)
		}
		cmd := exec.CommandContext(ctx, name, args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		text := string(out)
		if text == "" {
			text = stderr.String() // nginx
		}
		line, _, _ := strings.Cut(text, "\n")
		if cut := strings.LastIndexByte(line[:min(len(line), width)], ' '); len(line) > width && cut > 0 {
			line = line[:cut] + " …"
		}
		return line, err
	}
}

// A process is a program that runs; its standard input and output are the
// reader and writer. It ends with its context, at stop, or by itself.
type process struct {
	io.Writer
	io.Reader
	cmd  *exec.Cmd
	said journal // on standard error
}

func start(ctx context.Context, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...)}
	p.cmd.Stderr = &p.said
	p.cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	var err error
	if p.Writer, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.Reader, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// daemon starts a program that serves, and whose output belongs to the journal.
func daemon(ctx context.Context, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.WaitDelay = time.Second
	return p, p.cmd.Start()
}

// stop ends the process by its own id.
func (p *process) stop() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// during does f and adds to its error what the process said meanwhile.
func (p *process) during(f func() error) error {
	before := p.said.len()
	err := f()
	if err == nil {
		return nil
	}
	time.Sleep(50 * time.Millisecond) // it may be about to say why
	if said := strings.TrimSpace(p.said.since(before)); said != "" {
		return fmt.Errorf("%w\n      the peer says: %s", err, said)
	}
	return err
}

// once is during for a process that serves just this case.
func (p *process) once(f func() error) error {
	defer p.stop()
	return p.during(f)
}

// A journal collects what a process says while others read.
type journal struct {
	mu   sync.Mutex
	text []byte
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text = append(j.text, b...)
	return len(b), nil
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.text)
}

// since is the end of what was said after the first n bytes, 2000 at most.
func (j *journal) since(n int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.text[max(n, len(j.text)-2000):])
}

// listen gives a loopback listener, whose Accept fails when ctx ends.
func listen(ctx context.Context) (*net.TCPListener, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if by, ok := ctx.Deadline(); ok {
		err = l.SetDeadline(by)
	}
	return l, err
}

// portOf is a listener's port.
func portOf(l net.Listener) string {
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// freePorts are n ports that nobody listens on just now.
func freePorts(ctx context.Context, n int) (ports []string, err error) {
	for range n {
		l, err := listen(ctx)
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at the end, or the same port comes twice
		ports = append(ports, portOf(l))
	}
	return ports, nil
}

// dial connects to a server on loopback that may still be starting.
func dial(ctx context.Context, port string) (net.Conn, error) {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
		if err == nil {
			if by, ok := ctx.Deadline(); ok {
				err = conn.SetDeadline(by)
			}
			return conn, err
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(5 * time.Millisecond):
		}
	}
}
