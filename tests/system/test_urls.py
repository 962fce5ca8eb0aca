"""CASES H: URLs and requests. One parser decides the host; what could split a request is refused
before any I/O."""

import base64
import json

import pytest

from mock_dns import A
from origin import Origin
from support import assert_fails, assert_succeeds, error_name, is_sanitized, run_haul, status_kib

pytestmark = pytest.mark.usefixtures("taint")

# CASES H01 ports, H02 hosts that are none, H03 and H04 authorities of two readings, H05 numbers that are
# no address: each must be refused before any I/O.
REFUSED = {
    "port_0": "http://127.0.0.1:0/",
    "port_65536": "http://127.0.0.1:65536/",
    "port_of_11_digits": "http://127.0.0.1:99999999999/",
    "port_80x": "http://127.0.0.1:80x/",
    "port_plus_80": "http://127.0.0.1:+80/",
    "port_minus_1": "http://127.0.0.1:-1/",
    "no_host": "http://",
    "no_host_but_a_path": "http:///x",
    "four_slashes": "http:////x",
    "no_host_but_a_port": "http://:80/",
    "no_host_but_a_user": "http://u@/",
    "space_in_host": "http://a b/",
    "tab_in_host": "http://a\tb/",
    "control_in_host": "http://a\x01b/",
    "encoded_slash_in_host": "http://a%2Fb/",
    "encoded_nul_in_host": "http://a%00b/",
    "backslash_in_authority": "http://a\\@b/",
    "port_before_at": "http://a:80@b:x/",
    "two_ports": "http://[::1]:80:80/",
    "unclosed_bracket": "http://[::1",
    "closed_only": "http://::1]/",
    "future_literal": "http://[v1.x]/",
    "no_literal": "http://[]/",
    "name_in_brackets": "http://[localhost]/",
    "text_after_bracket": "http://[::1]x/",
    "bad_literal": "http://[1:2:3]/",
    "empty_label": "http://a..b/",
    "nul_in_host": "http://a\0b/",
    "cr_in_host": "http://a\rb/",
    "two_ports_of_a_name": "http://a:80:80/",
    "zone_of_a_name": "http://a%25eth0/",
    "empty_zone": "http://[fe80::1%25]/",
    "zone_that_is_no_name": "http://[fe80::1%25eth0/x]/",
    "mapped_address_too_long": "http://[::ffff:1.2.3.4.5]/",
    "mapped_address_in_odd_numbers": "http://[::ffff:0x7f.1]/",
    "address_of_five_numbers": "http://127.0.0.0.1/",
    "dot_behind_an_address": "http://127.0.0.1./",
    "part_above_255": "http://127.0.0.256/",
    "number_behind_a_name": "http://a.test.1/",
    "hexadecimal_behind_a_name": "http://a.0x7f/",
    "full_width_dot": "http://127\u30020.0.1/",
}
SCHEMES = ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "ws://127.0.0.1/"]


def as_line(url, **more):
    return json.dumps({"url": url, **more}) + "\n"


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_a_url_it_cannot_understand_safely(name, named, origin):
    """No name is asked for, no connection made, whatever a later reader makes of it; the rest goes on."""
    mock, daemon = named()
    for flags in ([], ["--public-only"]):
        run = run_haul("batch", *flags, "-i", "-", daemon=daemon, stdin=as_line(REFUSED[name]))
        assert_fails(run.expect(1).record, "input/url")
        assert run.record["error"]["phase"] == "input"
    run = run_haul("batch", "-i", "-", daemon=daemon,
                   stdin=as_line(REFUSED[name]) + as_line(origin.url(), id="good")).expect(1)
    assert_succeeds(run.by_id()["good"])
    assert mock.queries == [] and origin.connections_count == 1
    if "\0" not in REFUSED[name]:
        run_haul("get", REFUSED[name], daemon=daemon).expect(3)


@pytest.mark.parametrize("byte", ["\r", "\n", "\0", "\x7f"])
@pytest.mark.parametrize("where", ["http://127.0.0.1:1/a%sb", "http://127%s.0.0.1:1/"])
def test_refuses_control_bytes_in_host_and_path(byte, where, batch):
    assert_fails(batch("-i", "-", stdin=as_line(where % byte)).expect(1).record, "input/url")


