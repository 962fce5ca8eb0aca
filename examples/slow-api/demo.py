#!/usr/bin/python3
"""The story of haul in half a minute: three clients wait for a slow web API.

    /usr/bin/python3 examples/slow-api/demo.py --haul build/haul

1. gunicorn serves app.py with two workers. 2 and then 3 requests are made one by one, by asyncio,
   and by haul; a picture shows what each of them waited for.
2. nginx sleeps the same second for 10 000 clients at a time. asyncio and haul again.

Every figure is measured here and now: wall from the start of the client's process to its end (so
Python's start-up and haul's start of its daemon are in it), CPU and memory of the client and of all
processes it started. Only loopback is used, and everything started is ended, also on Ctrl-C.
"""

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from draw import LEGEND, Row, picture
from measure import Figures, measure
from servers import Gunicorn, Missing, Nginx, NotStarted

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
PYTHON = "/usr/bin/python3"     # Debian's: it has Debian's requests and aiohttp
WORKERS = 2
MANY = 10000
SPARE_DESCRIPTORS = 200         # beside the connections: what a client and its libraries hold


@dataclass(frozen=True)
class Client:
    name: str
    modules: tuple      # Python modules it cannot do without
    command: object     # function(url, count, folder) -> argv
    read_rows: object   # function(line as dict) -> (start_ns, started_ns, end_ns, status)


@dataclass(frozen=True)
class Outcome:
    client: str
    requests: int
    figures: Figures
    rows: list          # draw.Row, in seconds since the client's start
    workers: list       # who served each row
    failed: int
    stderr: str


# --- the clients ---------------------------------------------------------------------------------

def python_row(line):
    return line["start_ns"], line["started_ns"], line["end_ns"], line["status"], line["worker"]


def haul_row(record):
    """A record of haul, and the fields of the response in it, as the same four figures."""
    fields = {name.lower(): value for name, value in (record.get("headers") or {}).items()}
    fields = {name: v[0] if isinstance(v, list) else v for name, v in fields.items()}
    phases = record["phases"]
    before = sum(phases[name] for name in ("queue", "dns", "connect", "tls"))
    return (record["t0_ns"] + before, int(fields.get("x-started", 0)),
            record["t0_ns"] + record["response_ns"], record["status"], fields.get("x-worker"))


def serial_command(url, count, folder):
    return [PYTHON, str(HERE / "client_serial.py"), url, str(count)]


def asyncio_command(url, count, folder):
    return [PYTHON, str(HERE / "client_asyncio.py"), url, str(count), "--limit", "0"]


def haul_command(haul, *flags):
    def command(url, count, folder):
        urls = folder / f"urls-{count}.txt"
        urls.write_text((url + "\n") * count)
        return [haul, "batch", "--private", *flags, "-i", str(urls)]
    return command


def clients_of(haul):
    return {
        "requests": Client("requests, one by one", ("requests",), serial_command, python_row),
        "serial": Client("haul batch --serial", (), haul_command(haul, "--serial", "--headers"),
                         haul_row),
        "asyncio": Client("asyncio, aiohttp", ("aiohttp",), asyncio_command, python_row),
        "batch": Client("haul batch", (), haul_command(haul, "--headers"), haul_row),
        "many": Client(f"haul batch -c {MANY}", (), haul_command(haul, "-c", str(MANY)), haul_row),
    }


def missing_module(client):
    for module in client.modules:
        found = measure([PYTHON, "-c", f"import {module}"], stdout=os.devnull, stderr=os.devnull)
        if found.exit_code != 0:
            return module
    return None


def run(client, url, count, folder):
    """Runs it once; an Outcome, or None with a sentence printed when it cannot run."""
    module = missing_module(client)
    if module:
        print(f"  {client.name}: left out, Debian's python3-{module} is missing; "
              "tools/deps demo installs it")
        return None
    out, err = folder / "rows.jsonl", folder / "stderr"
    figures = measure(client.command(url, count, folder), stdout=out, stderr=err)
    stderr = err.read_text(errors="replace")
    rows, workers, bad = [], [], 0
    with open(out) as lines:
        for line in lines:
            start, started, end, status, worker = client.read_rows(json.loads(line))
            bad += status != 200
            rows.append(Row(*((ns - figures.start_ns) / 1e9 for ns in (start, started, end))))
            workers.append(worker)
    if figures.exit_code != 0 and not rows:
        print(f"  {client.name}: it failed with exit code {figures.exit_code}:\n{stderr[-800:]}")
    return Outcome(client.name, count, figures, rows, workers, bad + count - len(rows), stderr)


