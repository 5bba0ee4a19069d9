//go:build !js && !wasip1 && !plan9

package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolt "go.etcd.io/bbolt/errors"

	"github.com/handclasp/handclasp/fault"
)

// A database is a bbolt file that several processes share: it is opened, locked,
// used for one transaction and closed again each time.
type database struct {
	path   string
	title  []byte // names kind and format, for whoever looks into the file
	tables [][]byte
	clock  func() time.Time
	wait   time.Duration
	noSync bool

	turn chan struct{} // holds one token: whoever has it may open the file

	mu      sync.Mutex
	sound   os.FileInfo // of the file that was looked through
	created time.Time   // of the file that was used last
	damaged os.FileInfo // of the file that was found damaged
}

var (
	aboutBucket = []byte("about")
	titleKey    = []byte("title")
	createdKey  = []byte("created")
)

// retry is how long to wait for the file's lock between two attempts. Others hold
// it for about that long.
const retry = time.Millisecond

// start makes d ready and the file, if there is none.
func (d *database) start() error {
	err := needClock(d.clock)
	if err == nil {
		d.wait, err = atLeast("Wait", d.wait, 5*time.Second)
	}
	if err != nil {
		return err
	}
	d.turn = make(chan struct{}, 1)
	d.turn <- struct{}{}
	return d.view(context.Background(), func(*bbolt.Tx) error { return nil })
}

// since is when the file was made that the last transaction saw.
func (d *database) since() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.created
}

// update runs f in a transaction that is kept if f gives no error.
func (d *database) update(ctx context.Context, f func(*bbolt.Tx) error) error {
	return d.with(ctx, func(db *bbolt.DB) error { return db.Update(f) })
}

// view runs f in a transaction that changes nothing.
func (d *database) view(ctx context.Context, f func(*bbolt.Tx) error) error {
	return d.with(ctx, func(db *bbolt.DB) error { return db.View(f) })
}

func (d *database) with(ctx context.Context, f func(*bbolt.DB) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.wait)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return err // select might go on
	}
	select {
	case <-ctx.Done():
		return d.fail(fault.StoreBusy, ctx.Err())
	case <-d.turn:
	}
	defer func() { d.turn <- struct{}{} }()
	for {
		err := d.attempt(f)
		if !errors.Is(err, bolt.ErrTimeout) && !errors.Is(err, errReplaced) {
			return err
		}
		select {
		case <-ctx.Done():
			return d.fail(fault.StoreBusy, ctx.Err())
		case <-time.After(retry):
		}
	}
}

// errReplaced: while we waited for its lock, or were about to look through it, the file
// was removed or replaced.
var errReplaced = errors.New("the file was replaced")

// attempt opens the file, runs f and closes it. bbolt panics, or reads beyond the
// end of what it mapped, where a file is damaged; both become errors here. What would
// be worse lookThrough finds before, in a file that is new to us.
func (d *database) attempt(f func(*bbolt.DB) error) (err error) {
	if err := d.stillDamaged(); err != nil {
		return err
	}
	var file *os.File
	defer func(old bool) {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			err = d.spoiled(file, fmt.Errorf("%v", p))
			abandon(file)
		}
	}(debug.SetPanicOnFault(true))
	begin := func(readOnly bool) (*bbolt.DB, error) {
		return bbolt.Open(d.path, 0o600, &bbolt.Options{
			Timeout:  time.Nanosecond, // one attempt
			NoSync:   d.noSync,
			ReadOnly: readOnly,
			OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
				f, err := d.open(path, flag, mode)
				file = f
				return f, err
			},
		})
	}
	if there := d.unseen(); there != nil {
		db, err := begin(true)
		if err != nil {
			return d.openError(file, err)
		}
		err = lookThrough(file, int64(db.Info().PageSize))
		db.Close()
		if err != nil {
			return d.spoiled(file, err)
		}
		d.see(there)
	}
	db, err := begin(false)
	if err != nil {
		return d.openError(file, err)
	}
	if err := d.check(db, file); err != nil {
		db.Close()
		return err
	}
	if err = f(db); err != nil {
		err = d.storeError(err)
	}
	if close := db.Close(); close != nil && err == nil {
		err = d.storeError(close)
	}
	return err
}

