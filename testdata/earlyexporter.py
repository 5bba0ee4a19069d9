# OpenSSL's library as client or server of two connections, of which the second has
# 0-RTT data: prints what it exports of them (SSL_export_keying_material_early).
import ctypes, ctypes.util, socket, sys

name = ctypes.util.find_library("ssl")
if not name:
    print("no libssl")
    sys.exit()
lib = ctypes.CDLL(name)

class Pointer(ctypes.c_void_p):
    pass

def call(name, *args, gives=ctypes.c_int):
    f = getattr(lib, name)
    f.restype = gives
    return f(*args)

def need(ok, what):
    if not ok:
        sys.exit(what + " fails")

role, port, cert, key = sys.argv[1:]
n, buf = ctypes.c_size_t(), ctypes.create_string_buffer(100)
ctx = call("SSL_CTX_new", call("TLS_%s_method" % role, gives=Pointer), gives=Pointer)

def export(s):
    label, out = b"EXPORTER-early", ctypes.create_string_buffer(32)
    need(call("SSL_export_keying_material_early", s, out, ctypes.c_size_t(32), label, ctypes.c_size_t(len(label)), b"context", ctypes.c_size_t(7)) == 1, "export")
    print(out.raw.hex(), flush=True)

def new(sock):
    s = call("SSL_new", ctx, gives=Pointer)
    call("SSL_set_fd", s, sock.fileno())
    return s

if role == "client":
    print("ready", flush=True)
    session = None
    for _ in range(2):
        sock = socket.create_connection(("127.0.0.1", int(port)))
        s = new(sock)
        call("SSL_ctrl", s, 55, ctypes.c_long(0), b"localhost") # SSL_CTRL_SET_TLSEXT_HOSTNAME
        if session:
            need(call("SSL_set_session", s, session) == 1, "set_session")
            need(call("SSL_write_early_data", s, b"early", ctypes.c_size_t(5), ctypes.byref(n)) == 1, "write_early_data")
            export(s)
        need(call("SSL_connect", s) == 1, "connect")
        need(call("SSL_read", s, buf, 1) == 1, "read") # behind the tickets
        session = call("SSL_get1_session", s, gives=Pointer)
        call("SSL_shutdown", s)
        sock.close()
else: # a server
    need(call("SSL_CTX_use_certificate_chain_file", ctx, cert.encode()) == 1, "certificate")
    need(call("SSL_CTX_use_PrivateKey_file", ctx, key.encode(), 1) == 1, "key")
    call("SSL_CTX_set_max_early_data", ctx, 100)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    for round in range(2):
        sock, _ = listener.accept()
        s = new(sock)
        got = call("SSL_read_early_data", s, buf, ctypes.c_size_t(100), ctypes.byref(n))
        if round:
            need(got == 1, "read_early_data")
            export(s)
            need(call("SSL_read_early_data", s, buf, ctypes.c_size_t(100), ctypes.byref(n)) == 2, "the end")
        need(call("SSL_accept", s) == 1, "accept")
        call("SSL_write", s, b"x", 1)
        call("SSL_read", s, buf, 1) # until close_notify
        call("SSL_shutdown", s)
        sock.close()
