"""Those who ask: haul and its peers. Each function runs one once and returns a Sample.

A sample whose work was not done in full, or which haul itself does not call VALID, has a `trouble`
and counts nowhere. `cpu_us` and `rate` are per request and per second of what was achieved, over
the whole life of the client's processes: start-up is in it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from measure import measure

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
PYTHON = "/usr/bin/python3"     # Debian's: it has Debian's aiohttp


@dataclass(frozen=True)
class Bench:
    """Where and how this run happens."""

    build: str                  # relative to the checkout
    folder: Path                # for everything we write; on tmpfs
    origin_core: int | None
    client_core: int | None
    rounds: int
    quick: bool
    against: str = ""           # another build, to run beside this one instead of the peers

    @property
    def haul(self):
        return f"{self.build}/haul"

    @property
    def hauld(self):
        return f"{self.build}/hauld"

    def pick(self, full, quick):
        return quick if self.quick else full


@dataclass
class Sample:
    command: str
    values: dict = field(default_factory=dict)
    trouble: str = ""           # why it does not count
    notes: list = field(default_factory=list)
    series: list = field(default_factory=list)  # memory over time, see measure.Cost


# --- what is there --------------------------------------------------------------------------------

PACKAGES = {"wrk": "wrk", "curl": "curl", "ab": "apache2-utils", "aiohttp": "python3-aiohttp",
            "hey": "hey", "h2load": "nghttp2-client"}


def missing(peer):
    """'' or a sentence."""
    if peer == "aiohttp":
        there = subprocess.run([PYTHON, "-c", "import aiohttp"], stderr=subprocess.DEVNULL,
                               check=False).returncode == 0
    else:
        there = shutil.which(peer) is not None
    return "" if there else f"{peer} is not installed (Debian: {PACKAGES[peer]})"


def versions(bench):
    """Name -> version, of whatever is there."""
    questions = {
        "haul": ([bench.haul, "--version"], r"(\d[\w.~+-]*)"),
        "wrk": (["wrk", "-v"], r"wrk (\S+)"),
        "curl": (["curl", "--version"], r"curl (\S+)"),
        "aiohttp": ([PYTHON, "-c", "import aiohttp; print(aiohttp.__version__)"], r"(\d\S*)"),
        "python": ([PYTHON, "--version"], r"Python (\S+)"),
    }
    found = {}
    for name, (command, pattern) in questions.items():
        try:
            answer = subprocess.run(command, capture_output=True, text=True, cwd=TOP, timeout=10,
                                    check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        match = re.search(pattern, answer.stdout + answer.stderr)
        if match:
            found[name] = match.group(1)
    return found


# --- what they share ------------------------------------------------------------------------------

def shown(bench, command, rest=""):
    """The command as one types it; $DIR is our folder."""
    return (shlex.join(map(str, command)) + rest).replace(str(bench.folder), "$DIR")


def write_urls(bench, name, urls):
    path = bench.folder / name
    if not path.exists():
        with open(path, "w") as out:
            out.writelines(f"{url}\n" for url in urls)
    return path


def per_request(cost, count):
    return {"cpu_us": cost.cpu_s / count * 1e6, "rate": count / cost.wall_s, "wall_s": cost.wall_s,
            "cpu_s": cost.cpu_s, "rss_bytes": cost.rss_bytes, "cpu_by_name": cost.cpu_by_name,
            "rss_by_name": cost.rss_by_name, "busy_s": cost.busy_s}


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def last_line(path):
    lines = Path(path).read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


# --- haul -----------------------------------------------------------------------------------------

def haul_batch(bench, urls, count, connections, where=("--private",), keep_records=True,
               stdin=os.devnull, limit_s=120.0, fills_core=False):
    """haul batch, records to a file (or /dev/null), its report read back and judged. fills_core:
    the row is about what a core of ours can do, so a full one is no reason to doubt it."""
    records = bench.folder / "records.jsonl" if keep_records else Path(os.devnull)
    report, stderr = bench.folder / "report.json", bench.folder / "stderr"
    command = [bench.haul, "batch", *where, "-c", str(connections), "-i", urls, "--discard",
               "--records", "all", "--report", report]
    report.unlink(missing_ok=True)
    cost = measure(command, bench.client_core, stdin=stdin, stdout=records, stderr=stderr,
                   limit_s=limit_s, cwd=TOP)
    sample = Sample(shown(bench, command, f" > {records}"), per_request(cost, count))
    sample.series = cost.series
    sample.trouble = haul_trouble(cost, report, stderr, count, fills_core)
    if keep_records and not sample.trouble and count_lines(records) != count:
        sample.trouble = f"{count_lines(records)} records of {count} items"
    if keep_records:
        records.unlink()
    return sample


def haul_bench(bench, url, seconds, connections, rate=None, where=("--private",)):
    """haul bench, closed or open loop. A closed loop is there to fill the core."""
    report, stderr = bench.folder / "report.json", bench.folder / "stderr"
    command = [bench.haul, "bench", *where, "-c", str(connections), "-d", f"{seconds}s",
               *(["-R", str(rate)] if rate else []), "--report", report, url]
    report.unlink(missing_ok=True)
    cost = measure(command, bench.client_core, stderr=stderr, cwd=TOP)
    sample = Sample(shown(bench, command))
    if cost.exit_code != 0 or not report.exists():
        sample.trouble = f"exit code {cost.exit_code}: {last_line(stderr)}"
        return sample
    run = json.loads(report.read_text())
    count, response = run["summary"]["requests"], run["summary"]["response"]
    sample.values = per_request(cost, count) | {
        "p50_s": response["p50_ns"] / 1e9, "p99_s": response["p99_ns"] / 1e9,
        "late_p99_s": run["summary"]["lateness"]["p99_ns"] / 1e9}
    sample.trouble = haul_trouble(cost, report, stderr, count, fills_core=rate is None)
    return sample


def haul_trouble(cost, report, stderr, count, fills_core):
    if cost.exit_code != 0 or not report.exists():
        return f"exit code {cost.exit_code}: {last_line(stderr)}"
    run = json.loads(report.read_text())
    if run["summary"]["ok"] != count or run["status"] != {"200": count}:
        return f"{run['summary']['ok']} of {count} items ok, status {run['status']}"
    reasons = [reason for reason in run["verdict"]["reasons"]
               if not (fills_core and reason.startswith("our own processes "))]
    if reasons:
        return f"{run['verdict']['state']}: {'; '.join(reasons)}"
    return ""


# --- peers ----------------------------------------------------------------------------------------

def wrk(bench, url, connections, seconds):
    stdout = bench.folder / "wrk.out"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    cost = measure(command, bench.client_core, stdout=stdout)
    text = stdout.read_text()
    done = re.search(r"(\d+) requests in", text)
    if cost.exit_code != 0 or not done or int(done.group(1)) == 0:
        return Sample(shown(bench, command), trouble=f"exit code {cost.exit_code}: {text[-200:]}")
    sample = Sample(shown(bench, command), per_request(cost, int(done.group(1))))
    wrong = re.search(r"Socket errors:.*|Non-2xx.*", text)
    sample.trouble = wrong.group(0) if wrong else ""
    return sample


def ab(bench, url, count, connections):
    """A new connection per request, which is what it does unless told otherwise."""
    stdout = bench.folder / "ab.out"
    command = ["ab", "-q", "-n", str(count), "-c", str(connections), url]
    cost = measure(command, bench.client_core, stdout=stdout)
    text = stdout.read_text()
    sample = Sample(shown(bench, command), per_request(cost, count))
    if cost.exit_code != 0 or not re.search(rf"Complete requests: +{count}\n", text) \
            or not re.search(r"Failed requests: +0\n", text):
        sample.trouble = f"exit code {cost.exit_code}: {text[-200:]}"
    return sample


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def hey(bench, url, seconds, connections, rate):
    """Its -q is per connection; its times begin when it sends."""
    stdout = bench.folder / "hey.csv"
    command = ["hey", "-z", f"{seconds}s", "-c", str(connections), "-q",
               str(rate // connections), "-o", "csv", url]
    cost = measure(command, bench.client_core, stdout=stdout)
    rows = [line.split(",") for line in stdout.read_text().splitlines()[1:]]
    if cost.exit_code != 0 or not rows:
        return Sample(shown(bench, command), trouble=f"exit code {cost.exit_code}")
    times = sorted(float(row[0]) for row in rows)
    sample = Sample(shown(bench, command), per_request(cost, len(rows)) | {
        "p50_s": quantile(times, 0.5), "p99_s": quantile(times, 0.99)})
    wrong = sum(row[6] != "200" for row in rows)
    sample.trouble = f"{wrong} answers are not 200" if wrong else ""
    return sample


def h2load(bench, url, seconds, connections, rate):
    """HTTP/1.1; its --rps is per connection; the times are of its own log, in microseconds."""
    log = bench.folder / "h2load.log"
    log.unlink(missing_ok=True)  # it would append
    command = ["h2load", "--h1", "-c", str(connections), "-D", str(seconds), "--rps",
               str(rate // connections), f"--log-file={log}", url]
    cost = measure(command, bench.client_core)
    rows = [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
    if cost.exit_code != 0 or not rows:
        return Sample(shown(bench, command), trouble=f"exit code {cost.exit_code}")
    times = sorted(int(row[2]) / 1e6 for row in rows)
    sample = Sample(shown(bench, command), per_request(cost, len(rows)) | {
        "p50_s": quantile(times, 0.5), "p99_s": quantile(times, 0.99)})
    wrong = sum(row[1] != "200" for row in rows)
    sample.trouble = f"{wrong} answers are not 200" if wrong else ""
    return sample


def to_file(bench, program, url, path):
    """One body to a file; program is ours or curl, and the flags are the same."""
    stderr = bench.folder / "stderr"
    command = [*program, "-s", "-o", path, url]
    cost = measure(command, bench.client_core, stderr=stderr, cwd=TOP)
    sample = Sample(shown(bench, command), per_request(cost, 1))
    if cost.exit_code != 0:
        sample.trouble = f"exit code {cost.exit_code}: {last_line(stderr)}"
    return sample


def again_and_again(bench, program, url, count):
    """A process per request, from a shell."""
    stderr = bench.folder / "stderr"
    loop = f'i=0; while [ $i -lt {count} ]; do "$@" || exit 1; i=$((i+1)); done'
    command = ["sh", "-c", loop, "sh", *program, "-s", "-o", "/dev/null", url]
    cost = measure(command, bench.client_core, stderr=stderr, cwd=TOP)
    sample = Sample(shown(bench, command), per_request(cost, count))
    if cost.exit_code != 0:
        sample.trouble = f"exit code {cost.exit_code}: {last_line(stderr)}"
    return sample


def curl_parallel(bench, urls, count, connections):
    """One transfer per URL, bodies to /dev/null. Its cap is 300 connections."""
    config = bench.folder / f"{urls.stem}.curl"
    if not config.exists():
        config.write_text("".join(f'url = "{url}"\noutput = "/dev/null"\n'
                                  for url in urls.read_text().split()))
    stderr = bench.folder / "stderr"
    command = ["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max",
               str(connections), "--config", config]
    cost = measure(command, bench.client_core, stderr=stderr)
    sample = Sample(shown(bench, command), per_request(cost, count))
    if cost.exit_code != 0:
        sample.trouble = f"exit code {cost.exit_code}: {last_line(stderr)}"
    return sample


def aiohttp(bench, urls, count, connections):
    stdout, stderr = bench.folder / "aiohttp.out", bench.folder / "stderr"
    command = [PYTHON, HERE / "peer_aiohttp.py", urls, str(connections)]
    cost = measure(command, bench.client_core, stdout=stdout, stderr=stderr)
    sample = Sample(shown(bench, [PYTHON, "bench/peer_aiohttp.py", *command[2:]]),
                    per_request(cost, count))
    if cost.exit_code != 0 or stdout.read_text().strip() != str(count):
        sample.trouble = f"exit code {cost.exit_code}: {last_line(stderr)}"
    return sample
