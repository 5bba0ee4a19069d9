package diagnose_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
)

// A way is a path to a server on which some connections are reset.
type way struct {
	mu     sync.Mutex
	resets func() bool
	reset  int // how many were
}

func (w *way) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, network, addr)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.resets() {
		w.reset++
		return &dead{raw}, nil
	}
	return raw, err
}

// dead is a connection that was reset.
type dead struct{ net.Conn }

func (*dead) Read([]byte) (int, error)    { return 0, syscall.ECONNRESET }
func (*dead) Write(b []byte) (int, error) { return len(b), nil }

// A pauseClock moves by the pauses that are made, and by nothing else: however slow
// the machine is, a diagnosis that makes none is in a hurry.
type pauseClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *pauseClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *pauseClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(0, d))
	return ctx.Err()
}

// limiter resets what comes more often than once in each pause, beyond a burst.
func limiter(c *pauseClock, burst int, pause time.Duration) func() bool {
	left, last := float64(burst), c.Now()
	return func() bool {
		now := c.Now()
		left = min(left+float64(now.Sub(last))/float64(pause), float64(burst))
		last = now
		if left < 1 {
			return true
		}
		left--
		return false
	}
}

// TestLimiter: behind a device that lets in only so many, the diagnosis slows down,
// is refused no more, and finds the cause all the same.
func TestLimiter(t *testing.T) {
	t.Parallel()
	const pause = time.Second
	for _, x := range []struct {
		name, want string
		burst      int
	}{
		{"good", "rate-limited", 1}, {"expired", "cert-expired", 1}, {"flight-reset", "breaks-off", 1}, {"rsa-only", "no-common-suite", 4}, {"resets-if-sigalg", "hello-content", 6},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find(x.name)
			if err != nil {
				t.Fatal(err)
			}
			clock := &pauseClock{now: time.Now()}
			w := &way{resets: limiter(clock, x.burst, pause)}
			r := examine(t, c, func(o *diagnose.Options) {
				o.Dial, o.Pause, o.Linger, o.MaxConnections = w.dial, 2*pause, time.Millisecond, 100
				o.SetClock(clock)
			})
			if w.reset == 0 || found(r) != x.want {
				t.Errorf("%d were reset\n%s", w.reset, tell(r))
			}
			if x.want != "rate-limited" && !strings.Contains(strings.Join(r.Noticed, " "), "too often") {
				t.Errorf("the limiter is not noticed\n%s", tell(r))
			}
		})
	}
}

// TestFlaky: chance is called so, whatever else there is.
func TestFlaky(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"good", "expired", "two-nodes"} {
		for seed := range uint64(5) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c, err := lab.Find(name)
				if err != nil {
					t.Fatal(err)
				}
				chance := rand.New(rand.NewPCG(seed, 1))
				w := &way{resets: func() bool { return chance.IntN(5) < 2 }}
				r := examine(t, c, func(o *diagnose.Options) {
					o.Dial, o.Linger = w.dial, time.Millisecond
					o.SetClock(new(pauseClock))
				})
				if w.reset > 0 && found(r) != "unstable" {
					t.Errorf("seed %d, %d were reset\n%s", seed, w.reset, tell(r))
				}
			})
		}
	}
}

// TestLosses: of a connection that is lost once, nothing is concluded, and it is told.
func TestLosses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"resets-if-sigalg", "resets-if-segmented", "rsa-only", "resets-if-long"} {
		c, err := lab.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		whole := examine(t, c, nil)
		for n := 1; n <= whole.Connections; n++ {
			t.Run(fmt.Sprintf("%s, connection %d", name, n), func(t *testing.T) {
				t.Parallel()
				made := 0
				r := examine(t, c, func(o *diagnose.Options) {
					o.Timeout = 30 * time.Second
					o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						raw, err := new(net.Dialer).DialContext(ctx, network, addr)
						if made++; made == n && err == nil {
							raw = &mute{raw}
						}
						return raw, err
					}
				})
				if found(r) != found(whole) || r.Findings[0].Trigger != whole.Findings[0].Trigger {
					t.Errorf("found %q, want %q\n%s", found(r), found(whole), tell(r))
				}
				if !strings.Contains(strings.Join(r.Noticed, " "), "One connection got no answer") {
					t.Errorf("nothing is said of it\n%s", tell(r))
				}
			})
		}
	}
}

// mute is a connection on which nothing is ever heard. The time that one waits for it
// passes at once.
type mute struct{ net.Conn }

func (m *mute) Write(b []byte) (int, error) { return len(b), nil }
func (m *mute) Read([]byte) (int, error)    { return 0, os.ErrDeadlineExceeded }
