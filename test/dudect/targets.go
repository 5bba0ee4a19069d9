package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"math/big"
	mrand "math/rand/v2"
	"slices"
	"time"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/session"
)

// A trial compares a value of which another byte is wrong.
const firstOrLast = "first byte wrong; last byte wrong"

func targets() []target {
	list := []target{
		{name: "control: classes that are the same", classes: "the same record twice", begin: opening(sha256.New, blindly, lucky13, lucky13)},
		{name: "control: a MAC compared byte by byte", classes: firstOrLast, leaks: true, begin: comparing},
		{name: "control: CBC by the letter of RFC 5246", classes: paddings, leaks: true, begin: opening(sha256.New, byTheLetter, lucky13, allPadding)},
		{name: "control: RSA key transport that stops at bad padding", classes: "good; bad padding", leaks: true, slow: true, begin: transport(stopping, badPadding)},
		{name: "RSA key transport, ClientKeyExchange to keys", classes: "good; bad padding", slow: true, begin: transport(kex.DecryptPremaster, badPadding)},
		{name: "", classes: "good; another version", slow: true, begin: transport(kex.DecryptPremaster, badVersion)},
		{name: "", classes: "good; one byte short", slow: true, begin: transport(kex.DecryptPremaster, tooShort)},
	}
	for _, h := range []struct {
		name string
		new  func() hash.Hash
	}{{"SHA-1", sha1.New}, {"SHA-256", sha256.New}, {"SHA-384", sha512.New384}} {
		list = append(list,
			target{name: "a record with AES-128-CBC and " + h.name, classes: paddings, begin: opening(h.new, blindly, lucky13, allPadding)},
			target{name: "", classes: "wrong MAC; wrong padding", begin: opening(h.new, blindly, lucky13, noPadding)},
		)
	}
	list = append(list,
		target{name: "Finished of TLS 1.3, at a server", classes: firstOrLast, begin: finished(iana.TLS13)},
		target{name: "Finished of TLS 1.2, at a server", classes: firstOrLast, begin: finished(iana.TLS12)},
		target{name: "PSK binder, at a server", classes: firstOrLast, begin: binder},
		target{name: "a cookie without memory, at a server", classes: firstOrLast, begin: cookie},
		target{name: "opening a ticket", classes: "first byte of the tag wrong; last", begin: ticket},
	)
	for i := range list {
		if list[i].name == "" {
			list[i].name = list[i-1].name
		}
	}
	return list
}

// comparing is HMAC with a comparison that stops at the first difference.
func comparing() (func(int) (func(), error), error) {
	key, data := make([]byte, 32), make([]byte, 64)
	m := hmac.New(sha256.New, key)
	m.Write(data)
	wrong := [2][]byte{m.Sum(nil), m.Sum(nil)}
	wrong[0][0] ^= 1
	wrong[1][31] ^= 1
	got, sum := make([]byte, 32), make([]byte, 0, 32)
	return func(class int) (func(), error) {
		copy(got, wrong[class])
		return func() {
			m.Reset()
			m.Write(data)
			for i, b := range m.Sum(sum) {
				if b != got[i] {
					return
				}
			}
			panic("a wrong MAC is right")
		}, nil
	}, nil
}

// What is encrypted in a record of 512 bytes, whose MAC is wrong.
const (
	lucky13    = iota // the least padding
	allPadding        // the most
	noPadding         // none that is right
)

const paddings = "wrong MAC, padding 0; padding 255"

const recordSize = 512

var blockKey, macKey = []byte("a key of 16 byte"), []byte("a key of the MAC")

// opening opens records of two forms.
func opening(h func() hash.Hash, open func(func() hash.Hash) func([]byte) error, first, second int) func() (func(int) (func(), error), error) {
	return func() (func(int) (func(), error), error) {
		var records [2][]byte
		for class, form := range []int{first, second} {
			plain := make([]byte, recordSize)
			switch form {
			case allPadding:
				copy(plain[recordSize-256:], bytes.Repeat([]byte{255}, 256))
			case noPadding:
				plain[recordSize-1] = 3 // behind zeros
			}
			block, err := aes.NewCipher(blockKey)
			if err != nil {
				return nil, err
			}
			plain = append(make([]byte, aes.BlockSize), plain...) // of the explicit IV
			cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(plain, plain)
			records[class] = append([]byte{byte(iana.ContentApplicationData), 3, 3, byte(len(plain) >> 8), byte(len(plain) & 0xff)}, plain...)
		}
		read := open(h)
		rec := make([]byte, len(records[0]))
		return func(class int) (func(), error) {
			copy(rec, records[class])
			return func() {
				if read(rec) == nil {
					panic("a wrong record is right")
				}
			}, nil
		}, nil
	}
}

