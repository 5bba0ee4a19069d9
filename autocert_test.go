package handclasp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestAutocert: autocert's Manager gets certificates from an ACME server, which
// validates the name by connecting to us (tls-alpn-01), and serves them, while
// the client that was first to ask for the name waits in its handshake.
func TestAutocert(t *testing.T) {
	t.Parallel()
	ca := newACME(t)
	ca.target = automatic(t, ca)

	// Two clients at once, of different versions, and one more when all is there.
	roots := ca.root.Pool()
	ask := func(cfg handclasp.ClientConfig) error {
		cfg.RootCAs, cfg.NextProtos = roots, []string{"http/1.1"}
		return echo(ca.target, &cfg)
	}
	newest, older := handclasp.ClientConfig{ServerName: "auto.test"}, handclasp.ClientConfig{ServerName: "AUTO.test", MaxVersion: iana.TLS12}
	if err := both(func() error { return ask(newest) }, func() error { return ask(older) }); err != nil {
		t.Fatal(err)
	}
	if err := ask(newest); err != nil {
		t.Error(err)
	}
	if got := ca.count(); got != 1 {
		t.Errorf("%d certificates were issued, want 1", got)
	}

	// A name that the policy does not know is refused, and the server says why.
	var f *fault.Error
	if err := ask(handclasp.ClientConfig{ServerName: "other.test"}); !errors.As(err, &f) || !f.Received || f.AlertCode() != fault.CertificateHook.Alert {
		t.Errorf("another name: %v", err)
	}
}

// automatic is a server that echoes, with certificates of ca that autocert gets:
// its address.
func automatic(t *testing.T, ca *acmeServer) string {
	manager := &autocert.Manager{
		Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist("auto.test"), Cache: autocert.DirCache(t.TempDir()),
		Client: &acme.Client{DirectoryURL: ca.url("/directory")},
	}
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", &handclasp.ServerConfig{
		GetCertificate: handclasp.TLSGetCertificate(manager.GetCertificate),
		NextProtos:     []string{"http/1.1", acme.ALPNProto},
	})
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { io.Copy(conn, conn); conn.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return l.Addr().String()
}

// acmeServer is an ACME server (RFC 8555) for one test: what autocert asks of
// one, with nonces and signatures checked, and tls-alpn-01 (RFC 8737) the only
// challenge. Every order is for one name.
type acmeServer struct {
	root   *pki.Authority
	http   *httptest.Server
	target string // where names are looked for instead of port 443 in DNS

	mu      sync.Mutex
	nonces  map[string]bool // given out and not used
	account *ecdsa.PublicKey
	orders  []*acmeOrder
}

type acmeOrder struct {
	name   string
	status string // of the order
	valid  bool   // the authorization
	chain  []byte // PEM
}

func newACME(t *testing.T) *acmeServer {
	root, err := pki.NewAuthority("ACME test root", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s := &acmeServer{root: root, nonces: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /directory", s.directory)
	mux.HandleFunc("HEAD /nonce", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.nonce(w)
	})
	for path, f := range map[string]func(*acmeServer, *acmeRequest) error{
		"/account": (*acmeServer).newAccount, "/order": (*acmeServer).newOrder, "/order/{n}": (*acmeServer).order,
		"/authz/{n}": (*acmeServer).authorization, "/challenge/{n}": (*acmeServer).challenge,
		"/finalize/{n}": (*acmeServer).finalize, "/cert/{n}": (*acmeServer).certificate,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.nonce(w)
			if err := s.post(w, r, f); err != nil {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusBadRequest)
				json.NewEncoder(w).Encode(map[string]string{"type": "urn:ietf:params:acme:error:malformed", "detail": err.Error()})
			}
		})
	}
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	return s
}

func (s *acmeServer) url(format string, args ...any) string {
	return s.http.URL + fmt.Sprintf(format, args...)
}

// count is how many certificates were issued.
func (s *acmeServer) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.chain != nil {
			n++
		}
	}
	return n
}

