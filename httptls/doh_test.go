package httptls_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// TestDNSOverHTTPS: what the example's server refuses, and RFC 8484's own query.
func TestDNSOverHTTPS(t *testing.T) {
	t.Parallel()
	s := start(t, &http.Server{Handler: resolver{"www.example.com.": netip.MustParseAddr("192.0.2.1")}})
	client := &http.Client{Transport: transport(t)}
	// RFC 8484, Section 4.1.1: the query for www.example.com, type A.
	const query = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"
	raw, err := base64.RawURLEncoding.DecodeString(query)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, method, query, media, body string
		status                           int
	}{
		{"GET", http.MethodGet, query, "", "", http.StatusOK},
		{"POST", http.MethodPost, "", dnsMedia, string(raw), http.StatusOK},
		{"no query", http.MethodGet, "", "", "", http.StatusBadRequest},
		{"padding in base64", http.MethodGet, "AA==", "", "", http.StatusBadRequest},
		{"half a query", http.MethodPost, "", dnsMedia, string(raw[:20]), http.StatusBadRequest},
		{"too long", http.MethodPost, "", dnsMedia, strings.Repeat("x", dnsMost+1), http.StatusBadRequest},
		{"other media type", http.MethodPost, "", "text/plain", string(raw), http.StatusUnsupportedMediaType},
		{"other method", http.MethodPut, "", dnsMedia, string(raw), http.StatusMethodNotAllowed},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := s.url + dnsPath
			if row.query != "" {
				url += "?dns=" + row.query
			}
			req, err := http.NewRequestWithContext(context.Background(), row.method, url, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", row.media)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != row.status {
				t.Fatalf("got %s, %v", res.Status, err)
			}
			if row.status != http.StatusOK {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(body); err != nil || len(m.Answers) != 1 || !m.Response || res.Header.Get("Cache-Control") != "max-age=300" {
				t.Errorf("got %+v, %v, %v", m, err, res.Header)
			}
		})
	}
}
