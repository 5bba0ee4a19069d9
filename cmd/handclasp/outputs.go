package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
)

// outputs are the files that a run writes besides. What was not asked for is nil.
type outputs struct {
	keylog *os.File
	events *eventLog
}

// open opens the files. A key log is readable for nobody else, since whoever
// reads it reads the traffic; events hold no secret.
func (c *common) open() (*outputs, error) {
	o := new(outputs)
	if c.keylog == "-" || c.events == "-" {
		return nil, &usageError{"--keylog and --events want the name of a file; - is none.", "Give a file name, or /dev/stderr."}
	}
	if c.keylog != "" {
		f, err := os.OpenFile(c.keylog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fileError("--keylog", c.keylog, err)
		}
		o.keylog = f
		if err := f.Chmod(0o600); err != nil { // it may have been there before
			o.close()
			return nil, fileError("--keylog", c.keylog, err)
		}
	}
	if c.events != "" {
		f, err := os.Create(c.events)
		if err != nil {
			o.close()
			return nil, fileError("--events", c.events, err)
		}
		o.events = &eventLog{file: f, w: bufio.NewWriter(f), start: time.Now()}
	}
	return o, nil
}

// keys is the key log as a configuration takes it: nil if there is none.
func (o *outputs) keys() io.Writer {
	if o.keylog == nil {
		return nil
	}
	return o.keylog
}

func (o *outputs) close() error {
	if o.keylog != nil {
		o.keylog.Close() // each line was written whole
	}
	return o.events.close()
}

// An eventLog is the file of --events. Connections share it, and the two sides
// of an embedded handshake too.
type eventLog struct {
	mu    sync.Mutex
	file  *os.File
	w     *bufio.Writer
	start time.Time
	err   error
}

// watcher is a watcher for one connection. A number other than 0 goes into each
// line as "conn", so that a server's connections can be told apart.
func (l *eventLog) watcher(number int) func(*handclasp.Event) {
	if l == nil {
		return func(*handclasp.Event) {}
	}
	return func(ev *handclasp.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		line, err := explain.EventJSON(ev, time.Since(l.start))
		if err == nil && number > 0 {
			line = append(fmt.Appendf(nil, `{"conn":%d,`, number), line[1:]...)
		}
		l.keep(err)
		_, err = l.w.Write(append(line, '\n'))
		l.keep(err)
		if number > 0 {
			l.keep(l.w.Flush()) // a server may run for long, and somebody may be looking on
		}
	}
}

func (l *eventLog) keep(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *eventLog) close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(l.w.Flush())
	l.keep(l.file.Close())
	if l.err != nil {
		return fileError("--events", l.file.Name(), l.err)
	}
	return nil
}
