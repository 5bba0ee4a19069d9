package diagnose

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// Options say what to diagnose, and how.
type Options struct {
	Host, Port string
	Client     *handclasp.ClientConfig // whose handshake fails; nil: the default client
	ClientName string                  // what to call it; "" : the default client of Handclasp
	StartTLS   string                  // the protocol in which TLS begins; "" if it begins at once

	// Hello is the client's ClientHello, a handshake message with its header, where
	// it is not the one that Client makes: a recorded one, say. It goes out as it is,
	// but with a random, a session ID and key shares of our own, so that the handshake
	// can be completed, and with Client's name if that is a host's. Client then says the
	// rest: trust, certificates.
	Hello []byte

	// Records is in how many TLS records Hello goes out; 0 means one.
	Records int

	// As is the client whose recorded hello to send, in the place of Hello: go, openssl,
	// curl, java, node, python, gnutls or chromium. Certificates are judged as it would.
	As string

	Without string   // what to leave out of the hello: "extension=status_request,grease"
	Flags   []string // of the command, that made Client what it is: "--max-version 1.2"

	MaxConnections int           // 0: 60
	Rate           float64       // connections a second at most; 0: no limit
	Timeout        time.Duration // of one connection; 0: 10 s
	Linger         time.Duration // how long to listen after a handshake; 0: 300 ms
	Pause          time.Duration // after which a rate limiter may let us in again; 0: 2 s

	// What there is of the world. nil is the system's own.
	Lookup  func(ctx context.Context, network, host string) ([]netip.Addr, error)
	Reverse func(ctx context.Context, addr string) ([]string, error)
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Getenv  func(name string) string
	clock   clock

	Progress func(what string, connections int) // called before each probe; may be nil
}

func (o *Options) defaults() {
	if o.Client == nil {
		o.Client = &handclasp.ClientConfig{ServerName: o.Host}
	}
	c := *o.Client
	if c.Time == nil {
		c.Time = time.Now
	}
	o.Client = &c
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.Timeout, 10*time.Second)
	set(&o.Linger, 300*time.Millisecond)
	set(&o.Pause, 2*time.Second)
	if o.MaxConnections == 0 {
		o.MaxConnections = 60
	}
	if o.ClientName == "" {
		o.ClientName = "the default client of Handclasp"
	}
	if o.Lookup == nil {
		o.Lookup = net.DefaultResolver.LookupNetIP
	}
	if o.Reverse == nil {
		o.Reverse = net.DefaultResolver.LookupAddr
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.clock == nil {
		o.clock = systemClock{}
	}
}

// A diagnosis is one run.
type diagnosis struct {
	*Report
	o    *Options
	p    *prober
	user set     // what the client offers
	much amounts // to which a recorded hello is filled up
	wide set     // what can be offered
	hint set     // that passed before the diagnosis began anew; nil if none did
	slow bool    // it began anew without haste, since the server lets in only so many

	first    *outcome            // of the client's handshake; nil if none was made
	losses   int                 // connections that were lost by chance
	attempts []attempt           // the hello of each probe
	hooked   []*x509.Certificate // what the client's hook showed a server that asked
}

// Run finds out why a handshake fails. An error says that it could not be done at
// all: a configuration that can't be used, or a context that ended. That a server
// can't be reached, or that a handshake fails, is a finding.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.defaults()
	start := time.Now()
	if err := o.as(); err != nil {
		return nil, err
	}
	d := &diagnosis{o: &o, Report: &Report{Schema: "handclasp.diagnose/1", Began: start.UTC().Format(time.RFC3339), Target: net.JoinHostPort(o.Host, o.Port), Client: o.ClientName}}
	if choose := o.Client.GetClientCertificate; choose != nil {
		o.Client.GetClientCertificate = d.overhear(choose)
	}
	if err := d.prepare(); err != nil {
		return nil, err
	}
	err := d.run(ctx)
	if errors.Is(err, errUnsteady) {
		d.unstable(Certain)
		err = nil
	}
	switch {
	case errors.Is(err, errBudget):
		d.notice("No more connections are allowed than were made (%d); --max-connections allows more.", o.MaxConnections)
		if len(d.Findings) == 0 && !d.unstable(Likely) {
			if f := d.find(d.guess(), Possible, "Not all that was wanted could be tried."); f.ID == "refuses-all" {
				f.Text = "The server refuses each ClientHello that was tried, always with the same alert."
			}
		}
	case err != nil:
		return nil, err
	}
	d.besides()
	d.noticeLosses()
	d.Outcome = d.headline()
	d.arrange()
	d.Connections, d.Seconds = d.p.used, elapsed(start)
	return d.Report, nil
}

