"""Everything at once: many TLS origins that fail in every polite and rude way, one list, two users."""

import base64
import itertools
import os
import threading

import pytest

from origin import answer, expect_request, repeat, reply_with
from support import Daemon, most_within, run_haul
from tls_ca import CA

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("taint")]

ORIGINS, ITEMS, RATE = 20, 1000, 40
NOBODY = 65534


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("ca"))


def burst_and_late(rate):
    """What may come at once (PROTOCOL.md), and what a stall of this machine shifts into a span."""
    return max(1, rate // 10) + 1 + rate * 0.3


class Rude:
    """Of twenty requests one gets a 429 with a pause, one a 503, one a reset."""

    def __init__(self, offset):
        self._numbers, self._lock = itertools.count(offset), threading.Lock()
        self.trouble = 0

    def __call__(self, request):
        with self._lock:
            turn = next(self._numbers) % 20
            self.trouble += turn in (3, 7, 17)
        if turn == 7:
            return answer(b"wait", "429 Too Many Requests", ["Retry-After: 1"])
        if turn == 17:
            return answer(b"busy", "503 Service Unavailable")
        return None if turn == 3 else answer(request.target.encode())


def test_a_thousand_urls_over_twenty_rude_origins_all_arrive(ca, daemon, start_origin):
    rude = [Rude(offset) for offset in range(ORIGINS)]
    origins = [start_origin([repeat([expect_request(), reply_with(each)])],
                            tls=ca.server("localhost", "127.0.0.1")) for each in rude]
    lines = "\n".join(origins[i % ORIGINS].url(f"/{i}") for i in range(ITEMS))
    run = run_haul("batch", "-i", "-", "--cacert", ca.path, "--retry", "5", "--inline",
                   "--rate-per-origin", str(RATE), daemon=daemon, stdin=lines, timeout=170)
    run.expect(0)
    assert len(run.records) == ITEMS
    for record in run.records:
        assert (record["ok"], record["status"]) == (True, 200), record
        assert record["url"].endswith(record["body"]), record
    assert sum(each.trouble for each in rude) >= ITEMS * 0.1
    for origin, each in zip(origins, rude):
        times = [request.at_s for request in origin.requests]
        assert len(times) == ITEMS // ORIGINS + each.trouble
        for span_s in (0.25, 1.0):
            most = most_within(times, span_s)
            assert most <= RATE * span_s + burst_and_late(RATE), (most, span_s)


@pytest.mark.skipif(os.getuid() != 0, reason="a second user takes root")
def test_two_users_share_the_rate_of_an_origin_and_none_of_its_secrets(ca, start_origin):
    """The taint: whatever one user sends or is given has that user's mark, and the other's requests
    and answers do not."""
    def reply(request):
        user = base64.b64decode(request.field("Authorization").split()[1]).decode().split(":")[0]
        return answer(f"for {user}".encode(), fields=[f"Set-Cookie: secret={user}; Path=/"])

    origin = start_origin([repeat([expect_request(), reply_with(reply)])],
                          tls=ca.server("localhost", "127.0.0.1"))
    with Daemon(config="RatePerOrigin=40\n") as daemon:
        os.chmod(daemon.folder, 0o755)
        os.chmod(daemon.socket, 0o666)
        trust = daemon.folder / "ca.pem"    # which both can read
        trust.write_bytes(ca.path.read_bytes())
        runs, threads = {}, []

        def one(user, uid):
            lines = "\n".join(origin.url(f"/{user}/{i}") for i in range(40))
            runs[user] = run_haul("batch", "-i", "-", "-u", f"{user}:pass-of-{user}", "--inline",
                                  "--cacert", trust, "-b", "mine=" + user,
                                  daemon=daemon, stdin=lines, user=uid, timeout=60)
        for user, uid in (("anna", 0), ("bert", NOBODY)):
            threads.append(threading.Thread(target=one, args=(user, uid)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(runs) == {"anna", "bert"}
    for user, run in runs.items():
        run.expect(0)
        assert {record["body"] for record in run.records} == {f"for {user}"}
    times = [request.at_s for request in origin.requests]
    assert len(times) == 80
    assert most_within(times, 1.0) <= 40 + burst_and_late(40)
    other = {"anna": "bert", "bert": "anna"}
    for request in origin.requests:
        user = request.target.split("/")[1]
        sent = request.head.decode() + base64.b64decode(
            request.field("Authorization").split()[1]).decode()
        assert other[user] not in sent, sent
