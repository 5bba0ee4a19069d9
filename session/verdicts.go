package session

import (
	"crypto/x509"
	"sync"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// VerdictOptions shape a memory of verdicts.
type VerdictOptions struct {
	// Max bounds the chains that are remembered; 0 means 1,024. The oldest goes.
	Max int

	// Life is how long a verdict counts, at most an hour; 0 means 5 minutes. It
	// never outlives a certificate of its chain or a stapled OCSP answer.
	Life time.Duration
}

const longestVerdict = time.Hour

// Verdicts remembers for some minutes which certificate chains were found good,
// so that the next connection need not check their signatures again. Only what
// passed every check is remembered, and it is found again only for the same
// certificates, staple, name, purpose and pool of roots; since a pool only grows,
// what it vouched for it still vouches for. Who takes trust away makes a new pool
// or configuration. Whoever has a Verdicts may be many connections at once.
type Verdicts struct {
	o       VerdictOptions
	mu      sync.Mutex
	entries map[VerdictKey]verdict
	order   []VerdictKey // oldest first, from next on round and round
	next    int
}

// A VerdictKey is all that a verdict depends on, time aside.
type VerdictKey struct {
	Sum   [32]byte // of certificates, staple, name and purpose
	Roots *x509.CertPool
}

type verdict struct {
	value        any
	since, until time.Time
}

// NewVerdicts makes an empty memory. The error is a *fault.Error, of ConfigValue.
func NewVerdicts(o VerdictOptions) (*Verdicts, error) {
	var err error
	if o.Max, err = atLeast("Max", o.Max, 1024); err != nil {
		return nil, err
	}
	if o.Life, err = atLeast("Life", o.Life, 5*time.Minute); err != nil {
		return nil, err
	}
	if o.Life > longestVerdict {
		return nil, fault.ConfigValue.In("Life").Saw(o.Life, "at most "+longestVerdict.String())
	}
	return &Verdicts{o: o, entries: make(map[VerdictKey]verdict)}, nil
}

// Get is what was put under the key, or nil if that does not count at the time now.
func (v *Verdicts) Get(k VerdictKey, now time.Time) any {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, ok := v.entries[k]
	if !ok || now.Before(e.since) || now.After(e.until) {
		return nil
	}
	return e.value
}

// Put remembers a value, which is not changed from now on, that was found at the
// time now and counts no longer than until.
func (v *Verdicts) Put(k VerdictKey, value any, now, until time.Time) {
	if most := now.Add(v.o.Life); until.After(most) {
		until = most
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.entries[k]; !known {
		v.makeRoom(k)
	}
	v.entries[k] = verdict{value, now, until}
}

// makeRoom notes k as the newest.
func (v *Verdicts) makeRoom(k VerdictKey) {
	if len(v.order) < v.o.Max {
		v.order = append(v.order, k)
		return
	}
	delete(v.entries, v.order[v.next])
	v.order[v.next] = k
	v.next = (v.next + 1) % v.o.Max
}
