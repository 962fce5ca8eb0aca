"""Bodies that the daemon reads from a descriptor: they arrive whole or the item fails and says why,
they wait for 100 when they should, and an attempt that needs them again gets them, or is not made."""

import hashlib
import json
import os
import subprocess
import threading

import pytest

from origin import (TUNNEL_OPEN, answer, expect_body, expect_eof, expect_head, expect_nothing,
                    expect_request, hang, repeat, reply_with, rst, send, sleep, tunnel_to, wait_for)
from stream import Session, batch_begin, profile, request
from support import (assert_fails, clean_env, end_group, fd_count, find_binary, poll_until,
                     run_haul, spawn_haul)
from tls_ca import CA

pytestmark = pytest.mark.usefixtures("taint")

MIB = 1 << 20
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HAS_BODY, BODY_FD, EXPECT = 1, 8, 16
SINK = repeat([expect_head(), send(CONTINUE), expect_body(), send(answer())])


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(3 * MIB + 17))
    return path


def arrived(origin):
    return [(r.target, r.body) for r in origin.requests]


# --- it arrives ---

def test_a_large_file_waits_for_100_and_arrives(get, start_origin, large):
    origin = start_origin([expect_head(), expect_nothing(300), send(CONTINUE), expect_body(),
                           send(answer())])
    run = get("-T", large, "-w", "|%{size_upload}|%{num_retries}", origin.url("/x")).expect(0)
    assert run.out.decode() == f"ok|{3 * MIB + 17}|0"
    put = origin.requests[0]
    assert (put.method, put.field("Expect")) == ("PUT", "100-continue")
    assert put.field("Content-Length") == str(3 * MIB + 17)
    assert put.body == large.read_bytes()


def test_a_server_that_knows_no_expect_gets_it_after_a_second(get, start_origin, large):
    origin = start_origin([repeat([expect_request(), send(answer())])])
    get("-T", large, origin.url("/x")).expect(0)
    assert arrived(origin) == [("/x", large.read_bytes())]


def test_the_user_may_forbid_and_force_the_wait(get, start_origin, large):
    origin = start_origin([SINK])
    get("-T", large, "-H", "Expect:", origin.url("/1")).expect(0)
    get("-d", "x", "-H", "Expect: 100-continue", origin.url("/2")).expect(0)
    assert [r.field("Expect") for r in origin.requests] == [None, "100-continue"]
    assert origin.requests[1].body == b"x"


def test_an_expectation_of_another_kind_is_refused(get, start_origin, large):
    origin = start_origin([SINK])
    run = get("-T", large, "-H", "Expect: 200-ok", origin.url("/1")).expect(43)
    assert "Expect" in run.err and not origin.requests


def test_a_live_pipe_arrives_as_it_is_written(daemon, start_origin):
    origin = start_origin([expect_head(), send(CONTINUE), expect_body(), send(answer())])
    haul = spawn_haul("get", "-T", "-", origin.url("/live"), daemon=daemon, stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE)
    try:
        haul.stdin.write(b"first")
        haul.stdin.flush()
        poll_until(lambda: origin.received_bytes and origin.requests, "the head arrives")
        before = origin.received_bytes
        haul.stdin.write(b"second")
        haul.stdin.flush()
        poll_until(lambda: origin.received_bytes > before, "a piece arrives while the pipe is open")
        haul.stdin.close()
        assert haul.wait(10) == 0 and haul.stdout.read() == b"ok"
    finally:
        end_group(haul)
    assert arrived(origin) == [("/live", b"firstsecond")]


def test_one_large_file_goes_to_all_items_of_a_batch(batch, start_origin, large):
    origin = start_origin([SINK])
    urls = "\n".join(origin.url(f"/{i}") for i in range(30))
    run = batch("-T", large, "-c", "7", "-H", "Expect:", "-i", "-", stdin=urls).expect(0)
    assert len(run.records) == 30
    digest = hashlib.sha256(large.read_bytes()).digest()
    assert sorted(r.target for r in origin.requests) == sorted(f"/{i}" for i in range(30))
    assert all(hashlib.sha256(r.body).digest() == digest for r in origin.requests)