def test_two_ats_never_make_the_userinfo_a_host(batch, origin):
    run = batch("-i", "-", stdin=as_line(f"http://u@h.test@127.0.0.1:{origin.port}/"))
    if error_name(run.record) is None:
        assert run.record["remote_ip"] == "127.0.0.1"
        assert origin.requests[0].field("Host") == f"127.0.0.1:{origin.port}"
    else:
        assert_fails(run.record, "input/url")


@pytest.mark.parametrize("url", SCHEMES)
def test_refuses_other_schemes(url, batch, get):
    assert_fails(batch(url).expect(1).record, "input/scheme", "input/url")
    get(url).expect(1)


def test_an_empty_port_is_the_default(batch, origin):
    run = batch("--connect-to", f"x.test:80:127.0.0.1:{origin.port}", "http://x.test:/")
    assert_succeeds(run.expect(0).record)
    assert origin.requests[0].field("Host") == "x.test"


def test_a_fragment_is_not_sent_and_its_at_is_no_host(batch, origin):
    batch("--connect-to", f"a.test:80:127.0.0.1:{origin.port}", "http://a.test#@b/").expect(0)
    assert (origin.requests[0].target, origin.requests[0].field("Host")) == ("/", "a.test")


def test_the_userinfo_is_no_host_and_goes_into_authorization(batch, origin):
    batch(f"http://user;x:p%40ss@127.0.0.1:{origin.port}/").expect(0)
    assert origin.requests[0].field("Host") == f"127.0.0.1:{origin.port}"
    assert origin.requests[0].field("Authorization") == "Basic dXNlcjt4OnBAc3M="


@pytest.mark.parametrize("user", ["a.test:80", "a.test", "127.0.0.1", "u;x=1", "u:p:q", "%40a.test",
                                  "u%3a@".rstrip("@"), "%5B::1%5D"])
def test_what_stands_before_the_at_is_never_a_host(user, named, origin):
    """H03, H04: for names, for the Host field and for the connection it is one and the same host."""
    mock, daemon = named({"b.test": [A("127.0.0.1")], "a.test": [A("127.0.0.66")]})
    record = run_haul("batch", f"http://{user}@b.test:{origin.port}/", daemon=daemon).record
    if error_name(record):
        assert_fails(record, "input/url", "input/argument")
        assert mock.queries == []
        return
    assert record["remote_ip"] == "127.0.0.1"
    assert origin.requests[0].field("Host") == f"b.test:{origin.port}"
    assert {name for name, _, _ in mock.queries} == {"b.test"}
    assert user.encode() not in origin.requests[0].head


def test_a_user_of_64_kib_costs_its_item(batch, origin):
    """H04: sent or refused."""
    url = origin.url().replace("http://", "http://" + "u" * 65000 + ":p@")
    longer = origin.url().replace("http://", "http://" + "u" * 70000 + ":p@")
    run = batch("-i", "-", stdin=as_line(url, id="fits") + as_line(longer, id="long")
                + as_line(origin.url("/good"), id="good")).expect(1)
    assert_fails(run.by_id()["long"], "input/too_big", "input/url")
    assert_succeeds(run.by_id()["good"])
    record = run.by_id()["fits"]
    if error_name(record):
        assert_fails(record, "input/too_big", "input/url", "input/argument")
        assert origin.targets() == ["/good"]
    else:
        sent = next(r for r in origin.requests if r.target == "/").field("Authorization")
        assert base64.b64decode(sent.split()[1]) == b"u" * 65000 + b":p"


def test_a_zone_is_for_the_connection_only(batch):
    """H04: the interface of a link-local address (RFC 6874) is this machine's; here nobody listens."""
    record = batch("--connect-timeout", "1", "http://[fe80::1%25lo]:1/").expect(1).record
    assert_fails(record, "connect/refused", "connect/unreachable", "timeout/connect")
    assert_fails(batch("http://[fe80::1%25no-such-zone]:1/").expect(1).record, "input/url",
                 "connect/unreachable", "dns/failed", "dns/not_found")


@pytest.mark.parametrize("host", ["0x7f.1", "0x7f000001", "017700000001", "0177.0.0.1", "2130706433",
                                  "127.1", "127.0.1", "0X7F.0x0.00.1"])
def test_an_address_in_odd_numbers_is_the_address(host, named, origin):
    """H05: as for curl; the policy, the connection and the Host field know one spelling only."""
    mock, daemon = named()
    url = f"http://{host}:{origin.port}/"
    record = run_haul("batch", "--public-only", url, daemon=daemon).expect(1).record
    assert_fails(record, "policy/denied")
    assert record["error"]["message"].startswith("127.0.0.1 "), record
    assert origin.connections_count == 0
    record = run_haul("batch", url, daemon=daemon).expect(0).record
    assert record["remote_ip"] == "127.0.0.1"
    assert origin.requests[0].field("Host") == f"127.0.0.1:{origin.port}"
    assert mock.queries == []


