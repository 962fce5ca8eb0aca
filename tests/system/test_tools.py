"""The test machinery itself: an origin or a mock that lies would make every other test worthless.
Needs neither haul nor hauld."""

import socket
import struct
import time

import pytest

from mock_dns import A, AAAA, DELAY, MockDns, NXDOMAIN, SEQUENCE, SILENT, TRUNCATED, encode_name
from origin import (BYTES, CUTS, WHOLE, BlackHole, Origin, answer, chunked, dead_port,
                    expect_eof, expect_nothing, expect_request, fin, half_close, hang, repeat, rst,
                    send)
from support import poll_until, short_dir

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def talk(origin, data, until_bytes=None):
    """Sends data, reads to the end (or so many bytes); returns what came."""
    with socket.create_connection(("127.0.0.1", origin.port), 5) as sock:
        sock.sendall(data)
        got = b""
        while until_bytes is None or len(got) < until_bytes:
            piece = sock.recv(65536)
            if not piece:
                return got
            got += piece
        return got


@pytest.mark.parametrize("segmentation", [WHOLE, BYTES, CUTS(7)])
def test_sends_the_same_bytes_in_every_segmentation(segmentation):
    data = answer(chunked(b"x" * 3000, b"y"))
    with Origin([expect_request(), send(data), fin()], segmentation=segmentation) as origin:
        assert talk(origin, GET) == data
        assert origin.targets() == ["/a"]
        assert origin.requests[0].field("host") == "x"


def test_plays_one_script_per_connection_and_the_last_for_ever():
    scripts = [[expect_request(), send(b"first"), fin()], [expect_request(), send(b"rest"), fin()]]
    with Origin(*scripts) as origin:
        assert [talk(origin, GET) for _ in range(3)] == [b"first", b"rest", b"rest"]
        assert origin.connections_count == 3


def test_reads_bodies_and_pipelined_requests_apart():
    with Origin([repeat([expect_request()], times=2), send(b"both"), fin()]) as origin:
        talk(origin, b"POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + GET)
        assert [(r.method, r.body) for r in origin.requests] == [("POST", b"abc"), ("GET", b"")]


def test_resets_after_the_bytes_before_it():
    with Origin([expect_request(), send(b"part"), rst()]) as origin:
        with socket.create_connection(("127.0.0.1", origin.port), 5) as sock:
            sock.sendall(GET)
            assert sock.recv(100) == b"part"
            with pytest.raises(ConnectionResetError):
                sock.recv(100)


def test_half_closes_and_goes_on_reading():
    with Origin([half_close(), expect_request(), expect_eof()]) as origin:
        with socket.create_connection(("127.0.0.1", origin.port), 5) as sock:
            assert sock.recv(100) == b""
            sock.sendall(GET)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(5)
            assert sock.recv(100) == b""
            poll_until(lambda: origin.targets() == ["/a"], "the request is seen")


def test_reports_bytes_where_none_were_due():
    with pytest.raises(AssertionError, match="where nothing was due"):
        with Origin([expect_nothing(2000), fin()]) as origin:
            talk(origin, GET)


def test_a_hanging_origin_closes_at_once_when_the_test_ends():
    start = time.monotonic()
    with Origin([hang()]) as origin:
        sock = socket.create_connection(("127.0.0.1", origin.port), 5)
    sock.close()
    assert time.monotonic() - start < 3


def test_listens_on_a_unix_socket():
    with short_dir() as folder, Origin(unix_path=folder / "s"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(folder / "s"))
            sock.sendall(GET)
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_black_hole_answers_no_syn_and_dead_port_refuses():
    with BlackHole() as hole:
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", hole.port), 0.3)
    port, keep = dead_port()
    with keep, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


# --- DNS

def ask(dns, name, kind=1, timeout_s=2.0, tcp=False):
    """(rcode, truncated, [address bytes]) or None for silence."""
    query = struct.pack("!6H", 77, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack(
        "!HH", kind, 1)
    if tcp:
        with socket.create_connection(("127.0.0.1", dns.port), timeout_s) as sock:
            sock.sendall(struct.pack("!H", len(query)) + query)
            stream = sock.makefile("rb")
            reply = stream.read(struct.unpack("!H", stream.read(2))[0])
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout_s)
            sock.sendto(query, ("127.0.0.1", dns.port))
            try:
                reply = sock.recv(4096)
            except socket.timeout:
                return None
    flags, _, count = struct.unpack_from("!3H", reply, 2)
    at, found = len(query), []
    for _ in range(count):
        size = struct.unpack_from("!H", reply, at + 10)[0]
        found.append(reply[at + 12:at + 12 + size])
        at += 12 + size
    return flags & 15, bool(flags & 0x200), found


def test_dns_answers_by_type_and_counts():
    with MockDns({"A.test.": [A("127.0.0.5"), AAAA("::1")]}) as dns:
        assert ask(dns, "a.TEST") == (0, False, [bytes([127, 0, 0, 5])])
        assert ask(dns, "a.test", kind=28) == (0, False, [bytes(15) + b"\1"])
        assert ask(dns, "other.test")[0] == 3
        assert (dns.queries_of("a.test"), dns.queries_of("a.test", "A")) == (2, 1)


def test_dns_plays_sequences_delays_and_silence():
    late = DELAY(150, [A("127.0.0.1")])
    with MockDns({"s.test": SEQUENCE(NXDOMAIN, [A("127.0.0.1")]), "q.test": SILENT,
                  "late.test": late}) as dns:
        assert [ask(dns, "s.test")[0] for _ in range(3)] == [3, 0, 0]
        assert ask(dns, "q.test", timeout_s=0.2) is None
        start = time.monotonic()
        assert ask(dns, "late.test")[0] == 0
        assert time.monotonic() - start >= 0.15


def test_dns_truncates_on_udp_and_answers_on_tcp():
    with MockDns({"t.test": TRUNCATED([A("127.0.0.9")])}) as dns:
        assert ask(dns, "t.test") == (0, True, [])
        assert ask(dns, "t.test", tcp=True) == (0, False, [bytes([127, 0, 0, 9])])
