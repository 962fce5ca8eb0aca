"""CASES E: names. A mock server answers by script; nothing else is ever asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from mock_dns import (A, AAAA, CNAME, EMPTY_PACKET, GARBAGE, MUTE, NXDOMAIN, REFUSED, SEQUENCE,
                      SERVFAIL, SILENT, TRUNCATED, WRONG_ID, WRONG_QUESTION)
from origin import BlackHole, dead_port
from support import assert_fails, assert_succeeds, fd_count, run_haul

pytestmark = pytest.mark.usefixtures("taint")

HERE = Path(__file__).resolve().parent

FAILURES = {
    "NXDOMAIN": (NXDOMAIN, ("dns/not_found",)),
    "empty_answer": ([], ("dns/not_found",)),
    "SERVFAIL": (SERVFAIL, ("dns/failed",)),
    "REFUSED": (REFUSED, ("dns/failed",)),
    "garbage": (GARBAGE, ("dns/failed", "timeout/dns")),
    "empty_packet": (EMPTY_PACKET, ("dns/failed", "timeout/dns")),
    "forged_id": (WRONG_ID, ("dns/failed", "timeout/dns")),
    "forged_question": (WRONG_QUESTION, ("dns/failed", "timeout/dns")),
}


@pytest.mark.parametrize("name", FAILURES)
def test_says_why_a_name_has_no_address(name, named):
    rule, errors = FAILURES[name]
    _, daemon = named({"x.test": rule})
    record = run_haul("batch", "--dns-timeout", "1s", "http://x.test/", daemon=daemon) \
        .expect(1).record
    assert_fails(record, *errors)
    assert record["error"]["phase"] == "dns", record
    assert "x.test" in record["url"]


def test_get_exits_with_curls_number_and_names_the_host(named):
    _, daemon = named()
    assert "gone.test" in run_haul("get", "http://gone.test/", daemon=daemon).expect(6).err


@pytest.mark.parametrize("rule", [
    [A("127.0.0.1")], [A("127.0.0.1"), AAAA("::1")], TRUNCATED([A("127.0.0.1")]),
], ids=["A_only", "A_and_AAAA", "truncated_then_TCP"])
def test_finds_an_origin_by_name(rule, named, origin):
    _, daemon = named({"good.test": rule})
    record = run_haul("batch", origin.url(host="good.test"), daemon=daemon).expect(0).record
    assert_succeeds(record)
    assert (record["remote_ip"], record["remote_port"]) == ("127.0.0.1", origin.port)
    assert origin.requests[0].field("Host") == f"good.test:{origin.port}"


def test_finds_an_origin_with_an_AAAA_record_only(named, start_origin):
    try:
        origin = start_origin(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    _, daemon = named({"six.test": [AAAA("::1")]})
    record = run_haul("batch", origin.url(host="six.test"), daemon=daemon).expect(0).record
    assert record["remote_ip"] == "::1"


def test_follows_an_alias(named, origin):
    # One answer with the alias and the address, as a recursive server gives it.
    _, daemon = named({"alias.test": [CNAME("real.test"), A("127.0.0.1")],
                       "real.test": [A("127.0.0.1")]})
    run = run_haul("batch", "--dns-timeout", "1s", origin.url(host="alias.test"), daemon=daemon)
    assert run.record["error"] is None or run.record["error"]["domain"] == "dns", run


def test_tries_the_next_address_when_one_refuses(named, origin):
    _, daemon = named({"two.test": [A("127.0.0.77"), A("127.0.0.1")]})
    record = run_haul("batch", origin.url(host="two.test"), daemon=daemon).expect(0).record
    assert record["remote_ip"] == "127.0.0.1"


def test_asks_once_for_many_items_and_remembers(named, origin):
    mock, daemon = named({"good.test": [A("127.0.0.1")]})
    urls = [origin.url(f"/{i}", host="good.test") for i in range(20)]
    run_haul("batch", *urls, daemon=daemon).expect(0)
    run_haul("batch", *urls, daemon=daemon).expect(0)
    assert mock.queries_of("good.test", "A") == 1


def test_asks_again_after_a_server_failure(named, origin):
    mock, daemon = named({"flaky.test": SEQUENCE(SERVFAIL, SERVFAIL, SERVFAIL, SERVFAIL)})
    url = origin.url(host="flaky.test")
    run_haul("batch", "--dns-timeout", "1s", url, daemon=daemon).expect(1)
    mock.rules["flaky.test"] = [A("127.0.0.1")]
    run_haul("batch", url, daemon=daemon).expect(0)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "x.localhost"])
def test_localhost_is_loopback_and_no_question(host, named, origin):
    mock, daemon = named({"localhost": [A("127.0.0.99")], "x.localhost": [A("127.0.0.99")]})
    record = run_haul("batch", origin.url(host=host), daemon=daemon).expect(0).record
    assert record["remote_ip"] == "127.0.0.1"
    assert mock.queries == []


def test_the_hosts_file_comes_before_dns(named, origin):
    mock, daemon = named({"h.test": [A("127.0.0.99")]}, hosts="127.0.0.1 other H.test # comment\n")
    run_haul("batch", origin.url(host="h.test"), daemon=daemon).expect(0)
    assert mock.queries == []


NAMES = {
    "label_of_63": ("a" * 63 + ".test", ("dns/not_found",)),
    "label_of_64": ("a" * 64 + ".test", ("input/url", "dns/not_found")),
    "name_of_256": (".".join(["a" * 50] * 5) + ".ab", ("input/url",)),
    "empty_label": ("a..b", ("input/url",)),
    "leading_dot": (".a.test", ("input/url",)),
    "leading_hyphen": ("-a.test", ("input/url", "dns/not_found")),
    "underscore": ("_x.test", ("dns/not_found",)),
    "trailing_dot": ("a.test.", ("dns/not_found",)),
}


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_refused_or_asked_for(name, named):
    host, errors = NAMES[name]
    _, daemon = named()
    record = run_haul("batch", f"http://{host}/", daemon=daemon).expect(1).record
    assert_fails(record, *errors)


def test_a_pinned_address_asks_nobody(named, origin):
    mock, daemon = named()
    pin = f"pinned.test:{origin.port}:127.0.0.1"
    run_haul("batch", "--resolve", pin, origin.url(host="pinned.test"), daemon=daemon).expect(0)
    assert mock.queries == []


def test_connect_to_goes_elsewhere_with_the_host_unchanged(batch, origin):
    port, keep = dead_port()
    with keep:
        batch("--connect-to", f"a.test:{port}:127.0.0.1:{origin.port}",
              f"http://a.test:{port}/x").expect(0)
    assert origin.requests[0].field("Host") == f"a.test:{port}"


@pytest.mark.parametrize("flags, host", [
    (["--connect-to", "a.test:81:127.0.0.1:{port}"], "a.test:81"),
    (["--connect-to", "a.test::127.0.0.1:{port}"], "a.test:81"),
    (["--connect-to", ":81:127.0.0.1:{port}"], "a.test:81"),
    (["--connect-to", "::127.0.0.1:{port}"], "a.test:81"),
    (["--connect-to", "::127.0.0.1:"], "a.test:{port}"),
    (["--connect-to", "::127.0.0.1"], "a.test:{port}"),
    (["--connect-to", "a.test:81::{port}", "--resolve", "a.test:{port}:127.0.0.1"], "a.test:81"),
    (["--connect-to", "b.test:81:127.0.0.9:1", "--connect-to", "::127.0.0.1:{port}"], "a.test:81"),
    (["--resolve", "a.test:{port}:127.0.0.77,127.0.0.1"], "a.test:{port}"),
    (["--resolve", "+*:{port}:[::1],127.0.0.1"], "a.test:{port}"),
    (["--resolve", "a.test:{port}:[::1],127.0.0.1", "-4"], "a.test:{port}"),
], ids=lambda x: " ".join(x) if isinstance(x, list) else None)
def test_pins_are_written_as_for_curl(flags, host, batch, origin):
    host = host.format(port=origin.port)
    flags = [flag.format(port=origin.port) for flag in flags]
    record = batch(*flags, f"http://{host}/").expect(0).record
    assert (record["remote_ip"], record["remote_port"]) == ("127.0.0.1", origin.port)
    assert origin.requests[0].field("Host") == host


# --- Happy Eyeballs: x.test is ::1 and 127.0.0.1 ---

@pytest.fixture
def hole_and_origin(origin):
    """At the origin's port ::1 swallows what it is sent, and 127.0.0.1 answers."""
    try:
        with BlackHole("::1", origin.port):
            yield origin
    except OSError as error:
        pytest.skip(f"no ::1 here to bind to: {error}")


