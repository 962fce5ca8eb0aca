"""What hauld logs: fields for the journal, plain lines elsewhere, and no secret in either.

The journal is a datagram socket of ours, bound over the real one's folder in a mount namespace of
the daemon's own.
"""

import contextlib
import shutil
import socket
import subprocess
import threading

import pytest

from origin import answer, expect_request, repeat, reply_with
from stream import Session, batch_begin, profile, request
from support import WAIT_S, poll_until, run_haul

# hauld's stderr is the journal's stream, and /run/systemd/journal is the folder $0.
IN_JOURNAL = """
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/journal
mount --bind "$0" /run/systemd/journal
JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"
"""


def may_mount():
    return bool(shutil.which("unshare")) and subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/run"], capture_output=True,
        timeout=WAIT_S).returncode == 0


needs_mounts = pytest.mark.skipif(not may_mount(), reason="a mount namespace is not permitted here")


def fields_of(datagram):
    """NAME=VALUE lines, or NAME, length and bytes."""
    fields = {}
    while datagram:
        name, ended_by, rest = datagram.partition(b"\n")
        if b"=" in name:
            name, _, value = name.partition(b"=")
        else:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8:8 + length], rest[8 + length + 1:]
        assert ended_by and name.decode() not in fields, datagram
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


class Journal:
    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "socket"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.lines = []
        self.raw = b""

    @property
    def wrapper(self):
        return ["unshare", "-m", "sh", "-c", IN_JOURNAL, str(self.folder)]

    def read(self):
        try:
            while True:
                datagram = self.socket.recv(1 << 16)
                self.raw += datagram
                self.lines.append(fields_of(datagram))
        except BlockingIOError:
            return self.lines

    def expect(self, text):
        def with_text():
            return [line for line in self.read() if text in line["MESSAGE"]]
        return poll_until(with_text, f"a line with {text!r} in {self.lines}")


@pytest.fixture
def journal(tmp_path):
    (tmp_path / "journal").mkdir()
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.socket.close()


@needs_mounts
def test_lines_have_fields_and_stderr_nothing(start_daemon, journal):
    daemon = start_daemon(wrapper=journal.wrapper, args=["--log-level", "debug"])
    line = journal.expect("ready")[0]
    assert line == {"PRIORITY": "5", "SYSLOG_IDENTIFIER": "hauld",
                    "MESSAGE": f"ready on {daemon.socket}"}
    run_haul("batch", "http://127.0.0.1:1/path", daemon=daemon).expect(1)
    line = journal.expect("failed: connect/refused in phase connect")[0]
    assert line["PRIORITY"] == "7" and line["HAUL_FAULT"] == "connect/refused"
    assert line["HAUL_ORIGIN"] == "http://127.0.0.1:1"
    assert line["HAUL_ITEM"].isdigit() and line["HAUL_BATCH"].isdigit()
    daemon.process.terminate()
    assert daemon.process.wait(WAIT_S) == 0
    assert daemon.log() == ""


@needs_mounts
def test_without_the_socket_lines_go_to_the_stream(start_daemon, journal):
    daemon = start_daemon(wrapper=journal.wrapper)
    journal.expect("ready")
    journal.path.unlink()
    run_haul("reload", daemon=daemon).expect(0)
    poll_until(lambda: daemon.log() == "<5>reloaded\n", "the stream has it")


@needs_mounts
def test_a_journal_that_does_not_read_holds_nothing_up(start_daemon, journal, origin):
    daemon = start_daemon(wrapper=journal.wrapper)
    journal.expect("ready")
    with Session(daemon, upgrade=False) as script:
        for _ in range(700):    # more than net.unix.max_dgram_qlen lets in
            assert "error" not in script.call("io.haul.Manager.Reload")
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    taken = len([line for line in journal.read() if line["MESSAGE"] == "reloaded"])
    assert 0 < taken < 700
    run_haul("reload", daemon=daemon).expect(0)
    lost = journal.expect("lines were lost")[0]
    assert lost["MESSAGE"].startswith(f"{700 - taken} ") and lost["PRIORITY"] == "4"
    assert journal.expect("reloaded")[-1] is journal.lines[-1]


# --- what an administrator is told ---

