"""CASES I: clients that break the protocol, stall or vanish. The session pays for it, never the
daemon and never another session. Descriptors: test_descriptors.py."""

import select
import socket
import struct
import subprocess
import sys
import time

import pytest

import stream
from origin import answer, expect_request, hang, send
from stream import (OF_PROFILE, TO_DATA, TO_FD, Session, batch_begin, batch_end, credit, frame,
                    ping, profile, request)
from support import TOP, fd_count, is_sanitized, run_haul, status_kib

SETUP = profile() + batch_begin()


# --- Varlink

def test_describes_itself(daemon):
    with Session(daemon, upgrade=False) as session:
        info = session.call("org.varlink.service.GetInfo")["parameters"]
        assert {"org.varlink.service", "io.haul.Stream", "io.haul.Manager"} <= set(
            info["interfaces"])
        text = session.call("org.varlink.service.GetInterfaceDescription",
                            {"interface": "io.haul.Stream"})["parameters"]["description"]
        assert "method Open" in text
        assert "parameters" in session.call("io.haul.Manager.Describe")


@pytest.mark.parametrize("method,error", [
    ("io.haul.Nothing.Open", "org.varlink.service.InterfaceNotFound"),
    ("io.haul.Stream.Nothing", "org.varlink.service.MethodNotFound"),
    ("Nothing", "org.varlink.service."),
])
def test_answers_unknown_methods_and_stays_open(method, error, daemon):
    with Session(daemon, upgrade=False) as session:
        assert session.call(method)["error"].startswith(error)
        assert "parameters" in session.call("org.varlink.service.GetInfo")


@pytest.mark.parametrize("parameters,more,error", [
    ({"version": 1, "features": []}, {}, "io.haul.Stream.UpgradeRequired"),
    ({"version": 0, "features": []}, {"upgrade": True}, ""),
    ({"version": "1", "features": []}, {"upgrade": True},
     "org.varlink.service.InvalidParameter"),
], ids=["no_upgrade", "version_0", "version_as_text"])
def test_a_refused_open_leaves_the_connection_varlink(parameters, more, error, daemon):
    with Session(daemon, upgrade=False) as session:
        assert session.call("io.haul.Stream.Open", parameters, **more)["error"].startswith(error)
        assert session.open()["version"] == 1


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\n\r\n\0", b"[]\0", b"{}\0", b"\0", b"{\"method\":1}\0",
    b"[" * 1000 + b"\0", b"{\"method\":\"a.b\",\"parameters\":" + b"[" * 40 + b"]" * 40 + b"}\0",
    b"x" * (1 << 20) + b"x", b"\xff\xfe\0",
], ids=["http", "array", "no_method", "empty", "method_1", "deep", "deep_parameters", "too_long",
        "not_utf8"])
def test_closes_what_is_not_varlink(data, daemon, still_serves):
    with Session(daemon, upgrade=False) as session:
        try:
            session.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert session.is_closed()


def test_reads_a_call_byte_by_byte_and_calls_in_one_write(daemon):
    call = b'{"method":"org.varlink.service.GetInfo"}\0'
    with Session(daemon, upgrade=False) as session:
        for at in range(len(call)):
            session.send(call[at:at + 1])
        session.send(call * 50)
        for _ in range(51):
            assert "parameters" in session.reply()


# --- I02, I03, I12: bytes that are refused

