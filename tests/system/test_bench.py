"""haul bench: the load is the one that was asked for, every request is in a count, and the run says
so when its figures are not to be believed. No figure of this machine is judged here."""

import base64
import json
import signal
import struct
import time
import zlib

import pytest

from origin import answer, expect_body, expect_head, expect_request, hang, repeat, reply_with, send, sleep
from support import end_group, poll_until, run_haul, spawn_haul


@pytest.fixture
def server(start_origin):
    return start_origin([repeat([expect_request(), send(answer())])])


@pytest.fixture
def bench(daemon, tmp_path):
    """Runs it and returns (the run, its report)."""
    def run(*args, **kwargs):
        path = tmp_path / "report.json"
        path.unlink(missing_ok=True)
        done = run_haul("bench", *args, "--report", path, daemon=daemon, **kwargs)
        done.text = done.out.decode()
        return done, json.loads(path.read_text()) if path.exists() else None

    return run


def test_so_many_requests_are_made_and_no_more(bench, server):
    run, report = bench("-n", "100", "-c", "4", server.url("/x"))
    run.expect(0)
    assert len(server.requests) == report["summary"]["requests"] == report["summary"]["ok"] == 100
    assert server.connections_count <= 4
    assert report["run"]["load_mode"] == "closed" and report["summary"]["lateness"]["count"] == 0
    assert report["phases"]["queue"]["max_ns"] == 0
    heads = ["target", "load", "Summary", "success rate", "total", "slowest", "fastest", "average",
             "requests/sec", "bytes/sec", "Percentile", "phase", "status 200: 100", "verdict"]
    places = [run.text.find(head) for head in heads]
    assert -1 not in places and places == sorted(places), run.text


def test_an_open_loop_begins_as_many_as_were_planned(bench, server):
    run, report = bench("-R", "50", "-c", "8", "-d", "2s", server.url())
    assert run.code == 0
    assert len(server.requests) == report["summary"]["requests"] == 100
    assert report["run"]["planned_rate_per_s"] == 50
    assert report["summary"]["response"]["count"] == 100
    assert report["summary"]["lateness"]["count"] > 0
    gaps = [b.at_s - a.at_s for a, b in zip(server.requests, server.requests[1:])]
    assert 1.5 < sum(gaps) < 3


def test_a_silent_server_is_response_time_and_not_service_time(bench, start_origin):
    """One connection, 20 requests a second, the first answer after a second: those that were due
    meanwhile have waited, and it shows."""
    seen = []

    def reply(request):
        seen.append(request)
        if len(seen) == 1:
            time.sleep(1)
        return answer()

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    run, report = bench("-R", "20", "-c", "1", "-d", "2s", origin.url())
    service, response = report["summary"]["service"], report["summary"]["response"]
    assert service["count"] == response["count"] == 40
    assert service["p50_ns"] < 200e6
    # Due 50 ms after one another: the n-th of the first twenty has waited for 1 s - n x 50 ms.
    assert 300e6 < response["p75_ns"] and 700e6 < response["p95_ns"] <= response["max_ns"]
    assert "held back by -c 1" in run.text


def test_a_load_that_was_not_reached_is_invalid(bench, start_origin):
    origin = start_origin([repeat([expect_request(), sleep(200), send(answer())])])
    run, report = bench("-R", "50", "-c", "1", "-d", "1s", "--strict", origin.url())
    run.expect(3)
    assert report["verdict"]["state"] == "INVALID"
    assert "were asked for" in report["verdict"]["reasons"][0]
    counts = report["summary"]
    assert counts["requests"] == 50 == counts["ok"] + counts["failed"]
    assert "verdict   INVALID" in run.text


@pytest.mark.parametrize("duration", [[], ["-d", "30s"]], ids=["no_time", "longer"])
def test_a_number_of_requests_has_the_time_that_its_rate_gives_it(duration, bench, start_origin):
    """20 requests at 50 a second are 0.4 s; at 5 a second on the one connection it is another load,
    however long the run might have been."""
    origin = start_origin([repeat([expect_request(), sleep(200), send(answer())])])
    run, report = bench("-R", "50", "-n", "20", *duration, "-c", "1", origin.url())
    assert report["summary"]["requests"] == 20
    assert report["verdict"]["state"] == "INVALID"
    assert report["verdict"]["reasons"][0].startswith("50 requests/s were asked for, ")


