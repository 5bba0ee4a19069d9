package expand

import (
	"bytes"
	"compress/zlib"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/handclasp/handclasp/iana"
)

var writers = map[iana.CertCompression]func(io.Writer) io.WriteCloser{
	iana.CertZlib:   func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	iana.CertBrotli: func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	iana.CertZstd: func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			panic(err)
		}
		return z
	},
}

func compress(t testing.TB, a iana.CertCompression, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := writers[a](&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBytes(t *testing.T) {
	want := []byte(strings.Repeat("a certificate ", 300))
	for _, a := range All {
		packed := compress(t, a, want)
		if got, err := Bytes(a, packed, len(want)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %v", a, err)
		}
		for what, err := range map[string]error{
			"too short": second(Bytes(a, packed, len(want)-1)),
			"too long":  second(Bytes(a, packed, len(want)+1)),
			"cut":       second(Bytes(a, packed[:len(packed)/2], len(want))),
			"garbage":   second(Bytes(a, []byte("not compressed at all"), len(want))),
			"empty":     second(Bytes(a, nil, len(want))),
		} {
			if err == nil {
				t.Errorf("%v, %s: no error", a, what)
			}
		}
	}
	if _, err := Bytes(99, want, len(want)); err == nil {
		t.Error("an unknown algorithm")
	}
}

// TestBomb: what would fill memory is cut off at the size that was given.
func TestBomb(t *testing.T) {
	for _, a := range All {
		bomb := compress(t, a, make([]byte, 64<<20))
		if allocs := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := Bytes(a, bomb, 1000); err == nil {
					b.Fatal("a bomb went off")
				}
			}
		}); allocs.AllocedBytesPerOp() > 10<<20 {
			t.Errorf("%v: %d bytes for a bomb", a, allocs.AllocedBytesPerOp())
		}
	}
}

func second(_ []byte, err error) error { return err }

func FuzzBytes(f *testing.F) {
	for _, a := range All {
		f.Add(uint16(a), compress(f, a, []byte("a certificate, a certificate")), 28)
	}
	f.Fuzz(func(t *testing.T, a uint16, data []byte, size int) {
		size &= 1<<16 - 1
		if out, err := Bytes(iana.CertCompression(a), data, size); err == nil && len(out) != size {
			t.Errorf("%d bytes, want %d", len(out), size)
		}
	})
}