// open refuses a file that others may read before a secret goes there.
func (d *database) open(path string, flag int, mode os.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flag, mode)
	looking := flag&os.O_CREATE == 0 // before it is opened for good
	if looking && errors.Is(err, os.ErrNotExist) {
		return nil, errReplaced
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case looking && info.Size() == 0: // bbolt would begin to fill it
		err = errReplaced
	case !info.Mode().IsRegular():
		err = fault.StoreDamaged.In(d.path).Saw(info.Mode().Type().String(), "a regular file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0: // there the bits say nothing
		err = fault.StorePermissions.In(d.path).Saw(info.Mode().Perm().String(), "-rw-------")
	default:
		return file, nil
	}
	file.Close()
	return nil, err
}

// check makes sure that the file that is locked is still the one that others find,
// and that it is of our kind. A new file becomes one.
func (d *database) check(db *bbolt.DB, file *os.File) error {
	here, err := file.Stat()
	if err != nil {
		return d.fail(fault.StoreFailed, err)
	}
	if there, err := os.Stat(d.path); err != nil || !os.SameFile(here, there) {
		return errReplaced
	}
	var created time.Time
	fresh := false
	err = db.View(func(tx *bbolt.Tx) error {
		about := tx.Bucket(aboutBucket)
		if about == nil {
			first, _ := tx.Cursor().First()
			fresh = first == nil
		}
		if fresh {
			return nil
		}
		if about == nil || !bytes.Equal(about.Get(titleKey), d.title) {
			return fmt.Errorf("it does not say of itself that it is %q", d.title)
		}
		for _, name := range d.tables {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("it lacks the table %s", name)
			}
		}
		return created.UnmarshalBinary(about.Get(createdKey))
	})
	if err == nil && fresh {
		created, err = d.found(db)
	}
	if err != nil {
		return d.spoiled(file, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.created = created
	return nil
}

// found marks a new file.
func (d *database) found(db *bbolt.DB) (time.Time, error) {
	now := d.clock().Round(0)
	return now, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range d.tables {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		about, err := tx.CreateBucket(aboutBucket)
		if err != nil {
			return err
		}
		b, err := now.MarshalBinary()
		return errors.Join(err, about.Put(titleKey, d.title), about.Put(createdKey, b))
	})
}

// openError tells a lock that somebody holds from a file that is broken.
func (d *database) openError(file *os.File, err error) error {
	_, ours := errors.AsType[*fault.Error](err)
	_, system := errors.AsType[interface {
		error
		Timeout() bool // as all errors of the operating system have it
	}](err)
	switch {
	case ours, errors.Is(err, bolt.ErrTimeout), errors.Is(err, errReplaced):
		return err
	case system:
		return d.fail(fault.StoreFailed, err)
	}
	return d.spoiled(file, err)
}

// storeError is for what a transaction came to.
func (d *database) storeError(err error) error {
	if _, ours := errors.AsType[*fault.Error](err); ours {
		return err
	}
	return d.fail(fault.StoreFailed, err)
}

func (d *database) fail(r *fault.Rule, err error) error { return r.In(d.path).Because(err) }

// spoiled remembers a damaged file: each attempt to open one may cost memory that
// does not come back.
func (d *database) spoiled(file *os.File, cause error) error {
	if info, err := os.Stat(d.path); err == nil && file != nil {
		d.mu.Lock()
		d.damaged = info
		d.mu.Unlock()
	}
	return d.fail(fault.StoreDamaged, cause)
}

// unseen is the file to be looked through: nil if there is none, it is empty, or it was.
func (d *database) unseen() os.FileInfo {
	there, err := os.Stat(d.path)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || there.Size() == 0 || d.sound != nil && os.SameFile(d.sound, there) {
		return nil
	}
	return there
}

func (d *database) see(there os.FileInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sound = there
}

// stillDamaged is an error until the damaged file was removed or written to.
func (d *database) stillDamaged() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.damaged == nil {
		return nil
	}
	info, err := os.Stat(d.path)
	if err == nil && os.SameFile(info, d.damaged) && info.ModTime().Equal(d.damaged.ModTime()) && info.Size() == d.damaged.Size() {
		return d.fail(fault.StoreDamaged, errors.New("nothing was done about it"))
	}
	d.damaged = nil
	return nil
}
