"""haul bench beside a server that knows better: tests/support/truth_origin.c keeps its own histogram
of what it really did. haul's service times are those; what queues up while the server stands still is
in its response times, as arithmetic has it; and a generator that was starved says so."""

import contextlib
import fcntl
import json
import os
import subprocess
import threading
import urllib.request

import pytest

from origin import answer, expect_request, repeat, reply_with
from support import end_group, find_binary, run_haul

# What may lie between the two: the 3 % and 100 us, and what haul tells of its own wake-ups.
SHARE, SLACK_NS = 0.03, 100e3
BUCKET = 0.001      # a quantile is known to three digits
# Quantile of a service time -> of the lateness, which is one wake-up of the same process. Of the two
# ends of a service time either may be the late one: further out, that is the next row.
LATENESS = {"p50": "p50", "p75": "p90", "p90": "p95", "p95": "p99", "p99": "p99_9"}


class TruthOrigin:
    def __init__(self, *flags):
        self.process = subprocess.Popen([find_binary("truth_origin"), *flags], text=True,
                                        stdout=subprocess.PIPE, start_new_session=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"

    def truth(self):
        with urllib.request.urlopen(self.url + "truth", timeout=10) as told:
            return json.load(told)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        has_lived = self.process.poll() is None
        end_group(self.process)
        self.process.stdout.close()
        assert has_lived, "truth_origin has ended by itself"


@pytest.fixture
def in_turn():
    """One of these at a time: pytest-xdist would have the busy loops of one test beside another."""
    with open(__file__) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def bench(*args, daemon=None, **kwargs):
    run = run_haul("bench", *args, "--format", "json", daemon=daemon, **kwargs)
    return run, json.loads(run.out)


def measure(flags, args, daemon=None, **kwargs):
    """A run of haul at an origin of its own: (the run, its report, the origin's truth)."""
    with TruthOrigin(*flags) as origin:
        run, report = bench(*args, origin.url, daemon=daemon, **kwargs)
        return run, report, origin.truth()


def judge(figures, is_right):
    """A stall of this machine is no finding: what is not right by the clock is measured once more.
    figures() measures, and fails by itself; is_right(*its result) asserts."""
    try:
        is_right(*figures())
    except AssertionError as failure:
        print("once more, because:", failure)
        is_right(*figures())


def table(report, truth):
    summary = report["summary"]
    return json.dumps({"haul": summary["service"], "truth": truth, "response": summary["response"],
                       "lateness": summary["lateness"], "verdict": report["verdict"]}, indent=1)


def assert_service_is_true(run, report, truth):
    summary = report["summary"]
    assert summary["requests"] == summary["ok"] == truth["count"], table(report, truth)
    for quantile, of_lateness in LATENESS.items():
        told, true = summary["service"][f"{quantile}_ns"], truth[f"{quantile}_ns"]
        late = summary["lateness"][f"{of_lateness}_ns"]
        # The truth lies within what haul can see: no quantile of haul's may be below it.
        assert true * (1 - 2 * BUCKET) <= told <= true * (1 + SHARE) + SLACK_NS + late, \
            f"{quantile}: {told} ns told, {true} ns true\n{table(report, truth)}"


@pytest.mark.alone
def test_service_times_of_a_steady_server_are_its_own(daemon, in_turn):
    judge(lambda: measure(["--delay", "1ms"], ["-R", "500", "-c", "8", "-n", "1000"], daemon),
          assert_service_is_true)


@pytest.mark.alone
def test_a_tail_of_one_in_a_hundred_is_seen_where_it_begins(daemon, in_turn):
    """11 of 1010: p99 is the first that is slow, and no other quantile is."""
    def is_right(run, report, truth):
        assert_service_is_true(run, report, truth)
        assert truth["p99_ns"] >= 20e6 * (1 - BUCKET), truth

    judge(lambda: measure(["--delay", "1ms", "--tail", "100:20ms"],
                          ["-R", "500", "-c", "8", "-n", "1010"], daemon), is_right)


@pytest.mark.alone
def test_a_freeze_is_response_time_as_arithmetic_has_it_and_not_service_time(daemon, in_turn):
    """What was planned at the moment t of a freeze of F is answered when it ends: after F - t. So the
    k-th slowest of all has waited for F - k / rate, and k of the p-th quantile is known. Only those
    that had just left, one a connection, have waited at the server itself."""
    rate, conns, seconds = 200, 4, 6
    count = rate * seconds

    def is_right(run, report, truth):
        summary, [freeze] = report["summary"], truth["freezes"]
        service, response = summary["service"], summary["response"]
        assert summary["requests"] == summary["ok"] == truth["count"] == count
        freeze_ns, gap_ns = freeze["length_ns"], 1e9 / rate
        # The queue takes its time to drain, so many at a time.
        drain_ns = freeze_ns / gap_ns * service["p90_ns"] / conns
        for quantile, share in [("p95", 0.05), ("p99", 0.01)]:
            told, due = response[f"{quantile}_ns"], freeze_ns - share * count * gap_ns
            assert due * (1 - SHARE) - gap_ns <= told <= due * (1 + SHARE) + gap_ns + drain_ns, \
                f"{quantile}: {told} ns told, {due} ns due\n{table(report, truth)}"
        assert response["p75_ns"] < freeze_ns / 10, table(report, truth)
        slow = sum(bucket["count"] for bucket in report["histograms"]["service"]
                   if bucket["ge_ns"] > freeze_ns / 2)
        assert 1 <= slow <= conns and service["p99_ns"] < freeze_ns / 10, table(report, truth)
        # Those were in the server's hands; it says the same of them.
        assert abs(service["max_ns"] - truth["max_ns"]) < SHARE * truth["max_ns"] + SLACK_NS, \
            table(report, truth)

    judge(lambda: measure(["--freeze", "500ms:5s"],
                          ["-R", rate, "-c", conns, "-d", f"{seconds}s"], daemon), is_right)


# --- a starved generator ---

@pytest.mark.alone
def test_too_few_connections_are_invalid_and_their_queue_is_in_the_figures(daemon, in_turn):
    """One connection of 20 ms each, a request every 10 ms: the n-th has waited for n x 10 ms, and
    half of the requests begin in time."""
    def is_right(run, report, truth):
        run.expect(3)
        service, response = report["summary"]["service"], report["summary"]["response"]
        load = report["summary"]["load"]
        assert report["verdict"]["state"] == "INVALID", table(report, truth)
        assert report["summary"]["requests"] == report["summary"]["ok"] == truth["count"] == 100
        assert load["asked_per_s"] == 100 and 40 <= load["reached_per_s"] <= 51, load
        assert report["summary"]["held_by"] == {"concurrency": 99}
        for quantile, n in [("p50", 50), ("p90", 90), ("p99", 99)]:
            told, due = response[f"{quantile}_ns"], n * 10e6
            beyond = n * (service["mean_ns"] - 20e6)   # each one is a little slower than it should be
            assert due < told < due * (1 + SHARE) + 2 * beyond + 20e6, table(report, truth)
        assert service["p50_ns"] < 30e6, table(report, truth)

    judge(lambda: measure(["--delay", "20ms"],
                          ["-R", "100", "-c", "1", "-d", "1s", "--strict"], daemon), is_right)


def pin(cpu, nicer=0):
    """A preexec function: onto one core, and so much nicer, if that is permitted."""
    def apply():
        os.sched_setaffinity(0, {cpu})
        with contextlib.suppress(PermissionError):
            os.nice(nicer)
    return apply


@contextlib.contextmanager
def busy_loops(cpu, count=3):
    """Each in a session of its own, as haul is: the kernel may share a core between sessions first.
    Yields by how much haul must be nicer, so that they are 5 before it."""
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"], start_new_session=True,
                              preexec_fn=pin(cpu, -5)) for _ in range(count)]
    try:
        yield 5 + os.getpriority(os.PRIO_PROCESS, loops[0].pid) - os.getpriority(os.PRIO_PROCESS, 0)
    finally:
        for loop in loops:
            end_group(loop)


