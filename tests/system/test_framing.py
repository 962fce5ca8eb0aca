"""CASES A: what a server answers, byte by byte, and what becomes of it.

Each row is played whole, a byte at a time and in random pieces: the outcome must be the same. After
it a second URL of the same origin is fetched: it must succeed, and the connection that carried the
row may serve it only where the row says so. The daemon is shared by all rows: it must outlive them.
"""

from dataclasses import dataclass

import pytest

from origin import (BYTES, CUTS, WHOLE, answer, chunked, expect_eof, expect_request, fin, flood,
                    repeat, rst, send)
from support import assert_fails, assert_succeeds, error_name, is_sanitized, run_haul, status_kib

pytestmark = pytest.mark.usefixtures("taint")

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
KEPT, CLOSED = "kept", "closed"
SERVE = repeat([expect_request(), send(answer(b"second"))])
SEGMENTATIONS = [WHOLE, BYTES, CUTS(1), CUTS(2)]


def with_length(value, body=b"hello"):
    return OK + b"Content-Length:" + value + b"\r\n\r\n" + body


def with_field(line):
    return OK + line + b"\r\nContent-Length: 5\r\n\r\nhello"


def with_status(line):
    return line + b"\r\nContent-Length: 5\r\n\r\nhello"


@dataclass(frozen=True)
class Row:
    name: str
    data: bytes
    end: object = None      # a step after the data; None: the origin goes on serving
    body: bytes = None      # success with this body ...
    status: int = 200
    errors: tuple = ()      # ... or one of these errors (both given: either is fine)
    then: str = CLOSED      # what becomes of the connection
    flags: tuple = ()
    at_once: bool = False   # the bytes make one case only when they come together

    def __str__(self):
        return self.name


def good(name, data, body, **more):
    return Row(name, data, body=body, **{"then": KEPT, **more})


def bad(name, data, *errors, **more):
    return Row(name, data, errors=errors or ("http/malformed",), **more)


LENGTHS = [
    good("A01 length, keep-alive", with_length(b" 10", b"0123456789"), b"0123456789"),
    good("A01 length 0", with_length(b" 0", b""), b""),
    bad("A02 FIN before the length", with_length(b" 100", b"0123456789"), "http/partial",
        end=fin()),
    good("A03 300 bytes too many", with_length(b" 10", b"0123456789" + b"x" * 300), b"0123456789",
         then=CLOSED, at_once=True),
    bad("A05 equal lengths twice", OK + b"Content-Length: 6\r\nContent-Length: 6\r\n\r\nabcdef"),
    bad("A05 equal lengths in a list", with_length(b" 6, 6", b"abcdef")),
    bad("A06 different lengths", OK + b"Content-Length: 6\r\nContent-Length: 7\r\n\r\nabcdefg"),
    bad("A06 different lengths in a list", with_length(b" 6, 7", b"abcdefg")),
    *[bad(f"A07 length {value.decode()!r:.24}", with_length(b" " + value))
      for value in (b"-1", b"+5", b"0x5", b"5a", b"5.0", b"", b"5 5", b"9" * 40)],
    bad("A08 length 2^64 + 5", with_length(b" 18446744073709551621")),
    good("A08 leading zeros", with_length(b" 00005"), b"hello"),
    good("A08 tab around the length", with_length(b"\t5\t"), b"hello"),
    bad("A08 length with a comma", with_length(b" 5,")),
    bad("A09 length above the limit", with_length(b" 1000001", b"x" * 100), "http/too_big",
        flags=("--max-body", "1000000")),
    bad("A10 chunked and a length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
        + chunked(b"hello")),
    bad("A10 a length and chunked", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(b"hello")),
    good("A29 no length, FIN", OK + b"\r\nhello", b"hello", end=fin(), then=CLOSED),
    good("A29 no length, no body, FIN", OK + b"\r\n", b"", end=fin(), then=CLOSED),
    bad("A29 no length, RST", OK + b"\r\nhello", "io/recv", end=rst()),
]

