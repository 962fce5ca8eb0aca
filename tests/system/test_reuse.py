"""CASES C: connections that served before, and what may be sent twice."""

import pytest

from origin import answer, expect_request, fin, repeat, rst, send, sleep, wait_for
from support import assert_fails, assert_succeeds, run_haul

pytestmark = pytest.mark.usefixtures("taint")

SERVE = repeat([expect_request(), send(answer())])
SERVE_ONE_THEN = [expect_request(), send(answer())]


def fetch_two(daemon, origin, second_method="GET", **kwargs):
    """One after the other: the second finds the connection that the first one left."""
    lines = ('{"url":"%s","id":"first"}\n{"url":"%s","id":"second","method":"%s"}\n'
             % (origin.url("/1"), origin.url("/2"), second_method))
    return run_haul("batch", "--serial", "-i", "-", daemon=daemon, stdin=lines, **kwargs)


def test_keeps_a_connection_for_the_next_request_and_says_so(daemon, start_origin):
    origin = start_origin([SERVE])
    records = fetch_two(daemon, origin).expect(0).by_id()
    assert (records["first"]["reused"], records["second"]["reused"]) == (False, True)
    assert origin.connections_count == 1


def test_keeps_a_connection_for_the_next_command(daemon, origin):
    for _ in range(3):
        run_haul("get", origin.url(), daemon=daemon).expect(0)
    assert origin.connections_count == 1


# The connection dies with the second request on it, before a byte of an answer: EOF or reset.
@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
def test_replays_a_get_once_when_the_kept_connection_was_dead(end, daemon, start_origin):
    origin = start_origin(SERVE_ONE_THEN + [expect_request(), end], [SERVE])
    records = fetch_two(daemon, origin).expect(0).by_id()
    assert_succeeds(records["second"])
    assert records["second"]["attempts"] == 2
    assert origin.targets() == ["/1", "/2", "/2"]


def test_notices_a_connection_closed_while_idle(daemon, start_origin):
    origin = start_origin(SERVE_ONE_THEN + [fin()], [SERVE])
    assert_succeeds(fetch_two(daemon, origin).expect(0).by_id()["second"])


@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
def test_never_sends_a_post_twice(end, daemon, start_origin):
    origin = start_origin(SERVE_ONE_THEN + [expect_request(), end], [SERVE])
    records = fetch_two(daemon, origin, "POST").expect(1).by_id()
    assert_fails(records["second"], "io/recv", "http/empty")
    assert origin.targets() == ["/1", "/2"]
    assert "not sent twice" in records["second"]["error"]["message"], records["second"]


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_does_not_replay_after_a_byte_of_the_answer(part, daemon, start_origin):
    origin = start_origin(SERVE_ONE_THEN + [expect_request(), send(part), fin()], [SERVE])
    records = fetch_two(daemon, origin).expect(1).by_id()
    assert_fails(records["second"], "http/partial", "http/malformed", "http/empty")
    assert origin.targets() == ["/1", "/2"]


@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
def test_an_origin_that_closes_every_fresh_connection_fails_in_bounded_attempts(
        end, batch, start_origin):
    origin = start_origin([expect_request(), end])
    assert_fails(batch(origin.url()).expect(1).record, "http/empty", "io/recv", "connect/reset")
    assert origin.connections_count <= 5


def test_an_origin_that_closes_every_reused_connection_serves_all_the_same(daemon, start_origin):
    origin = start_origin(SERVE_ONE_THEN + [expect_request(), fin()])
    urls = [origin.url(f"/{i}") for i in range(8)]
    run = run_haul("batch", "--serial", *urls, daemon=daemon)
    assert len(run.records) == 8, run
    assert len(origin.targets()) <= 5 * 8


def test_closes_an_idle_connection_that_speaks_unasked(daemon, start_origin, until):
    surplus = [sleep(30), send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")]
    origin = start_origin(SERVE_ONE_THEN + surplus + [repeat([expect_request()])], [SERVE])
    run_haul("get", origin.url("/1"), daemon=daemon).expect(0)
    until(lambda: origin.open_connections == 0, "the connection is closed")
    run = run_haul("get", origin.url("/2"), daemon=daemon).expect(0)
    assert (run.out, origin.connections_count) == (b"ok", 2)


def test_asks_for_no_more_connections_than_the_batch_allows(daemon, start_origin):
    import threading
    gate = threading.Event()
    origin = start_origin([repeat([expect_request(), wait_for(gate), send(answer())])])
    process_args = ["batch", "--max-per-origin", "3", *[origin.url(f"/{i}") for i in range(9)]]
    timer = threading.Timer(0.5, gate.set)
    timer.start()
    run = run_haul(*process_args, daemon=daemon).expect(0)
    timer.join()
    assert (len(run.records), origin.connections_count) == (9, 3)
