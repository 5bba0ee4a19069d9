//go:build !js && !wasip1 && !plan9

package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// A damaged file, as a crash of the machine may leave one with NoSync, can have pages that
// lead back to themselves, or more free pages than there is memory for. Then bbolt
// runs out of stack or memory, from which nobody recovers. So a file that was not there
// before is looked through, once: each page must be reached once, and none be free too.
// Its format is that of bbolt, in the byte order of the machine:
//
//	page:     uint64 id; uint16 flags, count; uint32 overflow; elements, by flags:
//	  branch:   uint32 pos, ksize; uint64 page
//	  leaf:     uint32 flags, pos, ksize, vsize
//	  free:     uint64 page; if count is 65,535 the first is their number
//	  meta:     uint32 magic, version, page size, flags; uint64 root, sequence, free, pages, transaction, checksum
//	bucket, the value of a leaf's element with flag 1: uint64 root, sequence; if root is 0, a page
const (
	pageHeader = 16
	element    = 16
	metaLen    = 64
	metaSummed = metaLen - 8

	branchPage = 1
	leafPage   = 2
	freePage   = 16

	bucketFlag = 1
	manyFree   = 0xffff
	noFree     = 1<<64 - 1 // free pages are not kept
)

// A look goes through the pages of a file.
type look struct {
	file   io.ReaderAt
	size   int64           // of a page, in bytes
	pages  uint64          // how many there are
	seen   map[uint64]bool // those that were reached
	behind []uint64        // those that are to be
}

// lookThrough fails if the pages of a file that bbolt would open do not make up trees.
func lookThrough(file io.ReaderAt, size int64) error {
	root, free, pages, err := lastMeta(file, size)
	if err != nil {
		return err
	}
	l := &look{file, size, pages, make(map[uint64]bool), []uint64{root}}
	for len(l.behind) > 0 {
		last := len(l.behind) - 1
		id := l.behind[last]
		l.behind = l.behind[:last]
		if err := l.visit(id); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
	}
	if free == noFree {
		return nil
	}
	if err := l.free(free); err != nil {
		return fmt.Errorf("page %d: %w", free, err)
	}
	return nil
}

// lastMeta is what the last transaction left: of the two first pages, the newer that is whole.
func lastMeta(file io.ReaderAt, size int64) (root, free, pages uint64, err error) {
	number := binary.NativeEndian
	newest, found := uint64(0), false
	for page := range int64(2) {
		var b [metaLen]byte
		if _, err := file.ReadAt(b[:], page*size+pageHeader); err != nil {
			continue
		}
		sum := fnv.New64a()
		sum.Write(b[:metaSummed])
		if number.Uint64(b[metaSummed:]) != sum.Sum64() {
			continue
		}
		if when := number.Uint64(b[48:]); !found || when > newest {
			newest, found = when, true
			root, free, pages = number.Uint64(b[16:]), number.Uint64(b[32:]), number.Uint64(b[40:])
		}
	}
	if !found {
		return 0, 0, 0, errors.New("neither of the first two pages is whole")
	}
	return root, free, pages, nil
}

// page takes hold of page id, of one of the kinds, and gives its number of elements and of
// bytes behind its header.
func (l *look) page(id uint64, kinds uint16) (flags uint16, count, room int64, err error) {
	var h [pageHeader]byte
	if id < 2 || id >= l.pages {
		return 0, 0, 0, fmt.Errorf("there are %d pages", l.pages)
	}
	if _, err := l.file.ReadAt(h[:], int64(id)*l.size); err != nil {
		return 0, 0, 0, err
	}
	number := binary.NativeEndian
	flags, count = number.Uint16(h[8:]), int64(number.Uint16(h[10:]))
	more := uint64(number.Uint32(h[12:]))
	if got := number.Uint64(h[:]); got != id || flags&kinds == 0 || flags&(flags-1) != 0 || id+more >= l.pages {
		return 0, 0, 0, fmt.Errorf("says that it is page %d of kind %d and %d more", got, flags, more)
	}
	for i := id; i <= id+more; i++ {
		if l.seen[i] {
			return 0, 0, 0, errors.New("is reached twice")
		}
		l.seen[i] = true
	}
	return flags, count, int64(more+1)*l.size - pageHeader, nil
}

// visit goes through a page of a tree.
func (l *look) visit(id uint64) error {
	flags, count, room, err := l.page(id, branchPage|leafPage)
	if err != nil {
		return err
	}
	if count*element > room {
		return fmt.Errorf("has no room for %d elements", count)
	}
	at := int64(id)*l.size + pageHeader
	b := make([]byte, count*element)
	if _, err := l.file.ReadAt(b, at); err != nil {
		return err
	}
	number := binary.NativeEndian
	for ; len(b) > 0; b, at = b[element:], at+element {
		switch {
		case flags == branchPage:
			l.behind = append(l.behind, number.Uint64(b[8:]))
		case number.Uint32(b)&bucketFlag != 0:
			if err := l.bucket(at + int64(number.Uint32(b[4:])) + int64(number.Uint32(b[8:]))); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket goes to the tree of a bucket; one that lies inside an element is a leaf.
func (l *look) bucket(at int64) error {
	var b [16 + pageHeader]byte
	if n, err := l.file.ReadAt(b[:], at); err != nil && n < 16 {
		return err
	}
	number := binary.NativeEndian
	if root := number.Uint64(b[:]); root != 0 {
		l.behind = append(l.behind, root)
	} else if kind := number.Uint16(b[16+8:]); kind != leafPage {
		return fmt.Errorf("holds a bucket of kind %d", kind)
	}
	return nil
}

// free goes through the list of free pages.
func (l *look) free(id uint64) error {
	_, count, room, err := l.page(id, freePage)
	if err != nil {
		return err
	}
	var b [8]byte
	at, number := int64(id)*l.size+pageHeader, binary.NativeEndian
	if count == manyFree {
		if _, err := l.file.ReadAt(b[:], at); err != nil {
			return err
		}
		count, at, room = int64(min(number.Uint64(b[:]), l.pages)), at+8, room-8
	}
	if count*8 > room {
		return fmt.Errorf("has no room for %d free pages", count)
	}
	list := make([]byte, count*8)
	if _, err := l.file.ReadAt(list, at); err != nil {
		return err
	}
	for ; len(list) > 0; list = list[8:] {
		if page := number.Uint64(list); page < 2 || page >= l.pages || l.seen[page] {
			return fmt.Errorf("says that page %d is free", page)
		}
	}
	return nil
}
