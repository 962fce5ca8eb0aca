"""io.haul.Fetch.Get: the scripting door, called as scripts call it."""

import base64
import concurrent.futures
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from origin import answer, dead_port, expect_eof, expect_request, repeat, reply_with
from stream import Session
from support import TOP, WAIT_S, clean_env, fd_count, poll_until, run_haul
from tls_ca import CA

SCRIPT = pathlib.Path(TOP) / "examples" / "fetch_get.py"
GET = "io.haul.Fetch.Get"


def run_script(daemon, url):
    return subprocess.run([sys.executable, "-I", SCRIPT, url], capture_output=True, timeout=WAIT_S,
                          env=clean_env(HAUL_SOCKET=daemon.socket))


@pytest.fixture
def script(start_daemon):
    """A connection that has not become a stream."""
    with Session(start_daemon(), upgrade=False) as script:
        yield script


def body_of(reply):
    """As a script reads it: exactly one of both is there."""
    told = reply["parameters"]
    assert ("body" in told) != ("body_base64" in told), reply
    return told["body"].encode() if "body" in told else base64.b64decode(told["body_base64"])


# --- the example ---

@pytest.mark.parametrize("body", [b"", b"plain\ttext\n", "grüße €".encode(), bytes(range(256)),
                                  b"\xff" * 737280, b"x" * 737280, b"\0", b"half \xc3"])
def test_the_example_gives_back_what_the_origin_sent(body, daemon, start_origin):
    origin = start_origin([repeat([expect_request(), reply_with(lambda _: answer(
        gzip.compress(body), fields=["Content-Encoding: gzip", "Content-Type: text/x"]))])])
    done = run_script(daemon, origin.url("/a?b"))
    assert (done.returncode, done.stderr) == (0, b"200 text/x\n")
    assert done.stdout == body
    [request] = origin.requests
    assert request.target == "/a?b"


def test_the_example_tells_what_went_wrong(daemon):
    port, held = dead_port()
    with held:
        done = run_script(daemon, f"http://127.0.0.1:{port}/")
    assert done.returncode == 1 and done.stdout == b""
    assert b"fetch_get: io.haul.Fetch.Failed: {'domain': 'connect', 'code': 'refused'" in done.stderr


def test_the_example_is_short_and_the_readme_has_it_as_it_is():
    text = SCRIPT.read_text()
    code = [line for line in text.splitlines() if line and not line.startswith(("#", '"""'))]
    assert len(code) <= 20
    assert f"```python\n{text}```\n" in (pathlib.Path(TOP) / "README.md").read_text()


def test_a_hundred_scripts_share_the_connections(start_daemon, origin):
    daemon = start_daemon(config="MaxPerOriginTotal=4\n")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        runs = list(pool.map(lambda i: run_script(daemon, origin.url(f"/{i}")), range(100)))
    assert {(run.returncode, run.stdout) for run in runs} == {(0, b"ok")}
    assert {request.target for request in origin.requests} == {f"/{i}" for i in range(100)}
    assert origin.connections_count <= 4
    told = json.loads(run_haul("stats", "--format", "json", daemon=daemon).expect(0).out)
    assert told["counters"]["items_ok"] == 100
    poll_until(lambda: json.loads(run_haul("stats", "--format", "json", daemon=daemon).out)
               ["counters"]["sessions"] == 1, "no script's session is left")


def test_a_hundred_calls_at_once(start_daemon, slow):
    daemon = start_daemon(config="MaxPerOriginTotal=16\n")
    scripts = [Session(daemon, upgrade=False) for _ in range(100)]
    try:
        for i, script in enumerate(scripts):
            script.send(json.dumps({"method": GET, "parameters": {"url": slow.url(f"/{i}")}})
                        .encode() + b"\0")
        poll_until(lambda: slow.requests, "they are at the origin")
        slow.go.set()
        for i, script in enumerate(scripts):
            told = script.reply()["parameters"]
            assert told["body"] == "ok" and told["effective_url"] == slow.url(f"/{i}")
    finally:
        for script in scripts:
            script.close()
    assert len({request.connection for request in slow.requests}) <= 16


@pytest.mark.skipif(not shutil.which("varlinkctl"), reason="varlinkctl is of systemd 255 and newer")
def test_varlinkctl_calls_it(daemon, origin):
    done = subprocess.run(["varlinkctl", "call", daemon.socket, GET,
                           json.dumps({"url": origin.url()})],
                          capture_output=True, text=True, timeout=WAIT_S)
    assert json.loads(done.stdout)["body"] == "ok", done
    done = subprocess.run(["varlinkctl", "introspect", daemon.socket, "io.haul.Fetch"],
                          capture_output=True, text=True, timeout=WAIT_S)
    assert "method Get" in done.stdout, done