CODINGS = [
    bad("A11 gzip, chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(b"hello"),
        "http/encoding", "http/malformed"),
    bad("A11 gzip without chunked", OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
        "http/encoding", "http/malformed", end=fin()),
    bad("A11 identity", OK + b"Transfer-Encoding: identity\r\n\r\nhello",
        "http/encoding", "http/malformed", end=fin()),
    bad("A11 chunked twice", OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + chunked(b"a"),
        "http/encoding", "http/malformed"),
    bad("A11 chunked not last", OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + chunked(b"a"),
        "http/encoding", "http/malformed", end=fin()),
    Row("A13 HTTP/1.0 and chunked", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(b"hello"), end=fin(), errors=("http/malformed",), body=chunked(b"hello")),
    bad("A13 HTTP/1.0, chunked and a length", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"hello")),
    good("chunked", CHUNKED + chunked(b"hello", b" ", b"world"), b"hello world"),
    good("chunked, empty", CHUNKED + chunked(), b""),
    good("chunked, upper case size", CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    good("chunked, leading zeros", CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    *[bad(f"A14 chunk size {size.decode()!r}", CHUNKED + size + b"\r\nhello\r\n0\r\n\r\n")
      for size in (b"0x5", b" 5", b"5 ", b"+5", b"-1", b"5_0", b"g", b"", b"00000000000000005" * 2,
                   b"10000000000000005")],
    bad("A14 no CRLF after the chunk", CHUNKED + b"5\r\nhello0\r\n\r\n"),
    bad("A14 LF ends the size", CHUNKED + b"5\nhello\r\n0\r\n\r\n"),
    bad("A14 a longer chunk than its size", CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n"),
    good("A16 extensions", CHUNKED + b'5;a=b;c="d e";f\r\nhello\r\n0;last\r\n\r\n', b"hello"),
    bad("A18 FIN in a chunk", CHUNKED + b"5\r\nhel", "http/partial", end=fin()),
    bad("A18 FIN after the last data", CHUNKED + b"5\r\nhello\r\n", "http/partial", end=fin()),
    bad("A18 FIN before the final CRLF", CHUNKED + b"5\r\nhello\r\n0\r\n", "http/partial",
        end=fin()),
    good("A19 trailers", CHUNKED + chunked(b"hello", trailers=b"A: 1\r\nB: 2\r\nC: 3\r\n"),
         b"hello"),
    bad("A19 trailers beyond 16 KiB", CHUNKED + chunked(
        b"hello", trailers=b"A: " + b"x" * 20000 + b"\r\n"), "http/too_big"),
]

INTERIM = [
    good("A21 100, 103, 200", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
         b"Link: </a>; rel=preload\r\n\r\n" + answer(b"hello"), b"hello"),
    bad("A23 17 interim responses", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + answer(b"hello"),
        "http/too_big"),
    bad("A24 only 100, then FIN", b"HTTP/1.1 100 Continue\r\n\r\n", "http/empty", "http/partial",
        "http/malformed", end=fin()),
    bad("A25 101 nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
        b"Connection: upgrade\r\n\r\nbytes of x"),
    good("A26 204", b"HTTP/1.1 204 No Content\r\n\r\n", b"", status=204),
    good("A26 204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"",
         status=204, then=None),
    good("A26 204 with a body", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", b"",
         status=204, then=CLOSED, at_once=True),
    good("A26 304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n", b"",
         status=304),
    good("A26 304 with chunked", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
         b"", status=304),
    good("A27 HEAD with a length", OK + b"Content-Length: 1000\r\n\r\n", b"", flags=("-I",)),
    good("A27 HEAD with chunked", CHUNKED, b"", flags=("-I",)),
    good("A28 HEAD with a body all the same", with_length(b" 5"), b"", flags=("-I",), then=CLOSED,
         at_once=True),
]

VERSIONS = [
    good("A30 HTTP/1.0 with a length", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
         b"hello", then=CLOSED),
    good("A30 HTTP/1.0 keep-alive", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
         b"Content-Length: 5\r\n\r\nhello", b"hello"),
    good("A30 Connection: Close, foo", with_field(b"Connection: Close, foo"), b"hello",
         then=CLOSED),
    good("A30 Connection: foo, cLoSe", with_field(b"Connection: foo, cLoSe"), b"hello",
         then=CLOSED),
    good("A31 no reason", with_status(b"HTTP/1.1 200"), b"hello"),
    good("A31 space, no reason", with_status(b"HTTP/1.1 200 "), b"hello"),
    *[bad(f"A31 {line.decode()!r}", with_status(line)) for line in (
        b"HTTP/1.1 200OK", b"HTTP/1.1 20", b"HTTP/1.1 2000 OK", b"HTTP/1.1 -20 OK",
        b"HTTP/1.1 001 OK", b"HTTP/1.2 200 OK", b"HTTP/2.0 200 OK", b"HTTP/1.10 200 OK",
        b"HTTP/11 200 OK", b"http/1.1 200 OK", b"HTTP/1.1  200 OK", b" HTTP/1.1 200 OK",
        b"ICY 200 OK")],
    Row("A31 status 600", with_status(b"HTTP/1.1 600 Odd"), body=b"hello", status=600, then=None,
        errors=("http/malformed",)),
    bad("A33 HTTP/0.9", b"<html>hello</html>\n", end=fin()),
    bad("A33 TLS alert", b"\x15\x03\x03\x00\x02\x02\x28", end=fin()),
    bad("A33 SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n", end=fin()),
    bad("A34 HTTP/0.9 after a 100", b"HTTP/1.1 100 Continue\r\n\r\n<html>hello</html>", end=fin()),
    *[bad(f"A35 {name}", with_field(line)) for name, line in (
        ("folded value", b"A: b\r\n c"), ("folded by a tab", b"A: b\r\n\tc"),
        ("space before the colon", b"A : b"), ("no colon", b"A b"), ("no name", b": b"),
        ("UTF-8 in a name", "Ä: b".encode()), ("space in a name", b"A B: c"),
        ("fold before any field", b" A: b"))],
    *[bad(f"A36 {name}", with_field(line)) for name, line in (
        ("NUL", b"A: b\0c"), ("bare CR", b"A: b\rc"), ("ESC", b"A: b\x1bc"), ("DEL", b"A: b\x7f"))],
    bad("A36 LF alone ends the lines", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    good("bytes above 0x7f in a value", with_field("A: ä".encode()), b"hello"),
    good("HTAB in a value", with_field(b"A: b\tc"), b"hello"),
]

LIMITS = [
    bad("A37 a field of 1 MiB", with_field(b"A: " + b"x" * (1 << 20)), "http/too_big"),
    bad("A37 10 000 fields", with_field(b"\r\n".join(b"A%d: b" % i for i in range(10000))),
        "http/too_big"),
    bad("A37 1 001 fields", with_field(b"\r\n".join(b"A: b" for _ in range(1001))),
        "http/too_big"),
    good("900 fields of 200 bytes", with_field(b"\r\n".join(b"A: " + b"b" * 200
                                                            for _ in range(900))), b"hello"),
    bad("A38 FIN in the header", b"HTTP/1.1 200 OK\r\nContent-Le", "http/partial", "http/empty",
        end=fin()),
    bad("A38 FIN in the status line", b"HTTP/1.1 2", "http/partial", "http/empty",
        "http/malformed", end=fin()),
    bad("A39 FIN before any byte", b"", "http/empty", end=fin()),
    bad("A39 RST before any byte", b"", "io/recv", "connect/reset", end=rst()),
    bad("A42 two Locations", OK + b"Location: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
    good("A42 equal Locations", OK + b"Location: /a\r\nLocation: /a\r\nContent-Length: 5\r\n\r\n"
         b"hello", b"hello"),
]

ROWS = LENGTHS + CODINGS + INTERIM + VERSIONS + LIMITS
CASES = [pytest.param(row, segmentation, id=f"{row.name}-{segmentation}".replace(" ", "_"))
         for row in ROWS for segmentation in SEGMENTATIONS
         if segmentation == WHOLE or not row.at_once]


def check_outcome(row, record):
    if error_name(record):
        assert_fails(record, *row.errors)
        return
    assert row.body is not None, f"taken, expected {row.errors}: {record}"
    assert_succeeds(record, row.status)
    assert record.get("body", "") == row.body.decode("latin-1"), record
    assert record["size_download"] == len(row.body)


@pytest.mark.parametrize("row,segmentation", CASES)
def test_reads_a_response_as_a_client_must(row, segmentation, daemon, start_origin):
    script = [expect_request(), send(row.data)] + ([row.end] if row.end else [SERVE])
    origin = start_origin(script, [SERVE], segmentation=segmentation)
    run = run_haul("batch", "--serial", "--inline", *row.flags, origin.url("/row"),
                   origin.url("/second"), daemon=daemon)
    records = run.by_url()
    assert len(records) == 2, run
    check_outcome(row, records[origin.url("/row")])
    assert_succeeds(records[origin.url("/second")])
    if row.then is not None:
        assert origin.connections_count == (1 if row.then == KEPT else 2), (row.then, run)


def test_reports_the_length_a_head_response_announces(get, start_origin):
    origin = start_origin([expect_request(), send(OK + b"Content-Length: 1000\r\n\r\n"), SERVE])
    run = get("-I", origin.url()).expect(0)
    assert b"Content-Length: 1000" in run.out, run


def test_does_not_feed_a_get_with_the_body_of_a_head(daemon, start_origin):
    lie = [expect_request(), send(answer(b"the body of a HEAD")), SERVE]
    origin = start_origin(lie, [SERVE])
    lines = ('{"url":"%s","method":"HEAD","id":"head"}\n{"url":"%s","id":"get"}\n'
             % (origin.url("/a"), origin.url("/b")))
    records = run_haul("batch", "--serial", "--inline", "-i", "-", daemon=daemon,
                       stdin=lines).expect(0).by_id()
    assert (records["head"]["size_download"], records["get"]["body"]) == (0, "second")


def test_refuses_http09_as_second_answer_on_a_kept_connection(daemon, start_origin):
    script = [expect_request(), send(answer(b"first")), expect_request(), send(b"<html>"), fin()]
    origin = start_origin(script)
    records = run_haul("batch", "--serial", "--inline", origin.url("/1"), origin.url("/2"),
                       daemon=daemon).expect(1).by_url()
    assert_succeeds(records[origin.url("/1")])
    assert_fails(records[origin.url("/2")], "http/malformed")


def test_marks_the_part_that_came_of_a_partial_body(get, start_origin):
    origin = start_origin([expect_request(), send(with_length(b" 100", b"0123456789")), fin()])
    run = get(origin.url()).expect(18)
    assert run.out == b"0123456789", run


ENDLESS = {
    "A17_chunk_extensions": (CHUNKED, b"1;" + b"x" * 4096 + b"\r\ny\r\n"),
    "A23_interim_responses": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 60000
                              + b"\r\n\r\n"),
    "A37_fields": (OK, b"A: " + b"x" * 4000 + b"\r\n"),
    "A37_one_field": (OK + b"A: ", b"x" * 4096),
    "status_line": (b"HTTP/1.1 200 ", b"x" * 4096),
    "trailers": (CHUNKED + b"0\r\n", b"A: " + b"x" * 4000 + b"\r\n"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_header_ends_soon_in_flat_memory(name, start_daemon, start_origin):
    start, piece = ENDLESS[name]
    origin = start_origin([expect_request(), send(start), flood(piece, 64 << 20)])
    daemon = start_daemon()
    before = status_kib(daemon.pid, "VmRSS")
    run = run_haul("batch", origin.url(), daemon=daemon).expect(1)
    assert_fails(run.record, "http/too_big", "http/malformed")
    assert origin.sent_bytes < 24 << 20  # what the kernel's buffers take included
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmHWM") - before < 8 << 10


def test_closes_the_connection_after_a_framing_error(batch, start_origin, until):
    data = with_length(b" 6, 6", b"abcdef")
    origin = start_origin([expect_request(), send(data), expect_eof()])
    batch(origin.url()).expect(1)
    until(lambda: origin.open_connections == 0, "the connection is closed")
