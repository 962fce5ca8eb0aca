"""The manager holds the socket: whatever becomes of the daemon, clients wait and are served. And
how it is started anew, and when it is not (M03, M05, M09)."""

import signal

import pytest

from crowd import Crowd
from machine import SOCKET
from support import poll_until

CLIENTS = 200
RESTARTS = 20
VISITS = 10000


def starts(service):
    service.run("haul ping", user="alice").expect(0)
    return service.main_pid()


def is_anew(service, old):
    return service.show("ActiveState") == "active" and service.main_pid() not in (0, old)


def none_was_refused(crowd):
    assert set(crowd.ended) <= {"served", "cut"}, crowd.ended
    assert crowd.ended["served"] > crowd.visits / 2, crowd.ended


def test_restarts_under_200_clients_refuse_none(service):
    """M05: 10 000 visits over 20 restarts. More starts in a minute than StartLimitBurst= are no
    sign of trouble here, so they are forgotten each time."""
    pids = [starts(service)]
    with Crowd(service.path(SOCKET), CLIENTS) as crowd:
        for i in range(1, RESTARTS + 1):
            poll_until(lambda: crowd.visits > VISITS * i / RESTARTS, "clients are served", 30)
            service.systemctl("reset-failed", "hauld.service")
            service.systemctl("restart", "hauld.service")
            pids.append(service.main_pid())
    assert len(set(pids)) == RESTARTS + 1
    none_was_refused(crowd)
    assert crowd.visits >= VISITS and crowd.seconds_max < 10
    assert service.show("Result") == "success"


def test_an_upgrade_refuses_none_and_replaces_the_daemon(service):
    before = starts(service)
    with Crowd(service.path(SOCKET), 50) as crowd:
        poll_until(lambda: crowd.visits > 500, "clients are served")
        service.run("dpkg --install /home/alice/build-deb/hauld_*.deb").expect(0)
        after, served = service.main_pid(), crowd.visits
        poll_until(lambda: crowd.visits > served + 500, "clients are served")
    none_was_refused(crowd)
    assert after not in (0, before)


def test_a_daemon_that_was_killed_comes_back(service):
    before = starts(service)
    with Crowd(service.path(SOCKET), 20) as crowd:
        poll_until(lambda: crowd.visits > 100, "clients are served")
        service.run(["kill", "-KILL", str(before)]).expect(0)
        poll_until(lambda: is_anew(service, before), "it is started anew")
        served = crowd.visits
        poll_until(lambda: crowd.visits > served + 100, "clients are served")
    none_was_refused(crowd)
    assert service.show("NRestarts") == "1"


def test_a_daemon_that_stands_still_is_killed_and_comes_back(service, origin):
    """M03. Shipped are 30 s; less of them here."""
    assert service.show("WatchdogUSec") == "30s"
    with service.drop_in("[Service]\nWatchdogSec=1\n"):
        cursor = service.cursor()
        before = starts(service)
        service.run(["kill", "-STOP", str(before)]).expect(0)
        done = service.run(f"haul get --no-private {origin.url()}", user="alice")
        assert (done.expect(0).out, done.err) == ("ok", "")  # it has waited for the next one
        assert is_anew(service, before) and service.show("NRestarts") == "1"
        text = service.run(["journalctl", f"--after-cursor={cursor}", "--no-pager"]).out
        assert "Watchdog timeout" in text and "Failed with result 'watchdog'" in text
        wait = 3 * 1.0  # with the loop turning nothing of the kind happens
        pid = service.main_pid()
        with pytest.raises(AssertionError):
            poll_until(lambda: service.main_pid() != pid, "killed again", wait)
        service.systemctl("stop", "hauld.service")


def test_one_that_crashes_again_and_again_is_given_up_until_told_otherwise(service, origin):
    """M09: five starts in a minute."""
    with service.drop_in("[Service]\nRestartSec=10ms\n"):
        pids = [starts(service)]
        for _ in range(4):
            service.run(["kill", "-SEGV", str(pids[-1])]).expect(0)
            poll_until(lambda: is_anew(service, pids[-1]), "it is started anew")
            pids.append(service.main_pid())
        service.run(["kill", "-SEGV", str(pids[-1])]).expect(0)
        poll_until(lambda: service.show("ActiveState") == "failed", "it is given up")
        assert service.run("haul ping", user="alice").code == 4
        service.systemctl("reset-failed", "hauld.service", "hauld.socket")
        service.systemctl("start", "hauld.socket")
        service.run(f"haul get --no-private {origin.url()}", user="alice").expect(0)


def test_it_leaves_no_core_with_secrets(service):
    limits = service.path(f"/proc/{starts(service)}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines()
            if line.startswith("Max core file size")] == [["0", "0"]]


@pytest.mark.parametrize("code,text", [
    (69, "[Service]\nSystemCallFilter=~io_uring_setup\n"),
    (78, "[Service]\nExecStart=\nExecStart=/usr/bin/hauld --config /dev/null/none\n")],
    ids=["no io_uring", "bad configuration"])
def test_where_another_start_would_not_help_there_is_none(code, text, service):
    with service.drop_in(text):
        done = service.run("systemctl start hauld.service")
        assert done.code != 0
        assert service.show("ExecMainStatus") == str(code)
        assert (service.show("ActiveState"), service.show("NRestarts")) == ("failed", "0")


def test_its_end_is_no_failure_when_it_was_told_to_end(service):
    for number in (signal.SIGTERM, signal.SIGINT):
        pid = starts(service)
        service.run(["kill", f"-{int(number)}", str(pid)]).expect(0)
        poll_until(lambda: service.show("ActiveState") == "inactive", "it has ended")
        assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
