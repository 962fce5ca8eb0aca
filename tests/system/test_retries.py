"""CASES C05, D03 and the retry rules: what is tried again, when, and what the client gets of it."""

import email.utils
import subprocess
import threading
import time

import pytest

from origin import answer, dead_port, expect_request, fin, repeat, reply_with, rst, send
from support import assert_fails, run_haul

pytestmark = pytest.mark.usefixtures("taint")

AT_ONCE = ["--retry-delay", "20ms"]


def then(*answers):
    """One script: each request gets the next answer, the last one serves all later ones. One may be
    a function that makes it when it is due."""
    left = list(answers)
    lock = threading.Lock()

    def reply(_):
        with lock:
            data = left.pop(0) if len(left) > 1 else left[0]
        return data() if callable(data) else data
    return [repeat([expect_request(), reply_with(reply)])]


def busy(status="503 Busy", body=b"busy", fields=()):
    return answer(body, status, fields)


def record_of(origin, *flags, daemon, code=None):
    run = run_haul("batch", *flags, origin.url(), daemon=daemon)
    if code is not None:
        run.expect(code)
    return run.record


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_tries_again_after_a_status_that_may_pass(status, daemon, start_origin):
    origin = start_origin(then(busy(f"{status} Later"), busy(f"{status} Later"), answer(b"good")))
    record = record_of(origin, "--retry", "3", *AT_ONCE, daemon=daemon, code=0)
    assert (record["status"], record["attempts"], record["size_download"]) == (200, 3, 4)


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 403, 404, 410, 501, 505])
def test_takes_other_statuses_as_answers(status, daemon, start_origin):
    body = b"" if status in (204, 304) else b"x"
    origin = start_origin(then(busy(f"{status} X", body)))
    record = record_of(origin, "--retry", "3", *AT_ONCE, daemon=daemon, code=0)
    assert (record["status"], record["attempts"]) == (status, 1)


def test_gives_the_last_answer_when_the_retries_are_used_up(daemon, start_origin):
    origin = start_origin(then(busy(body=b"first"), busy(body=b"second"), busy(body=b"third")))
    run = run_haul("get", "--retry", "2", *AT_ONCE, origin.url(), daemon=daemon).expect(0)
    assert run.out == b"third"
    assert len(origin.requests) == 3


def test_nothing_is_retried_without_being_asked(daemon, start_origin):
    origin = start_origin(then(busy(), answer()))
    assert record_of(origin, daemon=daemon, code=0)["status"] == 503
    assert record_of(origin, "--retry", "0", daemon=daemon, code=0)["attempts"] == 1


@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
                         ids=["empty", "partial"])
def test_tries_again_after_a_lost_connection(end, part, daemon, start_origin, tmp_path):
    broken = [expect_request(), *([send(part)] if part else []), end]
    good = [repeat([expect_request(), send(answer(b"whole"))])]

    def serve():
        return start_origin(list(broken), list(broken), list(good))

    record = record_of(serve(), "--retry", "2", *AT_ONCE, "--inline", daemon=daemon, code=0)
    assert (record["body"], record["attempts"]) == ("whole", 3)
    run_haul("get", "--retry", "2", *AT_ONCE, "-o", tmp_path / "f", serve().url(),
             daemon=daemon).expect(0)
    assert (tmp_path / "f").read_bytes() == b"whole"
    (tmp_path / "d").mkdir()
    run_haul("batch", "--retry", "2", *AT_ONCE, "--output-dir", tmp_path / "d",
             serve().url("/name"), daemon=daemon).expect(0)
    assert (tmp_path / "d" / "name").read_bytes() == b"whole"


def test_what_is_printed_is_not_printed_twice(daemon, start_origin):
    origin = start_origin([expect_request(),
                           send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), fin()],
                          [repeat([expect_request(), send(answer(b"whole"))])])
    run = run_haul("get", "--retry", "2", *AT_ONCE, origin.url(), daemon=daemon).expect(18)
    assert run.out == b"half"
    assert len(origin.requests) == 1


def test_a_lost_connection_before_a_byte_was_printed_is_retried(daemon, start_origin):
    origin = start_origin([expect_request(), fin()],
                          [repeat([expect_request(), send(answer(b"whole"))])])
    run = run_haul("get", "--retry", "2", *AT_ONCE, origin.url(), daemon=daemon).expect(0)
    assert run.out == b"whole"