@pytest.mark.alone
def test_a_generator_that_gets_no_core_says_so(in_turn):
    """haul and its daemon share one core with busy loops that come first."""
    cpu = max(os.sched_getaffinity(0))

    def figures():
        with busy_loops(cpu) as nicer:
            return measure(["--delay", "1ms"], ["-R", "500", "-c", "8", "-d", "1500ms"],
                           preexec_fn=pin(cpu, nicer))

    def is_right(run, report, truth):
        assert report["verdict"]["state"] in ("SUSPECT", "INVALID"), table(report, truth)
        assert report["verdict"]["reasons"], report["verdict"]

    judge(figures, is_right)


# --- every request is in a count ---

def test_all_that_was_planned_is_in_one_class_each(daemon, start_origin, tmp_path):
    """A fifth each: good, refused by a status, cut off, too slow, and never answered at all, which is
    taken back some seconds after the end."""
    end = threading.Event()

    def reply(request):
        if request.target in ("/slow", "/never"):
            end.wait(30)
        if request.target == "/gone":
            return None
        return answer(status="503 Busy" if request.target == "/busy" else "200 OK")

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    lines = [{"url": origin.url(path)} for path in ("/good", "/busy", "/gone", "/slow", "/never")]
    lines[3]["timeout"] = "200ms"
    (tmp_path / "list").write_text("\n".join(json.dumps(line) for line in lines))
    try:
        run, report = bench("-i", tmp_path / "list", "-R", "100", "-d", "1s", "-c", "50",
                            daemon=daemon)
    finally:
        end.set()
    run.expect(1)
    counts = report["summary"]
    errors = {f"{e['domain']}/{e['code']}": e["count"] for e in report["errors"]}
    assert report["status"] == {"200": 20, "503": 20}
    assert errors == {"io/recv": 20, "timeout/total": 20, "cancelled/client": 20}
    assert counts["requests"] == counts["ok"] + counts["failed"] == 100
    assert sum(report["status"].values()) + sum(errors.values()) == counts["requests"]
    for name in ("service", "response"):
        assert sum(b["count"] for b in report["histograms"][name]) == counts[name]["count"] == 100
    assert [sum(second[key] for second in report["timeseries"]) for key in ("requests", "failed")] \
        == [100, 60]
    # None of them is cut short in the figures: what never came took until it was given up.
    assert counts["response"]["max_ns"] > 5e9 and counts["response"]["p75_ns"] >= 200e6
