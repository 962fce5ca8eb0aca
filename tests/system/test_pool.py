"""The cap of sockets: who waits for one gets it as soon as one can be had."""

import time

import stream
from stream import Session


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

