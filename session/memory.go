package session

import (
	"container/heap"
	"container/list"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// maxValue bounds a value in a KV of this package, in bytes: it is that of a
// ticket, so that a session is resumed or not, however it is kept.
const maxValue = maxTicket

// MemoryOptions are what NewMemory needs.
type MemoryOptions struct {
	Clock      func() time.Time // must be set
	MaxEntries int              // 0 means 16,384
	MaxBytes   int              // of keys and values together; 0 means 64 MiB
}

// A Memory is a KV in this process. When it is full, the value that was used
// least recently goes; what First remembers stays until its time, and a First
// that finds no room fails. Its values are wiped when they go.
type Memory struct {
	o       MemoryOptions
	created time.Time

	mu      sync.Mutex
	values  map[string]*entry
	firsts  map[string]*entry
	used    list.List // of values, the least recently used last
	ends    endings   // of all entries
	content int       // bytes of keys and values
}

// An entry is a value, or what First remembers of a key, which has none.
type entry struct {
	key   string
	value []byte
	end   time.Time
	place int           // in ends
	use   *list.Element // nil for what First remembers
}

// NewMemory makes an empty store. The error is a *fault.Error, of ConfigValue.
func NewMemory(o MemoryOptions) (*Memory, error) {
	err := needClock(o.Clock)
	if err == nil {
		o.MaxEntries, err = atLeast("MaxEntries", o.MaxEntries, 1<<14)
	}
	if err == nil {
		o.MaxBytes, err = atLeast("MaxBytes", o.MaxBytes, 64<<20)
	}
	if err != nil {
		return nil, err
	}
	m := &Memory{o: o, created: o.Clock(), values: make(map[string]*entry), firsts: make(map[string]*entry)}
	m.used.Init()
	return m, nil
}

// Since is when the store was made: what First was told before is lost.
func (m *Memory) Since() time.Time { return m.created }

// Put fails for values above 65,535 bytes, and where entries of First leave no
// room. One whose ttl is not above zero is over at once.
func (m *Memory) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := tooLarge(value); err != nil {
		return err
	}
	now, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.remove(m.values[key])
	if ttl <= 0 {
		return nil
	}
	e := &entry{key: key, value: copyOf(value), end: now.Add(ttl)}
	return m.add(e)
}

// Get counts as a use.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	now, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	e := m.values[key]
	if e == nil || !now.Before(e.end) {
		return nil, nil
	}
	m.used.MoveToFront(e.use)
	return copyOf(e.value), nil
}

func (m *Memory) Take(ctx context.Context, key string) ([]byte, error) {
	now, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	e := m.values[key]
	if e == nil || !now.Before(e.end) {
		return nil, nil
	}
	value := copyOf(e.value)
	m.remove(e)
	return value, nil
}

// First has keys of its own, which Get does not see.
func (m *Memory) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	now, err := m.lock(ctx)
	if err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if e := m.firsts[key]; e != nil && now.Before(e.end) {
		return false, nil
	} else if e != nil {
		m.remove(e)
	}
	if ttl <= 0 {
		return false, errNoTime()
	}
	if err := m.add(&entry{key: key, end: now.Add(ttl)}); err != nil {
		return false, err
	}
	return true, nil
}

// lock takes the lock and does its share of tidying up: each entry goes once, so
// a few at each call keep up with what comes in, and no call takes long.
func (m *Memory) lock(ctx context.Context) (now time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return now, err
	}
	now = m.o.Clock()
	m.mu.Lock()
	for range 8 {
		if len(m.ends) == 0 || now.Before(m.ends[0].end) {
			break
		}
		m.remove(m.ends[0])
	}
	return now, nil
}

// add keeps e, whose key must be free, and makes room for it.
func (m *Memory) add(e *entry) error {
	for len(m.ends) >= m.o.MaxEntries || m.content+e.size() > m.o.MaxBytes {
		oldest := m.used.Back()
		if oldest == nil {
			clear(e.value)
			return fault.StoreFull.In("MaxEntries").Saw(len(m.ends), nil)
		}
		m.remove(oldest.Value.(*entry))
	}
	e.key = strings.Clone(e.key)
	m.content += e.size()
	heap.Push(&m.ends, e)
	if e.value == nil {
		m.firsts[e.key] = e
		return nil
	}
	e.use = m.used.PushFront(e)
	m.values[e.key] = e
	return nil
}

func (m *Memory) remove(e *entry) {
	if e == nil {
		return
	}
	heap.Remove(&m.ends, e.place)
	m.content -= e.size()
	if e.use == nil {
		delete(m.firsts, e.key)
		return
	}
	m.used.Remove(e.use)
	delete(m.values, e.key)
	clear(e.value)
}

func (e *entry) size() int { return len(e.key) + len(e.value) }

// copyOf is a copy that is not nil, which would mean that there is none.
func copyOf(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

func tooLarge(value []byte) error {
	if len(value) > maxValue {
		return fault.SessionTooLarge.New().Saw(bytesText(len(value)), "at most "+bytesText(maxValue))
	}
	return nil
}

// errNoTime is a promise that would hold for no time.
func errNoTime() error {
	return fault.ConfigValue.In("ttl").Saw("0 or less", "how long First is to remember")
}

// endings is a heap of entries, the first to end at the top.
type endings []*entry

func (h endings) Len() int           { return len(h) }
func (h endings) Less(i, j int) bool { return h[i].end.Before(h[j].end) }
func (h endings) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *endings) Push(x any) {
	e := x.(*entry)
	e.place = len(*h)
	*h = append(*h, e)
}

func (h *endings) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