REFUSED = {
    # name: (bytes, error)
    "length_4_GiB": (frame(stream.PING, 1, length=0xFFFFFFFF), "MALFORMED"),
    "length_0": (frame(stream.PING, 1, length=0), "MALFORMED"),
    "length_8": (frame(stream.PING, 1, length=8), "MALFORMED"),
    "length_17": (frame(stream.PING, 1, length=17) + bytes(8), "MALFORMED"),
    "length_above_1_MiB": (frame(stream.PING, 1, length=(1 << 20) + 8), "MALFORMED"),
    "type_0": (frame(0, 1), "TYPE"),
    "type_99": (frame(99, 1), "TYPE"),
    "a_result_from_a_client": (frame(stream.RESULT, 1, bytes(160)), "TYPE"),
    "flag_of_ping": (frame(stream.PING, 1, flags=1), "RESERVED"),
    "flag_of_cancel": (frame(stream.CANCEL, 1, flags=4), "RESERVED"),
    "reserved_of_profile": (profile(reserved=1), "RESERVED"),
    "profile_too_short": (frame(stream.PROFILE, 1, struct.pack("<I", 80)), "MALFORMED"),
    "fixed_part_shorter_than_ours": (frame(stream.BATCH_BEGIN, 1, struct.pack("<4I", 8, 0, 0, 0)),
                                     "MALFORMED"),
    "fixed_part_beyond_the_frame": (frame(stream.BATCH_BEGIN, 1, struct.pack("<4I", 999, 0, 0, 0)),
                                    "MALFORMED"),
    "url_beyond_the_frame": (SETUP + request(1, "http://a/", url_bytes=5000), "MALFORMED"),
    "url_of_4_GiB": (SETUP + request(1, "http://a/", url_bytes=0xFFFFFFFF), "MALFORMED"),
    "sum_of_lengths_wraps": (SETUP + request(1, "http://a/", url_bytes=0xFFFFFFF0,
                                             header_bytes=0x20), "MALFORMED"),
    "fields_do_not_fill_their_bytes": (SETUP + request(1, "http://a/", header_count=3),
                                       "MALFORMED"),
    "count_times_size_overflows": (profile(header_count=0xFFFF, headers=b"\xff" * 64),
                                   ("MALFORMED", "LIMIT")),
    "unknown_batch": (profile() + request(1, "http://a/", batch=9), "UNKNOWN_ID"),
    "unknown_profile": (batch_begin() + request(1, "http://a/", profile=9), "UNKNOWN_ID"),
    "request_after_the_end": (SETUP + batch_end() + request(1, "http://127.0.0.1:1/"),
                              "UNKNOWN_ID"),
    "batch_twice": (SETUP + batch_begin(), "DUPLICATE"),
    "batches_without_end": (b"".join(batch_begin(i) for i in range(300)), "LIMIT"),
    "profiles_without_end": (b"".join(profile(i) for i in range(300)), "LIMIT"),
    "descriptor_missing": (SETUP + request(1, "http://a/", body_mode=TO_FD, fd_count=1), "FDS"),
    "descriptor_not_declared": (SETUP + request(1, "http://a/", body_mode=TO_FD),
                                ("FDS", "MALFORMED")),
    "descriptor_of_a_ping": (frame(stream.PING, 1, fd_count=1), "FDS"),
    "body_mode_7": (SETUP + request(1, "http://a/", body_mode=7), ("MALFORMED", "RESERVED")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_a_broken_frame_and_closes(name, session, still_serves):
    data, error = REFUSED[name]
    try:
        session.send(data)
        session.sock.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it closed while we wrote: what it said is still to be read
    assert session.refusal() in error


def test_refuses_an_item_id_that_is_live(session, start_origin, still_serves):
    origin = start_origin([expect_request(), hang()])
    session.send(SETUP, request(7, origin.url()), request(7, origin.url()))
    assert session.refusal() == "DUPLICATE"


def test_an_item_id_is_free_again_after_its_result(session, origin):
    session.send(SETUP)
    for _ in range(3):
        session.send(request(7, origin.url()))
        assert session.results(1)[7].status == 200


def test_never_allocates_by_a_claimed_length(start_daemon):
    daemon = start_daemon()
    before = status_kib(daemon.pid, "VmRSS")
    sessions = [Session(daemon) for _ in range(50)]
    for session in sessions:
        session.send(frame(stream.REQUEST, 1, length=1 << 20))  # 16 bytes of 1 MiB
    with Session(daemon) as probe:
        probe.send(ping(5))
        assert probe.frame().id == 5
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmRSS") - before < 8 << 10
    for session in sessions:
        session.close()


def test_skips_what_a_newer_client_adds(session, origin):
    url = origin.url().encode()
    fixed = struct.pack("<IIQQQQIIIHBB", 64, 0, 1, 1, 0, 0, len(url), 0, 0, 0, 0, OF_PROFILE)
    session.send(SETUP, frame(stream.REQUEST, 1, fixed + b"NEWFIELD" + url + b"a newer part"))
    assert session.results(1)[1].status == 200


# --- I01, I04, I06: time and segmentation

def test_gives_half_a_frame_ten_seconds_or_what_is_configured(start_daemon):
    daemon = start_daemon(config="FrameTimeout=300ms\n")
    for opening in (ping(1)[:7], SETUP + request(1, "http://a/")[:40]):
        with Session(daemon) as session:
            session.send(opening)
            start = time.monotonic()
            assert session.refusal() == "TIMEOUT"
            assert 0.2 < time.monotonic() - start < 2


def test_a_byte_now_and_then_does_not_extend_the_time_of_a_frame(start_daemon):
    daemon = start_daemon(config="FrameTimeout=400ms\n")
    with Session(daemon) as session:
        start = time.monotonic()
        with pytest.raises((BrokenPipeError, ConnectionResetError, AssertionError)):
            for byte in request(1, "http://a/") * 2:
                session.send(bytes([byte]))
                time.sleep(0.05)
                assert time.monotonic() - start < 3, "still open"
        assert time.monotonic() - start < 3


def test_half_a_varlink_message_has_its_time_too(start_daemon):
    daemon = start_daemon(config="FrameTimeout=300ms\n")
    with Session(daemon, upgrade=False) as session:
        session.send(b'{"method":')
        assert session.is_closed()


def test_an_idle_session_may_be_silent_for_longer_than_a_frame(start_daemon):
    daemon = start_daemon(config="FrameTimeout=200ms\n")
    with Session(daemon) as session:
        time.sleep(0.5)
        session.send(ping(3))
        assert session.frame().id == 3


@pytest.mark.parametrize("how", ["at_once", "byte_by_byte"])
def test_frames_mean_the_same_however_they_are_cut(how, session, origin):
    data = SETUP + b"".join(request(i, origin.url(f"/{i}")) for i in range(20)) + batch_end()
    if how == "at_once":
        session.send(data)
    else:
        for at in range(len(data)):
            session.send(data[at:at + 1])
    frames = session.frames_until(stream.BATCH_DONE)
    assert sorted(f.id for f in frames if f.kind == stream.RESULT) == list(range(20))
    assert frames[-1].counts == (20, 20, 0, 0)


def test_a_thousand_frames_in_one_write(session):
    session.send(b"".join(ping(i) for i in range(1000)))
    assert [session.frame().id for _ in range(1000)] == list(range(1000))


def test_half_close_still_gets_the_results(session, origin):
    session.send(SETUP, *(request(i, origin.url()) for i in range(5)))
    session.sock.shutdown(socket.SHUT_WR)
    frames = session.frames_until(stream.BATCH_DONE)
    assert frames[-1].counts == (5, 5, 0, 0)


def test_a_client_that_leaves_cancels_its_batch_within_a_second(daemon, start_origin, until):
    origin = start_origin([expect_request(), hang()])
    baseline = fd_count(daemon.pid)
    session = Session(daemon)
    session.send(profile(), batch_begin(concurrency=8, max_per_origin=8),
                 *(request(i, origin.url()) for i in range(40)))
    until(lambda: len(origin.requests) == 8, "eight are in progress")
    session.close()
    until(lambda: origin.open_connections == 0, "its connections are closed", within_s=1)
    until(lambda: fd_count(daemon.pid) <= baseline, "descriptors are back", within_s=2)
    assert len(origin.requests) == 8


def test_a_client_that_resets_its_connection_costs_nothing(daemon, start_origin, until):
    """Closing with unread data is what a reset is on a Unix socket."""
    origin = start_origin([expect_request(), hang()])
    session = Session(daemon)
    session.send(SETUP, b"".join(ping(i) for i in range(500)), request(1, origin.url()))
    until(lambda: origin.requests, "the request has come")
    session.close()
    until(lambda: origin.open_connections == 0, "its connection is closed", within_s=1)


def test_cancel_of_an_item_and_of_a_batch(session, start_origin, until):
    origin = start_origin([expect_request(), hang()])
    session.send(SETUP, *(request(i, origin.url()) for i in range(4)))
    until(lambda: len(origin.requests) == 4, "all are in progress")
    session.send(frame(stream.CANCEL, 2))
    assert session.results(1)[2].fault == "cancelled/client"
    session.send(frame(stream.CANCEL, 2), frame(stream.CANCEL, 99))  # late, unknown: no effect
    session.send(frame(stream.CANCEL, 1, flags=1), batch_end())
    frames = session.frames_until(stream.BATCH_DONE)
    assert {f.id: f.fault for f in frames if f.kind == stream.RESULT} == {
        i: "cancelled/client" for i in (0, 1, 3)}
    assert frames[-1].counts == (4, 0, 4, 4)


# --- I05: a client that does not read

def test_a_client_that_never_reads_is_cut_and_disturbs_nobody(start_daemon, origin, until):
    daemon = start_daemon(config="SlowReaderTimeout=1s\n")
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    before = status_kib(daemon.pid, "VmRSS")
    session = Session(daemon)
    session.sock.settimeout(0.2)
    requests = [request(i, "http://127.0.0.1:0/") for i in range(65536)]
    try:
        session.send(SETUP)
        for at in range(0, len(requests), 64):
            session.send(*requests[at:at + 64])
    except (socket.timeout, BrokenPipeError, ConnectionResetError):
        pass  # its own back-pressure, or cut already
    assert run_haul("get", origin.url(), daemon=daemon).expect(0).seconds < 2
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmRSS") - before < 64 << 10
    until(lambda: has_hung_up(session), "the session is cut", within_s=8)
    session.close()


def has_hung_up(session):
    """Whether the daemon has closed; asked without reading the results."""
    poller = select.poll()
    poller.register(session.sock, 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poller.poll(0))


def test_the_body_window_bounds_what_is_sent_unasked(session, start_origin):
    body = b"x" * (8 << 20)
    origin = start_origin([expect_request(), send(answer(body))])
    session.send(profile(body_mode=TO_DATA), batch_begin(), request(1, origin.url()))
    window, got = session.grants["body_window"], 0
    session.sock.settimeout(0.5)
    with pytest.raises(socket.timeout):
        while True:
            one = session.frame()
            assert one.kind == stream.DATA
            got += len(one.payload)
    assert window * 0.5 <= got <= window
    session.sock.settimeout(10)
    session.send(credit(got))
    total = got
    while (one := session.frame()).kind == stream.DATA:
        total += len(one.payload)
        session.send(credit(len(one.payload)))
    assert (one.kind, one.fault, one.status) == (stream.RESULT, None, 200)
    assert total >= len(body)


# --- I13, and the client in examples/

def test_a_million_items_cost_no_more_memory_than_their_slots(start_daemon):
    """Through haul: the list is never held, by neither side."""
    count = 20000 if is_sanitized() else 1000000
    daemon = start_daemon()
    lines = b"http://127.0.0.1:0/\n" * count  # refused before any I/O
    run = run_haul("batch", "--records", "none", "-i", "-", daemon=daemon, stdin=lines)
    assert run.code == 1, run
    assert f"{count} items" in run.err
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmHWM") < 200 << 10


def test_more_requests_than_slots_are_refused(session, start_origin):
    origin = start_origin([expect_request(), hang()])
    slots = session.grants["slots"]
    one = origin.url()
    try:
        session.send(profile(), batch_begin(concurrency=1))
        for at in range(0, slots + 1, 1024):
            session.send(*(request(i, one) for i in range(at, min(at + 1024, slots + 1))))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert session.refusal() == "SLOTS"


def test_the_python_client_of_the_examples_fetches_a_url(daemon, origin):
    client = TOP / "examples" / "haul_client.py"
    if not client.exists():
        pytest.skip("examples/haul_client.py is not here yet")
    done = subprocess.run([sys.executable, "-I", str(client), "--socket", daemon.socket,
                           origin.url("/from-python")], capture_output=True, timeout=20)
    assert done.returncode == 0, done
    assert b"ok" in done.stdout
    assert origin.targets() == ["/from-python"]
