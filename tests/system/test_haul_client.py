"""The reference client against a daemon that says what PROTOCOL.md says, byte for byte.

It needs no build: the frames are the page's own examples, so the client is tested against the
specification before it is tested against the daemon (test_protocol.py does that).
"""

import pathlib
import socket
import subprocess
import sys
import threading

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "examples"))
import haul_client  # noqa: E402

URL = "http://127.0.0.1:8080/a"
INFO = b'{"parameters":{"product":"hauld","interfaces":["io.haul.Stream"]}}\0'
REFUSAL = b'{"error":"io.haul.Stream.VersionMismatch","parameters":{"version":2}}\0'


def examples():
    """The bytes of the hex blocks of the page, by (info, heading), in order."""
    found, heading, block = {}, None, None
    for line in (TOP / "proto" / "PROTOCOL.md").read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("```hex "):
            block = found.setdefault((line[7:], heading), [])
            block.append(b"")
        elif line.startswith("```"):
            block = None
        elif block is not None:
            block[-1] += bytes.fromhex(line.split("#")[0])
    return found


PAGE = examples()
OPENED = PAGE["varlink", "The upgrade"][1]
HEAD = PAGE["daemon", "HEAD"][0]
DATA = PAGE["daemon", "DATA"][0][:32]
RESTART = PAGE["daemon", "DATA"][0][32:]
RESULT, REFUSED = PAGE["daemon", "RESULT"]
DONE, PONG = PAGE["daemon", "BATCH_DONE"][0], PAGE["daemon", "PONG"][0]
GOAWAY, ERROR = PAGE["daemon", "GOAWAY"][0], PAGE["daemon", "ERROR"][0]
CREDIT = PAGE["daemon", "CREDIT"][0]


def of_item_1(frames):
    """The examples are about items 7 and 8; the client's own is 1."""
    return frames[:8] + (1).to_bytes(8, "little") + frames[16:]


def of_batch_1(*frames):
    return b"".join(of_item_1(one) for one in frames)


class Daemon:
    """Answers GetInfo and Open, then says what it is given, so many bytes at a time."""

    def __init__(self, path, script, piece, opened=OPENED):
        self.script, self.piece, self.opened = script, piece, opened
        self.heard = b""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def say(self, sock, data):
        for at in range(0, len(data), self.piece):
            sock.sendall(data[at:at + self.piece])

    def serve(self):
        sock, _ = self.listener.accept()
        with sock:
            for answer in (INFO, self.opened):
                while b"\0" not in self.heard:
                    self.heard += sock.recv(4096)
                self.heard = self.heard.partition(b"\0")[2]
                self.say(sock, answer)
            try:
                while len(self.heard) < 4 * 16:
                    data = sock.recv(4096)
                    if not data:
                        return
                    self.heard += data
                self.say(sock, self.script)
                sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(4096):
                    self.heard += data
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client had its own reason to leave

    def frames(self):
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.listener.close()
        heard, frames = self.heard, []
        while heard:
            length = int.from_bytes(heard[:4], "little")
            frames.append(heard[:length])
            heard = heard[length:]
        return frames


@pytest.fixture
def daemon(tmp_path):
    def start(script, piece=1 << 16, opened=OPENED):
        return Daemon(tmp_path / "sock", script, piece, opened)
    return start


def run_client(tmp_path, *more):
    command = [sys.executable, "-I", str(TOP / "examples" / "haul_client.py"), *more]
    return subprocess.run([*command, "--socket", str(tmp_path / "sock"), URL],
                          capture_output=True, timeout=20)


WHOLE = of_batch_1(HEAD, DATA, RESULT) + DONE


@pytest.mark.parametrize("piece", [1, 7, 16, 1 << 16])
def test_prints_head_and_body_however_the_bytes_arrive(piece, daemon, tmp_path):
    daemon(WHOLE, piece)
    done = run_client(tmp_path)
    assert (done.returncode, done.stdout) == (0, b"hi\n")
    assert done.stderr == b"HTTP/1.1 200 OK\nContent-Type: text/plain\n\n"


def test_sends_the_frames_of_the_page(daemon, tmp_path):
    peer = daemon(WHOLE)
    assert run_client(tmp_path, "-H", "Accept: */*", "--max-time", "10").returncode == 0
    profile, begin, request, end = peer.frames()
    example = PAGE["client", "Pin"][0]  # the first has no pin
    assert profile[:32] == example[:32] and profile[40:] == example[40:]  # connect_timeout_ns
    assert request[16:] == PAGE["client", "REQUEST"][0][16:]
    assert end == PAGE["client", "BATCH_END"][0]
    assert (begin[4], begin[8]) == (haul_client.BATCH_BEGIN, 1)


