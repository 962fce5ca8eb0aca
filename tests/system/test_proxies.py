"""HTTP proxies: what they get to see, what origins get to see, and what comes of their answers."""

import shutil
import socket
import subprocess

import pytest

from origin import (TUNNEL_OPEN, answer, expect_request, fin, forward_to, hang, repeat, rst,
                    send, sleep, tunnel_to)
from stream import Session, batch_begin, batch_end, profile, request
from support import (assert_fails, assert_succeeds, clean_env, find_binary, poll_until, run_haul)
from tinyproxy import Missing, Tinyproxy
from tls_ca import CA

pytestmark = pytest.mark.usefixtures("taint")

SECRETS = ["bG9naW46cGFzcw", "login:pass", "pRoXyPaSs", "0rigin-t0ken", "c00kie-of-origin"]
# "me:pRoXyPaSs" and "me:other"
PROXY_BASIC, OTHER_BASIC = "Basic bWU6cFJvWHlQYVNz", "Basic bWU6b3RoZXI="


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def secure(start_origin, ca):
    """An https origin for a.test and b.test."""
    def start(*scripts, **options):
        return start_origin(*scripts, tls=ca.server("a.test", "b.test", "127.0.0.1"), **options)
    return start


class Ports(dict):
    """Where the proxy finds what is asked for: everything at one port, unless it is named."""

    def __init__(self, default=None, **named):
        super().__init__(named)
        self.default = default

    def __missing__(self, name):
        assert self.default, f"asked for {name}"
        return self.default


@pytest.fixture
def start_proxy(start_origin):
    """A proxy that forwards and tunnels to these ports and takes any login."""
    def start(ports, head=TUNNEL_OPEN, **options):
        ports = ports if isinstance(ports, dict) else Ports(ports)
        forward = [repeat([expect_request(), forward_to(ports)])]
        tunnel = [expect_request(), tunnel_to(ports, head)]
        return start_origin(tunnel if options.pop("tunnels", False) else forward, **options)
    return start


def through(proxy, login=None):
    return f"http://{login + '@' if login else ''}127.0.0.1:{proxy.port}"


def assert_clean(text, *allowed):
    """None of the secrets are there, but for those allowed."""
    for secret in SECRETS:
        if secret not in allowed:
            assert secret not in text, (secret, text)


def everything(server):
    return "\n".join(request.head.decode("latin-1") for request in server.requests)


# --- plain http: forwarded ---

def test_the_proxy_gets_the_whole_url_and_the_login(daemon, origin, start_proxy):
    proxy = start_proxy(origin.port)
    run = run_haul("get", "-x", through(proxy, "me:pRoXyPaSs"), "http://a.test:81/x?y=z#f",
                   daemon=daemon).expect(0)
    assert run.out == b"ok"
    seen = proxy.requests[0]
    assert (seen.method, seen.target) == ("GET", "http://a.test:81/x?y=z")
    assert seen.field("Host") == "a.test:81"
    assert seen.field("Proxy-Authorization") == PROXY_BASIC
    assert origin.requests[0].target == "/x?y=z"
    assert origin.requests[0].field("Host") == "a.test:81"
    assert_clean(everything(origin))


def test_a_body_goes_the_same_way(daemon, origin, start_proxy):
    proxy = start_proxy(origin.port)
    run_haul("get", "-x", through(proxy), "-d", "body=1", "http://a.test/", daemon=daemon).expect(0)
    assert (origin.requests[0].method, origin.requests[0].body) == ("POST", b"body=1")


def test_407_of_a_plain_request_is_a_response(daemon, start_origin):
    proxy = start_origin([repeat([expect_request(), send(answer(b"who?", "407 Auth"))])])
    run = run_haul("get", "-x", through(proxy), "http://a.test/", daemon=daemon).expect(0)
    assert run.out == b"who?"
    run_haul("get", "-f", "-x", through(proxy), "http://a.test/", daemon=daemon).expect(22)


