package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/internal/pki"
)

var opensslVersion = program("openssl", "version")

func opensslCan(c testCase) string {
	if !classic(c.group) {
		return "OpenSSL before 3.5 has no hybrid groups"
	}
	return ""
}

func opensslRun(ctx context.Context, r *runner, c testCase) error {
	groups := groupName(c)
	if c.server {
		if c.retry {
			groups = "X25519:" + groups
		}
		return opensslClient(ctx, r, c, groups)
	}
	return opensslServer(ctx, r, c, groups)
}

// groupName is OpenSSL's name of a group.
func groupName(c testCase) string {
	return map[string]string{"x25519": "X25519", "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[c.group.String()]
}

func opensslServer(ctx context.Context, r *runner, c testCase, groups string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	id := r.files.ids[c.key]
	p, err := start(ctx, "openssl", "s_server", "-quiet", "-naccept", "1", "-accept", "127.0.0.1:"+port, "-tls1_3",
		"-cert", id.cert, "-key", id.key, "-ciphersuites", c.suite.String(), "-groups", groups)
	if err != nil {
		return err
	}
	return p.explain(r.asClient(ctx, c, "127.0.0.1:"+port, p))
}

func opensslClient(ctx context.Context, r *runner, c testCase, groups string) error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	p, err := start(ctx, "openssl", "s_client", "-quiet", "-connect", l.Addr().String(), "-tls1_3", "-servername", "localhost",
		"-verify_hostname", "localhost", "-verify_return_error", "-CAfile", r.files.ca,
		"-ciphersuites", c.suite.String(), "-groups", groups)
	if err != nil {
		return err
	}
	conn, err := l.Accept()
	if err != nil {
		return p.explain(err)
	}
	defer conn.Close()
	return p.explain(r.finish(ctx, c, handclasp.Server(conn, r.files.serverConfig(c)), p))
}

// --- curl fetches a page ---

var curlVersion = program("curl", "--version")

// curlCases are those in which we serve: curl is no server.
func curlCases() (cases []testCase) {
	for _, c := range allCases() {
		if c.server && !c.retry && (c.key == pki.P256 || c.group == 0x1d) {
			cases = append(cases, c)
		}
	}
	return cases
}

func curlCan(c testCase) string {
	if !classic(c.group) {
		return "curl with this OpenSSL has no hybrid groups"
	}
	return ""
}

func curlRun(ctx context.Context, r *runner, c testCase) error {
	inner, err := listen()
	if err != nil {
		return err
	}
	const page = "<p>It works.</p>"
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(handclasp.NewListener(inner, r.files.serverConfig(c))) }()
	defer func() { srv.Close(); <-done }()
	_, port, err := net.SplitHostPort(inner.Addr().String())
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "curl", "-sS", "--cacert", r.files.ca, "--tlsv1.3", "https://localhost:"+port+"/").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != page {
		return fmt.Errorf("curl: %v: %s", err, out)
	}
	return nil
}