# --- answers ---

def test_a_response_and_its_times(script, origin):
    began = time.monotonic_ns()
    told = script.call(GET, {"url": origin.url("/x")})["parameters"]
    took = time.monotonic_ns() - began
    assert (told["status"], told["http_version"], told["body"]) == (200, "1.1", "ok")
    assert told["headers"]["content-length"] == "2"
    assert (told["remote_ip"], told["remote_port"]) == (origin.host, origin.port)
    assert told["effective_url"] == origin.url("/x")
    assert (told["attempts"], told["redirects"], told["reused"]) == (1, 0, False)
    steps = ["queued_ns", "dns_ns", "connected_ns", "sent_ns", "first_byte_ns", "last_byte_ns",
             "total_ns"]
    times = [told["times"][step] for step in steps]
    assert times == sorted(times) and 0 < times[-1] <= took and "tls_ns" not in told["times"]
    again = script.call(GET, {"url": origin.url("/x")})["parameters"]
    assert again["reused"] and "connected_ns" not in again["times"]


def test_method_headers_and_body_arrive(script, origin):
    reply = script.call(GET, {"url": origin.url("/p"), "method": "PUT", "body": "grüße",
                              "headers": {"X-One": "1", "X-Two": ["a", "b"], "User-Agent": "me"}})
    assert reply["parameters"]["status"] == 200
    [request] = origin.requests
    assert (request.method, request.body) == ("PUT", "grüße".encode())
    fields = [(name.lower(), value) for name, value in request.fields]
    assert [pair for pair in fields if pair[0].startswith("x-")] == [
        ("x-one", "1"), ("x-two", "a"), ("x-two", "b")]
    assert [value for name, value in fields if name == "user-agent"] == ["me"]


def test_any_byte_in_a_header_leaves_the_answer_json(script, start_origin):
    raw = bytes([*range(0x21, 0x7f), *range(0x80, 0x100)])
    origin = start_origin([repeat([expect_request(), reply_with(
        lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Raw: " + raw +
        b"\r\nX-Text: gr\xc3\xbc\xc3\x9fe\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n")])])
    headers = script.call(GET, {"url": origin.url()})["parameters"]["headers"]
    assert headers["x-raw"] == bytes(range(0x21, 0x7f)).decode() + "\ufffd" * 128
    assert headers["x-text"] == "grüße" and headers["set-cookie"] == ["a=1", "b=2"]


def test_no_login_comes_back(script, start_origin):
    origin = start_origin([repeat([expect_request(), reply_with(lambda _: answer(
        status="302 Found", fields=["Location: /next"]))])])
    url = origin.url("/a").replace("://", "://user:secret@")
    port, held = dead_port()
    for parameters in ({"url": url}, {"url": url, "redirects_max": 0},
                       {"url": url + "\n"}, {"url": url, "method": "a b"},
                       {"url": url.replace(str(origin.port), str(port))},
                       {"url": url, "headers": {"Authorization": "Bearer secret\n"}}):
        script.send(json.dumps({"method": GET, "parameters": parameters}).encode() + b"\0")
        while b"\0" not in script.unread:
            script.fill()
        assert b"secret" not in script.unread, parameters
        assert script.reply()
    held.close()
    assert "Authorization" in dict(origin.requests[0].fields)  # it was sent, though


# --- failures ---

@pytest.mark.parametrize("parameters,names", [
    ({"url": "http://127.0.0.1:{dead}/"}, ("connect", "refused", "connect")),
    ({"url": "http://no-such-name.invalid/"}, ("dns", "not_found", "dns")),
    ({"url": "http://127.0.0.1:0/"}, ("input", "url", "input")),
    ({"url": "gopher://127.0.0.1/"}, ("input", "scheme", "input")),
    ({"url": "http://127.0.0.1/", "headers": {"A": "b\r\nC: d"}}, ("input", "argument", "input")),
    ({"url": "http://127.0.0.1/", "public_only": True}, ("policy", "denied", "connect")),
    ({"url": "http://x/", "unix_socket": "/nonexistent"}, ("connect", "refused", "connect")),
])
def test_a_failure_has_the_names_of_records(parameters, names, named):
    _, daemon = named()
    port, held = dead_port()
    url = parameters["url"].replace("{dead}", str(port))
    with held, Session(daemon, upgrade=False) as script:
        reply = script.call(GET, parameters | {"url": url})
    assert reply["error"] == "io.haul.Fetch.Failed", reply
    told = reply["parameters"]
    assert (told["domain"], told["code"], told["phase"]) == names and told["message"]


