"""What the system tests share: the binaries, a daemon of our own, one run of haul, /proc.

Everything started here is ended here, by its own pid. Nothing reads HOME or XDG_RUNTIME_DIR; every
port is ephemeral; waiting is polling with a deadline.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import taint

TOP = Path(__file__).resolve().parents[2]
WAIT_S = 10.0       # for what should take milliseconds; sanitizers and a busy machine included
HAUL_S = 30.0       # the longest a haul command may take in a test

# curl's exit number of each error name (CLI.md, "Error names").
CURL_CODES = {
    "input/url": 3, "input/scheme": 1, "input/argument": 43, "input/too_big": 43,
    "policy/denied": 7,
    "admission/busy": 42, "admission/quota": 42, "admission/draining": 42,
    "dns/not_found": 6, "dns/failed": 6, "dns/proxy": 5,
    "connect/refused": 7, "connect/unreachable": 7, "connect/reset": 7,
    "connect/proxy": 56,
    "timeout/queue": 28, "timeout/dns": 28, "timeout/connect": 28, "timeout/tls": 28,
    "timeout/send": 28, "tls/handshake": 35, "tls/verify": 60, "tls/alpn": 35, "timeout/first_byte": 28, "timeout/idle": 28, "timeout/total": 28,
    "http/empty": 52, "http/malformed": 8, "http/partial": 18, "http/too_big": 63,
    "http/encoding": 61, "http/redirects": 47, "http/status": 22,
    "io/recv": 56, "io/send": 55,
    "sink/write": 23, "sink/slow": 23,
    "cancelled/client": 42, "cancelled/daemon": 42,
    "storage/corrupt": 23,
    "local/no_descriptors": 7, "local/no_ports": 7, "local/no_memory": 27,
}

RECORD_KEYS = {
    "id", "url", "effective_url", "method", "status", "ok", "error", "exitcode", "attempts",
    "redirects", "http_version", "remote_ip", "remote_port", "reused", "tls_resumed",
    "tls_version", "tls_cipher", "size_download", "size_wire", "content_type", "output", "hash", "redelivered",
    "time_queue", "time_namelookup", "time_connect", "time_appconnect", "time_pretransfer",
    "time_starttransfer", "time_total", "time_redirect", "service_ns", "response_ns", "late_ns", "phases", "t0_ns",
    "started_at",
}
PHASES = {"queue", "dns", "connect", "tls", "send", "wait", "receive", "deliver"}


def find_binary(name):
    """From $HAUL_BUILD, else build-test/ (sanitizers), else build/."""
    given = os.environ.get("HAUL_BUILD")
    for folder in [Path(given)] if given else [TOP / "build-test", TOP / "build"]:
        path = folder.resolve() / name
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f"{name} is not built: run make, or set HAUL_BUILD to a build folder")


def poll_until(is_so, what, within_s=WAIT_S):
    """Returns the first true result of is_so(); the test fails, naming what, if none comes."""
    deadline = time.monotonic() + within_s
    while True:
        result = is_so()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(0.01)


def clean_env(**more):
    """An environment with no HOME, no runtime directory, no proxies: PATH and what is asked for."""
    kept = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "HAULD_FAULTS")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    return env | {"LC_ALL": "C.UTF-8"} | {k: v for k, v in more.items() if v is not None}


@contextlib.contextmanager
def short_dir():
    """A folder whose path leaves room for a socket's name (108 bytes)."""
    path = tempfile.mkdtemp(prefix="haul-")
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


# --- /proc ---

def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def thread_names(pid):
    names = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            names.append(Path(f"/proc/{pid}/task/{task}/comm").read_text().strip())
    return names


def status_kib(pid, key):
    """VmRSS, VmHWM, ... of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


def children_of(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def is_running(pid):
    """False for a zombie: it has ended, whoever has yet to collect it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def cpu_s(pid):
    """User and system time used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_sanitized():
    """Whether the binaries under test carry AddressSanitizer: memory figures mean nothing then."""
    return b"__asan_init" in Path(find_binary("hauld")).read_bytes()


# --- a daemon ---

def limit_setter(limits):
    """A preexec function for {resource.RLIMIT_X: (soft, hard)}."""
    def apply():
        for which, values in (limits or {}).items():
            resource.setrlimit(which, values)
    return apply


class Daemon:
    """One `hauld --socket PATH`, ready to accept."""

    def __init__(self, args=(), config=None, limits=None, wrapper=(), env=None):
        self._stack = contextlib.ExitStack()
        self.folder = self._stack.enter_context(short_dir())
        self.socket = str(self.folder / "hauld.sock")
        self._log = open(self.folder / "stderr", "wb")
        command = [*wrapper, find_binary("hauld"), "--socket", self.socket, *args]
        if config is not None:
            (self.folder / "hauld.conf").write_text(config)
            command += ["--config", str(self.folder / "hauld.conf")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._log,
            env=clean_env(**(env or {})), cwd=self.folder, start_new_session=True,
            preexec_fn=limit_setter(limits) if limits else None)
        try:
            poll_until(self._accepts, "hauld answers on its socket")
        except BaseException:
            self.kill()
            self._stack.close()
            raise

    def _accepts(self):
        if self.process.poll() is not None:
            raise AssertionError(f"hauld ended with {self.process.returncode}: {self.log()}")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(WAIT_S)
            if probe.connect_ex(self.socket) != 0:
                return False
            # The kernel takes connections before hauld has its ring: ready is who answers.
            probe.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
            return probe.recv(1) != b""

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(WAIT_S)
        sock.connect(self.socket)
        return sock

    def is_alive(self):
        return self.process.poll() is None

    def assert_alive(self):
        assert self.is_alive(), f"hauld ended with {self.process.poll()}:\n{self.log()}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Asks it to end, and checks that it did so well: exit 0, no sanitizer report."""
        try:
            if self.is_alive():
                self.process.terminate()
            code = self.process.wait(WAIT_S)
            log = self.log()
            assert "Sanitizer" not in log and "runtime error:" not in log, log
            assert code == 0, f"hauld ended with {code}:\n{log}"
        finally:
            self.kill()
            self._log.close()
            self._stack.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        try:
            self.stop()
        except AssertionError:
            if kind is None:
                raise   # the test's own failure comes first


