package session

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/pool"
)

// TicketOptions are what NewTickets needs.
type TicketOptions struct {
	Clock  func() time.Time // must be set
	Rand   io.Reader        // of nonces; nil means crypto/rand.Reader
	Source KeySource        // nil means RandomKeys(Rand, Rotation{})
}

// A Sealer seals tickets under keys that change with time:
//
//	opaque key_name[16];
//	opaque nonce[24];
//	opaque sealed<0..2^16-57>;   // XChaCha20-Poly1305 of a State
//
// Nothing but the key's name is in clear. All servers of a fleet may seal under
// one key, and none of them counts: with 24 random bytes nonces never meet, with
// the 12 of AES-GCM they might after 2^32 tickets.
type Sealer struct{ o TicketOptions }

var _ Tickets = (*Sealer)(nil)

// sealing is bound into each ticket, so that nothing else that may be sealed
// under the key one day can pass for one.
var sealing = []byte("handclasp ticket 1")

const overhead = nameLen + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// NewTickets makes a Sealer. The error is a *fault.Error, of ConfigValue.
func NewTickets(o TicketOptions) (*Sealer, error) {
	if err := needClock(o.Clock); err != nil {
		return nil, err
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Source == nil {
		source, err := RandomKeys(o.Rand, Rotation{})
		if err != nil {
			return nil, err
		}
		o.Source = source
	}
	return &Sealer{o}, nil
}

// Seal seals s under the first key of the source. The error is a *fault.Error, of
// SessionTooLarge where a client's chain does not fit, or that of the source.
func (t *Sealer) Seal(ctx context.Context, s *State) ([]byte, error) {
	room := pool.Get(pool.Message) // which fits nearly all
	defer pool.Put(room)
	plain, err := s.Append(room)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if n := overhead + len(plain); n > maxTicket {
		return nil, fault.SessionTooLarge.In("Ticket").Saw(bytesText(n), "at most "+bytesText(maxTicket))
	}
	keys, err := t.o.Source.Keys(ctx, t.o.Clock())
	if err != nil {
		return nil, err
	}
	defer wipe(keys)
	if len(keys) == 0 {
		return nil, fault.ConfigValue.In("Source").Saw("no keys", "at least one")
	}
	aead, err := chacha20poly1305.NewX(keys[0].Key[:])
	if err != nil {
		return nil, err
	}
	ticket := make([]byte, nameLen+chacha20poly1305.NonceSizeX, overhead+len(plain))
	copy(ticket, keys[0].Name[:])
	nonce := ticket[nameLen:]
	if _, err := io.ReadFull(t.o.Rand, nonce); err != nil {
		return nil, err
	}
	return aead.Seal(ticket, nonce, plain, sealing), nil
}

// Open gives what was sealed while it is Fresh and its key is kept. The error is
// that of the source.
func (t *Sealer) Open(ctx context.Context, ticket []byte) (*State, error) {
	if len(ticket) < overhead || len(ticket) > maxTicket {
		return nil, nil
	}
	now := t.o.Clock()
	keys, err := t.o.Source.Keys(ctx, now)
	if err != nil {
		return nil, err
	}
	defer wipe(keys)
	for i := range keys {
		if string(keys[i].Name[:]) == string(ticket[:nameLen]) {
			return unseal(&keys[i], ticket[nameLen:], now)
		}
	}
	return nil, nil
}

func unseal(k *TicketKey, b []byte, now time.Time) (*State, error) {
	aead, err := chacha20poly1305.NewX(k.Key[:])
	if err != nil {
		return nil, err
	}
	nonce, sealed := b[:chacha20poly1305.NonceSizeX], b[chacha20poly1305.NonceSizeX:]
	plain, err := aead.Open(nil, nonce, sealed, sealing)
	if err != nil {
		return nil, nil
	}
	defer clear(plain)
	s, err := ParseState(plain)
	if err != nil {
		return nil, nil // of another version of this program
	}
	if !s.Fresh(now) {
		s.Wipe()
		return nil, nil
	}
	return s, nil
}
