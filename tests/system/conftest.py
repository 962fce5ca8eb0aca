"""Fixtures of the system tests. support.py has the tools, origin.py the servers."""

import resource
import signal
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import origin as origins  # noqa: E402
import taint as oracle  # noqa: E402
from mock_dns import MockDns  # noqa: E402
from origin import Origin, answer, expect_request, repeat, reply_with  # noqa: E402
from stream import Session  # noqa: E402
from support import WAIT_S, Daemon, find_binary, poll_until, run_haul  # noqa: E402


def pytest_configure(config):
    """A run that is told to stop still ends what it has started, and the servers may have as many
    sockets as the machine allows."""
    config.addinivalue_line("markers", "alone: measures at an origin; nothing else runs beside it")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def binaries(request):
    """A missing build is one clear line, not a hundred failures; test_tools.py needs none."""
    if all(item.path.name == "test_tools.py" for item in request.session.items):
        return
    try:
        find_binary("haul"), find_binary("hauld")
    except FileNotFoundError as error:
        pytest.exit(str(error), returncode=1)


class SharedDaemon:
    """One daemon for the tests of a module; a new one if a test has brought it down."""

    def __init__(self):
        self.daemon = None

    def get(self):
        if self.daemon is None or not self.daemon.is_alive():
            self.daemon = Daemon()
        return self.daemon


@pytest.fixture(scope="module")
def shared_daemon():
    shared = SharedDaemon()
    yield shared
    if shared.daemon is not None and shared.daemon.is_alive():
        shared.daemon.stop()


@pytest.fixture
def daemon(shared_daemon):
    """A daemon that other tests have used and will use: it must outlive every case."""
    daemon = shared_daemon.get()
    yield daemon
    daemon.assert_alive()


@pytest.fixture
def start_daemon():
    """Starts daemons of the test's own: start_daemon(args=..., config=..., limits=...)."""
    started = []

    def start(**options):
        started.append(Daemon(**options))
        return started[-1]

    yield start
    failures = []
    for daemon in started:
        try:
            daemon.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def named(start_daemon, tmp_path):
    """A daemon that asks a mock: named(rules, hosts text) -> (mock, daemon)."""
    mocks = []

    def start(rules=None, hosts="", config=""):
        mocks.append(MockDns(rules))
        (tmp_path / "hosts").write_text(hosts)
        (tmp_path / "hosts").chmod(0o644)
        daemon = start_daemon(config=f"DNSServers={mocks[-1].address}\n"
                                     f"HostsFile={tmp_path}/hosts\n{config}")
        return mocks[-1], daemon

    yield start
    for mock in mocks:
        mock.close()


@pytest.fixture
def origin():
    """A server that answers 200 "ok" to everything, keep-alive."""
    with Origin() as server:
        yield server


@pytest.fixture
def start_origin():
    """Origins of the test's own, closed at its end: start_origin(script, ..., options)."""
    started = []

    def start(*scripts, **options):
        started.append(Origin(*scripts, **options))
        return started[-1]

    yield start
    for server in started:
        server.close()
    failures = [text for server in started for text in server.failures]
    assert not failures, "the origin saw: " + "; ".join(failures)


@pytest.fixture
def slow(start_origin):
    """Answers when its event `go` is set, and then at once."""
    go = threading.Event()

    def reply(_):
        go.wait(WAIT_S)
        return answer()
    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    origin.go = go
    yield origin
    go.set()


@pytest.fixture
def taint(monkeypatch):
    """The oracle of taint.py over one test. It stands first, to judge when all else has ended."""
    watch = oracle.Taint()
    monkeypatch.setattr(oracle, "active", watch)
    monkeypatch.setattr(origins, "WATCHERS", [watch.saw_request])
    yield watch
    watch.close()


@pytest.fixture
def batch(daemon):
    """haul batch over the shared daemon: batch(URL or flag, ..., stdin=...)."""
    return lambda *args, **kw: run_haul("batch", *args, daemon=daemon, **kw)


@pytest.fixture
def get(daemon):
    """haul get over the shared daemon."""
    return lambda *args, **kw: run_haul("get", *args, daemon=daemon, **kw)


@pytest.fixture
def session(daemon):
    """A raw stream to the shared daemon."""
    with Session(daemon) as session:
        yield session


@pytest.fixture
def still_serves(daemon, origin):
    """After the test: a well-behaved client notices nothing."""
    yield
    assert run_haul("get", origin.url(), daemon=daemon).expect(0).out == b"ok"


@pytest.fixture
def until():
    return poll_until