func (s *acmeServer) directory(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(map[string]string{"newNonce": s.url("/nonce"), "newAccount": s.url("/account"), "newOrder": s.url("/order")})
}

// nonce gives one out (RFC 8555, Section 6.5).
func (s *acmeServer) nonce(w http.ResponseWriter) {
	n := rand.Text()
	s.nonces[n] = true
	w.Header().Set("Replay-Nonce", n)
}

// An acmeRequest is a request whose signature is good.
type acmeRequest struct {
	http.ResponseWriter
	n       int // of the order it is about
	payload []byte
}

// say answers with status and the JSON of v.
func (r *acmeRequest) say(status int, v any) error {
	r.Header().Set("Content-Type", "application/json")
	r.WriteHeader(status)
	return json.NewEncoder(r).Encode(v)
}

// post checks the JWS (RFC 8555, Section 6.2) and answers with f.
func (s *acmeServer) post(w http.ResponseWriter, r *http.Request, f func(*acmeServer, *acmeRequest) error) error {
	var jws struct{ Protected, Payload, Signature string }
	if err := json.NewDecoder(r.Body).Decode(&jws); err != nil {
		return err
	}
	var header struct {
		Alg, Nonce, URL, KID string
		JWK                  *struct{ Kty, Crv, X, Y string }
	}
	protected, err1 := base64.RawURLEncoding.DecodeString(jws.Protected)
	payload, err2 := base64.RawURLEncoding.DecodeString(jws.Payload)
	signature, err3 := base64.RawURLEncoding.DecodeString(jws.Signature)
	if err := errors.Join(err1, err2, err3, json.Unmarshal(protected, &header)); err != nil {
		return err
	}
	key := s.account
	if header.JWK != nil {
		key = jwkPoint(header.JWK.X, header.JWK.Y)
	}
	switch {
	case header.URL != s.url("%s", r.URL.Path):
		return fmt.Errorf("signed for %s", header.URL)
	case !s.nonces[header.Nonce]:
		return errors.New("no nonce of ours, or a used one")
	case (header.KID == s.url("/account/1")) == (header.JWK != nil):
		return errors.New("either kid or jwk")
	case header.Alg != "ES256" || key == nil || !verifyES256(key, jws.Protected+"."+jws.Payload, signature):
		return errors.New("wrong signature")
	}
	delete(s.nonces, header.Nonce)
	s.account = key
	req := &acmeRequest{w, 0, payload}
	if n := r.PathValue("n"); n != "" {
		if _, err := fmt.Sscan(n, &req.n); err != nil || req.n >= len(s.orders) {
			return errors.New("no such order")
		}
	}
	return f(s, req)
}

// jwkPoint is the P-256 key with these coordinates in base64, or nil.
func jwkPoint(x, y string) *ecdsa.PublicKey {
	bx, err1 := base64.RawURLEncoding.DecodeString(x)
	by, err2 := base64.RawURLEncoding.DecodeString(y)
	key, err3 := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, bx, by))
	if errors.Join(err1, err2, err3) != nil {
		return nil
	}
	return key
}

