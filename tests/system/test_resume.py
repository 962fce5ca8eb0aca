"""-C: what a file lacks is fetched, and nothing else ever becomes part of it."""

import json
import os
import shutil
import signal
import subprocess
import threading

import pytest

from origin import answer, expect_request, fin, repeat, reply_with, send, wait_for
from support import WAIT_S, assert_fails, clean_env, end_group, run_haul, spawn_haul

WHOLE = bytes(range(256)) * 2000
HALF = WHOLE[:200000]


def part(body, first, size=None, status="206 Partial Content"):
    size = len(WHOLE) if size is None else size
    return answer(body, status=status,
                  fields=[f"Content-Range: bytes {first}-{first + len(body) - 1}/{size}"])


def serve_parts(request):
    """What a server with ranges does."""
    asked = request.field("Range")
    if not asked:
        return answer(WHOLE)
    first = int(asked.removeprefix("bytes=").removesuffix("-"))
    if first >= len(WHOLE):
        return answer(b"no", status="416 Range Not Satisfiable",
                      fields=[f"Content-Range: bytes */{len(WHOLE)}"])
    return part(WHOLE[first:], first)


@pytest.fixture
def parts(start_origin):
    return start_origin([repeat([expect_request(), reply_with(serve_parts)])])


@pytest.fixture
def always(start_origin):
    return lambda data: start_origin([repeat([expect_request(), send(data)])])


@pytest.fixture
def file(tmp_path):
    """A file with the first part."""
    (tmp_path / "file").write_bytes(HALF)
    return tmp_path / "file"


def ranges(origin):
    return [request.field("Range") for request in origin.requests]


@pytest.mark.parametrize("verb", ["get", "batch"])
def test_fetches_what_the_file_lacks(verb, get, batch, parts, file):
    inode = file.stat().st_ino
    run = (get if verb == "get" else batch)("-C", "-", "--records", "all", "-o", file,
                                            parts.url()).expect(0)
    assert file.read_bytes() == WHOLE and file.stat().st_ino == inode
    assert run.record["status"] == 206 and run.record["output"] == str(file)
    assert run.record["size_download"] == len(WHOLE) - len(HALF)
    assert ranges(parts) == [f"bytes={len(HALF)}-"]


@pytest.mark.parametrize("flags", [[], ["-f"]], ids=["plain", "-f"])
def test_a_complete_file_is_left_alone(flags, get, parts, file):
    file.write_bytes(WHOLE)
    before = file.stat()
    get("-C", "-", *flags, "-o", file, parts.url()).expect(0)
    assert file.read_bytes() == WHOLE and file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("has_empty", [False, True], ids=["missing", "empty"])
def test_nothing_there_is_a_plain_fetch(has_empty, get, parts, tmp_path):
    if has_empty:
        (tmp_path / "file").write_bytes(b"")
    get("-C", "-", "-o", tmp_path / "file", parts.url()).expect(0)
    assert (tmp_path / "file").read_bytes() == WHOLE and ranges(parts) == [None]


def test_the_whole_replaces_the_part(get, always, file):
    get("-C", "-", "-o", file, always(answer(b"new")).url()).expect(0)
    assert file.read_bytes() == b"new" and os.listdir(file.parent) == ["file"]