@pytest.mark.parametrize("by", ["DNS", "the hosts file"])
def test_an_address_that_swallows_everything_costs_a_quarter_of_a_second(by, hole_and_origin,
                                                                       named):
    rules, hosts = ({"x.test": [AAAA("::1"), A("127.0.0.1")]}, "") if by == "DNS" else \
        (None, "::1 x.test\n127.0.0.1 x.test\n")
    _, daemon = named(rules, hosts)
    record = run_haul("batch", hole_and_origin.url(host="x.test"), daemon=daemon).expect(0).record
    assert_succeeds(record)
    assert record["remote_ip"] == "127.0.0.1"
    assert 0.2 < record["time_connect"] - record["time_namelookup"] < 2, record


def test_the_family_that_is_asked_for_is_the_only_one(hole_and_origin, named):
    _, daemon = named({"x.test": [AAAA("::1"), A("127.0.0.1")]})
    url = hole_and_origin.url(host="x.test")
    record = run_haul("batch", "-6", "--connect-timeout", "600ms", url, daemon=daemon) \
        .expect(1).record
    assert_fails(record, "timeout/connect")
    record = run_haul("batch", "-4", url, daemon=daemon).expect(0).record
    assert record["time_connect"] - record["time_namelookup"] < 0.2, record


def test_an_address_that_refuses_costs_nothing(origin, named):
    _, daemon = named({"x.test": [AAAA("::1"), A("127.0.0.1")]})
    record = run_haul("batch", origin.url(host="x.test"), daemon=daemon).expect(0).record
    assert record["remote_ip"] == "127.0.0.1"
    assert record["time_connect"] - record["time_namelookup"] < 0.2, record


