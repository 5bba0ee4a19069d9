package session

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/handclasp/handclasp/fault"
)

const (
	nameLen = 16
	keyLen  = 32
)

// A TicketKey seals tickets. Its name stands in them in clear.
type TicketKey struct {
	Name [nameLen]byte
	Key  [keyLen]byte
}

// A KeySource gives the keys of tickets. It may be asked by many handshakes at
// once.
type KeySource interface {
	// Keys gives the keys of the moment now: the first one seals, and all open.
	// They are copies, which the caller wipes.
	Keys(ctx context.Context, now time.Time) ([]TicketKey, error)
}

// Rotation says how long a key seals, and how long it opens after that. Who gets
// hold of a key reads the tickets of that time, and with them the connections of
// TLS 1.2 and the 0-RTT data of TLS 1.3.
type Rotation struct {
	// Every is how long one key seals, in whole seconds; 0 means 24 hours. Time
	// is divided into slots of that length from 1970 on.
	Every time.Duration

	// Keep is the number of slots whose keys open, the present one included; 0
	// means as many as tickets may live, 8 for 24 hours. With fewer, tickets end
	// before their time.
	Keep int
}

func (r Rotation) check() (Rotation, error) {
	var err error
	if r.Every, err = atLeast("Every", r.Every, 24*time.Hour); err != nil {
		return r, err
	}
	if r.Every%time.Second != 0 {
		return r, fault.ConfigValue.In("Every").Saw(r.Every, "whole seconds")
	}
	whole := int((MaxLifetime + r.Every - 1) / r.Every)
	if r.Keep, err = atLeast("Keep", r.Keep, min(whole+1, maxKeep)); err != nil {
		return r, err
	}
	if r.Keep > maxKeep {
		return r, fault.ConfigValue.In("Keep").Saw(r.Keep, fmt.Sprintf("at most %d", maxKeep))
	}
	return r, nil
}

// maxKeep bounds the keys that are held, and searched for each ticket.
const maxKeep = 64

// slot is the number of the slot that t lies in.
func (r Rotation) slot(t time.Time) int64 { return t.Unix() / int64(r.Every/time.Second) }

// A ring holds the keys of the slots that matter now, and wipes the others. A
// source differs from another in how it comes by the key of a slot.
type ring struct {
	Rotation
	ahead bool // the key of the next slot can be known already

	// make gives the key of a slot, or nil if it has none. The slot now is the
	// present one, in which the key must be made if need be.
	make func(ctx context.Context, slot int64, now time.Time) (*TicketKey, error)

	mu    sync.Mutex
	slots map[int64]*TicketKey // nil for a past slot that has none
	at    int64                // the slot that known is of
	known []TicketKey          // the answer at that time; nil: not yet asked
}

func (r *ring) Keys(ctx context.Context, now time.Time) ([]TicketKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := r.slot(now)
	if present == r.at && r.known != nil {
		return slices.Clone(r.known), nil
	}
	wipe(r.known)
	r.known = nil
	var room [maxKeep + 1]int64
	order := append(room[:0], present)
	if r.ahead {
		order = append(order, present+1) // of servers whose clock is ahead of ours
	}
	for i := range r.Keep - 1 {
		order = append(order, present-1-int64(i))
	}
	r.drop(order)
	keys := make([]TicketKey, 0, len(order))
	for _, slot := range order {
		k, known := r.slots[slot]
		if !known || k == nil && slot == present { // a clock may be set back
			var err error
			if k, err = r.make(ctx, slot, now); err != nil {
				wipe(keys)
				return nil, err
			}
			r.slots[slot] = k
		}
		if k != nil {
			keys = append(keys, *k)
		}
	}
	r.at, r.known = present, slices.Clone(keys)
	return keys, nil
}

// drop wipes the keys of all slots but those of keep.
func (r *ring) drop(keep []int64) {
	first, last := keep[0], keep[0]
	for _, slot := range keep {
		first, last = min(first, slot), max(last, slot)
	}
	for slot, k := range r.slots {
		if slot >= first && slot <= last {
			continue
		}
		if k != nil {
			*k = TicketKey{}
		}
		delete(r.slots, slot)
	}
}

func wipe(keys []TicketKey) { clear(keys) }

// RandomKeys gives keys that this process alone has: tickets end with it. A nil
// random means crypto/rand.Reader.
func RandomKeys(random io.Reader, r Rotation) (KeySource, error) {
	r, err := r.check()
	if err != nil {
		return nil, err
	}
	return &ring{Rotation: r, slots: make(map[int64]*TicketKey), make: func(_ context.Context, slot int64, now time.Time) (*TicketKey, error) {
		if slot != r.slot(now) {
			return nil, nil // nothing was sealed then
		}
		return randomKey(random)
	}}, nil
}