def test_a_url_without_scheme_is_http(batch, origin):
    record = batch(f"127.0.0.1:{origin.port}/x").expect(0).record
    assert record["effective_url"] == origin.url("/x")


@pytest.mark.parametrize("target,sent", [
    ("", "/"), ("/", "/"), ("?q", "/?q"), ("/a?b=c&d", "/a?b=c&d"), ("/%41%2f", "/%41%2f"),
    ("/a/./b/../c", "/a/c"), ("/a#frag", "/a"), ("/ä", "/%C3%A4"),
])
def test_sends_the_target_as_written_but_for_its_dots(target, sent, batch, origin):
    batch("-i", "-", stdin=as_line(origin.url(target))).expect(0)
    assert [t.upper() if "%" in t and "c3" in t.lower() else t for t in origin.targets()] == [sent]


def test_a_space_in_a_path_is_encoded_or_refused(batch, origin):
    run = batch("-i", "-", stdin=as_line(origin.url("/a b")))
    if error_name(run.record) is None:
        assert origin.targets() == ["/a%20b"]
    else:
        assert_fails(run.record, "input/url")


def test_ipv6_literals_are_canonical(batch):
    try:
        with Origin(host="::1") as origin:
            record = batch(f"http://[0:0::0:1]:{origin.port}/").expect(0).record
            assert record["remote_ip"] == "::1"
            assert origin.requests[0].field("Host") == f"[::1]:{origin.port}"
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


def test_a_mapped_address_never_stays_a_disguise(batch, origin):
    record = batch(f"http://[::ffff:127.0.0.1]:{origin.port}/").record
    if error_name(record) is None:
        assert record["remote_ip"] in ("127.0.0.1", "::ffff:127.0.0.1")


# --- H07: nothing that a client gives can split a request

SPLITS = {
    "CR_LF_in_a_value": {"headers": {"A": "b\r\nX-Evil: 1"}},
    "LF_in_a_value": {"headers": {"A": "b\nX-Evil: 1"}},
    "CR_in_a_value": {"headers": {"A": "b\rc"}},
    "NUL_in_a_value": {"headers": {"A": "b\0c"}},
    "CR_LF_in_a_name": {"headers": {"A\r\nX-Evil": "1"}},
    "space_in_a_name": {"headers": {"A B": "1"}},
    "colon_in_a_name": {"headers": {"A:B": "1"}},
    "leading_space_in_a_name": {"headers": {" A": "1"}},
    "trailing_space_in_a_name": {"headers": {"A ": "1"}},
    "empty_name": {"headers": {"": "1"}},
    "CR_LF_in_the_method": {"method": "GET / HTTP/1.1\r\nX:"},
    "space_in_the_method": {"method": "GET X"},
    "NUL_in_the_method": {"method": "G\0T"},
    "leading_space_in_the_method": {"method": " GET"},
    "trailing_space_in_the_method": {"method": "GET "},
    "CR_LF_behind_a_value": {"headers": {"A": "b\r\n"}},
    "CR_LF_in_a_Host": {"headers": {"Host": "a.test\r\nX-Evil: 1"}},
    "CR_LF_in_a_Cookie": {"headers": {"Cookie": "a=1\r\nX-Evil: 1"}},
    "our_own_length": {"headers": {"Content-Length": "5"}},
    "our_own_coding": {"headers": {"Transfer-Encoding": "chunked"}},
}


@pytest.mark.parametrize("name", SPLITS)
def test_refuses_what_could_split_a_request(name, batch, origin):
    """Nothing of it is sent; the rest of the list is."""
    run = batch("-i", "-", stdin=as_line(origin.url("/bad"), **SPLITS[name], id="bad")).expect(1)
    assert_fails(run.record, "input/argument")
    assert run.record["error"]["phase"] == "input"
    assert origin.connections_count == 0
    run = batch("-i", "-", stdin=as_line(origin.url("/bad"), **SPLITS[name], id="bad")
                + as_line(origin.url("/good"), id="good")).expect(1)
    assert_succeeds(run.by_id()["good"])
    assert origin.targets() == ["/good"]


