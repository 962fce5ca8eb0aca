"""CASES E: names. A mock server answers by script; nothing else is ever asked."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from mock_dns import (A, AAAA, BYTES, CNAME, DELAY, EMPTY_PACKET, FORGED, FORGERIES, GARBAGE, MUTE,
                      NXDOMAIN, REFUSED, SEQUENCE, SERVFAIL, SILENT, TRUNCATED,
                      TRUNCATED_AND_CLOSED, WRONG_ID, WRONG_QUESTION, encode_name)
from origin import BlackHole, dead_port
from support import (assert_fails, assert_succeeds, error_name, fd_count, is_sanitized, run_haul,
                     status_kib)

pytestmark = pytest.mark.usefixtures("taint")

HERE = Path(__file__).resolve().parent

# --- E01, E02: what a server says ---

FAILURES = {
    "NXDOMAIN": (NXDOMAIN, ("dns/not_found",)),
    "empty_answer": ([], ("dns/not_found",)),
    "SERVFAIL": (SERVFAIL, ("dns/failed",)),
    "REFUSED": (REFUSED, ("dns/failed",)),
    "garbage": (GARBAGE, ("dns/failed", "timeout/dns")),
    "empty_packet": (EMPTY_PACKET, ("dns/failed", "timeout/dns")),
    "forged_id": (WRONG_ID, ("dns/failed", "timeout/dns")),
    "forged_question": (WRONG_QUESTION, ("dns/failed", "timeout/dns")),
    "truncated_and_closed": (TRUNCATED_AND_CLOSED, ("dns/failed", "timeout/dns")),
}


@pytest.mark.parametrize("name", FAILURES)
def test_says_why_a_name_has_no_address(name, named, origin):
    """And the items with other names go on."""
    rule, errors = FAILURES[name]
    _, daemon = named({"x.test": rule, "good.test": [A("127.0.0.1")]})
    run = run_haul("batch", "--dns-timeout", "1s", "http://x.test/", origin.url(host="good.test"),
                   daemon=daemon).expect(1)
    record = run.by_url()["http://x.test/"]
    assert_fails(record, *errors)
    assert record["error"]["phase"] == "dns", record
    assert_succeeds(run.by_url()[origin.url(host="good.test")])


@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_answer_is_ignored_and_the_true_one_awaited(how, named, origin):
    """E02."""
    _, daemon = named({"x.test": FORGED(how, [A("127.0.0.1")])})
    record = run_haul("batch", origin.url(host="x.test"), daemon=daemon).expect(0).record
    assert_succeeds(record)
    assert record["remote_ip"] == "127.0.0.1"


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


def test_names_whose_answers_get_lost_take_no_others_with_them(named, origin):
    """E02: a server that has no TCP, and names whose answers need it, among others."""
    bad = {f"bad{i}.test": TRUNCATED_AND_CLOSED for i in range(20)}
    good = {f"good{i}.test": DELAY(30, [A("127.0.0.1")]) for i in range(40)}
    _, daemon = named(bad | good)
    urls = "".join(origin.url(host=host) + "\n" for pair in zip([*bad] * 2, good) for host in pair)
    run = run_haul("batch", "-4", "-i", "-", daemon=daemon, stdin=urls).expect(1)
    assert len(run.records) == 80
    for record in run.records:
        if "bad" in record["url"]:
            assert_fails(record, "dns/failed")
        else:
            assert_succeeds(record)


@pytest.mark.parametrize("rule, again", [(NXDOMAIN, False), ([], False), (SERVFAIL, True),
                                         (REFUSED, True)], ids=["NXDOMAIN", "empty", "SERVFAIL",
                                                                "REFUSED"])
def test_remembers_that_there_is_none_and_forgets_failures(rule, again, named):
    """E01: for five seconds, see hauld(8)."""
    mock, daemon = named({"x.test": rule})
    counts = []
    for _ in range(2):
        run_haul("batch", "-4", "--dns-timeout", "1s", "http://x.test/", daemon=daemon).expect(1)
        counts.append(mock.queries_of("x.test"))
    assert counts[0] > 0 and (counts[1] > counts[0]) == again


# --- E04: answers without end ---

def alias(owner, name):
    return owner + struct.pack("!HHIH", 5, 1, 60, len(name)) + name


def address(owner, text="127.0.0.1"):
    packed = bytes(map(int, text.split(".")))
    return owner + struct.pack("!HHIH", 1, 1, 60, 4) + packed


ASKED = b"\xc0\x0c"    # a pointer to the name of the question


def chain(length, ends=True):
    names = [ASKED, *(encode_name(f"n{i}.test") for i in range(length))]
    rows = [alias(one, two) for one, two in zip(names, names[1:])]
    rows.append(address(names[-1]) if ends else alias(names[-1], ASKED))
    return len(rows), b"".join(rows)


def pointers(hops):
    """The owner of an address is reached over so many pointers, each to the one before it."""
    start = 12 + len(encode_name("x.test")) + 4 + 2 + 10     # behind the owner and the head of TXT
    data = ASKED + b"".join(struct.pack("!H", 0xc000 | start + 2 * i) for i in range(hops - 1))
    txt = ASKED + struct.pack("!HHIH", 16, 1, 60, len(data)) + data
    return 2, txt + address(struct.pack("!H", 0xc000 | start + 2 * (hops - 1)))


ENDLESS = {
    "aliases in a ring": lambda kind: chain(1, ends=False),
    "a hundred aliases in a ring": lambda kind: chain(100, ends=False),
    "a name that is its own alias": lambda kind: (1, alias(ASKED, ASKED)),
    "a hundred aliases": lambda kind: chain(100) if kind == 1 else (0, b""),
    "a hundred pointers": lambda kind: pointers(100) if kind == 1 else (0, b""),
    "a pointer to itself": lambda kind: (1, alias(ASKED, b"\xc0\x26")),
    "a pointer ahead": lambda kind: (1, address(b"\xcf\xff")),
    "pointers in a ring": lambda kind: (1, address(b"\xc0\x1a\xc0\x18")),
    "more answers than there are": lambda kind: (65535, address(ASKED)),
    "a length beyond the end": lambda kind: (1, ASKED + struct.pack("!HHIH", 1, 1, 60, 65535)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_that_leads_nowhere_is_an_end(name, named, origin):
    """An address or E_DNS, soon, in flat memory; others are served."""
    _, daemon = named({"x.test": BYTES(ENDLESS[name]), "good.test": [A("127.0.0.1")]})
    before = status_kib(daemon.pid, "VmHWM")
    run = run_haul("batch", "--dns-timeout", "2s", origin.url(host="x.test"),
                   origin.url(host="good.test"), daemon=daemon)
    record = run.by_url()[origin.url(host="x.test")]
    if error_name(record):
        assert_fails(record, "dns/not_found", "dns/failed", "timeout/dns")
        assert record["error"]["phase"] == "dns", record
    else:
        assert record["remote_ip"] == "127.0.0.1"
    assert_succeeds(run.by_url()[origin.url(host="good.test")])
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmHWM") - before < 4 << 10


def test_of_four_thousand_addresses_some_are_tried(named, origin):
    many = [A("127.0.0.1")] + [A(f"127.0.{1 + i // 250}.{1 + i % 250}") for i in range(3999)]
    _, daemon = named({"x.test": TRUNCATED(many)})
    before = status_kib(daemon.pid, "VmHWM")
    record = run_haul("batch", origin.url(host="x.test"), daemon=daemon).expect(0).record
    assert record["remote_ip"] == "127.0.0.1"
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmHWM") - before < 4 << 10


# --- E06: names that are not asked for ---

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


# --- E05: names that are odd ---

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


# --- E03: Happy Eyeballs: x.test is ::1 and 127.0.0.1 ---

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


@pytest.mark.parametrize("first", [AAAA("fe80::1"), AAAA("ff02::1"), A("255.255.255.255"),
                                   A("127.0.0.77")], ids=lambda record: record.data.hex())
def test_an_address_that_cannot_be_routed_is_passed_over(first, origin, named):
    """A link-local address without its link, groups, and one that nobody listens at."""
    _, daemon = named({"x.test": [first, A("127.0.0.1")]})
    record = run_haul("batch", origin.url(host="x.test"), daemon=daemon).expect(0).record
    assert record["remote_ip"] == "127.0.0.1"


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


def test_the_environment_has_no_say_in_names(named, start_daemon, origin, tmp_path):
    """L07: what resolvers read there (resolv.conf(5), hostname(7)) would lead elsewhere."""
    (tmp_path / "aliases").write_text("short other.test\nx.test other.test\n")
    mock, _ = named({"x.test": [A("127.0.0.1")], "other.test": [A("127.0.0.66")],
                     "short.other.test": [A("127.0.0.66")]})
    daemon = start_daemon(config=f"DNSServers={mock.address}\nHostsFile={tmp_path}/hosts\n",
                          env={"HOSTALIASES": str(tmp_path / "aliases"), "LOCALDOMAIN": "other.test",
                               "RES_OPTIONS": "ndots:15 timeout:1 attempts:1 use-vc",
                               "CARES_HOSTS": "/dev/null"})
    assert_succeeds(run_haul("batch", origin.url(host="x.test"), daemon=daemon).expect(0).record)
    run = run_haul("batch", "http://short/", "http://y.short/", daemon=daemon).expect(1)
    for record in run.records:
        assert_fails(record, "dns/not_found")
    assert not [name for name, _, _ in mock.queries if name.endswith("other.test")]
    assert mock.queries_of("y.short") and {how for _, _, how in mock.queries} == {"udp"}


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