# --- haul ---

@dataclass
class Run:
    """What one haul command did."""

    argv: list
    code: int
    out: bytes
    err: str
    seconds: float

    @property
    def records(self):
        return [json.loads(line) for line in self.out.decode().splitlines()]

    @property
    def record(self):
        assert len(self.records) == 1, f"{len(self.records)} records\n{self}"
        return self.records[0]

    def by_id(self):
        return {record["id"]: record for record in self.records}

    def by_url(self):
        return {record["url"]: record for record in self.records}

    def expect(self, code):
        assert self.code == code, f"exit {self.code}, expected {code}\n{self}"
        return self

    def __str__(self):
        return (f"$ haul {' '.join(self.argv)}\nexit {self.code} after {self.seconds:.2f} s\n"
                f"stdout: {self.out[:2000]!r}\nstderr: {self.err[:4000]}")


def spawn_haul(*args, daemon=None, **kwargs):
    """Popen of haul, in a process group of its own, in a clean environment. Without a daemon it
    starts its private one."""
    if taint.active:
        args, _ = taint.active.mark(args, None, kwargs.get("env"))
    return start_haul(*args, daemon=daemon, **kwargs)


def start_haul(*args, daemon, **kwargs):
    where = ["--socket", daemon.socket, "--no-private"] if daemon else ["--private"]
    kwargs.setdefault("env", clean_env())
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    kwargs.setdefault("stdout", subprocess.PIPE)
    kwargs.setdefault("stderr", subprocess.PIPE)
    verb, *rest = [str(arg) for arg in args]
    return subprocess.Popen([find_binary("haul"), verb, *where, *rest], start_new_session=True,
                            **kwargs)


def run_haul(*args, daemon=None, stdin=None, timeout=HAUL_S, **kwargs):
    """Runs it to its end. stdin: bytes or text for its standard input (none: /dev/null)."""
    if taint.active:
        with taint.active.beside(daemon):
            marked, stdin = taint.active.mark(args, stdin, kwargs.get("env"))
            run = finish_haul(marked, daemon, stdin, timeout, kwargs)
        run.argv = [str(arg) for arg in args]
        taint.active.saw_output(run, daemon)
        return run
    return finish_haul(args, daemon, stdin, timeout, kwargs)


def finish_haul(args, daemon, stdin, timeout, kwargs):
    if stdin is not None:
        kwargs["stdin"] = subprocess.PIPE
        stdin = stdin.encode() if isinstance(stdin, str) else stdin
    start = time.monotonic()
    process = start_haul(*args, daemon=daemon, **kwargs)
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"haul {args} did not end within {timeout} s") from None
    finally:
        end_group(process)
    err = (err or b"").decode(errors="replace")
    assert "Sanitizer" not in err and "runtime error:" not in err, err
    return Run([str(a) for a in args], process.returncode, out or b"", err,
               time.monotonic() - start)


def end_group(process):
    """Ends a process we started with start_new_session, and waits for it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def error_name(record):
    """"domain/code" of a record, or None."""
    error = record["error"]
    return f"{error['domain']}/{error['code']}" if error else None


def assert_fails(record, *names):
    """The record carries one of these error names, its phase, a message, and curl's number."""
    assert error_name(record) in names, record
    assert record["ok"] is False, record
    assert record["error"]["phase"], record
    assert record["error"]["message"], record
    assert record["exitcode"] == CURL_CODES[error_name(record)], record


def assert_succeeds(record, status=200):
    assert (record["error"], record["ok"], record["status"]) == (None, True, status), record
    assert record["exitcode"] == 0, record


def most_within(times, span_s):
    """The most requests that began within any span of that length."""
    times, first, most = sorted(times), 0, 0
    for last, at in enumerate(times):
        while times[first] < at - span_s:
            first += 1
        most = max(most, last - first + 1)
    return most