@pytest.mark.parametrize("reply,name", [
    (part(b"x" * 10, 0), "http/malformed"),
    (part(b"x" * 10, len(HALF) + 1), "http/malformed"),
    (answer(b"x" * 10, status="206 Partial Content"), "http/malformed"),
    (answer(b"gone", status="404 Not Found"), "http/status"),
    (answer(b"busy", status="503 Busy"), "http/status"),
    (answer(b"", status="305 Use Proxy", fields=["Location: /x"]), "http/status"),
    (answer(b"", status="416 No", fields=["Content-Range: bytes */7"]), "storage/corrupt"),
    (answer(WHOLE)[:-1], "http/partial"),
], ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.parametrize("flags", [[], ["-f"]], ids=["plain", "-f"])
def test_no_other_answer_touches_the_file(reply, name, flags, batch, start_origin, file):
    origin = start_origin([expect_request(), send(reply), fin()])
    run = batch("-C", "-", *flags, "-o", file, origin.url()).expect(1)
    assert_fails(run.record, name)
    assert file.read_bytes() == HALF and os.listdir(file.parent) == ["file"]


def test_a_part_that_breaks_off_stays_for_the_next_time(get, start_origin, tmp_path):
    """Three runs: 200 cut short, 206 cut short, the rest."""
    cuts = iter([150000, 50000, None])
    origin = start_origin(*[[expect_request(), reply_with(
        lambda request: (lambda data, cut: data[:data.index(b"\r\n\r\n") + 4 + cut]
                         if cut else data)(serve_parts(request), next(cuts))), fin()]] * 3)
    args = ["-C", "-", "-o", tmp_path / "file", origin.url()]
    for code, size in ((18, 150000), (18, 200000), (0, len(WHOLE))):
        get(*args).expect(code)
        assert (tmp_path / "file").read_bytes() == WHOLE[:size]
        assert os.listdir(tmp_path) == ["file"]
    assert ranges(origin) == [None, "bytes=150000-", "bytes=200000-"]


# --- the version (If-Range) ---

class Versioned:
    """A server with ranges and one version at a time; the first answer of each version breaks off
    after `cut` bytes."""

    def __init__(self, etag, body, cut):
        self.etag, self.body, self.cut = etag, body, cut

    def reply(self, request):
        fields = [f"ETag: {self.etag}"]
        asked, condition = request.field("Range"), request.field("If-Range")
        if asked and condition in (None, self.etag):
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            fields.append(f"Content-Range: bytes {first}-{len(self.body) - 1}/{len(self.body)}")
            return answer(self.body[first:], status="206 Partial Content", fields=fields)
        data = answer(self.body, fields=fields)
        cut, self.cut = self.cut, None
        return data[:data.index(b"\r\n\r\n") + 4 + cut] if cut else data


@pytest.fixture
def versioned(start_origin):
    def start(etag, cut=150000):
        server = Versioned(etag, WHOLE, cut)
        origin = start_origin(*[[expect_request(), reply_with(server.reply), fin()]] * 4)
        origin.version = server
        return origin

    return start


def asked_for(origin):
    return [(request.field("Range"), request.field("If-Range"), request.field("If-None-Match"))
            for request in origin.requests]


ETAGS = ["--etag-save", "etag", "--etag-compare", "etag"]


def test_a_part_of_the_same_version_is_continued(get, versioned, tmp_path):
    origin = versioned('"v1"')
    args = ["-C", "-", *ETAGS, "-o", "file", origin.url()]
    get(*args, cwd=tmp_path).expect(18)
    assert (tmp_path / "file").read_bytes() == WHOLE[:150000]
    assert (tmp_path / "etag").read_text() == '"v1"\n'
    get(*args, cwd=tmp_path).expect(0)
    assert (tmp_path / "file").read_bytes() == WHOLE
    assert (tmp_path / "etag").read_text() == '"v1"\n'
    assert asked_for(origin) == [(None, None, None), ("bytes=150000-", '"v1"', None)]


def test_a_part_of_another_version_is_replaced_by_the_whole(get, versioned, tmp_path):
    origin = versioned('"v1"')
    args = ["-C", "-", *ETAGS, "-o", "file", origin.url()]
    get(*args, cwd=tmp_path).expect(18)
    origin.version.etag, origin.version.body = '"v2"', WHOLE[::-1]
    origin.version.cut = 1000   # and once more: the old part stays, with its own ETag
    get(*args, cwd=tmp_path).expect(18)
    assert (tmp_path / "file").read_bytes() == WHOLE[:150000]
    assert (tmp_path / "etag").read_text() == '"v1"\n'
    get(*args, cwd=tmp_path).expect(0)
    assert (tmp_path / "file").read_bytes() == WHOLE[::-1]
    assert (tmp_path / "etag").read_text() == '"v2"\n'
    assert [row[1] for row in asked_for(origin)] == [None, '"v1"', '"v1"']


def test_a_weak_etag_asks_for_the_whole(get, versioned, tmp_path):
    origin = versioned('W/"v1"')
    args = ["-C", "-", *ETAGS, "-o", "file", origin.url()]
    get(*args, cwd=tmp_path).expect(18)
    get(*args, cwd=tmp_path).expect(0)
    assert (tmp_path / "file").read_bytes() == WHOLE
    assert asked_for(origin) == [(None, None, None)] * 2


def test_without_a_part_an_etag_is_no_condition(get, versioned, tmp_path):
    origin = versioned('"v1"', cut=None)
    (tmp_path / "etag").write_text('"v1"\n')
    get("-C", "-", *ETAGS, "-o", "file", origin.url(), cwd=tmp_path).expect(0)
    assert (tmp_path / "file").read_bytes() == WHOLE
    assert asked_for(origin) == [(None, None, None)]


def test_ctrl_c_keeps_what_came(daemon, start_origin, tmp_path, until):
    origin = start_origin([expect_request(), send(answer(WHOLE)[:200000]),
                           wait_for(threading.Event())])
    process = spawn_haul("get", "-C", "-", "-o", tmp_path / "file", origin.url(), daemon=daemon)

    def has_come():
        return any(entry.stat().st_size > 150000 for entry in tmp_path.iterdir())

    try:
        until(has_come, "most of it is written")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT_S)
        assert process.returncode == 130
    finally:
        end_group(process)
    kept = (tmp_path / "file").read_bytes()
    assert len(kept) > 150000 and WHOLE.startswith(kept) and os.listdir(tmp_path) == ["file"]


