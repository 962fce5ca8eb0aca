"""CASES F: https against a CA made when the tests start, and what must never leave before trust."""

import ssl
import subprocess
import threading
import time

import pytest

from origin import (answer, chunked, close_notify, expect_eof, expect_request, fin, hang,
                    repeat, reply_with, rst, send, sleep)
from support import (assert_fails, assert_succeeds, end_group, error_name, is_sanitized, run_haul,
                     spawn_haul, status_kib)
from tls_ca import CA
from wild_tls import TLS12, TLS13, WildTls

pytestmark = pytest.mark.usefixtures("taint")

SERVE = [repeat([expect_request(), send(answer(b"secret"))])]
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
TOKEN = "tOkEn-0815"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("other"), "another CA")


@pytest.fixture
def secure(start_origin, ca):
    """A server whose certificate is for localhost and 127.0.0.1."""
    def start(*scripts, versions=None, ask_client=False, alpn=("http/1.1",), names=None, **options):
        context = ca.server(*(names or ("localhost", "127.0.0.1", "::1")), versions=versions,
                            ask_client=ask_client, alpn=alpn)
        return start_origin(*(scripts or (SERVE,)), tls=context, **options)
    return start


def record_of(origin, *flags, daemon, code=None, host=None, path="/"):
    run = run_haul("batch", *flags, origin.url(path, host=host), daemon=daemon)
    if code is not None:
        run.expect(code)
    return run.record


# --- it works ---

@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_fetches_over_tls(versions, host, daemon, secure, ca):
    origin = secure(versions=versions)
    record = record_of(origin, "--cacert", ca.path, daemon=daemon, code=0, host=host)
    assert_succeeds(record)
    assert record["size_download"] == 6
    assert 0 < record["time_connect"] <= record["time_appconnect"] <= record["time_pretransfer"]
    assert record["phases"]["tls"] > 0


@pytest.mark.parametrize("segmentation", ["bytes", "cuts:1", "cuts:2", "cuts:3"])
@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
def test_any_segmentation_gives_the_same(segmentation, versions, daemon, secure, ca):
    body = bytes(range(256)) * 40
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin = secure([repeat([expect_request(), send(head + chunked(body[:1000], body[1000:]))])],
                    versions=versions, segmentation=segmentation)
    run = run_haul("get", "--cacert", ca.path, origin.url(), daemon=daemon).expect(0)
    assert run.out == body


def test_large_bodies_are_byte_identical(daemon, secure, ca, tmp_path):
    body = bytes(i * 7 % 251 for i in range(3_000_000))
    origin = secure([repeat([expect_request(), send(answer(body))])])
    run_haul("get", "--cacert", ca.path, "-o", tmp_path / "f", origin.url(), daemon=daemon).expect(0)
    assert (tmp_path / "f").read_bytes() == body
    assert run_haul("get", "--cacert", ca.path, origin.url(), daemon=daemon).out == body


def test_uploads_a_body(daemon, secure, ca):
    origin = secure()
    data = "x" * 200_000
    run_haul("get", "--cacert", ca.path, "--data-raw", data[:100_000], origin.url(),
             daemon=daemon).expect(0)
    assert origin.requests[0].body == data[:100_000].encode()


def test_keeps_connections_across_commands(daemon, secure, ca):
    origin = secure()
    for _ in range(3):
        run_haul("get", "--cacert", ca.path, origin.url(), daemon=daemon).expect(0)
    assert origin.connections_count == 1


@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
def test_resumes_sessions(versions, daemon, secure, ca):
    origin = secure([expect_request(), send(answer(b"x", fields=["Connection: close"])), fin()],
                    versions=versions)
    records = [record_of(origin, "--cacert", ca.path, daemon=daemon, code=0) for _ in range(3)]
    assert [r["tls_resumed"] for r in records] == [False, True, True]
    assert origin.connections_count == 3


CIPHERS = {cipher["name"] for cipher in ssl.create_default_context().get_ciphers()}


