"""CASES C: connections that served before, who may use them, and what may be sent twice."""

import base64
import os
import ssl
import threading

import pytest

from origin import answer, expect_request, fin, repeat, reply_with, rst, send, sleep, wait_for
from support import Daemon, assert_fails, assert_succeeds, run_haul
from tls_ca import CA

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


# --- C01 to C04: what may be sent twice

# The connection dies with the second request on it, before a byte of an answer: EOF or reset.
@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
def test_replays_a_get_once_when_the_kept_connection_was_dead(end, daemon, start_origin):
    """C01."""
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
    """C02."""
    origin = start_origin(SERVE_ONE_THEN + [expect_request(), end], [SERVE])
    records = fetch_two(daemon, origin, "POST").expect(1).by_id()
    assert_fails(records["second"], "io/recv", "http/empty")
    assert origin.targets() == ["/1", "/2"]
    assert "not sent twice" in records["second"]["error"]["message"], records["second"]


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_does_not_replay_after_a_byte_of_the_answer(part, daemon, start_origin):
    """C03."""
    origin = start_origin(SERVE_ONE_THEN + [expect_request(), send(part), fin()], [SERVE])
    records = fetch_two(daemon, origin).expect(1).by_id()
    assert_fails(records["second"], "http/partial", "http/malformed", "http/empty")
    assert origin.targets() == ["/1", "/2"]


@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
def test_an_origin_that_closes_every_fresh_connection_fails_in_bounded_attempts(
        end, batch, start_origin):
    """C04."""
    origin = start_origin([expect_request(), end])
    assert_fails(batch(origin.url()).expect(1).record, "http/empty", "io/recv", "connect/reset")
    assert origin.connections_count <= 5


def test_an_origin_that_closes_every_reused_connection_serves_all_the_same(daemon, start_origin):
    """C04."""
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
    gate = threading.Event()
    origin = start_origin([repeat([expect_request(), wait_for(gate), send(answer())])])
    process_args = ["batch", "--max-per-origin", "3", *[origin.url(f"/{i}") for i in range(9)]]
    timer = threading.Timer(0.5, gate.set)
    timer.start()
    run = run_haul(*process_args, daemon=daemon).expect(0)
    timer.join()
    assert (len(run.records), origin.connections_count) == (9, 3)


# --- C06: who may use a connection that is kept

@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def trust(ca, tmp_path_factory):
    """Flags by what they say; all of them get an answer from the servers of this CA."""
    folder = tmp_path_factory.mktemp("trust")
    (folder / "more.pem").write_bytes(ca.path.read_bytes() + CA(folder, "another").path.read_bytes())
    (cert, key), (other_cert, other_key) = ca.issue(client=True), ca.issue(client=True)
    both = ["--cacert", ca.path]
    return {
        "the CA": both, "no check": ["-k"], "no check, the CA": [*both, "-k"],
        "another CA file": ["--cacert", folder / "more.pem"],
        "a certificate": [*both, "--cert", cert, "--key", key],
        "another certificate": [*both, "--cert", other_cert, "--key", other_key],
        "1.3 at least": [*both, "--tls-min", "1.3"], "1.2 at most": [*both, "--tls-max", "1.2"],
        "a pin": [*both, "--resolve", "localhost:PORT:127.0.0.1"],
        "another pin": [*both, "--resolve", "localhost:PORT:127.0.0.1,127.0.0.9"],
        "a source address": [*both, "--interface", "127.0.0.1"],
        "another source address": [*both, "--interface", "127.0.0.2"],
        "IPv4": [*both, "-4"], "another name": [*both, "--resolve", "b.test:PORT:127.0.0.1"],
    }


@pytest.mark.parametrize("keeps", [True, False], ids=["connections", "sessions"])
def test_what_differs_in_more_than_the_request_shares_nothing(keeps, start_daemon, start_origin, ca,
                                                              trust):
    """Each kind has connections of its own, and TLS sessions; one kind shares them."""
    context = ca.context(*ca.issue("localhost", "b.test"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(ca.path)
    context.set_alpn_protocols(["http/1.1"])
    close = [] if keeps else ["Connection: close"]
    origin = start_origin([repeat([expect_request(), send(answer(fields=close))])], tls=context)
    daemon = start_daemon()
    for turn in (1, 2):
        for kind, flags in trust.items():
            flags = [str(flag).replace("PORT", str(origin.port)) for flag in flags]
            host = "b.test" if kind == "another name" else "localhost"
            record = run_haul("batch", *flags, origin.url(f"/{kind[-4:].strip()}", host=host),
                              daemon=daemon).expect(0).record
            shared = record["reused"] if keeps else record["tls_resumed"]
            assert shared == (turn == 2), (turn, kind, record)
    assert origin.connections_count == len(trust) * (1 if keeps else 2)


# --- C09: clients of several users

def echo_of_login(request):
    """What the request says of its sender, back to it, and a cookie that says the same."""
    user = base64.b64decode(request.field("Authorization").split()[1]).decode().split(":")[0]
    return answer(f"{user} {request.field('Cookie')}".encode(),
                  fields=[f"Set-Cookie: secret={user}; Path=/"])


def test_clients_share_connections_and_nothing_that_they_say(daemon, start_origin):
    """One after the other on one connection: the pool keeps connections and knows no client."""
    origin = start_origin([repeat([expect_request(), reply_with(echo_of_login)])])
    for user in ("anna", "bert", "anna"):
        run = run_haul("batch", "--serial", "--inline", "-u", f"{user}:pw", "-b", "", origin.url("/1"),
                       origin.url("/2"), daemon=daemon).expect(0)
        assert [r["body"] for r in run.records] == [f"{user} None", f"{user} secret={user}"]
    assert origin.connections_count == 1


@pytest.mark.skipif(os.getuid() != 0, reason="a second user takes root")
def test_users_share_connections_and_nothing_that_they_say(start_origin):
    """C09, side by side, by two uids."""
    origin = start_origin([repeat([expect_request(), reply_with(echo_of_login)])])
    with Daemon() as daemon:
        os.chmod(daemon.folder, 0o755)
        os.chmod(daemon.socket, 0o666)
        runs = {}

        def fetch(user, uid):
            lines = "".join(origin.url(f"/{user}/{i}") + "\n" for i in range(40))
            runs[user] = run_haul("batch", "-c", "4", "--inline", "-u", f"{user}:pw", "-b", "mine="
                                  + user, "-i", "-", daemon=daemon, stdin=lines, user=uid)

        threads = [threading.Thread(target=fetch, args=one)
                   for one in (("anna", 0), ("bert", 65534))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for user in ("anna", "bert"):
        assert {r["body"].split(" ")[0] for r in runs[user].expect(0).records} == {user}
        assert all("secret=" not in r["body"] or f"secret={user}" in r["body"]
                   for r in runs[user].records)
    other = {"anna": "bert", "bert": "anna"}
    for asked in origin.requests:
        assert other[asked.target.split("/")[1]] not in asked.field("Cookie")
