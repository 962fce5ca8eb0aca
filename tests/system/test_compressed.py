"""Bodies in a coding: what --compressed gives is what was coded, or an error that says so."""

import gzip
import hashlib
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from origin import answer, chunked, expect_request, fin, repeat, reply_with, send
from support import Daemon, assert_fails, assert_succeeds, is_sanitized, run_haul, status_kib

pytestmark = pytest.mark.usefixtures("taint")

TEXT = b"".join(b"line %d of a body that is worth it\n" % n for n in range(20000))
ENCODING, PARTIAL, TOO_BIG = 61, 18, 63


def by_program(*command):
    return lambda data: subprocess.run(command, input=data, capture_output=True, check=True).stdout


def bare_deflate(data):
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeezer.compress(data) + squeezer.flush()


def gzip_with_extras(data):
    """A header with an extra field and a comment of 60 KiB each, and a name (RFC 1952 2.3)."""
    plain = gzip.compress(data)
    extra = b"x" * 60000
    return (plain[:3] + bytes([0x04 | 0x08 | 0x10]) + plain[4:10] + len(extra).to_bytes(2, "little")
            + extra + b"name\0" + b"c" * 60000 + b"\0" + plain[10:])


br = by_program("brotli", "-c", "-q", "5")
zstd = by_program("zstd", "-c", "-q")

CODERS = {
    "gzip": ("gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip with extras": ("gzip", gzip_with_extras),
    "zlib deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "br": ("br", br),
    "zstd": ("zstd", zstd),
}


def coded_answer(coding, body, is_chunked=False, piece=1000):
    extra = f"Content-Encoding: {coding}\r\n".encode()
    if not is_chunked:
        return answer(body, fields=[f"Content-Encoding: {coding}"])
    pieces = [body[at:at + piece] for at in range(0, len(body), piece)]
    return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + extra + b"\r\n"
            + chunked(*pieces))


@pytest.fixture
def serve(start_origin):
    return lambda data: start_origin([repeat([expect_request(), send(data)])])


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("name", CODERS)
def test_a_coded_body_is_given_as_it_was(name, is_chunked, get, serve):
    """G01."""
    coding, encode = CODERS[name]
    origin = serve(coded_answer(coding, encode(TEXT), is_chunked))
    assert get("--compressed", origin.url()).expect(0).out == TEXT


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")
@pytest.mark.parametrize("name", CODERS)
def test_curl_agrees(name, get, serve):
    coding, encode = CODERS[name]
    origin = serve(coded_answer(coding, encode(TEXT)))
    by_curl = subprocess.run(["curl", "-s", "--compressed", origin.url()], capture_output=True)
    if by_curl.returncode == ENCODING:
        pytest.skip("this curl cannot")
    assert by_curl.stdout == get("--compressed", origin.url()).expect(0).out == TEXT


def test_it_is_asked_for_only_with_the_flag(get, start_origin):
    echo = reply_with(lambda request: answer((request.field("Accept-Encoding") or "none").encode()))
    origin = start_origin([repeat([expect_request(), echo])])
    assert get(origin.url()).expect(0).out == b"none"
    assert get("--compressed", origin.url()).expect(0).out == b"gzip, deflate, br, zstd"
    assert get("--compressed", "-H", "Accept-Encoding: gzip", origin.url()).expect(0).out == b"gzip"


def test_without_the_flag_the_bytes_are_as_they_came(get, serve):
    body = gzip.compress(TEXT)
    assert get(serve(coded_answer("gzip", body)).url()).expect(0).out == body


def test_two_members_and_two_frames_are_one_body(get, serve):
    """G05."""
    for coding, encode in (("gzip", gzip.compress), ("zstd", zstd)):
        origin = serve(coded_answer(coding, encode(b"one ") + encode(b"two")))
        assert get("--compressed", origin.url()).expect(0).out == b"one two"


def test_a_chain_of_three_is_undone(get, serve):
    body = zstd(br(gzip.compress(TEXT)))
    assert get("--compressed", serve(coded_answer("gzip, br, zstd", body)).url()).expect(0).out \
        == TEXT


def br_large(data):
    """Of a window that RFC 7932 does not have."""
    return by_program("brotli", "-c", "-q", "5", "--large_window=30")(data)


def broken(data, at):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 0xff]) + data[at + 1:]


