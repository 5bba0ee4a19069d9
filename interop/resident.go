package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/handclasp/handclasp/iana"
)

// A residence is a family whose program stands in testdata and stays for many
// cases: it takes a line a case and echoes over the connection of that case.
type residence struct {
	program string                                    // in testdata
	command func(c testCase, program string) []string // equal for cases that one process can serve
	suite   func(iana.CipherSuite) string
	groups  func([]iana.Group) string
}

// A resident is a running one.
type resident struct {
	*process
	lines *bufio.Scanner
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
	running := map[string]*resident{}
	at := func(c testCase) (*resident, error) {
		args := f.command(c, path)
		name := strings.Join(args, " ")
		if running[name] != nil {
			return running[name], nil
		}
		p, err := start(ctx, args[0], args[1:]...)
		if err != nil {
			return nil, err
		}
		running[name] = &resident{p, bufio.NewScanner(p)}
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
		close: func() {
			for _, r := range running {
				r.stop()
			}
		},
	}, nil
}

// tell gives a resident its next case.
func (f residence) tell(k *kit, r *resident, c testCase, role, port string) error {
	id := k.files.ids[c.key]
	_, err := fmt.Fprintln(r, role, protocol(c.version), f.suite(c.suite), f.groups(c.theirs()), id.cert, id.key, k.files.ca, port)
	return err
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
	return k.accept(ctx, c, l, farewell(echo(k.data)))
}

func (f residence) serves(ctx context.Context, k *kit, r *resident, c testCase) error {
	if err := f.tell(k, r, c, "server", "0"); err != nil {
		return err
	}
	stuck := time.AfterFunc(caseWithin, r.stop) // nothing else wakes a Scanner
	defer stuck.Stop()
	if !r.lines.Scan() {
		return fmt.Errorf("it does not tell its port: %v", r.lines.Err())
	}
	return k.asClient(ctx, c, r.lines.Text(), farewell(echo(k.data)))
}
