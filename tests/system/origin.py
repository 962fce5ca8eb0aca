"""A misbehaving HTTP server: one listening port, one script per connection, every step a line.

    script = [expect_request(), send(answer(b"ok")), fin()]
    with Origin(script) as origin:
        ...  fetch origin.url("/a")  ...
        assert [r.target for r in origin.requests] == ["/a"]

The n-th connection plays the n-th script, the last script serves all later ones. A script that has
been played closes its connection. What the peer did against the script (bytes where none were due)
is kept in `failures` and raised when the `with` block ends.

Segmentation is a property of the origin, so that one script can be played in several: WHOLE sends
a step at once, BYTES one byte at a time, CUTS(seed) in random pieces. A thread per connection;
standard library only.
"""

import contextlib
import fcntl
import random
import select
import socket
import struct
import termios
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

WHOLE = "whole"
BYTES = "bytes"
PIECE_PAUSE_S = 0.0003  # long enough for the peer to wake up between two pieces
PIECES_MAX = 1500       # longer answers are sent in fewer, bigger pieces


def CUTS(seed):
    return f"cuts:{seed}"


# --- steps ---

@dataclass(frozen=True)
class Step:
    name: str
    args: tuple = ()

    def __repr__(self):
        return f"{self.name}{self.args!r}"


def expect_request():
    """Reads one request, head and body, and records it; the script ends if the peer closes."""
    return Step("expect_request")


def expect_head():
    """Reads the head of a request and records it; expect_body() adds what follows."""
    return Step("expect_head")


def expect_body():
    """The body of the last request: Content-Length bytes, or chunks."""
    return Step("expect_body")


def expect_eof(within_s=5.0):
    """The peer must close without another byte."""
    return Step("expect_eof", (within_s,))


def expect_nothing(ms):
    """The peer must neither send nor close for so long."""
    return Step("expect_nothing", (ms,))


def send(data):
    return Step("send", (bytes(data),))


def send_each_byte(data, ms):
    """A drip: one byte, then a pause of ms, whatever the origin's segmentation."""
    return Step("send_each_byte", (bytes(data), ms))


def reply_with(function):
    """Sends what function(last request) returns; None: resets the connection."""
    return Step("reply_with", (function,))


def flood(piece, bytes_max):
    """Sends piece over and over until the peer closes or bytes_max is reached."""
    return Step("flood", (bytes(piece), bytes_max))


def cut(seed):
    """From here on this connection sends in random pieces."""
    return Step("cut", (seed,))


def sleep(ms):
    return Step("sleep", (ms,))


def wait_for(event):
    """Waits until the test sets this threading.Event (or the origin closes)."""
    return Step("wait_for", (event,))


TUNNEL_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


def tunnel_to(ports, head=TUNNEL_OPEN):
    """As a proxy: answers the last request, a CONNECT, with head and passes bytes both ways between
    its client and 127.0.0.1, port ports[target], until one side ends. What the client sent is kept
    in the origin's `tunnelled`."""
    return Step("tunnel_to", (ports, bytes(head)))


def forward_to(ports):
    """As a proxy: hands the last request, whose target is a URL, on to 127.0.0.1, port
    ports["host:port"], without what was for the proxy, and passes the answer back."""
    return Step("forward_to", (ports,))


def fin():
    """Closes in order, after all bytes were sent."""
    return Step("fin")


def close_notify():
    """Says over TLS that nothing follows, then closes."""
    return Step("close_notify")


def half_close():
    """Sends FIN and goes on reading."""
    return Step("half_close")


def rst():
    return Step("rst")


def stop_reading():
    """Reads nothing more and holds the connection open."""
    return Step("stop_reading")


def hang():
    """Reads and ignores everything, answers nothing, until the peer closes."""
    return Step("hang")


def close_listener():
    """New connections are refused from now on."""
    return Step("close_listener")


def repeat(steps, times=None):
    return Step("repeat", (tuple(steps), times))