def test_takes_frames_that_tell_it_nothing(daemon, tmp_path):
    daemon(CREDIT + PONG + GOAWAY + WHOLE)
    assert run_client(tmp_path).stdout == b"hi\n"


def test_forgets_the_body_when_a_new_attempt_begins(daemon, tmp_path):
    daemon(of_batch_1(HEAD, DATA, RESTART, HEAD, DATA, RESULT) + DONE)
    assert run_client(tmp_path).stdout == b"hi\n"


def test_skips_what_a_newer_daemon_adds(daemon, tmp_path):
    longer = of_item_1(RESULT)
    longer = ((len(longer) + 8).to_bytes(4, "little") + longer[4:16]
              + (208).to_bytes(4, "little") + longer[20:216] + b"NEWFIELD" + longer[216:])
    daemon(of_batch_1(HEAD, DATA) + longer + DONE)
    assert run_client(tmp_path).returncode == 0


def test_misses_nothing_of_an_older_daemon(daemon, tmp_path):
    """RESULT and BATCH_DONE as they were before they grew."""
    result, done = of_item_1(RESULT), DONE
    result = ((len(result) - 8).to_bytes(4, "little") + result[4:16]
              + (192).to_bytes(4, "little") + result[20:208] + result[216:])
    done = (72).to_bytes(4, "little") + done[4:16] + (56).to_bytes(4, "little") + done[20:72]
    daemon(of_batch_1(HEAD, DATA) + result + done)
    assert run_client(tmp_path).returncode == 0


def test_gives_the_window_back(daemon, tmp_path):
    window = OPENED.replace(b"4194304", b"1048576")
    body = bytes(100_000)
    data = haul_client.frame(haul_client.DATA, 1, variable=b"")  # its payload is not of FIXED
    payload = len(body).to_bytes(8, "little") + body
    data = ((16 + len(payload)).to_bytes(4, "little") + data[4:16] + payload)
    peer = daemon(of_item_1(HEAD) + data * 10 + of_item_1(RESULT) + DONE, opened=window)
    assert len(run_client(tmp_path).stdout) == 1_000_000
    given = [int.from_bytes(one[24:32], "little") for one in peer.frames()
             if one[4] == haul_client.CREDIT]
    assert len(given) == 3
    assert sum(given) >= 1_000_000 * 3 // 4


@pytest.mark.parametrize("script,message", [
    (of_item_1(REFUSED) + DONE, b"fault 11, phase 4: connection refused"),
    (ERROR, b"error 4: no batch 9 in this session"),
    (of_item_1(HEAD) + ERROR, b"error 4"),
    (b"", b"closed the connection"),
    (WHOLE[:-1], b"closed the connection"),
    (of_item_1(RESULT)[:30], b"closed the connection"),
    (DONE, b"BATCH_DONE before the RESULT"),
    (RESULT, b"item 7"),
    (of_item_1(RESULT) * 2, b"item 1"),
    (of_batch_1(RESULT, DATA), b"item 1"),
    (b"\x08" + bytes(15), b"a frame of 8 bytes"),
    (b"\x10\0\0\0\x63" + bytes(11), b"unknown type 99"),
    (b"\x18\0\0\0\x43" + bytes(3) + b"\x01" + bytes(15), b"fixed part of 0 bytes"),
], ids=["refused", "error", "error_midway", "silence", "cut_short", "cut_in_a_frame", "no_result",
        "other_item", "two_results", "data_after_result", "bad_length", "bad_type", "bad_fixed"])
def test_says_what_went_wrong(script, message, daemon, tmp_path):
    daemon(script)
    done = run_client(tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert b"Traceback" not in done.stderr


def test_says_why_it_may_not_open_a_stream(daemon, tmp_path):
    daemon(b"", opened=REFUSAL)
    done = run_client(tmp_path)
    assert done.returncode == 1
    assert b"io.haul.Stream.VersionMismatch" in done.stderr


def test_says_that_nobody_listens(tmp_path):
    done = run_client(tmp_path)
    assert done.returncode == 1
    assert b"No such file" in done.stderr
