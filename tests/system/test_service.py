"""hauld as a service: a socket that was bound before it, and word to the service manager."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from origin import expect_request, hang
from support import (TOP, WAIT_S, clean_env, end_group, find_binary, poll_until, run_haul,
                     short_dir, spawn_haul)


class Listening:
    """What run_haul wants of a daemon: where it listens."""

    def __init__(self, path):
        self.socket = str(path)


@contextlib.contextmanager
def started(command, **options):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, start_new_session=True,
                               **{"env": clean_env(), **options})
    try:
        yield process
    finally:
        end_group(process)
        process.stderr.close()


def with_inherited(listener, count=1, pid=None, **more):
    """The command and options of a hauld that finds `count` sockets at 3, as systemd starts it."""
    script = (f"LISTEN_PID={pid or '$$'} LISTEN_FDS={count} exec \"$@\" 3<&{listener.fileno()} "
              f"4<&{listener.fileno()}")
    return (["/bin/bash", "-c", script, "start", find_binary("hauld"), *more.get("args", ())],
            {"pass_fds": [listener.fileno()]})


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd here")
def test_socket_activation_serves_the_first_client(origin):
    with short_dir() as folder:
        path = folder / "s"
        command = ["systemd-socket-activate", f"--listen={path}", find_binary("hauld")]
        with started(command):
            poll_until(path.exists, "the socket is there")
            run = run_haul("get", origin.url(), daemon=Listening(path)).expect(0)
            assert run.out == b"ok"


def test_serves_on_the_socket_it_was_given(origin):
    with short_dir() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen(16)
        command, options = with_inherited(listener)
        with started(command, **options):
            run_haul("get", origin.url(), daemon=Listening(folder / "s")).expect(0)
            assert (folder / "s").exists()


@pytest.mark.parametrize("kind", ["tcp", "datagram", "two"])
def test_refuses_sockets_that_are_not_its_own_kind(kind):
    with short_dir() as folder:
        listener = socket.socket(*{"tcp": (socket.AF_INET, socket.SOCK_STREAM),
                                   "datagram": (socket.AF_UNIX, socket.SOCK_DGRAM),
                                   "two": (socket.AF_UNIX, socket.SOCK_STREAM)}[kind])
        with listener:
            listener.bind(("127.0.0.1", 0) if kind == "tcp" else str(folder / "s"))
            if kind != "datagram":
                listener.listen(4)
            command, options = with_inherited(listener, count=2 if kind == "two" else 1)
            with started(command, **options) as process:
                _, err = process.communicate(timeout=WAIT_S)
                assert process.returncode not in (0, None, -11), err
                assert b"socket" in err, err


def test_sockets_of_another_process_are_ignored(origin):
    with short_dir() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "theirs"))
        listener.listen(4)
        ours = folder / "ours"
        command, options = with_inherited(listener, pid=1, args=["--socket", str(ours)])
        with started(command, **options):
            poll_until(ours.exists, "its own socket is there")
            run_haul("get", origin.url(), daemon=Listening(ours)).expect(0)


def read_notices(sock, until_text):
    text = ""
    sock.settimeout(WAIT_S)
    while until_text not in text:
        text += sock.recv(4096).decode() + "\n"
    return text


@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_says_ready_once_it_accepts_and_stopping_when_it_stops(is_abstract):
    with short_dir() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"{folder}/notify"
        manager.bind("\0" + name if is_abstract else name)
        path = str(folder / "s")
        environment = clean_env(NOTIFY_SOCKET="@" + name if is_abstract else name)
        with started([find_binary("hauld"), "--socket", path], env=environment) as process:
            assert "READY=1" in read_notices(manager, "READY=1")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)  # ready means: no polling needed
            process.send_signal(signal.SIGTERM)
            assert "STOPPING=1" in read_notices(manager, "STOPPING=1")
            assert process.wait(WAIT_S) == 0
            assert not os.path.exists(path)


def service_options(folder, manager, **more):
    manager.bind(f"{folder}/notify")
    return {"env": clean_env(NOTIFY_SOCKET=f"{folder}/notify", **more)}


def test_the_watchdog_hears_of_a_loop_that_turns_and_of_no_other():
    """The manager would end it for its silence; here it is only listened to."""
    with short_dir() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        options = service_options(folder, manager, WATCHDOG_USEC="400000")
        with started([find_binary("hauld"), "--socket", f"{folder}/s"], **options) as process:
            read_notices(manager, "READY=1")
            for _ in range(3):
                assert "STATUS=ready: 0 clients, 0 items" in read_notices(manager, "WATCHDOG=1")
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.1)
            manager.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    manager.recv(4096)
            manager.settimeout(1)
            with pytest.raises(socket.timeout):
                manager.recv(4096)
            process.send_signal(signal.SIGCONT)
            read_notices(manager, "WATCHDOG=1")


@pytest.mark.parametrize("more", [{}, {"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"},
                                  {"WATCHDOG_USEC": "soon"}], ids=["none", "another", "nonsense"])
def test_without_a_watchdog_of_its_own_it_is_silent(more):
    with short_dir() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        options = service_options(folder, manager, **more)
        with started([find_binary("hauld"), "--socket", f"{folder}/s"], **options):
            read_notices(manager, "READY=1")
            manager.settimeout(0.5)
            with pytest.raises(socket.timeout):
                manager.recv(4096)


def test_a_drain_asks_the_manager_for_more_time(start_origin):
    origin = start_origin([expect_request(), hang()])
    with short_dir() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        options = service_options(folder, manager)
        with started([find_binary("hauld"), "--socket", f"{folder}/s"], **options) as process:
            read_notices(manager, "READY=1")
            haul = spawn_haul("get", origin.url(), daemon=Listening(folder / "s"))
            try:
                poll_until(lambda: origin.requests, "the request is at the origin")
                process.send_signal(signal.SIGTERM)
                text = read_notices(manager, "EXTEND_TIMEOUT_USEC=")
                assert "STOPPING=1" in text and "STATUS=draining: 1 clients, 1 items" in text
            finally:
                end_group(haul)
            assert process.wait(WAIT_S) == 0


def test_it_leaves_when_nobody_has_used_it_for_a_while(origin):
    """And its socket stays, for the manager to start it again."""
    with short_dir() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen(16)
        (folder / "conf").write_text("IdleExit=300ms\n")
        command, options = with_inherited(listener, args=["--config", str(folder / "conf")])
        with started(command, **options) as process:
            run_haul("get", origin.url(), daemon=Listening(folder / "s")).expect(0)
            assert process.wait(WAIT_S) == 0
        assert (folder / "s").exists()


@pytest.mark.alone
def test_no_client_is_refused_while_it_is_started_anew_again_and_again(origin):
    """M05. A client finds a daemon, the one that ends or the next; what reaches one that drains is
    told so."""
    is_over = threading.Event()
    runs = []

    def clients(daemon):
        while not is_over.is_set():
            runs.append(run_haul("get", origin.url(), daemon=daemon))
    with short_dir() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen(64)
        threads = [threading.Thread(target=clients, args=(Listening(folder / "s"),))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(8):
                command, options = with_inherited(listener)
                with started(command, **options) as process:
                    served = len(runs) + 8
                    poll_until(lambda: len(runs) >= served, "clients are served")
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(WAIT_S) == 0
            command, options = with_inherited(listener)
            with started(command, **options):
                is_over.set()
                for thread in threads:
                    thread.join(WAIT_S)
        finally:
            is_over.set()
    failed = [run for run in runs if run.code != 0]
    assert all("admission/draining" in run.err or "the daemon went away" in run.err
               for run in failed), failed
    assert len(failed) < len(runs) / 2


def test_sigterm_ends_it_with_0_though_a_client_is_there():
    with short_dir() as folder:
        path = folder / "s"
        with started([find_binary("hauld"), "--socket", str(path)]) as process:
            poll_until(path.exists, "the socket is there")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                process.send_signal(signal.SIGTERM)
                assert process.wait(WAIT_S) == 0


def test_its_socket_is_for_its_own_user(start_daemon):
    mode = stat.S_IMODE(os.stat(start_daemon().socket).st_mode)
    assert mode & 0o007 == 0, oct(mode)


def test_a_second_daemon_on_the_same_socket_is_refused(start_daemon, origin):
    first = start_daemon()
    done = subprocess.run([find_binary("hauld"), "--socket", first.socket], capture_output=True,
                          timeout=WAIT_S, env=clean_env())
    assert done.returncode != 0
    assert first.socket.encode() in done.stderr, done
    run_haul("get", origin.url(), daemon=first).expect(0)


def test_a_stale_socket_file_is_replaced(start_daemon, origin):
    with short_dir() as folder:
        path = str(folder / "s")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        with started([find_binary("hauld"), "--socket", path]):
            def answers():
                with socket.socket(socket.AF_UNIX) as probe:
                    return probe.connect_ex(path) == 0
            poll_until(answers, "it listens in the place of the dead one")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("name", ["hauld.service", "hauld.socket"])
def test_the_unit_files_are_in_order(name, tmp_path):
    units = [*(TOP / "systemd").glob("hauld.service*"), *(TOP / "systemd").glob("hauld.socket*")]
    for unit in units:
        lines = unit.read_text().replace("@bindir@", "/bin").splitlines()
        lines = ["ExecStart=/bin/true" if line.startswith("ExecStart=") else line for line in lines
                 if not line.startswith(("User=", "Group=", "SocketGroup="))]
        (tmp_path / unit.name.removesuffix(".in")).write_text("\n".join(lines) + "\n")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
                          capture_output=True, text=True, timeout=30)
    complaints = [line for line in done.stderr.splitlines() if "hauld" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr
