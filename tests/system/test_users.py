"""Users of a shared daemon: whom it serves, and how much of it one of them may have."""

import grp
import json
import os
import pwd
import resource
import socket
import subprocess

import pytest

from support import (WAIT_S, assert_fails, assert_succeeds, clean_env, end_group, find_binary,
                     poll_until, run_haul, spawn_haul)

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a second user takes root")


def check_config(tmp_path, text):
    path = tmp_path / "hauld.conf"
    path.write_text(text)
    done = subprocess.run([find_binary("hauld"), "--check-config", "--config", str(path)],
                          capture_output=True, text=True, timeout=WAIT_S, env=clean_env())
    return done.returncode, done.stderr.replace(str(path), "FILE")


def open_to_all(daemon):
    os.chmod(daemon.folder, 0o755)
    os.chmod(daemon.socket, 0o666)
    return daemon


def as_nobody(*args, daemon, group=NOBODY, extra_groups=()):
    return subprocess.run([find_binary("haul"), *args, "--socket", daemon.socket],
                          capture_output=True, text=True, timeout=WAIT_S, env=clean_env(),
                          user=NOBODY, group=group, extra_groups=extra_groups)


# --- who ---

def test_names_and_numbers_are_looked_up_when_the_settings_are_read(tmp_path):
    me, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    assert check_config(tmp_path, f"AllowUsers=daemon {me}, 4242\nAllowGroups={group}\n") == (0, "")
    assert check_config(tmp_path, "\nAllowUsers=root no-such-user\n") == (
        78, "hauld: FILE:2: AllowUsers=no-such-user: there is no such user\n")
    assert check_config(tmp_path, "AllowGroups=no-such-group\n") == (
        78, "hauld: FILE:1: AllowGroups=no-such-group: there is no such group\n")
    many = " ".join(str(i) for i in range(1000, 1300))
    code, text = check_config(tmp_path, f"AllowUsers={many}\n")
    assert code == 78 and "more than 256" in text
    code, text = check_config(tmp_path, "AllowUsers=4294967295\n")
    assert code == 78 and "expected names or numbers" in text


@needs_root
def test_who_is_on_no_list_is_told_so_and_may_go_private(start_daemon, origin):
    daemon = open_to_all(start_daemon(config="AllowUsers=daemon\n"))
    for args in (["stats"], ["top"], ["doctor"], ["batch", "--no-private", origin.url()]):
        done = as_nobody(*args, daemon=daemon)
        assert done.returncode == (0 if args == ["doctor"] else 7), done
        assert "this user may not use the daemon (AllowUsers=, AllowGroups=)" in done.stderr, done
    done = as_nobody("batch", origin.url(), daemon=daemon)
    assert done.returncode == 0, done
    assert "ask who looks after it; using a private daemon" in done.stderr, done
    run_haul("batch", origin.url(), daemon=daemon).expect(0)     # root may always


@needs_root
def test_members_of_a_second_group_are_let_in_and_a_reload_can_change_that(start_daemon, origin):
    daemon = open_to_all(start_daemon(config="AllowGroups=staff\n"))
    staff = grp.getgrnam("staff").gr_gid
    args = ["batch", "--no-private", "-q", origin.url()]
    assert as_nobody(*args, daemon=daemon).returncode == 7
    assert as_nobody(*args, daemon=daemon, group=staff).returncode == 0
    assert as_nobody(*args, daemon=daemon, extra_groups=[staff]).returncode == 0
    with open(os.path.join(daemon.folder, "hauld.conf"), "w", encoding="ascii") as config:
        config.write("AllowUsers=nobody\n")
    run_haul("reload", daemon=daemon).expect(0)
    assert as_nobody(*args, daemon=daemon).returncode == 0
    with open(os.path.join(daemon.folder, "hauld.conf"), "w", encoding="ascii") as config:
        config.write("AllowUsers=no-such-user\n")
    run_haul("reload", daemon=daemon).expect(78)
    assert as_nobody(*args, daemon=daemon).returncode == 0       # all is as it was


# --- how much ---

def test_an_item_over_the_limit_fails_by_itself_and_names_the_limit(start_daemon, slow):
    daemon = start_daemon(config="MaxItemsPerUser=2\nMaxPerOrigin=4\n")
    haul = spawn_haul("batch", slow.url("/1"), slow.url("/2"), slow.url("/3"),
                      daemon=daemon, stdout=subprocess.PIPE, text=True)
    try:
        poll_until(lambda: slow.requests, "the first is at the origin")
        slow.go.set()
        out, _ = haul.communicate(timeout=WAIT_S)
    finally:
        end_group(haul)
    records = {r["url"][-1]: r for r in map(json.loads, out.splitlines())}
    assert_succeeds(records["1"])
    assert_succeeds(records["2"])
    assert_fails(records["3"], "admission/quota")
    assert "MaxItemsPerUser=" in records["3"]["error"]["message"], records["3"]
    assert haul.returncode == 1
    run_haul("batch", slow.url(), daemon=daemon).expect(0)       # they are given back


def test_a_limit_is_of_all_sessions_and_ends_with_them(start_daemon, slow):
    daemon = start_daemon(config="MaxSessionsPerUser=1\n")
    haul = spawn_haul("batch", slow.url(), daemon=daemon)
    try:
        poll_until(lambda: slow.requests, "it is at the origin")
        run = run_haul("batch", "--no-private", slow.url(), daemon=daemon).expect(7)
        assert "MaxSessionsPerUser=" in run.err, run
        slow.go.set()
        assert haul.wait(WAIT_S) == 0
    finally:
        end_group(haul)
    run_haul("batch", "--no-private", slow.url(), daemon=daemon).expect(0)


def test_limits_change_with_a_reload(start_daemon, slow, origin):
    daemon = start_daemon(config="MaxBatchesPerUser=1\n")
    haul = spawn_haul("batch", slow.url(), daemon=daemon)
    try:
        poll_until(lambda: slow.requests, "it is at the origin")
        record = run_haul("batch", origin.url(), daemon=daemon).expect(1).record
        assert_fails(record, "admission/quota")
        assert "MaxBatchesPerUser=" in record["error"]["message"], record
        with open(os.path.join(daemon.folder, "hauld.conf"), "w", encoding="ascii") as config:
            config.write("MaxBatchesPerUser=2\n")
        run_haul("reload", daemon=daemon).expect(0)
        run_haul("batch", origin.url(), daemon=daemon).expect(0)
        slow.go.set()
        assert haul.wait(WAIT_S) == 0
    finally:
        end_group(haul)


# --- clients that say nothing (CASES I) ---

def test_idle_clients_cost_the_others_nothing(start_daemon, origin):
    """Ten thousand that connect and say nothing: they stay, and who speaks is served."""
    count = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 2000:
        pytest.skip("needs more descriptors than there are")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    daemon = start_daemon(config="MaxSessions=20000\n")
    idle = []
    try:
        for _ in range(count):
            client = socket.socket(socket.AF_UNIX)
            client.connect(daemon.socket)
            idle.append(client)
        run_haul("batch", "--no-private", *[origin.url(f"/{i}") for i in range(10)],
                 daemon=daemon).expect(0)
        stats = json.loads(run_haul("stats", "--format", "json", daemon=daemon).expect(0).out)
        assert stats["counters"]["sessions"] > count, stats["counters"]
    finally:
        for client in idle:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    poll_until(lambda: json.loads(run_haul("stats", "--format", "json", daemon=daemon).expect(0).out)
               ["counters"]["sessions"] == 1, "all are gone")
