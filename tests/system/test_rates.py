"""CASES C05 and politeness: what an origin gets to see of rates, pauses and several clients."""

import email.utils
import subprocess
import threading
import time

import pytest

from origin import answer, expect_request, repeat, reply_with
from support import (end_group, find_binary, most_within, poll_until, run_haul,
                     spawn_haul)

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("taint")]

AT_ONCE = ["--retry-delay", "20ms"]


def burst_of(rate):
    """What may come at once: a tenth of a second's worth, one at least (PROTOCOL.md)."""
    return max(1, rate // 10)


def assert_rate_held(origins, rate, spans_s=(0.2, 0.5, 1.0, 2.0)):
    """Over any span: rate times span, the burst, and what a stall of this machine shifts into it."""
    times = [r.at_s for origin in origins for r in origin.requests]
    for span_s in spans_s:
        most = most_within(times, span_s + 0.000001)
        late = 1 + rate * 0.3     # what waits while nobody here gets a core comes at once
        assert most <= rate * span_s + burst_of(rate) + late, \
            f"{most} requests within {span_s} s at {rate}/s"


def urls(origin, count, name=""):
    return "\n".join(origin.url(f"/{name}{i}") for i in range(count))


def held_back_by(run):
    lines = [line for line in run.err.splitlines() if line.startswith("held back by ")]
    assert len(lines) <= 1, run
    return lines[0].removeprefix("held back by ").partition(":")[0] if lines else None


# --- the rate at the origin ---

@pytest.mark.parametrize("flag", ["--rate", "--rate-per-origin"])
def test_an_origin_sees_no_more_than_the_rate_and_no_less(flag, daemon, start_origin):
    origin = start_origin()
    run = run_haul("batch", "-i", "-", flag, "100", daemon=daemon, stdin=urls(origin, 160))
    run.expect(0)
    assert len(origin.requests) == 160
    assert_rate_held([origin], 100)
    assert 1.45 <= run.seconds <= 4, run     # 150 of them behind the burst
    assert held_back_by(run) == f"{flag} 100"


def test_a_rate_of_minutes_begins_with_one_request(daemon, start_origin):
    origin = start_origin()
    haul = spawn_haul("batch", "-i", "-", "--rate-per-origin", "20/m", daemon=daemon,
                      stdin=subprocess.PIPE)
    try:
        haul.stdin.write(urls(origin, 50).encode())
        haul.stdin.close()
        poll_until(lambda: len(origin.requests) == 2, "the second request")
        gap_s = origin.requests[1].at_s - origin.requests[0].at_s
        assert 2.9 <= gap_s <= 3.5, gap_s
    finally:
        end_group(haul)


def test_the_rate_is_one_over_all_origins_and_the_other_one_each(daemon, start_origin):
    both = [start_origin(), start_origin()]
    lines = "\n".join(o.url(f"/{i}") for i in range(30) for o in both)
    run = run_haul("batch", "-i", "-", "--rate", "40", daemon=daemon, stdin=lines).expect(0)
    assert_rate_held(both, 40)
    assert run.seconds >= 1.3, run
    both = [start_origin(), start_origin()]
    lines = "\n".join(o.url(f"/{i}") for i in range(30) for o in both)
    run = run_haul("batch", "-i", "-", "--rate-per-origin", "40", daemon=daemon, stdin=lines)
    run.expect(0)
    for origin in both:
        assert_rate_held([origin], 40)
    assert run.seconds < 1.3, run


def test_the_lower_rate_is_named(daemon, start_origin):
    origin = start_origin()
    run = run_haul("batch", "-i", "-", "--rate", "1k/s", "--rate-per-origin", "3k/m", daemon=daemon,
                   stdin=urls(origin, 40)).expect(0)
    assert held_back_by(run) == "--rate-per-origin 3k/m"
    assert_rate_held([origin], 50)


def test_redirects_and_retries_are_requests(daemon, start_origin):
    seen = set()
    lock = threading.Lock()

    def reply(r):
        with lock:
            is_first, _ = r.target not in seen, seen.add(r.target)
        if r.target.startswith("/there"):
            return answer(b"busy", "503 Busy") if is_first else answer()
        return answer(b"", "302 Found", [f"Location: /there{r.target}"])

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    for flag in ("--rate", "--rate-per-origin"):
        origin.requests.clear()
        run = run_haul("batch", "-i", "-", flag, "60", "--retry", "3", *AT_ONCE, daemon=daemon,
                       stdin=urls(origin, 20, flag)).expect(0)
        assert {r["attempts"] for r in run.records} == {3}, run
        assert len(origin.requests) == 60
        assert_rate_held([origin], 60)


def test_a_single_get_has_rates_too(daemon, start_origin):
    origin = start_origin()
    targets = [origin.url(f"/{i}") for i in range(4)]
    run_haul("get", "--rate-per-origin", "5", *targets, daemon=daemon).expect(0)
    assert_rate_held([origin], 5)
    run_haul("get", "--rate", "5", *targets, daemon=daemon).expect(0)


def test_a_batch_without_a_rate_is_not_held_by_that_of_another(daemon, start_origin):
    slow, fast = start_origin(), start_origin()
    haul = spawn_haul("batch", "-i", "-", "--rate-per-origin", "1", daemon=daemon,
                      stdin=subprocess.PIPE)
    try:
        haul.stdin.write(urls(slow, 50).encode())
        haul.stdin.close()
        poll_until(lambda: slow.requests, "its first request")
        run = run_haul("batch", "-i", "-", daemon=daemon, stdin=urls(fast, 200)).expect(0)
        assert run.seconds < 5, run
        run_haul("get", slow.url("/me"), daemon=daemon).expect(0)
        assert len(slow.requests) < 10
    finally:
        end_group(haul)


# --- several clients of one daemon ---

@pytest.mark.parametrize("config, flags, cap", [
    ("RatePerOrigin=50\n", [], "the daemon's RatePerOrigin="),
    ("", ["--rate-per-origin", "50"], "--rate-per-origin 50"),
], ids=["the daemon's", "their own"])
def test_two_clients_share_the_rate_of_an_origin(config, flags, cap, start_daemon, start_origin):
    daemon = start_daemon(config=config)
    origin = start_origin()
    long, short = (spawn_haul("batch", "-i", "-", "--records", "none", *flags, daemon=daemon,
                              stdin=subprocess.PIPE) for _ in range(2))
    try:
        for haul, name, count in ((long, "a", 80), (short, "b", 20)):
            haul.stdin.write(urls(origin, count, name).encode())
            haul.stdin.close()
        for haul in (short, long):
            assert haul.wait(30) == 0
        told = [haul.stderr.read().decode() for haul in (long, short)]
    finally:
        end_group(long)
        end_group(short)
    assert all(f"held back by {cap}:" in text for text in told), told
    assert_rate_held([origin], 50)
    turns = "".join(r.target[1] for r in sorted(origin.requests, key=lambda r: r.at_s))
    assert len(turns) == 100
    both = turns[turns.index("b"):][:30]     # whoever came second does not wait for all of the first
    assert 10 <= both.count("b") <= 20, turns


def test_a_batch_may_ask_for_less_than_the_daemon_grants_but_not_for_more(start_daemon,
                                                                         start_origin):
    daemon = start_daemon(config="RatePerOrigin=3k/m\n")
    origin = start_origin()
    run = run_haul("batch", "-i", "-", "--rate-per-origin", "1000", daemon=daemon,
                   stdin=urls(origin, 60)).expect(0)
    assert_rate_held([origin], 50)
    assert held_back_by(run) == "the daemon's RatePerOrigin="
    other = start_origin()
    run = run_haul("batch", "-i", "-", "--rate-per-origin", "20", daemon=daemon,
                   stdin=urls(other, 20)).expect(0)
    assert_rate_held([other], 20)
    assert held_back_by(run) == "--rate-per-origin 20"


@pytest.mark.parametrize("value", ["fast", "-1", "5/d", "2M", "1 /s"])
def test_a_bad_rate_in_the_configuration_stops_the_daemon(value, tmp_path):
    (tmp_path / "hauld.conf").write_text(f"\nRatePerOrigin={value}\n")
    done = subprocess.run([find_binary("hauld"), "--check-config", "--config",
                           tmp_path / "hauld.conf"], capture_output=True, timeout=30, check=False)
    assert done.returncode == 78, done
    assert f"hauld.conf:2: RatePerOrigin={value}: expected a rate such as 10, 100/s, 6/m" \
        in done.stderr.decode(), done


@pytest.mark.parametrize("flag", ["--rate", "--rate-per-origin"])
@pytest.mark.parametrize("value", ["0", "-1", "", "fast", "6/d", "1/0", "10 /s", "1e3"])
def test_a_bad_rate_is_wrong_usage(flag, value, daemon, start_origin):
    origin = start_origin()
    run = run_haul("batch", flag, value, origin.url(), daemon=daemon).expect(2)
    assert run.err.startswith(f"haul: {flag} takes a rate, as 100, 100/s, 6/m or 20/h"), run
    assert f"not '{value}'" in run.err, run
    assert not origin.requests


# --- the origin's own word: a pause for all ---

def asks_for_a_pause_once(value, status="429 Slow down"):
    left = [answer(b"wait", status, [f"Retry-After: {value}"] if value else ())]
    lock = threading.Lock()

    def reply(_):
        with lock:
            return left.pop() if left else answer()
    return [repeat([expect_request(), reply_with(reply)])]


@pytest.mark.parametrize("status, form", [
    ("429 Slow down", "seconds"), ("429 Slow down", "date"), ("429 Slow down", "none"),
    ("503 Later", "seconds"), ("503 Later", "date")])
def test_the_pause_of_an_origin_is_one_for_every_client(status, form, daemon, start_origin):
    pause_s = {"seconds": 2, "date": 3, "none": 1}[form]
    value = {"seconds": "2", "none": None,
             "date": email.utils.formatdate(time.time() + pause_s, usegmt=True)}[form]
    origin, other = start_origin(asks_for_a_pause_once(value, status)), start_origin()
    # The first client does not even try again; the second asks for something else.
    assert run_haul("batch", origin.url("/first"), daemon=daemon).record["status"] in (429, 503)
    run = run_haul("batch", origin.url("/second"), other.url("/third"), daemon=daemon).expect(0)
    records = run.by_url()
    second, third = records[origin.url("/second")], records[other.url("/third")]
    assert second["status"] == third["status"] == 200
    gap_s = origin.requests[1].at_s - origin.requests[0].at_s
    # A date has whole seconds, and the first request may have been read late.
    lowest_s = pause_s - (1.3 if form == "date" else 0.3)
    assert lowest_s <= gap_s <= pause_s + 2, gap_s
    assert held_back_by(run) == "an origin that asked for a pause (429, Retry-After)"
    assert second["phases"]["queue"] > third["phases"]["queue"], run
    assert other.requests[0].at_s < origin.requests[1].at_s


def test_a_503_that_names_no_time_is_an_ordinary_failure(daemon, start_origin):
    origin = start_origin(asks_for_a_pause_once(None, "503 Busy"))
    run_haul("batch", origin.url(), daemon=daemon)
    run = run_haul("batch", origin.url(), daemon=daemon).expect(0)
    assert held_back_by(run) is None
    assert run.record["phases"]["queue"] < 0.5e9, run


def test_who_cannot_wait_for_the_end_of_the_pause_does_not(daemon, start_origin):
    origin = start_origin(asks_for_a_pause_once("60"))
    run_haul("batch", origin.url("/first"), daemon=daemon)
    run = run_haul("batch", "-m", "500ms", origin.url("/second"), daemon=daemon).expect(1)
    assert run.record["error"]["code"] == "total", run
    assert run.seconds < 5, run
    run = run_haul("get", "-m", "500ms", origin.url("/third"), daemon=daemon).expect(28)
    assert origin.targets() == ["/first"]


def test_after_a_pause_one_goes_first(daemon, start_origin):
    """A hundred that wait do not come at once: two round trips before there are four of them."""
    state = {"asked": False, "at once": 0, "most": 0, "history": []}
    lock = threading.Lock()

    def reply(r):
        with lock:
            if not state["asked"]:
                state["asked"] = True
                return answer(b"wait", "429 Slow down", ["Retry-After: 1"])
            state["at once"] += 1
            state["history"].append(state["at once"])
        time.sleep(0.05)
        with lock:
            state["at once"] -= 1
        return answer()

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    run_haul("batch", origin.url("/first"), daemon=daemon)
    run = run_haul("batch", "-i", "-", "-c", "100", "--max-per-origin", "100", daemon=daemon,
                   stdin=urls(origin, 60)).expect(0)
    assert {r["status"] for r in run.records} == {200}
    assert state["history"][0] == 1, state
    assert max(state["history"][:3]) <= 2, state
    assert max(state["history"][:7]) <= 4, state


# --- the scene this is all for ---

def test_a_rude_origin_is_served_whole_and_never_hurried(daemon, start_origin):
    """5 % 429 (Retry-After: 1), 5 % 503, 5 % resets: every item is ok in the end, at the rate, and
    nobody asks while the origin has asked for a pause."""
    count, rate = 300, 100
    lock = threading.Lock()
    state = {"n": 0, "pauses": [], "trouble": 0}

    def reply(r):
        with lock:
            state["n"] += 1
            turn = state["n"] % 20
            state["trouble"] += turn in (3, 7, 17)
            if turn == 7:
                state["pauses"].append(time.monotonic())
                return answer(b"wait", "429 Slow down", ["Retry-After: 1"])
            if turn == 17:
                return answer(b"busy", "503 Busy")
            return None if turn == 3 else answer(r.target.encode())

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    run = run_haul("batch", "-i", "-", "--retry", "5", "--rate-per-origin", str(rate), "--inline",
                   daemon=daemon, stdin=urls(origin, count), timeout=120).expect(0)
    requests = list(origin.requests)
    assert len(run.records) == count
    for record in run.records:
        assert (record["ok"], record["status"]) == (True, 200), record
        assert record["url"].endswith(record["body"]), record
    assert state["trouble"] >= count * 0.15, state
    assert len(requests) == count + state["trouble"]
    assert_rate_held([origin], rate)
    for at in state["pauses"]:     # a request may have been on its way: half a round trip
        during = [r.at_s - at for r in requests if at + 0.1 < r.at_s < at + 0.95]
        assert not during, (at, during)