def test_a_timeout_and_what_is_too_big(script, slow, start_origin):
    reply = script.call(GET, {"url": slow.url(), "timeout_ns": 200_000_000})["parameters"]
    assert (reply["domain"], reply["code"], reply["phase"]) == ("timeout", "total", "wait")
    large = start_origin([repeat([expect_request(), reply_with(lambda _: answer(b"x" * 100))])])
    reply = script.call(GET, {"url": large.url(), "body_bytes_max": 99})["parameters"]
    assert (reply["domain"], reply["code"]) == ("http", "too_big")
    assert "haul get" in reply["message"]
    assert script.call(GET, {"url": large.url(), "body_bytes_max": 100})["parameters"]["status"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_another_user_may_not_reach_unix_sockets_through_it(start_daemon, origin, tmp_path):
    daemon = start_daemon()
    os.chmod(daemon.folder, 0o755)
    os.chmod(daemon.socket, 0o777)
    code = ("import json, socket, sys\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "for more in ({'unix_socket': '/run/x'}, {}):\n"
            "    p = {'url': sys.argv[2], **more}\n"
            f"    s.sendall(json.dumps({{'method': '{GET}', 'parameters': p}}).encode() + b'\\0')\n"
            "    print(s.recv(65536)[:-1].decode())\n")
    done = subprocess.run([sys.executable, "-I", "-c", code, daemon.socket, origin.url()],
                          capture_output=True, text=True, timeout=WAIT_S, user=65534, group=65534)
    denied, fine = map(json.loads, done.stdout.splitlines())
    assert (denied["parameters"]["domain"], denied["parameters"]["code"]) == ("policy", "denied")
    assert fine["parameters"]["status"] == 200


def test_the_policy_of_the_daemon_holds(start_daemon, start_origin, tmp_path):
    origin, local = start_origin(), start_origin(unix_path=tmp_path / "s")
    daemon = start_daemon(config="DenyAddresses=private\n")
    with Session(daemon, upgrade=False) as script:
        denied = script.call(GET, {"url": origin.url()})["parameters"]
        assert (denied["domain"], denied["code"]) == ("policy", "denied")
        assert "DenyAddresses=private" in denied["message"] and origin.connections_count == 0
        told = script.call(GET, {"url": "http://a/x", "unix_socket": str(tmp_path / "s")})
        assert told["parameters"]["status"] == 200 and "remote_ip" not in told["parameters"]
        assert local.requests[0].target == "/x"


def test_certificates_are_checked_unless_told_otherwise(script, start_origin, tmp_path):
    origin = start_origin(tls=CA(tmp_path).server("localhost", "127.0.0.1"))
    told = script.call(GET, {"url": origin.url()})["parameters"]
    assert (told["domain"], told["code"], told["phase"]) == ("tls", "verify", "tls")
    told = script.call(GET, {"url": origin.url(), "insecure": True})["parameters"]
    assert (told["status"], told["tls_version"]) == (200, "TLSv1.3")
    assert told["times"]["connected_ns"] < told["times"]["tls_ns"] < told["times"]["sent_ns"]


# --- order, and the end ---

def test_calls_that_are_sent_together_are_answered_in_order(script, start_origin):
    origin = start_origin([repeat([expect_request(), reply_with(
        lambda request: answer(request.target.encode()))])])
    calls = [json.dumps({"method": GET, "parameters": {"url": origin.url(f"/{i}")}}).encode() + b"\0"
             for i in range(300)]  # more than one read, and more than one socket buffer
    info = b'{"method":"org.varlink.service.GetInfo"}\0'
    script.send(*[part for call in calls for part in (call, info)])
    for i in range(300):
        assert script.reply()["parameters"]["body"] == f"/{i}"
        assert script.reply()["parameters"]["product"] == "hauld"


def test_inflight_shows_it_and_leaving_cancels_it(start_daemon, start_origin):
    waiting = start_origin([expect_request(), expect_eof(within_s=WAIT_S)])
    daemon = start_daemon()
    baseline = fd_count(daemon.pid)

    def inflight():
        told = run_haul("inflight", "--format", "json", daemon=daemon).expect(0).out
        return json.loads(told)["items"]
    with Session(daemon, upgrade=False) as script:
        script.send(json.dumps({"method": GET, "parameters": {"url": waiting.url()}}).encode() +
                    b"\0")
        poll_until(lambda: waiting.requests, "it is at the origin")
        [item] = inflight()
        assert (item["url"], item["uid"], item["state"]) == (waiting.url(), os.getuid(), "wait")
    began = time.monotonic()
    poll_until(lambda: inflight() == [], "it is cancelled")
    assert time.monotonic() - began < 1
    poll_until(lambda: fd_count(daemon.pid) <= baseline, "its descriptors are back")
    told = run_haul("metrics", daemon=daemon).expect(0).out.decode()
    assert 'hauld_items_total{error="cancelled/client"} 1' in told


def test_who_only_stops_writing_gets_the_answer(start_daemon, slow):
    daemon = start_daemon()
    with Session(daemon, upgrade=False) as script:
        script.send(json.dumps({"method": GET, "parameters": {"url": slow.url()}}).encode() + b"\0")
        script.sock.shutdown(socket.SHUT_WR)
        poll_until(lambda: slow.requests, "it is at the origin")
        time.sleep(0.6)  # for the daemon to look twice whether we are gone
        slow.go.set()
        assert script.reply()["parameters"]["body"] == "ok"
        assert script.is_closed()


def test_drain_waits_for_it_and_then_does_not(start_daemon, slow):
    daemon = start_daemon()
    with Session(daemon, upgrade=False) as script:
        script.send(json.dumps({"method": GET, "parameters": {"url": slow.url()}}).encode() + b"\0")
        poll_until(lambda: slow.requests, "it is at the origin")
        daemon.process.send_signal(signal.SIGTERM)
        poll_until(lambda: "draining: 1 clients, 1 items" in daemon.log(), "it drains")
        time.sleep(1.3)  # past the second after which idle clients are let go
        slow.go.set()
        assert script.reply()["parameters"]["body"] == "ok"
        assert script.is_closed()
    assert daemon.process.wait(WAIT_S) == 0


def test_what_takes_longer_than_the_drain_is_told(start_daemon, slow):
    daemon = start_daemon(config="DrainTime=300ms\n")
    with Session(daemon, upgrade=False) as script:
        script.send(json.dumps({"method": GET, "parameters": {"url": slow.url()}}).encode() + b"\0")
        poll_until(lambda: slow.requests, "it is at the origin")
        daemon.process.send_signal(signal.SIGTERM)
        told = script.reply()["parameters"]
        assert (told["domain"], told["code"]) == ("cancelled", "daemon")
        assert script.is_closed()
    assert daemon.process.wait(WAIT_S) == 0


NAME = r"[A-Za-z](_?[A-Za-z0-9])*"
TYPE = r"\??(\[\])?(bool|int|float|string|object|[A-Z][A-Za-z0-9]*)"  # no more than sd-varlink knows
FIELDS = rf"\(({NAME}:{TYPE}(,{NAME}:{TYPE})*)?\)"


def test_the_interfaces_are_of_the_grammar(script):
    """Of varlink.org, as far as systemd has it; blanks taken out."""
    info = script.call("org.varlink.service.GetInfo")["parameters"]
    assert "io.haul.Fetch" in info["interfaces"]
    for name in info["interfaces"]:
        reply = script.call("org.varlink.service.GetInterfaceDescription", {"interface": name})
        text = re.sub(r"\s+", "", re.sub(r"#[^\n]*", "", reply["parameters"]["description"]))
        assert re.fullmatch(rf"interface{re.escape(name)}((type|error)[A-Z][A-Za-z0-9]*?{FIELDS}|"
                            rf"method[A-Z][A-Za-z0-9]*?{FIELDS}->{FIELDS})*", text), text


def test_the_page_defines_the_interface_as_the_daemon_does(script):
    """Comments and line breaks aside."""
    def squeezed(text):
        return re.sub(r"\s+", "", re.sub(r"#[^\n]*", "", text))
    page = (pathlib.Path(TOP) / "proto" / "PROTOCOL.md").read_text()
    blocks = re.findall(r"```varlink\n(.*?)```", page, flags=re.S)
    assert len(blocks) == 5
    for block in blocks:
        name = re.search(r"interface (\S+)", block).group(1)
        reply = script.call("org.varlink.service.GetInterfaceDescription", {"interface": name})
        assert squeezed(reply["parameters"]["description"]) == squeezed(block), name
