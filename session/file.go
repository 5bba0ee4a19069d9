//go:build !js && !wasip1 && !plan9

package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"github.com/handclasp/handclasp/fault"
)

// FileOptions are what OpenFile needs.
type FileOptions struct {
	Clock      func() time.Time // must be set
	MaxEntries int              // 0 means 65,536
	Wait       time.Duration    // for other users of the file, at each call; 0 means 5 seconds

	// NoSync leaves it to the operating system when to write to the disk, which
	// is many times faster. Nothing is lost when a process crashes. When the
	// machine does, the file may be damaged, or miss what it was told last: Since
	// is therefore never before OpenFile, so that a Guard waits.
	NoSync bool
}

// A File is a KV in a file that the processes of one machine share. It holds
// secrets in clear, has mode 0600, and is refused if others may read it. It must
// not lie on a network file system, whose locks can't be trusted.
//
// Every call opens the file, locks it for itself, runs one transaction and closes
// it. Measured on a small virtual machine: Get 0.04 ms; Put, Take and First 0.1 ms
// with NoSync, else 0.3 ms, and as long as the disk needs to write twice where it is
// slower: 20 ms and more if it turns. A busy server with 0-RTT wants NoSync, or a
// store of another kind.
//
// When it is full, the value that ends first goes; what First remembers stays
// until its time, and a First that finds no room fails. The file grows up to what
// its entries need, at most 64 KiB each, and does not shrink.
type File struct {
	*database
	max    int
	opened time.Time // zero unless NoSync
}

// The title of a File, readable with strings(1).
const fileTitle = "Handclasp session store, format 1. HOLDS SECRETS: keep it to yourself."

// Entries are kept by key, and in order of their end under end || key:
//
//	values: key -> uint64 end; opaque value   valueEnds: uint64 end; opaque key
//	firsts: key -> uint64 end                 firstEnds: likewise
//
// Ends are nanoseconds since 1970. The sequence of a bucket is how many it holds.
type table struct{ entries, ends []byte }

var (
	values = table{[]byte("values"), []byte("valueEnds")}
	firsts = table{[]byte("firsts"), []byte("firstEnds")}
)

// OpenFile opens the store at path and makes the file if there is none. The error
// is a *fault.Error; its field names the file.
func OpenFile(path string, o FileOptions) (*File, error) {
	max, err := atLeast("MaxEntries", o.MaxEntries, 1<<16)
	if err != nil {
		return nil, err
	}
	f := &File{max: max, database: &database{
		path:   path,
		title:  []byte(fileTitle),
		tables: [][]byte{values.entries, values.ends, firsts.entries, firsts.ends},
		clock:  o.Clock,
		wait:   o.Wait,
		noSync: o.NoSync,
	}}
	if err := f.start(); err != nil {
		return nil, err
	}
	if o.NoSync {
		f.opened = o.Clock()
	}
	return f, nil
}

// Close is for symmetry: between calls nothing is open.
func (f *File) Close() error { return nil }

// Since is when the file was made, or with NoSync opened by this process, if that
// is later: what First was told before may be lost.
func (f *File) Since() time.Time {
	created := f.since()
	if created.Before(f.opened) {
		return f.opened
	}
	return created
}

// Put fails for values above 65,535 bytes, and where entries of First leave no
// room. One whose ttl is not above zero is over at once.
func (f *File) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := tooLarge(value); err != nil {
		return err
	}
	return f.change(ctx, func(s *shop) error {
		if err := s.remove(values, []byte(key)); err != nil || ttl <= 0 {
			return err
		}
		return s.add(values, []byte(key), value, ttl)
	})
}

func (f *File) Get(ctx context.Context, key string) (value []byte, err error) {
	err = f.view(ctx, func(tx *bbolt.Tx) error {
		value = f.shop(tx).get(values, []byte(key))
		return nil
	})
	return value, err
}

func (f *File) Take(ctx context.Context, key string) (value []byte, err error) {
	err = f.change(ctx, func(s *shop) error {
		value = s.get(values, []byte(key))
		return s.remove(values, []byte(key))
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// First has keys of its own, which Get does not see.
func (f *File) First(ctx context.Context, key string, ttl time.Duration) (first bool, err error) {
	if ttl <= 0 {
		return false, errNoTime()
	}
	err = f.change(ctx, func(s *shop) error {
		if s.get(firsts, []byte(key)) != nil {
			return nil
		}
		first = true
		if err := s.remove(firsts, []byte(key)); err != nil {
			return err
		}
		return s.add(firsts, []byte(key), nil, ttl)
	})
	return first && err == nil, err
}

// change is update with a little tidying up before, so that it is never much.
func (f *File) change(ctx context.Context, do func(*shop) error) error {
	return f.update(ctx, func(tx *bbolt.Tx) error {
		s := f.shop(tx)
		for _, t := range []table{values, firsts} {
			if err := s.sweep(t, 16); err != nil {
				return err
			}
		}
		return do(s)
	})
}

// A shop is a File during a transaction.
type shop struct {
	*bbolt.Tx
	now uint64
	max int
}

func (f *File) shop(tx *bbolt.Tx) *shop {
	return &shop{tx, uint64(max(0, f.clock().UnixNano())), f.max}
}

const endLen = 8

// get gives a copy, nil if there is no entry or it is over.
func (s *shop) get(t table, key []byte) []byte {
	b := s.Bucket(t.entries).Get(key)
	if len(b) < endLen || binary.BigEndian.Uint64(b) <= s.now {
		return nil
	}
	return copyOf(b[endLen:])
}

// add keeps an entry whose key is free.
func (s *shop) add(t table, key, value []byte, ttl time.Duration) error {
	for s.Bucket(values.entries).Sequence()+s.Bucket(firsts.entries).Sequence() >= uint64(s.max) {
		at, _ := s.Bucket(values.ends).Cursor().First()
		if at == nil {
			return fault.StoreFull.In("MaxEntries").Saw(s.max, nil)
		}
		if err := s.end(values, bytes.Clone(at)); err != nil {
			return err
		}
	}
	entry := binary.BigEndian.AppendUint64(nil, s.now+uint64(ttl))
	at := append(bytes.Clone(entry), key...)
	entries := s.Bucket(t.entries)
	return errors.Join(
		entries.Put(key, append(entry, value...)),
		s.Bucket(t.ends).Put(at, nil),
		entries.SetSequence(entries.Sequence()+1))
}

func (s *shop) remove(t table, key []byte) error {
	entries := s.Bucket(t.entries)
	b := entries.Get(key)
	if len(b) < endLen {
		return nil
	}
	at := append(bytes.Clone(b[:endLen]), key...)
	return errors.Join(
		entries.Delete(key),
		s.Bucket(t.ends).Delete(at),
		entries.SetSequence(entries.Sequence()-1))
}

// end removes the entry that ends first, and its place among the ends also where a
// damaged file has no such entry: else that would be the first for ever.
func (s *shop) end(t table, at []byte) error {
	return errors.Join(s.remove(t, at[min(endLen, len(at)):]), s.Bucket(t.ends).Delete(at))
}

// sweep removes up to n entries that are over.
func (s *shop) sweep(t table, n int) error {
	for range n {
		at, _ := s.Bucket(t.ends).Cursor().First()
		if len(at) < endLen || binary.BigEndian.Uint64(at) > s.now {
			break
		}
		if err := s.end(t, bytes.Clone(at)); err != nil {
			return err
		}
	}
	return nil
}