// prepare takes the client's hello apart, and a wide one.
func (d *diagnosis) prepare() error {
	mine, err := d.ownHello()
	if err != nil {
		return err
	}
	all, err := firstHello(wideConfig(d.o.Client))
	if err != nil {
		return err
	}
	m := modelOf(mine, all)
	if mine.Extensions.Has(iana.ExtPadding) {
		n, err := size(mine)
		if err != nil {
			return err
		}
		d.much = amounts{length: n}
	}
	if d.o.Records > 1 {
		d.much = amounts{length: d.much[length], records: d.o.Records}
	}
	d.user, d.wide = set{}.with(atomsOf(mine)...), set{}.with(m.atoms...)
	d.p = &prober{o: d.o, user: d.o.Client, model: m, timeout: d.o.Timeout, known: map[string][]*outcome{}}
	return d.leaveOut()
}

// ownHello is the hello of the client in question.
func (d *diagnosis) ownHello() (*wire.ClientHello, error) {
	if d.o.Hello == nil {
		return firstHello(d.o.Client)
	}
	h, name, err := replayed(d.o.Hello, d.o.Client.ServerName, d.o.As)
	if err == nil {
		d.o.Client.ServerName, d.o.Client.NextProtos = name, texts(h.ALPN)
	}
	return h, err
}

func texts(list [][]byte) (out []string) {
	for _, b := range list {
		out = append(out, string(b))
	}
	return out
}

// ErrWithout says that something that shall be left out is not there.
var ErrWithout = errors.New("the hello does not have this")

// leaveOut takes out of the hello what shall not be in it.
func (d *diagnosis) leaveOut() error {
	for text := range strings.SplitSeq(d.o.Without, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		list := d.p.model.list(d.user)
		i := slices.IndexFunc(list, func(a atom) bool { return a.String() == text })
		if i < 0 {
			return fmt.Errorf("%w: %s", ErrWithout, fault.Quote([]byte(text)))
		}
		d.user = d.user.rid(list[i])
	}
	return nil
}

// mine is the hello of the user's client.
func (d *diagnosis) mine() hello { return hello{set: d.user, much: d.much} }

// try makes a connection, and says so.
func (d *diagnosis) try(ctx context.Context, what string, h hello, linger bool) (*outcome, error) {
	if err := d.begin(ctx, what); err != nil {
		return nil, err
	}
	o, err := d.p.try(ctx, h, linger)
	if err != nil {
		return nil, err
	}
	d.note(what, h, o)
	if o.ending == Silent { // once is enough to learn that it takes long
		d.p.timeout = min(d.p.timeout, long)
	}
	if known := d.p.known[d.p.model.key(h)]; o.lost() && d.first != nil && !d.first.lost() && !slices.ContainsFunc(known[:len(known)-1], (*outcome).lost) {
		return d.retry(ctx, what, h, linger)
	}
	return o, nil
}

// mostLosses is how many connections may be lost before the server is called
// unsteady for that.
const mostLosses = 2

// retry makes a connection again that was lost, perhaps by chance. If it was, it does
// not count.
func (d *diagnosis) retry(ctx context.Context, what string, h hello, linger bool) (*outcome, error) {
	o, err := d.try(ctx, what, h, linger)
	if err != nil || o.lost() {
		return o, err
	}
	known := d.p.known[d.p.model.key(h)]
	slices.SortStableFunc(known, func(a, b *outcome) int {
		switch {
		case a.lost() == b.lost():
			return 0
		case b.lost():
			return -1
		}
		return 1
	})
	if d.losses++; d.losses > mostLosses {
		return nil, errUnsteady
	}
	return o, nil
}

// begin says what is tried next, and waits until the connection for it may be made.
func (d *diagnosis) begin(ctx context.Context, what string) error {
	if d.o.Progress != nil {
		d.o.Progress(what, d.p.used+1)
	}
	return d.p.pace(ctx)
}

