"""What a run learns from its daemon about its own figures: the kernel's view of the connections, the
shortages of the daemon, and its end. Also from a daemon that is older than haul."""

import contextlib
import json
import re
import signal
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

import stream
from origin import Origin, answer, expect_request, hang, repeat, send, sleep
from support import end_group, find_binary, poll_until, run_haul, short_dir, spawn_haul

KERNEL_LINE = re.compile(r"^kernel    rtt p50 \S+s  p99 \S+s   \d+ retransmits?   "
                         r"\(TCP_INFO, (\d+) samples?\)$", re.M)


@pytest.fixture
def server(start_origin):
    return start_origin([repeat([expect_request(), send(answer())])])


@pytest.fixture(params=["bench", "batch"])
def run_of(request, daemon, tmp_path):
    """run_of(URL, ..., count=...) -> (the run, what it says to people, its report)."""
    def run(url, *args, count=5, daemon=daemon, **kwargs):
        what = ["-n", str(count), "-c", "1", url] if request.param == "bench" else [url] * count
        path = tmp_path / "report.json"
        done = run_haul(request.param, *args, "--report", path, *what, daemon=daemon, **kwargs)
        return (done, done.out.decode() if request.param == "bench" else done.err,
                json.loads(path.read_text()))

    return run


# --- the kernel ---

def test_each_answer_of_a_small_run_has_a_sample(run_of, server):
    run, text, report = run_of(server.url())
    run.expect(0)
    kernel = report["kernel"]
    assert kernel["samples"] == kernel["rtt"]["count"] == 5 and kernel["retransmits"] >= 0
    assert 1000 <= kernel["rtt"]["min_ns"] <= kernel["rtt"]["p50_ns"] < 1e9
    assert KERNEL_LINE.search(text).group(1) == "5", text


def test_a_unix_socket_has_no_samples(run_of, tmp_path):
    with short_dir() as folder, Origin([repeat([expect_request(), send(answer())])],
                                       unix_path=folder / "up") as origin:
        run, text, report = run_of("http://a/", "--unix-socket", folder / "up")
    run.expect(0)
    assert len(origin.requests) == 5
    assert report["kernel"]["samples"] == 0 and "kernel" not in text


def test_a_result_tells_its_connection(session, origin):
    session.send(stream.profile(), stream.batch_begin(), stream.request(1, origin.url()))
    assert 0 < session.results(1)[1].rtt_us < 1_000_000


# --- its shortages ---

@pytest.mark.parametrize("plan,is_suspect", [("recv:1+:-105", True), ("recv:2:-105", False)])
def test_a_shortage_of_buffers_makes_a_run_suspect(plan, is_suspect, run_of, server, monkeypatch):
    """All receives, or one of two thousand."""
    if b"HAULD_FAULTS" not in Path(find_binary("hauld")).read_bytes():
        pytest.skip("this build reads no fault plan")
    monkeypatch.setenv("HAULD_FAULTS", plan)
    run, text, report = run_of(server.url(), count=20 if is_suspect else 2000, daemon=None)
    run.expect(0)
    reasons = [r for r in report["verdict"]["reasons"] if "had to wait for a buffer" in r]
    assert bool(reasons) == is_suspect, text
    if is_suspect:
        assert report["verdict"]["state"] == "SUSPECT"
        assert re.fullmatch(r"(\d+) of the daemon's \1 receives had to wait for a buffer", reasons[0])
        assert "SUSPECT: " + reasons[0] in text


def test_a_batch_is_told_of_what_happened_while_it_lasted(session, origin):
    for batch in (1, 2):
        session.send(stream.profile(batch), stream.batch_begin(batch),
                     *[stream.request(i, origin.url(), batch=batch, profile=batch)
                       for i in range(3)],
                     stream.batch_end(batch))
        done = session.frames_until(stream.BATCH_DONE)[-1]
        assert done.counts == (3, 3, 0, 0)
        receives, starved, overflows, lost = done.ring_counts
        assert 3 <= receives <= 20 and starved == overflows == lost == 0


# --- its end ---

@pytest.mark.parametrize("how,flags,code", [("kill", [], 1), ("kill", ["--strict"], 3),
                                            ("stop", ["--strict"], 3)])
