"""The flags that haul shares with curl make the same request, byte for byte, but for the order of
fields and the name of the program. curl itself is the judge."""

import re
import shutil
import subprocess

import pytest

from origin import answer, expect_request, repeat, send
from support import clean_env, find_binary

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")

SAME = [
    ["-X", "PUT"], ["-X", "DELETE", "-d", "x"], ["--request", "put"], ["-I"],
    ["-H", "X-A: 1"], ["-H", "X-A: 1", "-H", "X-A: 2"], ["-H", "Accept:"], ["-H", "User-Agent:"],
    ["-H", "X-E;"], ["-H", "X-Z:"], ["-H", "Expect:"], ["-H", "Host: foo.example"],
    ["-H", "accept: text/html"], ["-H", "X:y"],
    ["-d", "a=1"], ["-d", "a=1", "-d", "b=2"], ["-d", ""], ["-d", "a\nb"], ["--data-raw", "@x"],
    ["--data-binary", "a\r\nb"], ["-d", "x", "-H", "Content-Type:"], ["-d", "a", "-X", "GET"],
    ["--data-urlencode", "a b&c"], ["--data-urlencode", "n=a b&c/\u00e9~"],
    ["--data-urlencode", "=a=b"], ["-d", "x", "--data-urlencode", "n=a b"],
    ["-G", "-d", "a=1", "-d", "b=2"], ["-G", "--data-urlencode", "q=a b"],
    ["-I", "-G", "-d", "a=1"],
    ["--json", '{"a":1}'], ["--json", "[1,", "--json", "2]"],
    ["--json", "{}", "-H", "Content-Type: x/y"],
    ["-u", "me:pw"], ["-u", "me:"], ["-u", "me:p:w"], ["-u", "me:pw", "-H", "Authorization: X"],
    ["-A", "foo/1"], ["-A", ""], ["-e", "http://r/"], ["-e", ""],
    ["-z", "20240102"], ["-z", "-20240102"], ["-z", "Sun, 06 Nov 1994 08:49:37 GMT"],
    ["-r", "0-99"], ["-r", "-50"], ["-r", "5-"], ["-r", "0-0,5-6"],
]
FILES = {"text": b"a b\r\nc=\n\xc3\xa4&\n", "binary": b"\x00\xff\r\n+ %\n", "empty": b"",
         "plain": b"a b", "lines": b"a=1\r\n&b\n",
         "fields": b"X-A: 1\r\n\r\nX-B:2\nUser-Agent:\nX-C;\r\nX-D:"}
SAME_WITH_FILES = [
    ["-d", "@text"], ["-d", "@empty"], ["-d", "a=1", "-d", "@text", "-d", "b"],
    ["-d", "@empty", "-d", "b"], ["--data-raw", "@text"],
    ["--data-binary", "@text"], ["--data-binary", "@binary"], ["--data-binary", "@empty"],
    ["--data-urlencode", "@text"], ["--data-urlencode", "@binary"],
    ["--data-urlencode", "n@text"], ["--data-urlencode", "=@text"],
    ["--data-urlencode", "a=b@text"], ["--data-urlencode", "n@empty"],
    ["--json", "@text"], ["--json", "@binary"], ["--json", "[", "--json", "@text"],
    ["-X", "PUT", "--data-binary", "@binary"],
    ["-G", "--data-urlencode", "q@plain"], ["-G", "-d", "@lines", "-I"],
    ["-d", "@-"], ["--data-binary", "@-"], ["--json", "@-"], ["--data-urlencode", "n@-"],
    ["-H", "@fields"], ["-H", "X-Z: 0", "-H", "@fields"], ["-H", "@-"], ["-H", "@empty"],
]
STANDARD_INPUT = b"X-From: standard\r\nX-In: put\n"
TARGETS = ["/a/../b", "/./b", "/%7Ea", "?x=1", "/q?a=b#fragment", ""]