def test_a_pause_is_told_once_by_name_of_its_origin(start_daemon, start_origin):
    origin = start_origin([repeat([expect_request(), reply_with(lambda _: answer(
        status="429 Slow Down", fields=["Retry-After: 2"]))])])
    daemon = start_daemon()
    run_haul("batch", "--serial", origin.url("/a?secret=1"), daemon=daemon).expect(0)
    lines = [line for line in daemon.log().splitlines() if "pause" in line]
    assert len(lines) == 1, daemon.log()
    assert lines[0].startswith(
        f"hauld: notice: http://127.0.0.1:{origin.port} asks for a pause (429): left alone for ")


def test_answers_to_what_was_under_way_are_one_pause(start_daemon, start_origin):
    all_asked = threading.Barrier(4, timeout=WAIT_S)

    def refuse(_):
        all_asked.wait()
        return answer(status="429 Slow Down", fields=["Retry-After: 2"])
    origin = start_origin([repeat([expect_request(), reply_with(refuse)])])
    daemon = start_daemon()
    run_haul("batch", *[origin.url()] * 4, daemon=daemon).expect(0)
    assert daemon.log().count("asks for a pause") == 1, daemon.log()


def test_a_client_that_breaks_the_protocol_is_told(start_daemon):
    daemon = start_daemon()
    with Session(daemon) as session:
        session.send(b"\0" * 16)
        session.refusal()
    poll_until(lambda: "is refused: the length of a frame is impossible" in daemon.log(),
               "it is told")
    assert "hauld: notice: a client of user " in daemon.log()


def test_a_full_house_is_told_once(start_daemon):
    daemon = start_daemon(config="MaxSessions=4\n")
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(daemon.connect())
        for _ in range(5):  # at the bound clients come and go; each is served before it goes
            with daemon.connect() as sock:
                sock.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
                assert sock.recv(1)
    assert daemon.log().count("MaxSessions=4 are connected") == 1, daemon.log()


def test_an_items_failure_is_its_clients_business(start_daemon):
    daemon = start_daemon()
    run_haul("batch", "http://127.0.0.1:1/", daemon=daemon).expect(1)
    assert "failed" not in daemon.log()


# --- secrets ---

SECRETS = ("hunter2", "jane", "tok-query", "tok-path", "tok-bearer", "tok-cookie", "tok-field",
           "tok-proxy", "tok-location", "tok-body")


def spill(origin, daemon):
    """Every kind of secret, in requests that end in every kind of way."""
    refused = "http://jane:hunter2@127.0.0.1:1/tok-path?key=tok-query"
    flags = ["--bearer", "tok-bearer", "-b", "sid=tok-cookie", "-H", "X-Key: tok-field"]
    for url in (refused, origin.url("/tok-path?key=tok-query")):
        run_haul("batch", *flags, url, daemon=daemon)
        run_haul("batch", *flags, "-d", "tok-body", "-x", "http://jane:tok-proxy@127.0.0.1:1", url,
                 daemon=daemon)
    with Session(daemon) as session:    # haul itself would not let these pass
        session.send(profile(), batch_begin())
        for ident, url in enumerate((b"gopher://jane:hunter2@127.0.0.1/tok-path",
                                     b"http://jane:hunter2@[bad/tok-path"), 1):
            session.send(request(ident, url))
        assert all(result.fault for result in session.results(2).values())


@pytest.fixture
def leaky(start_origin):
    """Redirects to a secret place where nobody listens, and asks for a pause."""
    return start_origin([repeat([expect_request(), reply_with(lambda _: answer(
        status="302 Found", fields=["Location: http://jane:hunter2@127.0.0.1:1/tok-location"])),
        expect_request(), reply_with(lambda _: answer(status="429 Slow"))])])


def assert_discreet(text):
    assert "failed: connect/refused" in text and "input/" in text, text
    assert [secret for secret in SECRETS if secret in text] == []


def test_no_secret_is_in_a_plain_log(start_daemon, leaky):
    daemon = start_daemon(args=["--log-level", "debug"])
    spill(leaky, daemon)
    assert_discreet(daemon.log())


@needs_mounts
def test_no_secret_is_in_the_journal(start_daemon, leaky, journal):
    daemon = start_daemon(args=["--log-level", "debug"], wrapper=journal.wrapper)
    spill(leaky, daemon)
    journal.expect("input/")
    assert_discreet(journal.raw.decode())
    assert daemon.log() == ""