def test_connections_to_the_proxy_are_kept_per_login(daemon, start_origin):
    proxy = start_origin()
    urls = ["http://a.test/1", "http://a.test/2"]
    run_haul("batch", "--serial", "-x", through(proxy, "me:pRoXyPaSs"), *urls, daemon=daemon)
    run_haul("batch", "--serial", "-x", through(proxy, "me:other"), *urls, daemon=daemon)
    seen = [(r.connection, r.field("Proxy-Authorization")) for r in proxy.requests]
    assert seen == [(0, PROXY_BASIC)] * 2 + [(1, OTHER_BASIC)] * 2


def test_a_proxied_connection_is_not_used_straight(daemon, origin):
    """The same address, the same origin: only the way differs."""
    run_haul("get", "-x", f"127.0.0.1:{origin.port}", origin.url(), daemon=daemon).expect(0)
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    assert [(r.connection, r.target) for r in origin.requests] == [(0, origin.url()), (1, "/")]


def test_a_proxy_does_not_dodge_the_origins_cap(start_daemon, start_origin):
    """Two logins are two routes; the origin bears one request at a time all the same."""
    daemon = start_daemon(config="MaxPerOriginTotal=1\n")
    proxy = start_origin([repeat([expect_request(), sleep(150), send(answer())])])
    lines = "".join(f"http://a.test/{i}\n" for i in range(3))
    first = subprocess.Popen([find_binary("haul"), "batch", "--socket", daemon.socket, "-x",
                              through(proxy, "me:pRoXyPaSs"), "-i", "-"], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_env())
    first.stdin.write(lines.encode())
    first.stdin.close()
    run_haul("batch", "-x", through(proxy, "me:other"), "-i", "-", stdin=lines,
             daemon=daemon).expect(0)
    assert first.wait(20) == 0
    times = sorted(request.at_s for request in proxy.requests)
    assert len(times) == 6
    assert all(after - before > 0.1 for before, after in zip(times, times[1:])), times


# --- https: tunnelled ---

@pytest.mark.parametrize("segmentation", ["whole", "bytes", "cuts:1", "cuts:2"])
def test_https_goes_through_a_tunnel(segmentation, daemon, secure, start_proxy, ca):
    origin = secure([expect_request(), send(answer(b"inside"))])
    proxy = start_proxy(origin.port, tunnels=True, segmentation=segmentation)
    run = run_haul("get", "--cacert", ca.path, "-x", through(proxy, "me:pRoXyPaSs"), "-u",
                   "login:pass", "-H", "X-T: 0rigin-t0ken", "-b", "k=c00kie-of-origin", "-w",
                   "|%{http_connect} %{proxy_used} %{remote_port}", "https://a.test/secret?q",
                   daemon=daemon).expect(0)
    assert run.out == f"inside|200 1 {proxy.port}".encode()
    assert proxy.requests[0].head.decode().split("\r\n") == [
        "CONNECT a.test:443 HTTP/1.1", "Host: a.test:443", f"Proxy-Authorization: {PROXY_BASIC}"]
    assert len(proxy.requests) == 1
    head = origin.requests[0].head.decode()
    assert head.startswith("GET /secret?q HTTP/1.1\r\nHost: a.test\r\n")
    assert_clean(head, "bG9naW46cGFzcw", "0rigin-t0ken", "c00kie-of-origin")
    assert "Proxy" not in head
    for passed in proxy.tunnelled:
        assert passed[:1] == b"\x16", passed[:40]
        assert_clean(passed.decode("latin-1"))