def answer(body=b"ok", status="200 OK", fields=()):
    """The bytes of a plain good response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*chunks, trailers=b""):
    """The bytes of a chunked body."""
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + b"0\r\n" + trailers + b"\r\n"


WATCHERS = []   # each is called with (origin, request) of every request that any origin reads
SERVE_OK = (repeat((expect_request(), send(answer()))),)


# --- what was seen ---

@dataclass
class Request:
    method: str
    target: str
    version: str
    fields: list        # (name, value) as they came
    body: bytes
    head: bytes
    connection: int     # 0 = the first one
    at_s: float         # time.monotonic()
    is_secure: bool     # over TLS

    def field(self, name):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        return values[0] if values else None


class ScriptEnd(Exception):
    """The connection has nothing left to play."""


@dataclass
class Connection:
    """Plays one script on one socket."""

    origin: "Origin"
    sock: socket.socket
    index: int
    segmentation: str
    unread: bytes = b""
    request: Request = None
    rng: random.Random = field(default=None)

    def play(self, script):
        try:
            self.play_steps(script)
        except (ScriptEnd, ConnectionError, BrokenPipeError, socket.timeout, OSError):
            pass  # the peer left, or the origin closes: what mattered has been recorded
        finally:
            self.sock.close()

    def play_steps(self, steps):
        for step in steps:
            if self.origin.is_closing:
                raise ScriptEnd
            getattr(self, "do_" + step.name)(*step.args)

    # reading

    def receive(self):
        data = self.sock.recv(65536)
        self.origin.count_received(len(data))
        return data

    def read_until(self, is_enough):
        while not is_enough(self.unread):
            data = self.receive()
            if not data:
                raise ScriptEnd
            self.unread += data

    def read_head(self):
        self.read_until(lambda data: b"\r\n\r\n" in data)
        head, _, rest = self.unread.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = [tuple(p.strip() for p in line.partition(":")[::2]) for line in lines[1:]]
        method, target, version = (lines[0].split(" ", 2) + ["", ""])[:3]
        self.unread = rest
        self.request = Request(method, target, version, fields, b"", head, self.index,
                               time.monotonic(), self.origin.tls is not None)

    def do_expect_head(self):
        self.read_head()
        self.origin.record(self.request)

    def take(self, count):
        self.read_until(lambda data: len(data) >= count)
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def take_chunk(self):
        self.read_until(lambda data: b"\r\n" in data)
        size, _, self.unread = self.unread.partition(b"\r\n")
        return self.take(int(size, 16) + 2)[:-2]

    def do_expect_body(self):
        if self.request.field("Transfer-Encoding") != "chunked":
            self.request.body = self.take(int(self.request.field("Content-Length") or 0))
            return
        while chunk := self.take_chunk():
            self.request.body += chunk

    def do_expect_request(self):
        self.read_head()
        self.do_expect_body()
        self.origin.record(self.request)

    def do_tunnel_to(self, ports, head):
        with socket.create_connection(("127.0.0.1", ports[self.request.target])) as upstream:
            self.do_send(head)
            self.pass_bytes(upstream, self.unread)
        raise ScriptEnd

    def pass_bytes(self, upstream, first):
        sent, self.unread = first, b""
        upstream.sendall(first)
        try:
            while not self.origin.is_closing:
                for sock in select.select([self.sock, upstream], [], [], 0.1)[0]:
                    data = sock.recv(65536)
                    if not data:
                        return
                    if sock is self.sock:
                        sent += data
                        upstream.sendall(data)
                    else:
                        self.do_send(data)
        finally:
            self.origin.keep_tunnelled(sent)

    def do_forward_to(self, ports):
        url = urllib.parse.urlsplit(self.request.target)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"{self.request.method} {target} HTTP/1.1", "Connection: close"]
        lines += [f"{n}: {v}" for n, v in self.request.fields if not n.lower().startswith("proxy-")]
        port = ports[f"{url.hostname}:{url.port or 80}"]
        with self.origin.connect(port) as upstream:
            upstream.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" +
                             self.request.body)
            while data := upstream.recv(65536):
                self.do_send(data)

    def do_expect_eof(self, within_s):
        self.sock.settimeout(within_s)
        try:
            data = self.unread or self.receive()
        except ConnectionResetError:
            return
        except socket.timeout:
            self.origin.fail(f"connection {self.index}: not closed within {within_s} s")
            raise ScriptEnd from None
        if data:
            self.origin.fail(f"connection {self.index}: {data[:80]!r} instead of the end")
            raise ScriptEnd

    def do_expect_nothing(self, ms):
        self.sock.settimeout(ms / 1000)
        try:
            data = self.unread or self.receive()
            self.origin.fail(f"connection {self.index}: {data[:80]!r} where nothing was due")
        except socket.timeout:
            pass
        self.sock.settimeout(None)

    # writing

    def pieces(self, data):
        if self.segmentation == WHOLE or len(data) < 2:
            return [data]
        least = max(1, len(data) // PIECES_MAX)
        if self.segmentation == BYTES:
            return [data[at:at + least] for at in range(0, len(data), least)]
        pieces, at = [], 0
        while at < len(data):
            size = self.rng.choice((1, 2, 3, 7, 20, 61)) * least
            pieces.append(data[at:at + size])
            at += size
        return pieces

    def do_send(self, data):
        pieces = self.pieces(data)
        for piece in pieces:
            self.sock.sendall(piece)
            self.origin.count_sent(len(piece))
            if len(pieces) > 1:
                time.sleep(PIECE_PAUSE_S)

    def do_send_each_byte(self, data, ms):
        for at in range(len(data)):
            self.sock.sendall(data[at:at + 1])
            self.origin.wait(ms / 1000)

    def do_reply_with(self, function):
        data = function(self.request)
        if data is None:
            self.do_rst()
        self.do_send(data)

    def do_flood(self, piece, bytes_max):
        sent = 0
        while sent < bytes_max and not self.origin.is_closing:
            self.sock.sendall(piece)
            sent += len(piece)
            self.origin.count_sent(len(piece))

    def do_cut(self, seed):
        self.segmentation, self.rng = CUTS(seed), random.Random(seed)

    # the end, and other turns

    def do_sleep(self, ms):
        self.origin.wait(ms / 1000)

    def do_wait_for(self, event):
        while not event.wait(0.02):
            if self.origin.is_closing:
                raise ScriptEnd

    def do_fin(self):
        self.drain_quietly()
        raise ScriptEnd

    def drain_quietly(self):
        """close() with unread bytes would send RST: take them first."""
        waiting = fcntl.ioctl(self.sock.fileno(), termios.FIONREAD, struct.pack("i", 0))
        if struct.unpack("i", waiting)[0]:
            self.receive()

    def do_close_notify(self):
        """TLS's orderly end; the peer need not answer."""
        self.sock.settimeout(2)
        with contextlib.suppress(OSError):
            self.sock.unwrap()
        raise ScriptEnd

    def do_half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def do_rst(self):
        # Not before the peer has taken what was sent: a reset throws away bytes in flight.
        deadline = time.monotonic() + 1
        while self.bytes_unacknowledged() and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(0.005)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ScriptEnd

    def bytes_unacknowledged(self):
        count = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        return struct.unpack("i", count)[0]

    def do_stop_reading(self):
        self.origin.wait(60)
        raise ScriptEnd

    def do_hang(self):
        while self.receive():
            pass
        raise ScriptEnd

    def do_close_listener(self):
        self.origin.close_listener()

    def do_repeat(self, steps, times):
        played = 0
        while times is None or played < times:
            self.play_steps(steps)
            played += 1


