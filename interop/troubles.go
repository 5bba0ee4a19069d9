package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/pki"
)

// A trouble is a peer's server that is configured so that a client fails, or comes
// to a bad certificate, and what a diagnosis must find: just these causes, with the
// smallest change to the ClientHello that helps.
type trouble struct {
	what    string // is wrong
	told    string // to the server, in its own words; see fill
	key     pki.Key
	chain   chain  // of the server
	client  client // who fails; nil: the default client, for localhost
	finds   string // causes, the main one first
	trigger string // of the main one; "" if the ClientHello does not matter
	notices string // part of what is noticed besides
}

// diagnosed is the area that counts troubles.
const diagnosed = "diagnose"

// most is how many connections a diagnosis may make, and enough is more than that.
const most, enough = 60, 100

// diagnosedWithin is generous: these are many handshakes, each of which may wait for
// an alert, and on a machine that does all else at once.
const diagnosedWithin = 2 * time.Minute

// A client is what is not as usual about the one that fails.
type client func(*files, *diagnose.Options)

// A host is a process that serves a trouble on a port.
type host struct {
	*process
	port string
}

// fill puts what differs from run to run into what a server is told.
func (t trouble) fill(f *files, port string) string {
	id, good := f.id(t.key, t.chain), f.id(pki.P256, plain)
	return strings.NewReplacer("<port>", port, "<ca>", f.ca, "<cert>", id.cert, "<key>", id.key, "<dh>", f.path("dh1024.pem"), "<good>", good.cert, "<good key>", good.key).Replace(t.told)
}

// split tells options of the program ("-D…") from words.
func (t trouble) split() (options, words []string) {
	for _, word := range strings.Fields(t.told) {
		if strings.HasPrefix(word, "-") {
			options = append(options, word)
		} else {
			words = append(words, word)
		}
	}
	return options, words
}

// diagnose has each trouble diagnosed, some at a time.
func (r *runner) diagnose(ctx context.Context, t *tally, k *kit, list []trouble, open func(context.Context, []trouble) ([]host, error)) {
	if len(list) == 0 {
		return
	}
	hosts, err := open(ctx, list)
	defer func() {
		for _, h := range hosts {
			h.stop()
		}
	}()
	if err != nil {
		r.fail(t, diagnosed, "%s does not start, to be diagnosed: %v", t.peer, err)
		return
	}
	wrong, reports := make([]error, len(list)), make([]*diagnose.Report, len(list))
	places := make(chan bool, r.jobs)
	var all sync.WaitGroup
	for i, x := range list {
		all.Go(func() {
			places <- true
			defer func() { <-places }()
			limited, cancel := context.WithTimeout(ctx, diagnosedWithin)
			defer cancel()
			if reports[i], wrong[i] = diagnose.Run(limited, x.options(k.files, hosts[i].port)); wrong[i] == nil {
				wrong[i] = x.judge(reports[i])
			}
		})
	}
	all.Wait()
	for i, err := range wrong {
		switch {
		case err != nil:
			r.fail(t, diagnosed, "%s  %s: %v%s", t.peer, list[i].what, err, told(reports[i]))
			continue
		case r.verbose:
			r.print("ok    %s  %s%s\n", t.peer, list[i].what, told(reports[i]))
		}
		t.passed[diagnosed]++
	}
}

// options are what is to be diagnosed.
func (t trouble) options(f *files, port string) diagnose.Options {
	o := diagnose.Options{
		Host: "localhost", Port: port, Client: &handclasp.ClientConfig{ServerName: "localhost", RootCAs: f.roots}, MaxConnections: most,
		Linger: time.Second,
		Lookup: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
		},
		Reverse: func(context.Context, string) ([]string, error) { return []string{"localhost"}, nil },
	}
	if strings.HasPrefix(t.finds, "client-cert-") {
		o.Linger = 10 * time.Second // for an alert that comes late, from a machine that has much to do
	}
	if t.client != nil {
		t.client(f, &o)
	}
	return o
}

// judge compares a report with what must stand in it.
func (t trouble) judge(r *diagnose.Report) error {
	var found []string
	trigger := ""
	for i, f := range r.Findings {
		found = append(found, f.ID)
		if i == 0 {
			trigger = f.Trigger
		}
	}
	noticed := slices.ContainsFunc(r.Noticed, func(n string) bool { return strings.Contains(n, t.notices) })
	switch ids := strings.Join(found, " "); {
	case ids != t.finds:
		return fmt.Errorf("diagnosed as %q, which is %q", ids, t.finds)
	case trigger != t.trigger:
		return fmt.Errorf("the trigger is said to be %q, and is %q", trigger, t.trigger)
	case t.notices != "" && !noticed:
		return fmt.Errorf("%q is not noticed", t.notices)
	case r.Connections > most:
		return fmt.Errorf("%d connections", r.Connections)
	}
	return nil
}

