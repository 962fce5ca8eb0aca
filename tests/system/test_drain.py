"""M01: how hauld ends. What was admitted may finish, nothing new gets in, and the time is bounded."""

import os
import signal
import subprocess
import threading
import time

import pytest

from origin import answer, expect_request, repeat, reply_with
from support import (WAIT_S, clean_env, end_group, find_binary, poll_until, run_haul,
                     spawn_haul)
from stream import (BATCH_DONE, GOAWAY, PONG, RESULT, Session, batch_begin, batch_end, ping, profile,
                    request)


@pytest.fixture
def gate():
    """Holds back the answers of paths with 'held' until it is set."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def held(start_origin, gate):
    def reply(call):
        if "held" in call.target:
            gate.wait(WAIT_S)
        return answer()
    return start_origin([repeat([expect_request(), reply_with(reply)])])


def arrived(origin, count):
    poll_until(lambda: len(origin.requests) >= count, f"{count} requests are at the origin")


def ends(process):
    try:
        out, err = process.communicate(timeout=WAIT_S)
        return process.returncode, out.decode(), err.decode()
    finally:
        end_group(process)


def test_what_runs_is_finished_and_what_waits_too(start_daemon, held, gate):
    daemon = start_daemon()
    haul = spawn_haul("batch", "-c", "2", "-i", "-", daemon=daemon, stdin=subprocess.PIPE)
    haul.stdin.write("".join(held.url(f"/held{i}\n") for i in range(6)).encode())
    haul.stdin.close()
    haul.stdin = None
    arrived(held, 2)
    daemon.process.send_signal(signal.SIGTERM)
    poll_until(lambda: "draining" in daemon.log(), "it drains")
    assert daemon.is_alive()
    gate.set()
    code, out, err = ends(haul)
    assert code == 0 and out.count('"ok":true') == 6, (out, err)
    assert daemon.process.wait(WAIT_S) == 0


def test_new_items_are_refused_and_new_clients_find_nobody(start_daemon, held, gate):
    daemon = start_daemon()
    with Session(daemon) as session:
        session.send(profile(), batch_begin(1), request(1, held.url("/held")))
        arrived(held, 1)
        daemon.process.send_signal(signal.SIGTERM)
        session.frames_until(GOAWAY)
        session.send(request(2, held.url("/late")))
        refused = session.frames_until(RESULT)[-1]
        assert (refused.id, refused.fault) == (2, "admission/draining")
        run = run_haul("ping", daemon=daemon).expect(4)
        assert "start hauld" in run.err and run.seconds < 4, run
        session.send(batch_end(1))
        gate.set()
        frames = session.frames_until(BATCH_DONE)
        assert [(f.id, f.fault) for f in frames if f.kind == RESULT] == [(1, None)]
        assert session.is_closed()
    assert daemon.process.wait(WAIT_S) == 0


def test_what_takes_too_long_is_cancelled_at_the_end_of_its_time(start_daemon, held):
    daemon = start_daemon(config="DrainTime=300ms\n")
    haul = spawn_haul("batch", held.url("/held"), held.url("/quick"), daemon=daemon)
    arrived(held, 2)
    began = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    code, out, err = ends(haul)
    assert code == 1 and '"code":"daemon"' in out and '"ok":true' in out, (out, err)
    assert daemon.process.wait(WAIT_S) == 0
    assert time.monotonic() - began >= 0.3
    assert "1 items were not done within DrainTime=" in daemon.log()


def test_a_second_sigterm_does_not_wait(start_daemon, held):
    daemon = start_daemon()
    haul = spawn_haul("batch", held.url("/held"), daemon=daemon)
    arrived(held, 1)
    for _ in range(2):
        daemon.process.send_signal(signal.SIGTERM)
        poll_until(lambda: "draining" in daemon.log(), "it drains")
    code, out, err = ends(haul)
    assert code == 1 and '"domain":"cancelled","code":"daemon"' in out, (out, err)
    assert daemon.process.wait(WAIT_S) == 0


def test_clients_that_only_listen_do_not_hold_it(start_daemon):
    daemon = start_daemon()
    with daemon.connect() as silent, Session(daemon) as open_batch:
        open_batch.send(profile(), batch_begin(1))
        open_batch.send(ping())
        open_batch.frames_until(PONG)
        daemon.process.send_signal(signal.SIGTERM)
        assert silent.recv(1) == b""
        assert daemon.process.wait(WAIT_S) == 0


def test_its_successor_keeps_the_socket(start_daemon, held, gate, origin):
    """It takes the path over while the first one still has something to finish."""
    first = start_daemon()
    haul = spawn_haul("get", held.url("/held"), daemon=first)
    arrived(held, 1)
    first.process.send_signal(signal.SIGTERM)
    poll_until(lambda: not os.path.exists(first.socket), "the first has left its place")
    second = subprocess.Popen([find_binary("hauld"), "--socket", first.socket],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean_env(),
                              start_new_session=True)
    try:
        poll_until(lambda: os.path.exists(first.socket), "the second is there")
        gate.set()
        assert ends(haul)[0] == 0
        assert first.process.wait(WAIT_S) == 0
        run_haul("get", origin.url(), daemon=first).expect(0)
    finally:
        end_group(second)
        second.stderr.close()


def test_no_reload_while_it_drains(start_daemon, held):
    daemon = start_daemon()
    haul = spawn_haul("get", held.url("/held"), daemon=daemon)
    arrived(held, 1)
    daemon.process.send_signal(signal.SIGTERM)
    poll_until(lambda: "draining" in daemon.log(), "it drains")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.process.send_signal(signal.SIGTERM)
    ends(haul)
    assert daemon.process.wait(WAIT_S) == 0
    assert "reloaded" not in daemon.log()
