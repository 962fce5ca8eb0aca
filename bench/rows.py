"""The rows: which work, which peers, which target. A function per row, which returns Results.

The numbers B1, B2, ... are the project's; their targets stand here and nowhere else. A ratio is
haul's median over the peer's median, of runs that took turns.
"""

import dataclasses
import functools
import subprocess
import time
from dataclasses import dataclass, field

import origin as origins
from clients import (ab, again_and_again, aiohttp, curl_parallel, h2load, haul_batch, haul_bench,
                     hey, missing, shown, to_file, wrk, write_urls)
from daemon import Daemon
from measure import kib, pinned, read_status, thread_names, wake_ups
from rounds import interleave, median, notes_of, watch

MB = 2**20
BEFORE = "before"         # the haul of another build, see side_by_side


@dataclass
class Result:
    number: str
    work: str
    target: str
    haul: str = "-"
    peer: str = "-"
    ratio: str = "-"
    reached: bool | None = None     # None: not measured
    notes: list = field(default_factory=list)
    commands: list = field(default_factory=list)
    samples: dict = field(default_factory=dict)     # name -> list of values


def side_by_side(bench, say, origin, clients, **about):
    """Runs clients = {name: (what it needs or None, function of bench)} in turns. Returns their
    samples and a function that makes a Result with everything the runs have in common. With
    bench.against the peers make room for the haul of that other build."""
    if bench.against:
        before = dataclasses.replace(bench, build=bench.against)
        absent, ours = [], clients["haul"][1]
        there = {"haul": lambda: ours(bench), BEFORE: lambda: ours(before)}
    else:
        absent = [missing(need) for need, _ in clients.values() if need]
        there = {name: functools.partial(run, bench) for name, (need, run) in clients.items()
                 if not (need and missing(need))}
    good, discarded = interleave(bench, origin, there, say)
    good = {name: samples for name, samples in good.items() if samples}

    def result(number, target, **more):
        return Result(number=number, target=target, **(about | more),
                      notes=[text for text in absent if text] + notes_of(good, discarded),
                      commands=[samples[0].command for samples in good.values()],
                      samples={name: [s.values for s in samples] for name, samples in good.items()})
    return good, result


def compare(result, good, peer, key, text, limit=None, floor=None):
    """Fills in haul's figure, the peer's, their ratio and whether it is good enough."""
    peer = BEFORE if BEFORE in good else peer
    if "haul" in good:
        result.haul = text(median(good["haul"], key))
    if peer in good:
        result.peer = f"{peer} {text(median(good[peer], key))}"
    if "haul" in good and peer in good:
        ratio = median(good["haul"], key) / median(good[peer], key)
        result.ratio = f"{ratio:.2f}"
        good_enough = ratio <= limit if limit else ratio >= floor
        result.reached = None if peer == BEFORE else good_enough
    return result


def in_us(value):
    return f"{value:.2f} us"


def in_ms(value):
    return f"{value * 1000:.2f} ms"


def in_rate(value):
    return f"{value / 1000:.1f} k/s"


# --- side by side ---------------------------------------------------------------------------------

def slow_api(bench, say):
    count = bench.pick(10_000, 2_000)
    with origins.slow(bench.folder, bench.origin_core) as origin:
        urls = write_urls(bench, "slow.txt", [origin.url()] * count)
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: haul_batch(bench, urls, count, count)),
            "aiohttp": ("aiohttp", lambda bench: aiohttp(bench, urls, count, 0)),
        }, work=f"{count} requests to an API that takes 1 s, cold private daemon")
        time.sleep(1.5)  # ports of closed connections: reused after a second

    def text(samples):
        return (f"{median(samples, 'wall_s'):.2f} s, {median(samples, 'cpu_s'):.2f} s CPU, "
                f"{median(samples, 'rss_bytes') / MB:.0f} MB")
    row = result("B1", "wall <= 1.45 s, both <= 64 MB; stretch 1.30 s, 40 MB")
    peer = BEFORE if BEFORE in good else "aiohttp"
    if peer in good:
        row.peer = f"{peer} {text(good[peer])}"
    if "haul" in good:
        wall, rss = (median(good["haul"], key) for key in ("wall_s", "rss_bytes"))
        row.haul, row.reached = text(good["haul"]), wall <= 1.45 and rss <= 64 * MB
        row.notes += ["stretch reached"] if wall <= 1.30 and rss <= 40 * MB else []
        if peer in good:
            row.ratio = f"{wall / median(good[peer], 'wall_s'):.2f}"
    return [row]


