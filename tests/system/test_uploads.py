"""-T: the file arrives, byte for byte, under the name that curl would put it, at the method and the
hops that the rules say."""

import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from origin import answer, expect_request, repeat, reply_with, send
from support import clean_env, find_binary, run_haul

pytestmark = pytest.mark.usefixtures("taint")

FILES = {"a b#.txt": b"hello\r\n\x00\xff", "empty": b"", "b": b"second"}
SAME_AS_CURL = [
    (["-T", "b"], "/"), (["-T", "b"], ""), (["-T", "b"], "/x"), (["-T", "b"], "/d/?q=1#f"),
    (["-T", "b"], "/d/.."), (["-T", "b"], "/d/."), (["-T", "b"], "?q"), (["-T", "b"], "/d?q/"),
    (["-T", "a b#.txt"], "/d/"), (["-T", "empty"], "/"), (["-T", "./b"], "/"),
    (["-T", "b", "-X", "POST"], "/"), (["-T", "b", "-H", "Content-Type: x/y"], "/"),
    (["-T", ""], "/"), (["-T", "b", "-u", "me:pw"], "/"),
]
LATER = {3: "/d/?q=1", 6: "/?q"}    # curl after 7.88: the name goes to no URL with a query


@pytest.fixture
def server(start_origin):
    return start_origin([repeat([expect_request(), send(answer())])])


@pytest.fixture
def here(tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")
@pytest.mark.parametrize("row", range(len(SAME_AS_CURL)))
def test_puts_what_curl_puts(row, daemon, server, here):
    args, target = SAME_AS_CURL[row]
    for program in (["curl", "-sS"], [find_binary("haul"), "get", "--socket", daemon.socket]):
        # curl asks for a 100 before any body; bodies of this size do not wait here
        done = subprocess.run([*program, "-H", "Expect:", *args, server.url(target)], cwd=here,
                              env=clean_env(), capture_output=True, timeout=30)
        assert done.returncode == 0 and done.stdout == b"ok", done
    theirs, ours = server.requests
    assert (ours.method, ours.body) == (theirs.method, theirs.body)
    assert theirs.target == ours.target or theirs.target == LATER.get(row)
    fields = [sorted((name.lower(), re.sub("^(curl|haul)/.*", "PROGRAM", value))
                     for name, value in request.fields) for request in (theirs, ours)]
    assert fields[0] == fields[1]


def test_a_pipe_is_put_in_chunks_and_a_file_on_standard_input_with_its_length(get, server, here):
    get("-T", "-", "-H", "Expect:", server.url("/x"), stdin=b"a\0b\n" * 1000).expect(0)
    get("-T", ".", "-H", "Expect:", server.url("/"), stdin=b"").expect(0)
    with open(here / "b", "rb") as file:
        file.seek(2)
        haul = subprocess.run([find_binary("haul"), "get", "-T", "-", server.url("/file")],
                              stdin=file, env=clean_env(), capture_output=True, timeout=30)
    assert haul.returncode == 0, haul
    first, second, third = server.requests
    assert (first.method, first.target, first.body) == ("PUT", "/x", b"a\0b\n" * 1000)
    assert first.field("Content-Length") is None
    assert first.field("Transfer-Encoding") == "chunked"
    assert (second.method, second.target, second.body) == ("PUT", "/", b"")
    assert (third.field("Content-Length"), third.body) == ("4", b"cond")


def test_each_url_of_get_has_its_own_file(get, server, here):
    get("-T", "b", server.url("/1"), "-T", "", server.url("/2"), "-T", "empty", server.url("/d/"),
        server.url("/4"), cwd=here).expect(0)
    assert [(r.method, r.target, r.body) for r in server.requests] == [
        ("PUT", "/1", b"second"), ("GET", "/2", b""), ("PUT", "/d/empty", b""), ("GET", "/4", b"")]


def test_one_file_goes_to_all_items_of_a_batch(batch, server, here):
    lines = [server.url("/d/"), json.dumps({"url": server.url("/own"), "body": "own"}),
             json.dumps({"url": server.url("/post"), "method": "POST"})]
    run = batch("-T", "b", server.url("/word/"), "-i", "-", stdin="\n".join(lines), cwd=here)
    run.expect(0)
    assert {(r.method, r.target, r.body) for r in server.requests} == {
        ("PUT", "/word/b", b"second"), ("PUT", "/d/b", b"second"), ("POST", "/own", b"own"),
        ("POST", "/post", b"second")}
    assert {record["url"] for record in run.records} == {
        server.url(target) for target in ("/word/b", "/d/b", "/own", "/post")}


def test_a_redirect_takes_the_file_along_as_its_status_says(daemon, start_origin, here):
    def reply(request):
        status = request.target[1:4]
        return answer() if status == "end" else answer(status=f"{status} Go", fields=("Location: /end",))

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    for status in ("307", "308", "303", "302"):
        run_haul("get", "-L", "-T", "b", origin.url(f"/{status}"), daemon=daemon,
                 cwd=here).expect(0)
    ends = [(r.method, r.body) for r in origin.requests if r.target == "/end"]
    assert ends == [("PUT", b"second"), ("PUT", b"second"), ("GET", b""), ("PUT", b"second")]


@pytest.mark.parametrize("args,said", [
    (["-T", "gone"], "-T gone: No such file"), (["-T", "/"], "Is a directory"),
    (["-T", "b", "-d", "x"], "exclude each other"), (["-T", "secret"], "Permission denied"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_cannot_be_put_is_refused_before_anything_is_sent(args, said, get, server, here):
    (here / "secret").write_bytes(b"x")
    (here / "secret").chmod(0)
    if "secret" in args and os.geteuid() == 0:
        pytest.skip("root may read everything")
    run = get(*args, server.url(), cwd=here).expect(2)
    assert said in run.err, run
    assert server.requests == []


def test_the_size_is_told(get, server, here):
    run = get("-T", "b", "-w", "|%{size_upload}|%{method}", server.url("/"), cwd=here).expect(0)
    assert run.out == b"ok|6|PUT"


def test_large_bodies_are_sent_side_by_side(daemon, start_origin, here):
    """None is answered before all have come: what has left haul makes room for the next one."""
    (here / "large").write_bytes(b"x" * 700_000)
    everyone = threading.Barrier(8, timeout=20)

    def reply(_):
        everyone.wait()
        return answer()

    origin = start_origin([expect_request(), reply_with(reply)])
    run_haul("batch", "-T", "large", "--max-per-origin", "8",
             *[origin.url(f"/{i}") for i in range(8)], daemon=daemon, cwd=here).expect(0)
    assert origin.connections_count == 8
