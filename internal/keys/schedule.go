package keys

import "fmt"

// The key schedule of TLS 1.3, after the figure in RFC 9846, Section 7.1. Each
// box is a type below; what hangs to its right are its methods. "0" stands for
// Hash.length zeros, CH for ClientHello, SH for ServerHello, SF and CF for the
// server's and the client's Finished, and CH..SF for the hash of the transcript
// from one to the other. Values are called "main" and labels "master".
//
//	              0
//	              |
//	     PSK --> Extract = Early
//	              |          +-- "ext", "imp" or "res binder", ""  = BinderKey
//	              |          +-- "c e traffic",  CH                = ClientEarlyTraffic
//	              |          +-- "e exp master", CH                = EarlyExporter
//	      Derive "derived", ""
//	              |
//	(EC)DHE, --> Extract = Handshake
//	 ML-KEM       |          +-- "c hs traffic", CH..SH            = ClientTraffic
//	              |          +-- "s hs traffic", CH..SH            = ServerTraffic
//	      Derive "derived", ""
//	              |
//	       0 --> Extract = Main
//	                         +-- "c ap traffic", CH..SF            = ClientTraffic
//	                         +-- "s ap traffic", CH..SF            = ServerTraffic
//	                         +-- "exp master",   CH..SF            = Exporter
//	                         +-- "res master",   CH..CF            = Resumption

// stage is one box of the figure.
type stage struct {
	hash   Hash
	secret Secret
	room   *Room
}

// A Room is where the stages of one connection and their secrets lie, so that they
// need no objects of their own. Wipe ends their life. A nil Room holds nothing: then
// each has its own.
type Room struct {
	early     Early
	handshake Handshake
	main      Main
	secrets   [12 * maxSize]byte
	taken     int // bytes of secrets
}

// Early is NewEarly with the schedule's secrets in r.
func (r *Room) Early(h Hash, psk []byte) *Early {
	r.early = Early{stage{h, h.extract(r, nil, psk), r}}
	return &r.early
}

// Wipe forgets all secrets, and makes room for others.
func (r *Room) Wipe() { *r = Room{} }

// take is room for a secret of n bytes.
func (r *Room) take(n int) Secret {
	if r == nil || r.taken+n > len(r.secrets) {
		return make(Secret, n)
	}
	s := r.secrets[r.taken : r.taken+n : r.taken+n]
	r.taken += n
	return s
}

// Format implements fmt.Formatter: a stage never prints its secret, and with a
// value as receiver neither does a copy.
func (s stage) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[stage of the key schedule]") }

func (s *stage) derive(label string, th []byte) Secret {
	out := s.room.take(s.hash.Size())
	s.hash.expandLabel(out, s.use(), label, th)
	return out
}

// use is the secret: a wiped one would silently give others that anybody can
// compute.
func (s *stage) use() Secret {
	if s.secret == nil {
		panic("keys: stage of the key schedule used after Wipe")
	}
	return s.secret
}

// next is the way down the left side of the figure.
func (s *stage) next(ikm []byte) stage {
	var salt digest
	defer clear(salt[:])
	n := s.hash.Size()
	s.hash.expandLabel(salt[:n], s.use(), "derived", s.hash.ofNothing())
	return stage{s.hash, s.hash.extract(s.room, salt[:n], ikm), s.room}
}

// Wipe forgets the secret; nothing can be derived any more. Secrets derived
// before stay as they are.
func (s *stage) Wipe() {
	s.secret.Wipe()
	s.secret = nil
}

// Early is the Early Secret.
type Early struct{ stage }

// NewEarly starts a key schedule; psk is nil where there is none.
func NewEarly(h Hash, psk []byte) *Early {
	return &Early{stage{h, h.extract(nil, nil, psk), nil}}
}

// An Origin is where a PSK comes from, as the label of its binder says.
type Origin string

const (
	FromTicket Origin = "res binder"
	External   Origin = "ext binder" // provisioned
	Imported   Origin = "imp binder" // made of a provisioned one (RFC 9258, Section 5.2)
)

// BinderKey is the base key of a PSK binder: see Hash.Finished.
func (s *Early) BinderKey(from Origin) Secret {
	return s.derive(string(from), s.hash.ofNothing())
}

// ClientEarlyTraffic is client_early_traffic_secret; th covers ClientHello.
func (s *Early) ClientEarlyTraffic(th []byte) Secret { return s.derive("c e traffic", th) }

// EarlyExporter is early_exporter_secret; th covers ClientHello.
func (s *Early) EarlyExporter(th []byte) Secret { return s.derive("e exp master", th) }

// Handshake goes on to the Handshake Secret; shared is nil where a PSK is used
// alone (psk_ke).
func (s *Early) Handshake(shared []byte) *Handshake {
	if s.room == nil {
		return &Handshake{s.next(shared)}
	}
	s.room.handshake.stage = s.next(shared)
	return &s.room.handshake
}

// Handshake is the Handshake Secret.
type Handshake struct{ stage }

// ClientTraffic is client_handshake_traffic_secret; th covers
// ClientHello...ServerHello.
func (s *Handshake) ClientTraffic(th []byte) Secret { return s.derive("c hs traffic", th) }

// ServerTraffic is server_handshake_traffic_secret; th covers
// ClientHello...ServerHello.
func (s *Handshake) ServerTraffic(th []byte) Secret { return s.derive("s hs traffic", th) }

// Main goes on to the Main Secret.
func (s *Handshake) Main() *Main {
	if s.room == nil {
		return &Main{s.next(nil)}
	}
	s.room.main.stage = s.next(nil)
	return &s.room.main
}

// Main is the Main Secret, called Master Secret before RFC 9846.
type Main struct{ stage }

// ClientTraffic is client_application_traffic_secret_0; th covers
// ClientHello...server Finished.
func (s *Main) ClientTraffic(th []byte) Secret { return s.derive("c ap traffic", th) }

// ServerTraffic is server_application_traffic_secret_0; th covers
// ClientHello...server Finished.
func (s *Main) ServerTraffic(th []byte) Secret { return s.derive("s ap traffic", th) }

// Exporter is exporter_secret; th covers ClientHello...server Finished.
func (s *Main) Exporter(th []byte) Secret { return s.derive("exp master", th) }

// Resumption is resumption_secret; th covers ClientHello...client Finished.
func (s *Main) Resumption(th []byte) Secret { return s.derive("res master", th) }
