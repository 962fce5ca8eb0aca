"""CASES L. Address policy: what --public-only and DenyAddresses=private keep haul away from.

Every origin here is on loopback, so what is allowed needs a network of its own with public
addresses on its lo: own_policy.py has those tests, and the last one here runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mock_dns import A, AAAA
from stream import DISCARD, Session, batch_begin, profile, request
from support import assert_fails, assert_succeeds, find_binary, run_haul

pytestmark = pytest.mark.usefixtures("taint")

HERE = Path(__file__).resolve().parent
PUBLIC_ONLY = 0x80


def assert_untouched(origin, daemon=None):
    """It has not had a connection, though it is there for whoever does without the policy."""
    assert_succeeds(run_haul("batch", origin.url("/control"), daemon=daemon).expect(0).record)
    assert origin.targets() == ["/control"]
    assert origin.connections_count == 1


def assert_denied(record, address=None, rule="--public-only"):
    assert_fails(record, "policy/denied")
    assert record["error"]["phase"] == "connect", record
    assert rule in record["error"]["message"], record
    assert address is None or record["error"]["message"].startswith(address + " is "), record
    assert (record["status"], record["remote_ip"]) in ((0, None), (0, "")), record


# --- spellings

@pytest.mark.parametrize("host,shown", [
    ("127.0.0.1", "127.0.0.1"),
    ("127.8.9.10", "127.8.9.10"),
    ("0.0.0.0", "0.0.0.0"),
    ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
    ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
    ("[::127.0.0.1]", None),
    ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1"),
    ("[2002:7f00:1::]", "2002:7f00:1::"),
    ("localhost", None),
    ("LOCALHOST.", None),
    ("x.localhost", None),
])
def test_loopback_is_denied_however_it_is_written(host, shown, batch, daemon, origin):
    run = batch("--public-only", f"http://{host}:{origin.port}/")
    assert_denied(run.expect(1).record, shown)
    assert_untouched(origin, daemon)


# These are no hosts to haul at all (CASES, section on URLs): denied or not, nothing is asked.
@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1",
                                  "017700000001", "127.0.0.1%2e", "%31%32%37.0.0.1", "①27.0.0.1"])
def test_loopback_in_odd_numbers_is_not_reached(host, batch, daemon, origin):
    run = batch("--public-only", f"http://{host}:{origin.port}/")
    assert_fails(run.expect(1).record, "input/url", "policy/denied", "dns/not_found")
    assert_untouched(origin, daemon)


def test_loopback_of_ipv6_is_denied(batch, daemon, start_origin):
    origin = start_origin(host="::1")
    assert_denied(batch("--public-only", origin.url()).expect(1).record, "::1")
    assert_untouched(origin, daemon)


@pytest.mark.parametrize("host,what", [
    ("169.254.169.254", "link-local"), ("10.1.2.3", "private"), ("172.31.0.1", "private"),
    ("192.168.1.1", "private"), ("100.100.100.200", "carrier"), ("168.63.129.16", "cloud"),
    ("[fd00:ec2::254]", "unique-local"), ("[fe80::1]", "link-local"), ("224.0.0.1", "multicast"),
    ("255.255.255.255", "broadcast"), ("[::ffff:169.254.169.254]", "link-local"),
])
def test_what_is_not_public_is_denied_at_once(host, what, batch):
    run = batch("--public-only", "--connect-timeout", "20", f"http://{host}/latest/meta-data/")
    assert_denied(run.expect(1).record, host.strip("[]"))
    assert what in run.record["error"]["message"]
    assert run.seconds < 10


# The edges of every class, which are CASES L01; what lies just outside is in own_policy.py.
INSIDE = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0 127.255.255.255
169.254.0.0 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.0 192.0.2.255
192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0
203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255
[::] [::1] [fc00::] [fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff] [fe80::] [febf:ffff::1] [ff00::]
[ff02::1] [ffff::1] [2001:db8::] [2001:db8:ffff:ffff:ffff:ffff:ffff:ffff] [::ffff:10.0.0.1]
[::ffff:100.64.0.0] [64:ff9b::a00:1] [2002:a9fe:a9fe::1]
""".split()


