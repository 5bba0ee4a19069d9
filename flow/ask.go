package flow

import (
	"context"
	"crypto/x509"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/sign"
)

// An Ask is something that the machine waits for besides bytes. Each kind has
// a Reply method, to be called exactly once; what it does wrong surfaces at the
// Engine's next Recv.
type Ask interface{ ask() }

// An Answerer is an Ask that says itself whom to ask.
type Answerer interface {
	Ask

	// Answer gets the answer and replies. It may take long, and gives up when ctx
	// ends.
	Answer(ctx context.Context)
}

// A SignAsk wants a signature over Message, made with Signer.
type SignAsk struct {
	Signer  sign.Signer
	Scheme  iana.SignatureScheme
	Message []byte // what is signed, not hashed (RFC 9846, Section 4.5.2)

	reply func([]byte, error)
}

func (*SignAsk) ask() {}

// Reply gives the signature, or the reason why there is none.
func (a *SignAsk) Reply(signature []byte, err error) { a.reply(signature, err) }

// NewSignAsk is for state machines: reply receives the answer.
func NewSignAsk(s sign.Signer, scheme iana.SignatureScheme, message []byte, reply func([]byte, error)) *SignAsk {
	return &SignAsk{s, scheme, message, reply}
}

// A VerifyAsk wants a verdict on the peer's certificate chain. The signature
// that proves possession of the leaf's key has been checked already, if there is
// one, if need be in an earlier connection.
//
// A server's Ask comes also for a client that showed none, if its policy lets
// that pass: then Chain is empty and the answer, if it is not a refusal, is an
// empty Verdict.
type VerifyAsk struct {
	Of     fault.Role           // whose chain it is
	Server *config.ServerConfig // of a client's chain: the configuration with the policy; else nil
	Name   string               // the name it must be valid for; "" if none is demanded
	Chain  []*x509.Certificate
	Resume bool     // it was shown in an earlier connection, which is to be resumed
	OCSP   []byte   // stapled OCSPResponse of the leaf, DER; may be empty
	SCTs   [][]byte // stapled signed certificate timestamps of the leaf

	Transport bool // its key decrypts our secret instead of signing (RSA key transport)

	reply func(*Verdict, error)
}

func (*VerifyAsk) ask() {}

// Reply gives the verdict. An error refuses the peer.
func (a *VerifyAsk) Reply(v *Verdict, err error) { a.reply(v, err) }

// NewVerifyAsk is for state machines: reply receives the answer.
func NewVerifyAsk(a VerifyAsk, reply func(*Verdict, error)) *VerifyAsk {
	a.reply = reply
	return &a
}

// A HelloAsk wants to know with which configuration, and with which certificate
// of its own, a server answers a client.
type HelloAsk struct {
	Hello  *config.HelloInfo
	Config *config.ServerConfig // with the hooks to be asked

	reply func(*config.ServerConfig, *config.Certificate, error)
}

func (*HelloAsk) ask() {}

// Reply gives the configuration to go on with, which may be Config, and a
// certificate to use instead of the configuration's, or nil.
func (a *HelloAsk) Reply(cfg *config.ServerConfig, c *config.Certificate, err error) {
	a.reply(cfg, c, err)
}

// NewHelloAsk is for state machines: reply receives the answer.
func NewHelloAsk(h *config.HelloInfo, cfg *config.ServerConfig, reply func(*config.ServerConfig, *config.Certificate, error)) *HelloAsk {
	return &HelloAsk{h, cfg, reply}
}

// A ClientCertificateAsk wants to know with which certificate a client answers
// a server that asked for one.
type ClientCertificateAsk struct {
	Request *config.CertificateRequestInfo
	Config  *config.ClientConfig // with the hook to be asked

	reply func(*config.Certificate, error)
}

func (*ClientCertificateAsk) ask() {}

// Reply gives the certificate, or nil for one of the configuration's.
func (a *ClientCertificateAsk) Reply(c *config.Certificate, err error) { a.reply(c, err) }

// NewClientCertificateAsk is for state machines: reply receives the answer.
func NewClientCertificateAsk(r *config.CertificateRequestInfo, cfg *config.ClientConfig, reply func(*config.Certificate, error)) *ClientCertificateAsk {
	return &ClientCertificateAsk{r, cfg, reply}
}

// A DecryptAsk wants the premaster secret that a client encrypted to the key of
// our certificate (RFC 5246, Section 7.4.7.1). The answer can't fail: what is not
// right about the message, or keeps the key from being used, is answered with
// Substitute, and nothing tells the difference.
type DecryptAsk struct {
	Decrypter  sign.Decrypter
	Ciphertext []byte
	Offered    iana.Version // that the premaster secret must begin with
	Substitute []byte       // 48 bytes, random but for their beginning

	reply func([]byte)
}

func (*DecryptAsk) ask() {}

// Reply gives what Decrypter said.
func (a *DecryptAsk) Reply(premaster []byte) { a.reply(premaster) }

// NewDecryptAsk is for state machines: reply receives the answer.
func NewDecryptAsk(a DecryptAsk, reply func([]byte)) *DecryptAsk {
	a.reply = reply
	return &a
}
