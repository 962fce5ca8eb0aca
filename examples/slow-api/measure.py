"""Runs a command and says what it cost: wall, CPU, memory, its children included.

CPU comes from wait4(): user and system time of the process and of every descendant that was waited
for (haul waits for its private daemon). Memory is the sum of the peak resident sizes (VmHWM) of the
process and all its descendants, looked at fifty times a second while it runs; wait4()'s ru_maxrss
would count what our own process held when it forked.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.02


@dataclass(frozen=True)
class Figures:
    start_ns: int       # CLOCK_MONOTONIC
    wall_s: float
    cpu_s: float
    rss_bytes: int
    exit_code: int      # as a shell has it: 128 + signal


def measure(command, stdout, stderr):
    """stdout and stderr are paths. The command runs in a process group of its own and is ended,
    with all of that group, when we are interrupted."""
    with open(stdout, "wb") as out, open(stderr, "wb") as err:
        start_ns = time.monotonic_ns()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   start_new_session=True)
    peaks = Peaks(process.pid)
    try:
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = (time.monotonic_ns() - start_ns) / 1e9
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        end_group(process)
        raise
    finally:
        peaks.stop()
    code = process.returncode
    return Figures(start_ns, wall_s, usage.ru_utime + usage.ru_stime,
                   peaks.total_bytes(), code if code >= 0 else 128 - code)


def end_group(process, patience_s=3.0):
    """Asks politely, then not; returns when the process has been waited for."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived it


class Peaks:
    """The last VmHWM seen of a process and of each of its descendants. It only grows, and starts
    anew with exec: so the last one counts, not the highest."""

    def __init__(self, pid):
        self._pid, self._peaks = pid, {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stopping.is_set():
            self._look_at(self._pid)
            self._stopping.wait(SAMPLE_S)

    def _look_at(self, pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self._peaks[pid] = int(line.split()[1]) * 1024
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                self._look_at(int(child))

    def stop(self):
        self._stopping.set()
        self._thread.join()

    def total_bytes(self):
        return sum(self._peaks.values())
