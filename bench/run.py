#!/usr/bin/python3
"""make bench: haul beside its peers, on this machine, now.

    bench/run.py [--build DIR] [--against DIR] [--quick] [--rounds N] [--docs DIR] [ROW...]

Without rows all are run, in under ten minutes, and docs/BENCHMARKS.md and docs/benchmarks.json are
written. With rows (B1, B2, ...) or --quick (under two minutes, smaller work, for trying it out)
nothing is written unless --docs names a folder. What is not installed is left out, and said.
--against names the build of another commit: it runs in the place of the peers, so that a change is
measured by what it changed (B11's daemon is that of --build; rows without a peer stay as they are).

Reading order: rows.py (what is measured), clients.py (who does it), rounds.py (in turns),
measure.py (what it costs), origin.py and daemon.py (what runs beside it), table.py.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import table
from clients import Bench, TOP
from origin import Missing
from rows import ROWS

ROOM_BYTES = 2 * 2**30  # a million records, and as much again
NAMES = [name for names in ROWS for name in names]


def parse_arguments():
    parser = argparse.ArgumentParser(description="haul beside its peers")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=" ".join(NAMES))
    parser.add_argument("--build", default="build", help="folder with haul and hauld")
    parser.add_argument("--against", default="", metavar="BUILD",
                        help="compare with the haul of this build, not with the peers")
    parser.add_argument("--quick", action="store_true", help="smaller work, two rounds")
    parser.add_argument("--rounds", type=int, help="runs of each client per row")
    parser.add_argument("--docs", help="folder to write BENCHMARKS.md and benchmarks.json to")
    args = parser.parse_args()
    unknown = [row for row in args.rows if row not in NAMES]
    if unknown:
        parser.error(f"no row {unknown[0]}; there are {' '.join(NAMES)}")
    if not args.docs and not args.rows and not args.quick and not args.against:
        args.docs = TOP / "docs"
    return args


def check_build(build):
    """A sentence why this build cannot be measured, or ''."""
    if not all(os.access(TOP / build / name, os.X_OK) for name in ("haul", "hauld")):
        return f"{build} has no haul and hauld; run make first"
    options = TOP / build / "meson-info" / "intro-buildoptions.json"
    if options.exists():
        values = {row["name"]: row["value"] for row in json.loads(options.read_text())}
        if values.get("b_sanitize", "none") not in ("none", []):
            return f"{build} is built with sanitizers: it would measure them"
    return ""


def choose_cores():
    """(origin's, clients'), or none with a word."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) >= 2:
        return cores[0], cores[1]
    print("One core only: nothing is pinned, and origin and client disturb each other.")
    return None, None


@contextlib.contextmanager
def scratch_folder():
    """On tmpfs where there is room, so that no disk is measured."""
    parent = Path("/dev/shm")
    if not os.access(parent, os.W_OK) or shutil.disk_usage(parent).free < ROOM_BYTES:
        parent = Path(tempfile.gettempdir())
        print(f"/dev/shm has no room: records go to {parent}, so a disk may be measured, too.")
    with tempfile.TemporaryDirectory(prefix="haul-bench-", dir=parent) as folder:
        yield Path(folder)


def run_rows(bench, wanted):
    results = []
    for names, row in ROWS.items():
        if wanted and not set(names) & set(wanted):
            continue
        start = time.monotonic()
        print(f"{' '.join(names)}", flush=True)
        results += row(bench, lambda line: print(line, flush=True))
        if bench.quick:
            judge_nothing(results)
        print(f"    ({time.monotonic() - start:.0f} s)", flush=True)
    return results


def judge_nothing(results):
    """Smaller work reaches no target, whatever it measured."""
    for result in results:
        result.reached = None
        result.notes = [note for note in result.notes if note not in ("stretch reached", "quick")]
        result.notes.append("quick")


def main():
    args = parse_arguments()
    build, against = (name and os.path.relpath(TOP / name, TOP)
                      for name in (args.build, args.against))
    for wrong in map(check_build, filter(None, (build, against))):
        if wrong:
            sys.exit(f"bench: {wrong}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every `with` is left
    origin_core, client_core = choose_cores()
    with scratch_folder() as folder:
        bench = Bench(build, folder, origin_core, client_core,
                      args.rounds or (2 if args.quick else 5), args.quick, against)
        try:
            results = run_rows(bench, args.rows)
        except Missing as error:
            sys.exit(f"bench: {error}")
    print("\n" + table.text(results))
    if args.docs:
        print(f"\nwritten: {os.path.relpath(table.write(args.docs, bench, results))}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
