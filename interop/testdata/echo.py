"""TLS by Python's ssl module: an echo for each case on standard input.

A line is one case: role version suite groups cert key ca port. A server prints
the port it listens on. What goes wrong goes to standard error.
"""
import socket
import ssl
import sys
import threading

LIMIT = 20  # seconds, as for each case


def context(role, version, suite, groups, cert, key, ca):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == "server" else ssl.PROTOCOL_TLS_CLIENT)
    c.minimum_version = c.maximum_version = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[version]
    if version == "TLSv1.2":
        c.set_ciphers(suite)  # those of TLS 1.3 can't be set
    if role == "server" or "," not in groups:
        c.set_ecdh_curve(groups.split(",")[0])  # it takes one; for two, OpenSSL's default stays
    if role == "server":
        c.load_cert_chain(cert, key)
    else:
        c.load_verify_locations(ca)
    return c


def echo(conn):
    while data := conn.recv(65536):
        conn.sendall(data)
    conn.unwrap()  # answers close_notify
    conn.close()


def serve(listener, c):
    with listener:
        raw, _ = listener.accept()
    raw.settimeout(LIMIT)
    echo(c.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False))


def call(port, c):
    raw = socket.create_connection(("127.0.0.1", port), LIMIT)
    echo(c.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False))


def case(f, *args):
    try:
        f(*args)
    except Exception as e:
        print(type(e).__name__, e, file=sys.stderr, flush=True)


for line in sys.stdin:
    *params, port = line.split()
    c = context(*params)
    if params[0] == "server":
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(LIMIT)
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=case, args=(serve, listener, c), daemon=True).start()
    else:
        threading.Thread(target=case, args=(call, int(port), c), daemon=True).start()
