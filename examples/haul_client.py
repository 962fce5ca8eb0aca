#!/usr/bin/env python3
"""Fetch one URL through hauld, with Python's standard library alone.

    examples/haul_client.py --socket /run/user/1000/hauld/hauld.sock http://127.0.0.1:8080/

A reference for writing clients: it follows proto/PROTOCOL.md and nothing else, sacrifices speed
for clarity, and checks what it is sent. The head goes to stderr, the body to stdout.
"""

import argparse
import json
import os
import socket
import struct
import sys

PROFILE, BATCH_BEGIN, BATCH_END, REQUEST, CANCEL, CREDIT, PING = range(1, 8)
HEAD, DATA, RESULT, BATCH_DONE, PONG, GOAWAY, ERROR = range(65, 72)

HEADER = struct.Struct("<IBBHQ")  # length, type, flags, fd_count, id
FIELD = struct.Struct("<II")  # name_bytes, value_bytes
FIXED = {
    PROFILE: struct.Struct("<IIQQQQQQQBBHIHHHHB143x"),
    BATCH_BEGIN: struct.Struct("<IIIIQQ16x"),
    BATCH_END: struct.Struct("<II"),
    REQUEST: struct.Struct("<IIQQQQIIIHBB"),
    CREDIT: struct.Struct("<IIQ"),
    HEAD: struct.Struct("<IHBBQIHH"),
    RESULT: struct.Struct("<IHBBiHBBHHHBB16sQQQQQQQQQQQQQQHHIQII16x"),
    BATCH_DONE: struct.Struct("<IIQQQQQQ"),
    ERROR: struct.Struct("<IIII"),
}
PROFILE_HEAD = 1
BODY_DATA = 1
BODY_OF_PROFILE = 255
DATA_RESTART = 2


class ProtocolError(Exception):
    """The daemon refused us, or sent what the protocol does not allow."""


def frame(kind, ident, fixed=(), variable=b"", flags=0):
    """The bytes of one frame; fixed_bytes is put in front of the fixed fields."""
    payload = b""
    if kind in FIXED:
        payload = FIXED[kind].pack(FIXED[kind].size, *fixed) + variable
    payload += bytes(-len(payload) % 8)
    return HEADER.pack(HEADER.size + len(payload), kind, flags, 0, ident) + payload


def split_payload(kind, payload):
    """The fixed fields without fixed_bytes, and what follows them."""
    known = FIXED[kind]
    fixed_bytes = int.from_bytes(payload[:4], "little")
    if not known.size <= fixed_bytes <= len(payload):
        raise ProtocolError(f"type {kind}: fixed part of {fixed_bytes} bytes")
    return known.unpack_from(payload)[1:], payload[fixed_bytes:]  # a longer one is skipped


def pack_fields(fields):
    pairs = [(name.encode(), value.encode()) for name, value in fields]
    return b"".join(FIELD.pack(len(n), len(v)) + n + v for n, v in pairs)


def unpack_fields(data, count):
    fields = []
    for _ in range(count):
        name_bytes, value_bytes = FIELD.unpack_from(data)
        name, data = data[8 : 8 + name_bytes], data[8 + name_bytes :]
        value, data = data[:value_bytes], data[value_bytes:]
        fields.append((name.decode("latin-1"), value.decode("latin-1")))
    return fields


