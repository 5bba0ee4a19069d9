// Package httptls lets net/http speak HTTP/1.1 and HTTP/2 over Handclasp, on
// both sides, each in two lines:
//
//	srv := &http.Server{Handler: h}
//	err := httptls.ListenAndServe(":443", srv, &handclasp.ServerConfig{Certificates: certs})
//
//	client := &http.Client{Transport: httptls.NewTransport(&handclasp.ClientConfig{})}
//	res, err := client.Get("https://example.com/")
//
// ALPN decides on the protocol (RFC 7301; RFC 9113, Section 3.2). Request.TLS
// and Response.TLS say what the handshake has settled, and Conn gives a handler
// the connection itself, for what they can't say.
//
// 0-RTT (RFC 8470) is for who asks for it on both sides: AcceptEarly, RefuseEarly
// and Early on servers, AllowEarly on clients.
//
// Policy: requests, connections and timeouts stay net/http's business; this
// package dials, accepts, shakes hands and hands over. A configuration is
// copied and never modified. What goes wrong below HTTP arrives as the
// *fault.Error that it is: in Server.ErrorLog as one line with the hint, in a
// client through errors.As. A request that has begun is never lost to
// Server.Shutdown.
package httptls
