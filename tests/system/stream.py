"""A client that speaks the daemon's protocol as badly as a test wants it to (proto/PROTOCOL.md).

The well-behaved one is examples/haul_client.py; this one has no opinion: frames are built from
numbers, any of which may be wrong.
"""

import array
import json
import socket
import struct

PROFILE, BATCH_BEGIN, BATCH_END, REQUEST, CANCEL, CREDIT, PING, COOKIE = range(1, 9)
HEAD, DATA, RESULT, BATCH_DONE, PONG, GOAWAY, ERROR, COOKIE_BACK = range(65, 73)
DISCARD, TO_DATA, TO_FD, OF_PROFILE = 0, 1, 2, 255
WITH_COOKIES = 1    # of a batch: it has a jar
NO_REUSE = 4        # of a profile: connections are closed behind a response
ERRORS = {1: "MALFORMED", 2: "TYPE", 3: "RESERVED", 4: "UNKNOWN_ID", 5: "DUPLICATE", 6: "SLOTS",
          7: "FDS", 8: "TIMEOUT", 9: "SLOW", 10: "LIMIT"}
FAULTS = {0: None, 1: "input/url", 2: "input/scheme", 3: "input/argument", 4: "input/too_big",
          5: "policy/denied", 6: "admission/busy", 8: "admission/draining", 11: "connect/refused",
          24: "timeout/total", 25: "http/empty", 34: "sink/write", 35: "sink/slow",
          36: "cancelled/client", 38: "local/no_descriptors"}


def frame(kind, ident, payload=b"", flags=0, fd_count=0, length=None):
    payload += bytes(-len(payload) % 8)
    return struct.pack("<IBBHQ", 16 + len(payload) if length is None else length, kind, flags,
                       fd_count, ident) + payload


def profile(ident=1, body_mode=DISCARD, flags=0, total_s=0, body_max=0, reserved=0, header_count=0,
            headers=b"", unix_path=b"", first_byte_s=0, idle_s=0, interface=b"",
            proxy_http=b""):
    fixed = struct.pack("<II7QBBHIHHHHB77xH63xB", 224, flags, 0, 0, 0, int(first_byte_s * 1e9),
                        int(idle_s * 1e9), int(total_s * 1e9), body_max, body_mode, 0, header_count,
                        len(headers), 0, len(unix_path), len(interface), 0, 0, len(proxy_http),
                        reserved)
    return frame(PROFILE, ident, fixed + headers + unix_path + interface + proxy_http)


def batch_begin(ident=1, concurrency=0, max_per_origin=0, flags=0, rate_uhz=0,
                rate_per_origin_uhz=0):
    return frame(BATCH_BEGIN, ident, struct.pack("<IIIIQQ16x", 48, concurrency, max_per_origin,
                                                 flags, rate_uhz, rate_per_origin_uhz))


def cookie(batch, domain, path, name, value, flags=0, expires_s=0, same_site=0):
    parts = [one.encode() if isinstance(one, str) else one for one in (domain, path, name, value)]
    fixed = struct.pack("<IHBBQ4H", 24, flags, same_site, 0, expires_s, *map(len, parts))
    return frame(COOKIE, batch, fixed + b"".join(parts))


def cancel(ident, batch=False):
    return frame(CANCEL, ident, flags=1 if batch else 0)


def batch_end(ident=1):
    return frame(BATCH_END, ident, struct.pack("<II", 8, 0))


def request(ident, url, batch=1, profile=1, body_mode=OF_PROFILE, fd_count=0, method=b"",
            fields=None, body=b"", **lengths):
    """fields: {name: value}. lengths: url_bytes=, header_bytes=, header_count=, body_bytes=, fixed_bytes= to lie with."""
    url = url.encode() if isinstance(url, str) else url
    headers = b"".join(struct.pack("<II", len(n), len(v)) + n.encode() + v.encode()
                       for n, v in (fields or {}).items())
    say = {"fixed_bytes": 56, "url_bytes": len(url), "header_bytes": len(headers),
           "body_bytes": len(body), "header_count": len(fields or {}), "flags": int(bool(body)),
           "planned_ns": 0} | lengths
    fixed = struct.pack("<IIQQQQIIIHBB", say["fixed_bytes"], say["flags"], batch, profile,
                        say["planned_ns"], 0, say["url_bytes"], say["header_bytes"],
                        say["body_bytes"], say["header_count"], len(method), body_mode)
    return frame(REQUEST, ident, fixed + method + url + headers + body, fd_count=fd_count)