def small_gets(bench, say, connections, numbers):
    count, seconds = bench.pick((1_000_000, 6), (200_000, 2))
    with origins.small(bench.folder, bench.origin_core) as origin:
        url = origin.url("/small")
        urls = write_urls(bench, f"small-{connections}.txt", [url] * count)
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: haul_batch(bench, urls, count, connections)),
            "wrk": ("wrk", lambda bench: wrk(bench, url, connections, seconds)),
        }, work=f"batch of {count} small GETs, {connections} connections, all records to a file")
    cpu = compare(result(numbers[0], "CPU per request <= 1.0 x wrk"), good, "wrk", "cpu_us", in_us,
                  limit=1.0)
    rate = compare(result(numbers[1], "requests per second >= 1.0 x wrk"), good, "wrk", "rate",
                   in_rate, floor=1.0)
    return [cpu, rate]


def small_gets_64(bench, say):
    return small_gets(bench, say, 64, ("B2", "B3"))


def small_gets_1000(bench, say):
    return small_gets(bench, say, 1000, ("B2 stretch", "B3 at 1000"))


def closed_loop(bench, say):
    seconds = bench.pick(6, 2)
    with origins.small(bench.folder, bench.origin_core) as origin:
        url = origin.url("/small")
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: haul_bench(bench, url, seconds, 64)),
            "wrk": ("wrk", lambda bench: wrk(bench, url, 64, seconds)),
        }, work=f"haul bench -c 64 for {seconds} s, like with like")
    return [compare(result("B2b", "CPU per request <= 0.95 x wrk"), good, "wrk", "cpu_us", in_us,
                    limit=0.95)]


def open_loop(bench, say):
    """wrk2, which the target was set against, is in no distribution: those that are stand in."""
    seconds, rate = bench.pick(6, 2), 20_000
    with origins.small(bench.folder, bench.origin_core) as origin:
        url = origin.url("/small")
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: haul_bench(bench, url, seconds, 32, rate)),
            "h2load": ("h2load", lambda bench: h2load(bench, url, seconds, 32, rate)),
            "hey": ("hey", lambda bench: hey(bench, url, seconds, 32, rate)),
        }, work=f"open loop at {rate}/s, 32 connections, {seconds} s")
    rows = [compare(result("B5 p50", "response p50 <= 0.25 x the peer's"), good, "h2load", "p50_s",
                    in_ms, limit=0.25),
            compare(result("B5 p99", "response p99 <= 0.5 x the peer's"), good, "h2load", "p99_s",
                    in_ms, limit=0.5)]
    for name, samples in good.items():
        reached = median(samples, "rate")
        for row, key in zip(rows, ("p50_s", "p99_s")):
            row.notes.append(f"{name} reached {in_rate(reached)}, {in_ms(median(samples, key))}")
    return rows


def many_urls(bench, say):
    count = bench.pick(20_000, 5_000)
    with origins.small(bench.folder, bench.origin_core) as origin:
        urls = write_urls(bench, "1k.txt", (origin.url(f"/1k/{i}") for i in range(count)))
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: haul_batch(bench, urls, count, 64)),
            "curl": ("curl", lambda bench: curl_parallel(bench, urls, count, 64)),
            "aiohttp": ("aiohttp", lambda bench: aiohttp(bench, urls, count, 64)),
        }, work=f"{count} different 1 KiB URLs, 64 at a time, cold")
    row = compare(result("B4", "CPU per request <= 0.25 x curl --parallel"), good, "curl",
                  "cpu_us", in_us, limit=0.25)
    if "aiohttp" in good:
        row.peer += f", aiohttp {in_us(median(good['aiohttp'], 'cpu_us'))}"
    return [row]


