package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
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
	cmd   *exec.Cmd
	out   *os.File      // the Reader of a program that was started
	ended chan struct{} // closed when it has ended
	said  journal       // on standard error
	lines *bufio.Reader // of Reader, once prints was called
}

func start(ctx context.Context, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...)}
	out, theirs, err := os.Pipe() // not StdoutPipe, which must be read before Wait
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p.cmd.Stdout, p.cmd.Stderr = theirs, &p.said
	if p.Writer, err = p.cmd.StdinPipe(); err == nil {
		err = p.run()
	}
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	p.Reader, p.out = out, out
	return p, nil
}

// daemon starts a program that serves, and whose output belongs to the journal. Its
// standard input stays open, with which some end.
func daemon(ctx context.Context, name string, args ...string) (p *process, err error) {
	p = &process{cmd: exec.CommandContext(ctx, name, args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	if p.Writer, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return p, p.run()
}

func (p *process) run() error {
	p.cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	p.ended = make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

// stop ends the process by its own id.
func (p *process) stop() {
	p.cmd.Process.Kill()
	<-p.ended
	if p.out != nil {
		p.out.Close()
	}
}

// prints reads what the process prints until a line has text in it.
func (p *process) prints(text string) error {
	if p.lines == nil {
		p.lines = bufio.NewReader(p)
	}
	for {
		line, err := p.lines.ReadString('\n')
		if strings.Contains(line, text) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the peer does not print %q: %w", text, err)
		}
	}
}

// during does f and adds to its error what the process said meanwhile.
func (p *process) during(f func() error) error {
	before := p.said.len()
	return p.blame(f(), before)
}

// blame adds to an error what the process has said since the first n bytes.
func (p *process) blame(err error, n int) error {
	if err == nil {
		return nil
	}
	time.Sleep(50 * time.Millisecond) // it may be about to say why
	if said := strings.TrimSpace(p.said.since(n)); said != "" {
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

// since is the end of what was said after the first n bytes, 600 at most.
func (j *journal) since(n int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.text[max(n, len(j.text)-600):])
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

// ports are handed out from here on, below those that systems take by themselves
// for whoever asks for any.
var ports atomic.Int32

const firstPort, lastPort = 12_000, 32_000

// freePorts are n ports that nobody listens on just now, and that nobody else was
// given lately.
func freePorts(ctx context.Context, n int) (free []string, err error) {
	for range lastPort - firstPort {
		if len(free) == n {
			return free, nil
		}
		port := fmt.Sprint(firstPort + int(ports.Add(1))%(lastPort-firstPort))
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		free = append(free, port)
	}
	return nil, errors.New("no ports are free")
}

// dial connects to a server that p is, or will be when it has started.
func (p *process) dial(ctx context.Context, port string) (net.Conn, error) {
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.ended:
			cancel()
		case <-limited.Done():
		}
	}()
	return dial(limited, port)
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