def test_a_bench_whose_daemon_goes_away_is_invalid(how, flags, code, start_daemon, start_origin):
    daemon = start_daemon()
    origin = start_origin([repeat([expect_request(), sleep(20), send(answer())])])
    haul = spawn_haul("bench", "-c", "2", "-d", "60s", *flags, origin.url(), daemon=daemon)
    try:
        poll_until(lambda: len(origin.requests) > 10, "it runs")
        daemon.kill() if how == "kill" else daemon.process.send_signal(signal.SIGTERM)
        out, err = haul.communicate(timeout=20)
    finally:
        end_group(haul)
        if how == "kill":
            daemon.process.returncode = 0  # it was we who ended it
    assert haul.returncode == code, (out, err)
    assert b"verdict   INVALID: the daemon went away" in out
    assert b"status 200" in out


def test_a_batch_whose_daemon_goes_away_is_invalid(start_daemon, start_origin):
    daemon = start_daemon()
    origin = start_origin([expect_request(), send(answer()), expect_request(), hang()])
    haul = spawn_haul("batch", "-c", "1", origin.url("/1"), origin.url("/2"), daemon=daemon)
    try:
        poll_until(lambda: len(origin.requests) == 2, "the second request")
        daemon.kill()
        _, err = haul.communicate(timeout=20)
    finally:
        end_group(haul)
        daemon.process.returncode = 0
    assert haul.returncode == 1
    assert b"verdict INVALID: the daemon went away" in err


class OldDaemon:
    """Answers each REQUEST with a RESULT as it was before it grew; done says what becomes of the
    BATCH_END."""

    def __init__(self, folder, done):
        self.socket, self.done = str(folder / "old.sock"), done
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @staticmethod
    def result(ident):
        fixed = struct.pack("<IHBBiHBBHHHBB16s4Q", 192, 0, 0, 16, 0, 200, 1, 1, 1, 0, 80, 4, 0,
                            b"\x7f\0\0\1", 2, 2, 1, time.monotonic_ns())
        fixed += struct.pack("<8Q56x", *range(1, 9))  # from queued_ns to delivered_ns
        assert len(fixed) == 192
        return stream.frame(stream.RESULT, ident, fixed)

    def serve(self):
        sock, _ = self.listener.accept()
        with sock:
            heard = b""
            while b"\0" not in heard:
                heard += sock.recv(4096)
            heard = heard.partition(b"\0")[2]
            sock.sendall(b'{"parameters":{"version":1,"features":[],"slots":64,'
                         b'"body_window":1048576,"frame_bytes_max":1048576}}\0')
            while True:
                while len(heard) < 16 or len(heard) < struct.unpack_from("<I", heard)[0]:
                    data = sock.recv(4096)
                    if not data:
                        return
                    heard += data
                length, kind, _, _, ident = struct.unpack_from("<IBBHQ", heard)
                heard = heard[length:]
                if kind == stream.REQUEST:
                    sock.sendall(self.result(ident))
                elif kind == stream.BATCH_END and self.done == "short":
                    sock.sendall(stream.frame(stream.BATCH_DONE, ident, struct.pack(
                        "<II6Q", 56, 0, 5, 5, 0, 0, 1, 4)))
                elif kind == stream.BATCH_END and self.done == "leaves":
                    return

    def close(self):
        self.listener.close()
        self.thread.join(10)


@pytest.mark.parametrize("done", ["short", "leaves"])
def test_an_older_daemon_or_one_that_leaves_at_the_end_is_fine(done, run_of):
    with short_dir() as folder, contextlib.closing(OldDaemon(folder, done)) as daemon:
        run, text, report = run_of("http://127.0.0.1/", daemon=daemon)
    run.expect(0)
    assert report["summary"]["ok"] == 5 and report["kernel"]["samples"] == 0
    assert not [r for r in report["verdict"]["reasons"] if "daemon" in r], text


def test_a_bench_does_not_wait_for_ever_for_the_end_of_its_batch():
    with short_dir() as folder, contextlib.closing(OldDaemon(folder, "never")) as daemon:
        run = run_haul("bench", "-n", "5", "-c", "1", "http://127.0.0.1/", daemon=daemon)
    run.expect(1)
    assert "verdict   INVALID: the daemon went away" in run.out.decode()
    assert 5 < run.seconds < 15