// maxAddresses is how many addresses of a name are compared.
const maxAddresses = 4

func (d *diagnosis) run(ctx context.Context) error {
	ips, err := d.resolve(ctx)
	if err != nil || len(ips) == 0 {
		return err
	}
	d.proxies()
	first, err := d.addresses(ctx, ips)
	if err != nil || first == nil {
		return err
	}
	return d.explain(ctx, first)
}

// explain finds out why the client's handshake ended as it did.
func (d *diagnosis) explain(ctx context.Context, first *outcome) error {
	d.first = first
	if first.good() {
		return d.worked(ctx, first)
	}
	if first.ending == Garbled {
		return d.plainText(first)
	}
	try := d.try
	if first.lost() {
		try = d.retry
	}
	if first.stage == connected { // what came late may come later the next time
		d.o.Linger = max(d.o.Linger, long)
	}
	again, err := try(ctx, "the client's handshake again", d.mine(), true)
	if err != nil {
		return err
	}
	switch {
	case first.lost() && !again.lost():
		return d.explain(ctx, again)
	case !again.alike(first):
		return d.unsteady(ctx, d.mine())
	case first.ending == Refused && d.beyond(first):
		return nil
	case first.ending == Refused:
		return d.refusedByUs(first)
	case first.info.ClientAuth && first.stage >= answered:
		return d.clientCertificate(first)
	case first.stage == connected:
		return d.breaksOff(first)
	}
	return d.compare(ctx, first)
}

// resolve looks the host up.
func (d *diagnosis) resolve(ctx context.Context) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(d.o.Host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	ips, err := d.o.Lookup(ctx, "ip", d.o.Host)
	if len(ips) == 0 {
		detail := "no address"
		if e, ok := errors.AsType[*net.DNSError](err); ok {
			detail = e.Err
		}
		d.find("dns-failed", Certain, fault.Quote([]byte(d.o.Host))+": "+detail)
		d.Outcome = "the name has no address"
		return nil, nil
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	if len(ips) > maxAddresses {
		d.notice("The name has %d addresses; the first %d were tried.", len(ips), maxAddresses)
		ips = ips[:maxAddresses]
	}
	return ips, nil
}

// proxies notices variables that lead other programs another way.
func (d *diagnosis) proxies() {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		if v := d.o.Getenv(name); v != "" {
			d.notice("%s is set to %s: programs that heed it don't connect to the server but to that proxy, which this diagnosis did not.", name, fault.Quote([]byte(v)))
			return
		}
	}
}

// addresses tries each address once and compares them. What it gives is the
// outcome at the first that can be reached, and nil if there is none, or if they
// differ.
func (d *diagnosis) addresses(ctx context.Context, ips []netip.Addr) (*outcome, error) {
	port, err := net.LookupPort("tcp", d.o.Port)
	if err != nil {
		return nil, err
	}
	var first *outcome
	var at []netip.AddrPort
	var got []*outcome
	for _, ip := range ips {
		d.p.addr = netip.AddrPortFrom(ip, uint16(port))
		o, err := d.try(ctx, "the client's handshake with "+d.p.addr.String(), d.mine(), true)
		if err != nil {
			return nil, err
		}
		d.Addresses = append(d.Addresses, Address{ip.String(), d.atAddress(o)})
		if o.ending == NoAnswer {
			if len(ips) > 1 {
				d.notice("%v can't be reached: %s.", d.p.addr, d.atAddress(o))
			}
			got = append(got, o)
			continue
		}
		d.Reached = true
		at, got = append(at, d.p.addr), append(got, o)
		if first == nil {
			first = o
		}
	}
	if first == nil {
		d.unreachable(got[0])
		return nil, nil
	}
	d.p.addr = at[0]
	return d.sameEverywhere(ctx, at, first, got)
}

// atAddress says what came of an address.
func (d *diagnosis) atAddress(o *outcome) string {
	if o.ending == NoAnswer {
		return fault.Printable(lastOf(o.err.Cause))
	}
	if o.refused() {
		return o.String() + "; the certificate is not good"
	}
	return o.String()
}

func lastOf(err error) string {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		err = e
	}
	if err == nil {
		return "no connection"
	}
	return err.Error()
}