@pytest.mark.parametrize("target, sent", [("/ a", "/%20a"), ("/a ", "/a"), ("/a?b c", "/a?b%20c")])
def test_a_space_of_a_path_never_ends_the_request_line(target, sent, batch, origin):
    """H07: at the end of a URL it is none of it."""
    record = batch("-i", "-", stdin=as_line(origin.url(target))).record
    if error_name(record):
        assert_fails(record, "input/url")
        assert origin.requests == []
    else:
        assert [(r.target, r.version) for r in origin.requests] == [(sent, "HTTP/1.1")]


def test_space_around_a_value_is_trimmed_or_refused(batch, origin):
    run = batch("-i", "-", stdin=as_line(origin.url(), headers={"A": " b "}))
    if error_name(run.record) is None:
        assert b"\r\nA: b\r\n" in origin.requests[0].head + b"\r\n"
    else:
        assert_fails(run.record, "input/argument")


def test_sends_what_was_asked_for(batch, origin):
    line = as_line(origin.url("/p"), method="PATCH", headers={"X-One": "1", "User-Agent": "mine"},
                   body="body of it")
    batch("-H", "X-All: yes", "-i", "-", stdin=line).expect(0)
    request = origin.requests[0]
    assert (request.method, request.body) == ("PATCH", b"body of it")
    assert [request.field(n) for n in ("X-One", "X-All", "User-Agent")] == ["1", "yes", "mine"]


def test_sends_its_name_and_accepts_all_by_default(batch, origin):
    batch(origin.url()).expect(0)
    request = origin.requests[0]
    assert request.field("User-Agent").startswith("haul/")
    assert (request.field("Accept"), request.field("Accept-Encoding")) == ("*/*", None)


# --- H09: sizes

def test_a_url_of_64_kib_is_sent_and_a_longer_one_refused(batch, origin):
    longest = origin.url("/")
    longest += "x" * (65536 - len(longest))
    run = batch("-i", "-", stdin=as_line(longest, id="fits") + as_line(longest + "x", id="long"))
    assert_succeeds(run.by_id()["fits"])
    assert_fails(run.by_id()["long"], "input/too_big", "input/url")


def test_a_url_that_trebles_by_its_escapes_is_sent_whole(batch, origin):
    target = "/" + "\u00e9" * 9000
    batch("-i", "-", stdin=as_line(origin.url(target))).expect(0)
    assert origin.targets() == ["/" + "%C3%A9" * 9000]


def test_a_url_of_8_mib_costs_one_item(batch, origin):
    lines = "http://127.0.0.1/" + "x" * (8 << 20) + "\n" + origin.url("/good") + "\n"
    run = batch("-i", "-", stdin=lines).expect(1)
    assert len(run.records) == 2
    assert_succeeds(run.by_url()[origin.url("/good")])


def test_too_many_and_too_big_headers_cost_one_item_each(batch, origin):
    many = {f"X-{i}": "1" for i in range(1000)}
    big = {f"X-{i}": "x" * 20000 for i in range(20)}
    run = batch("-i", "-", stdin=as_line(origin.url(), headers=many, id="many")
                + as_line(origin.url(), headers=big, id="big") + as_line(origin.url(), id="good"))
    records = run.expect(1).by_id()
    assert_fails(records["many"], "input/too_big", "input/argument")
    assert_fails(records["big"], "input/too_big", "input/argument")
    assert_succeeds(records["good"])
    assert len(origin.requests) == 1


def test_a_header_block_of_20_mib_is_refused_in_flat_memory(start_daemon, origin):
    daemon = start_daemon()
    huge = as_line(origin.url(), headers={f"X-{i}": "x" * 20_000 for i in range(1000)}, id="huge")
    before = status_kib(daemon.pid, "VmHWM")
    run = run_haul("batch", "-i", "-", daemon=daemon,
                   stdin=huge + as_line(origin.url("/good"), id="good")).expect(1)
    bad, good = sorted(run.records, key=lambda record: record["ok"])
    assert_fails(bad, "input/too_big", "input/argument")
    assert_succeeds(good)
    assert origin.targets() == ["/good"]
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmHWM") - before < 4 << 10


def test_250_headers_arrive(batch, origin):
    batch("-i", "-", stdin=as_line(origin.url(), headers={f"X-{i}": "1" for i in range(240)})) \
        .expect(0)
    assert sum(name.startswith("X-") for name, _ in origin.requests[0].fields) == 240