@pytest.mark.parametrize("versions, name", [(V12, "TLSv1.2"), (V13, "TLSv1.3")])
def test_tells_version_and_cipher(versions, name, daemon, secure, origin, ca):
    secured = secure(versions=versions)
    for reused in False, True:
        record = record_of(secured, "--cacert", ca.path, daemon=daemon, code=0)
        assert (record["reused"], record["tls_version"]) == (reused, name)
        assert record["tls_cipher"] in CIPHERS
    run = run_haul("get", "-s", "-v", "--cacert", ca.path, secured.url(), daemon=daemon).expect(0)
    assert f"\n* kept connection to 127.0.0.1:{secured.port}, {name} / {record['tls_cipher']}\n" \
        in run.err
    record = record_of(origin, daemon=daemon, code=0)
    assert (record["tls_version"], record["tls_cipher"]) == (None, None)


def test_w_tells_that_a_certificate_was_refused(daemon, secure, ca):
    origin = secure()
    for flags, said in (["--cacert", ca.path], b"0 0"), ([], b"1 60"):
        run = run_haul("get", "-o", "/dev/null", "-w", "%{ssl_verify_result} %{exitcode}", *flags,
                       origin.url(), daemon=daemon)
        assert run.out == said


def test_speaks_to_a_server_without_alpn(daemon, secure, ca):
    assert_succeeds(record_of(secure(alpn=None), "--cacert", ca.path, daemon=daemon, code=0))


def test_equals_curl(daemon, secure, ca):
    origin = secure()
    curl = subprocess.run(["curl", "-s", "--cacert", ca.path, origin.url(host="localhost")],
                          capture_output=True, check=False)
    haul = run_haul("get", "-s", "--cacert", ca.path, origin.url(host="localhost"), daemon=daemon)
    assert (haul.code, haul.out) == (curl.returncode, curl.stdout) == (0, b"secret")


# --- F01: trust ---

def test_without_the_ca_it_is_60_and_no_request_byte_leaves(daemon, secure):
    origin = secure()
    run = run_haul("get", "-H", f"Authorization: {TOKEN}", origin.url(), daemon=daemon).expect(60)
    assert "tls/verify" in run.err and "--cacert" in run.err
    assert origin.requests == [] and run.out == b""


def test_another_ca_is_not_enough(daemon, secure, other_ca):
    assert_fails(record_of(secure(), "--cacert", other_ca.path, daemon=daemon, code=1),
                 "tls/verify")


@pytest.mark.parametrize("names, host, good", [
    (["localhost"], "localhost", True), (["example.org"], "localhost", False),
    (["127.0.0.1"], "127.0.0.1", True), (["localhost"], "127.0.0.1", False),
    (["127.0.0.2"], "127.0.0.1", False),
])
def test_the_name_must_fit(names, host, good, daemon, secure, ca):
    origin = secure(names=names)
    record = record_of(origin, "--cacert", ca.path, daemon=daemon, host=host)
    if good:
        assert_succeeds(record)
        return
    assert_fails(record, "tls/verify")
    assert host in record["error"]["message"], record["error"]
    assert origin.requests == []


# --- F02: names ---

@pytest.mark.parametrize("pattern, host, good", [
    ("*.example.test", "a.example.test", True), ("*.example.test", "a.b.example.test", False),
    ("*.example.test", "example.test", False), ("a*.example.test", "ab.example.test", False),
    ("*.*.test", "a.b.test", False), ("a.*.test", "a.b.test", False), ("*.test", "a.test", False),
    ("*", "a", False), ("*.EXAMPLE.test", "A.example.test", True),
    ("xn--bcher-kva.test", "xn--bcher-kva.test", True), ("*.a.test", "xn--bcher-kva.a.test", True),
    ("xn--*.a.test", "xn--bcher-kva.a.test", False), ("b*.a.test", "xn--bcher-kva.a.test", False),
    ("good.test\0.evil.test", "good.test", False), ("DNS:127.0.0.1", "127.0.0.1", False),
    ("DNS:*.0.0.1", "127.0.0.1", False), ("IP:127.0.0.1", "127.0.0.1.example.test", False),
])
def test_names_are_compared_label_by_label(pattern, host, good, daemon, secure, ca):
    """RFC 9525: a wildcard is the whole leftmost label; an address is one only as such."""
    origin = secure(names=[pattern])
    run = run_haul("batch", "--cacert", ca.path, "--resolve", f"{host}:{origin.port}:127.0.0.1",
                   origin.url(host=host), daemon=daemon)
    assert run.record["ok"] == good, run.record
    if not good:
        assert_fails(run.record, "tls/verify")
        assert origin.requests == []


