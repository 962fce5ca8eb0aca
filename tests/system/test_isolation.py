"""What a hauld that runs can no more do. Each refusal by itself is a unit's test (test_confine_*,
test_ring_restrict); here it is that they bind, in every thread, and what is still possible."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import (WAIT_S, children_of, clean_env, end_group, find_binary, poll_until, run_haul,
                     short_dir, spawn_haul, thread_names)
from test_control import look

WITHOUT = [sys.executable, str(Path(__file__).parent / "without.py")]


def has_landlock():
    return ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


def has_seccomp():
    return subprocess.run([*WITHOUT, "seccomp", "ENOSYS", "/bin/true"],
                          capture_output=True).returncode == 0


def measures_coverage():
    """Such a build may open any file, for its counts."""
    return b"__gcov_" in Path(find_binary("hauld")).read_bytes()


needs_landlock = pytest.mark.skipif(not has_landlock(), reason="no Landlock here")
needs_seccomp = pytest.mark.skipif(not has_seccomp(), reason="no seccomp filters here")


def statuses(pid):
    """/proc's status of each thread, as words."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def assert_confined(pid, capabilities=0):
    for status in statuses(pid):
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(status[kind], 16) & ~capabilities == 0, (kind, status)


@needs_seccomp
def test_all_threads_of_a_daemon_are_confined(start_daemon, origin, tmp_path):
    daemon = start_daemon()
    run_haul("get", origin.url(), "-o", str(tmp_path / "out"), daemon=daemon).expect(0)
    assert "hauld-writer" in thread_names(daemon.pid)
    assert_confined(daemon.pid)


@needs_seccomp
def test_a_private_daemon_is_confined(slow):
    haul = spawn_haul("get", slow.url())
    try:
        poll_until(lambda: slow.requests, "the request is at the origin")
        [pid] = children_of(haul.pid)
        cap_dac_override = 1 << 1
        assert_confined(pid, cap_dac_override)
    finally:
        slow.go.set()
        end_group(haul)


@needs_seccomp
@needs_landlock
def test_stats_tell_what_binds(start_daemon):
    daemon = start_daemon()
    isolation = look("stats", daemon=daemon)["isolation"]
    assert isolation["landlock_abi"] >= 1
    assert (isolation["ring_restricted"], isolation["seccomp"]) == (True, True)
    text = run_haul("stats", daemon=daemon).expect(0).out.decode()
    assert "ring_restricted        yes" in text


def write_settings(folder, text):
    """As editors do: a new file, under the old name."""
    (folder / "new").write_text(text)
    os.rename(folder / "new", folder / "hauld.conf")


@needs_landlock
@pytest.mark.skipif("measures_coverage()", reason="this build may open any file")
def test_settings_are_read_again_but_nothing_beside_them(start_daemon, tmp_path):
    daemon = start_daemon(config="MaxPerOrigin=3\n")
    write_settings(daemon.folder, "MaxPerOrigin=4\n")
    run_haul("reload", daemon=daemon).expect(0)
    assert look("stats", daemon=daemon)["limits"]["per_origin_default"] == 4
    (tmp_path / "foreign").write_text("MaxPerOrigin=5\n")
    (daemon.folder / "hauld.conf").unlink()
    (daemon.folder / "hauld.conf").symlink_to(tmp_path / "foreign")
    assert "Permission denied" in run_haul("reload", daemon=daemon).expect(78).err
    assert look("stats", daemon=daemon)["limits"]["per_origin_default"] == 4


@needs_landlock
def test_the_hosts_file_may_be_replaced(named, origin, tmp_path):
    _, daemon = named(hosts="127.0.0.1 one.test\n")
    run_haul("get", origin.url(host="one.test"), daemon=daemon).expect(0)
    (tmp_path / "new").write_text("127.0.0.1 two.test\n")
    os.rename(tmp_path / "new", tmp_path / "hosts")
    poll_until(lambda: run_haul("get", origin.url(host="two.test"), daemon=daemon).code == 0,
               "the new file is read")


# --- where it cannot be had, or is not wanted

MISSING = {"landlock_create_ruleset": ("Landlock", {"landlock_abi": 0, "seccomp": True}),
           "seccomp": ("seccomp", {"seccomp": False})}


@needs_seccomp
@pytest.mark.parametrize("call", MISSING)
def test_what_the_kernel_has_not_is_one_line_of_the_log(call, start_daemon, origin):
    word, expected = MISSING[call]
    daemon = start_daemon(wrapper=[*WITHOUT, call, "ENOSYS"])
    lines = [line for line in daemon.log().splitlines() if "confined" in line]
    assert len(lines) == 1 and lines[0].startswith("hauld: notice:") and word in lines[0], lines
    isolation = look("stats", daemon=daemon)["isolation"]
    assert expected.items() <= isolation.items(), isolation
    run_haul("get", origin.url(), daemon=daemon).expect(0)


@needs_seccomp
@pytest.mark.parametrize("call", MISSING)
def test_what_is_required_and_missing_is_no_start(call):
    with short_dir() as folder:
        (folder / "c").write_text("Isolation=required\n")
        done = subprocess.run([*WITHOUT, call, "ENOSYS", find_binary("hauld"), "--socket",
                               str(folder / "s"), "--config", str(folder / "c")],
                              timeout=WAIT_S, env=clean_env(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        assert done.returncode == 69, done
        assert MISSING[call][0] in done.stderr and "Isolation=" in done.stderr, done
        assert not (folder / "s").exists()


@needs_landlock
@needs_seccomp
def test_what_is_required_and_there_is_a_start(start_daemon, origin):
    daemon = start_daemon(config="Isolation=required\n")
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    assert_confined(daemon.pid)


def test_it_can_be_switched_off(start_daemon, origin):
    daemon = start_daemon(config="Isolation=off\n")
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    own = next(statuses(os.getpid()))
    for status in statuses(daemon.pid):
        for key in ("NoNewPrivs", "Seccomp", "CapEff"):
            assert status[key] == own[key], key
    isolation = look("stats", daemon=daemon)["isolation"]
    assert (isolation["landlock_abi"], isolation["seccomp"]) == (0, False)


def test_settings_by_a_link_are_read_again_until_it_leads_elsewhere(start_daemon, tmp_path):
    """What has come since the start is not among what may be read; then the cure is told."""
    for name, text in (("one", "MaxPerOrigin=2\n"), ("two", "MaxPerOrigin=3\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hauld.conf").write_text(text)
    with short_dir() as links:
        link = links / "hauld.conf"
        link.symlink_to(tmp_path / "one" / "hauld.conf")
        daemon = start_daemon(args=["--config", str(link)])
        run_haul("reload", daemon=daemon).expect(0)
        link.unlink()
        link.symlink_to(tmp_path / "two" / "hauld.conf")
        run = run_haul("reload", daemon=daemon)
        assert run.code == 0 or (run.code == 78 and "restart it" in run.err), run


@needs_landlock
@needs_seccomp
def test_doctor_says_what_confines():
    def isolation(*before):
        run = subprocess.run([*before, find_binary("haul"), "doctor"], capture_output=True,
                             text=True, env=clean_env(), timeout=WAIT_S)
        assert run.returncode == 0, run
        return next(line for line in run.stdout.splitlines() if " isolation " in line)
    whole = isolation()
    assert whole.startswith("ok ") and "Landlock (ABI " in whole and "seccomp" in whole, whole
    less = isolation(*WITHOUT, "landlock_create_ruleset", "ENOSYS")
    assert less.startswith("warn") and "by Landlock:" in less and "seccomp" not in less, less
