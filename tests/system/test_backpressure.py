"""A slow or silent reader stops only itself, and what ends for it is still told.

The bounds under test: the body window, the unread output, the limits of time that run meanwhile.
"""

import struct
import time

import stream
from origin import answer, expect_request, hang, repeat, send, sleep
from stream import Session
from support import WAIT_S, assert_fails, end_group, spawn_haul

MIB = 1 << 20
WINDOW = 4 * MIB


def stuff_window(session, url, items=1):
    """Asks for bodies and gives no credit until the window is used up; how many have ended."""
    session.send(stream.profile(1, stream.TO_DATA), stream.batch_begin(1),
                 *(stream.request(i, url) for i in range(1, items + 1)))
    taken = ended = 0
    while taken < WINDOW - 256 * 1024:
        frame = session.frame()
        taken += len(frame.payload) if frame.kind == stream.DATA else 0
        ended += frame.kind == stream.RESULT
    return ended


def test_a_cancel_is_answered_while_the_window_is_used_up(session, start_origin):
    origin = start_origin([expect_request(), send(answer(b"x" * 16 * MIB))])
    stuff_window(session, origin.url())
    time.sleep(0.3)
    session.send(stream.cancel(1))
    frames = session.frames_until(stream.RESULT)
    assert frames[-1].fault == "cancelled/client"


def test_a_cancel_is_answered_when_only_its_delivery_is_left(session, start_origin):
    origin = start_origin([repeat((expect_request(), send(answer(b"x" * 200000))))])
    ended = stuff_window(session, origin.url(), items=40)
    time.sleep(0.3)
    session.send(stream.cancel(1, batch=True))
    results = session.results(40 - ended)
    assert {r.fault for r in results.values()} <= {None, "cancelled/client"}


def test_an_item_without_window_ends_as_slow(start_daemon, start_origin):
    daemon = start_daemon(config="SinkTimeout = 500ms\n")
    origin = start_origin([expect_request(), send(answer(b"x" * 16 * MIB))])
    with Session(daemon) as session:
        stuff_window(session, origin.url())
        start = time.monotonic()
        frames = session.frames_until(stream.RESULT)
        assert frames[-1].fault == "sink/slow"
        assert time.monotonic() - start < 2


def test_a_reader_that_is_slow_but_steady_is_not_cut(start_daemon, start_origin):
    daemon = start_daemon(config="SlowReaderTimeout = 1s\nSinkTimeout = 60s\n")
    origin = start_origin([expect_request(), send(answer(b"x" * 3 * MIB))])
    with Session(daemon) as session:
        session.send(stream.profile(1, stream.TO_DATA), stream.batch_begin(1),
                     stream.request(1, origin.url()))
        got = 0
        while got < 3 * MIB:
            piece = session.sock.recv(64 * 1024)
            assert piece, f"cut after {got} bytes"
            got += len(piece)
            time.sleep(0.08)


def results_taken(session, rest, count):
    """Sends the rest and reads results as they come; how many, at most count."""
    session.sock.setblocking(False)
    taken, deadline = 0, time.monotonic() + 20
    while taken < count and time.monotonic() < deadline:
        try:
            rest = rest[session.sock.send(rest[:100000]):] if rest else rest
        except BlockingIOError:
            pass
        try:
            session.fill()
        except BlockingIOError:
            time.sleep(0.001)
        while len(session.unread) >= 16:
            length, kind = struct.unpack_from("<IB", session.unread)
            if len(session.unread) < length:
                break
            assert kind == stream.RESULT, kind
            session.unread = session.unread[length:]
            taken += 1
    return taken


def test_half_a_frame_that_we_do_not_read_is_not_the_clients_fault(start_daemon):
    daemon = start_daemon(config="FrameTimeout = 500ms\n")
    with Session(daemon) as session:
        session.send(stream.profile(1), stream.batch_begin(1))
        frames = b"".join(stream.request(i, "ftp://h/" + "x" * 50) for i in range(1, 60001))
        session.sock.settimeout(0.5)
        try:
            while frames:
                frames = frames[session.sock.send(frames[:100001]):]
        except TimeoutError:
            pass
        assert frames, "the daemon should have stopped reading"
        time.sleep(1.5)
        assert results_taken(session, frames, 60000) == 60000


def test_the_idle_limit_holds_after_a_late_first_byte(batch, start_origin):
    origin = start_origin([expect_request(), sleep(900), send(b"HTTP/1.1 200 OK\r\n"), hang()])
    start = time.monotonic()
    record = batch("--ttfb-timeout", "20s", "--idle-timeout", "400ms", origin.url()).expect(1).record
    assert_fails(record, "timeout/idle")
    assert time.monotonic() - start < 4


def test_a_plan_for_the_end_of_time_is_kept(session, origin):
    session.send(stream.profile(1, total_s=5), stream.batch_begin(1),
                 *(stream.request(i, origin.url(), planned_ns=(1 << 64) - i) for i in (1, 2, 3)))
    time.sleep(0.1)
    session.send(stream.ping(7))
    assert session.frame().kind == stream.PONG
    session.send(stream.cancel(1, batch=True))
    assert {r.fault for r in session.results(3).values()} == {"cancelled/client"}


def test_a_steady_slow_reader_of_get_is_no_slow_sink(start_daemon, start_origin):
    """40 ms for 32 KiB: a quarter of the window takes longer than the sink's limit."""
    daemon = start_daemon(config="SinkTimeout = 1s\n")
    size = 6 << 20
    origin = start_origin([expect_request(), send(answer(b"x" * size))])
    process = spawn_haul("get", origin.url(), daemon=daemon)
    total, until_s = 0, time.monotonic() + 4
    try:
        while piece := process.stdout.read1(1 << 15):
            total += len(piece)
            if time.monotonic() < until_s:
                time.sleep(0.04)
        assert (process.wait(WAIT_S), total) == (0, size)
    finally:
        end_group(process)
        process.stdout.close()
        process.stderr.close()