def test_every_class_is_denied_up_to_its_edges_before_anything_is_sent(batch, origin):
    """In one list, so that what goes on is seen as well."""
    urls = [f"http://{host}:{origin.port}/" for host in INSIDE]
    run = batch("--public-only", "--connect-timeout", "20", "--resolve",
                f"one.test:{origin.port}:127.0.0.1", "-i", "-",
                stdin="\n".join([*urls, origin.url(host="one.test")])).expect(1)
    records = run.by_url()
    assert len(records) == len(urls) + 1
    for record in records.values():
        assert_denied(record)
        assert record["time_total"] < 10
    assert origin.connections_count == 0


# --- L03: where addresses come from

@pytest.mark.parametrize("pin", [
    ("--resolve", "public.name:{port}:127.0.0.1"),
    ("--resolve", "public.name:{port}:[::ffff:127.0.0.1]"),
    ("--resolve", "*:{port}:127.0.0.1"),
    ("--connect-to", "public.name:{port}:127.0.0.1:{port}"),
    ("--connect-to", "::localhost:"),
    ("--connect-to", "::[::ffff:127.0.0.1]:"),
])
def test_a_pin_leads_nowhere_that_is_denied(pin, batch, daemon, origin):
    where = [part.format(port=origin.port) for part in pin]
    url = f"http://public.name:{origin.port}/"
    assert_denied(batch("--public-only", *where, url).expect(1).record)
    assert origin.connections_count == 0
    assert_succeeds(batch(*where, url).expect(0).record)


def test_a_public_literal_that_is_pinned_inside_is_denied(batch, daemon, origin):
    where = ("--connect-to", f"9.9.9.9:80:127.0.0.1:{origin.port}")
    assert_denied(batch("--public-only", *where, "http://9.9.9.9/").expect(1).record, "127.0.0.1")
    assert_untouched(origin, daemon)


def test_names_of_dns_and_of_the_hosts_file_are_judged_by_their_addresses(named, origin):
    _, daemon = named({"dns.test": [A("127.0.0.1"), A("10.0.0.1"), AAAA("::1")]},
                      hosts="127.0.0.1 hosts.test\n::1 hosts.test\n")
    for name in ("dns.test", "hosts.test"):
        for flags in ((), ("-4",), ("-6",)):
            run = run_haul("batch", "--public-only", *flags, origin.url(host=name), daemon=daemon)
            assert_denied(run.expect(1).record)
    assert_untouched(origin, daemon)


def test_an_interface_changes_nothing(batch, daemon, origin):
    run = batch("--public-only", "--interface", "127.0.0.1", origin.url())
    assert_denied(run.expect(1).record, "127.0.0.1")
    assert_untouched(origin, daemon)


# --- what goes on

def test_a_denied_item_is_not_retried(batch, daemon, origin):
    run = batch("--public-only", "--retry", "5", "--retry-delay", "10ms", "--retry-on",
                "connect,timeout,dns,5xx", origin.url())
    assert_denied(run.expect(1).record)
    assert run.record["attempts"] == 1
    assert_untouched(origin, daemon)


# The connection is kept and would fit in all but the policy.
@pytest.mark.parametrize("count", [1, 20])
def test_a_kept_connection_is_not_used_across_the_policy(count, daemon, start_origin):
    origin = start_origin()
    run_haul("batch", "--serial", origin.url("/a"), daemon=daemon).expect(0)
    urls = [origin.url(f"/secret{i}") for i in range(count)]
    for record in run_haul("batch", "--public-only", *urls, daemon=daemon).expect(1).records:
        assert_denied(record, "127.0.0.1")
    last = run_haul("batch", origin.url("/b"), daemon=daemon).expect(0).record
    assert last["reused"] is True       # it was there all the time
    assert origin.targets() == ["/a", "/b"]
    assert origin.connections_count == 1


def test_both_kinds_at_the_same_time_do_not_share(daemon, start_origin):
    origin = start_origin()
    with Session(daemon) as s:
        s.send(profile(1, DISCARD) + profile(2, DISCARD, flags=PUBLIC_ONLY) + batch_begin(1))
        s.send(b"".join(request(n, origin.url(f"/{n}"), profile=1 + n % 2) for n in range(40)))
        for n, result in s.results(40).items():
            assert result.fault == ("policy/denied" if n % 2 else None), n
    assert sorted(origin.targets()) == sorted(f"/{n}" for n in range(0, 40, 2))


# --- unix sockets

