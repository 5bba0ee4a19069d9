// Package expand undoes the compression of certificates (RFC 8879).
//
// Policy: what it is given comes from strangers. It never makes more than it was
// told to, whatever the data claims.
package expand

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/handclasp/handclasp/iana"
)

// All are the algorithms that this package knows, the ones that make the least of
// certificates first.
var All = []iana.CertCompression{iana.CertBrotli, iana.CertZstd, iana.CertZlib}

// errLength says that the data expands to another length than it should.
var errLength = errors.New("it expands to another length than it gives")

// maxWindow is how far back zstd may refer, in bytes: as far as a window may reach
// that every decoder must support (RFC 8878, Section 3.1.1.1.2).
const maxWindow = 8 << 20

// Bytes expands data, which must make exactly size bytes.
func Bytes(algorithm iana.CertCompression, data []byte, size int) ([]byte, error) {
	r, err := reader(algorithm, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, int64(size)+1))
	if err != nil {
		return nil, err
	}
	if n != int64(size) {
		return nil, errLength
	}
	return out.Bytes(), nil
}

func reader(algorithm iana.CertCompression, data io.Reader) (io.ReadCloser, error) {
	switch algorithm {
	case iana.CertZlib:
		return zlib.NewReader(data)
	case iana.CertBrotli:
		return io.NopCloser(brotli.NewReader(data)), nil
	case iana.CertZstd:
		d, err := zstd.NewReader(data, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("no way to expand %v", algorithm)
}
