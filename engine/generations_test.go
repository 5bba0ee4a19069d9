package engine

import (
	"errors"
	"testing"

	"github.com/handclasp/handclasp/fault"
)

// TestLastGeneration: after 2^48-1 key updates a sender makes no more, whoever
// asks; the keys it has serve to their end (RFC 9846, Section 4.7.3).
func TestLastGeneration(t *testing.T) {
	p := newPair(t).connect(t)
	p.client.outEpoch = maxGenerations
	if err := p.client.KeyUpdate(true); !errors.Is(err, fault.RecordSequenceEnd) || p.client.asked {
		t.Errorf("KeyUpdate: %v", err)
	}
	if err := p.server.KeyUpdate(true); err != nil { // the request is ignored
		t.Fatal(err)
	}
	p.exchange(t, 1000)
	if p.client.outEpoch != maxGenerations {
		t.Errorf("generation %d", p.client.outEpoch)
	}
}