def test_a_failed_status_is_never_kept_as_a_part(get, start_origin, tmp_path):
    origin = start_origin([expect_request(), send(answer(b"error page", status="500 No")[:-1]),
                           fin()])
    get("-C", "-", "-o", tmp_path / "file", origin.url()).expect(18)
    assert os.listdir(tmp_path) == []


def test_a_number_is_the_size_the_file_must_have(get, parts, file):
    run = get("-C", "7", "-o", file, parts.url()).expect(43)
    assert "has 200000 bytes, not the 7 of -C" in run.err and file.read_bytes() == HALF
    get("-C", len(HALF), "-o", file, parts.url()).expect(0)
    assert file.read_bytes() == WHOLE and ranges(parts) == [f"bytes={len(HALF)}-"]


def test_lines_continue_each_their_own_file(batch, parts, tmp_path):
    (tmp_path / "a").write_bytes(WHOLE[:10])
    (tmp_path / "b").write_bytes(WHOLE[:99])
    (tmp_path / "d").write_bytes(b"old")
    lines = [{"output": "a"}, {"output": "b"}, {"output": "c"},
             {"output": "d", "headers": {"Range": "bytes=5-"}}]
    text = "".join(json.dumps(line | {"url": parts.url()}) + "\n" for line in lines)
    batch("-C", "-", "--output-dir", tmp_path, "-i", "-", stdin=text).expect(0)
    assert {n: (tmp_path / n).read_bytes() == WHOLE for n in "abc"} == dict.fromkeys("abc", True)
    assert (tmp_path / "d").read_bytes() == WHOLE[5:]


def test_continues_below_a_template(get, parts, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").write_bytes(HALF)
    get("-C", "-", "--output-dir", tmp_path, "--output-template", "{path}",
        parts.url("/x/y")).expect(0)
    assert (tmp_path / "x" / "y").read_bytes() == WHOLE


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")
@pytest.mark.parametrize("have", [0, 1, 200000, len(WHOLE)])
def test_does_what_curl_does(have, get, parts, tmp_path):
    for name in ("ours", "curls"):
        if have:
            (tmp_path / name).write_bytes(WHOLE[:have])
    get("-C", "-", "-o", "ours", parts.url(), cwd=tmp_path).expect(0)
    subprocess.run(["curl", "-sS", "-C", "-", "-o", "curls", parts.url()], cwd=tmp_path,
                   env=clean_env(), check=True, timeout=30)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "curls").read_bytes() == WHOLE
    assert ranges(parts)[0] == ranges(parts)[1]


def test_a_retry_starts_where_the_file_ended(daemon, start_origin, tmp_path):
    """What the lost attempt had appended is taken back before the next one appends it again."""
    part = b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n"
    origin = start_origin([expect_request(), send(part + b"456"), fin()],
                          [repeat([expect_request(), send(part + b"456789")])])
    target = tmp_path / "f"
    target.write_bytes(b"0123")
    run_haul("get", "-C", "-", "--retry", "1", "--retry-delay", "20ms", "-o", target, origin.url(),
             daemon=daemon).expect(0)
    assert target.read_bytes() == b"0123456789"
    assert [r.field("Range") for r in origin.requests] == ["bytes=4-"] * 2