# --- the server ---

class Origin:
    """Listens on 127.0.0.1 (an ephemeral port), on ::1, or on a unix socket."""

    def __init__(self, *scripts, segmentation=WHOLE, host="127.0.0.1", port=0, unix_path=None,
                 backlog=512, tls=None):
        """tls: an ssl.SSLContext; then every connection begins with a handshake."""
        self.tls, self.handshake_errors, self.resumed_count = tls, [], 0
        self.scripts = [list(script) for script in scripts] or [list(SERVE_OK)]
        self.segmentation = segmentation
        self.requests, self.failures, self.tunnelled = [], [], []
        self.connections_count = 0
        self.sent_bytes = self.received_bytes = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._socks, self._threads = set(), []
        self._listener = self._listen(host, port, unix_path, backlog)
        self.host, self.unix_path = host, unix_path
        self.port = None if unix_path else self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @staticmethod
    def _listen(host, port, unix_path, backlog):
        if unix_path:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(unix_path))
        else:
            listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        listener.listen(backlog)
        return listener

    def url(self, target="/", host=None):
        name = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"http{'s' if self.tls else ''}://{name}:{self.port}{target}"

    def _accept(self):
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                index = self.connections_count
                self.connections_count += 1
                self._socks.add(sock)
            seed = int(self.segmentation.partition(":")[2] or 0) + index
            connection = Connection(self, sock, index, self.segmentation,
                                    rng=random.Random(seed))
            thread = threading.Thread(target=self._play, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _play(self, connection):
        script = self.scripts[min(connection.index, len(self.scripts) - 1)]
        if self._secure(connection):
            connection.play(script)
        connection.sock.close()
        with self._lock:
            self._socks.discard(connection.sock)

    def _secure(self, connection):
        if not self.tls:
            return True
        plain = connection.sock
        connection.sock = self.tls.wrap_socket(plain, server_side=True,
                                               do_handshake_on_connect=False)
        with self._lock:  # the plain one is empty from here on
            self._socks.discard(plain)
            self._socks.add(connection.sock)
        try:
            connection.sock.do_handshake()
        except OSError as error:
            with self._lock:
                self.handshake_errors.append(str(error))
            return False
        with self._lock:
            self.resumed_count += connection.sock.session_reused
        return True

    @property
    def is_closing(self):
        return self._closing.is_set()

    @property
    def open_connections(self):
        with self._lock:
            return len(self._socks)

    def targets(self):
        with self._lock:
            return [request.target for request in self.requests]

    def record(self, request):
        for watcher in WATCHERS:
            watcher(self, request)
        with self._lock:
            self.requests.append(request)

    def keep_tunnelled(self, data):
        with self._lock:
            self.tunnelled.append(data)

    def fail(self, text):
        with self._lock:
            self.failures.append(text)

    def count_sent(self, count):
        with self._lock:
            self.sent_bytes += count

    def count_received(self, count):
        with self._lock:
            self.received_bytes += count

    @contextlib.contextmanager
    def connect(self, port):
        """A connection onwards, which ends with the origin whoever is reading from it."""
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            with self._lock:
                self._socks.add(upstream)
            try:
                yield upstream
            finally:
                with self._lock:
                    self._socks.discard(upstream)

    def wait(self, seconds):
        if self._closing.wait(seconds):
            raise ScriptEnd

    def close_listener(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self):
        self._closing.set()
        self.close_listener()
        with self._lock:
            socks = list(self._socks)
        for sock in socks:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of TLS as well, under its reader
        self._accepting.join(5)
        for thread in self._threads:
            thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()
        if kind is None and self.failures:
            raise AssertionError("the origin saw: " + "; ".join(self.failures))


class BlackHole:
    """An address whose SYNs are dropped: a listener with a full backlog that never accepts."""

    def __init__(self, address="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen(0)
        self.port = self._listener.getsockname()[1]
        self._fillers = []
        for _ in range(4):
            filler = socket.socket(family)
            filler.setblocking(False)
            filler.connect_ex((address, self.port))
            self._fillers.append(filler)

    def url(self, target="/"):
        return f"http://127.0.0.1:{self.port}{target}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in (*self._fillers, self._listener):
            sock.close()


def dead_port():
    """A port of 127.0.0.1 that refuses: bound and not listening, so nobody else can take it.
    Returns (port, the socket to keep)."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock.getsockname()[1], sock
