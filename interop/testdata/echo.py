"""TLS by Python's ssl module: an echo for each case on standard input.

A line is one case, of words key=value. A server prints the port it listens on,
behind the case's n. What goes wrong goes to standard error.
"""
import socket
import ssl
import sys
import threading

LIMIT = 30  # seconds, as for each case

VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def context(p):
    server = p["role"] == "server"
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    c.minimum_version = c.maximum_version = VERSIONS[p["version"]]
    if p["version"] != "TLSv1.3":
        c.set_ciphers(p["suite"])  # those of TLS 1.3 can't be set
    if p["groups"] and (server or "," not in p["groups"]):
        c.set_ecdh_curve(p["groups"].split(",")[0])  # it takes one; for two, OpenSSL's default stays
    if p["cert"]:
        c.load_cert_chain(p["cert"], p["key"])
    c.options |= int(p["options"] or 0)
    if p["dh"]:
        c.load_dh_params(p["dh"])
    c.load_verify_locations(p["ca"])
    c.post_handshake_auth = p["then"] == "ask"
    if server:
        c.verify_mode = {"": ssl.CERT_NONE, "request": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}[p["ask"]]
    return c


def echo(conn, then):
    if then == "last":
        got = b""
        while data := conn.recv(65536):
            got += data
        conn.sendall(got)
    if then == "ask" and conn.server_side:
        data = conn.recv(65536)
        conn.verify_client_post_handshake()
        conn.sendall(data)  # the question goes out with it
    while data := conn.recv(65536):
        conn.sendall(data)
    conn.unwrap()  # answers close_notify
    conn.close()


def serve(p, listener, c):
    with listener:
        for _ in range(int(p["rounds"])):
            raw, _ = listener.accept()
            raw.settimeout(LIMIT)
            echo(c.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False), p["then"])


def call(p, c):
    session = None
    for _ in range(int(p["rounds"])):
        raw = socket.create_connection(("127.0.0.1", int(p["port"])), LIMIT)
        conn = c.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False, session=session)
        if int(p["rounds"]) > 1:
            data = conn.recv(65536)  # and with it, in TLS 1.3, the tickets
            session = conn.session
            conn.sendall(data)
        echo(conn, p["then"])


def case(f, *args):
    try:
        f(*args)
    except Exception as e:
        print(type(e).__name__, e, file=sys.stderr, flush=True)


for line in sys.stdin:
    p = dict(word.split("=", 1) for word in line.split())
    c = context(p)
    if p["role"] == "server":
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(LIMIT)
        print(p["n"], listener.getsockname()[1], flush=True)
        threading.Thread(target=case, args=(serve, p, listener, c), daemon=True).start()
    else:
        threading.Thread(target=case, args=(call, p, c), daemon=True).start()