def test_a_pipe_is_read_once_and_sent_to_all_items_of_a_batch(start_origin):
    origin = start_origin([SINK])
    data = os.urandom(2 * MIB)
    run = subprocess.run([find_binary("haul"), "batch", "-T", "-", origin.url("/1"),
                          origin.url("/2")], input=data, env=clean_env(), capture_output=True,
                         timeout=30)
    assert run.returncode == 0, run
    assert sorted(arrived(origin)) == [("/1", data), ("/2", data)]


def test_body_and_answer_may_both_be_files(get, start_origin, large, tmp_path):
    origin = start_origin([repeat([expect_head(), send(CONTINUE), expect_body(),
                                   reply_with(lambda r: answer(r.body[::-1]))])])
    get("-T", large, "-o", tmp_path / "back", origin.url("/x")).expect(0)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()[::-1]


def test_it_arrives_over_tls_and_through_a_tunnel(get, start_origin, large, tmp_path):
    ca = CA(tmp_path)
    secure = start_origin([SINK], tls=ca.server("127.0.0.1", "localhost"))
    ports = {f"localhost:{secure.port}": secure.port}
    proxy = start_origin([repeat([expect_head(), tunnel_to(ports, TUNNEL_OPEN)])])
    get("-T", large, "--cacert", ca.path, secure.url("/1")).expect(0)
    get("-T", large, "--cacert", ca.path, "-x", proxy.url(""),
        secure.url("/2", host="localhost")).expect(0)
    assert arrived(secure) == [("/1", large.read_bytes()), ("/2", large.read_bytes())]


def test_a_slow_reader_gets_it_whole(get, start_origin, large):
    origin = start_origin([expect_head(), sleep(700), send(CONTINUE), sleep(500), expect_body(),
                           send(answer())])
    get("-T", large, origin.url("/x")).expect(0)
    assert arrived(origin) == [("/x", large.read_bytes())]


def test_a_connection_serves_again_after_it(get, start_origin, large):
    origin = start_origin([SINK])
    get("-T", large, origin.url("/1"), "-T", large, origin.url("/2")).expect(0)
    assert [r.connection for r in origin.requests] == [0, 0]


# --- answers that come before it ---

@pytest.mark.parametrize("status", ["401 No", "413 Too Large", "200 OK"])
def test_a_final_answer_saves_the_body(status, get, start_origin, large):
    origin = start_origin([expect_head(), send(answer(b"said", status)), expect_eof()])
    run = get("-T", large, "-w", "|%{http_code}|%{size_upload}", origin.url("/x")).expect(0)
    assert run.out.decode() == f"said|{status[:3]}|0"


def test_a_refusal_in_the_middle_counts_though_the_server_reads_no_more(get, start_origin, large):
    origin = start_origin([expect_head(), send(CONTINUE), sleep(50), send(answer(b"no", "413 No")),
                           sleep(300)])
    run = get("-T", large, "-w", "|%{http_code}", origin.url("/x")).expect(0)
    assert run.out.decode() == "no|413"


def test_417_is_asked_again_without_the_expectation(get, start_origin, large):
    origin = start_origin([expect_head(), send(answer(b"unread", "417 No")), expect_eof()],
                          [repeat([expect_request(), send(answer())])])
    run = get("-T", large, "-w", "|%{http_code}", origin.url("/x")).expect(0)
    assert run.out.decode() == "ok|200"
    assert [r.field("Expect") for r in origin.requests] == ["100-continue", None]
    assert origin.requests[1].body == large.read_bytes()


def test_a_pipe_survives_a_417_that_came_in_time(get, start_origin):
    origin = start_origin([expect_head(), send(answer(b"", "417 No")), expect_eof()],
                          [repeat([expect_request(), send(answer())])])
    get("-T", "-", origin.url("/x"), stdin=b"once").expect(0)
    assert origin.requests[1].body == b"once"


# --- attempts that need it again ---

def redirect(status, to):
    return answer(status=f"{status} Go", fields=(f"Location: {to}",))


@pytest.mark.parametrize("flags", [[], ["-H", "Expect:"]], ids=["expect", "at once"])
def test_a_redirect_takes_a_file_along(flags, get, start_origin, large):
    end = start_origin([SINK])
    start = start_origin([repeat([expect_request(), send(redirect(308, end.url("/end")))])])
    get("-L", "-T", large, *flags, start.url("/x")).expect(0)
    assert arrived(start) == [("/x", large.read_bytes())]
    assert arrived(end) == [("/end", large.read_bytes())]


