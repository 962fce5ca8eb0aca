"""haul top, on real terminals (tmux) and without one."""

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from origin import answer, expect_request, repeat, reply_with
from support import (WAIT_S, children_of, clean_env, end_group, find_binary, poll_until, run_haul,
                     short_dir, spawn_haul)
from tmux import TMUX, Terminal

GONE_S = 5 + WAIT_S     # cmd_top.c, GONE_NS and SILENT_NS
NORMAL = "0 1 1"        # no other screen, a cursor, wrapping

terminals = pytest.mark.skipif(not TMUX, reason="tmux is missing; tools/deps test installs it")


def many_origins(origin, count):
    """Words of a batch: all but the last are answered."""
    return ["--connect-to", f":80:127.0.0.1:{origin.port}",
            *[f"http://host-{i}.test/" for i in range(1, count)], "http://127.0.0.1:1/"]


def top_in_shell(socket_path, *flags):
    """What a window runs: haul top between two looks at the terminal's settings."""
    words = " ".join([find_binary("haul"), "top", "--socket", str(socket_path),
                      "--interval", "100ms", *flags])
    return ["sh", "-c", f"trap : INT QUIT; echo before; modes=$(stty -g); {words}; "
            'echo "code $?"; [ "$modes" = "$(stty -g)" ] && echo as before; exec cat']


@contextlib.contextmanager
def watched(daemon, *flags, **kwargs):
    with Terminal(*top_in_shell(daemon.socket, *flags), **kwargs) as terminal:
        terminal.expect(f"pid {daemon.pid}")
        yield terminal
        if terminal.is_drawn_upon():
            terminal.keys("q")      # see test_it_stops_and_goes_on
            terminal.expect("as before")


def assert_given_back(terminal, code):
    screen = terminal.expect("as before", GONE_S)
    assert "before" in screen and f"code {code}" in screen, screen
    assert "requests  " not in screen, screen
    assert terminal.modes() == NORMAL
    return screen


def top_pid(terminal):
    shell = terminal.format("#{pane_pid}")
    return children_of(int(shell))[0]


# --- on a terminal ---

