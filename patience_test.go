package handclasp

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestPatience: the context of an errand behaves as one with a deadline, whether or
// not anybody has looked at it before.
func TestPatience(t *testing.T) {
	p := &patience{until: time.Now().Add(20 * time.Millisecond)}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
	if by, ok := p.Deadline(); !ok || by != p.until {
		t.Error(by, ok)
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("it never ends")
	}
	if err := p.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	p.forget()

	for _, look := range []bool{true, false} {
		p = &patience{until: time.Now().Add(time.Hour)}
		if look {
			p.Done()
		}
		p.forget()
		select {
		case <-p.Done():
		default:
			t.Errorf("looked at: %t: it goes on after the errand", look)
		}
		if err := p.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("looked at: %t: %v", look, err)
		}
	}
}