// told is a report for whoever has to find out why it is wrong.
func told(r *diagnose.Report) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n      %s; %d connections, %.1f s", r.Outcome, r.Connections, r.Seconds)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n      %s (%s): %s %s", f.ID, f.Confidence, f.Detail, f.Trigger)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "\n        %v", e)
		}
	}
	for _, n := range r.Noticed {
		fmt.Fprintf(&b, "\n      noticed: %s", n)
	}
	return b.String()
}

// apart starts a process for each trouble, by the command that run gives.
func apart(ctx context.Context, k *kit, list []trouble, run func(t trouble, port string) []string) (all []host, err error) {
	ports, err := freePorts(ctx, len(list))
	if err != nil {
		return nil, err
	}
	for i, t := range list {
		args := append(run(t, ports[i]), strings.Fields(t.fill(k.files, ports[i]))...)
		p, err := daemon(ctx, args[0], args[1:]...)
		if err != nil {
			return all, err
		}
		all = append(all, host{p, ports[i]})
	}
	for _, h := range all {
		if err := h.listens(ctx); err != nil {
			return all, err
		}
	}
	return all, nil
}

// listens waits until the host does.
func (h host) listens(ctx context.Context) error {
	conn, err := h.dial(ctx, h.port)
	if err != nil {
		return h.blame(fmt.Errorf("it does not listen: %w", err), 0)
	}
	return conn.Close()
}

func (k *kit) opensslHosts(ctx context.Context, list []trouble) ([]host, error) {
	if _, err := k.dhParams(testCase{bits: 1024}); err != nil {
		return nil, err
	}
	return apart(ctx, k, list, func(t trouble, port string) []string {
		return append([]string{"openssl", "s_server", "-quiet", "-accept", "127.0.0.1:" + port}, opensslShows(k.files.id(t.key, t.chain))...)
	})
}

func (k *kit) gnutlsHosts(ctx context.Context, list []trouble) ([]host, error) {
	return apart(ctx, k, list, func(t trouble, port string) []string {
		id := k.files.id(t.key, t.chain)
		return []string{"gnutls-serv", "--echo", "--quiet", "--port", port, "--x509certfile", id.cert, "--x509keyfile", id.key}
	})
}

// hosts starts one process for all. What the server is told is a server of its own,
// or what stands in one.
func (f front) hosts(ctx context.Context, k *kit, list []trouble) (all []host, err error) {
	ports, err := freePorts(ctx, len(list)+1)
	if err != nil {
		return nil, err
	}
	own := *k
	if own.files, err = k.files.in("troubles"); err != nil {
		return nil, err
	}
	plan := layout{Dir: own.files.dir, CA: own.files.ca, Spare: ports[len(list)]}
	for i, t := range list {
		if !strings.HasPrefix(t.told, "server") {
			t.told = "server { listen 127.0.0.1:<port> ssl; ssl_certificate <cert>; ssl_certificate_key <key>; " + t.told + " }"
		}
		plan.More += t.fill(own.files, ports[i]) + "\n"
	}
	p, err := f.start(ctx, &own, plan)
	if err != nil {
		return nil, err
	}
	for i := range list {
		all = append(all, host{p, ports[i]})
	}
	return all, all[0].listens(ctx)
}

// issueWrong issues the certificates with which something is wrong, and those of
// clients, for every kind of key that a trouble has.
func (f *files) issueWrong(root *pki.Authority, names []string) error {
	now := time.Now()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		return err
	}
	below, err := root.Intermediate("Handclasp interop issuer", pki.Options{})
	if err != nil {
		return err
	}
	lower, err := below.Intermediate("Handclasp interop lower issuer", pki.Options{})
	if err != nil {
		return err
	}
	other, err := pki.NewAuthority("Handclasp interop stranger", pki.Options{Now: now})
	if err != nil {
		return err
	}
	self, err := pki.SelfSigned(pki.Leaf{Names: names}, now)
	if err != nil {
		return err
	}
	f.ids[named{pki.P256, vouchless}], err = f.keep(self)
	for _, x := range []struct {
		chain chain
		by    *pki.Authority
		leaf  pki.Leaf
		send  func(chain [][]byte) [][]byte
	}{
		{expired, root, pki.Leaf{Names: names, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}, nil},
		{elsewhere, root, pki.Leaf{Names: []string{"elsewhere.interop.example"}}, nil},
		{alone, below, pki.Leaf{Names: names, IssuerURL: "http://issuer.interop.example/issuer.crt"}, func(all [][]byte) [][]byte { return all[:1] }},
		{reversed, lower, pki.Leaf{Names: names}, func(all [][]byte) [][]byte { slices.Reverse(all[1:]); return all }},
		{strange, other, pki.Leaf{Names: names}, nil},
		{short, root, pki.Leaf{Names: names, Signer: weak}, nil},
		{clients, root, pki.Leaf{Names: names, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, nil},
	} {
		issued, failed := x.by.Issue(x.leaf)
		if failed != nil {
			return failed
		}
		if x.send != nil {
			issued.Chain = x.send(issued.Chain)
		}
		id, failed := f.keep(issued)
		f.ids[named{pki.P256, x.chain}] = id
		err = errors.Join(err, failed)
	}
	return err
}