@terminals
def test_rates_move_while_a_batch_runs_and_q_gives_the_terminal_back(start_daemon, start_origin):
    origin = start_origin([repeat([expect_request(), reply_with(lambda _: answer(b"12345"))])])
    daemon = start_daemon()
    with watched(daemon) as terminal:
        terminal.expect("items       0/s ok   0/s failed   0 in flight")
        assert terminal.modes() == "1 0 0"
        haul = spawn_haul("batch", "-c", "4", "-i", "-", daemon=daemon, stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            seen, has_origin = set(), []

            def moves():
                haul.stdin.write((origin.url() + "\n").encode() * 20 + b"http://127.0.0.1:1/\n")
                haul.stdin.flush()
                screen = terminal.screen()
                rates = re.search(r"^items +([1-9]\S*)/s ok +([1-9]\S*)/s failed", screen, re.M)
                if rates and re.search(r"^requests +[1-9]\S*/s +bodies [1-9]", screen, re.M) and \
                        re.search(r"^latency +p50 \d.* p99 \d", screen, re.M):
                    seen.add(rates.groups())
                has_origin.append(f"  http://127.0.0.1:{origin.port}\n" in screen)
                return len(seen) > 1 and any(has_origin) and screen
            screen = poll_until(moves, "rates that move")
        finally:
            haul.stdin.close()
            assert haul.wait(WAIT_S) == 1
            end_group(haul)
        assert re.search(r"/s +\d+  connect/refused$", screen, re.M), screen
        assert re.search(r"^answers     2xx [1-9]", screen, re.M), screen
        terminal.expect("items       0/s ok   0/s failed   0 in flight")
        terminal.keys("q")
        assert_given_back(terminal, 0)


@terminals
def test_what_does_not_fit_is_left_out_at_any_size(start_daemon, slow):
    daemon = start_daemon()
    haul = spawn_haul("batch", *many_origins(slow, 20), daemon=daemon)
    try:
        with watched(daemon) as terminal:
            terminal.expect("connect/refused")
            terminal.expect("19 in flight")
            full = terminal.lines()
            assert len(full) > 20 and "... and" not in full[-1]
            for width, height in ((40, 12), (9, 5), (120, 16), (100, 30)):
                terminal.resize(width, height)

                def fits():
                    lines = terminal.lines()
                    return lines[0].startswith("hauld"[:width]) and len(lines) <= height and \
                        lines[-1] != "" and any(line.startswith("connectio") for line in lines) == \
                        (height > 5) and lines
                lines = poll_until(fits, f"a frame of {width} columns and {height} rows")
                assert all(len(line) <= width for line in lines)
                assert lines[1].startswith("requests "[:width].rstrip())
                if height == 16:
                    assert lines[-1].endswith("more") and len(lines) == 16
            poll_until(lambda: len(terminal.lines()) == len(full), "all of it again")
            terminal.keys("q")
            assert_given_back(terminal, 0)
    finally:
        slow.go.set()
        end_group(haul)


@terminals
@pytest.mark.parametrize("way", ["C-c", "C-\\", signal.SIGTERM, signal.SIGHUP])
def test_every_end_gives_the_terminal_back(way, start_daemon):
    with watched(start_daemon()) as terminal:
        if isinstance(way, str):
            terminal.keys(way)
        else:
            os.kill(top_pid(terminal), way)
        assert_given_back(terminal, 130)


@terminals
def test_it_stops_and_goes_on(start_daemon):
    daemon = start_daemon()
    with Terminal("bash", "--norc", "--noprofile", "-i") as terminal:
        command = f"{find_binary('haul')} top --socket {daemon.socket} --interval 100ms"
        terminal.keys(command, "Enter")
        terminal.expect(f"pid {daemon.pid}")
        terminal.keys("C-z")
        terminal.expect("Stopped")
        assert terminal.modes() == NORMAL
        terminal.keys("fg", "Enter")
        terminal.expect(f"pid {daemon.pid}")
        assert terminal.modes() == "1 0 0"
        pid = int(terminal.run("list-panes", "-F", "#{pane_pid}"))
        # Without a word to us, as by another shell; then its keys are set anew.
        os.kill(children_of(pid)[0], signal.SIGSTOP)
        poll_until(lambda: "Stopped" in terminal.screen(), "the shell has the terminal")
        terminal.keys("fg", "Enter")
        poll_until(lambda: terminal.modes() == "1 0 0", "it has the screen again")
        terminal.expect(f"pid {daemon.pid}")
        terminal.keys("q")
        poll_until(lambda: terminal.modes() == NORMAL, "it has ended")
        # Wholly: the SIGCONT of a terminal that closes upsets LeakSanitizer's last look.
        poll_until(lambda: not children_of(pid), "no child is left")


@terminals
def test_a_restart_is_told_and_counted_from_zero(start_daemon, origin, tmp_path):
    first, second = start_daemon(), start_daemon()
    run_haul("batch", *[origin.url()] * 50, daemon=first).expect(0)
    with short_dir() as folder:
        link = folder / "sock"
        link.symlink_to(first.socket)
        with Terminal(*top_in_shell(link)) as terminal:
            terminal.expect(f"pid {first.pid}")
            terminal.expect("answers     2xx 0/s")
            link.unlink()
            first.process.terminate()
            assert first.process.wait(WAIT_S) == 0
            terminal.expect("hauld is gone")
            assert f"pid {first.pid}" in terminal.screen()
            link.symlink_to(second.socket)
            screen = terminal.expect(f"hauld restarted: it was pid {first.pid}")
            assert f"pid {second.pid} " in screen and "answers     none" in screen
            assert not re.search(r"-\d", screen), screen
            terminal.keys("q")
            assert_given_back(terminal, 0)


@terminals
def test_without_a_daemon_any_more_it_ends_and_says_so(start_daemon):
    daemon = start_daemon()
    with watched(daemon) as terminal:
        daemon.process.terminate()
        screen = assert_given_back(terminal, 4)
        assert "start hauld" in screen


@terminals
@pytest.mark.parametrize("env,flags,is_colored", [
    ({}, [], True), ({"NO_COLOR": "1"}, [], False), ({}, ["--color", "never"], False),
    ({"NO_COLOR": "1"}, ["--color", "always"], True)])
def test_color_is_as_asked_for(env, flags, is_colored, start_daemon):
    with watched(start_daemon(), *flags, env=env) as terminal:
        assert terminal.is_drawn_upon()
        assert ("\x1b[1m" in terminal.screen("-e")) == is_colored


@terminals
@pytest.mark.parametrize("flags,before", [([], "TERM=dumb "), (["-n", "2"], ""), (["--once"], "")])
def test_a_dumb_terminal_and_a_number_of_frames_mean_plain_text(flags, before, start_daemon):
    daemon = start_daemon()
    command = f"{before}{find_binary('haul')} top --socket {daemon.socket} --interval 100ms"
    script = f"trap : INT; {command} {' '.join(flags)}; echo code $?; exec cat"
    with Terminal("sh", "-c", script) as terminal:
        terminal.expect(f"pid {daemon.pid}")
        assert terminal.modes() == NORMAL
        if flags:
            assert terminal.expect("code 0").count("requests ") == (2 if "-n" in flags else 1)
        else:
            poll_until(lambda: terminal.screen().count("requests ") > 1, "frame after frame")
            terminal.keys("C-c")
            terminal.expect("code 130")


# --- without one ---

def test_frames_for_scripts_are_plain_and_whole(start_daemon, slow):
    daemon = start_daemon()
    haul = spawn_haul("batch", *many_origins(slow, 60), daemon=daemon)
    try:
        poll_until(lambda: len(slow.requests) == 59, "all are at the origin")
        run = run_haul("top", "-n", "3", "--interval", "100ms", "--color", "always",
                       daemon=daemon).expect(0)
        frames = run.out.decode().split("\n\nhauld ")
        assert len(frames) == 3 and run.err == "" and b"\x1b" not in run.out
        for frame in frames:
            assert frame.count("  http://host-") == 59 and "59 in flight" in frame
            assert "requests    0/s" in frame       # each has rates, the first too
        assert run.out.endswith(b"\n") and not run.out.endswith(b"\n\n")
        assert run_haul("top", "--once", "--interval", "100ms",
                        daemon=daemon).expect(0).out.count(b"hauld ") == 1
    finally:
        slow.go.set()
        end_group(haul)


def test_a_reader_that_has_enough_ends_it(start_daemon):
    daemon = start_daemon()
    haul = spawn_haul("top", "--interval", "100ms", daemon=daemon)
    try:
        assert haul.stdout.readline().startswith(b"hauld ")
        haul.stdout.close()
        assert haul.wait(WAIT_S) == 1
    finally:
        end_group(haul)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_frames(ending, start_daemon):
    haul = spawn_haul("top", "--interval", "100ms", daemon=start_daemon())
    try:
        assert haul.stdout.readline().startswith(b"hauld ")
        haul.send_signal(ending)
        assert haul.wait(WAIT_S) == 130
    finally:
        end_group(haul)


def test_a_signal_ends_it_even_while_nobody_reads(start_daemon):
    read_fd, write_fd = os.pipe()
    fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
    haul = spawn_haul("top", "--interval", "100ms", daemon=start_daemon(), stdout=write_fd)
    try:
        poll_until(lambda: not select.select([], [write_fd], [], 0)[1], "the pipe is full")
        haul.send_signal(signal.SIGTERM)
        assert haul.wait(WAIT_S) == 130
    finally:
        end_group(haul)
        os.close(read_fd)
        os.close(write_fd)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_another_user_is_told_why_it_sees_no_origins(start_daemon):
    daemon = start_daemon()
    os.chmod(daemon.folder, 0o755)
    os.chmod(daemon.socket, 0o777)
    done = subprocess.run([find_binary("haul"), "top", "--once", "--interval", "100ms",
                           "--socket", daemon.socket], capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_env(), user=65534, group=65534)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "0 origins: shown to root" in done.stdout and "items       0/s ok" in done.stdout


@pytest.mark.parametrize("words,named", [(["now"], "'now'"), (["--interval", "99ms"], "100ms"),
                                         (["--interval", "0"], "--interval"),
                                         (["-n", "0"], "--frames")])
def test_wrong_usage_of_top_is_2(words, named):
    done = subprocess.run([find_binary("haul"), "top", *words], capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_env())
    assert done.returncode == 2 and named in done.stderr, done


# --- what is no hauld, or a bad one ---

def serve_calls(sock, answers):
    """Answers to three calls, again and again."""
    with sock:
        while answers is not None and (got := sock.recv(4096)):
            while got.count(b"\0") < 3:
                got += sock.recv(4096)
            sock.sendall(b"".join(text + b"\0" for text in answers))


@contextlib.contextmanager
def fake_daemon(answers):
    """None: it hangs up at once. []: it is silent."""
    with short_dir() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = str(folder / "sock")
        listener.bind(path)
        listener.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    sock = listener.accept()[0]
                    with contextlib.suppress(ConnectionError):
                        serve_calls(sock, answers)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(WAIT_S)


def reply(parameters):
    return json.dumps({"parameters": parameters}).encode()


def once(path):
    return subprocess.run([find_binary("haul"), "top", "--once", "--interval", "100ms", "--socket",
                           path], capture_output=True, timeout=GONE_S, env=clean_env())


METRICS = reply({"text": 'hauld_items_total{error="\x1b]0;x\x07"} 1\n'
                         'hauld_item_duration_seconds_bucket{le="+Inf"} 1\n'})


def test_control_bytes_of_the_daemon_are_no_commands():
    described = reply({"version": "\x1b[2J\r", "pid": 1, "uptime_ns": 1})
    listed = reply({"origins": [{"origin": "\x9b\x1b]52;c;AAAA\x07\n"}], "complete": True})
    with fake_daemon([described, METRICS, listed]) as path:
        done = once(path)
    assert (done.returncode, done.stderr) == (0, b""), done
    assert set(done.stdout) <= {*range(0x20, 0x7f), 0x0a}
    for line in (b"hauld ?[2J?   pid 1 ", b"  ?]0;x?\n", b"  ???]52;c;AAAA??\n"):
        assert line in done.stdout, done


@pytest.mark.parametrize("answers,code,why", [
    ([], 4, b"does not answer"), (None, 4, b"hangs up"), ([b"{}"] * 3, 1, b"not those of a hauld"),
    ([b"nonsense"] * 3, 4, b"hangs up"),
    ([b'{"error":"org.varlink.service.MethodNotFound"}'] * 3, 1, b"older than this haul")])
def test_what_is_no_hauld_is_said(answers, code, why):
    with fake_daemon(answers) as path:
        done = once(path)
    assert (done.returncode, done.stdout) == (code, b"") and why in done.stderr, done