def test_a_redirect_cannot_take_a_pipe_along_once_it_was_read(get, start_origin):
    origin = start_origin([expect_head(), send(CONTINUE), expect_body(),
                           send(redirect(307, "/end"))])
    run = get("-L", "-T", "-", origin.url("/x"), stdin=b"once").expect(55)
    assert "pipe" in run.err
    assert [r.target for r in origin.requests] == ["/x"]


def test_a_redirect_that_makes_it_a_get_needs_no_body(get, start_origin):
    origin = start_origin([expect_head(), send(CONTINUE), expect_body(), send(redirect(303, "/end")),
                           expect_request(), send(answer(b"end"))])
    run = get("-L", "-T", "-", origin.url("/x"), stdin=b"once").expect(0)
    assert run.out.decode() == "end"
    assert [(r.method, r.target) for r in origin.requests] == [("PUT", "/x"), ("GET", "/end")]


def test_a_retry_sends_a_file_from_its_beginning(batch, start_origin, large):
    origin = start_origin([expect_head(), send(CONTINUE), expect_body(), rst()],
                          [expect_head(), send(CONTINUE), expect_body(),
                           send(answer(b"", "503 Busy"))], [SINK])
    run = batch("--retry", "5", "--retry-delay", "10ms", "-T", large, origin.url("/x")).expect(0)
    assert run.record["attempts"] == 3
    assert [r.body == large.read_bytes() for r in origin.requests] == [True] * 3


def test_a_pipe_is_not_retried_once_it_was_read(get, start_origin):
    origin = start_origin([expect_head(), send(CONTINUE), expect_body(),
                           send(answer(b"busy", "503 Busy"))], [SINK])
    run = get("--retry", "5", "--retry-delay", "10ms", "-T", "-", "-w", "|%{http_code}",
              origin.url("/x"), stdin=b"once").expect(0)
    assert run.out.decode() == "busy|503" and len(origin.requests) == 1


def test_a_pipe_is_retried_before_it_was_read(get, start_origin):
    origin = start_origin([expect_head(), send(answer(b"busy", "503 Busy"))], [SINK])
    run = get("--retry", "5", "--retry-delay", "10ms", "-T", "-", origin.url("/x"),
              stdin=b"once").expect(0)
    assert run.out.decode() == "ok" and origin.requests[1].body == b"once"


def test_a_stale_connection_is_replayed_with_the_whole_file(daemon, start_origin, large):
    origin = start_origin([expect_request(), send(answer()), expect_head(), rst()], [SINK])
    run_haul("get", origin.url("/1"), daemon=daemon).expect(0)
    run_haul("get", "-T", large, origin.url("/2"), daemon=daemon).expect(0)
    assert origin.requests[-1].connection == 1
    assert origin.requests[-1].body == large.read_bytes()


# --- what goes wrong ---

