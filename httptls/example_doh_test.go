package httptls_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/httptls"
)

const (
	dnsPath  = "/dns-query"
	dnsMedia = "application/dns-message"
	dnsMost  = 65535 // bytes of a message (RFC 8484, Section 6)
)

// A resolver answers DNS over HTTPS (RFC 8484) from a table.
type resolver map[string]netip.Addr

// ServeHTTP takes queries as both methods carry them (RFC 8484, Section 4.1).
func (z resolver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var query []byte
	var err error
	switch {
	case r.Method == http.MethodGet:
		query, err = base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Content-Type") != dnsMedia:
		http.Error(w, "use "+dnsMedia, http.StatusUnsupportedMediaType)
		return
	default:
		query, err = io.ReadAll(http.MaxBytesReader(w, r.Body, dnsMost))
	}
	answer, ttl, err2 := z.answer(query)
	if err = errors.Join(err, err2); err != nil {
		http.Error(w, "not a DNS query", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", dnsMedia)
	w.Header().Set("Cache-Control", fmt.Sprintf("max-age=%d", ttl)) // Section 5.1: not longer than the answer lives
	w.Write(answer)
}

// answer is the response to a query, and how many seconds it stays true.
func (z resolver) answer(query []byte) (response []byte, ttl uint32, err error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, 0, err
	}
	if m.Response || len(m.Questions) != 1 {
		return nil, 0, errors.New("not one question")
	}
	q := m.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true},
		Questions: m.Questions,
	}
	addr, known := z[q.Name.String()]
	switch {
	case !known:
		reply.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA && addr.Is4():
		ttl = 300
		header := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}
		reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}}}
	}
	response, err = reply.Pack()
	return response, ttl, err
}

// lookup asks the server at url for the IPv4 addresses of name, which ends in a
// dot, with GET so that caches can help, or with POST.
func lookup(ctx context.Context, client *http.Client, url, method, name string) ([]netip.Addr, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	query := dnsmessage.Message{ // the ID is 0, the same in every cache (Section 4.1)
		Header:    dnsmessage.Header{RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if method == http.MethodGet {
		url += "?dns=" + base64.RawURLEncoding.EncodeToString(packed)
	} else {
		body = bytes.NewReader(packed)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", dnsMedia)
	if body != nil {
		req.Header.Set("Content-Type", dnsMedia)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != dnsMedia {
		return nil, fmt.Errorf("the server answered %s with %q", res.Status, res.Header.Get("Content-Type"))
	}
	reply, err := io.ReadAll(io.LimitReader(res.Body, dnsMost))
	if err != nil {
		return nil, err
	}
	return addresses(reply)
}

func addresses(reply []byte) (addrs []netip.Addr, err error) {
	var m dnsmessage.Message
	if err := m.Unpack(reply); err != nil {
		return nil, err
	}
	if m.RCode != dnsmessage.RCodeSuccess {
		return nil, fmt.Errorf("the answer is %v", m.RCode)
	}
	for _, r := range m.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			addrs = append(addrs, netip.AddrFrom4(a.A))
		}
	}
	return addrs, nil
}

// DNS over HTTPS (RFC 8484), asked and answered, over HTTP/2 as it recommends.
func Example_dnsOverHTTPS() {
	mux := http.NewServeMux()
	mux.Handle(dnsPath, resolver{"handclasp.example.": netip.MustParseAddr("192.0.2.7")})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &http.Server{Handler: mux}
	go httptls.Serve(l, srv, &handclasp.ServerConfig{Certificates: []handclasp.Certificate{identity().ours}})
	defer srv.Close()

	client := &http.Client{Transport: httptls.NewTransport(&handclasp.ClientConfig{RootCAs: authority().Pool()})}
	defer client.CloseIdleConnections()
	url := "https://" + l.Addr().String() + dnsPath
	ctx := context.Background()
	fmt.Println(lookup(ctx, client, url, http.MethodGet, "handclasp.example."))
	fmt.Println(lookup(ctx, client, url, http.MethodPost, "handclasp.example."))
	fmt.Println(lookup(ctx, client, url, http.MethodGet, "nobody.example."))
	// Output:
	// [192.0.2.7] <nil>
	// [192.0.2.7] <nil>
	// [] the answer is RCodeNameError
}
