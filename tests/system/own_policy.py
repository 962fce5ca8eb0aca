"""What --public-only lets through, and where that leads. test_policy.py runs this by own_net.py in a
network namespace: there 8.0.0.0/8 and one IPv6 address are this machine's own."""

import contextlib

import pytest

from mock_dns import A, SEQUENCE
from origin import (Origin, answer, expect_request, fin, forward_to, reply_with, repeat, send, sleep,
                    tunnel_to)
from own_net import PUBLIC_IPV4, PUBLIC_IPV6
from support import assert_fails, assert_succeeds, run_haul
from tls_ca import CA

pytestmark = pytest.mark.usefixtures("taint")


@pytest.fixture
def public(start_origin):
    """An origin at the public address that answers 200 "ok"."""
    return start_origin(host=PUBLIC_IPV4)


@pytest.fixture
def inside(start_origin, public):
    """An origin of the same port at 127.0.0.1."""
    return start_origin(host="127.0.0.1", port=public.port)


def leads_to(*locations):
    """Answers the n-th request with a redirect to the n-th place, later ones with 200."""
    left = list(locations)

    def reply(request):
        if not left:
            return answer()
        return answer(b"", "302 Found", [f"Location: {left.pop(0)}"])
    return [repeat([expect_request(), reply_with(reply)])]


def assert_denied(record, hops=0):
    assert_fails(record, "policy/denied")
    assert record["redirects"] == hops, record
    assert "--public-only" in record["error"]["message"], record


@pytest.mark.parametrize("address", [PUBLIC_IPV4, "8.255.255.254", PUBLIC_IPV6])
def test_a_public_address_is_reached(address, batch, start_origin):
    origin = start_origin(host=address)
    record = batch("--public-only", origin.url()).expect(0).record
    assert_succeeds(record)
    assert record["remote_ip"] == address
    assert_succeeds(batch("--public-only", "--interface", address, origin.url()).record)


# Here they have no route, or none that answers: the policy is not what keeps haul away.
JUST_OUTSIDE = """
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.1.255
192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0
203.0.112.255 203.0.114.0 223.255.255.255 [2001:db7:ffff::1] [2001:db9::] [2400::1]
[64:ff9b::808:808]
""".split()


def test_what_is_just_outside_a_class_is_not_denied(batch):
    urls = [f"http://{host}:9/" for host in JUST_OUTSIDE]
    run = batch("--public-only", "--connect-timeout", "2", *urls).expect(1)
    assert len(run.records) == len(urls)
    for record in run.records:
        assert_fails(record, "connect/unreachable", "connect/refused", "timeout/connect")


def test_a_pin_may_lead_to_a_public_address(batch, public):
    where = ("--resolve", f"inside.test:{public.port}:{PUBLIC_IPV4}")
    assert_succeeds(batch("--public-only", *where, public.url(host="inside.test")).record)


# L03. Nobody listens at two of the three; what may not be asked is not.
@pytest.mark.parametrize("order", [0, 1, 2])
def test_only_the_public_ones_of_a_name_are_tried(order, named, public, inside):
    addresses = ["127.0.0.1", PUBLIC_IPV4, "8.9.9.9"]
    addresses = addresses[order:] + addresses[:order]
    _, daemon = named({"mixed.test": [A(address) for address in addresses]})
    record = run_haul("batch", "--public-only", public.url(host="mixed.test"),
                      daemon=daemon).expect(0).record
    assert record["remote_ip"] == PUBLIC_IPV4
    assert inside.connections_count == 0


def test_a_refusal_of_the_public_one_is_what_is_told(named, inside):
    _, daemon = named({"mixed.test": [A("8.9.9.9"), A("127.0.0.1"), A("10.0.0.1")]})
    run = run_haul("batch", "--public-only", inside.url(host="mixed.test"), daemon=daemon)
    assert_fails(run.expect(1).record, "connect/refused")
    assert inside.connections_count == 0


# --- L05: redirects

@pytest.mark.parametrize("host", [
    "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254",
    "pinned.test", "hosts.test"])
def test_a_redirect_leads_nowhere_that_is_denied(host, named, start_origin):
    _, daemon = named(hosts="127.0.0.1 hosts.test localhost\n::1 localhost\n")
    with contextlib.ExitStack() as stack:
        inside = stack.enter_context(Origin(host="127.0.0.1"))
        six = stack.enter_context(Origin(host="::1", port=inside.port))
        target = f"http://{host}:{inside.port}/secret"
        public = start_origin(leads_to(target, target), host=PUBLIC_IPV4)
        pin = ("--resolve", f"pinned.test:{inside.port}:127.0.0.1")
        run = run_haul("batch", "--public-only", *pin, public.url("/go"), daemon=daemon)
        assert_denied(run.expect(1).record, hops=1)
        assert run.record["effective_url"] == target
        assert public.targets() == ["/go"]
        assert inside.connections_count == six.connections_count == 0
        if host != "169.254.169.254":  # it is the policy that keeps haul away
            run_haul("batch", *pin, public.url("/go"), daemon=daemon).expect(0)
            assert inside.targets() + six.targets() == ["/secret"]