func verifyES256(key *ecdsa.PublicKey, signed string, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	digest := sha256.Sum256([]byte(signed))
	return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

func (s *acmeServer) newAccount(r *acmeRequest) error {
	r.Header().Set("Location", s.url("/account/1"))
	return r.say(http.StatusCreated, map[string]string{"status": "valid"})
}

type acmeIdentifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (s *acmeServer) newOrder(r *acmeRequest) error {
	var order struct{ Identifiers []acmeIdentifier }
	if err := json.Unmarshal(r.payload, &order); err != nil {
		return err
	}
	if len(order.Identifiers) != 1 || order.Identifiers[0].Type != "dns" {
		return fmt.Errorf("identifiers %v", order.Identifiers)
	}
	r.n = len(s.orders)
	s.orders = append(s.orders, &acmeOrder{name: order.Identifiers[0].Value, status: acme.StatusPending})
	r.Header().Set("Location", s.url("/order/%d", r.n))
	return s.sayOrder(r, http.StatusCreated)
}

func (s *acmeServer) order(r *acmeRequest) error { return s.sayOrder(r, http.StatusOK) }

func (s *acmeServer) sayOrder(r *acmeRequest, status int) error {
	o := s.orders[r.n]
	answer := map[string]any{
		"status": o.status, "identifiers": []acmeIdentifier{{"dns", o.name}},
		"authorizations": []string{s.url("/authz/%d", r.n)}, "finalize": s.url("/finalize/%d", r.n),
	}
	if o.chain != nil {
		answer["certificate"] = s.url("/cert/%d", r.n)
	}
	return r.say(status, answer)
}

func (s *acmeServer) authorization(r *acmeRequest) error {
	o := s.orders[r.n]
	status := map[bool]string{false: acme.StatusPending, true: acme.StatusValid}[o.valid]
	return r.say(http.StatusOK, map[string]any{
		"status": status, "identifier": acmeIdentifier{"dns", o.name}, "challenges": []any{s.sayChallenge(r.n, status)},
	})
}

func (s *acmeServer) sayChallenge(n int, status string) map[string]string {
	return map[string]string{"type": "tls-alpn-01", "url": s.url("/challenge/%d", n), "token": acmeToken(n), "status": status}
}

func acmeToken(n int) string { return fmt.Sprintf("token-%d", n) }

// challenge validates at once, before it answers.
func (s *acmeServer) challenge(r *acmeRequest) error {
	o := s.orders[r.n]
	if err := s.validate(o.name, acmeToken(r.n)); err != nil {
		return err
	}
	o.valid, o.status = true, acme.StatusReady
	return r.say(http.StatusOK, s.sayChallenge(r.n, acme.StatusValid))
}

// idACME is id-pe-acmeIdentifier (RFC 8737, Section 6.1).
var idACME = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}

// validate connects to the server that shall be name's and demands the
// certificate of the challenge (RFC 8737, Section 3).
func (s *acmeServer) validate(name, token string) error {
	thumb, err := acme.JWKThumbprint(s.account)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(token + "." + thumb))
	want, err := asn1.Marshal(digest[:])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{ServerName: name, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", s.target)
	if err != nil {
		return err
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	leaf := state.PeerCertificates[0]
	if state.NegotiatedProtocol != acme.ALPNProto || !slices.Equal(leaf.DNSNames, []string{name}) {
		return fmt.Errorf("protocol %q, names %q", state.NegotiatedProtocol, leaf.DNSNames)
	}
	for _, e := range leaf.Extensions {
		if e.Id.Equal(idACME) && e.Critical && subtle.ConstantTimeCompare(e.Value, want) == 1 {
			return nil
		}
	}
	return errors.New("the certificate does not prove control of the name")
}

func (s *acmeServer) finalize(r *acmeRequest) error {
	o := s.orders[r.n]
	var ask struct{ CSR string }
	if err := json.Unmarshal(r.payload, &ask); err != nil {
		return err
	}
	der, err := base64.RawURLEncoding.DecodeString(ask.CSR)
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	if err := csr.CheckSignature(); err != nil {
		return err
	}
	if o.status != acme.StatusReady || !slices.Equal(csr.DNSNames, []string{o.name}) {
		return fmt.Errorf("an order that is %s for %q, and a request for %q", o.status, o.name, csr.DNSNames)
	}
	issued, err := s.root.Issue(pki.Leaf{Names: csr.DNSNames, Public: csr.PublicKey})
	if err != nil {
		return err
	}
	o.status, o.chain = acme.StatusValid, issued.PEM()
	return s.sayOrder(r, http.StatusOK)
}

func (s *acmeServer) certificate(r *acmeRequest) error {
	r.Header().Set("Content-Type", "application/pem-certificate-chain")
	_, err := r.Write(s.orders[r.n].chain)
	return err
}
