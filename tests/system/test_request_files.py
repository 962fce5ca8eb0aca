"""Where the parts of a request come from files and standard input: what is refused, and that the
wait for them can be broken off. test_curl_flags.py compares what is sent."""

import json
import os
import signal
import subprocess

import pytest

from origin import answer, expect_request, repeat, send
from support import end_group, is_running, poll_until, spawn_haul


@pytest.fixture
def sink(start_origin):
    return start_origin([repeat([expect_request(), send(answer())])])


@pytest.mark.parametrize("args,said", [
    (["-d", "@gone"], "-d @gone: No such file"),
    (["--data-urlencode", "n@gone"], "--data-urlencode @gone: No such file"),
    (["-H", "@gone"], "-H @gone: No such file"),
    (["--json", "@."], "--json @.: Is a directory"),
    (["-d", "@-", "-H", "@-"], "cannot both come from standard input"),
    (["-H", "@secret"], "-H @secret, line 2: this is no field"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_file_that_is_no_part_of_a_request_is_refused(args, said, get, sink, tmp_path):
    (tmp_path / "secret").write_text("A: 1\nsecret\n")
    run = get(*args, sink.url(), cwd=tmp_path, stdin="x").expect(2)
    assert said in run.err and " secret" not in run.err, run
    assert sink.requests == []


def test_the_list_and_the_data_do_not_share_standard_input(batch, sink):
    run = batch("-d", "@-", stdin=sink.url() + "\n").expect(2)
    assert "the list and -d cannot both" in run.err, run
    assert sink.requests == []


def test_a_file_is_the_body_of_every_item_that_has_none(batch, sink, tmp_path):
    (tmp_path / "body").write_bytes(b"of the file\n")
    own = json.dumps({"url": sink.url("/own"), "body": "its own"})
    batch("--data-binary", f"@{tmp_path / 'body'}", "-i", "-",
          stdin=f"{sink.url('/1')}\n{own}\n{sink.url('/2')}\n").expect(0)
    assert {(r.target, r.body) for r in sink.requests} == {
        ("/1", b"of the file\n"), ("/2", b"of the file\n"), ("/own", b"its own")}


@pytest.mark.parametrize("flag", ["-d", "--data-binary", "--json"])
def test_a_body_may_be_larger_than_any_frame(flag, get, sink, tmp_path):
    (tmp_path / "large").write_bytes(b"0123456789abcde\n" * (1 << 17))
    get(flag, "@large", "-H", "Expect:", sink.url(), sink.url("/2"), cwd=tmp_path).expect(0)
    data = (tmp_path / "large").read_bytes()
    expected = data.replace(b"\n", b"") if flag == "-d" else data
    assert [(r.method, r.target, r.body == expected) for r in sink.requests] == [
        ("POST", "/", True), ("POST", "/2", True)]


@pytest.mark.parametrize("args", [["-d", "@-"], ["-H", "@-"], ["-d", "@fifo"]], ids=" ".join)
def test_an_interrupt_ends_the_wait_for_a_file(args, daemon, sink, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    haul = spawn_haul("get", *args, sink.url(), daemon=daemon, stdin=subprocess.PIPE, cwd=tmp_path)
    try:
        poll_until(lambda: waits(haul.pid), "haul waits for its input")
        haul.send_signal(signal.SIGINT)
        assert haul.wait(10) == 130
    finally:
        end_group(haul)
    assert sink.requests == []


def waits(pid):
    """Whether the process sleeps in a read or an open, past its start."""
    with open(f"/proc/{pid}/status") as status:
        text = dict(line.split(":\t", 1) for line in status.read().splitlines())
    caught = int(text["SigCgt"], 16) >> signal.SIGINT - 1 & 1
    blocked = int(text["SigBlk"], 16) >> signal.SIGINT - 1 & 1
    return is_running(pid) and text["State"][0] == "S" and caught and not blocked
