"""docs/BENCHMARKS.md and docs/benchmarks.json: what was measured, where, with which commands.

What a person wrote below the mark in BENCHMARKS.md (why a target is missed, what comes next) stays.
"""

import datetime
import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path

from clients import TOP, versions

MARK = "<!-- Written by hand from here on; make bench keeps it. -->"
COLUMNS = ("#", "work", "haul", "peer", "ratio", "target", "reached")

INTRO = """# Benchmarks

Written by `make bench`; the raw figures are in [benchmarks.json](benchmarks.json).

All clients of a row run on the same machine, against the same origin, in turns (A B B A ...), and
the ratio is that of their medians: the figures of one machine say little, ratios more. The origin
(nginx, one process) has one core, all client processes the other, `haul`, its daemon `hauld` and
their start-up included. CPU is user + system of all client processes, divided by what was achieved.
Records and latency histograms are made in every run of haul. A run that was not done in full, or
that haul itself does not call VALID, is thrown away and repeated. *origin-bound*: the origin used
95 % of its core or more, so the row measures the origin. *disturbed*: others used more than 10 %
of a core meanwhile.
"""


def git(*words):
    answer = subprocess.run(["git", *words], cwd=TOP, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def machine(bench):
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
    memory = Path("/proc/meminfo").read_text().split()[1]
    changed = " (with uncommitted changes)" if git("status", "--porcelain", "-uno") else ""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "--short=12", "HEAD") + changed,
        "kernel": os.uname().release,
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_mb": int(memory) // 1024,
        "origin_core": bench.origin_core,
        "client_core": bench.client_core,
        "rounds": bench.rounds,
        "quick": bench.quick,
        "versions": versions(bench),
    }


def cells(row):
    reached = {True: "yes", False: "**no**", None: "not judged"}[row.reached]
    return (row.number, row.work, row.haul, row.peer, row.ratio, row.target, reached)


def markdown(about, rows):
    lines = [INTRO, "| | |", "|---|---|"]
    for name, value in about.items():
        if name == "versions":
            value = ", ".join(f"{tool} {version}" for tool, version in value.items())
        lines.append(f"| {name.replace('_', ' ')} | {value} |")
    lines += ["", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    notes = [f"* {row.number}: {'; '.join(row.notes)}" for row in rows if row.notes]
    lines += ["", "## Notes", "", *notes] if notes else []
    lines += ["", "## Commands", "", "`$DIR` is a temporary folder on tmpfs; the ports are those "
              "of the run's own nginx (`bench/nginx.conf`, `examples/slow-api/nginx.conf`).", ""]
    seen = set()
    for row in rows:
        fresh = [command for command in row.commands if command not in seen]
        seen.update(fresh)
        if fresh:
            lines += [f"{row.number}:", "", "```", *fresh, "```", ""]
    return "\n".join(lines)


def write(folder, bench, rows):
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    about, page = machine(bench), folder / "BENCHMARKS.md"
    old = page.read_text() if page.exists() else ""
    kept = old[old.index(MARK):] if MARK in old else MARK + "\n"
    page.write_text(markdown(about, rows) + "\n" + kept)
    whole = {"schema": "haul-bench", "schemaVersion": 1, **about,
             "rows": [asdict(row) for row in rows]}
    (folder / "benchmarks.json").write_text(json.dumps(whole, indent=1) + "\n")
    return page


def text(rows):
    """For the terminal: a block per row."""
    lines = []
    for row in rows:
        number, work, haul, peer, ratio, target, reached = cells(row)
        lines += [f"{number:<10} {work}", f"    haul {haul}   {peer if peer != '-' else ''}"
                  + (f"   ratio {ratio}" if ratio != "-" else ""),
                  f"    target {target}: {reached.strip('*')}"]
        lines += [f"    note: {note}" for note in row.notes]
    return "\n".join(lines)
