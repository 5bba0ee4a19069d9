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
	reset  []time.Time // when it happened
}

func (w *way) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, network, addr)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.resets() {
		w.reset = append(w.reset, time.Now())
		return &dead{raw}, nil
	}
	return raw, err
}

// dead is a connection that was reset.
type dead struct{ net.Conn }

func (*dead) Read([]byte) (int, error)    { return 0, syscall.ECONNRESET }
func (*dead) Write(b []byte) (int, error) { return len(b), nil }

// limiter resets what comes more often than once in each pause, beyond a burst.
func limiter(burst int, pause time.Duration) func() bool {
	left, last := float64(burst), time.Now()
	return func() bool {
		left = min(left+float64(time.Since(last))/float64(pause), float64(burst))
		last = time.Now()
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
	const pause = 250 * time.Millisecond // long, since a machine may be busy
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
			w := &way{resets: limiter(x.burst, pause)}
			r := examine(t, c, func(o *diagnose.Options) {
				o.Dial, o.Pause, o.Linger, o.MaxConnections = w.dial, 2*pause, time.Millisecond, 100
			})
			if len(w.reset) == 0 || found(r) != x.want {
				t.Errorf("%d were reset\n%s", len(w.reset), tell(r))
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
				r := examine(t, c, func(o *diagnose.Options) { o.Dial, o.Linger = w.dial, time.Millisecond })
				if len(w.reset) > 0 && found(r) != "unstable" {
					t.Errorf("seed %d, %d were reset\n%s", seed, len(w.reset), tell(r))
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
