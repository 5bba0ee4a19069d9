package cert

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/session"
)

// remembered is the verdict on the same chain a moment ago, for this connection;
// nil if there is none.
func (r *Request) remembered(k session.VerdictKey) *flow.Verdict {
	old, ok := r.Memory.Get(k, r.Now).(*flow.Verdict)
	if !ok {
		return nil
	}
	v := *old
	v.Peer, v.Remembered = r.Chain, true
	return &v
}

// remember keeps a verdict if every check passed.
func (r *Request) remember(k session.VerdictKey, v *flow.Verdict) {
	if !v.Verified() || len(v.Chains) == 0 {
		return
	}
	until := r.Now.Add(365 * 24 * time.Hour) // the memory knows better
	sooner := func(t time.Time) {
		if t.Before(until) {
			until = t
		}
	}
	for _, chain := range v.Chains {
		for _, c := range chain {
			sooner(c.NotAfter)
		}
	}
	for _, c := range r.Chain {
		sooner(c.NotAfter)
	}
	if v.OCSP != nil && !v.OCSP.NextUpdate.IsZero() {
		sooner(v.OCSP.NextUpdate)
	}
	r.Memory.Put(k, v, r.Now, until)
}

// key is what the verdict depends on: all of the Request but the time and who may
// be told of failures.
func (r *Request) key() session.VerdictKey {
	var room [512]byte
	b := append(room[:0], 0)
	if r.ServerAuth {
		b[0] = 1
	}
	if r.Transport {
		b[0] |= 2
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(r.Name)))
	b = append(b, r.Name...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(r.SCTs)))
	b = appendSum(b, r.OCSPStaple)
	for _, s := range r.SCTs {
		b = appendSum(b, s)
	}
	for _, c := range r.Chain {
		sum := inUse.sum(c)
		b = append(b, sum[:]...)
	}
	return session.VerdictKey{Sum: sha256.Sum256(b), Roots: r.Roots}
}

func appendSum(b, of []byte) []byte {
	sum := sha256.Sum256(of)
	return append(b, sum[:]...)
}
