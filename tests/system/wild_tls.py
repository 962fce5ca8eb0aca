"""A TLS server that does what Python's ssl cannot be told to: OpenSSL's own calls, by ctypes.

    with WildTls(cert, key, chosen_alpn=b"h2") as server:
        ...  https://127.0.0.1:{server.port}/  ...

Each connection is accepted; then, as told:

    chosen_alpn     this protocol is chosen, whether it was offered or not
    renegotiates    the handshake is begun anew when the request has come (TLS 1.2)
    key_updates     so many key updates, each asking for one back (TLS 1.3)
    tickets         so many session tickets, one after the other (TLS 1.3)

and a request is answered 200 "ok". What was read is kept in `requests`.
"""

import contextlib
import ctypes
import ctypes.util
import socket
import threading

TLS12, TLS13 = 0x0303, 0x0304
SET_MIN_VERSION, SET_MAX_VERSION = 123, 124     # SSL_CTX_ctrl's names of them
FILETYPE_PEM, TLSEXT_ERR_OK, KEY_UPDATE_REQUESTED = 1, 0, 1
SELECT_ALPN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p),
                               ctypes.POINTER(ctypes.c_ubyte), ctypes.c_void_p, ctypes.c_uint,
                               ctypes.c_void_p)


def load():
    ssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
    for name in ("TLS_server_method", "SSL_CTX_new", "SSL_new"):
        getattr(ssl, name).restype = ctypes.c_void_p
    for name in ("SSL_CTX_new", "SSL_CTX_free", "SSL_new", "SSL_free", "SSL_accept",
                 "SSL_do_handshake", "SSL_renegotiate", "SSL_shutdown", "SSL_new_session_ticket"):
        getattr(ssl, name).argtypes = [ctypes.c_void_p]
    ssl.SSL_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
    ssl.SSL_CTX_set_alpn_select_cb.argtypes = [ctypes.c_void_p, SELECT_ALPN, ctypes.c_void_p]
    for name in ("SSL_CTX_use_certificate_file", "SSL_CTX_use_PrivateKey_file"):
        getattr(ssl, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    for name in ("SSL_set_fd", "SSL_key_update"):
        getattr(ssl, name).argtypes = [ctypes.c_void_p, ctypes.c_int]
    for name in ("SSL_read", "SSL_write"):
        getattr(ssl, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    return ssl


class Ended(Exception):
    """The peer has had enough."""


class WildTls:
    def __init__(self, cert, key, version=TLS13, chosen_alpn=None, renegotiates=False,
                 key_updates=0, tickets=0):
        self._ssl, self.requests = load(), []
        self._renegotiates, self._key_updates, self._tickets = renegotiates, key_updates, tickets
        self._context = self._ssl.SSL_CTX_new(self._ssl.TLS_server_method())
        assert self._ssl.SSL_CTX_use_certificate_file(self._context, bytes(cert), FILETYPE_PEM) == 1
        assert self._ssl.SSL_CTX_use_PrivateKey_file(self._context, bytes(key), FILETYPE_PEM) == 1
        for what in (SET_MIN_VERSION, SET_MAX_VERSION):
            assert self._ssl.SSL_CTX_ctrl(self._context, what, version, None) == 1
        if chosen_alpn:
            self._choose(chosen_alpn)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._socks = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _choose(self, protocol):
        def select(_, ret_out, ret_bytes, *_offered):
            ret_out[0], ret_bytes[0] = self._protocol, len(self._protocol)
            return TLSEXT_ERR_OK

        self._protocol, self._select = protocol, SELECT_ALPN(select)    # kept: C has the addresses
        self._ssl.SSL_CTX_set_alpn_select_cb(self._context, self._select, None)

    def url(self, target="/"):
        return f"https://127.0.0.1:{self.port}{target}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._socks.append(sock)
                connection = self._ssl.SSL_new(self._context)
                with contextlib.suppress(Ended):
                    self._serve(connection, sock)
                self._ssl.SSL_free(connection)
                sock.close()

    def _must(self, result):
        if result <= 0:
            raise Ended

    def _serve(self, connection, sock):
        ssl = self._ssl
        ssl.SSL_set_fd(connection, sock.fileno())
        self._must(ssl.SSL_accept(connection))
        while True:
            request = ctypes.create_string_buffer(65536)
            self._must(ssl.SSL_read(connection, request, len(request)))
            self.requests.append(request.value)
            for _ in range(self._key_updates):
                self._must(ssl.SSL_key_update(connection, KEY_UPDATE_REQUESTED))
                self._must(ssl.SSL_do_handshake(connection))
            for _ in range(self._tickets):
                self._must(ssl.SSL_new_session_ticket(connection))
                self._must(ssl.SSL_do_handshake(connection))
            if self._renegotiates:
                self._must(ssl.SSL_renegotiate(connection))
                self._must(ssl.SSL_do_handshake(connection))
                self._must(ssl.SSL_read(connection, request, len(request)))
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            self._must(ssl.SSL_write(connection, answer, len(answer)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in (self._listener, *self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self._ssl.SSL_CTX_free(self._context)
