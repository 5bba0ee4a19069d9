package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/handclasp/handclasp/fault"
)

func tickets(t *testing.T, c *ticker, source KeySource) *Sealer {
	t.Helper()
	s, err := NewTickets(TicketOptions{Clock: c.clock, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opens reports whether s opens a ticket; it never fails.
func opens(t *testing.T, s *Sealer, ticket []byte) bool {
	t.Helper()
	state, err := s.Open(t.Context(), ticket)
	if err != nil {
		t.Error(err)
	}
	return state != nil
}

func TestTickets(t *testing.T) {
	c := newTicker()
	s := tickets(t, c, nil)
	ticket := must(s.Seal(t.Context(), aState()))
	if got, err := s.Open(t.Context(), ticket); err != nil || !reflect.DeepEqual(got, aState()) {
		t.Errorf("got %+v, %v", got, err)
	}
	plain := must(aState().Append(nil))
	if len(ticket) != overhead+len(plain) || bytes.Contains(ticket, plain[5:20]) || bytes.Contains(ticket, []byte("example")) {
		t.Errorf("%d bytes, or not sealed: %x", len(ticket), ticket)
	}
	other := must(s.Seal(t.Context(), aState()))
	if !bytes.Equal(ticket[:nameLen], other[:nameLen]) || bytes.Equal(ticket[nameLen:nameLen+24], other[nameLen:nameLen+24]) {
		t.Error("two tickets must share a key's name and no nonce")
	}
	for n := range ticket {
		if opens(t, s, ticket[:n]) {
			t.Fatalf("opened %d bytes of %d", n, len(ticket))
		}
		damaged := bytes.Clone(ticket)
		damaged[n] ^= 0x40
		if opens(t, s, damaged) {
			t.Fatalf("opened with byte %d changed", n)
		}
	}
	if opens(t, s, append(ticket, 0)) || opens(t, s, make([]byte, 1<<17)) || opens(t, s, nil) {
		t.Error("opened what was not sealed")
	}
	if opens(t, tickets(t, c, nil), ticket) {
		t.Error("opened under another key")
	}
	c.advance(aState().Lifetime)
	if opens(t, s, ticket) {
		t.Error("opened after its lifetime")
	}
}

func TestTicketTooLarge(t *testing.T) {
	s, state := tickets(t, newTicker(), nil), aState()
	fits := 65535 - overhead - len(must(state.Append(nil)))
	state.Peer[0] = append(state.Peer[0], make([]byte, fits)...)
	if ticket, err := s.Seal(t.Context(), state); err != nil || len(ticket) != 65535 || !opens(t, s, ticket) {
		t.Errorf("the largest: %d bytes, %v", len(ticket), err)
	}
	state.Peer[0] = append(state.Peer[0], 0)
	if _, err := s.Seal(t.Context(), state); !errors.Is(err, fault.SessionTooLarge) {
		t.Errorf("one more: %v", err)
	}
}

// sources gives a fresh source of each kind, two calls of which are two processes
// that share what they can.
func sources(t *testing.T) map[string]func(Rotation) KeySource {
	random, stored := must(RandomKeys(nil, Rotation{Every: time.Hour, Keep: 3})), newTicker()
	kv := must(NewMemory(MemoryOptions{Clock: stored.clock}))
	return map[string]func(Rotation) KeySource{
		"random": func(Rotation) KeySource { return random }, // one process
		"shared": func(r Rotation) KeySource { return must(SharedKeys(secret(32, 3), r)) },
		"stored": func(r Rotation) KeySource { return must(StoredKeys(kv, nil, r)) },
	}
}

// TestRotation: a key opens for as many slots as are kept, and each slot has its own.
func TestRotation(t *testing.T) {
	for name, source := range sources(t) {
		t.Run(name, func(t *testing.T) {
			c := newTicker()
			r := Rotation{Every: time.Hour, Keep: 3}
			s := tickets(t, c, source(r))
			state := aState()
			state.Lifetime = MaxLifetime
			ticket := must(s.Seal(t.Context(), state))
			for hour := range 5 {
				if got, want := opens(t, s, ticket), hour < 3; got != want {
					t.Errorf("after %d hours: opens %v", hour, got)
				}
				if got, want := opens(t, tickets(t, c, source(r)), ticket), hour < 3; got != want {
					t.Errorf("after %d hours, elsewhere: opens %v", hour, got)
				}
				now := must(s.Seal(t.Context(), state))
				if same := bytes.Equal(now[:nameLen], ticket[:nameLen]); same != (hour == 0) {
					t.Errorf("after %d hours: sealed under the old key: %v", hour, same)
				}
				c.advance(time.Hour)
			}
			held := s.o.Source.(*ring).slots
			if len(held) > r.Keep+1 {
				t.Errorf("holds %d keys", len(held))
			}
		})
	}
}

// TestKeysWiped: a key that is over is overwritten.
func TestKeysWiped(t *testing.T) {
	source := must(RandomKeys(nil, Rotation{Every: time.Hour, Keep: 1})).(*ring)
	must(source.Keys(t.Context(), begin))
	k := source.slots[source.slot(begin)]
	must(source.Keys(t.Context(), begin.Add(time.Hour)))
	if *k != (TicketKey{}) {
		t.Error("the key is still there")
	}
	if keys := must(source.Keys(t.Context(), begin)); len(keys) != 1 {
		t.Errorf("the clock was set back: %d keys", len(keys))
	}
}

// TestClockSetBack: a slot in which nothing was sealed may become the present one.
func TestClockSetBack(t *testing.T) {
	source := must(RandomKeys(nil, Rotation{Every: time.Hour, Keep: 2}))
	late := must(source.Keys(t.Context(), begin.Add(time.Hour)))
	early := must(source.Keys(t.Context(), begin))
	if len(late) != 1 || len(early) != 1 || late[0] == early[0] {
		t.Errorf("%d keys, then %d", len(late), len(early))
	}
}

// TestFleet: servers with one secret open each other's tickets though their clocks
// differ by an hour; with another secret or rotation they don't.
func TestFleet(t *testing.T) {
	r := Rotation{Every: time.Hour, Keep: 2}
	ahead, behind := newTicker(), newTicker()
	ahead.advance(time.Hour)
	a, b := tickets(t, ahead, must(SharedKeys(secret(32, 3), r))), tickets(t, behind, must(SharedKeys(secret(32, 3), r)))
	if !opens(t, b, must(a.Seal(t.Context(), aState()))) || !opens(t, a, must(b.Seal(t.Context(), aState()))) {
		t.Error("the fleet is not one")
	}
	for name, source := range map[string]KeySource{
		"another secret":   must(SharedKeys(secret(32, 4), r)),
		"another rotation": must(SharedKeys(secret(32, 3), Rotation{Every: time.Minute, Keep: 2})),
	} {
		if opens(t, tickets(t, behind, source), must(b.Seal(t.Context(), aState()))) {
			t.Errorf("opened with %s", name)
		}
	}
}

// TestStoredAgree: many that start at once seal under one key.
func TestStoredAgree(t *testing.T) {
	eachKV(t, 0, func(t *testing.T, kv KV, c *ticker) {
		var all sync.WaitGroup
		var names [8][nameLen]byte
		for i := range names {
			all.Go(func() {
				source := must(StoredKeys(kv, nil, Rotation{}))
				for {
					keys, err := source.Keys(context.Background(), c.now)
					if errors.Is(err, fault.StoreBusy) {
						continue // being made
					}
					names[i] = must(keys, err)[0].Name
					return
				}
			})
		}
		all.Wait()
		for _, name := range names {
			if name != names[0] {
				t.Fatalf("%x and %x", name, names[0])
			}
		}
	})
}

// TestStoredCrash: if who was first crashed before the key was stored, another is
// first a little later.
func TestStoredCrash(t *testing.T) {
	c := newTicker()
	kv := must(NewMemory(MemoryOptions{Clock: c.clock}))
	source := must(StoredKeys(kv, iotest.ErrReader(io.ErrUnexpectedEOF), Rotation{}))
	if _, err := source.Keys(t.Context(), c.now); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no randomness: %v", err)
	}
	source = must(StoredKeys(kv, nil, Rotation{}))
	if _, err := source.Keys(t.Context(), c.now); !errors.Is(err, fault.StoreBusy) {
		t.Errorf("being made: %v", err)
	}
	c.advance(making)
	if keys, err := source.Keys(t.Context(), c.now); len(keys) != 1 || err != nil {
		t.Errorf("later: %d, %v", len(keys), err)
	}
}

// A brokenSource has no keys.
type brokenSource struct{ err error }

func (s brokenSource) Keys(context.Context, time.Time) ([]TicketKey, error) { return nil, s.err }

func TestBrokenSource(t *testing.T) {
	broken := errors.New("broken")
	s := tickets(t, newTicker(), brokenSource{broken})
	if _, err := s.Seal(t.Context(), aState()); !errors.Is(err, broken) {
		t.Errorf("sealed: %v", err)
	}
	if _, err := s.Open(t.Context(), make([]byte, 100)); !errors.Is(err, broken) {
		t.Errorf("opened: %v", err)
	}
	if _, err := tickets(t, newTicker(), brokenSource{}).Seal(t.Context(), aState()); !errors.Is(err, fault.ConfigValue) {
		t.Errorf("sealed without a key: %v", err)
	}
}

// TestTicketsAtOnce is for the race detector.
func TestTicketsAtOnce(t *testing.T) {
	s := tickets(t, newTicker(), nil)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if state, err := s.Open(context.Background(), must(s.Seal(context.Background(), aState()))); state == nil || err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestXChaCha20Poly1305: what tickets are sealed with is ChaCha20-Poly1305 under a key
// that HChaCha20 makes of the first 16 bytes of the nonce, and gives the example of
// draft-irtf-cfrg-xchacha-03, Appendix A.3.1. The standard library does not know it.
func TestXChaCha20Poly1305(t *testing.T) {
	sequence := func(first byte, n int) (b []byte) {
		for i := range n {
			b = append(b, first+byte(i))
		}
		return b
	}
	key, nonce, additional := sequence(0x80, 32), sequence(0x40, 24), unhex("50515253c0c1c2c3c4c5c6c7")
	text := []byte("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
	aead := must(chacha20poly1305.NewX(key))
	want := unhex("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452" +
		"2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e" + "c0875924c1c7987947deafd8780acf49")
	if got := aead.Seal(nil, nonce, text, additional); !bytes.Equal(got, want) {
		t.Errorf("sealed %x", got)
	}
	for n := range 200 {
		rand.Read(key)
		rand.Read(nonce)
		inner := must(chacha20poly1305.New(must(chacha20.HChaCha20(key, nonce[:16]))))
		want := inner.Seal(nil, append(make([]byte, 4), nonce[16:]...), text[:n%len(text)], additional)
		if got := must(chacha20poly1305.NewX(key)).Seal(nil, nonce, text[:n%len(text)], additional); !bytes.Equal(got, want) {
			t.Fatalf("%x under %x, %x", got, key, nonce)
		}
	}
}

func unhex(s string) []byte { return must(hex.DecodeString(s)) }

// TestWycheproofXChaCha20Poly1305 needs testvectors_v1 of a checkout of
// C2SP/wycheproof.
func TestWycheproofXChaCha20Poly1305(t *testing.T) {
	dir := os.Getenv("WYCHEPROOF")
	if dir == "" {
		t.Skip("the vectors are not beside the repository: see WYCHEPROOF in docs/testing.md")
	}
	var doc struct {
		TestGroups []struct {
			IVSize int
			Tests  []struct{ Key, IV, AAD, Msg, CT, Tag, Result string }
		}
	}
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "xchacha20_poly1305_test.json"))), &doc); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, g := range doc.TestGroups {
		if g.IVSize != 8*chacha20poly1305.NonceSizeX {
			continue
		}
		for _, v := range g.Tests {
			seen++
			aead, sealed := must(chacha20poly1305.NewX(unhex(v.Key))), unhex(v.CT+v.Tag)
			got, err := aead.Open(nil, unhex(v.IV), sealed, unhex(v.AAD))
			if (err == nil) != (v.Result == "valid") || err == nil && !bytes.Equal(got, unhex(v.Msg)) {
				t.Errorf("opens to %x, %v; is %s", got, err, v.Result)
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d vectors", seen)
	}
}
