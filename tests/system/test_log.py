"""What hauld logs: to a terminal or a file a line, to the journal fields; and never a secret."""

import os
import socket
import struct

import pytest

from support import WAIT_S, poll_until, run_haul

# A journal of the test's own where the system's is; stderr counts as the journal's stream.
IN_JOURNAL = ["unshare", "-m", "sh", "-c",
              'mount -t tmpfs none /run && mkdir -p /run/systemd/journal && '
              'mount --bind "$0" /run/systemd/journal && '
              'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && export JOURNAL_STREAM && '
              'exec "$@"']


def refusing_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def fields_of(datagram):
    """The journal's native protocol: NAME=VALUE, or NAME, LF, 64 bits of length, VALUE."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, has_value, value = line.partition(b"=")
        if not has_value:
            [size] = struct.unpack("<Q", rest[:8])
            value, rest = rest[8:8 + size], rest[9 + size:]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


def test_a_failure_is_a_line_at_level_debug_without_a_secret(start_daemon, origin):
    daemon = start_daemon(args=["--log-level", "debug"])
    port = refusing_port()
    run_haul("batch", "-H", "Authorization: Bearer t0ken-h", "-b", "a=t0ken-c", "-u", "me:t0ken-u",
             f"http://you:t0ken-i@127.0.0.1:{port}/t0ken-p?q=t0ken-q", origin.url("/t0ken-o"),
             daemon=daemon).expect(1)
    line = (f" of user {os.geteuid()} failed: connect/refused (connect) at "
            f"http://127.0.0.1:{port}: Connection refused\n")
    poll_until(lambda: line in daemon.log(), "the line is written")
    assert "t0ken" not in daemon.log() and daemon.log().count(" failed: ") == 1


def test_failures_are_no_news_at_the_level_that_is_set_when_nobody_says_so(start_daemon):
    daemon = start_daemon()
    run_haul("batch", f"http://127.0.0.1:{refusing_port()}/", daemon=daemon).expect(1)
    assert "connect/refused" not in daemon.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_the_journal_gets_fields_to_search_for(start_daemon, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        journal.settimeout(WAIT_S)
        daemon = start_daemon(args=["--log-level", "debug"], wrapper=[*IN_JOURNAL, str(tmp_path)])
        port = refusing_port()
        run_haul("batch", f"http://127.0.0.1:{port}/", daemon=daemon).expect(1)
        lines = []
        while not lines or "HAUL_ITEM" not in lines[-1]:
            lines.append(fields_of(journal.recv(65536)))
    assert all(line["SYSLOG_IDENTIFIER"] == "hauld" for line in lines)
    assert any(line["PRIORITY"] == "5" and line["MESSAGE"].startswith("ready") for line in lines)
    told = lines[-1]
    item = told.pop("HAUL_ITEM")
    assert told.pop("MESSAGE").startswith(f"item {item} of user 0 failed: connect/refused")
    assert told == {"PRIORITY": "7", "SYSLOG_IDENTIFIER": "hauld", "HAUL_UID": "0",
                    "HAUL_BATCH": "1", "HAUL_FAULT": "connect/refused",
                    "HAUL_ORIGIN": f"http://127.0.0.1:{port}"}
    assert daemon.log() == ""       # none of it went the other way