// blindly is ours.
func blindly(h func() hash.Hash) func([]byte) error {
	block, err := aes.NewCipher(blockKey)
	if err != nil {
		panic(err)
	}
	half := new(record.Half)
	half.InstallCBC(record.CBC{Version: iana.TLS12, Block: block, Hash: h, MACKey: macKey, Open: true}, 1<<62)
	return func(rec []byte) error {
		_, _, err := half.Open(rec)
		return err
	}
}

// byTheLetter does what RFC 5246, Section 6.2.3.2, says, and no more: the MAC is
// computed even if the padding is wrong.
func byTheLetter(h func() hash.Hash) func([]byte) error {
	block, err := aes.NewCipher(blockKey)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(h, macKey)
	sum := make([]byte, 0, mac.Size())
	wrong := errors.New("wrong")
	mode := cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize))
	return func(rec []byte) error {
		body := rec[record.HeaderLen:]
		mode.CryptBlocks(body, body)
		body = body[aes.BlockSize:]
		pad := int(body[len(body)-1])
		for _, b := range body[len(body)-1-pad:] {
			if int(b) != pad {
				pad = 0
				break
			}
		}
		n := len(body) - 1 - pad - mac.Size()
		mac.Reset()
		mac.Write(make([]byte, 13))
		mac.Write(body[:n])
		if !hmac.Equal(mac.Sum(sum), body[n:n+mac.Size()]) {
			return wrong
		}
		return nil
	}
}

// ticket opens tickets that somebody has made up.
func ticket() (func(int) (func(), error), error) {
	now := time.Now()
	tickets, err := session.NewTickets(session.TicketOptions{Clock: func() time.Time { return now }})
	if err != nil {
		return nil, err
	}
	state := &session.State{Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: make([]byte, 32), Began: now, Issued: now, Lifetime: time.Hour}
	sealed, err := tickets.Seal(context.Background(), state)
	if err != nil {
		return nil, err
	}
	if s, err := tickets.Open(context.Background(), sealed); err != nil || s == nil {
		return nil, fmt.Errorf("a good ticket does not open: %v", err)
	}
	wrong := [2][]byte{slices.Clone(sealed), slices.Clone(sealed)}
	wrong[0][len(sealed)-16] ^= 1
	wrong[1][len(sealed)-1] ^= 1
	got := make([]byte, len(sealed))
	return func(class int) (func(), error) {
		copy(got, wrong[class])
		return func() {
			if s, err := tickets.Open(context.Background(), got); s != nil || err != nil {
				panic("a wrong ticket opens")
			}
		}, nil
	}, nil
}

// What an encrypted premaster secret may be like.
const (
	good = iota
	badPadding
	badVersion
	tooShort
)

// premasters makes so many ciphertexts of one kind.
func premasters(key *rsa.PrivateKey, kind, n int) (list [][]byte, err error) {
	size := key.Size()
	for range n {
		secret, err := kex.NewPremaster(rand.Reader, iana.TLS12)
		if err != nil {
			return nil, err
		}
		switch kind {
		case badVersion:
			secret[1] ^= 0x80
		case tooShort:
			secret = secret[:kex.PremasterLen-1]
		}
		em := make([]byte, size)
		rand.Read(em)
		for i := range em {
			em[i] |= 1 // no zero, wherever padding may be
		}
		em[0], em[1] = 0, 2
		em[size-len(secret)-1] = 0
		copy(em[size-len(secret):], secret)
		if kind == badPadding {
			em[1] = 1
		}
		c := new(big.Int).Exp(new(big.Int).SetBytes(em), big.NewInt(int64(key.E)), key.N)
		list = append(list, c.FillBytes(make([]byte, size)))
	}
	return list, nil
}

// stopping is kex.DecryptPremaster as one might write it who never heard of
// Bleichenbacher.
func stopping(key crypto.Decrypter, ciphertext []byte, offered iana.Version, _ []byte) []byte {
	plain, err := key.Decrypt(nil, ciphertext, nil)
	if err != nil || len(plain) != kex.PremasterLen || plain[0] != byte(offered>>8) || plain[1] != byte(offered) {
		return nil
	}
	return plain
}

// pick gives one of a list, by chance.
func pick[T any](list []T) T { return list[mrand.IntN(len(list))] }