def test_a_file_that_becomes_shorter_ends_its_item(daemon, start_origin, large):
    gate = threading.Event()
    origin = start_origin([expect_head(), wait_for(gate), send(CONTINUE), hang()])
    haul = spawn_haul("batch", "-T", str(large), origin.url("/x"), daemon=daemon,
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        poll_until(lambda: origin.requests, "the head arrives")
        os.truncate(large, MIB)
        gate.set()
        out, _ = haul.communicate(timeout=20)
    finally:
        end_group(haul)
    assert haul.returncode != 0
    record = json.loads(out)
    assert_fails(record, "io/send", "send")
    assert "shorter" in record["error"]["message"]


def test_the_limit_of_the_whole_item_ends_a_silent_pipe(daemon, start_origin):
    origin = start_origin([expect_head(), send(CONTINUE), hang()])
    read, write = os.pipe()
    haul = spawn_haul("get", "-m", "1", "-T", "-", origin.url("/x"), daemon=daemon, stdin=read,
                      stderr=subprocess.PIPE)
    try:
        assert haul.wait(10) == 28
    finally:
        end_group(haul)
        os.close(read)
        os.close(write)


def test_a_client_that_leaves_ends_the_reading(daemon, start_origin, until, still_serves):
    origin = start_origin([repeat([expect_head(), send(CONTINUE), hang()])])
    before = fd_count(daemon.pid)
    read, write = os.pipe()
    with Session(daemon) as session:
        session.send(profile(), batch_begin())
        session.send_with_fds(request(1, origin.url(), method=b"PUT", fd_count=1,
                                      flags=HAS_BODY | BODY_FD | EXPECT), [read])
        poll_until(lambda: origin.requests, "the head arrives")
    os.close(read)
    until(lambda: fd_count(daemon.pid) <= before, "descriptors are back")
    with pytest.raises(BrokenPipeError):
        os.write(write, b"x")
    os.close(write)


def odd_sources(folder):
    (folder / "file").write_bytes(b"kept")
    return {
        "write_only": lambda: os.open(folder / "file", os.O_WRONLY),
        "path_only": lambda: os.open(folder / "file", os.O_PATH),
        "directory": lambda: os.open(folder, os.O_RDONLY),
    }


@pytest.mark.parametrize("name", ["write_only", "path_only", "directory"])
def test_a_source_that_cannot_be_read_fails_its_item_only(name, session, start_origin, tmp_path,
                                                          still_serves):
    origin = start_origin([SINK])
    odd = odd_sources(tmp_path)[name]()
    good = os.open(tmp_path / "file", os.O_RDONLY)
    session.send(profile(), batch_begin())
    for ident, fd in ((1, odd), (2, good)):
        session.send_with_fds(request(ident, origin.url(), method=b"PUT", fd_count=1,
                                      flags=HAS_BODY | BODY_FD), [fd])
        os.close(fd)
    results = session.results(2)
    assert (results[1].fault, results[2].fault) == ("input/argument", None)
    assert arrived(origin) == [("/", b"kept")]


@pytest.mark.parametrize("flags,fd_count_said,fds,refusal", [
    (HAS_BODY | BODY_FD, 0, 0, "FDS"), (HAS_BODY | BODY_FD, 1, 0, "FDS"),
    (HAS_BODY | BODY_FD, 2, 2, "FDS"), (HAS_BODY, 1, 1, "FDS"), (BODY_FD, 1, 1, "MALFORMED"),
    (HAS_BODY | EXPECT, 0, 0, "MALFORMED"), (HAS_BODY | BODY_FD, 3, 3, "MALFORMED"),
])
def test_descriptors_and_flags_must_agree(flags, fd_count_said, fds, refusal, daemon, until,
                                          still_serves):
    before = fd_count(daemon.pid)
    passed = [os.open("/dev/null", os.O_RDONLY) for _ in range(fds)]
    with Session(daemon) as session:
        session.send(profile(), batch_begin())
        session.send_with_fds(request(1, "http://127.0.0.1:1/", fd_count=fd_count_said,
                                      flags=flags), passed)
        assert session.refusal() == refusal
    for fd in passed:
        os.close(fd)
    until(lambda: fd_count(daemon.pid) <= before, "descriptors are back")


def test_an_empty_file_and_an_endless_device(session, start_origin, tmp_path):
    origin = start_origin([repeat([expect_head(), reply_with(
        lambda r: answer(b"", "413 No") if r.target == "/endless" else answer())])])
    (tmp_path / "empty").write_bytes(b"")
    session.send(profile(), batch_begin())
    for ident, path, target in ((1, tmp_path / "empty", "/empty"), (2, "/dev/zero", "/endless")):
        fd = os.open(path, os.O_RDONLY)
        session.send_with_fds(request(ident, origin.url(target), method=b"PUT", fd_count=1,
                                      flags=HAS_BODY | BODY_FD), [fd])
        os.close(fd)
    results = session.results(2)
    assert [(results[i].fault, results[i].status) for i in (1, 2)] == [(None, 200), (None, 413)]
    asked = {r.target: r for r in origin.requests}
    assert asked["/empty"].field("Content-Length") == "0"


def test_a_descriptor_that_does_not_wait_is_waited_for(session, start_origin):
    origin = start_origin([SINK])
    read, write = os.pipe2(os.O_NONBLOCK)
    session.send(profile(), batch_begin())
    session.send_with_fds(request(1, origin.url(), method=b"PUT", fd_count=1,
                                  flags=HAS_BODY | BODY_FD), [read])
    poll_until(lambda: origin.requests, "the head arrives")
    os.write(write, b"late")
    os.close(write)
    os.close(read)
    assert session.results(1)[1].fault is None
    assert arrived(origin) == [("/", b"late")]