# --- servers that do not answer, names by the thousand, another resolv.conf ---

def test_a_server_that_is_silent_about_AAAA_delays_and_does_not_prevent(named, origin):
    mock, daemon = named({"x.test": MUTE("AAAA", [A("127.0.0.1")])})
    record = run_haul("batch", origin.url(host="x.test"), daemon=daemon).expect(0).record
    assert_succeeds(record)
    assert 0.2 < record["phases"]["dns"] / 1e9 < 2, record
    assert mock.queries_of("x.test", "A") == 2


def test_a_silent_server_is_a_timeout(named):
    _, daemon = named({"x.test": SILENT})
    record = run_haul("batch", "--dns-timeout", "600ms", "http://x.test/", daemon=daemon) \
        .expect(1).record
    assert_fails(record, "timeout/dns")
    assert 0.5 < record["phases"]["dns"] / 1e9 < 1.5, record


def test_a_thousand_names_of_which_many_are_never_answered(named, origin):
    """If those that wait had to wait for a place, c-ares' six seconds would pass four times."""
    silent = {f"s{i}.test": SILENT for i in range(500)}
    good = {f"g{i}.test": [A("127.0.0.1")] for i in range(500)}
    mock, daemon = named(silent | good)
    before = fd_count(daemon.pid)
    urls = "\n".join(origin.url(host=host) for host in [*silent, *good])
    run = run_haul("batch", "-c", "1000", "--dns-timeout", "15s", "-i", "-", daemon=daemon,
                   stdin=urls, timeout=60)
    for record in run.records:
        if record["url"].startswith("http://s"):
            assert_fails(record, "timeout/dns")
        else:
            assert_succeeds(record)
    assert len(run.records) == 1000
    assert all(mock.queries_of(host, "A") >= 1 for host in list(good)[:20])
    # One socket per server, not one per name; the origin's connections may be kept.
    assert fd_count(daemon.pid) - before < 40 + origin.open_connections


def may_have_own_resolv_conf():
    return subprocess.run(["unshare", "-Urnm", sys.executable, HERE / "own_net.py", "/bin/true"],
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not may_have_own_resolv_conf(),
                    reason="no user, mount and network namespaces here")
def test_resolv_conf_is_read_again_when_it_changes(tmp_path):
    done = subprocess.run(["unshare", "-Urnm", sys.executable, HERE / "own_net.py", sys.executable,
                           "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp",
                           tmp_path / "own", HERE / "own_resolv_conf.py"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
