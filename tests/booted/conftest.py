"""Fixtures of the tests in a booted machine; tests/run-booted starts them.

One machine for all of them, and one installation: what README.md says about packages, typed by a
user who may use sudo. A test may leave the service in any state: `service` begins with a fresh one.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import readme  # noqa: E402
from machine import Machine  # noqa: E402
from origin import Origin, answer, expect_request, repeat, reply_with  # noqa: E402
from support import WAIT_S, poll_until  # noqa: E402

MAKES_PACKAGES = "sudo apt install ./build-deb/"


def pytest_configure(config):
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def add_users(machine):
    """alice, who installs it, and bob will be members of the group; mallory will not."""
    for name in ("alice", "bob", "mallory"):
        machine.run(f"useradd --create-home --shell /bin/bash {name}").expect(0)
    rule = machine.path("/etc/sudoers.d/alice")
    rule.write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
    rule.chmod(0o440)


def install(machine):
    """README.md, "Install": its line for packages stands for `make install`, the rest is the same
    for both, and must do no harm after packages that did it already."""
    lines = readme.commands("Install")
    [packages] = [line for line in lines if line.startswith(MAKES_PACKAGES)]
    lines = [line for line in lines if line != packages and "make install" not in line]
    assert len(lines) >= 4, lines
    for line in [packages.replace("apt install", "apt install -y"), *lines]:
        machine.run(line, user="alice", cwd="/home/alice").expect(0)
    machine.run("usermod -aG haul bob").expect(0)


@pytest.fixture(scope="session")
def machine():
    machine = Machine(os.environ["HAUL_ROOT"])
    try:
        machine.boot(f"--system-call-filter={os.environ['HAUL_IO_URING']} bpf perf_event_open",
                     "--capability=CAP_BPF,CAP_PERFMON",
                     f"--bind-ro={os.environ['HAUL_PACKAGES']}:/home/alice/build-deb")
        add_users(machine)
        install(machine)
        yield machine
    finally:
        machine.power_off()


@pytest.fixture
def service(machine):
    """The machine with the service down and its socket listening."""
    machine.settle()
    return machine


@pytest.fixture
def origin():
    """A server that answers 200 "ok" to everything, keep-alive."""
    with Origin() as server:
        yield server


@pytest.fixture
def slow():
    """Answers when its event `go` is set, and then at once."""
    go = threading.Event()

    def reply(_):
        go.wait(WAIT_S * 6)
        return answer()
    with Origin([repeat([expect_request(), reply_with(reply)])]) as origin:
        origin.go = go
        yield origin
        go.set()


@pytest.fixture
def under_way(service, slow):
    """A command of a user whose one request waits at `slow`: under_way(user, words) -> process."""
    started = []

    def start(user="alice", words="batch --no-private"):
        before = len(slow.requests)
        process = service.start(f"haul {words} {slow.url('/of-' + user)}", user=user)
        started.append(process)
        poll_until(lambda: len(slow.requests) > before, "its request is at the origin")
        return process

    yield start
    slow.go.set()
    for process in started:
        process.communicate(timeout=WAIT_S)