def seen_by(origin, program, *args, env=None, **kwargs):
    """Runs the program; the request that the origin saw, in a form that can be compared."""
    before = len(origin.requests)
    done = subprocess.run([*program, *args], capture_output=True, timeout=30,
                          env=env or clean_env(), **kwargs)
    assert done.returncode == 0, done
    request = origin.requests[before]
    fields = sorted((name.lower(), re.sub(r"^(curl|haul)/.*", "PROGRAM", value))
                    for name, value in request.fields)
    return request.method, request.target, fields, request.body


def as_later_curls(args, ours):
    """haul makes the requests of curl 7.88. Of some flags later ones make another: this one."""
    method, target, fields, body = ours
    if args == ("-d", "@empty", "-d", "b"):    # no & behind nothing
        return method, target, [(name, "1" if name == "content-length" else value)
                                for name, value in fields], body.removeprefix(b"&")
    if "@fields" in args:    # a CR at the end of a line is of its text, so that X-C; is no field
        return method, target, [field for field in fields if field[0] != "x-c"], body
    return ours


@pytest.fixture
def compare(daemon, start_origin):
    def compare(*args, target="/p", **kwargs):
        origin = start_origin([repeat([expect_request(), send(answer(b""))])])
        url = origin.url(target)
        ours = seen_by(origin, [find_binary("haul"), "get", "--socket", daemon.socket], *args,
                       url, **kwargs)
        theirs = seen_by(origin, ["curl", "-sS"], *args, url, **kwargs)
        assert theirs == ours or theirs == as_later_curls(args, ours)

    return compare


@pytest.mark.parametrize("args", SAME, ids=" ".join)
def test_makes_the_request_that_curl_makes(args, compare):
    compare(*args)


@pytest.mark.parametrize("args", SAME_WITH_FILES, ids=" ".join)
def test_reads_files_and_standard_input_as_curl(args, compare, tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    compare(*args, cwd=tmp_path, input=STANDARD_INPUT)


@pytest.mark.parametrize("target", TARGETS)
def test_asks_for_the_target_that_curl_asks_for(target, compare):
    compare(target=target)


def pins_to(origin):
    """Ways to reach the origin under another name, with the URL to ask for."""
    port = origin.port
    return [
        (["--resolve", f"a.test:{port}:127.0.0.1"], f"http://a.test:{port}/"),
        (["--resolve", f"*:{port}:127.0.0.1"], f"http://b.test:{port}/"),
        (["--connect-to", f"a.test:80:127.0.0.1:{port}"], "http://a.test/"),
        (["--connect-to", f"::127.0.0.1:{port}"], "http://a.test/"),
        (["--connect-to", f"a.test:80::{port}", "--resolve", f"a.test:{port}:127.0.0.1"],
         "http://a.test/"),
        (["--connect-to", f"a.test:80:b.test:{port}", "--resolve", f"b.test:{port}:127.0.0.1"],
         "http://a.test/"),
        (["--connect-to", f"a.test:80:127.0.0.1:{port}", "--resolve", "a.test:80:127.0.0.9"],
         "http://a.test/"),
        (["--interface", "127.0.0.5"], origin.url()),
        (["-4"], f"http://localhost:{port}/"),
    ]


@pytest.mark.parametrize("way", range(9))
def test_connects_where_curl_connects(way, get, start_origin):
    origin = start_origin([repeat([expect_request(), send(answer())])])
    args, url = pins_to(origin)[way]
    theirs = seen_by(origin, ["curl", "-sS"], *args, url)
    assert get(*args, url).expect(0).out == b"ok"
    assert dict(theirs[2])["host"] == origin.requests[-1].field("host")


@pytest.mark.parametrize("flags", [["-i"], ["-I"], ["-f", "-i"], ["-f", "-I"], ["-f"], []],
                         ids=" ".join)
def test_prints_of_a_404_what_curl_prints(flags, get, start_origin):
    head = [] if "-I" in flags else [b"not here\n"]
    origin = start_origin([repeat([expect_request(), send(
        answer(b"not here\n", status="404 Not Found", fields=("X-A: 1",))
        .partition(b"not here\n")[0] + b"".join(head))])])
    theirs = subprocess.run(["curl", "-s", *flags, origin.url()], capture_output=True, timeout=30)
    assert get("-s", *flags, origin.url()).expect(theirs.returncode).out == theirs.stdout
