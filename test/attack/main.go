// Command attack puts a server of ours under attack: 2,000 connections at once that
// are silent, slow, garbage, too large, half-closed or give up halfway, and new ones
// for those that are thrown out. Meanwhile good clients want a page. It prints the
// most memory that the server ever held and the share of good clients that it
// served, and exits with 1 if the one is too much or the other too little. It does
// so twice: to a server with room for all of them, and to one with room for few.
//
//	go run ./test/attack
//
// Server, attackers and good clients are three processes: each has files of its own
// to open (2,500 of them), and the server's memory is its own. The good clients are
// crypto/tls, which nobody here wrote.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/internal/pki"
)

// A siege is what is done, and what must come of it.
type siege struct {
	Attackers int           // connections that are held open at once, if the server lets them
	Rate      int           // and opened in a second, at most
	Quiet     time.Duration // without them first, to compare with
	Loud      time.Duration // under attack
	HalfOpen  int           // the server's limit; 0 is the default
	Handshake time.Duration // the server's time for one
	Kinds     string        // of attack, as a regular expression

	MostMemory int64   // bytes that the server may hold
	LeastShare float64 // of good clients that must be served
}

// standard are the sieges that CI lays.
var standard = []siege{
	{2000, 1000, time.Second, 7 * time.Second, 0, 5 * time.Second, "", 256 << 20, 0.99},
	{2000, 1000, time.Second, 7 * time.Second, 1000, 5 * time.Second, "", 160 << 20, 0.99},
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		fail(play(role))
		return
	}
	var attackers, rate int
	var loud time.Duration
	var only string
	flag.IntVar(&attackers, "attackers", standard[0].Attackers, "connections that attack at once")
	flag.IntVar(&rate, "rate", standard[0].Rate, "and new ones in a second, at most")
	flag.DurationVar(&loud, "time", standard[0].Loud, "how long each attack lasts")
	flag.StringVar(&only, "kinds", "", "only the kinds of attack that match `REGEXP`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, s := range standard {
		s.Attackers, s.Rate, s.Loud, s.Kinds = attackers, rate, loud, only
		r, err := s.lay(ctx)
		if err == nil {
			r.print(os.Stdout)
			err = s.judge(r)
		}
		fail(err)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

// A result is what came of a siege.
type result struct {
	siege         siege
	Before, Under crowd // good clients without attackers, and with them
	Quiet, Server held  // likewise
	Attack        tally
}

// lay lays the siege.
func (s siege) lay(ctx context.Context) (result, error) {
	r := result{siege: s}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a, err := pki.NewAuthority("Besieged", pki.Options{Now: time.Now()})
	if err != nil {
		return r, err
	}
	issued, err := a.Issue(pki.Leaf{Names: []string{"localhost"}, Key: pki.P256})
	if err != nil {
		return r, err
	}
	key, err := issued.KeyPEM()
	if err != nil {
		return r, err
	}
	server, err := begin(ctx, "server", serverOrder{Chain: issued.PEM(), Key: key, HalfOpen: s.HalfOpen, Handshake: s.Handshake})
	if err != nil {
		return r, err
	}
	defer server.kill()
	var address string
	if err := server.hear(&address); err != nil {
		return r, err
	}
	good := visitors{address: address, roots: a.Pool()}
	r.Before = good.visit(ctx, s.Quiet)
	if err := server.ask(&r.Quiet); err != nil {
		return r, err
	}
	attackers, err := begin(ctx, "attackers", attackOrder{Address: address, Count: s.Attackers, Rate: s.Rate, Handshake: s.Handshake, Kinds: s.Kinds})
	if err != nil {
		return r, err
	}
	defer attackers.kill()
	var ready string
	if err := attackers.hear(&ready); err != nil {
		return r, err
	}
	r.Under = good.visit(ctx, s.Loud)
	if err := attackers.ask(&r.Attack); err != nil {
		return r, err
	}
	if err := server.ask(&r.Server); err != nil {
		return r, err
	}
	return r, ctx.Err()
}

func (r result) print(w io.Writer) {
	room := r.siege.HalfOpen
	if room == 0 {
		room = config.DefaultLimits().HalfOpen
	}
	fmt.Fprintf(w, "attack      %v, for %v\n", r.Attack, r.siege.Loud)
	fmt.Fprintf(w, "limits      %d half-open connections, %v for a handshake\n", room, r.siege.Handshake)
	fmt.Fprintf(w, "memory      at most %.1f MiB held by the server (bound %d), %.1f of them live, with %d goroutines; %.1f MiB before the attack\n",
		mib(r.Server.Most), r.siege.MostMemory>>20, mib(r.Server.Live), r.Server.Goroutines, mib(r.Quiet.Most))
	fmt.Fprintf(w, "served      %v (bound %.0f %%)\n", r.Under.Fast, 100*r.siege.LeastShare)
	fmt.Fprintf(w, "            with %v of delay in each flight, %v\n", slowLink, r.Under.Slow)
	fmt.Fprintf(w, "before      %v\n            with delay, %v\n", r.Before.Fast, r.Before.Slow)
	fmt.Fprintf(w, "thrown out  %d for room, %d too slow, %d for what they said; %d left\n\n",
		r.Server.Crowded, r.Server.Slow, r.Server.Refused, r.Server.Gone)
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// judge says what is not as it must be.
func (s siege) judge(r result) error {
	var errs []error
	if r.Server.Most > s.MostMemory {
		errs = append(errs, fmt.Errorf("the server held %.1f MiB, which is more than %d", mib(r.Server.Most), s.MostMemory>>20))
	}
	for name, c := range map[string]class{"on a fast link": r.Under.Fast, "on a slow link": r.Under.Slow} {
		if c.share() < s.LeastShare || c.Tried == 0 {
			errs = append(errs, fmt.Errorf("of the good clients %s %.2f %% were served, which is less than %.0f", name, 100*c.share(), 100*s.LeastShare))
		}
	}
	held := min(s.Attackers, cmp.Or(s.HalfOpen, s.Attackers))
	if r.Attack.Most < held*9/10 {
		errs = append(errs, fmt.Errorf("only %d connections attacked at once", r.Attack.Most))
	}
	if held < s.Attackers && r.Server.Crowded == 0 {
		errs = append(errs, errors.New("nobody had to give way, so the limit was not tried"))
	}
	return errors.Join(errs...)
}

// roleVariable is what makes this program one of the other processes.
const roleVariable = "HANDCLASP_ATTACK_ROLE"

// A child is another process of this program. It is given its order on stdin, and says
// something there is to say whenever it gets a line more. It ends with its stdin.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *json.Encoder
	out *json.Decoder
}

func begin(ctx context.Context, role string, order any) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, self)}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.enc, c.out = json.NewEncoder(c.in), json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, c.enc.Encode(order)
}

func (c *child) hear(v any) error { return c.out.Decode(v) }

func (c *child) ask(v any) error {
	if err := c.enc.Encode("report"); err != nil {
		return err
	}
	return c.hear(v)
}

func (c *child) kill() {
	c.in.Close()
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// play plays a role: it gets its order, and answers questions until there are no
// more.
func play(role string) error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var report func() any
	switch role {
	case "server":
		var o serverOrder
		if err := in.Decode(&o); err != nil {
			return err
		}
		s, err := o.serve()
		if err != nil {
			return err
		}
		if err := out.Encode(s.address); err != nil {
			return err
		}
		report = func() any { return s.report() }
	case "attackers":
		var o attackOrder
		if err := in.Decode(&o); err != nil {
			return err
		}
		a, err := o.attack()
		if err != nil {
			return err
		}
		if err := out.Encode("ready"); err != nil {
			return err
		}
		report = func() any { return a.report() }
	default:
		return fmt.Errorf("no role %q", role)
	}
	for {
		var question string
		if err := in.Decode(&question); err != nil {
			return nil // that was all
		}
		if err := out.Encode(report()); err != nil {
			return err
		}
	}
}