def large_body(bench, say):
    with origins.small(bench.folder, bench.origin_core) as origin:
        url, path = origin.url("/large"), bench.folder / "large"
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: to_file(bench, [bench.haul, "get", "--private"], url,
                                                 path)),
            "curl": ("curl", lambda bench: to_file(bench, ["curl"], url, path)),
        }, work="a body of 100 MiB to a file on tmpfs, cold private daemon")
        path.unlink(missing_ok=True)
    return [compare(result("B7", "wall <= 1.0 x curl"), good, "curl", "wall_s", in_ms, limit=1.0)]


def small_gets_over_tls(bench, say):
    """Warm requests, with the same over plain HTTP beside them for what TLS costs; then handshakes.
    """
    count, seconds = bench.pick((500_000, 5), (100_000, 2))
    handshakes = bench.pick(20_000, 4_000)
    with origins.small(bench.folder, bench.origin_core) as origin:
        trust = ("--private", "--cacert", origin.certificate)
        urls = write_urls(bench, "tls.txt", [origin.tls_url("/small")] * count)
        plain_urls = write_urls(bench, "plain.txt", [origin.url("/small")] * count)
        once = write_urls(bench, "once.txt", [origin.tls_url("/once")] * handshakes)
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: haul_batch(bench, urls, count, 64, trust)),
            "wrk": ("wrk", lambda bench: wrk(bench, origin.tls_url("/small"), 64, seconds)),
            "haul, plain": (None, lambda bench: haul_batch(bench, plain_urls, count, 64)),
            "wrk, plain": ("wrk", lambda bench: wrk(bench, origin.url("/small"), 64, seconds)),
        }, work=f"batch of {count} small GETs over TLS, 64 connections, all records to a file")
        warm = compare(result("B9", "CPU per request <= 1.0 x wrk's"), good, "wrk", "cpu_us", in_us,
                       limit=1.0)
        for name in ("haul", "wrk"):
            if name in good and f"{name}, plain" in good:
                ratio = median(good[name], "cpu_us") / median(good[f"{name}, plain"], "cpu_us")
                warm.notes.append(f"TLS costs {name} {ratio:.2f} x plain HTTP")
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: haul_batch(bench, once, handshakes, 64, trust,
                                                    fills_core=True)),
            "ab": ("ab", lambda bench: ab(bench, origin.tls_url("/once"), handshakes, 64)),
        }, work=f"{handshakes} GETs, each over a TLS connection of its own, 64 at a time")
        shakes = compare(result("B9 handshakes", "full handshakes per second >= 1.0 x ab"), good,
                         "ab", "rate", in_rate, floor=1.0)
    return [warm, shakes]


def warm_get(bench, say):
    count = bench.pick(300, 100)
    with origins.small(bench.folder, bench.origin_core) as origin, Daemon(bench) as daemon:
        url = origin.url("/small")
        get = [bench.haul, "get", "--socket", daemon.socket_path]
        good, result = side_by_side(bench, say, origin, {
            "haul": (None, lambda bench: again_and_again(bench, get, url, count)),
            "curl": ("curl", lambda bench: again_and_again(bench, ["curl"], url, count)),
        }, work=f"{count} commands, each gets one small URL; haul's daemon is warm")
    for name in good:
        for sample in good[name]:
            sample.values["each_s"] = sample.values["wall_s"] / count
    return [compare(result("B11", "wall <= 0.5 x curl"), good, "curl", "each_s", in_ms, limit=0.5)]


# --- haul alone -----------------------------------------------------------------------------------