def test_the_common_name_does_not_count(daemon, start_origin, ca):
    context = ca.server("localhost", common_name="localhost", san=False)
    origin = start_origin(SERVE, tls=context)
    assert_fails(record_of(origin, "--cacert", ca.path, daemon=daemon, host="localhost"),
                 "tls/verify")


@pytest.mark.parametrize("make, says", [
    (lambda ca: ca.expired("localhost"), "expired"),
    (lambda ca: ca.not_yet_valid("localhost"), "not yet valid"),
    (lambda ca: ca.self_signed("localhost"), "self-signed"),
], ids=["expired", "not yet valid", "self-signed"])
@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
def test_a_certificate_that_is_not_good_is_told_as_such(make, says, versions, daemon, start_origin,
                                                        secure, ca):
    """And no byte of the request leaves; what is asked of others goes on."""
    context = ca.context(*make(ca))
    context.minimum_version = context.maximum_version = versions
    origin, good = start_origin(SERVE, tls=context), secure()
    run = run_haul("batch", "--cacert", ca.path, "-d", "secret", origin.url(host="localhost"),
                   good.url(), daemon=daemon).expect(1)
    record = run.by_url()[origin.url(host="localhost")]
    assert_fails(record, "tls/verify")
    assert record["error"]["phase"] == "tls" and says in record["error"]["message"], record
    assert origin.requests == []
    assert_succeeds(run.by_url()[good.url()])
    run_haul("get", "--cacert", ca.path, origin.url(host="localhost"), daemon=daemon).expect(60)


def test_insecure_asks_nothing(daemon, secure):
    origin = secure(names=["example.org"])
    assert run_haul("get", "-k", origin.url(), daemon=daemon).expect(0).out == b"secret"


def test_an_insecure_connection_serves_no_one_who_checks(daemon, secure):
    origin = secure()
    run_haul("get", "-k", origin.url(), daemon=daemon).expect(0)
    run_haul("get", origin.url(), daemon=daemon).expect(60)
    run_haul("get", "-k", origin.url(), daemon=daemon).expect(0)
    assert len(origin.requests) == 2


def test_a_trusted_connection_serves_no_one_with_another_ca(daemon, secure, ca, other_ca):
    origin = secure()
    run_haul("get", "--cacert", ca.path, origin.url(), daemon=daemon).expect(0)
    run_haul("get", "--cacert", other_ca.path, origin.url(), daemon=daemon).expect(60)
    assert len(origin.requests) == 1


