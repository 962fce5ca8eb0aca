"""The cap of sockets: who waits for one gets it as soon as one can be had."""

import threading
import time

import stream
from origin import answer, expect_request, repeat, send, wait_for
from stream import Session

import socket


def test_ten_origins_share_two_sockets(start_daemon, start_origin):
    daemon = start_daemon(config="MaxConnections = 2\n")
    origins = [start_origin() for _ in range(10)]
    with Session(daemon) as session:
        session.send(stream.profile(1), stream.batch_begin(1, concurrency=100))
        for round_ in range(10):
            session.send(*(stream.request(round_ * 10 + i, origin.url())
                           for i, origin in enumerate(origins)))
        start = time.monotonic()
        results = session.results(100)
    assert all(r.fault is None and r.status == 200 for r in results.values())
    assert time.monotonic() - start < 5


def test_a_connection_nobody_asked_for_any_more_makes_room(start_daemon, start_origin):
    """Item 2's own dial is still on its way when item 1's connection serves it: what that dial
    brings must not sit idle while item 3 waits for a socket."""
    daemon = start_daemon(config="MaxConnections = 2\n")
    release = threading.Event()
    slow = start_origin([expect_request(), send(answer()), expect_request(), wait_for(release),
                         send(answer())], [wait_for(release)])
    other = start_origin()
    with socket.socket() as listener:   # a listener whose backlog is full: its dial hangs
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
    with Session(daemon) as session:
        session.send(stream.profile(1), stream.batch_begin(1, concurrency=100))
        session.send(stream.request(1, slow.url("/1")), stream.request(2, slow.url("/2")),
                     stream.request(3, other.url("/3")))
        start = time.monotonic()
        results = session.results(2)
        release.set()
        assert time.monotonic() - start < 2, sorted(results)
        assert 3 in results