def flat_memory(bench, say):
    """Memory after a quarter of the run and the most of it after that: the same, or it grows."""
    count = bench.pick(10_000_000, 500_000)
    row = Result("B10", f"input of {count} lines through a pipe, 64 connections",
                 "RSS of both flat (growth <= 1 MB after the first quarter), <= 64 MB")
    with origins.small(bench.folder, bench.origin_core) as origin:
        command = ["seq", "-f", origin.url("/small?%.0f"), str(count)]
        with pinned(bench.origin_core):
            lines = subprocess.Popen(command, stdout=subprocess.PIPE)
        with lines, lines.stdout:
            sample = watch(bench, origin, lambda: haul_batch(
                bench, "-", count, 64, keep_records=False, stdin=lines.stdout, limit_s=400))
            lines.kill()
    row.notes += sample.notes
    row.commands = [f"{shown(bench, command)} | {sample.command}"]
    if sample.trouble:
        row.notes.append(f"no valid run: {sample.trouble}")
        return [row]
    series = [rss for _, rss in sample.series]
    early = max(series[:len(series) // 4])
    growth = max(series[len(series) // 4:]) - early
    peak = sample.values["rss_bytes"]
    names = ", ".join(f"{name} {rss / MB:.1f} MB" for name, rss in
                      sorted(sample.values["rss_by_name"].items()))
    row.haul = f"{peak / MB:.1f} MB ({names}), growth {growth / MB:.1f} MB"
    row.reached = growth <= MB and peak <= 64 * MB
    sample.values["rss_over_time"] = series[::max(1, len(series) // 40)]
    row.samples = {"haul": [sample.values]}
    say(f"    haul: {row.haul}")
    return [row]


def idle_daemon(bench, say):
    row = Result("B12", "hauld, started and left alone for 5 s",
                 "ready <= 30 ms after exec, <= 8 MB, no wake-ups")
    ready = []
    for _ in range(bench.rounds):
        with Daemon(bench) as daemon:
            ready.append(daemon.ready_s)
    with Daemon(bench) as daemon:
        pid = daemon.process.pid
        time.sleep(1)
        before = wake_ups(pid)
        time.sleep(5)
        woken = wake_ups(pid) - before
        rss = kib(read_status(pid)["VmRSS"])
    ready_s = sorted(ready)[len(ready) // 2]
    row.haul = f"ready {ready_s * 1000:.1f} ms, {rss / MB:.1f} MB, {woken} wake-ups"
    row.reached = ready_s <= 0.030 and rss <= 8 * MB and woken == 0
    row.commands = [f"{bench.hauld} --socket $DIR/hauld.sock --quiet"]
    row.samples = {"hauld": [{"ready_s": ready, "rss_bytes": rss, "wake_ups_in_5_s": woken}]}
    say(f"    hauld: {row.haul}")
    return [row]


def enters(bench, say):
    count, warm_up = bench.pick(500_000, 100_000), 10_000
    row = Result("B14", f"{count} small GETs over 64 warm connections, shared daemon",
                 "io_uring_enter per request <= 0.25, no iou-wrk threads; stretch 0.1")
    with origins.small(bench.folder, bench.origin_core) as origin, Daemon(bench) as daemon:
        where = ("--socket", daemon.socket_path, "--max-per-origin", "64")
        urls = write_urls(bench, "warm.txt", [origin.url("/small")] * count)
        first = write_urls(bench, "first.txt", [origin.url("/small")] * warm_up)
        haul_batch(bench, first, warm_up, 64, where)
        before = daemon.describe()
        sample = watch(bench, origin, lambda: haul_batch(bench, urls, count, 64, where))
        after, threads = daemon.describe(), thread_names(daemon.process.pid)
    row.notes, row.commands = sample.notes, [sample.command]
    if sample.trouble:
        row.notes.append(f"no valid run: {sample.trouble}")
        return [row]
    ring = {key: after["ring"][key] - before["ring"][key]
            for key in ("turns", "enters", "sqes", "cqes", "starved", "cq_overflows")}
    per_request = ring["enters"] / count
    workers = sum(name.startswith("iou-wrk") for name in threads)
    row.haul = (f"{per_request:.3f} enters, {ring['sqes'] / count:.2f} SQEs, "
                f"{ring['cqes'] / count:.2f} CQEs, {workers} iou-wrk threads")
    row.reached = per_request <= 0.25 and workers == 0
    row.notes += ["stretch reached"] if per_request <= 0.1 else []
    row.samples = {"hauld": [ring | {"requests": count, "threads": sorted(threads)}]}
    say(f"    hauld: {row.haul}")
    return [row]


ROWS = {  # the numbers a function measures, in the order of the table
    ("B1",): slow_api,
    ("B2", "B3"): small_gets_64,
    ("B2-1000",): small_gets_1000,
    ("B2b",): closed_loop,
    ("B5",): open_loop,
    ("B4",): many_urls,
    ("B7",): large_body,
    ("B9",): small_gets_over_tls,
    ("B11",): warm_get,
    ("B10",): flat_memory,
    ("B12",): idle_daemon,
    ("B14",): enters,
}