@pytest.mark.parametrize("host, sni", [
    ("localhost", "localhost"), ("LocalHost", "localhost"), ("localhost.", "localhost"),
    ("127.0.0.1", None), ("[::1]", None),
])
def test_the_server_is_told_the_name_and_never_an_address(host, sni, daemon, start_origin, ca):
    """F05 (RFC 6066 section 3)."""
    seen, context = [], ca.context(*ca.issue("localhost", "127.0.0.1", "::1"))
    context.sni_callback = lambda _, name, __: seen.append(name)
    try:
        origin = start_origin(SERVE, tls=context, host="::1" if ":" in host else "127.0.0.1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert_succeeds(record_of(origin, "--cacert", ca.path, daemon=daemon, code=0, host=host))
    assert seen == [sni]


# --- who we are ---

@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("together", [False, True])
def test_shows_a_client_certificate(versions, together, daemon, secure, ca, tmp_path):
    cert, key = ca.issue(client=True, common_name="me")
    flags = ["--cert", cert, "--key", key]
    if together:
        both = tmp_path / "both.pem"
        both.write_bytes(cert.read_bytes() + key.read_bytes())
        flags = ["-E", both]
    origin = secure(versions=versions, ask_client=True)
    assert_succeeds(record_of(origin, "--cacert", ca.path, *flags, daemon=daemon, code=0))


@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
def test_a_server_that_asks_and_does_not_insist_is_served_without(versions, daemon, start_origin,
                                                                  ca):
    """F06."""
    context = ca.context(*ca.issue("127.0.0.1"))
    context.minimum_version = context.maximum_version = versions
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(ca.path)
    origin = start_origin(SERVE, tls=context)
    assert_succeeds(record_of(origin, "--cacert", ca.path, daemon=daemon, code=0))


@pytest.mark.parametrize("versions", [V12, V13], ids=["1.2", "1.3"])
def test_without_the_certificate_that_is_asked_for_it_fails(versions, daemon, secure, ca):
    origin = secure(versions=versions, ask_client=True)
    record = record_of(origin, "--cacert", ca.path, daemon=daemon, code=1)
    assert_fails(record, "tls/handshake", "io/recv", "io/send")
    assert origin.requests == []


def test_a_connection_with_a_certificate_is_not_for_others(daemon, secure, ca):
    cert, key = ca.issue(client=True)
    origin = secure(ask_client=True)
    flags = ["--cacert", ca.path]
    assert_succeeds(record_of(origin, *flags, "--cert", cert, "--key", key, daemon=daemon))
    assert record_of(origin, *flags, daemon=daemon, code=1)["ok"] is False
    assert len(origin.requests) == 1


@pytest.mark.parametrize("flags, says", [
    (["--cacert", "/nonexistent"], "No such file"), (["--cacert", "/dev/null"], "no PEM"),
    (["--cert", "/etc/hostname"], "no PEM"), (["--key", "/dev/null"], "--cert"),
    (["--tls-min", "1.1"], "1.2"), (["--tls-max", "x"], "1.3"),
    (["--tls-min", "1.3", "--tls-max", "1.2"], "above"),
])
def test_bad_flags_are_usage(flags, says, daemon):
    run = run_haul("batch", *flags, "https://127.0.0.1:1/", daemon=daemon).expect(2)
    assert run.err.startswith("haul: --") and says in run.err, run.err


def test_pem_that_is_rubbish_fails_the_items_that_need_it(daemon, secure, origin, tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    run = run_haul("batch", "--cacert", bad, secure().url(), origin.url(), daemon=daemon).expect(1)
    by_url = run.by_url()
    assert_succeeds(by_url[origin.url()])
    failed = next(r for r in run.records if not r["ok"])
    assert_fails(failed, "input/argument")


@pytest.mark.parametrize("versions, flags, good", [
    (V12, ["--tls-min", "1.3"], False), (V13, ["--tls-max", "1.2"], False),
    (V12, ["--tls-max", "1.2"], True), (V13, ["--tls-min", "1.3"], True),
])
def test_versions_are_bounded(versions, flags, good, daemon, secure, ca):
    record = record_of(secure(versions=versions), "--cacert", ca.path, *flags, daemon=daemon)
    if good:
        assert_succeeds(record)
    else:
        assert_fails(record, "tls/handshake")


# --- F03, F06, F08: servers that misbehave ---

def test_plain_http_where_tls_was_due(daemon, start_origin):
    origin = start_origin([send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), sleep(300), fin()])
    run = run_haul("batch", origin.url().replace("http:", "https:"), daemon=daemon).expect(1)
    assert_fails(run.record, "tls/handshake")
    assert "no TLS" in run.record["error"]["message"], run.record["error"]


def test_tls_where_plain_http_was_due(daemon, secure):
    run = run_haul("batch", secure().url().replace("https:", "http:"), daemon=daemon).expect(1)
    assert_fails(run.record, "http/malformed", "http/empty", "io/recv")


@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
@pytest.mark.parametrize("first", [b"", b"\x16\x03\x03"], ids=["nothing", "half a record"])
def test_a_hang_up_in_the_handshake(end, first, daemon, start_origin):
    origin = start_origin([*([send(first)] if first else []), sleep(100), end])
    run = run_haul("batch", origin.url().replace("http:", "https:"), daemon=daemon).expect(1)
    assert_fails(run.record, "tls/handshake")
    assert run.record["error"]["phase"] == "tls"


@pytest.mark.parametrize("alert, says", [(40, "refused the handshake"), (70, "protocol version"),
                                         (112, "does not know this host"), (80, "")])
def test_an_alert_in_place_of_a_handshake_is_told(alert, says, daemon, start_origin):
    origin = start_origin([sleep(50), send(b"\x15\x03\x03\0\2\2" + bytes([alert])), sleep(50),
                           fin()])
    run = run_haul("batch", origin.url().replace("http:", "https:"), daemon=daemon).expect(1)
    assert_fails(run.record, "tls/handshake")
    assert run.record["error"]["phase"] == "tls" and says in run.record["error"]["message"], run


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("protocol", [b"h2", b"http/1.0", b"spdy/1"])
def test_a_protocol_that_was_not_offered_is_not_spoken(protocol, version, daemon, ca, still_serves):
    """F08."""
    cert, key = ca.issue("127.0.0.1")
    with WildTls(cert, key, version, chosen_alpn=protocol) as server:
        run = run_haul("batch", "--cacert", ca.path, "-d", TOKEN, server.url(), daemon=daemon)
        assert_fails(run.expect(1).record, "tls/alpn")
        assert run.record["error"]["phase"] == "tls"
        assert server.requests == []
        run_haul("get", "--cacert", ca.path, server.url(), daemon=daemon).expect(35)


def test_a_renegotiation_is_refused(daemon, ca, still_serves):
    """F06: TLS 1.2, when the request has come and before it is answered."""
    cert, key = ca.issue("127.0.0.1")
    with WildTls(cert, key, TLS12, renegotiates=True) as server:
        record = run_haul("batch", "--cacert", ca.path, "-m", "10", server.url(),
                          daemon=daemon).expect(1).record
        assert error_name(record) != "timeout/total", record
        assert_fails(record, "tls/handshake", "io/recv", "http/empty", "http/partial")
        assert len(server.requests) == 1


@pytest.mark.parametrize("flood", [{"key_updates": 10_000}, {"tickets": 2_000}], ids=str)
def test_a_flood_of_handshake_messages_is_bounded(flood, start_daemon, ca):
    """F06: answered or ended, and neither memory nor sockets stay behind."""
    cert, key = ca.issue("127.0.0.1")
    daemon = start_daemon()
    with WildTls(cert, key, **flood) as server:
        before = status_kib(daemon.pid, "VmRSS")
        record = run_haul("batch", "--cacert", ca.path, "-m", "20", server.url(),
                          daemon=daemon).record
        if not record["ok"]:
            assert_fails(record, "tls/handshake", "io/recv", "io/send")
        if not is_sanitized():
            assert status_kib(daemon.pid, "VmHWM") - before < 8 << 10


def test_a_handshake_that_never_ends_times_out(daemon, start_origin):
    origin = start_origin([hang()])
    run = run_haul("batch", "--tls-timeout", "300ms", origin.url().replace("http:", "https:"),
                   daemon=daemon).expect(1)
    assert_fails(run.record, "timeout/tls")
    assert run.record["error"]["phase"] == "tls" and run.seconds < 5


def test_connect_timeout_does_not_cover_the_handshake(daemon, start_origin):
    origin = start_origin([hang()])
    run = run_haul("batch", "--connect-timeout", "200ms", "--tls-timeout", "600ms",
                   origin.url().replace("http:", "https:"), daemon=daemon).expect(1)
    assert_fails(run.record, "timeout/tls")


UNTIL_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"


def test_a_body_until_the_end_needs_the_servers_word(daemon, secure, ca):
    """F04: without close_notify anyone could have cut it."""
    good = secure([expect_request(), send(UNTIL_END), close_notify()])
    record = record_of(good, "--cacert", ca.path, "--inline", daemon=daemon, code=0)
    assert record["body"] == "all of it"
    cut = secure([expect_request(), send(UNTIL_END), fin()])
    assert_fails(record_of(cut, "--cacert", ca.path, daemon=daemon, code=1), "http/partial")


@pytest.mark.parametrize("data", [answer(b"whole"), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
                                  b"\r\n\r\n" + chunked(b"who", b"le")], ids=["length", "chunked"])
def test_a_framed_body_does_not(data, daemon, secure, ca):
    """F04."""
    origin = secure([expect_request(), send(data), fin()])
    record = record_of(origin, "--cacert", ca.path, "--inline", daemon=daemon, code=0)
    assert_succeeds(record)
    assert record["body"] == "whole"


def test_a_truncated_body_is_partial(daemon, secure, ca):
    for end in (fin(), close_notify(), rst()):
        origin = secure([expect_request(),
                         send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), end])
        assert_fails(record_of(origin, "--cacert", ca.path, daemon=daemon, code=1),
                     "http/partial", "io/recv")


