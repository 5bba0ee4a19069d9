package session

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// An undated KV does not say how old it is, and may be broken.
type undated struct {
	KV
	broken error
}

func (u undated) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if u.broken != nil {
		return false, u.broken
	}
	return u.KV.First(ctx, key, ttl)
}

// aUse is a hello that comes right on time, long after begin.
func aUse(c *ticker) Use {
	return Use{Unique: [16]byte{1}, Binder: secret(32, 1), TicketIssued: c.now.Add(-time.Minute), Age: time.Minute, Lifetime: time.Hour}
}

// grown is a guard whose store is an hour old.
func grown(t *testing.T, entries int) (*Guard, *ticker) {
	c := newTicker()
	g := must(NewGuard(GuardOptions{KV: must(NewMemory(MemoryOptions{Clock: c.clock, MaxEntries: entries})), Clock: c.clock}))
	c.advance(time.Hour)
	return g, c
}

func check(t *testing.T, g *Guard, use Use, want Refusal) {
	t.Helper()
	if got, err := g.Check(t.Context(), use); got != want || err != nil {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestFreshness(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Use)
		want   Refusal
	}{
		{"on time", func(u *Use) {}, Accepted},
		{"10 s late", func(u *Use) { u.Age -= 10 * time.Second }, Accepted},
		{"later", func(u *Use) { u.Age -= 10*time.Second + time.Millisecond }, HelloLate},
		{"10 s early", func(u *Use) { u.Age += 10 * time.Second }, Accepted},
		{"earlier", func(u *Use) { u.Age += 10*time.Second + time.Millisecond }, HelloEarly},
		{"49 days", func(u *Use) { u.Age = (1<<32 - 1) * time.Millisecond }, HelloEarly},
		{"last moment", func(u *Use) { u.Lifetime = time.Minute + 1 }, Accepted},
		{"over", func(u *Use) { u.Lifetime = time.Minute }, TicketOver},
		{"older than 7 days", func(u *Use) {
			u.TicketIssued, u.Age, u.Lifetime = u.TicketIssued.Add(-MaxLifetime), u.Age+MaxLifetime, 2*MaxLifetime
		}, TicketOver},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, c := grown(t, 0)
			use := aUse(c)
			test.change(&use)
			check(t, g, use, test.want)
		})
	}
}

func TestReplay(t *testing.T) {
	g, c := grown(t, 0)
	use := aUse(c)
	check(t, g, use, Accepted)
	check(t, g, use, HelloSeen)

	other := use
	other.Binder = secret(32, 2)
	check(t, g, other, TicketUsed)

	ticket := aUse(c)
	ticket.Unique, ticket.Binder = [16]byte{2}, secret(32, 3)
	check(t, g, ticket, Accepted)

	if _, err := g.Check(t.Context(), Use{TicketIssued: c.now, Lifetime: time.Hour}); !errors.Is(err, fault.ConfigValue) {
		t.Errorf("without a binder: %v", err)
	}
}

// TestNeverTwice: a hello is taken once at most, whenever it comes and comes again,
// though its ticket were forgotten.
func TestNeverTwice(t *testing.T) {
	const step = 500 * time.Millisecond
	for early := -12 * time.Second; early <= 12*time.Second; early += step {
		g, c := grown(t, 0)
		use := aUse(c)
		use.Age += early
		taken := 0
		for i := range 60 {
			use.Unique = [16]byte{byte(i)}
			r, err := g.Check(t.Context(), use)
			if err != nil {
				t.Fatal(err)
			}
			if r == Accepted {
				taken++
			}
			c.advance(step)
		}
		if want := 1; taken > want || early.Abs() <= 10*time.Second && taken < want {
			t.Errorf("%v early: taken %d times", early, taken)
		}
	}
}

