"""CASES J: few descriptors, few ports, no io_uring."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from origin import Origin, answer, expect_request, repeat, send, sleep, wait_for
from support import (WAIT_S, assert_succeeds, clean_env, cpu_s, error_name, fd_count, find_binary,
                     run_haul, short_dir, thread_names)

HERE = Path(__file__).parent
NO_URING = [sys.executable, str(HERE / "without.py"), "io_uring_setup"]
SLOW = [repeat([expect_request(), sleep(30), send(answer())])]


def may_seccomp():
    return subprocess.run([*NO_URING, "EPERM", "/bin/true"], capture_output=True).returncode == 0


def may_unshare():
    return subprocess.run(["unshare", "-Urn", "/bin/true"], capture_output=True).returncode == 0


# --- J07: no io_uring

CAUSES = {"EPERM": ("seccomp", "io_uring_disabled", "container"), "ENOSYS": ("kernel",)}


@pytest.mark.skipif(not may_seccomp(), reason="no seccomp filters here")
@pytest.mark.parametrize("error", CAUSES)
@pytest.mark.parametrize("program", ["hauld", "haul"])
def test_without_io_uring_there_is_one_clear_message(program, error, origin):
    with short_dir() as folder:
        command = {"hauld": ["--socket", str(folder / "s")],
                   "haul": ["get", "--private", origin.url()]}[program]
        done = subprocess.run([*NO_URING, error, find_binary(program), *command], timeout=WAIT_S,
                              env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)
    assert done.returncode == 69, done
    assert "io_uring" in done.stderr, done
    assert any(cause in done.stderr for cause in CAUSES[error]), done
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr
    assert done.stdout == ""


# --- J01, J03: descriptors

def test_raises_the_soft_limit_of_descriptors(start_daemon):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("the hard limit is no higher")
    daemon = start_daemon(limits={resource.RLIMIT_NOFILE: (1024, hard)})
    gate = threading.Event()
    with Origin([expect_request(), wait_for(gate), send(answer())], backlog=2000) as origin:
        threading.Thread(target=open_when, args=(gate, origin, 1200), daemon=True).start()
        run = run_haul("batch", "-c", "1200", "--max-per-origin", "1200", "-i", "-",
                       daemon=daemon, stdin=(origin.url() + "\n") * 1200).expect(0)
        assert len(run.records) == 1200
        assert origin.connections_count == 1200


def open_when(gate, origin, connections):
    deadline = time.monotonic() + 20
    while len(origin.requests) < connections and time.monotonic() < deadline:
        time.sleep(0.01)
    gate.set()


@pytest.mark.parametrize("limit", [256, 96])
def test_few_descriptors_make_items_wait_not_fail(limit, start_daemon, start_origin):
    daemon = start_daemon(limits={resource.RLIMIT_NOFILE: (limit, limit)})
    origin = start_origin(SLOW)
    run = run_haul("batch", "-c", "500", "--max-per-origin", "500", "-i", "-", daemon=daemon,
                   stdin="".join(origin.url(f"/{i}") + "\n" for i in range(600)))
    assert [r for r in run.records if error_name(r)] == [], run
    assert len(run.records) == 600
    assert 1 < origin.connections_count <= limit


def test_says_once_that_the_limit_clamps_its_connections(start_daemon):
    daemon = start_daemon(config="MaxConnections=10000\n",
                          limits={resource.RLIMIT_NOFILE: (256, 256)})
    lines = [line for line in daemon.log().splitlines()
             if "MaxConnections" in line or "descriptor" in line.lower()]
    assert len(lines) == 1, daemon.log()


def test_haul_itself_lives_with_few_descriptors(start_origin):
    origin = start_origin(SLOW)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))}
    run = run_haul("batch", "-c", "400", "-i", "-",
                   stdin="".join(origin.url(f"/{i}") + "\n" for i in range(400)), **limit)
    assert (run.code, len(run.records)) == (0, 400), run
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == hard


def test_out_of_descriptors_on_accept_does_not_spin(start_daemon, origin, until):
    limit = 96
    daemon = start_daemon(limits={resource.RLIMIT_NOFILE: (limit, limit)})
    served = daemon.connect()
    clients = []
    try:
        for _ in range(limit + 40):
            clients.append(daemon.connect())
        used = cpu_s(daemon.pid)
        time.sleep(0.5)
        assert cpu_s(daemon.pid) - used < 0.15
        served.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
        assert b"vendor" in served.recv(65536)
    finally:
        for client in clients:
            client.close()
    assert_succeeds(run_haul("batch", origin.url(), daemon=daemon).record)
    until(lambda: fd_count(daemon.pid) < limit // 2, "descriptors are back")
    served.close()


# --- J03: ports

@pytest.mark.skipif(not may_unshare(), reason="no user and network namespaces here")
def test_few_local_ports_make_items_wait_not_fail():
    done = subprocess.run(["unshare", "-Urn", sys.executable, str(HERE / "few_ports.py")],
                          capture_output=True, text=True, timeout=60)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == 40, done
    failures = {error_name(record) for record in records} - {None}
    assert failures <= {"local/no_ports"}, done
    assert done.returncode == (1 if failures else 0)


# --- what a daemon is made of

def test_has_no_threads_of_io_uring_for_any_verb(start_daemon, start_origin, tmp_path):
    daemon = start_daemon(args=["--workers", "1"])
    origin = start_origin([repeat([expect_request(), send(answer(b"x" * 300000))])])
    urls = [origin.url(f"/{i}") for i in range(20)]
    run_haul("batch", *urls, daemon=daemon).expect(0)
    run_haul("batch", "--output-dir", tmp_path, *urls, daemon=daemon).expect(0)
    run_haul("get", "-o", tmp_path / "one", urls[0], daemon=daemon).expect(0)
    run_haul("ping", daemon=daemon).expect(0)
    names = thread_names(daemon.pid)
    assert not [name for name in names if name.startswith("iou-")], names
    assert len(names) <= 3, names


def test_an_idle_daemon_does_nothing(start_daemon, origin):
    daemon = start_daemon()
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    used, switches = cpu_s(daemon.pid), context_switches(daemon.pid)
    time.sleep(0.6)
    assert cpu_s(daemon.pid) - used < 0.05
    assert context_switches(daemon.pid) - switches <= 4


def context_switches(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("voluntary_ctxt_switches:")[2].split()[0])


def test_without_locked_memory_it_says_so_or_does_without():
    """J06. Kernels differ in what they count; root may lock as much as there is."""
    def lower():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    nobody = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
    done = subprocess.run([find_binary("haul"), "get", "http://127.0.0.1:9/"], timeout=WAIT_S,
                          capture_output=True, text=True, preexec_fn=lower, env=clean_env(),
                          cwd="/", **nobody)
    if done.returncode == 69:
        assert "the limit of locked memory is 0" in done.stderr, done
    else:
        assert done.returncode == 7 and "connect/refused" in done.stderr, done