def test_a_number_of_requests_at_a_rate_that_was_kept_is_valid(bench, server):
    # A request every 50 ms: a machine that stalls for less than that makes none of them late.
    run, report = bench("-R", "20", "-n", "40", "-d", "30s", "-c", "8", server.url())
    assert report["summary"]["requests"] == 40 and run.seconds < 10
    assert not [r for r in report["verdict"]["reasons"] if "were asked for" in r], run.text


def test_a_server_that_never_answers_ends_the_run_and_is_counted(bench, start_origin):
    origin = start_origin([repeat([expect_request(), hang()])])
    run, report = bench("-c", "3", "-d", "1s", origin.url())
    run.expect(1)
    assert report["summary"]["failed"] == report["summary"]["requests"] == 3
    assert [(e["domain"], e["count"]) for e in report["errors"]] == [("cancelled", 3)]
    assert report["summary"]["service"]["max_ns"] > 1e9 # the silence is in the figures


def test_what_is_refused_is_counted(bench, server):
    port = server.port
    server.close_listener()
    run, report = bench("-n", "20", "-c", "2", f"http://127.0.0.1:{port}/")
    run.expect(1)
    assert report["summary"]["failed"] == 20
    assert report["errors"][0]["code"] == "refused" and report["errors"][0]["count"] == 20
    assert "success rate  0.00 %" in run.text


def test_a_bad_status_is_no_success(bench, start_origin):
    seen = []

    def reply(request):
        seen.append(request)
        return answer(status="200 OK" if len(seen) % 4 else "503 Busy")

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    run, report = bench("-n", "40", "-c", "1", origin.url())
    assert report["status"] == {"200": 30, "503": 10}
    assert "success rate  75.00 %" in run.text


def test_a_list_is_sent_in_its_order_with_its_own_fields_and_bodies(bench, server, tmp_path):
    (tmp_path / "list").write_text("\n".join([
        "# two requests", server.url("/a"),
        json.dumps({"url": server.url("/b"), "method": "PUT", "headers": {"X-One": "1"},
                    "body": "text"})]))
    run, _ = bench("-i", tmp_path / "list", "-n", "6", "-c", "1")
    run.expect(0)
    assert [(r.method, r.target, r.body) for r in server.requests] == [
        ("GET", "/a", b""), ("PUT", "/b", b"text")] * 3
    assert [r.field("X-One") for r in server.requests] == [None, "1"] * 3
    assert "and 1 more" in run.text


@pytest.mark.parametrize("args,requests", [
    (["-X", "POST", "--data", "a=1", "-H", "X: y"], ("POST", b"a=1", "y")),
    (["--json", "{}", "-H", "X: z"], ("POST", b"{}", "z")),
], ids=str)
def test_request_flags_are_those_of_get(args, requests, bench, server):
    bench(*args, "-n", "2", server.url())[0].expect(0)
    assert [(r.method, r.body, r.field("X")) for r in server.requests] == [requests] * 2


def test_a_new_connection_for_each_request(bench, server):
    run, report = bench("--fresh-conn", "-n", "10", "-c", "2", server.url())
    run.expect(0)
    assert server.connections_count == 10
    assert report["summary"]["connections"] == {"new": 10, "reused": 0}


def test_ramp_and_warm_up_are_counted_apart(bench, server):
    run, report = bench("-R", "40", "--ramp", "1s", "--warm-up", "500ms", "-d", "1s", "-c", "4",
                        server.url())
    assert run.code == 0
    assert report["summary"]["requests"] == 40
    assert len(server.requests) == 20 + 20 + 40
    assert "before    40 requests of ramp and warm-up" in run.text