def test_a_tunnel_is_kept_and_used_again(daemon, secure, start_proxy, ca):
    origin = secure([repeat([expect_request(), send(answer())])])
    proxy = start_proxy(origin.port, tunnels=True)
    run = run_haul("batch", "--serial", "--cacert", ca.path, "-x", through(proxy, "me:pRoXyPaSs"),
                   "https://a.test/1", "https://a.test/2", daemon=daemon).expect(0)
    assert [record["reused"] for record in run.records] == [False, True]
    assert len(proxy.requests) == 1
    run = run_haul("get", "--cacert", ca.path, "-x", through(proxy, "me:pRoXyPaSs"), "-w",
                   "%{http_connect} %{proxy_used}", "-o", "/dev/null", "https://a.test/3",
                   daemon=daemon).expect(0)
    assert run.out == b"000 1"
    # Another login: neither the connection nor the TLS session is for it.
    run = run_haul("batch", "--cacert", ca.path, "-x", through(proxy, "me:other"),
                   "https://a.test/4", daemon=daemon).expect(0)
    assert (run.record["reused"], run.record["tls_resumed"]) == (False, False)
    assert [r.field("Proxy-Authorization") for r in proxy.requests] == [PROXY_BASIC, OTHER_BASIC]


def test_the_origins_certificate_is_what_counts(daemon, secure, start_proxy, ca):
    origin = secure()
    proxy = start_proxy(origin.port, tunnels=True)
    record = run_haul("batch", "--cacert", ca.path, "-x", through(proxy), "https://c.test/",
                      daemon=daemon).expect(1).record
    assert_fails(record, "tls/verify")
    assert not origin.requests


def test_times_tell_the_proxy_and_the_tunnel_apart(daemon, secure, start_origin, ca):
    origin = secure([expect_request(), send(answer())])
    proxy = start_origin([expect_request(), sleep(200), tunnel_to(Ports(origin.port))])
    record = run_haul("batch", "--cacert", ca.path, "-x", through(proxy), "https://a.test/",
                      daemon=daemon).expect(0).record
    assert record["time_connect"] < 0.15 < 0.2 <= record["time_appconnect"]
    assert record["phases"]["tls"] >= 200_000_000
    assert record["remote_ip"] == "127.0.0.1"
    assert record["remote_port"] == proxy.port


REFUSALS = [
    (407, "407"), (403, "403"), (502, "502"), (302, "redirect"), (500, "500"), (418, "4xx"),
]


@pytest.mark.parametrize("status,words", REFUSALS)
def test_a_refused_tunnel_is_connect_proxy(status, words, daemon, start_origin):
    body = b"<html>" * 100
    proxy = start_origin([expect_request(), send(answer(body, f"{status} No", ["Location: /"]))])
    run = run_haul("get", "-x", through(proxy), "-w", "%{http_connect} %{http_code}", "-L",
                   "https://a.test/", daemon=daemon).expect(56)
    assert run.out == f"{status} 000".encode()    # nothing of the proxy's page
    assert words in run.err
    proxy = start_origin([expect_request(), send(answer(body, f"{status} No"))])
    record = run_haul("batch", "-x", through(proxy), "https://a.test/", daemon=daemon).record
    assert_fails(record, "connect/proxy")
    assert record["error"]["phase"] == "connect"
    assert record["status"] == 0
    assert record["size_download"] == 0


