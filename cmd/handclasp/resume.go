package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	store "github.com/handclasp/handclasp/session"
)

// maxEarlyFile bounds what --early-data-file reads: no server takes as much.
const maxEarlyFile = 1 << 20

// memory are the flags of a client that remembers.
type memory struct {
	session, earlyFile string
	ids                bool
	early              []byte // what is in earlyFile
}

func (m *memory) declare(f *pflag.FlagSet) {
	f.StringVar(&m.session, "session", "", "keep the session in `FILE` and resume from it; who has it can speak for you")
	f.BoolVar(&m.ids, "session-ids", false, "keep a session ID, not a ticket, of TLS 1.2 and below; needs --session")
	f.StringVar(&m.earlyFile, "early-data-file", "", "send what is in `FILE` in 0-RTT if --session lets it")
}

// configure puts into cfg what the flags say.
func (m *memory) configure(cfg *handclasp.ClientConfig) error {
	switch {
	case m.earlyFile != "" && m.session == "":
		return &usageError{"--early-data-file needs --session: only a resumed connection has 0-RTT.", "Give --session FILE too; the first connection fills it."}
	case m.ids && m.session == "":
		return &usageError{"--session-ids needs --session: without it nothing is resumed.", "Give --session FILE too."}
	case m.session == "":
		return nil
	}
	sessions, err := store.NewClientFile(m.session, store.ClientOptions{Clock: time.Now})
	if err != nil {
		return fileError("--session", m.session, err)
	}
	cfg.Sessions, cfg.SessionIDs, cfg.Time = sessions, m.ids, time.Now
	if m.earlyFile == "" {
		return nil
	}
	file, err := os.Open(m.earlyFile)
	if err != nil {
		return fileError("--early-data-file", m.earlyFile, err)
	}
	defer file.Close()
	if m.early, err = io.ReadAll(io.LimitReader(file, maxEarlyFile+1)); err != nil {
		return fileError("--early-data-file", m.earlyFile, err)
	}
	if len(m.early) > maxEarlyFile {
		return fileError("--early-data-file", m.earlyFile, fmt.Errorf("it has more than %d bytes", maxEarlyFile))
	}
	cfg.EarlyData = true
	return nil
}

// sendEarly sends the early data before the handshake is complete, if that is
// possible, and says whether it went out.
func (m *memory) sendEarly(conn *handclasp.Conn) (sent bool, err error) {
	if len(m.early) == 0 {
		return false, nil
	}
	_, err = conn.WriteEarly(m.early)
	if errors.Is(err, fault.EarlyDataUnavailable) || errors.Is(err, fault.EarlyDataTooLarge) {
		return false, nil // the story says why
	}
	return err == nil, err
}

// sendLate sends the early data in the ordinary way, if the server did not get
// it: that it may be sent again is what --early-data-file says. A server that
// accepts early data has not got what was too much for the session and never went
// out.
func (m *memory) sendLate(conn *handclasp.Conn, sent bool) error {
	if len(m.early) == 0 || sent && conn.Info().EarlyData.State == flow.EarlyAccepted {
		return nil
	}
	_, err := conn.Write(m.early)
	return err
}

// tickets are the flags of a server that can resume.
type tickets struct {
	count    int
	ids      bool
	idsGiven bool // asked for, and not only the default
	early    uint32
	store    string
}

func (t *tickets) declare(f *pflag.FlagSet) {
	f.IntVar(&t.count, "tickets", 2, "give each client `N` tickets, 0 to 16; in TLS 1.2 and below one is all it gets")
	f.BoolVar(&t.ids, "session-ids", true, "keep sessions of TLS 1.2 and below for clients without tickets")
	f.Uint32Var(&t.early, "early-data", 0, "accept up to `BYTES` of 0-RTT data on a resumed connection")
	f.StringVar(&t.store, "store", "", "share ticket keys, sessions and what guards 0-RTT with other servers in `FILE`")
}

// configure puts into cfg what the flags say. The store is to be closed.
func (t *tickets) configure(cfg *handclasp.ServerConfig) (close func() error, err error) {
	close = func() error { return nil }
	if t.count < 0 || t.count > 16 {
		return close, &usageError{fmt.Sprintf("--tickets: %d is not possible.", t.count), "Give 0 to 16; 2 is usual."}
	}
	if t.count == 0 && t.early > 0 {
		return close, &usageError{"--early-data needs tickets: only a resumed connection has 0-RTT.", "Leave out --tickets 0."}
	}
	p, err := cfg.Params()
	if err != nil {
		return close, err
	}
	old := p.Versions[len(p.Versions)-1] < iana.TLS13
	if t.store != "" && t.count == 0 && !(t.ids && old) {
		return close, &usageError{"--store has nothing to keep: no client gets a ticket, and no session has an ID.", "Leave out --store, or --tickets 0."}
	}
	if t.count == 0 && !t.ids {
		return close, nil
	}
	options := store.TicketOptions{Clock: time.Now, Rand: rand.Reader}
	var kv store.KV
	if t.store != "" {
		file, err := store.OpenFile(t.store, store.FileOptions{Clock: time.Now, NoSync: true})
		if err != nil {
			return close, fileError("--store", t.store, err)
		}
		kv, close = file, file.Close
		if options.Source, err = store.StoredKeys(file, rand.Reader, store.Rotation{}); err != nil {
			return close, err
		}
	} else if kv, err = store.NewMemory(store.MemoryOptions{Clock: time.Now}); err != nil {
		return close, err
	}
	cfg.Time = time.Now
	if t.ids {
		cfg.SessionCache = store.NewCache(kv)
	}
	if t.count == 0 {
		return close, nil
	}
	if cfg.Tickets, err = store.NewTickets(options); err != nil {
		return close, err
	}
	cfg.TicketCount = t.count
	if t.early == 0 {
		return close, nil
	}
	guard, err := store.NewGuard(store.GuardOptions{KV: kv, Clock: time.Now})
	if err != nil {
		return close, err
	}
	cfg.EarlyData, cfg.Guard = t.early, guard
	return close, nil
}
