package keys

import (
	"bytes"
	"errors"
	"hash"

	"github.com/handclasp/handclasp/iana"
)

// A Transcript is the running Transcript-Hash of a connection (RFC 9846,
// Section 4.1; RFC 5246, Section 7.4.9). The hash is known only once the cipher
// suite is, so messages are kept until Start.
type Transcript struct {
	buf     []byte    // messages so far, until Start or, if they are kept, Forget
	digest  hash.Hash // nil until Start
	keep    bool
	retried bool // since Retry; ServerHello has not come yet
	sum     digest

	of      Hash      // digest's
	place   []byte    // from before Reset or Forget, for buf
	spare   hash.Hash // from before Reset, for digest
	spareOf Hash
}

// NewTranscript returns an empty transcript.
func NewTranscript() *Transcript { return new(Transcript) }

// Reset empties the transcript for another connection, which finds the place and
// the hash of this one.
func (t *Transcript) Reset() {
	if t.digest != nil {
		t.spare, t.spareOf = t.digest, t.of
	}
	t.vacate()
	*t = Transcript{place: t.place, spare: t.spare, spareOf: t.spareOf}
}

// begin starts a hash computation.
func (t *Transcript) begin(h Hash) {
	t.of = h
	if t.spare == nil || t.spareOf != h {
		t.digest = h.New()
		return
	}
	t.digest, t.spare = t.spare, nil
	t.digest.Reset()
}

// Keep lets the messages outlive Start, until Forget: the CertificateVerify of
// TLS 1.2 signs all of them with a hash of its own (RFC 5246, Section 7.4.8).
// It must come before Start.
func (t *Transcript) Keep() { t.keep = true }

// Messages is everything written since the beginning, as long as it is kept.
// Write and Forget end its life.
func (t *Transcript) Messages() []byte { return t.buf }

// Forget ends Keep: once the transcript has started, only its hash is left.
func (t *Transcript) Forget() {
	t.keep = false
	if t.digest != nil {
		t.vacate()
	}
}

// vacate takes the messages away and keeps their place.
func (t *Transcript) vacate() {
	if cap(t.buf) > cap(t.place) {
		t.place = t.buf[:0]
	}
	t.buf = nil
}

// Start settles the hash, hashes what was written and forgets the bytes. A
// started transcript keeps its hash: after a HelloRetryRequest, ServerHello calls
// Start again, which only forgets, once the suite is known to be the same.
func (t *Transcript) Start(h Hash) {
	if t.retried {
		t.retried = false
		t.Forget()
	}
	if t.digest != nil {
		return
	}
	t.begin(h)
	t.digest.Write(t.buf)
	if !t.keep {
		t.Forget()
	}
}

// Write adds one or more whole handshake messages, headers included.
func (t *Transcript) Write(msg []byte) {
	if t.digest == nil || t.keep {
		if t.buf == nil {
			t.buf, t.place = t.place, nil
		}
		t.buf = append(t.buf, msg...)
	}
	if t.digest != nil {
		t.digest.Write(msg)
	}
}

// Sum is the hash of everything written, good until the next Sum or With. More may
// be written afterwards. Start must have been called.
func (t *Transcript) Sum() []byte { return t.digest.Sum(t.sum[:0]) }

// Fork is a transcript of its own that begins with everything written to t, which
// must have been started and keeps no messages.
func (t *Transcript) Fork() (*Transcript, error) {
	c, ok := t.digest.(hash.Cloner)
	if !ok {
		return nil, errors.New("the hash can't be copied")
	}
	digest, err := c.Clone()
	if err != nil {
		return nil, err
	}
	return &Transcript{digest: digest, of: t.of}, nil
}

// With is the hash h of everything written and part behind it, which stays
// unwritten: what the binder of a PSK covers (RFC 9846, Section 4.3.11.2). The
// ServerHello's Start must not have been called.
func (t *Transcript) With(h Hash, part []byte) []byte {
	if t.spare == nil || t.spareOf != h {
		t.spare, t.spareOf = h.New(), h
	}
	t.spare.Reset()
	t.spare.Write(t.buf)
	t.spare.Write(part)
	return t.spare.Sum(t.sum[:0])
}

// Retry puts message_hash in the place of everything written, which must be
// ClientHello1, and starts the transcript with h. HelloRetryRequest comes next.
func (t *Transcript) Retry(h Hash) {
	t.Start(h)
	t.RetryFrom(h, bytes.Clone(t.Sum()))
}

// RetryFrom forgets everything written and starts anew from the hash of
// ClientHello1, Size bytes, for a server that kept it in the cookie alone.
// HelloRetryRequest comes next, then ClientHello2.
func (t *Transcript) RetryFrom(h Hash, ch1Hash []byte) {
	t.Reset()
	t.begin(h)
	t.keep, t.retried = true, true
	t.Write([]byte{byte(iana.MessageHash), 0, 0, byte(len(ch1Hash))})
	t.Write(ch1Hash)
}
