package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// A talk moves data over a connection of ours that stands, and compares.
type talk func(*ours) error

const (
	page   = 1 << 20 // bytes, at most, to peers that are slow or speak HTTP
	little = 1 << 16 // bytes in each direction, where it is not for the data's sake
	least  = 1 << 10 // likewise where each byte costs a record or a segment
)

// amount is how much data a case moves in each direction, in bytes.
func (k *kit) amount(c testCase) int {
	switch {
	case c.wire != whole:
		return min(k.data, least)
	case c.bulk:
		return k.data
	}
	return min(k.data, little)
}

// random is n characters of random text in lines: some peers echo lines, or
// make a record of each, so that short ones would take long.
func random(n int) []byte {
	const width = 4000
	raw := make([]byte, n)
	rand.Read(raw)
	text := base64.StdEncoding.AppendEncode(nil, raw)[:n]
	for i := width; i < n; i += width + 1 {
		text[i] = '\n'
	}
	if n > 0 {
		text[n-1] = '\n'
	}
	return text
}

var errDiffers = errors.New("the data that arrived is not what was sent")

// stream sends n bytes from each end at once; theirs is the peer's end.
func stream(theirs io.ReadWriter, n int) talk { return streams(theirs, n, n) }

// streams sends up bytes from our end and down bytes from the peer's.
func streams(theirs io.ReadWriter, up, down int) talk {
	return func(ours *ours) error {
		data := random(max(up, down))
		errs := make(chan error, 4)
		go func() { _, err := ours.Write(data[:up]); errs <- err }()
		go func() { _, err := theirs.Write(data[:down]); errs <- err }()
		go func() { errs <- expect(ours, data[:down]) }()
		go func() { errs <- expect(theirs, data[:up]) }()
		var err error
		for range 4 {
			err = errors.Join(err, <-errs)
		}
		return err
	}
}

// echo sends n bytes to a peer that returns them, while they come back.
func echo(n int) talk {
	return func(ours *ours) error {
		data := random(n)
		written := make(chan error, 1)
		go func() { _, err := ours.Write(data); written <- err }()
		err := expect(ours, data)
		if err != nil {
			ours.Close() // or the Write may never end
		}
		return errors.Join(err, <-written)
	}
}

// answered reads all that the peer sends after we have closed our side: what we
// sent before, n bytes.
func answered(n int) talk {
	return func(o *ours) error {
		data := random(n)
		if _, err := o.Write(data); err != nil {
			return err
		}
		if err := o.CloseWrite(); err != nil {
			return err
		}
		return errors.Join(expect(o, data), ended(o))
	}
}

// closedFirst has the peer, whose end is theirs, close its side before we send n
// bytes.
func closedFirst(theirs interface {
	io.Reader
	CloseWrite() error
}, n int) talk {
	return func(o *ours) error {
		data := random(n)
		closed := make(chan error, 1)
		go func() { closed <- theirs.CloseWrite() }()
		err := errors.Join(<-closed, ended(o))
		if err != nil {
			return err
		}
		go func() { _, err := o.Write(data); closed <- err }()
		return errors.Join(expect(theirs, data), <-closed)
	}
}

// ended sees that the peer closes its side.
func ended(o *ours) error {
	if n, err := o.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("in the place of close_notify: %d bytes, %w", n, err)
	}
	return nil
}

// farewell is t, after which the peer answers our close_notify with its own.
func farewell(t talk) talk {
	return func(ours *ours) error {
		if err := errors.Join(t(ours), ours.CloseWrite()); err != nil {
			return err
		}
		return ended(ours)
	}
}

func expect(r io.Reader, data []byte) error {
	got := make([]byte, len(data))
	if n, err := io.ReadFull(r, got); err != nil {
		return fmt.Errorf("reading, after %d of %d bytes: %w", n, len(data), err)
	}
	if !bytes.Equal(got, data) {
		return errDiffers
	}
	return nil
}

// A posting is a request to an HTTP server that returns what it is sent.
type posting struct {
	data  []byte
	bytes []byte // of the request
}

func newPosting(n int) (posting, error) {
	p := posting{data: random(n)}
	var b bytes.Buffer
	req, err := http.NewRequest("POST", "https://localhost/", bytes.NewReader(p.data))
	if err == nil {
		req.Close = true
		err = req.Write(&b)
	}
	p.bytes = b.Bytes()
	return p, err
}

// talk sends the request, unless it went in 0-RTT, and takes the answer.
func (p posting) talk(o *ours) error {
	written := make(chan error, 1)
	go func() {
		var err error
		if !o.c.takes(o.n) {
			_, err = o.Write(p.bytes)
		}
		written <- err
	}()
	resp, err := http.ReadResponse(bufio.NewReader(o), nil)
	if err != nil {
		o.Close()
		return errors.Join(err, <-written)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server answers %s", resp.Status)
	}
	return errors.Join(err, expect(resp.Body, p.data), <-written)
}

// returned is an HTTP handler's work: the body goes back whence it came.
func returned(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Write(body)
}
