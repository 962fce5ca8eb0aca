"""A small DNS server for tests: scripted answers per name, on UDP and TCP of the same port.

    with MockDns({"a.test": [A("127.0.0.1")], "gone.test": NXDOMAIN}) as dns:
        ...  DNSServers=127.0.0.1:{dns.port}  ...
        assert dns.queries_of("a.test", "A") == 1

A rule is one of: a list of records (those of the asked type are answered; none = an empty NOERROR),
an rcode, SILENT, MUTE(type, records) that is silent about one type, GARBAGE, EMPTY_PACKET, WRONG_ID,
WRONG_QUESTION, TRUNCATED(records), TRUNCATED_AND_CLOSED, FORGED(how, records) that lets a stranger
answer first, BYTES(function) of the answer section, DELAY(ms, rule), or SEQUENCE(rule, rule, ...)
whose n-th query of that name and type gets the n-th rule, the last one for ever. Unknown names are NXDOMAIN. Names compare without case and trailing dot.
"""

import ipaddress
import random
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass

TYPES = {1: "A", 28: "AAAA", 5: "CNAME", 6: "SOA"}


@dataclass(frozen=True)
class Record:
    kind: int
    data: bytes
    ttl: int = 60


@dataclass(frozen=True)
class Rule:
    name: str
    args: tuple = ()


def A(address, ttl=60):
    return Record(1, ipaddress.IPv4Address(address).packed, ttl)


def AAAA(address, ttl=60):
    return Record(28, ipaddress.IPv6Address(address).packed, ttl)


def CNAME(name, ttl=60):
    return Record(5, encode_name(name), ttl)


NXDOMAIN = Rule("rcode", (3,))
SERVFAIL = Rule("rcode", (2,))
REFUSED = Rule("rcode", (5,))
SILENT = Rule("silent")
GARBAGE = Rule("garbage")
EMPTY_PACKET = Rule("empty_packet")
WRONG_ID = Rule("wrong_id")
WRONG_QUESTION = Rule("wrong_question")
TRUNCATED_AND_CLOSED = Rule("truncated_and_closed")     # TC on UDP, and TCP ends at once
FORGERIES = ("id", "question", "port", "garbage", "nothing")


def MUTE(kind, records):
    """Silence about "A" or "AAAA"; the other type is answered."""
    return Rule("mute", (kind, tuple(records)))


def TRUNCATED(records):
    """TC on UDP, the records on TCP."""
    return Rule("truncated", (tuple(records),))


def FORGED(how, records):
    """A stranger's answer comes first, with another id, about another question, from another port,
    as garbage or as an empty packet; then the true one. Over UDP."""
    assert how in FORGERIES
    return Rule("forged", (how, tuple(records)))


def BYTES(function):
    """function(kind) -> (count of answers, their bytes); the question stands at offset 12."""
    return Rule("bytes", (function,))


def DELAY(ms, rule):
    return Rule("delay", (ms, rule))


def SEQUENCE(*rules):
    return Rule("sequence", rules)


def waits(rule):
    """Whether it may answer later: then others must not wait for it."""
    return isinstance(rule, Rule) and (
        rule.name == "delay" or rule.name == "sequence" and any(map(waits, rule.args)))


def encode_name(name):
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(x)]) + x.encode("ascii") for x in labels) + b"\0"


def decode_name(packet, at):
    labels = []
    while packet[at]:
        size = packet[at]
        labels.append(packet[at + 1:at + 1 + size].decode("ascii", "replace"))
        at += 1 + size
    return ".".join(labels), at + 1