# The kept connection of a command without the policy waits at the target.
def test_a_redirect_takes_no_kept_connection_from_those_without(daemon, start_origin, public,
                                                                inside):
    run_haul("batch", inside.url("/a"), daemon=daemon).expect(0)
    first = start_origin(leads_to(inside.url("/secret")), host=PUBLIC_IPV4)
    assert_denied(run_haul("batch", "--public-only", first.url(), daemon=daemon).expect(1).record,
                  hops=1)
    assert inside.targets() == ["/a"]
    assert run_haul("batch", inside.url("/b"), daemon=daemon).expect(0).record["reused"] is True


def test_a_redirect_to_a_public_address_is_followed(batch, start_origin, public):
    first = start_origin(leads_to(public.url("/there")), host=PUBLIC_IPV4)
    assert_succeeds(batch("--public-only", first.url()).expect(0).record)
    assert public.targets() == ["/there"]


def test_the_third_hop_is_judged_as_the_first(batch, start_origin, public, inside):
    origin = start_origin(leads_to("/2", "/3", inside.url("/secret")), host=PUBLIC_IPV4)
    assert_denied(batch("--public-only", origin.url("/1")).expect(1).record, hops=3)
    assert origin.targets() == ["/1", "/2", "/3"]
    assert inside.connections_count == 0


# --- a name that changes

# The first answer names the public address, all later ones 127.0.0.1, at the same port. An answer is
# remembered for a second at least.
@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "closed"])
def test_a_retry_is_judged_anew(keeps, named, start_origin):
    refusal = [expect_request(), send(answer(b"", "503 Later", [] if keeps else
                                             ["Connection: close"])), fin()]
    public = start_origin(refusal, host=PUBLIC_IPV4)
    with Origin(host="127.0.0.1", port=public.port) as inside:
        _, daemon = named({"turns.test": SEQUENCE([A(PUBLIC_IPV4, 0)], [A("127.0.0.1", 0)])})
        run = run_haul("batch", "-4", "--public-only", "--retry", "3", "--retry-delay", "1100ms",
                       public.url(host="turns.test"), daemon=daemon)
        assert_denied(run.expect(1).record)
        assert run.record["attempts"] == 2
        assert public.connections_count == 1
        assert inside.connections_count == 0


def test_a_redirect_to_the_same_name_is_judged_anew(named, start_origin):
    public = start_origin([expect_request(), sleep(1200), send(answer(b"", "302 Found", [
        "Location: /secret", "Connection: close"])), fin()], host=PUBLIC_IPV4)
    with Origin(host="127.0.0.1", port=public.port) as inside:
        _, daemon = named({"turns.test": SEQUENCE([A(PUBLIC_IPV4, 0)], [A("127.0.0.1", 0)])})
        run = run_haul("batch", "-4", "--public-only", public.url(host="turns.test"),
                       daemon=daemon)
        assert_denied(run.expect(1).record, hops=1)
        assert public.connections_count == 1
        assert inside.connections_count == 0


# --- kept connections

def test_a_kept_connection_is_used_by_its_own_kind_only(daemon, public):
    def fetch(*flags):
        return run_haul("batch", *flags, public.url(), daemon=daemon).expect(0).record["reused"]

    assert fetch() is False
    assert fetch("--public-only") is False
    assert public.connections_count == 2
    assert fetch("--public-only") is True
    assert fetch() is True
    assert public.connections_count == 2


# --- proxies

@pytest.mark.parametrize("config, flags", [("", ("--public-only",)), ("DenyAddresses=private\n", ())],
                         ids=["--public-only", "DenyAddresses="])
@pytest.mark.parametrize("way", ["forwarded", "tunnelled"])
def test_where_a_proxy_goes_is_the_proxys_matter(way, config, flags, start_daemon, start_origin,
                                                 tmp_path):
    daemon, ca = start_daemon(config=config), CA(tmp_path)
    secured = {"tls": ca.server("127.0.0.1")} if way == "tunnelled" else {}
    with Origin(host="127.0.0.1", **secured) as inside:
        ports = {f"127.0.0.1:{inside.port}": inside.port}
        proxy = start_origin([expect_request(), tunnel_to(ports) if secured else forward_to(ports)],
                             host=PUBLIC_IPV4)
        run = run_haul("batch", *flags, "--cacert", ca.path, "-x", proxy.url(), inside.url(),
                       daemon=daemon)
        assert_succeeds(run.expect(0).record)
        assert run.record["remote_ip"] == PUBLIC_IPV4
        run = run_haul("batch", *flags, "--cacert", ca.path, inside.url(), daemon=daemon)
        assert_fails(run.expect(1).record, "policy/denied")
        assert len(inside.requests) == 1


# --- the daemon's own

def test_the_daemon_may_be_told_for_all(named, start_origin, public, inside):
    _, daemon = named({"public.test": [A("127.0.0.1"), A(PUBLIC_IPV4)]},
                      config="DenyAddresses=private\n")
    assert_succeeds(run_haul("batch", public.url(), daemon=daemon).expect(0).record)
    run = run_haul("batch", public.url(host="public.test"), daemon=daemon)  # of a DNS server inside
    assert_succeeds(run.expect(0).record)
    first = start_origin(leads_to(inside.url("/secret")), host=PUBLIC_IPV4)
    run = run_haul("batch", first.url(), daemon=daemon)
    assert_fails(run.expect(1).record, "policy/denied")
    assert "DenyAddresses=private" in run.record["error"]["message"]
    assert inside.connections_count == 0
