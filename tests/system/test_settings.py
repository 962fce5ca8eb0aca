"""Configuration: files and fragments, what is printed of them, and changing it while hauld runs."""

import os
import signal
import socket
import subprocess

import pytest

from support import (TOP, WAIT_S, clean_env, end_group, find_binary, poll_until, run_haul,
                     spawn_haul)


def hauld(*args, **env):
    return subprocess.run([find_binary("hauld"), *args], capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_env(**env))


def printed(*args, **env):
    done = hauld("--print-config", *args, **env)
    assert done.returncode == 0, done
    return done.stdout


# --- files ---

def test_fragments_are_read_in_order_of_their_names(tmp_path):
    (tmp_path / "a.conf").write_text("MaxPerOrigin=1\nConcurrency=5\n")
    folder = tmp_path / "a.conf.d"
    folder.mkdir()
    (folder / "20-b.conf").write_text("MaxPerOrigin=3\n")
    (folder / "10-a.conf").write_text("MaxPerOrigin=2\nMaxSessions=7\n")
    (folder / "30.conf~").write_text("nonsense\n")
    (folder / ".40.conf").write_text("nonsense\n")
    text = printed("--config", str(tmp_path / "a.conf"), "--workers", "1")
    assert f"# {folder}/20-b.conf:1\nMaxPerOrigin=3\n" in text
    assert f"# {folder}/10-a.conf:2\nMaxSessions=7\n" in text
    assert f"# {tmp_path}/a.conf:2\nConcurrency=5\n" in text
    assert "# --workers\nWorkers=1\n" in text and "# default\nLogLevel=info\n" in text
    (tmp_path / "again.conf").write_text(text)
    assert "MaxPerOrigin=3\n" in printed("--config", str(tmp_path / "again.conf"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root's daemon has no folder of its own")
def test_a_users_folder_comes_first(tmp_path):
    (tmp_path / "hauld").mkdir()
    (tmp_path / "hauld" / "hauld.conf").write_text("MaxPerOrigin=3\n")
    assert f"# {tmp_path}/hauld/hauld.conf:1\nMaxPerOrigin=3\n" in printed(
        XDG_CONFIG_HOME=str(tmp_path))


@pytest.mark.parametrize("text,complaint", [
    ("MaxPerOrigin=0\n", ":1: MaxPerOrigin=0: expected a count from 1 to 65535"),
    ("\n[Origin \"https://a\"]\nMaxConnection=1\n", ":3: MaxConnection: unknown key; did you mean "
                                                    "MaxConnections=?"),
    ("[Origin \"a\"]\n", ":1: a: an origin begins with http:// or https://"),
])
def test_nonsense_is_refused_with_file_line_and_cure(text, complaint, tmp_path):
    path = tmp_path / "hauld.conf"
    path.write_text(text)
    for flag in ("--check-config", "--print-config"):
        done = hauld(flag, "--config", str(path))
        assert (done.returncode, done.stdout) == (78, ""), done
        assert done.stderr == f"hauld: {path}{complaint}\n"


def test_a_named_file_must_be_there_and_be_a_file(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        done = hauld("--check-config", "--config", str(path))
        assert done.returncode == 78 and str(path) in done.stderr, done


def settings_in(text):
    return [line for line in text.partition("[Origin")[0].splitlines() if "=" in line]


def test_every_key_is_in_the_manual_and_in_the_file_that_is_installed(tmp_path):
    """The file's commented lines are what they say: the defaults; the others are not."""
    defaults = settings_in(printed("--config", "/dev/null"))
    manual = (TOP / "docs" / "hauld.conf.5.scd").read_text()
    path = TOP / "systemd" / "hauld.conf"
    assert hauld("--check-config", "--config", str(path)).returncode == 0
    lines = [line[1:] if line[:1] == "#" and line[1:2] not in ("", " ") else line
             for line in path.read_text().splitlines()]
    (tmp_path / "all.conf").write_text("\n".join(lines))
    text = printed("--config", str(tmp_path / "all.conf"))
    in_effect = dict(line.split("=", 1) for line in settings_in(path.read_text())
                     if not line.startswith("#"))
    assert in_effect["MaxPerOriginTotal"] == "256" and in_effect["MaxItemsPerUser"] == "200000"
    assert settings_in(text) == [
        f"{key}={in_effect.get(key, default)}"
        for key, _, default in (line.partition("=") for line in defaults)]
    assert not set(in_effect.items()) & {tuple(line.split("=", 1)) for line in defaults}
    assert "[Origin \"https://api.example.com:443\"]\n" in text and "Rate=6/m\n" in text
    for key in (line.partition("=")[0] for line in defaults):
        assert f"*{key}=*" in manual, f"{key}= is not in hauld.conf(5)"
        assert any(line.startswith(f"{key}=") for line in lines), f"{key}= is not in hauld.conf"


@pytest.mark.parametrize("kind,complaint", [("pipe", "is no regular file"),
                                            ("folder", "Is a directory"),
                                            ("dangling link", "No such file or directory")])
def test_a_fragment_that_is_no_file_is_an_error(kind, complaint, tmp_path):
    """Above all it does not wait for somebody to write."""
    (tmp_path / "a.conf").write_text("")
    (tmp_path / "a.conf.d").mkdir()
    path = tmp_path / "a.conf.d" / "10.conf"
    {"pipe": lambda: os.mkfifo(path), "folder": path.mkdir,
     "dangling link": lambda: path.symlink_to("/nonexistent")}[kind]()
    done = hauld("--check-config", "--config", str(tmp_path / "a.conf"))
    assert (done.returncode, done.stderr) == (78, f"hauld: {path}: {complaint}\n")


def test_a_link_to_dev_null_is_an_empty_file(tmp_path):
    (tmp_path / "a.conf").symlink_to("/dev/null")
    assert "MaxPerOrigin=16\n" in printed("--config", str(tmp_path / "a.conf"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path):
    (tmp_path / "a.conf").write_text("")
    folder = tmp_path / "a.conf.d"
    folder.mkdir(mode=0)
    done = hauld("--check-config", "--config", str(tmp_path / "a.conf"))
    folder.chmod(0o700)
    assert (done.returncode, done.stderr) == (78, f"hauld: {folder}: Permission denied\n")


# --- reload ---

class Settings:
    """A hauld whose file can be written again."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.path = daemon.folder / "hauld.conf"
        self.times = 0

    def become(self, text, word="reloaded"):
        self.path.write_text(text)
        self.times += 1
        self.daemon.process.send_signal(signal.SIGHUP)
        poll_until(lambda: self.daemon.log().count("reloaded") == self.times, "it has reloaded")
        assert word in self.daemon.log()


@pytest.fixture
def settings(start_daemon):
    return lambda text: Settings(start_daemon(config=text))


def submit(origin, count, daemon):
    haul = spawn_haul("batch", "-i", "-", "-c", "16", daemon=daemon, stdin=subprocess.PIPE)
    haul.stdin.write("".join(origin.url(f"/{i}\n") for i in range(count)).encode())
    haul.stdin.close()
    haul.stdin = None
    return haul


@pytest.mark.parametrize("before,after", [
    ("MaxPerOriginTotal=2\n", "MaxPerOriginTotal=5\n"),
    ("[Origin \"{}\"]\nMaxConnections=2\n", "[Origin \"{}\"]\nMaxConnections=5\n"),
    ("MaxPerOriginTotal=2\n", "MaxPerOriginTotal=2\n[Origin \"{}\"]\nMaxConnections=5\n"),
])
def test_a_higher_limit_holds_for_what_waits(before, after, settings, slow):
    url = slow.url("/").rstrip("/")
    hauld_settings = settings(before.format(url))
    haul = submit(slow, 8, hauld_settings.daemon)
    try:
        poll_until(lambda: len(slow.requests) == 2, "as many as the limit")
        hauld_settings.become(after.format(url))
        poll_until(lambda: len(slow.requests) == 5, "as many as the new one")
        slow.go.set()
        out, err = haul.communicate(timeout=WAIT_S)
        assert haul.returncode == 0, (out, err)
    finally:
        end_group(haul)


def test_a_bad_file_changes_nothing_and_says_so(settings, origin):
    hauld_settings = settings("MaxPerOrigin=3\nLogLevel=notice\n")
    hauld_settings.become("LogLevel=debug\nMaxPerOrigin=none\n",
                          f"not reloaded, all is as it was: {hauld_settings.path}:2: MaxPerOrigin")
    run_haul("get", origin.url(), daemon=hauld_settings.daemon).expect(0)
    hauld_settings.become("MaxPerOrigin=4\n")


def test_what_needs_a_restart_is_named(settings, origin):
    hauld_settings = settings("MaxConnections=100\n")
    hauld_settings.become("MaxConnections=200\nDNSServers=127.0.0.1:1\n")
    log = hauld_settings.daemon.log()
    assert "MaxConnections= changes with the next start" in log
    assert "DNSServers= changes with the next start" in log
    assert "Socket=" not in log
    run_haul("get", origin.url(), daemon=hauld_settings.daemon).expect(0)


def test_the_manager_hears_of_a_reload(tmp_path, start_daemon):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = tmp_path / "n"
        manager.bind(str(path))
        manager.settimeout(WAIT_S)
        daemon = start_daemon(config="", env={"NOTIFY_SOCKET": str(path)})
        assert "READY=1" in manager.recv(4096).decode()
        daemon.process.send_signal(signal.SIGHUP)
        lines = manager.recv(4096).decode().splitlines()
        assert lines[0] == "RELOADING=1" and lines[1].startswith("MONOTONIC_USEC=")
        assert "READY=1" in manager.recv(4096).decode()
