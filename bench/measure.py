"""What a command costs: wall, CPU and memory of its process and of all processes it started.

CPU is wait4()'s user + system time: of the process and of every descendant that was waited for
(haul waits for its private daemon, so the daemon is in it). Memory is looked at while it runs, from
/proc, because ru_maxrss would count what we held when we forked, and gives no sum.

A process started inside `pinned(core)` stays on that core, with all its children.
None: it stays where the kernel puts it.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_S = 0.02
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    exit_code: int                              # as a shell has it: 128 + signal
    rss_bytes: int                              # sum of all peaks (VmHWM)
    rss_by_name: dict = field(default_factory=dict)
    cpu_by_name: dict = field(default_factory=dict)  # [user, system] seconds, in ticks; a guide
    busy_s: dict = field(default_factory=dict)  # core -> seconds it was not idle meanwhile
    series: list = field(default_factory=list)  # (seconds since the start, VmRSS of all, bytes)


@contextlib.contextmanager
def pinned(core):
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(command, core, stdout=os.devnull, stderr=os.devnull, stdin=os.devnull, limit_s=120.0,
            cwd=None):
    """stdin, stdout, stderr are paths, or open files. After limit_s the command is killed."""
    with contextlib.ExitStack() as files:
        def opened(what, mode):
            return what if hasattr(what, "fileno") else files.enter_context(open(what, mode))
        streams = {"stdin": opened(stdin, "rb"), "stdout": opened(stdout, "wb"),
                   "stderr": opened(stderr, "wb")}
        start, busy = time.monotonic(), cores_busy_s()
        with pinned(core):
            process = subprocess.Popen(command, start_new_session=True, cwd=cwd, **streams)
    watch = Watch(process.pid)
    overdue = threading.Timer(limit_s, lambda: os.killpg(process.pid, signal.SIGKILL))
    overdue.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - start
        busy = {core: end_s - busy[core] for core, end_s in cores_busy_s().items()}
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        end(process)
        raise
    finally:
        overdue.cancel()
        watch.stop()
    code = process.returncode
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, code if code >= 0 else 128 - code,
                sum(watch.peaks().values()), watch.peaks(), watch.cpu(), busy, watch.series)


def end(process, patience_s=3.0):
    """Asks the process group politely, then not; returns when the process was waited for."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return


class Watch:
    """Looks at a process and its descendants fifty times a second, in a thread.

    The last VmHWM and CPU seen of each counts, not the highest: both start anew with exec."""

    def __init__(self, pid):
        self.series = []
        self._pid, self._seen = pid, {}
        self._start = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopping.is_set():
            self.series.append((time.monotonic() - self._start, self._look_at(self._pid)))
            self._stopping.wait(SAMPLE_S)

    def _look_at(self, pid):
        """Remembers what it sees; returns the resident bytes of the process and those below it."""
        rss = 0
        with contextlib.suppress(OSError):
            status = read_status(pid)
            if "VmHWM" in status:  # not a zombie
                self._seen[pid] = (status["Name"], kib(status["VmHWM"]), *user_and_system_s(pid))
                rss = kib(status["VmRSS"])
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                rss += self._look_at(int(child))
        return rss

    def stop(self):
        self._stopping.set()
        self._thread.join()

    def peaks(self):
        return self._by_name(1)

    def cpu(self):
        return {name: [user_s, system_s] for (name, user_s), system_s
                in zip(self._by_name(2).items(), self._by_name(3).values())}

    def _by_name(self, column):
        total = {}
        for row in self._seen.values():
            total[row[0]] = total.get(row[0], 0) + row[column]
        return total


# --- /proc ----------------------------------------------------------------------------------------

def read_status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def kib(text):
    return int(text.split()[0]) * 1024


def user_and_system_s(pid):
    """Of a process, its threads included, its children not."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) * TICK_S, int(fields[12]) * TICK_S


def wake_ups(pid):
    """How often the threads of a process went to sleep of their own will, and so woke up."""
    return sum(int(read_status(f"{pid}/task/{task}")["voluntary_ctxt_switches"])
               for task in os.listdir(f"/proc/{pid}/task"))


def thread_names(pid):
    return [Path(f"/proc/{pid}/task/{task}/comm").read_text().strip()
            for task in os.listdir(f"/proc/{pid}/task")]


def cores_busy_s():
    """Core -> seconds it was not idle since boot, whoever used it, the hypervisor included."""
    busy = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            busy[int(name[3:])] = (user + nice + system + irq + softirq + steal) * TICK_S
    return busy