// sameEverywhere compares what came of the addresses.
func (d *diagnosis) sameEverywhere(ctx context.Context, at []netip.AddrPort, first *outcome, got []*outcome) (*outcome, error) {
	got = slices.DeleteFunc(got, func(o *outcome) bool { return o.ending == NoAnswer })
	odd := slices.IndexFunc(got, func(o *outcome) bool { return !d.equal(o, first) })
	if odd < 0 {
		return first, nil
	}
	// Is it the address, or chance?
	for _, i := range []int{0, odd} {
		d.p.addr = at[i]
		again, err := d.try(ctx, "the client's handshake with "+at[i].String()+" again", d.mine(), true)
		if err != nil {
			return nil, err
		}
		if !d.equal(again, got[i]) {
			return nil, d.unsteady(ctx, d.mine())
		}
	}
	var evidence []Evidence
	for i, o := range got {
		evidence = append(evidence, Evidence{Probe: at[i].String(), Outcome: d.atAddress(o)})
	}
	d.find("addresses-differ", Certain, "", evidence...)
	d.first = first
	return nil, nil
}

// equal reports whether two outcomes mean the same, the certificate included.
func (d *diagnosis) equal(a, b *outcome) bool {
	return a.alike(b) && strings.Join(faults(a), " ") == strings.Join(faults(b), " ")
}

// unreachable is for a server that takes no TCP connection.
func (d *diagnosis) unreachable(o *outcome) {
	id := "unreachable"
	if errors.Is(o.err, syscall.ECONNREFUSED) {
		id = "refused"
	}
	d.Outcome = "no connection: " + d.atAddress(o)
	d.find(id, Certain, d.atAddress(o))
}

// guess is the best that can be said when nothing more can be tried.
func (d *diagnosis) guess() string {
	all := d.p.known[d.p.model.key(d.mine())]
	if len(all) == 0 {
		return "unreachable"
	}
	switch o := all[0]; {
	case o.good():
		return "nothing-wrong"
	case o.info.ClientAuth && o.ending == Alerted && o.alert == iana.CertificateRequired:
		return "client-cert-required"
	default:
		return d.always(o)
	}
}

// plainText is for a port that speaks something else.
func (d *diagnosis) plainText(o *outcome) error {
	cause, protocol, _ := strings.Cut(plain[o.err.Rule], " ")
	detail, said := o.String(), o.String()
	if o.err.Got != "" {
		detail, said = detail+" It said "+o.err.Got+".", o.err.Got
	}
	if protocol == "smtp" && (strings.Contains(o.err.Got, "FTP") || d.o.Port == "21") {
		protocol = "ftp"
	}
	if t := tongueOf(o.err.Got); cause == "not-tls" && t != nil {
		cause, protocol, detail = "plain-text", t.protocol, "It speaks "+t.name+". It said "+o.err.Got+"."
	}
	d.speaks(cause, protocol, detail, Evidence{Probe: "the first bytes of the answer", Outcome: said})
	return nil
}

// speaks is for a port that speaks something else, in which TLS can begin if
// protocol is not "".
func (d *diagnosis) speaks(cause, protocol, detail string, evidence Evidence) {
	if d.o.StartTLS != "" {
		protocol = ""
	}
	if protocol != "" {
		detail += fmt.Sprintf(" Try --starttls %s.", protocol)
	}
	f := d.find(cause, Certain, detail, evidence)
	if cause == "plain-text" {
		f.Lines = upgrades(protocol, net.JoinHostPort(d.o.Host, d.o.Port))
	}
	if cause == "plain-text" && protocol == "" {
		f.Fix = "Use a client of that protocol for this port, and for TLS the port where it begins at once, if there is one."
	}
	if protocol != "" {
		f.Prove = d.command("explain", "--starttls "+protocol)
	}
}

// upgrades are how other programs ask for TLS in a protocol; nil if there is no TLS
// in it.
func upgrades(protocol, at string) []Line {
	list := lines("OpenSSL", "openssl s_client -starttls "+protocol+" -connect "+at)
	switch protocol {
	case "":
		return nil
	case "smtp", "imap", "pop3", "ftp":
		list = append(list, Line{"curl", "curl --ssl-reqd " + protocol + "://" + at})
	}
	return list
}