@pytest.mark.parametrize("end", [fin(), close_notify(), rst()], ids=["eof", "notify", "reset"])
def test_replays_when_the_kept_connection_was_dead(end, daemon, secure, ca):
    origin = secure([expect_request(), send(answer()), expect_request(), end], SERVE)
    flags = ["--cacert", ca.path]
    record_of(origin, *flags, daemon=daemon, code=0)
    assert_succeeds(record_of(origin, *flags, daemon=daemon, code=0))


def test_says_goodbye(daemon, secure, ca):
    origin = secure([expect_request(), send(answer(fields=["Connection: close"])), expect_eof()])
    assert_succeeds(record_of(origin, "--cacert", ca.path, daemon=daemon, code=0))


def test_a_slow_reader_over_tls_stops_the_server(daemon, secure, ca):
    """Back-pressure through the engine: what is not read is not received."""
    body = bytes(32 << 20)
    origin = secure([repeat([expect_request(), send(answer(body))])], segmentation="cuts:1")
    process = spawn_haul("get", "--cacert", ca.path, origin.url(), daemon=daemon)
    try:
        time.sleep(1.0)  # nobody reads its standard output
        assert origin.sent_bytes < len(body)
        out, _ = process.communicate(timeout=60)
    finally:
        end_group(process)
    assert out == body


