package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/handclasp/handclasp/fault"
)

func FuzzParseSession(f *testing.F) {
	f.Add(must(aSession().Append(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSession(b)
		if err != nil {
			return
		}
		if got, err := s.Append(nil); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%x\nbecame\n%x, %v", b, got, err)
		}
	})
}

func FuzzParseState(f *testing.F) {
	f.Add(must(aState().Append(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseState(b)
		if err != nil {
			return
		}
		if got, err := s.Append(nil); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%x\nbecame\n%x, %v", b, got, err)
		}
	})
}

// oneKey is a KeySource that never changes.
type oneKey TicketKey

func (k oneKey) Keys(context.Context, time.Time) ([]TicketKey, error) {
	return []TicketKey{TicketKey(k)}, nil
}

// FuzzTicket: what a client presents opens only if we sealed it; and what was sealed
// under our key by who knows whom is read as strictly as all else.
func FuzzTicket(f *testing.F) {
	key := oneKey{Name: [nameLen]byte{1}, Key: [32]byte{2}}
	s := must(NewTickets(TicketOptions{Clock: newTicker().clock, Rand: zeros{}, Source: key}))
	genuine := must(s.Seal(context.Background(), aState()))
	plain := must(aState().Append(nil))
	f.Add(genuine, false)
	f.Add(genuine[:overhead], false)
	f.Add(plain, true)
	f.Add(append(plain, 0), true)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		ticket := b
		if sealed {
			aead := must(chacha20poly1305.NewX(key.Key[:]))
			nonce := make([]byte, chacha20poly1305.NonceSizeX)
			ticket = aead.Seal(append(bytes.Clone(key.Name[:]), nonce...), nonce, b, sealing)
		}
		state, err := s.Open(context.Background(), ticket)
		switch {
		case err != nil:
			t.Fatal(err)
		case state == nil:
			return
		case !sealed && !bytes.Equal(b, genuine):
			t.Fatal("a forged ticket opens")
		case !state.Fresh(begin):
			t.Fatal("a stale ticket opens")
		}
		if again, err := state.Append(nil); err != nil || sealed && !bytes.Equal(again, b) {
			t.Fatalf("%x\nbecame\n%x, %v", b, again, err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzStoreFile: whatever happened to a file, it is an error with a rule, no crash,
// and no wait. A script is a list of places, of three bytes each, with a byte that goes
// there.
func FuzzStoreFile(f *testing.F) {
	dir := f.TempDir()
	clock := newTicker().clock
	ctx := context.Background()
	pristine := map[bool][]byte{}
	open := func(path string) (*ClientFile, error) { return NewClientFile(path, ClientOptions{Clock: clock}) }
	fill := func(path string, client bool) []byte {
		if client {
			c := must(open(path))
			for _, host := range []string{"one", "two"} {
				if err := c.Put(ctx, host, aSession()); err != nil {
					f.Fatal(err)
				}
			}
		} else {
			s := must(OpenFile(path, FileOptions{Clock: clock}))
			if err := s.Put(ctx, "one", []byte("a value"), time.Hour); err != nil {
				f.Fatal(err)
			}
		}
		return must(os.ReadFile(path))
	}
	for client, name := range map[bool]string{true: "client", false: "server"} {
		pristine[client] = fill(filepath.Join(dir, name), client)
		f.Add(client, []byte{})
		for at := 0; at < len(pristine[client]); at += 512 {
			f.Add(client, binary.BigEndian.AppendUint32(nil, uint32(at+3)<<8|0xff))
			f.Add(client, append(binary.BigEndian.AppendUint32(nil, uint32(at+16)<<8|0xff), 0, 0, byte(at>>8), 3, 0x80))
		}
	}
	f.Fuzz(func(t *testing.T, client bool, script []byte) {
		image := bytes.Clone(pristine[client])
		for len(script) >= 4 {
			at := int(script[0])<<16 | int(script[1])<<8 | int(script[2])
			image[at%len(image)] = script[3]
			script = script[4:]
		}
		path := filepath.Join(t.TempDir(), "store")
		if err := os.WriteFile(path, image, 0o600); err != nil {
			t.Fatal(err)
		}
		ruled := func(err error) bool {
			_, ok := errors.AsType[*fault.Error](err)
			if err != nil && !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return err == nil
		}
		if client {
			c, err := open(path)
			if !ruled(err) {
				return
			}
			for range 2 {
				_, err := c.Take(ctx, "one")
				ruled(err)
				ruled(c.Put(ctx, "two", aSession()))
				ruled(c.Drop(ctx, "one", aSession()))
			}
			return
		}
		s, err := OpenFile(path, FileOptions{Clock: clock})
		if !ruled(err) {
			return
		}
		_, err = s.Get(ctx, "one")
		ruled(err)
		ruled(s.Put(ctx, "two", []byte("another"), time.Hour))
		_, err = s.First(ctx, "three", time.Hour)
		ruled(err)
		_, err = s.Take(ctx, "one")
		ruled(err)
	})
}