class Connection:
    """A socket, and the bytes that were read from it but not yet used."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.unread = bytearray()

    def read_more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ProtocolError("the daemon closed the connection")
        self.unread += data

    def take(self, count):
        while len(self.unread) < count:
            self.read_more()
        taken = bytes(self.unread[:count])
        del self.unread[:count]
        return taken

    def call(self, method, parameters, upgrade=False):
        """One Varlink call and its reply."""
        message = {"method": method, "parameters": parameters}
        if upgrade:
            message["upgrade"] = True
        self.socket.sendall(json.dumps(message).encode() + b"\0")
        while b"\0" not in self.unread:
            self.read_more()
        # Not a byte past the NUL: after an upgrade those are frames.
        reply = json.loads(self.take(self.unread.index(0) + 1)[:-1])
        if "error" in reply:
            raise ProtocolError(f"{reply['error']} {json.dumps(reply.get('parameters', {}))}")
        return reply.get("parameters", {})

    def next_frame(self):
        length, kind, flags, _, ident = HEADER.unpack(self.take(HEADER.size))
        if length < HEADER.size or length % 8:
            raise ProtocolError(f"a frame of {length} bytes")
        return kind, flags, ident, self.take(length - HEADER.size)


class Fetch:
    """One item in a batch of one: what arrived for it so far."""

    PROFILE_ID, BATCH_ID, ITEM_ID = 1, 1, 1

    def __init__(self, connection, slots, body_window):
        self.connection = connection
        self.slots = slots
        self.body_window = body_window
        self.consumed = 0  # of the window, since our last CREDIT
        self.head = None
        self.body = bytearray()
        self.result = None
        self.is_done = False

    def submit(self, url, fields, timeout_ns):
        if self.slots < 1:
            raise ProtocolError("the daemon grants no slot")
        count, fields, url = len(fields), pack_fields(fields), url.encode()
        timeouts = (0, 0, 0, 0, 0, timeout_ns)
        profile = (PROFILE_HEAD, *timeouts, 0, BODY_DATA, 0, count, len(fields), 0, 0, 0, 0, 0)
        request = (0, self.BATCH_ID, self.PROFILE_ID, 0, 0, len(url), 0, 0, 0, 0, BODY_OF_PROFILE)
        self.connection.socket.sendall(
            frame(PROFILE, self.PROFILE_ID, profile, fields)
            + frame(BATCH_BEGIN, self.BATCH_ID, (0, 0, 0, 0, 0))
            + frame(REQUEST, self.ITEM_ID, request, url)
            + frame(BATCH_END, self.BATCH_ID, (0,))
        )

    def give_back(self, payload_bytes):
        """HEAD and DATA use up the window; we give it back in quarters."""
        self.consumed += payload_bytes
        if self.consumed >= self.body_window // 4:
            self.connection.socket.sendall(frame(CREDIT, 0, (0, self.consumed)))
            self.consumed = 0

    def run(self):
        while not self.is_done:
            kind, flags, ident, payload = self.connection.next_frame()
            if kind in (HEAD, DATA, RESULT) and (ident != self.ITEM_ID or self.result):
                raise ProtocolError(f"type {kind} for item {ident}, which is not waiting")
            self.on_frame(kind, flags, payload)

    def on_frame(self, kind, flags, payload):
        if kind == HEAD:
            (status, major, minor, _, header_bytes, count, reason_bytes), rest = split_payload(
                kind, payload
            )
            fields = rest[reason_bytes : reason_bytes + header_bytes]
            reason = rest[:reason_bytes].decode("latin-1")
            self.head = (f"HTTP/{major}.{minor} {status} {reason}", unpack_fields(fields, count))
            self.give_back(len(payload))
        elif kind == DATA:
            size = int.from_bytes(payload[:8], "little")
            if flags & DATA_RESTART:
                self.body.clear()
            self.body += payload[8 : 8 + size]
            self.give_back(len(payload))
        elif kind == RESULT:
            fixed, rest = split_payload(kind, payload)
            message_bytes = fixed[-6]
            message = rest[:message_bytes].decode("utf-8", "replace")
            names = "fault phase flags errno status".split()
            self.result = dict(zip(names, fixed), message=message)
        elif kind == BATCH_DONE:
            if not self.result:
                raise ProtocolError("BATCH_DONE before the RESULT")
            self.is_done = True
        elif kind == CREDIT:
            (self.slots, _), _ = split_payload(kind, payload)
        elif kind == ERROR:
            (code, message_bytes, _), text = split_payload(kind, payload)
            raise ProtocolError(f"error {code}: {text[:message_bytes].decode('utf-8', 'replace')}")
        elif kind not in (PONG, GOAWAY):  # GOAWAY: what runs is still finished
            raise ProtocolError(f"a frame of unknown type {kind}")


def default_socket():
    if os.environ.get("HAUL_SOCKET"):
        return os.environ["HAUL_SOCKET"]
    if os.geteuid() == 0:
        return "/run/hauld/hauld.sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return f"{runtime}/hauld/hauld.sock" if runtime else None


def fetch(path, url, fields=(), timeout_ns=0):
    connection = Connection(path)
    info = connection.call("org.varlink.service.GetInfo", {})
    if "io.haul.Stream" not in info["interfaces"]:
        raise ProtocolError(f"{info['product']} has no io.haul.Stream")
    opened = connection.call("io.haul.Stream.Open", {"version": 1, "features": []}, upgrade=True)
    if opened["version"] != 1:
        raise ProtocolError(f"version {opened['version']}, not asked for")
    item = Fetch(connection, opened["slots"], opened["body_window"])
    item.submit(url, fields, timeout_ns)
    item.run()
    return item


def main():
    parser = argparse.ArgumentParser(description="Fetch one URL through hauld.")
    parser.add_argument("--socket", default=default_socket(), help="path of hauld's socket")
    parser.add_argument("--max-time", type=float, default=0, help="seconds for everything")
    parser.add_argument("-H", "--header", action="append", default=[], help="'Name: value'")
    parser.add_argument("url")
    args = parser.parse_args()
    if not args.socket:
        parser.error("XDG_RUNTIME_DIR is not set: name the socket with --socket")
    fields = [tuple(part.strip() for part in text.split(":", 1)) for text in args.header]
    if any(len(field) != 2 for field in fields):
        parser.error("a header is 'Name: value'")

    try:
        item = fetch(args.socket, args.url, fields, int(args.max_time * 1e9))
    except (OSError, ProtocolError, struct.error, ValueError, KeyError) as error:
        sys.exit(f"haul_client: {error}")
    if item.head:
        print(item.head[0], file=sys.stderr)
        for name, value in item.head[1]:
            print(f"{name}: {value}", file=sys.stderr)
        print(file=sys.stderr)
    sys.stdout.buffer.write(item.body)
    sys.stdout.flush()
    if item.result["fault"]:
        sys.exit("haul_client: fault {fault}, phase {phase}: {message}".format(**item.result))


if __name__ == "__main__":
    main()