# --- from one origin to the other ---

def test_redirects_between_http_and_https_keep_secrets(daemon, secure, start_origin, ca):
    """B06, B07: another scheme is another origin, both ways."""
    there = secure()
    here = start_origin([repeat([expect_request(), reply_with(lambda r: answer(
        b"", "302 Found", [f"Location: {there.url('/x')}"]))])])
    record = record_of(here, "--cacert", ca.path, "-u", f"me:{TOKEN}", daemon=daemon, code=0)
    assert (record["redirects"], record["status"]) == (1, 200)
    assert there.requests[0].field("Authorization") is None

    back = secure([repeat([expect_request(), reply_with(lambda r: answer(
        b"", "302 Found", [f"Location: {plain.url('/y')}"]))])])
    plain = start_origin([repeat([expect_request(), send(answer())])])
    record_of(back, "--cacert", ca.path, "-H", f"Cookie: {TOKEN}", daemon=daemon, code=0)
    assert TOKEN.encode() not in plain.requests[0].head
    record = record_of(back, "--cacert", ca.path, "--proto-redir", "=https", daemon=daemon, code=1)
    assert_fails(record, "input/scheme")


def test_many_at_once(daemon, secure, ca):
    origin = secure()
    lines = "".join(f"{origin.url('/%d' % n)}\n" for n in range(100))
    run = run_haul("batch", "--cacert", ca.path, "-c", "20", "-i", "-", daemon=daemon,
                   stdin=lines).expect(0)
    assert len(run.records) == 100 and all(r["ok"] for r in run.records)


def test_two_users_of_one_server_do_not_mix(daemon, secure, ca):
    """Two commands at once with different credentials over shared connections."""
    origin = secure([repeat([expect_request(),
                             reply_with(lambda r: answer(r.field("Authorization").encode()))])])
    results = {}

    def fetch(token):
        run = run_haul("batch", "--cacert", ca.path, "--inline", "--bearer", token, "-c", "5",
                       "-i", "-", daemon=daemon, stdin=f"{origin.url()}\n" * 40).expect(0)
        results[token] = {r["body"] for r in run.records}

    threads = [threading.Thread(target=fetch, args=(t,)) for t in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"one": {"Bearer one"}, "two": {"Bearer two"}}