class MockDns:
    def __init__(self, rules=None, host="127.0.0.1", port=0):
        self.rules = {name.lower().rstrip("."): rule for name, rule in (rules or {}).items()}
        self.queries = []   # (name, type, "udp" or "tcp")
        self._seen = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._udp, self._tcp = self._bind(host, port)
        self.port = self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=run, daemon=True)
                         for run in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _bind(host, port):
        while True:  # the port must be free for both
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind((host, port))
            tcp = socket.socket()
            try:
                tcp.bind((host, udp.getsockname()[1]))
            except OSError:
                udp.close()
                tcp.close()
                continue
            tcp.listen(64)
            return udp, tcp

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def queries_of(self, name, kind=None):
        with self._lock:
            return sum(1 for n, k, _ in self.queries
                       if n == name.lower().rstrip(".") and kind in (None, k))

    # --- answering

    def reply_to(self, query, transport, peer=None):
        """The bytes to send, or None for silence."""
        name, end = decode_name(query, 12)
        kind = struct.unpack_from("!H", query, end)[0]
        name = name.lower()
        with self._lock:
            self.queries.append((name, TYPES.get(kind, str(kind)), transport))
            self._seen[name, kind] += 1
            seen = self._seen[name, kind]
        rule = self.rules.get(name, NXDOMAIN)
        if isinstance(rule, Rule) and rule.name == "sequence":
            rule = rule.args[min(seen - 1, len(rule.args) - 1)]
        if isinstance(rule, Rule) and rule.name == "delay":
            self._closing.wait(rule.args[0] / 1000)
            rule = rule.args[1]
        if isinstance(rule, Rule) and rule.name == "forged":
            if transport == "udp":
                self.forge(rule.args[0], query, query[12:end + 4], kind, peer)
            rule = list(rule.args[1])
        return self.apply(rule, query, query[12:end + 4], kind, transport)

    def forge(self, how, query, question, kind, peer):
        """What a stranger sends in our place."""
        lie = [A("127.0.0.66")] if kind == 1 else []
        rules = {"id": WRONG_ID, "question": WRONG_QUESTION, "garbage": GARBAGE,
                 "nothing": EMPTY_PACKET, "port": lie}
        packet = self.apply(rules[how], query, question, kind, "udp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            (stranger if how == "port" else self._udp).sendto(packet, peer)

    def apply(self, rule, query, question, kind, transport):
        ident = struct.unpack_from("!H", query)[0]
        if not isinstance(rule, Rule):
            return self.message(ident, 0, question, self.matching(rule, kind))
        if rule.name == "rcode":
            return self.message(ident, rule.args[0], question, [])
        if rule.name == "mute":
            if TYPES.get(kind) == rule.args[0]:
                return None
            return self.message(ident, 0, question, self.matching(rule.args[1], kind))
        if rule.name == "garbage":
            return query[:2] + random.Random(ident).randbytes(60)
        if rule.name == "empty_packet":
            return b""
        if rule.name == "wrong_id":
            return self.message(ident ^ 0x5555, 0, question, [A("127.0.0.66")])
        if rule.name == "wrong_question":
            other = encode_name("other.test") + question[-4:]
            return self.message(ident, 0, other, [A("127.0.0.66")])
        if rule.name == "truncated":
            if transport == "udp":
                return self.message(ident, 0, question, [], truncated=True)
            return self.message(ident, 0, question, self.matching(rule.args[0], kind))
        if rule.name == "truncated_and_closed":
            return self.message(ident, 0, question, [], truncated=True)
        if rule.name == "bytes":
            count, answers = rule.args[0](kind)
            return struct.pack("!6H", ident, 0x8180, 1, count, 0, 0) + question + answers
        assert rule.name == "silent", rule
        return None

    @staticmethod
    def matching(records, kind):
        return [r for r in records if r.kind in (kind, 5)]

    @staticmethod
    def message(ident, rcode, question, records, truncated=False):
        flags = 0x8180 | rcode | (0x0200 if truncated else 0)
        head = struct.pack("!6H", ident, flags, 1, len(records), 0, 0)
        answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", r.kind, 1, r.ttl, len(r.data)) +
                           r.data for r in records)
        return head + question + answers

    # --- transports

    def _serve_udp(self):
        while not self._closing.is_set():
            try:
                query, peer = self._udp.recvfrom(4096)
            except OSError:
                return
            if len(query) <= 16:
                continue
            if waits(self.rules.get(decode_name(query, 12)[0].lower())):
                threading.Thread(target=self._answer_udp, args=(query, peer), daemon=True).start()
            else:  # at once: while a thread starts, the socket's buffer overflows
                self._answer_udp(query, peer)

    def _answer_udp(self, query, peer):
        reply = self.reply_to(query, "udp", peer)
        if reply is not None:
            try:
                self._udp.sendto(reply, peer)
            except OSError:
                pass  # closing

    def _serve_tcp(self):
        while not self._closing.is_set():
            try:
                sock, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_tcp, args=(sock,), daemon=True).start()

    def _answer_tcp(self, sock):
        with sock:
            sock.settimeout(5)
            try:
                stream = sock.makefile("rb")
                while size := stream.read(2):
                    query = stream.read(struct.unpack("!H", size)[0])
                    reply = self.reply_to(query, "tcp")
                    if self.rules.get(decode_name(query, 12)[0].lower()) == TRUNCATED_AND_CLOSED:
                        return
                    if reply is not None:
                        sock.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                pass

    def close(self):
        self._closing.set()
        for sock in (self._udp, self._tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # an unconnected UDP socket says ENOTCONN and wakes up all the same
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
