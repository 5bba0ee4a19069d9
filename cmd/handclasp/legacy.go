package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/suite"
)

// suites is a flag with cipher suites by name, or "all".
type suites struct {
	names[iana.CipherSuite]
	all bool
}

func (s *suites) Set(value string) error {
	if strings.EqualFold(strings.TrimSpace(value), "all") {
		s.all = true
		return nil
	}
	for name := range strings.SplitSeq(value, ",") {
		if strings.EqualFold(strings.TrimSpace(name), "all") {
			return errors.New("all stands alone, for all but 3DES; a list that holds 3DES names each suite")
		}
	}
	return s.names.Set(value)
}

func (s *suites) String() string {
	if s.all {
		return "all"
	}
	return s.names.String()
}

// suiteIDs are all that work.
func suiteIDs() (ids []iana.CipherSuite) {
	for _, x := range suite.All() {
		ids = append(ids, x.ID)
	}
	return ids
}

// list is what the flag names. All are those that work but 3DES, and those with a
// pre-shared key only if there is one.
func (s *suites) list(keys psks) []iana.CipherSuite {
	if !s.all {
		return s.values
	}
	var ids []iana.CipherSuite
	for _, x := range suite.All() {
		if strings.Contains(x.ID.String(), "3DES") || x.Exchange.PreShared() && len(keys) == 0 {
			continue
		}
		ids = append(ids, x.ID)
	}
	return ids
}

// psks is a flag with pre-shared keys.
type psks []handclasp.PSK

func (p *psks) Set(value string) error {
	if file, ok := strings.CutPrefix(value, "@"); ok {
		return p.read(file)
	}
	return p.add(value)
}

// read takes one key a line; empty lines and those that begin with # are left
// out.
func (p *psks) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return fmt.Errorf("the file %s can't be read: %v", quote(file), err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := p.add(line); err != nil {
			return fmt.Errorf("line %d of %s: %v", n, quote(file), err)
		}
	}
	return nil
}

// add takes one key. No error repeats it: it may end up in a log.
func (p *psks) add(value string) error {
	i := strings.LastIndexByte(value, ':')
	if i <= 0 {
		return errors.New("a pre-shared key is written IDENTITY:HEX, such as printer:0123456789abcdef0123456789abcdef")
	}
	key, err := hex.DecodeString(value[i+1:])
	if err != nil || len(key) < 16 {
		return fmt.Errorf("the key of %s is not written as 32 hex digits or more", quote(value[:i]))
	}
	*p = append(*p, handclasp.PSK{Identity: []byte(value[:i]), Key: key})
	return nil
}

// String names the keys and never shows them.
func (p *psks) String() string {
	var names []string
	for _, k := range *p {
		names = append(names, string(k.Identity))
	}
	return strings.Join(names, ",")
}

func (*psks) Type() string { return "key" }

// renegotiation is a flag with how often a server may ask for another handshake.
type renegotiation int

// maxRenegotiations is more than any server needs.
const maxRenegotiations = 8

func (r *renegotiation) Set(value string) error {
	switch value {
	case "never":
		*r = 0
	case "client":
		*r = maxRenegotiations
	default:
		return fmt.Errorf("%s is neither never nor client", quote(value))
	}
	return nil
}

func (r *renegotiation) String() string {
	if *r == 0 {
		return "never"
	}
	return "client"
}

func (*renegotiation) Type() string { return "WHO" }