func randomKey(random io.Reader) (*TicketKey, error) {
	if random == nil {
		random = rand.Reader
	}
	k := new(TicketKey)
	if _, err := io.ReadFull(random, k.Name[:]); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(random, k.Key[:]); err != nil {
		return nil, err
	}
	return k, nil
}

// SharedKeys derives the key of each slot from one secret of at least 32 random
// bytes, so that all servers that have it and the same Rotation open each other's
// tickets, without a word between them. Clocks may differ by a slot. Old keys can
// be derived again: who gets the secret reads the tickets of all times, so change
// it now and then.
func SharedKeys(secret []byte, r Rotation) (KeySource, error) {
	if len(secret) < keyLen {
		return nil, fault.ConfigValue.In("secret").Saw(bytesText(len(secret)), "at least "+bytesText(keyLen))
	}
	r, err := r.check()
	if err != nil {
		return nil, err
	}
	base, err := hkdf.Extract(sha256.New, secret, []byte("handclasp ticket keys"))
	if err != nil {
		return nil, err
	}
	return &ring{Rotation: r, ahead: true, slots: make(map[int64]*TicketKey), make: func(_ context.Context, slot int64, _ time.Time) (*TicketKey, error) {
		info := binary.BigEndian.AppendUint64([]byte("slot"), uint64(r.Every/time.Second))
		info = binary.BigEndian.AppendUint64(info, uint64(slot))
		b, err := hkdf.Expand(sha256.New, base, string(info), nameLen+keyLen)
		if err != nil {
			return nil, err
		}
		defer clear(b)
		return parseKey(b), nil
	}}, nil
}

// StoredKeys keeps random keys in kv, for the processes that share it and use the
// same Rotation. A nil random means crypto/rand.Reader. The keys stand there as
// they are: a File is readable to its owner alone.
func StoredKeys(kv KV, random io.Reader, r Rotation) (KeySource, error) {
	r, err := r.check()
	if err != nil {
		return nil, err
	}
	if kv == nil {
		return nil, fault.ConfigValue.In("kv").Saw("nil", "a store")
	}
	s := &storedKeys{kv, random, r}
	return &ring{Rotation: r, slots: make(map[int64]*TicketKey), make: s.key}, nil
}

type storedKeys struct {
	kv     KV
	random io.Reader
	Rotation
}

// making is how long the others leave the making of a key to who was first. If it
// crashed, somebody else is first after that.
const making = 10 * time.Second

// key gives what is stored for a slot. That of the present one is made by who
// asks first; the others look a few times, and fail if that takes longer.
func (s *storedKeys) key(ctx context.Context, slot int64, now time.Time) (*TicketKey, error) {
	name := fmt.Sprintf("ticket-key/%d/%d", int64(s.Every/time.Second), slot)
	k, err := s.load(ctx, name)
	if k != nil || err != nil || slot != s.slot(now) {
		return k, err
	}
	first, err := s.kv.First(ctx, name, making)
	if err != nil {
		return nil, err
	}
	if first {
		return s.make(ctx, name, now)
	}
	for range 16 {
		if k, err := s.load(ctx, name); k != nil || err != nil {
			return k, err
		}
	}
	return nil, fault.StoreBusy.In(name)
}

func (s *storedKeys) load(ctx context.Context, name string) (*TicketKey, error) {
	b, err := s.kv.Get(ctx, name)
	if b == nil || err != nil {
		return nil, err
	}
	defer clear(b)
	if len(b) != nameLen+keyLen {
		return nil, fault.SessionFormat.In(name)
	}
	return parseKey(b), nil
}

// make stores a new key, which is kept for as long as it opens tickets. One that
// came in since load, from who was first before, is taken instead.
func (s *storedKeys) make(ctx context.Context, name string, now time.Time) (*TicketKey, error) {
	if k, err := s.load(ctx, name); k != nil || err != nil {
		return k, err
	}
	k, err := randomKey(s.random)
	if err != nil {
		return nil, err
	}
	b := append(k.Name[:], k.Key[:]...)
	defer clear(b)
	end := time.Unix((s.slot(now)+int64(s.Keep))*int64(s.Every/time.Second), 0)
	if err := s.kv.Put(ctx, name, b, end.Sub(now)); err != nil {
		return nil, err
	}
	return k, nil
}

func parseKey(b []byte) *TicketKey {
	k := new(TicketKey)
	copy(k.Key[:], b[copy(k.Name[:], b):])
	return k
}
