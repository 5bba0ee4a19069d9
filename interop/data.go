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

	"github.com/handclasp/handclasp"
)

// A talk moves data over a connection of ours that stands, and compares.
type talk func(*handclasp.Conn) error

// page is the size of what peers that speak HTTP are sent, and send back.
const page = 1 << 20

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
func stream(theirs io.ReadWriter, n int) talk {
	return func(ours *handclasp.Conn) error {
		data := random(n)
		errs := make(chan error, 4)
		for _, end := range []io.ReadWriter{ours, theirs} {
			go func() { _, err := end.Write(data); errs <- err }()
			go func() { errs <- expect(end, data) }()
		}
		var err error
		for range 4 {
			err = errors.Join(err, <-errs)
		}
		return err
	}
}

// echo sends n bytes to a peer that returns them, while they come back.
func echo(n int) talk {
	return func(ours *handclasp.Conn) error {
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

// farewell is t, after which the peer answers our close_notify with its own.
func farewell(t talk) talk {
	return func(ours *handclasp.Conn) error {
		if err := errors.Join(t(ours), ours.CloseWrite()); err != nil {
			return err
		}
		if n, err := ours.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			return fmt.Errorf("after our close_notify: %d bytes, %w", n, err)
		}
		return nil
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

// post sends a page to an HTTP server that returns it.
func post(ours *handclasp.Conn) error {
	data := random(page)
	req, err := http.NewRequest("POST", "https://localhost/", bytes.NewReader(data))
	if err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() { written <- req.Write(ours) }()
	resp, err := http.ReadResponse(bufio.NewReader(ours), req)
	if err != nil {
		ours.Close()
		return errors.Join(err, <-written)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server answers %s", resp.Status)
	}
	return errors.Join(err, expect(resp.Body, data), <-written)
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
