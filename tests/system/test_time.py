"""CASES D: every wait has an end, names its phase, and a cancelled item says so.

D01 and D02 are the rows of ENDLESS and the tests behind it, but for the silent TLS server."""

import itertools
import signal
import threading
import time

import pytest

import stream
from mock_dns import MockDns, SILENT
from origin import (BlackHole, answer, expect_request, hang, repeat, reply_with, send,
                    send_each_byte, sleep, stop_reading)
from support import (assert_fails, assert_succeeds, end_group, fd_count, is_sanitized, run_haul,
                     spawn_haul)

pytestmark = pytest.mark.usefixtures("taint")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
SLACK_S = 0.05  # beside the 10 percent: what a busy machine adds


def assert_ends_after(record, seconds):
    """Not before the limit, and within 10 percent of it."""
    slack = SLACK_S * (4 if is_sanitized() else 1)
    assert seconds * 0.98 <= record["response_ns"] / 1e9 <= seconds * 1.1 + slack, record


ENDLESS = {
    # name: (script, flags, error, phase)
    "no_first_byte": ([expect_request(), hang()], ["--ttfb-timeout", "300ms"],
                      "timeout/first_byte", "wait"),
    "stall_in_body": ([expect_request(), send(HEAD + b"abc"), hang()],
                      ["--idle-timeout", "300ms"], "timeout/idle", "receive"),
    "stall_in_header": ([expect_request(), send(HEAD[:20]), hang()],
                        ["--idle-timeout", "300ms"], "timeout/idle", "receive"),
    "total_no_answer": ([expect_request(), hang()], ["-m", "0.3"], "timeout/total", "wait"),
    "drip_of_a_body": ([expect_request(), send(HEAD), send_each_byte(b"x" * 1000, 20)],
                       ["--idle-timeout", "200ms", "-m", "500ms"], "timeout/total", "receive"),
    "drip_of_a_header": ([expect_request(), send_each_byte(HEAD * 30, 20)],
                         ["--idle-timeout", "200ms", "-m", "500ms"], "timeout/total", "receive"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_silent_or_dripping_origin_ends_in_time(name, batch, start_origin):
    script, flags, error, phase = ENDLESS[name]
    origin = start_origin(script)
    record = batch(*flags, origin.url()).expect(1).record
    assert_fails(record, error)
    assert record["error"]["phase"] == phase, record
    assert_ends_after(record, 0.5 if "500ms" in flags else 0.3)


def test_a_drip_below_the_idle_limit_is_no_idleness(batch, start_origin):
    body = b"0123456789"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    origin = start_origin([expect_request(), send(head), send_each_byte(body, 60)])
    record = batch("--idle-timeout", "300ms", "--inline", origin.url()).expect(0).record
    assert record["body"] == body.decode()


def test_a_dropped_syn_is_a_connect_timeout(batch):
    with BlackHole() as hole:
        record = batch("--connect-timeout", "300ms", hole.url()).expect(1).record
    assert_fails(record, "timeout/connect")
    assert record["error"]["phase"] == "connect"
    assert_ends_after(record, 0.3)


def test_a_tls_server_that_says_nothing_is_a_tls_timeout(batch, start_origin):
    """D01."""
    origin = start_origin([hang()])
    url = origin.url().replace("http:", "https:")
    record = batch("--tls-timeout", "300ms", url).expect(1).record
    assert_fails(record, "timeout/tls")
    assert record["error"]["phase"] == "tls"
    assert record["response_ns"] >= 0.29e9
    assert origin.requests == []


def test_a_silent_name_server_is_a_dns_timeout(start_daemon):
    with MockDns({"quiet.test": SILENT}) as dns:
        daemon = start_daemon(config=f"DNSServers={dns.address}\n")
        record = run_haul("batch", "--dns-timeout", "300ms", "http://quiet.test/",
                          daemon=daemon).expect(1).record
    assert_fails(record, "timeout/dns")
    assert record["error"]["phase"] == "dns"
    assert_ends_after(record, 0.3)


def test_an_origin_that_stops_reading_ends_the_send(batch, start_origin):
    origin = start_origin([sleep(0), stop_reading()])
    body = "x" * 700000
    lines = "".join('{"url":"%s","method":"PUT","body":"%s","id":%d}\n' % (origin.url(), body, i)
                    for i in range(8))
    run = batch("-m", "500ms", "--max-per-origin", "8", "-i", "-", stdin=lines).expect(1)
    for record in run.records:
        assert_fails(record, "timeout/total", "timeout/send", "timeout/first_byte")


def test_what_never_ends_costs_nobody_else_anything(daemon, start_origin):
    """D01: the rest of the list goes on, and each item has its own end."""
    silent = start_origin([expect_request(), hang()])
    stalled = start_origin([expect_request(), send(HEAD + b"abc"), hang()])
    good = start_origin([repeat([expect_request(), reply_with(
        lambda r: answer(r.target.encode()))])])
    lines = "".join(f"{origin.url(f'/{i}')}\n" for i in range(10)
                    for origin in (silent, good, stalled))
    run = run_haul("batch", "--inline", "--ttfb-timeout", "400ms", "--idle-timeout", "400ms", "-i",
                   "-", daemon=daemon, stdin=lines).expect(1)
    records = run.by_url()
    assert len(run.records) == len(records) == 30
    for i in range(10):
        assert_fails(records[silent.url(f"/{i}")], "timeout/first_byte")
        assert_fails(records[stalled.url(f"/{i}")], "timeout/idle")
        assert records[good.url(f"/{i}")]["body"] == f"/{i}"


def test_one_clock_runs_over_redirects_retries_and_pauses(daemon, start_origin):
    """D03: three hops, two retries with their pauses, and then silence."""
    count = itertools.count()

    def reply(request):
        time.sleep(0.1)
        hop = int(request.target[1:])
        if hop < 3:
            return answer(b"", "302 Found", [f"Location: /{hop + 1}"])
        return answer(b"busy", "503 Busy") if next(count) < 2 else b"HTTP/1.1 200 OK\r\n"

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    record = run_haul("batch", "--retry", "5", "--retry-delay", "200ms", "-m", "1.5",
                      origin.url("/0"), daemon=daemon).expect(1).record
    assert_fails(record, "timeout/total")
    assert origin.targets() == ["/0", "/1", "/2", "/3", "/3", "/3"]
    assert (record["redirects"], record["attempts"]) == (3, 6)
    assert_ends_after(record, 1.5)


def test_the_limit_of_a_line_beats_that_of_the_command(batch, start_origin):
    origin = start_origin([expect_request(), hang()])
    lines = '{"url":"%s","timeout":0.2}\n' % origin.url()
    record = batch("-m", "20", "-i", "-", stdin=lines).expect(1).record
    assert_fails(record, "timeout/total")
    assert_ends_after(record, 0.2)


def test_a_limit_of_0_is_none(start_daemon, start_origin):
    daemon = start_daemon(config="FirstByteTimeout = 200ms\nIdleTimeout = 200ms\n")
    origin = start_origin([repeat([expect_request(), sleep(400), send(answer())])])
    assert_fails(run_haul("batch", origin.url(), daemon=daemon).expect(1).record,
                 "timeout/first_byte")
    for flags in (["--ttfb-timeout", "0", "--idle-timeout", "0"], ["--ttfb-timeout", "0", "-m", "0"]):
        run_haul("batch", *flags, "--connect-timeout", "0", origin.url(), daemon=daemon).expect(0)


def test_get_exits_with_curls_number_of_a_timeout(get, start_origin):
    origin = start_origin([expect_request(), hang()])
    assert "first byte" in get("--ttfb-timeout", "200ms", origin.url()).expect(28).err


def test_phase_times_add_up_and_tell_the_wait(batch, start_origin):
    origin = start_origin([repeat([expect_request(), sleep(150), send(answer())])])
    record = batch(origin.url()).expect(0).record
    phases = record["phases"]
    assert 150e6 <= phases["wait"] <= 150e6 + 150e6, phases
    assert abs(sum(phases.values()) - record["response_ns"]) < 1e6, record
    assert record["service_ns"] <= record["response_ns"]
    assert (record["time_namelookup"] <= record["time_connect"] <= record["time_pretransfer"]
            <= record["time_starttransfer"] <= record["time_total"]), record


# --- D06: the client cancels (Ctrl-C) in each phase

CANCELS = {
    "headers": [expect_request(), hang()],
    "half_header": [expect_request(), send(HEAD[:20]), hang()],
    "body": [expect_request(), send(HEAD + b"abc"), hang()],
    "back_off": [repeat([expect_request(), send(answer(b"later", "503 Later"))])],
}


def interrupt_when(is_so, what, until, *args, daemon):
    """Starts a batch, waits for is_so(), presses Ctrl-C; (code, out, err)."""
    process = spawn_haul("batch", *args, daemon=daemon)
    try:
        until(is_so, what)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = process.communicate(timeout=10)
        assert time.monotonic() - start < 2
        return process.returncode, out.decode(), err.decode()
    finally:
        end_group(process)


@pytest.mark.parametrize("name", CANCELS)
def test_cancel_closes_the_connection_and_the_item_says_so(name, daemon, start_origin, until):
    origin = start_origin(CANCELS[name])
    before = fd_count(daemon.pid)
    code, out, _ = interrupt_when(lambda: origin.requests, "the request has come", until,
                                  "--retry", "1", "--retry-delay", "60s", origin.url(),
                                  daemon=daemon)
    assert code == 130
    assert out.count('"cancelled"') == 1 and '"client"' in out, out
    if name == "back_off":      # the connection is whole, and nobody's
        assert_succeeds(run_haul("batch", origin.url(), daemon=daemon).record, 503)
        assert origin.connections_count == 1
        return
    until(lambda: origin.open_connections == 0, "the connection is closed", within_s=2)
    until(lambda: fd_count(daemon.pid) <= before, "the daemon has no more descriptors than before")


def test_cancel_while_shaking_hands(daemon, start_origin, until):
    origin = start_origin([hang()])
    code, out, _ = interrupt_when(lambda: origin.received_bytes, "a ClientHello has come", until,
                                  origin.url().replace("http:", "https:"), daemon=daemon)
    assert code == 130
    assert out.count('"cancelled"') == 1 and '"client"' in out, out
    until(lambda: origin.open_connections == 0, "the connection is closed", within_s=2)


def test_cancel_while_sending(daemon, start_origin, until, tmp_path):
    """Eight bodies of 700 KB, none of which the origin takes."""
    origin = start_origin([stop_reading()])
    (tmp_path / "body").write_bytes(b"x" * 700_000)
    urls = [origin.url(f"/{i}") for i in range(8)]
    code, out, _ = interrupt_when(lambda: origin.connections_count == 8, "all have connected",
                                  until, "-T", tmp_path / "body", "--max-per-origin", "8", *urls,
                                  daemon=daemon)
    assert code == 130
    assert out.count('"cancelled"') == 8, out
    assert run_haul("ping", daemon=daemon).code == 0


def test_cancel_while_connecting(daemon, until):
    with BlackHole() as hole:
        start = time.monotonic()
        code, out, _ = interrupt_when(lambda: time.monotonic() - start > 0.3, "it is connecting",
                                      until, hole.url(), daemon=daemon)
    assert code == 130
    assert '"cancelled"' in out, out


def test_cancel_while_asking_dns(start_daemon, until):
    with MockDns({"quiet.test": SILENT}) as dns:
        daemon = start_daemon(config=f"DNSServers={dns.address}\n")
        code, out, _ = interrupt_when(lambda: dns.queries_of("quiet.test"), "DNS was asked", until,
                                      "http://quiet.test/", daemon=daemon)
    assert code == 130
    assert '"cancelled"' in out, out


def test_cancel_gives_every_queued_item_one_record(daemon, start_origin, until):
    origin = start_origin([expect_request(), hang()])
    urls = [origin.url(f"/{i}") for i in range(20)]
    code, out, err = interrupt_when(lambda: len(origin.requests) >= 2, "two are in progress", until,
                                    "-c", "2", *urls, daemon=daemon)
    assert code == 130
    assert out.count('"cancelled"') == 20, out
    assert "20 items" in err and "20 failed" in err, err


# --- D07: timers

def test_a_hundred_thousand_limits_that_end_at_once_disturb_nobody(start_daemon, start_origin):
    """They are planned for one instant, and have the same limit from there on."""
    count, daemon = 100_000, start_daemon()
    silent, good = start_origin([expect_request(), hang()]), start_origin()
    with stream.Session(daemon) as one, stream.Session(daemon) as two:
        half = count // 2
        assert one.grants["slots"] >= half
        planned_ns = time.monotonic_ns() + 4_000_000_000
        batch = b"".join(stream.request(i, silent.url("/"), planned_ns=planned_ns)
                         for i in range(half))
        results = []
        readers = [threading.Thread(target=lambda s=session: results.append(s.results(half)))
                   for session in (one, two)]
        for reader in readers:
            reader.start()
        for session in (one, two):
            session.sock.settimeout(60)
            session.send(stream.profile(total_s=0.5), stream.batch_begin(concurrency=5), batch)
        served = 0
        while any(reader.is_alive() for reader in readers):
            assert run_haul("get", "-m", "5", good.url(), daemon=daemon).expect(0).out == b"ok"
            served += 1
    assert [len(each) for each in results] == [half, half]
    assert {result.fault for each in results for result in each.values()} == {"timeout/total"}
    assert served > 3
    assert len(silent.requests) <= 10