@pytest.mark.parametrize("method, flags, again", [
    ("GET", [], True), ("HEAD", [], True), ("PUT", [], True), ("DELETE", [], True),
    ("POST", [], False), ("PATCH", [], False), ("POST", ["--retry-all-methods"], True),
    ("PATCH", ["--retry-all-methods"], True),
])
def test_asks_twice_only_what_may_be_asked_twice(method, flags, again, daemon, start_origin):
    head = method == "HEAD"
    origin = start_origin(then(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", answer(b"")))
    data = ["--data-raw", "x"] if method in ("POST", "PUT", "PATCH") else []
    record = record_of(origin, "--retry", "1", *AT_ONCE, *(["-I"] if head else ["-X", method]),
                       *data, *flags, daemon=daemon, code=0)
    assert record["status"] == (200 if again else 503)
    assert [r.method for r in origin.requests] == [method] * (2 if again else 1)
    assert len({r.body for r in origin.requests}) == 1


def test_a_connection_that_never_was_is_retried_whatever_the_method(daemon, start_origin):
    port, keep = dead_port()
    with keep:
        run = run_haul("batch", "-X", "POST", "--retry", "3", *AT_ONCE, f"http://127.0.0.1:{port}/",
                       daemon=daemon).expect(1)
    assert_fails(run.record, "connect/refused")
    assert run.record["attempts"] == 4


@pytest.mark.parametrize("words, status, again", [
    ("429", 429, True), ("429", 503, False), ("5xx", 599, True), ("5xx", 404, False),
    ("404", 404, True), ("connect", 503, False), ("default,404", 503, True),
])
def test_retry_on_names_what(words, status, again, daemon, start_origin):
    origin = start_origin(then(busy(f"{status} X"), answer()))
    record = record_of(origin, "--retry", "1", *AT_ONCE, "--retry-on", words, daemon=daemon, code=0)
    assert record["status"] == (200 if again else status)


@pytest.mark.parametrize("flags", [
    ["--retry", "x"], ["--retry", "-1"], ["--retry", "1001"], ["--retry-on", "429"],
    ["--retry", "1", "--retry-on", "wat"], ["--retry", "1", "--retry-on", "tls/verify"],
    ["--retry", "1", "--retry-on", "99"], ["--retry", "1", "--retry-on", ""],
    ["--retry-delay", "1s"], ["--retry-max-time", "1s"], ["--retry-all-methods"],
    ["--retry", "1", "--retry-delay", "x"],
])
def test_bad_flags_are_usage(flags, daemon):
    run = run_haul("batch", *flags, "http://127.0.0.1:1/", daemon=daemon).expect(2)
    assert run.err.startswith("haul: --retry"), run.err


# --- C05: Retry-After ---

# 429 asks for a pause even where it does not say how long: a second.
@pytest.mark.parametrize("status, value, waits", [
    ("503 Busy", "1", True), ("503 Busy", "0", False), ("503 Busy", "-5", False),
    ("503 Busy", "1.5", False), ("503 Busy", "soon", False), ("503 Busy", "", False),
    ("503 Busy", "DATE", True), ("503 Busy", "PAST", False), ("503 Busy", "9" * 60, False),
    ("429 Slow down", "2", True), ("429 Slow down", "DATE", True), ("429 Slow down", "-5", True),
    ("429 Slow down", "soon", True), ("429 Slow down", "9" * 60, True),
])
def test_honours_retry_after(status, value, waits, daemon, start_origin):
    def refusal():
        # A date has whole seconds: two from now is more than one away.
        when = value.replace("DATE", email.utils.formatdate(time.time() + 2, usegmt=True))
        when = when.replace("PAST", "Sun, 06 Nov 1994 08:49:37 GMT")
        return busy(status, fields=[f"Retry-After: {when}"])

    origin = start_origin(then(refusal, answer()))
    record = record_of(origin, "--retry", "1", *AT_ONCE, daemon=daemon, code=0)
    first, second = origin.requests
    assert (second.at_s - first.at_s >= 0.99) == waits
    assert record["attempts"] == 2


@pytest.mark.parametrize("status", ["503 Busy", "429 Slow down"])
@pytest.mark.parametrize("value", ["3600", "1000000000000000000"])
def test_does_not_wait_beyond_its_time(value, status, daemon, start_origin):
    origin = start_origin(then(busy(status, fields=[f"Retry-After: {value}"]), answer()))
    run = run_haul("batch", "--retry", "1", *AT_ONCE, "-m", "5", origin.url(), daemon=daemon)
    assert run.seconds < 4
    assert run.expect(0).record["status"] == int(status[:3])
    assert len(origin.requests) == 1


# --- time ---

def test_one_deadline_covers_retries_and_pauses(daemon, start_origin):
    origin = start_origin(then(busy()))
    record = record_of(origin, "--retry", "1000", "--retry-delay", "100ms", "-m", "1",
                       daemon=daemon, code=0)
    assert record["status"] == 503 and 3 <= record["attempts"] <= 12
    assert record["time_total"] < 2


def test_retry_max_time_ends_it(daemon, start_origin):
    origin = start_origin(then(busy()))
    record = record_of(origin, "--retry", "1000", "--retry-delay", "50ms", "--retry-max-time",
                       "300ms", daemon=daemon, code=0)
    assert 2 <= record["attempts"] <= 8


def test_waits_at_random_without_a_delay(daemon, start_origin):
    origin = start_origin(then(busy(), answer()))
    record = record_of(origin, "--retry", "1", daemon=daemon, code=0)
    assert record["time_total"] < 2.5 and record["attempts"] == 2


def test_hops_and_retries_go_together(daemon, start_origin):
    def reply(request):
        if request.target == "/":
            return b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /b\r\n\r\n"
        return busy() if len(origin.requests) < 4 else answer(b"end")

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    record = record_of(origin, "--retry", "5", *AT_ONCE, daemon=daemon, code=0)
    assert (record["redirects"], record["attempts"], record["status"]) == (1, 4, 200)
    assert origin.targets() == ["/", "/b", "/b", "/b"]


def test_a_pause_ends_with_its_client(daemon, start_origin):
    origin = start_origin(then(busy(fields=["Retry-After: 30"])))
    with pytest.raises(AssertionError, match="did not end"):
        run_haul("batch", "--retry", "1", origin.url(), daemon=daemon, timeout=1)
    time.sleep(0.5)
    run_haul("ping", daemon=daemon).expect(0)
    assert len(origin.requests) == 1


def test_fail_flag_judges_the_last_answer(daemon, start_origin, tmp_path):
    origin = start_origin(then(busy(), answer(b"good")))
    run = run_haul("get", "-f", "--retry", "1", *AT_ONCE, "-o", tmp_path / "f", origin.url(),
                   daemon=daemon).expect(0)
    assert (tmp_path / "f").read_bytes() == b"good", run
    origin = start_origin(then(busy()))
    run_haul("get", "-f", "--retry", "1", *AT_ONCE, origin.url(), daemon=daemon).expect(22)


def test_many_items_meet_a_flaky_origin(daemon, start_origin):
    count = {"n": 0}
    lock = threading.Lock()

    def reply(_):
        with lock:
            count["n"] += 1
            return busy() if count["n"] % 4 == 0 else answer(b"ok")

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    lines = "".join(f"{origin.url('/%d' % n)}\n" for n in range(200))
    run = run_haul("batch", "--retry", "8", *AT_ONCE, "-c", "20", "-i", "-", daemon=daemon,
                   stdin=lines).expect(0)
    assert {r["status"] for r in run.records} == {200}
    assert max(r["attempts"] for r in run.records) > 1


def test_equals_curl_when_the_server_recovers(daemon, start_origin):
    ours, theirs = (start_origin(then(busy(), answer(b"good"))) for _ in range(2))
    haul = run_haul("get", "-s", "--retry", "2", "--retry-delay", "1", ours.url(), daemon=daemon)
    curl = subprocess.run(["curl", "-s", "--retry", "2", "--retry-delay", "1", theirs.url()],
                          capture_output=True, check=False)
    assert haul.code == curl.returncode == 0
    assert curl.stdout.endswith(haul.out) and haul.out == b"good"