def test_a_unix_socket_is_refused_by_the_client(start_origin, tmp_path, daemon):
    origin = start_origin(unix_path=tmp_path / "s")
    run = run_haul("batch", "--public-only", "--unix-socket", tmp_path / "s", "http://a/",
                   daemon=daemon)
    assert "--public-only and --unix-socket exclude each other" in run.expect(2).err
    assert origin.connections_count == 0


def test_a_unix_socket_is_refused_by_the_daemon(start_origin, tmp_path, daemon):
    path = str(tmp_path / "s").encode()
    origin = start_origin(unix_path=tmp_path / "s")
    with Session(daemon) as s:
        s.send(profile(1, DISCARD, flags=PUBLIC_ONLY, unix_path=path) +
               profile(2, DISCARD, unix_path=path) + batch_begin(1))
        s.send(request(1, "http://a/"))
        assert s.results(1)[1].fault == "policy/denied"
        assert origin.connections_count == 0
        s.send(request(2, "http://a/", profile=2))
        assert s.results(1)[2].fault is None


# --- as it is told

def test_get_says_address_rule_and_where_to_read(get, origin):
    run = get("--public-only", origin.url()).expect(7)
    for part in ("policy/denied", "127.0.0.1 is a loopback address", "--public-only", "haul(1)"):
        assert part in run.err, run
    assert run.out == b""
    assert origin.connections_count == 0


def test_a_private_daemon_obeys_too(origin):
    assert_denied(run_haul("batch", "--public-only", origin.url()).expect(1).record, "127.0.0.1")
    assert origin.connections_count == 0


# --- proxies: what they may be, where they may lead (own_policy.py has what is allowed)

@pytest.mark.parametrize("url", ["http://8.8.4.4/", "https://8.8.4.4/"])
@pytest.mark.parametrize("config, flags, rule", [
    ("", ("--public-only",), "--public-only"), ("DenyAddresses=private\n", (), "DenyAddresses=private")],
    ids=["--public-only", "DenyAddresses="])
def test_a_proxys_own_address_is_judged(url, config, flags, rule, start_daemon, start_origin):
    proxy = start_origin()
    run = run_haul("batch", *flags, "-x", proxy.url(), url, daemon=start_daemon(config=config))
    assert_denied(run.expect(1).record, "127.0.0.1", rule)
    assert proxy.connections_count == 0


# --- DenyAddresses=

def test_the_daemon_can_deny_private_addresses_to_all(start_daemon, start_origin, tmp_path):
    denying = start_daemon(config="DenyAddresses=private\n")
    origin = start_origin()
    for flags, rule in (((), "DenyAddresses=private"), (("--public-only",), "--public-only")):
        run = run_haul("batch", *flags, origin.url(), daemon=denying)
        assert_denied(run.expect(1).record, "127.0.0.1", rule)
    assert origin.connections_count == 0
    local = start_origin(unix_path=tmp_path / "s")  # UnixUpstreams= is about those
    run_haul("get", "--unix-socket", tmp_path / "s", "http://a/", daemon=denying).expect(0)
    assert local.connections_count == 1


def test_a_wrong_class_stops_the_daemon(tmp_path):
    (tmp_path / "conf").write_text("DenyAddresses=privat\n")
    done = subprocess.run([find_binary("hauld"), "--check-config", "--config", tmp_path / "conf"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 78
    assert "expected none, private, " in done.stderr


def test_the_daemon_can_deny_them_to_some_users(start_daemon, start_origin):
    uid, origin = os.geteuid(), start_origin()
    denying = start_daemon(config=f"DenyAddresses=private:{uid}\n")
    assert_denied(run_haul("batch", origin.url(), daemon=denying).expect(1).record, "127.0.0.1",
                  "DenyAddresses=private")
    assert origin.connections_count == 0
    others = start_daemon(config=f"DenyAddresses=private:{uid + 1}-{uid + 9}\n")
    assert_succeeds(run_haul("batch", origin.url(), daemon=others).expect(0).record)


# --- what is allowed

def may_have_own_net():
    return subprocess.run(["unshare", "-Urn", sys.executable, HERE / "own_net.py", "/bin/true"],
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not may_have_own_net(), reason="no user and network namespaces here")
def test_public_addresses_are_reached_and_lead_nowhere_else(tmp_path):
    done = subprocess.run(["unshare", "-Urn", sys.executable, HERE / "own_net.py", sys.executable,
                           "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp",
                           tmp_path / "own", HERE / "own_policy.py"],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