def credit(body_bytes):
    return frame(CREDIT, 0, struct.pack("<IIQ", 16, 0, body_bytes))


def ping(ident=1):
    return frame(PING, ident)


class Closed(Exception):
    """The daemon has ended the session."""


class Frame:
    def __init__(self, kind, flags, ident, payload):
        self.kind, self.flags, self.id, self.payload = kind, flags, ident, payload

    @property
    def status(self):
        return struct.unpack_from("<H", self.payload, 12)[0]

    @property
    def fault(self):
        """"domain/code" of a RESULT, None when it succeeded, "#n" for one not listed here."""
        number = struct.unpack_from("<H", self.payload, 4)[0]
        return FAULTS.get(number, f"#{number}")

    @property
    def error(self):
        return ERRORS[struct.unpack_from("<I", self.payload, 4)[0]]

    @property
    def counts(self):
        """(items, ok, failed, cancelled) of a BATCH_DONE."""
        return struct.unpack_from("<4Q", self.payload, 8)

    @property
    def ring_counts(self):
        """(receives, starved, cq_overflows, lost_completions) of a BATCH_DONE."""
        return struct.unpack_from("<4Q", self.payload, 56)

    @property
    def rtt_us(self):
        """Of a RESULT; 0: the kernel was not asked."""
        return struct.unpack_from("<I", self.payload, 192)[0]

    @property
    def cookie(self):
        """(domain, path, name, value, flags, expires_s) of a COOKIE_BACK."""
        _, flags, _, _, expires_s, *sizes = struct.unpack_from("<IHBBQ4H", self.payload)
        parts, at = [], 24
        for size in sizes:
            parts.append(self.payload[at:at + size].decode())
            at += size
        return (*parts, flags, expires_s)

    @property
    def body(self):
        size = struct.unpack_from("<Q", self.payload)[0]
        return self.payload[8:8 + size]


class Session:
    """One connection to a daemon, upgraded to the stream unless told otherwise."""

    def __init__(self, daemon, upgrade=True):
        self.sock = daemon.connect()
        self.unread = b""
        self.grants = self.open() if upgrade else None

    def call(self, method, parameters=None, **more):
        """One Varlink call; the reply as a dict."""
        message = {"method": method, "parameters": parameters or {}} | more
        self.send(json.dumps(message).encode() + b"\0")
        return self.reply()

    def reply(self):
        while b"\0" not in self.unread:
            self.fill()
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def open(self):
        reply = self.call("io.haul.Stream.Open", {"version": 1, "features": []}, upgrade=True)
        assert "error" not in reply, reply
        return reply["parameters"]

    def send(self, *parts):
        self.sock.sendall(b"".join(parts))

    def send_with_fds(self, data, fds):
        """The descriptors come with the first byte of data."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        sent = self.sock.sendmsg([data], rights)
        if sent < len(data):
            self.sock.sendall(data[sent:])

    def fill(self):
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed
        self.unread += data

    def frame(self):
        """The next frame of the daemon."""
        while len(self.unread) < 16:
            self.fill()
        length, kind, flags, _, ident = struct.unpack_from("<IBBHQ", self.unread)
        while len(self.unread) < length:
            self.fill()
        payload, self.unread = self.unread[16:length], self.unread[length:]
        return Frame(kind, flags, ident, payload)

    def frames_until(self, kind):
        """All frames up to and including the first of that kind."""
        frames = []
        while not frames or frames[-1].kind != kind:
            frames.append(self.frame())
        return frames

    def results(self, count):
        """{item id: RESULT} of so many items; each must come once."""
        found = {}
        while len(found) < count:
            one = self.frame()
            if one.kind == RESULT:
                assert one.id not in found, f"two results of item {one.id}"
                found[one.id] = one
            assert one.kind != ERROR, one.error
        return found

    def refusal(self):
        """Reads until the daemon refuses and closes; the name of the error."""
        frames = self.frames_until(ERROR)
        try:
            extra = self.frame()
            raise AssertionError(f"frame type {extra.kind} after ERROR")
        except Closed:
            return frames[-1].error

    def is_closed(self):
        """Reads everything that comes until the daemon closes."""
        try:
            while True:
                self.unread = b""
                self.fill()
        except Closed:
            return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