@pytest.mark.parametrize("bound,code,said", [
    ("p99<10s", 0, "p99<10s: kept"), ("p50<1ns", 5, "p50<1ns: MISSED"),
    ("errors<0.1%", 0, "errors<0.1%: kept, 0.000 %"),
])
def test_a_bound_that_is_missed_is_exit_5(bound, code, said, bench, server):
    run, _ = bench("-n", "20", "-c", "2", "--slo", bound, "--slo", "max<1h", server.url())
    run.expect(code)
    assert said in run.text and "max<1h: kept" in run.text


def counts_of(text):
    """HdrHistogram's V2 encoding, read by the plainest code: index -> count."""
    data = base64.b64decode(text)
    cookie, size = struct.unpack_from(">II", data)
    assert cookie == 0x1c849314 and size == len(data) - 8
    payload = zlib.decompress(data[8:])
    assert struct.unpack_from(">I", payload) == (0x1c849313,)
    counts, index, at = {}, 0, 40
    while at < len(payload):
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        number = (value >> 1) ^ -(value & 1)
        if number < 0:
            index -= number
        else:
            counts[index] = number
            index += 1
    return counts


def test_a_run_is_written_for_other_programs(bench, server, tmp_path):
    files = {kind: tmp_path / f"run.{kind}" for kind in ("hgrm", "hlog", "csv")}
    flags = [word for path in files.values() for word in ("--report", path)]
    run, report = bench("-n", "200", "-c", "2", *flags, server.url())
    run.expect(0)
    hgrm = files["hgrm"].read_text().splitlines()
    assert hgrm[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    rows = [line.split() for line in hgrm[2:] if not line.startswith("#")]
    assert [row[1] for row in rows[:2]] == ["0.000000000000", "0.100000000000"]
    assert rows[-1][1:] == ["1.000000000000", "200"]
    p50 = next(float(row[0]) for row in rows if row[1] == "0.500000000000")
    assert abs(p50 * 1e6 / report["summary"]["response"]["p50_ns"] - 1) < 0.01
    csv = [line.split(",") for line in files["csv"].read_text().splitlines()]
    assert csv[0][:4] == ["second", "requests", "failed", "bytes"]
    assert sum(int(row[1]) for row in csv[1:]) == 200
    lines = [line for line in files["hlog"].read_text().splitlines() if line[0].isdigit()]
    assert sum(sum(counts_of(line.split(",")[3]).values()) for line in lines) == 200
    assert [line.split(",")[3] for line in lines] == [
        row["response_hdr"] for row in report["timeseries"] if "response_hdr" in row]


def test_an_interrupt_ends_it_with_what_there_is(daemon, start_origin):
    origin = start_origin([repeat([expect_request(), sleep(20), send(answer())])])
    haul = spawn_haul("bench", "-c", "2", "-d", "60s", origin.url(), daemon=daemon)
    try:
        poll_until(lambda: len(origin.requests) > 10, "it runs")
        haul.send_signal(signal.SIGINT)
        out, _ = haul.communicate(timeout=20)
    finally:
        end_group(haul)
    assert haul.returncode == 130
    assert b"verdict" in out and b"status 200" in out


def test_a_schedule_with_nothing_more_in_time_ends(bench, server):
    """The second request of an hour is not waited for."""
    run, report = bench("-R", "1/h", "-d", "1s", server.url(), timeout=8)
    run.expect(0)
    assert report["summary"]["requests"] == len(server.requests) == 1


def test_more_than_the_daemon_can_hold_ends_by_the_clock_too(bench, start_origin):
    origin = start_origin([repeat([expect_request(), hang()])])
    run, report = bench("-R", "200k", "-c", "2", "-d", "1s", origin.url(), timeout=25)
    run.expect(1)
    assert report["verdict"]["state"] == "INVALID"
    assert "200000 requests/s were asked for, " in run.text
    assert report["summary"]["failed"] == report["summary"]["requests"] > 0


def test_an_interrupt_is_no_rate_that_was_missed(daemon, server):
    """What was handed over ahead of its time, and then taken back, was not asked for."""
    haul = spawn_haul("bench", "-R", "40", "-c", "4", "-d", "60s", server.url(), daemon=daemon)
    try:
        poll_until(lambda: len(server.requests) > 20, "it runs")
        haul.send_signal(signal.SIGINT)
        out, _ = haul.communicate(timeout=20)
    finally:
        end_group(haul)
    assert haul.returncode == 130
    assert b"were asked for" not in out, out


def test_a_run_that_measured_nothing_is_invalid(bench, server):
    run, report = bench("-n", "5", "--warm-up", "1s", "--strict", server.url())
    run.expect(3)
    assert report["summary"]["requests"] == 0 and len(server.requests) == 5
    assert report["verdict"]["reasons"] == ["nothing was measured"]


def test_a_dead_server_is_no_measurement(bench):
    run, report = bench("-n", "20", "-c", "2", "--slo", "p99<1h", "http://127.0.0.1:1/")
    run.expect(5)
    assert report["verdict"] == {"state": "INVALID", "reasons": ["nothing was measured"]}
    assert "p99<1h: MISSED, so many have failed" in run.text and "[" not in run.text, run.text
    run, _ = bench("-n", "20", "-c", "2", "--strict", "http://127.0.0.1:1/")
    run.expect(3)


def test_what_fails_fast_keeps_no_bound(bench, start_origin):
    origin = start_origin([repeat([expect_request(), send(answer(status="503 Not now"))])])
    run, report = bench("-n", "20", "-c", "2", "--slo", "p99<1h", origin.url())
    run.expect(5)
    assert report["verdict"]["state"] != "INVALID" and "success rate  0.00 %" in run.text


def test_a_large_body_is_for_the_lines_without_one(bench, server, tmp_path):
    (tmp_path / "large").write_bytes(b"x" * (3 << 20))
    (tmp_path / "list").write_text(json.dumps({"url": server.url("/own"), "body": "own"}) + "\n" +
                                   server.url("/large"))
    run, _ = bench("--data-binary", f"@{tmp_path / 'large'}", "-i", tmp_path / "list", "-n", "4",
                   "-c", "1")
    run.expect(0)
    assert [(r.target, len(r.body)) for r in server.requests] == [("/own", 3),
                                                                   ("/large", 3 << 20)] * 2


def test_an_expectation_is_sent_and_waited_for(bench, start_origin):
    origin = start_origin([repeat([expect_head(), send(b"HTTP/1.1 100 Continue\r\n\r\n"),
                                   expect_body(), send(answer())])])
    bench("--data", "x", "-H", "Expect: 100-continue", "-n", "2", "-c", "1",
          origin.url())[0].expect(0)
    assert [(r.field("Expect"), r.body) for r in origin.requests] == [("100-continue", b"x")] * 2


@pytest.mark.parametrize("args,said", [
    ([], "bench needs a URL"), (["-R", "0", "http://a"], "--rate takes"),
    (["--ramp", "1s", "http://a"], "open loop"), (["--arrival", "poisson", "http://a"], "open loop"),
    (["--arrival", "often", "http://a"], "fixed, poisson"), (["ftp://a"], "ftp://a"),
    (["-i", "/nonexistent"], "No such file"), (["-i", "LIST"], "line 2"),
    (["--slo", "p99>1s", "http://a"], "--slo takes"),
    (["-d", "0", "http://a"], "--duration takes a time, as 500ms, 2.5s or 3m (bare: seconds), more "
     "than zero, not '0'"), (["-z", "0ms", "http://a"], "--run-time takes a time"),
    (["--by", "colour", "http://a"], "none, url, host, status"),
    (["-O", "http://a"], "no flag of `haul bench`"),
    (["--report", "/none/x.json", "http://a"], "/none/x.json: No such file or directory; make its"),
    (["--save", "/none/x", "http://a"], "/none/x.json: No such file or directory; make its folder"),
    (["--report", "/dev/null/x.html", "http://a"], "/dev/null/x.html: Not a directory"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_cannot_be_run_is_refused_before_anything_is_sent(args, said, daemon, tmp_path):
    (tmp_path / "list").write_text("http://127.0.0.1:1/\nhttp://[/\n")
    args = [str(tmp_path / "list") if arg == "LIST" else arg for arg in args]
    run = run_haul("bench", *args, daemon=daemon).expect(2)
    assert said in run.err and not run.out, run