BROKEN = {
    "nothing": [fin()],
    "a reset": [rst()],
    "half a head": [send(b"HTTP/1.1 200 OK\r\nX: "), fin()],
    "another protocol": [send(b"SSH-2.0-OpenSSH\r\n"), fin()],
    "HTTP/2": [send(b"HTTP/2 200\r\n\r\n"), fin()],
    "only interim": [send(b"HTTP/1.1 100 Continue\r\n\r\n"), fin()],
    "101": [send(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), hang()],
    "a head without end": [repeat([send(b"X-Filler: " + b"a" * 1000 + b"\r\n")], 100), hang()],
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_proxy_that_makes_no_sense_is_connect_proxy(what, daemon, start_origin, still_serves):
    steps = BROKEN[what]
    if what == "a head without end":
        steps = [send(b"HTTP/1.1 200 OK\r\n"), *steps]
    proxy = start_origin([expect_request(), *steps])
    record = run_haul("batch", "-x", through(proxy), "https://a.test/", daemon=daemon).record
    assert_fails(record, "connect/proxy")


def test_interim_answers_do_not_matter(daemon, secure, start_proxy, ca):
    origin = secure([expect_request(), send(answer())])
    proxy = start_proxy(origin.port, tunnels=True,
                        head=b"HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.0 200 OK\r\n\r\n")
    run_haul("get", "--cacert", ca.path, "-x", through(proxy), "https://a.test/",
             daemon=daemon).expect(0)


def test_what_a_proxy_smuggles_behind_its_answer_is_no_response(daemon, start_origin, ca):
    fake = answer(b"not from a.test")
    proxy = start_origin([expect_request(), send(TUNNEL_OPEN + fake), hang()])
    run = run_haul("get", "--cacert", ca.path, "-x", through(proxy), "https://a.test/",
                   daemon=daemon).expect(35)
    assert run.out == b""
    # In a tunnel without TLS nothing else would tell.
    run = run_haul("get", "-x", through(proxy), "--connect-to", "a.test:80:b.test:80",
                   "http://a.test/", daemon=daemon).expect(56)
    assert run.out == b""


def test_the_connect_timeout_covers_the_tunnel(daemon, start_origin):
    proxy = start_origin([expect_request(), hang()])
    run = run_haul("batch", "-x", through(proxy), "--connect-timeout", "300ms", "https://a.test/",
                   daemon=daemon)
    assert_fails(run.record, "timeout/connect")
    assert run.record["error"]["phase"] == "connect"
    assert 0.25 < run.record["time_total"] < 5


def test_a_client_that_leaves_takes_the_tunnel_with_it(daemon, start_origin):
    proxy = start_origin([expect_request(), hang()])
    process = subprocess.Popen([find_binary("haul"), "get", "--socket", daemon.socket, "-x",
                                through(proxy), "https://a.test/"], env=clean_env(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    poll_until(lambda: proxy.requests, "CONNECT arrives")
    process.kill()
    process.wait()
    poll_until(lambda: proxy.open_connections == 0, "the connection is closed")


# --- which way ---

def test_each_hop_chooses_anew_and_leaves_secrets_behind(daemon, secure, start_origin, start_proxy,
                                                         ca):
    """http through the proxy, then https through a tunnel to another origin, then straight."""
    last = start_origin()
    inside = secure([expect_request(), send(answer(b"", "302 F", [f"Location: {last.url('/last')}"]))])
    first = start_origin([repeat([expect_request(), send(
        answer(b"", "302 F", ["Location: https://b.test/inside"]))])])
    ports = Ports(None, **{"a.test:80": first.port, "b.test:443": inside.port})
    proxy = start_origin([expect_request(), forward_to(ports)],
                         [expect_request(), tunnel_to(ports)])
    run = run_haul("get", "-L", "--cacert", ca.path, "-x", through(proxy, "me:pRoXyPaSs"),
                   "--noproxy", "127.0.0.1", "-u", "login:pass", "-H", "Cookie: c00kie-of-origin",
                   "-w", "|%{url_effective} %{proxy_used}", "http://a.test/", daemon=daemon)
    assert run.expect(0).out == f"ok|{last.url('/last')} 0".encode()
    assert [r.method for r in proxy.requests] == ["GET", "CONNECT"]
    assert_clean(everything(first), "bG9naW46cGFzcw", "c00kie-of-origin")
    assert_clean(proxy.requests[1].head.decode())
    assert [r.field("Proxy-Authorization") for r in proxy.requests] == [PROXY_BASIC] * 2
    for server in (inside, last):
        assert_clean(everything(server))
        assert "proxy" not in everything(server).lower()


NO_PROXY = [
    ("*", True), ("127.0.0.1", True), ("127.0.0.0/8", True), ("10.0.0.0/8,127.0.0.0/8", True),
    ("a.test", False), ("127.0.0.1:80", False), ("", False), ("0.0.1", False),
    ("127.0.0.0/33", False),
]


@pytest.mark.parametrize("flag", ["--noproxy", "no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("names,straight", NO_PROXY)
def test_noproxy(flag, names, straight, daemon, origin, start_proxy):
    proxy = start_proxy(origin.port)
    flags = ["--noproxy", names] if flag == "--noproxy" else []
    env = clean_env(**({} if flags else {flag: names}))
    run_haul("get", "-x", through(proxy), *flags, origin.url(), daemon=daemon, env=env).expect(0)
    assert (len(proxy.requests) == 0) == straight


ENVIRONMENT = [
    ({"http_proxy": "P"}, True), ({"HTTP_PROXY": "P"}, False), ({"all_proxy": "P"}, True),
    ({"ALL_PROXY": "P"}, True), ({"https_proxy": "P"}, False), ({"http_proxy": ""}, False),
    ({"http_proxy": "P", "no_proxy": "*"}, False), ({"http_proxy": "P", "NO_PROXY": "*"}, False),
]


@pytest.mark.parametrize("variables,proxied", ENVIRONMENT, ids=str)
@pytest.mark.parametrize("program", ["haul", "curl"])
def test_the_environment(program, variables, proxied, daemon, origin, start_proxy):
    if not shutil.which("curl"):
        pytest.skip("no curl here to compare with")
    proxy = start_proxy(origin.port)
    env = clean_env(**{k: v.replace("P", through(proxy)) for k, v in variables.items()})
    command = {"haul": [find_binary("haul"), "get", "--socket", daemon.socket],
               "curl": ["curl", "-sS"]}[program]
    done = subprocess.run([*command, origin.url()], env=env, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, b"ok"), done
    assert bool(proxy.requests) == proxied


def test_an_empty_x_is_no_proxy(daemon, origin, start_origin):
    proxy = start_origin()
    env = clean_env(http_proxy=through(proxy))
    run_haul("get", "-x", "", origin.url(), daemon=daemon, env=env).expect(0)
    assert not proxy.requests


def test_the_daemons_environment_does_not_count(start_daemon, origin, start_origin):
    """L07; test_dns.py has what resolvers read there."""
    proxy = start_origin()
    daemon = start_daemon(env={"http_proxy": through(proxy), "all_proxy": through(proxy)})
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    run_haul("get", "-x", "", origin.url(), env=clean_env(all_proxy=through(proxy))).expect(0)
    assert not proxy.requests


def test_a_bad_proxy_of_the_environment_is_for_those_who_need_it(daemon, origin):
    env = clean_env(https_proxy="socks5://127.0.0.1:9")
    lines = f"{origin.url()}\nhttps://a.test/\n"
    run = run_haul("batch", "-i", "-", stdin=lines, daemon=daemon, env=env).expect(1)
    by_url = run.by_url()
    assert_succeeds(by_url[origin.url()])
    assert_fails(by_url["https://a.test/"], "input/argument")
    assert "SOCKS" in by_url["https://a.test/"]["error"]["message"]


@pytest.mark.parametrize("value,says", [
    ("socks5://u:pRoXyPaSs@h", "SOCKS"), ("socks4a://h", "SOCKS"), ("https://h", "TLS"),
    ("h:0", "port"), ("ftp://h", "http://")])
def test_a_flag_that_names_no_http_proxy_is_refused(value, says, daemon):
    run = run_haul("get", "-x", value, "http://a.test/", daemon=daemon).expect(2)
    assert says in run.err
    assert "pRoXyPaSs" not in run.err


# --- names and addresses ---

def test_the_origins_name_is_not_looked_up(daemon, origin, start_proxy):
    proxy = start_proxy(origin.port)
    run_haul("get", "-x", through(proxy), "http://no-such-host.invalid/", daemon=daemon).expect(0)
    run = run_haul("get", "-x", through(proxy), "--resolve", "b.test:80:127.0.0.9",
                   "http://b.test/", daemon=daemon).expect(0)
    assert run.out == b"ok"


def test_an_unknown_proxy_is_5(daemon):
    run = run_haul("get", "-x", "no-such-host.invalid", "http://127.0.0.1/", daemon=daemon)
    assert "proxy" in run.expect(5).err


def test_resolve_counts_for_the_proxys_name(daemon, origin, start_proxy):
    proxy = start_proxy(origin.port)
    run_haul("get", "-x", f"p.test:{proxy.port}", "--resolve", f"p.test:{proxy.port}:127.0.0.1",
             "http://a.test/", daemon=daemon).expect(0)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("target,authority", [
    ("b.test:81", "b.test:81"), ("127.0.0.1:81", "127.0.0.1:81"), ("[::1]:81", "[::1]:81"),
    (":81", "a.test:81")])
def test_connect_to_leads_the_tunnel(target, authority, daemon, origin, start_proxy):
    proxy = start_proxy(origin.port, tunnels=True)
    run = run_haul("get", "-x", through(proxy, "me:pRoXyPaSs"), "--connect-to",
                   f"a.test:80:{target}", "http://a.test/x", daemon=daemon).expect(0)
    assert run.out == b"ok"
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", authority)
    assert origin.requests[0].target == "/x"
    assert origin.requests[0].field("Host") == "a.test"
    assert "roxy" not in origin.requests[0].head.decode()


def test_an_ipv6_origin_has_brackets(daemon, secure, start_origin, ca):
    proxy = start_origin([expect_request(), send(answer(b"", "403 No"))])
    run_haul("get", "-x", through(proxy), "https://[::1]:8443/", daemon=daemon).expect(56)
    assert proxy.requests[0].target == "[::1]:8443"
    assert proxy.requests[0].field("Host") == "[::1]:8443"


def test_a_refused_proxy_is_7_and_named(daemon):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = run_haul("get", "-x", f"127.0.0.1:{port}", "https://a.test/", daemon=daemon).expect(7)
    assert "proxy" in run.err


def test_a_unix_socket_has_no_proxy(daemon, start_origin, tmp_path):
    path = f"{daemon.folder}/up"
    start_origin(unix_path=path)
    other = start_origin()
    env = clean_env(all_proxy=through(other))
    run_haul("get", "--unix-socket", path, "http://a.test/", daemon=daemon, env=env).expect(0)
    assert not other.requests
    run = run_haul("get", "--unix-socket", path, "-x", through(other), "http://a.test/",
                   daemon=daemon).expect(2)
    assert "--unix-socket" in run.err


def test_a_proxy_authorization_by_hand_is_refused(daemon, start_origin):
    proxy = start_origin()
    run = run_haul("batch", "-x", through(proxy), "-H", "Proxy-Authorization: Basic eDp5",
                   "http://a.test/", daemon=daemon).expect(1)
    assert_fails(run.record, "input/argument")
    assert not proxy.requests


# --- a hostile client of the daemon ---

@pytest.mark.parametrize("value", [
    b"h:1", b"http://h\r\nX: y", b"\0" * 20, b"http://h:0", b"http://a%0d%0aX:b@h", b"x" * 4096])
def test_a_proxy_that_is_none_ends_the_item_not_the_session(value, daemon, origin):
    with Session(daemon) as session:
        session.send(profile(proxy_http=value), batch_begin(), request(7, origin.url()),
                     batch_end())
        assert session.results(1)[7].fault == "input/argument"
    assert not origin.requests


def test_a_unix_path_goes_before_a_proxy(daemon, start_origin):
    path = f"{daemon.folder}/before"
    local, other = start_origin(unix_path=path), start_origin()
    with Session(daemon) as session:
        session.send(profile(unix_path=path.encode(), proxy_http=through(other).encode()),
                     batch_begin(), request(7, "http://a.test/x"), batch_end())
        assert session.results(1)[7].status == 200
    assert local.targets() == ["/x"]
    assert not other.requests


# --- a real proxy, and curl beside us ---

@pytest.fixture
def tinyproxy(tmp_path):
    """tinyproxy(connect_port, login=None)"""
    started = []

    def start(connect_port, login=None):
        try:
            started.append(Tinyproxy(tmp_path, connect_port, login).__enter__())
        except Missing as error:
            pytest.skip(str(error))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def outcome(command):
    done = subprocess.run(command, env=clean_env(), capture_output=True, timeout=30)
    return done.returncode, done.stdout


CASES = [
    ("http", ["-x", "P"]), ("http", ["-x", "P", "-d", "a=1"]), ("http", ["-x", "P", "-I"]),
    ("http", ["-x", "P", "-f"]), ("http", ["-x", "P", "--noproxy", "*"]),
    ("http", ["-x", "P", "-U", "me:pw"]), ("http", ["-x", "P", "-U", "me:bad"]),
    ("http", ["-x", "P", "-U", "me:bad", "-f"]), ("http", ["-x", "Pno"]),
    ("https", ["-x", "P"]), ("https", ["-x", "P", "-U", "me:pw"]),
    ("https", ["-x", "P", "-U", "me:bad"]), ("https", ["-x", "P", "--noproxy", "localhost"]),
    ("https", ["-x", "P", "-U", "me:pw", "-d", "a=1"]),
    ("https", ["-x", "L", "-U", "x:y"]),
    ("port", ["-x", "P", "-U", "me:pw"]), ("port", ["-x", "P"]),
]
SHOWN = ["-w", "|%{http_connect} %{http_code}"]


@pytest.mark.parametrize("login", [None, ("me", "pw")], ids=["open", "login"])
@pytest.mark.parametrize("scheme,flags", CASES, ids=str)
def test_tinyproxy_as_curl(scheme, flags, login, daemon, start_origin, ca, tinyproxy):
    """Bodies, statuses and exit codes are the same."""
    if not shutil.which("curl"):
        pytest.skip("no curl here to compare with")
    serve = [repeat([expect_request(), send(answer(b"hello\n"))])]
    secure = start_origin(serve, tls=ca.server("localhost", "127.0.0.1"))
    plain = start_origin(serve)
    # Tunnels are allowed to one port only.
    proxy = tinyproxy(secure.port if scheme != "port" else plain.port, login)
    origin = plain if scheme == "http" else secure
    names = {"P": f"127.0.0.1:{proxy.port}", "L": f"me:pw@127.0.0.1:{proxy.port}",
             "Pno": "127.0.0.1:1"}
    args = [names.get(flag, flag) for flag in flags]
    args += ["--cacert", str(ca.path), *SHOWN, origin.url("/x", host="localhost")]
    ours = outcome([find_binary("haul"), "get", "--socket", daemon.socket, "-s", *args])
    theirs = outcome(["curl", "-s", *args])
    if ours[0] == theirs[0] == 0 and "-I" in flags:
        ours, theirs = [(c, out.rpartition(b"|")[2]) for c, out in (ours, theirs)]
    assert ours == theirs


def test_tinyproxy_serves_a_batch_of_tunnels(daemon, start_origin, ca, tinyproxy):
    origin = start_origin([repeat([expect_request(), send(answer(b"x" * 10000))])],
                          tls=ca.server("localhost"))
    proxy = tinyproxy(origin.port, ("me", "pw"))
    lines = "".join(origin.url(f"/{i}", host="localhost") + "\n" for i in range(100))
    run = run_haul("batch", "--cacert", ca.path, "-x", f"me:pw@127.0.0.1:{proxy.port}",
                   "--max-per-origin", "5", "-i", "-", stdin=lines, daemon=daemon).expect(0)
    assert len(run.records) == 100
    assert sum(not record["reused"] for record in run.records) <= 5
    assert all(record["size_download"] == 10000 for record in run.records)