GZ = gzip.compress(TEXT)
BAD = {
    "G02 header": ("gzip", broken(GZ, 0)),
    "G02 middle": ("gzip", broken(GZ, len(GZ) // 2)),
    "G02 checksum": ("gzip", broken(GZ, len(GZ) - 6)),
    "G02 length": ("gzip", broken(GZ, len(GZ) - 2)),
    "G02 cut": ("gzip", GZ[:-9]),
    "G02 rubbish behind": ("gzip", GZ + b"rubbish"),
    "G02 br cut": ("br", br(TEXT)[:-3]),
    "G02 zstd cut": ("zstd", zstd(TEXT)[:-3]),
    "G02 deflate cut": ("deflate", zlib.compress(TEXT)[:-3]),
    "G04 six codings": ("gzip, gzip, gzip, gzip, gzip, gzip", GZ),
    "G07 zstd of a 2 GiB window": ("zstd", b"\x28\xb5\x2f\xfd\x00\xa8" + b"\0" * 40),
    "G02 br middle": ("br", broken(br(TEXT), 2000)),
    "G02 zstd header": ("zstd", broken(zstd(TEXT), 0)),
    "G02 zstd rubbish behind": ("zstd", zstd(TEXT) + b"rubbish"),
    "G02 br rubbish behind": ("br", br(TEXT) + b"rubbish"),
    "G02 deflate checksum": ("deflate", broken(zlib.compress(TEXT), -1)),
    "G07 br of a large window": ("br", br_large(TEXT)),
    "G07 zlib with a dictionary": ("deflate", b"\x78\xbb" + b"\0" * 40),
    "G09 unknown": ("compress", b"data"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_decoded_is_an_error(name, batch, serve, origin):
    """However it comes; and the next item is served."""
    coding, body = BAD[name]
    for is_chunked in (False, True):
        bad = serve(coded_answer(coding, body, is_chunked))
        run = batch("--compressed", "--serial", bad.url(), origin.url()).expect(1)
        assert_fails(run.by_url()[bad.url()], "http/encoding")
        assert run.by_url()[bad.url()]["error"]["phase"] == "receive"
        assert_succeeds(run.by_url()[origin.url()])


def test_a_hundred_fields_of_codings_are_refused(get, serve):
    """G04."""
    head = b"HTTP/1.1 200 OK\r\n" + b"Content-Encoding: gzip\r\n" * 100
    origin = serve(head + b"Content-Length: %d\r\n\r\n" % len(GZ) + GZ)
    get("--compressed", origin.url()).expect(ENCODING)


def test_a_body_cut_by_the_end_is_partial(get, start_origin):
    whole = coded_answer("gzip", GZ)
    origin = start_origin([expect_request(), send(whole[:-100]), fin()])
    get("--compressed", origin.url()).expect(PARTIAL)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"200 OK"])
def test_no_body_in_a_coding_is_no_body(status, get, serve):
    """G09."""
    length = b"" if status[:3] == b"204" else b"Content-Length: 0\r\n"
    origin = serve(b"HTTP/1.1 " + status + b"\r\nContent-Encoding: gzip\r\n" + length + b"\r\n")
    assert get("--compressed", origin.url()).expect(0).out == b""


def test_the_answer_to_head_has_nothing_to_decode(get, serve):
    origin = serve(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 100\r\n\r\n")
    get("--compressed", "-I", origin.url()).expect(0)


BOMBS = {
    "gzip": lambda size: gzip.compress(b"\0" * size),
    "deflate": lambda size: zlib.compress(b"\0" * size),
    "br": lambda size: br(b"\0" * size),
    "zstd": lambda size: zstd(b"\0" * size),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_bomb_ends_at_the_limit_of_the_body(coding, get, serve):
    """G03: the limit holds for what comes out, and memory does not follow what is claimed."""
    origin = serve(coded_answer(coding, BOMBS[coding](64 << 20)))
    run = get("--compressed", "--max-body", "1M", "-o", "/dev/null", origin.url()).expect(TOO_BIG)
    assert "--max-body" in run.err, run.err


def test_bodies_that_are_decoded_side_by_side_do_not_mix(batch, start_origin, tmp_path):
    """Good ones of every coding, cut ones, and a bomb among them; to records and to files."""
    names = list(CODERS)

    def reply(request):
        number = int(request.target.split("/")[-1])
        coding, encode = CODERS[names[number % len(names)]]
        body = encode(b"%d of many\n" % number * 3000)
        if number % 10 == 9:
            coding, body = "gzip", gzip.compress(b"\0" * (4 << 20))
        elif number % 10 == 4:
            body = body[:-4]
        return coded_answer(coding, body, number % 2, piece=97)

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    lines = "".join(origin.url(f"/{i}") + "\n" for i in range(60))
    for where in (["--inline"], ["--output-dir", tmp_path]):
        run = batch("--compressed", "--max-body", "1M", "-c", "20", *where, "-i", "-",
                    stdin=lines).expect(1)
        assert len(run.records) == 60
        for record in run.records:
            number = int(record["url"].split("/")[-1])
            if number % 10 in (4, 9):
                assert_fails(record, "http/too_big" if number % 10 == 9 else "http/encoding")
                assert record["output"] is None or not Path(record["output"]).exists()
                continue
            assert_succeeds(record)
            body = record["body"] if "body" in record else Path(record["output"]).read_text()
            assert body == f"{number} of many\n" * 3000


@pytest.mark.skipif(is_sanitized(), reason="memory figures need a plain build")
@pytest.mark.parametrize("coding", BOMBS)
def test_a_bomb_takes_no_memory(coding, serve):
    origin = serve(coded_answer(coding, BOMBS[coding](256 << 20)))
    with Daemon() as daemon:
        run_haul("--socket", daemon.socket, "get", "--compressed", "-o", "/dev/null", origin.url())
        assert status_kib(daemon.pid, "VmHWM") < 64 << 10


def test_the_record_tells_both_sizes(batch, serve):
    origin = serve(coded_answer("gzip", GZ))
    record = batch("--compressed", origin.url()).expect(0).records[0]
    assert record["size_download"] == len(TEXT)
    assert len(GZ) <= record["size_wire"] < len(GZ) + 200


def test_write_out_counts_what_was_received_as_curl(get, serve):
    origin = serve(coded_answer("gzip", GZ))
    run = get("--compressed", "-o", "/dev/null", "-w", "%{size_download}", origin.url()).expect(0)
    assert int(run.out) == len(GZ)


def test_hash_and_file_are_of_the_decoded(batch, serve, tmp_path):
    origin = serve(coded_answer("zstd", zstd(TEXT)))
    record = batch("--compressed", "--hash", "sha256", "--output-dir", tmp_path, origin.url("/f")
                   ).expect(0).records[0]
    assert record["hash"].split(":")[-1] == hashlib.sha256(TEXT).hexdigest()
    assert next(p for p in tmp_path.rglob("*") if p.is_file()).read_bytes() == TEXT
