package session

import "context"

// A Cache keeps a server's sessions under the session IDs that it gave (RFC 5246,
// Section 7.4.1.3). They stand in the KV as they are, master secrets included: the
// KV must be as trustworthy as the server's memory. A File is readable to its owner
// alone.
type Cache struct{ kv KV }

func NewCache(kv KV) *Cache { return &Cache{kv} }

// cacheKey keeps the IDs apart from what else the KV holds.
func cacheKey(id []byte) string { return "session-id/" + string(id) }

// Put keeps s until its lifetime is over.
func (c *Cache) Put(ctx context.Context, id []byte, s *State) error {
	b, err := s.Append(nil)
	if err != nil {
		return err
	}
	defer clear(b)
	return c.kv.Put(ctx, cacheKey(id), b, min(s.Lifetime, MaxLifetime))
}

// Get gives the state, or nil if there is none. Whether it is Fresh is for the
// caller to see.
func (c *Cache) Get(ctx context.Context, id []byte) (*State, error) {
	b, err := c.kv.Get(ctx, cacheKey(id))
	if b == nil || err != nil {
		return nil, err
	}
	defer clear(b)
	return ParseState(b)
}

// Drop forgets the state: a connection that ends with a fatal alert must not be
// resumed (RFC 5246, Section 7.2.2).
func (c *Cache) Drop(ctx context.Context, id []byte) error {
	b, err := c.kv.Take(ctx, cacheKey(id))
	clear(b)
	return err
}
