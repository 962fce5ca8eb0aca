"""Only what has changed: by time, by ETag, and 304 leaves everything as it was."""

import os
import shutil
import subprocess

import pytest

from origin import answer, expect_request, fin, repeat, reply_with, send
from support import clean_env

NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n%s\r\n"


@pytest.fixture
def versioned(start_origin):
    """A server with an ETag that can be changed: versioned().etag = ..."""
    def start():
        def reply(request):
            field = f"ETag: {origin.etag}" if origin.etag else "X-None: 1"
            if origin.etag and request.field("If-None-Match") == origin.etag:
                return NOT_MODIFIED % (field + "\r\n" if origin.says_etag else "").encode()
            return answer(b"body of " + (origin.etag or "none").encode(), fields=[field])

        origin = start_origin([repeat([expect_request(), reply_with(reply)])])
        origin.etag, origin.says_etag = '"v1"', True
        return origin

    return start


def names(path):
    return sorted(os.listdir(path))


# --- time

@pytest.mark.parametrize("given,field,value", [
    ("2024-01-02", "If-Modified-Since", "Tue, 02 Jan 2024 00:00:00 GMT"),
    ("-2024-01-02T01:00:00+01:00", "If-Unmodified-Since", "Tue, 02 Jan 2024 00:00:00 GMT"),
    ("Tue, 02 Jan 2024 00:00:00 GMT", "If-Modified-Since", "Tue, 02 Jan 2024 00:00:00 GMT"),
    ("file", "If-Modified-Since", "Sat, 06 May 2023 07:08:09 GMT"),
    ("-file", "If-Unmodified-Since", "Sat, 06 May 2023 07:08:09 GMT"),
])
def test_a_time_is_a_date_or_a_files(given, field, value, get, origin, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    os.utime(tmp_path / "file", (1683356889, 1683356889))
    get("-z", given, origin.url(), cwd=tmp_path).expect(0)
    asked = {n: v for n, v in origin.requests[0].fields if n.startswith("If-")}
    assert asked == {field: value}


def test_a_time_that_is_neither_is_refused(get, origin, tmp_path):
    run = get("-z", "yesterday", origin.url(), cwd=tmp_path).expect(2)
    assert "'yesterday' is neither a file nor a date" in run.err and not origin.requests


@pytest.mark.parametrize("verb", ["get", "batch"])
def test_304_leaves_the_file_untouched(verb, get, batch, start_origin, tmp_path):
    origin = start_origin([repeat([expect_request(), send(NOT_MODIFIED % b"")])])
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = path.stat()
    run = (get if verb == "get" else batch)("-z", path, "--records", "all", "-o", path,
                                            origin.url()).expect(0)
    assert (run.record["status"], run.record["output"]) == (304, None)
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    path.unlink()
    get("-z", "2024-01-02", "-o", path, origin.url()).expect(0)
    assert names(tmp_path) == []


# --- ETag

def test_one_file_for_both_fetches_once(get, versioned, tmp_path):
    origin = versioned()
    args = ["--etag-save", "etag", "--etag-compare", "etag", "-o", "out", origin.url()]
    for etag in ('"v1"', '"v1"', 'W/"v2"', 'W/"v2"'):
        origin.etag = etag
        get(*args, cwd=tmp_path).expect(0)
        assert (tmp_path / "etag").read_text() == etag + "\n"
        assert (tmp_path / "out").read_text() == "body of " + etag
    assert [r.field("If-None-Match") for r in origin.requests] == [None, '"v1"', '"v1"', 'W/"v2"']
    assert names(tmp_path) == ["etag", "out"]


def test_a_304_without_an_etag_keeps_the_one_we_have(get, versioned, tmp_path):
    origin = versioned()
    args = ["--etag-save", "etag", "--etag-compare", "etag", "-o", "out", origin.url()]
    get(*args, cwd=tmp_path).expect(0)
    origin.says_etag = False
    get(*args, cwd=tmp_path).expect(0)
    assert (tmp_path / "etag").read_text() == '"v1"\n'


def test_a_new_body_without_an_etag_empties_the_file(get, versioned, tmp_path):
    origin = versioned()
    (tmp_path / "etag").write_text('"v0"\n')
    origin.etag = None
    args = ["--etag-save", "etag", "--etag-compare", "etag", "-o", "out", origin.url()]
    get(*args, cwd=tmp_path).expect(0)
    assert (tmp_path / "etag").read_bytes() == b""
    get(*args, cwd=tmp_path).expect(0)
    assert [r.field("If-None-Match") for r in origin.requests] == ['"v0"', None]


@pytest.mark.parametrize("reply", [answer(b"no", status="404 No", fields=['ETag: "x"']),
                                   answer(b"half", fields=['ETag: "x"'])[:-1]],
                         ids=["404", "partial"])
def test_a_failure_keeps_the_etag(reply, get, start_origin, tmp_path):
    origin = start_origin([expect_request(), send(reply), fin()])
    (tmp_path / "etag").write_text('"v0"\n')
    get("--etag-save", "etag", "-o", "out", origin.url(), cwd=tmp_path)
    assert (tmp_path / "etag").read_text() == '"v0"\n'


def test_an_etag_that_cannot_be_kept_fails_the_item(get, versioned, tmp_path):
    run = get("--etag-save", tmp_path / "no" / "etag", "-o", tmp_path / "out",
              versioned().url()).expect(23)
    assert "no/etag: No such file" in run.err
    assert (tmp_path / "out").read_text() == 'body of "v1"'


def test_refuses_what_is_no_etag_and_more_than_one_url(get, batch, origin, tmp_path):
    (tmp_path / "etag").write_bytes(b"a\x01b\n")
    assert "is no ETag" in get("--etag-compare", tmp_path / "etag", origin.url()).expect(2).err
    for flag in ("--etag-save", "--etag-compare"):
        assert "are for one URL" in get(flag, "f", origin.url(), origin.url()).expect(2).err
        assert "are for one URL" in batch(flag, "f", "-i", "-", stdin="").expect(2).err
    assert not origin.requests


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")
def test_curl_and_haul_read_each_others_etags(get, versioned, tmp_path):
    origin = versioned()
    args = ["--etag-save", "etag", "--etag-compare", "etag", "-o", "out", origin.url()]
    get(*args, cwd=tmp_path).expect(0)
    subprocess.run(["curl", "-sS", *args], cwd=tmp_path, env=clean_env(), check=True, timeout=30)
    get(*args, cwd=tmp_path).expect(0)
    assert [r.field("If-None-Match") for r in origin.requests] == [None, '"v1"', '"v1"']
    assert (tmp_path / "out").read_text() == 'body of "v1"'