// TestQuarantine: what may have been taken before a store began is not taken again,
// however the first hello was timed.
func TestQuarantine(t *testing.T) {
	const step = 500 * time.Millisecond
	for early := -10 * time.Second; early <= 10*time.Second; early += step {
		c := newTicker()
		use := aUse(c) // and was taken at begin
		use.Age += early
		c.advance(step)
		g := must(NewGuard(GuardOptions{KV: undated{KV: must(NewMemory(MemoryOptions{Clock: c.clock}))}, Clock: c.clock}))
		for range 60 {
			if r, err := g.Check(t.Context(), use); r == Accepted || err != nil {
				t.Fatalf("%v early: %v, %v", early, r, err)
			}
			c.advance(step)
		}
	}
}

// TestQuarantineEnds: after twice the window at most, and at once if the store is
// known to be old.
func TestQuarantineEnds(t *testing.T) {
	c := newTicker()
	kv := must(NewMemory(MemoryOptions{Clock: c.clock}))
	g := must(NewGuard(GuardOptions{KV: kv, Clock: c.clock, Window: time.Second}))
	check(t, g, aUse(c), StoreYoung)
	c.advance(time.Second)
	check(t, g, aUse(c), Accepted)

	old := must(NewGuard(GuardOptions{KV: undated{KV: kv}, Clock: c.clock, Started: begin.Add(-time.Hour)}))
	use := aUse(c)
	use.Unique, use.Binder = [16]byte{2}, secret(32, 2)
	check(t, old, use, Accepted)
}

// TestRestart: a File remembers across a restart, without a quarantine.
func TestRestart(t *testing.T) {
	c, path := newTicker(), filepath.Join(t.TempDir(), "kv")
	must(OpenFile(path, FileOptions{Clock: c.clock}))
	c.advance(time.Hour)
	start := func() *Guard {
		return must(NewGuard(GuardOptions{KV: must(OpenFile(path, FileOptions{Clock: c.clock})), Clock: c.clock}))
	}
	check(t, start(), aUse(c), Accepted)
	check(t, start(), aUse(c), HelloSeen)
}

// A replaced store becomes a new one while First asks it.
type replaced struct {
	*Memory
	c *ticker
}

func (r replaced) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	r.created = r.c.now
	return true, nil
}

func TestReplacedMeanwhile(t *testing.T) {
	c := newTicker()
	kv := replaced{must(NewMemory(MemoryOptions{Clock: c.clock})), c}
	c.advance(time.Hour)
	check(t, must(NewGuard(GuardOptions{KV: kv, Clock: c.clock})), aUse(c), StoreYoung)
}

// TestStoreFails: without an answer there is no 0-RTT.
func TestStoreFails(t *testing.T) {
	c, broken := newTicker(), errors.New("broken")
	g := must(NewGuard(GuardOptions{KV: undated{broken: broken}, Clock: c.clock, Started: begin.Add(-time.Hour)}))
	if r, err := g.Check(t.Context(), aUse(c)); r != NoAnswer || !errors.Is(err, broken) {
		t.Errorf("%v, %v", r, err)
	}
	g, c = grown(t, 1) // room for the hello, none for the ticket
	if r, err := g.Check(t.Context(), aUse(c)); r != NoAnswer || !errors.Is(err, fault.StoreFull) {
		t.Errorf("full: %v, %v", r, err)
	}
	check(t, g, aUse(c), HelloSeen)
}

// TestGuardAtOnce: of many with one ticket, one is taken.
func TestGuardAtOnce(t *testing.T) {
	g, c := grown(t, 0)
	var taken atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			use := aUse(c)
			use.Binder = secret(32, byte(i/2))
			if r, err := g.Check(context.Background(), use); err != nil {
				t.Error(err)
			} else if r == Accepted {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if n := taken.Load(); n != 1 {
		t.Errorf("taken %d times", n)
	}
}

func TestRefusals(t *testing.T) {
	seen := make(map[string]bool)
	for r := Unchecked; r <= NoAnswer; r++ {
		if text := r.String(); text == "" || seen[text] {
			t.Errorf("%d is %q", r, text)
		} else {
			seen[text] = true
		}
	}
}
