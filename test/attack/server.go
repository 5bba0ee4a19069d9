package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/httptls"
)

// A serverOrder is what the server's process is to do.
type serverOrder struct {
	Chain, Key []byte // PEM
	HalfOpen   int
	Handshake  time.Duration
}

// A fort is the server: httptls as anybody would use it.
type fort struct {
	address string
	mu      sync.Mutex
	held
	crowded, slow, refused, gone atomic.Int64
}

// held is what the server's process had in memory, in bytes, and whom it threw out.
type held struct {
	Most, Live int64 // of all memory, and of what is not garbage
	Goroutines int64

	Crowded, Slow, Refused, Gone int64
}

func (o serverOrder) serve() (*fort, error) {
	cert, err := handclasp.X509KeyPair(o.Chain, o.Key)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fort{address: l.Addr().String()}
	srv := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, page) }),
		ErrorLog:          log.New(f, "", 0),
		ReadHeaderTimeout: 5 * time.Second,
	}
	cfg := &handclasp.ServerConfig{
		Certificates: []handclasp.Certificate{cert},
		Limits:       handclasp.Limits{HalfOpen: o.HalfOpen, HandshakeTime: o.Handshake},
	}
	go httptls.Serve(l, srv, cfg)
	go f.watch()
	return f, nil
}

const page = "You are welcome.\n"

// Write takes a line of the log and counts what it tells.
func (f *fort) Write(line []byte) (int, error) {
	text := string(line)
	is := func(rules ...*fault.Rule) bool {
		for _, r := range rules {
			if strings.Contains(text, strings.TrimSuffix(r.Text, ".")) {
				return true
			}
		}
		return false
	}
	switch {
	case is(fault.HandshakeCrowded):
		f.crowded.Add(1)
	case is(fault.HandshakeTooSlow):
		f.slow.Add(1)
	case is(fault.ClosedEarly, fault.PeerReset):
		f.gone.Add(1)
	default:
		f.refused.Add(1)
	}
	return len(line), nil
}

// watch samples the memory that the process holds and has not given back.
func (f *fort) watch() {
	for {
		m := memory()
		f.mu.Lock()
		f.Most, f.Live, f.Goroutines = max(f.Most, m.Most), max(f.Live, m.Live), max(f.Goroutines, m.Goroutines)
		f.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

func memory() held {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/heap/live:bytes"}, {Name: "/sched/goroutines:goroutines"},
	}
	metrics.Read(samples)
	n := func(i int) int64 { return int64(samples[i].Value.Uint64()) }
	return held{Most: n(0) - n(1), Live: n(2), Goroutines: n(3)}
}

func (f *fort) report() held {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.held
	h.Crowded, h.Slow, h.Refused, h.Gone = f.crowded.Load(), f.slow.Load(), f.refused.Load(), f.gone.Load()
	return h
}
