"""The private daemon: started for one command, gone with it, whatever happens to the command."""

import os
import pty
import signal
import socket
import subprocess
import time

import pytest

from origin import answer, expect_request, hang, repeat, send
from support import (WAIT_S, assert_succeeds, children_of, clean_env, end_group, fd_count,
                     find_binary, is_running, poll_until, run_haul, short_dir, spawn_haul)


@pytest.fixture
def busy(start_origin, until):
    """A haul in the middle of its work: (process, pid of its hauld, origin)."""
    origin = start_origin([expect_request(), hang()])
    process = spawn_haul("batch", *[origin.url(f"/{i}") for i in range(3)])
    try:
        until(lambda: len(origin.requests) == 3, "three requests have come")
        hauld = [pid for pid in children_of(process.pid) if name_of(pid) == "hauld"]
        assert len(hauld) == 1, hauld
        yield process, hauld[0], origin
    finally:
        end_group(process)
        process.stdout.close()
        process.stderr.close()


def name_of(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def test_kill_9_of_haul_leaves_no_hauld_after_a_second(busy, until):
    process, hauld, origin = busy
    process.kill()
    process.wait()
    until(lambda: not is_running(hauld), "hauld has ended", within_s=1)
    until(lambda: origin.open_connections == 0, "its connections are closed", within_s=1)


def test_ctrl_c_prints_the_summary_and_exits_130(busy, until):
    process, hauld, _ = busy
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert b"3 items" in err and b"3 failed" in err, err
    assert out.count(b'"cancelled"') == 3, out
    until(lambda: not is_running(hauld), "hauld has ended", within_s=1)


def test_what_is_typed_at_a_terminal_can_be_sent(start_origin):
    """The private daemon reads it, and must not be a background job of that terminal."""
    origin = start_origin([repeat([expect_request(), send(answer())])])
    pid, terminal = pty.fork()
    if pid == 0:
        haul = str(find_binary("haul"))
        os.execve(haul, [haul, "get", "--private", "-H", "Expect:", "-T", "-", origin.url("/")],
                  clean_env())
    try:
        os.write(terminal, b"typed\n\x04") # and the end of the file
        poll_until(lambda: origin.requests, "it has arrived")
        assert os.waitpid(pid, 0)[1] == 0
        pid = 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(terminal)
    assert origin.requests[0].body == b"typed\n"


def test_ctrl_c_of_the_whole_process_group_is_haul_s_business(busy, until):
    """As a terminal sends it; the private daemon has a group of its own and lives on for haul."""
    process, hauld, _ = busy
    assert os.getpgid(hauld) != os.getpgid(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130 and b"3 items" in err
    until(lambda: not is_running(hauld), "hauld has ended", within_s=1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP])
def test_the_private_daemon_ignores_the_terminals_signals(number, busy):
    process, hauld, _ = busy
    os.kill(hauld, number)
    time.sleep(0.1)
    assert is_running(hauld) and process.poll() is None


def test_a_second_ctrl_c_leaves_at_once(start_origin, until):
    """Even if the daemon does not answer: it is stopped, so nothing can come back."""
    origin = start_origin([expect_request(), hang()])
    process = spawn_haul("batch", origin.url())
    hauld = None
    try:
        until(lambda: origin.requests, "the request has come")
        hauld = children_of(process.pid)[0]
        os.kill(hauld, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == 130
    finally:
        if hauld and is_running(hauld):
            os.kill(hauld, signal.SIGKILL)
        end_group(process)
        process.stdout.close()
        process.stderr.close()


def test_a_dead_private_daemon_is_an_error_not_a_hang(busy):
    process, hauld, _ = busy
    os.kill(hauld, signal.SIGKILL)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode not in (0, 130), err
    assert b"daemon" in err or b"hauld" in err, err


def test_two_private_commands_side_by_side(start_origin, until):
    origin = start_origin([repeat([expect_request(), send(answer())])])
    ones = [spawn_haul("batch", "-i", "-", stdin=subprocess.PIPE) for _ in range(2)]
    try:
        for i, one in enumerate(ones):
            one.stdin.write((origin.url(f"/{i}") + "\n").encode())
            one.stdin.flush()
        until(lambda: sorted(origin.targets()) == ["/0", "/1"], "both are served")
        for one in ones:
            one.stdin.close()
            one.stdin = None
            out, err = one.communicate(timeout=WAIT_S)
            assert (one.returncode, out.count(b'"ok":true')) == (0, 1), err
    finally:
        for one in ones:
            end_group(one)


def test_needs_neither_home_nor_runtime_dir_nor_a_writable_folder(origin):
    run = run_haul("get", origin.url(), env={"PATH": "/nonexistent"}, cwd="/proc")
    assert (run.code, run.out) == (0, b"ok"), run


def test_is_used_by_itself_when_no_daemon_is_reachable(origin):
    with short_dir() as folder:
        done = subprocess.run([find_binary("haul"), "get", origin.url()], capture_output=True,
                              env=clean_env(XDG_RUNTIME_DIR=str(folder)), timeout=WAIT_S)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"ok", b"")
        assert os.listdir(folder) == []


def test_a_socket_that_refuses_us_is_one_line(origin):
    with short_dir() as folder, socket.socket(socket.AF_UNIX) as dead:
        path = str(folder / "s")
        dead.bind(path)  # nobody listens
        done = subprocess.run([find_binary("haul"), "get", origin.url()], capture_output=True,
                              text=True, env=clean_env(HAUL_SOCKET=path), timeout=WAIT_S)
    assert (done.returncode, done.stdout) == (0, "ok"), done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert path in done.stderr and "private" in done.stderr


def test_a_running_daemon_is_used(daemon, origin):
    for flag, env in ((["--socket", daemon.socket], {}), ([], {"HAUL_SOCKET": daemon.socket})):
        done = subprocess.run([find_binary("haul"), "get", *flag, origin.url()], timeout=WAIT_S,
                              capture_output=True, env=clean_env(**env))
        assert (done.returncode, done.stdout) == (0, b"ok"), done
    assert origin.connections_count == 1, "the second command found the first one's connection"


def test_leaves_no_descriptors_to_its_daemon(busy, tmp_path):
    """What haul has open is not hauld's business: three standard ones, the session, the ring."""
    _, hauld, _ = busy
    assert fd_count(hauld) < 30


def test_a_private_daemon_fetches_all_it_is_asked_for_at_once(start_origin):
    """Its limit per origin is the batch's own -c."""
    origin = start_origin([repeat([expect_request(), send(answer())])])
    run = run_haul("batch", "-c", "50", *[origin.url(f"/{i}") for i in range(50)]).expect(0)
    for record in run.records:
        assert_succeeds(record)


def test_reaches_a_unix_socket_upstream(start_origin):
    with short_dir() as folder:
        origin = start_origin([repeat([expect_request(), send(answer(b"by path"))])],
                              unix_path=folder / "up")
        run = run_haul("get", "--unix-socket", folder / "up", "http://name.test/x").expect(0)
        assert run.out == b"by path"
        assert origin.requests[0].field("Host") == "name.test"
        poll_until(lambda: origin.open_connections == 0, "closed with the command")