# --- telling it -----------------------------------------------------------------------------------

def show(outcome, span_s):
    print(f"\n  {outcome.client}")
    print("\n".join(picture(outcome.rows, span_s)), flush=True)


def story_of(count, clients, url, folder):
    """All clients make count requests. The first is the slowest: its picture sets the scale."""
    print(f"\n{count} requests to an API that takes one second; its server has {WORKERS} workers\n"
          f"{LEGEND}", flush=True)
    outcomes, span_s = [], 1.0
    for client in clients:
        outcome = run(client, url, count, folder)
        if outcome:
            outcomes.append(outcome)
            span_s = max([span_s] + [row.end for row in outcome.rows])
        if outcome and outcome.rows:
            show(outcome, span_s)
    return outcomes


def rounds_of(outcome):
    """How often the busiest worker had to sleep."""
    return max((outcome.workers.count(worker) for worker in set(outcome.workers)), default=0)


def limit_note(outcomes):
    """What the table says when even those who ask for everything at once had to wait."""
    for o in outcomes:
        if o.figures.wall_s < o.requests <= 2 * WORKERS and not o.failed and rounds_of(o) > 1:
            return (f"  the server is the limit: {len(set(o.workers))} workers, "
                    f"{rounds_of(o)} rounds")
    return None


def table(outcomes):
    head = f"{'client':<24}{'requests':>9}{'wall':>10}{'CPU':>10}{'RSS':>9}"
    print("\n" + head)
    for count in sorted({outcome.requests for outcome in outcomes}):
        group = [outcome for outcome in outcomes if outcome.requests == count]
        print("-" * len(head))
        for o in group:
            f = o.figures
            print(f"{o.client:<24}{o.requests:>9}{f.wall_s:>8.2f} s{f.cpu_s:>8.2f} s"
                  f"{f.rss_bytes / 2**20:>6.0f} MB" + (f"   {o.failed} FAILED" * bool(o.failed)))
        note = limit_note(group)
        if note:
            print(note)


def possible_count():
    """MANY, or what the descriptor limit of this user allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or hard >= MANY + SPARE_DESCRIPTORS:
        return MANY
    count = max(100, (hard - SPARE_DESCRIPTORS) // 100 * 100)
    print(f"This shell may open {hard} descriptors (ulimit -Hn), so the last rows make {count} "
          f"requests instead of {MANY}.")
    return count


def demo(haul, folder):
    clients = clients_of(haul)
    count, outcomes = possible_count(), []
    with Gunicorn(HERE / "app.py", WORKERS, folder) as server:
        four = [clients[name] for name in ("requests", "serial", "asyncio", "batch")]
        for few in (WORKERS, WORKERS + 1):
            outcomes += story_of(few, four, server.url, folder)
    try:
        print(f"\n{count} requests to an nginx that sleeps the second for all of them at once ...",
              flush=True)
        for name in ("asyncio", "many"):
            # Each on a port of its own: none pays for the connections in TIME_WAIT of another.
            with Nginx(HERE / "nginx.conf", TOP / ".deps" / "servers", folder) as server:
                outcome = run(clients[name], server.url, count, folder)
            outcomes += [outcome] if outcome else []
    except Missing as error:
        print(f"\nThe rows of {count} requests are left out: {error}")
    table(outcomes)
    return outcomes


def ending():
    print("""
wall: start-up of Python and of haul's own daemon included. CPU, RSS: the client
and every process it started.

Where to look next
  build/haul batch --timeline URL URL ...   the same picture, of your own URLs
  build/haul help batch                     input, records, reports
  build/haul doctor                         what this machine allows
  README.md, ARCHITECTURE.md                the tour, and how it works""")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--haul", default=str(TOP / "build" / "haul"), help="the binary to show")
    args = parser.parse_args()
    if not os.access(args.haul, os.X_OK):
        sys.exit(f"demo: {args.haul} does not exist: run make first, or name one with --haul")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="haul-demo-") as folder:
            outcomes = demo(os.path.abspath(args.haul), Path(folder))
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything it started has ended", file=sys.stderr)
        return 130
    except (Missing, NotStarted) as error:
        sys.exit(f"demo: {error}")
    ending()
    return 1 if any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
