package starttls

import (
	"fmt"

	"github.com/handclasp/handclasp/fault"
)

// Tags of BER as LDAP uses them (RFC 4511, Sections 4.1 and 4.12).
const (
	berInteger     = 0x02
	berOctetString = 0x04
	berEnumerated  = 0x0a
	berSequence    = 0x30
	extendedResp   = 0x78 // [APPLICATION 24]
)

const startTLSOID = "1.3.6.1.4.1.1466.20037"

// startTLSRequest is an LDAPMessage: messageID 1, and an ExtendedRequest with the
// name of StartTLS and no value (RFC 4511, Section 4.14.1).
const startTLSRequest = "\x30\x1d" + "\x02\x01\x01" + "\x77\x18" + "\x80\x16" + startTLSOID

// resultCodes are those that StartTLS meets (RFC 4511, Section 4.14.2 and
// Appendix A.2).
var resultCodes = map[byte]string{
	0:  "success",
	1:  "operationsError",
	2:  "protocolError",
	8:  "strongerAuthRequired",
	10: "referral",
	13: "confidentialityRequired",
	50: "insufficientAccessRights",
	51: "busy",
	52: "unavailable",
	53: "unwillingToPerform",
	80: "other",
}

// ldap asks as RFC 4511, Section 4.14 says.
func ldap(t *talk) error {
	if err := t.send(startTLSRequest, "ExtendedRequest, messageID 1, requestName "+startTLSOID+" (StartTLS)"); err != nil {
		return err
	}
	msg, err := t.ldapMessage("answer to StartTLS")
	if err != nil {
		return err
	}
	id, msg, ok1 := msg.next(berInteger)
	op, _, ok2 := msg.next(extendedResp)
	result, op, ok3 := op.next(berEnumerated)
	_, op, ok4 := op.next(berOctetString) // matchedDN
	diagnostic, _, ok5 := op.next(berOctetString)
	ours := string(id) == "\x01"
	if !(ok1 && ok2 && ok3 && ok4 && ok5) || len(result) != 1 || !ours && string(id) != "\x00" {
		return t.unexpected("an ExtendedResponse with messageID 1")
	}
	said := fmt.Sprintf("resultCode %d", result[0])
	if name := resultCodes[result[0]]; name != "" {
		said += " (" + name + ")"
	}
	if len(diagnostic) > 0 {
		said += ", diagnosticMessage " + fault.Quote(diagnostic)
	}
	t.heard(fmt.Sprintf("ExtendedResponse, messageID %d, %s", id[0], said))
	if !ours || result[0] != 0 { // messageID 0: it disconnects (RFC 4511, Section 4.4.1)
		return t.refused(said, "resultCode 0 (success)")
	}
	return nil
}

// ldapMessage reads the content of one LDAPMessage.
func (t *talk) ldapMessage(step string) (ber, error) {
	t.await(step)
	const want = "an LDAPMessage"
	if tag, err := t.ReadByte(); err != nil {
		return nil, err
	} else if tag != berSequence {
		return nil, t.alien(want)
	}
	first, err := t.ReadByte()
	if err != nil {
		return nil, err
	}
	more, ok := lengthOctets(first)
	if !ok {
		return nil, t.alien(want)
	}
	octets, err := t.read(more)
	if err != nil {
		return nil, err
	}
	return t.read(length(first, octets))
}

// A ber is a row of BER elements. encoding/asn1 does not do here: it reads DER,
// and Active Directory writes each length in five octets.
type ber []byte

// next takes the first element off, which must have the tag and a definite
// length (RFC 4511, Section 5.1).
func (b ber) next(tag byte) (content, rest ber, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	first, b := b[1], b[2:]
	more, ok := lengthOctets(first)
	if !ok || more > len(b) {
		return nil, nil, false
	}
	n, b := length(first, b[:more]), b[more:]
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// lengthOctets is how many octets follow the first of a length: none in the
// short form, up to four here in the long form (X.690, Section 8.1.3).
func lengthOctets(first byte) (n int, ok bool) {
	if first < 0x80 {
		return 0, true
	}
	n = int(first & 0x7f)
	return n, n >= 1 && n <= 4
}

// length is what the octets of a length say, or more than fits anywhere.
func length(first byte, octets []byte) int {
	if first < 0x80 {
		return int(first)
	}
	n := 0
	for _, o := range octets {
		n = min(n, maxUnit)<<8 | int(o)
	}
	return n
}
