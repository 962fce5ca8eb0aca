"""CASES B: where an answer leads, what is asked there, and what is not told there.

The second origin plays the stranger: nothing that was meant for the first may reach it.
"""

import subprocess

import pytest

from origin import Origin, answer, dead_port, expect_request, fin, repeat, reply_with, send, sleep
from support import assert_fails, assert_succeeds, is_sanitized, run_haul, status_kib
from taint import BODY

pytestmark = pytest.mark.usefixtures("taint")
TOKEN = "tOkEn-4711"


def redirect(location, status="302 Found", body=b"moved", fields=()):
    location = location if isinstance(location, bytes) else location.encode()
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nLocation: %s\r\n" % (status.encode(), len(body),
                                                                      location)
    return head + b"".join(f.encode() + b"\r\n" for f in fields) + b"\r\n" + body


def routes(table, **more):
    """Serves {target: bytes of a response}; anything else is a 404."""
    table = table | more
    return [repeat([expect_request(),
                    reply_with(lambda r: table.get(r.target, answer(b"?", "404 Not Found")))])]


def leads_to(location, status="302 Found", **more):
    return routes({"/": redirect(location, status)} | {k: v for k, v in more.items()})


@pytest.fixture
def stranger():
    with Origin(routes({"/there": answer(b"stranger")})) as origin:
        yield origin


def record_of(origin, *flags, daemon, code=None, path="/"):
    run = run_haul("batch", *flags, origin.url(path), daemon=daemon)
    if code is not None:
        run.expect(code)
    return run.records[0]


# --- B02: what a Location means ---

@pytest.mark.parametrize("location, asked", [
    ("/b", "/b"), ("b", "/x/b"), ("./b", "/x/b"), ("../b", "/b"), ("../../../b", "/b"),
    ("./", "/x/"), ("..", "/"), ("../..", "/"),
    ("?q=1", "/x/a?q=1"), ("b?c#d", "/x/b?c"), ("//HOST/b", "/b"), ("http://HOST/b", "/b"),
    ("HTTP://HOST", "/"), ("/a b", "/a%20b"), (b"/\xc3\xbc", "/%C3%BC"), ("/a%20b", "/a%20b"),
    ("b/./c/../d", "/x/b/d"), ("/%zz", "/%zz"), ("  /b \t", "/b"),
])
def test_resolves_the_reference(location, asked, daemon, start_origin):
    seen = {}

    def reply(request):
        seen.setdefault("host", request.field("Host"))
        where = location if isinstance(location, bytes) else location.encode()
        if request.target == "/x/a":
            return redirect(where.replace(b"HOST", seen["host"].encode()))
        return answer(b"here")

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    record = record_of(origin, daemon=daemon, code=0, path="/x/a")
    assert origin.targets() == ["/x/a", asked]
    assert record["redirects"] == 1 and record["status"] == 200
    assert record["effective_url"] == origin.url(asked)
    assert record["url"] == origin.url("/x/a")
    assert record["size_download"] == 4


def test_inherits_the_fragment_and_never_sends_it(daemon, start_origin):
    origin = start_origin(routes({"/a": redirect("/b"), "/b": answer()}))
    record = record_of(origin, daemon=daemon, code=0, path="/a#part")
    assert origin.targets() == ["/a", "/b"]
    assert "#" not in record["effective_url"]


@pytest.mark.parametrize("location", ["", "#part", "/"])
def test_a_redirect_to_itself_ends_at_the_limit(location, daemon, start_origin):
    origin = start_origin(leads_to(location))
    record = record_of(origin, "--max-redirs", "3", daemon=daemon, code=1)
    assert_fails(record, "http/redirects")
    assert (record["redirects"], record["status"]) == (3, 302)
    assert origin.targets() == ["/"] * 4


# --- B01: method and body ---

METHODS = {(status, method): method for status in ("301", "302", "303", "307", "308")
           for method in ("GET", "HEAD", "POST", "PUT", "DELETE")}
METHODS |= {("301", "POST"): "GET", ("302", "POST"): "GET", ("303", "POST"): "GET",
            ("303", "PUT"): "GET", ("303", "DELETE"): "GET"}


@pytest.mark.parametrize("status, method", METHODS)
def test_method_and_body_follow_the_table(status, method, daemon, start_origin):
    body = b"" if method == "HEAD" else b"moved"
    head = f"HTTP/1.1 {status} Moved\r\nContent-Length: 5\r\nLocation: /there\r\n\r\n".encode()
    end = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if method == "HEAD" else b"ok")

    def reply(request):
        return head + body if request.target == "/" else end

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    flags = ["-X", method, "-H", "Content-Type: text/x", "-H", "Content-Language: de"]
    has_body = method in ("POST", "PUT")
    flags += ["--data-raw", f"hello {BODY}"] if has_body else []
    record_of(origin, *flags, daemon=daemon, code=0)
    first, second = origin.requests
    assert first.method == method and first.body.startswith(b"hello") == has_body
    assert second.method == METHODS[status, method]
    keeps_body = has_body and second.method == method
    assert second.body == (first.body if keeps_body else b"")
    assert bool(second.field("Content-Length")) == keeps_body
    loses_fields = method != second.method or (status == "303" and method == "GET")
    assert (second.field("Content-Type") is None) == loses_fields
    assert (second.field("Content-Language") is None) == loses_fields


# --- B03, B04: the limit, and what is no redirect ---

@pytest.mark.parametrize("limit, hops, code", [("0", 0, 1), ("2", 2, 1), ("3", 3, 0), ("-1", 3, 0)])
def test_counts_hops(limit, hops, code, daemon, start_origin):
    origin = start_origin(routes({"/": redirect("/1"), "/1": redirect("/2"), "/2": redirect("/3"),
                                   "/3": answer()}))
    record = record_of(origin, "--max-redirs", limit, daemon=daemon, code=code)
    assert record["redirects"] == hops
    if code:
        assert_fails(record, "http/redirects")
        assert record["status"] == 302


def test_default_limits_are_50_and_10(daemon, start_origin):
    origin = start_origin(leads_to("/"))
    record = record_of(origin, daemon=daemon, code=1)
    assert record["redirects"] == 10
    run = run_haul("get", "-L", origin.url(), daemon=daemon).expect(47)
    assert "redirects" in run.err
    assert len(origin.targets()) == 11 + 51


@pytest.mark.parametrize("status", ["300 Choices", "304 Not Modified", "305 Use Proxy", "306 X",
                                    "399 What", "201 Created", "404 Not Found"])
def test_other_statuses_are_answers(status, daemon, start_origin):
    body = b"" if status.startswith("304") else b"moved"
    origin = start_origin(routes({"/": redirect("/there", status, body)}))
    record = record_of(origin, daemon=daemon, code=0)
    assert record["status"] == int(status[:3]) and record["redirects"] == 0
    assert origin.targets() == ["/"]


def test_a_redirect_without_location_is_an_answer(daemon, start_origin):
    origin = start_origin([repeat([expect_request(), send(answer(b"moved", "302 Found"))])])
    run = run_haul("get", "-L", origin.url(), daemon=daemon).expect(0)
    assert run.out == b"moved"


def test_get_follows_only_when_told(daemon, start_origin):
    origin = start_origin(routes({"/": redirect("/b"), "/b": answer(b"there")}))
    assert run_haul("get", origin.url(), daemon=daemon).expect(0).out == b"moved"
    assert run_haul("get", "-L", origin.url(), daemon=daemon).expect(0).out == b"there"
    assert run_haul("get", "-sL", origin.url(), daemon=daemon).expect(0).out == b"there"
    run = run_haul("batch", "--no-location", origin.url(), daemon=daemon).expect(0)
    assert run.records[0]["status"] == 302


# --- B05: schemes ---

@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/1",
                                      "data:,x", "javascript:x", "unix:/run/x", "mailto:a@b",
                                      "http+unix://%2Frun%2Fx/"])
def test_other_schemes_are_refused_without_io(location, daemon, start_origin):
    origin = start_origin(leads_to(location))
    record = record_of(origin, daemon=daemon, code=1)
    assert_fails(record, "input/scheme")
    assert record["status"] == 302 and record["redirects"] == 0
    assert "redirect" in record["error"]["message"]


def test_proto_redir_forbids_a_scheme(daemon, start_origin):
    origin = start_origin(leads_to("/b"))
    record = record_of(origin, "--proto-redir", "=https", daemon=daemon, code=1)
    assert_fails(record, "input/scheme")
    assert origin.targets() == ["/"]


# --- B11: bytes that no request line may have ---

@pytest.mark.parametrize("location", ["http://", "http://[::1/", "http://a:0/", "//a@b@c/",
                                      "http:/x", "http://a b/", b"/a\x01b", b"/a\tb", b"/a\rb",
                                      b"/a\0b", b"/a\x7fb", b"/a HTTP/1.1\rX: y",
                                      "http://a:99999/", "http://a%2fb/"])
def test_what_is_no_url_is_malformed(location, daemon, start_origin):
    origin = start_origin(leads_to(location))
    assert_fails(record_of(origin, daemon=daemon, code=1), "http/malformed")
    assert origin.targets() == ["/"]


# --- B07, B10: secrets ---

SECRETS = ["-H", f"Authorization: Bearer {TOKEN}", "-H", f"Cookie: sid={TOKEN}",
           "-H", f"Host: {TOKEN}.test"]


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
@pytest.mark.parametrize("via", ["profile", "item", "url", "user", "bearer"])
def test_secrets_stay_with_their_origin(status, via, daemon, start_origin, stranger):
    origin = start_origin(leads_to(stranger.url("/there"), f"{status} Moved"))
    flags, url = [], origin.url()
    if via == "profile":
        flags = SECRETS
    elif via == "url":
        url = url.replace("http://", f"http://me:{TOKEN}@")
    elif via == "user":
        flags = ["-u", f"me:{TOKEN}"]
    elif via == "bearer":
        flags = ["--bearer", TOKEN]
    line = '{"url":"%s"%s}' % (url, ',"headers":{"Authorization":"Bearer %s","Cookie":"a=%s"}' %
                               (TOKEN, TOKEN) if via == "item" else "")
    run = run_haul("batch", *flags, "-i", "-", daemon=daemon, stdin=line).expect(0)
    assert origin.requests[0].field("Authorization")
    asked = stranger.requests[0]
    assert asked.field("Authorization") is None and asked.field("Cookie") is None
    assert TOKEN.encode() not in asked.head
    assert asked.field("Host") == stranger.url("")[len("http://"):].rstrip("/")
    assert TOKEN not in run.err and TOKEN not in run.records[0]["effective_url"]


@pytest.mark.parametrize("status", ["302", "307"])
def test_another_host_is_another_origin_though_it_is_the_same_server(status, daemon, start_origin):
    """B07: name and port lead to one place, as those of virtual hosts do."""
    def reply(request):
        there = "http://" + request.field("Host").replace("a.test", "b.test") + "/there"
        return redirect(there, f"{status} Moved") if request.target == "/" else answer(b"there")

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    pin = ["--resolve", f"*:{origin.port}:127.0.0.1"]
    for flags, user in ((SECRETS[:4], ""), (["-u", f"me:{TOKEN}"], ""), ([], f"me:{TOKEN}@"), ([], "")):
        before = len(origin.requests)
        run_haul("batch", *pin, *flags, origin.url("/", host=user + "a.test"),
                 daemon=daemon).expect(0)
        first, second = origin.requests[before:]
        assert first.field("Authorization") and first.connection != second.connection
        assert second.field("Host") == f"b.test:{origin.port}"
        assert second.field("Authorization") is None and second.field("Cookie") is None


def test_secrets_are_not_given_back(daemon, start_origin):
    """Nor at any later hop within the first origin."""
    ports = {}
    away = start_origin([repeat([expect_request(), reply_with(
        lambda r: redirect(ports["home"].url("/back")))])])
    home = ports["home"] = start_origin(routes({"/": redirect(away.url()), "/back": redirect("/end"),
                                                "/end": answer()}))
    for flags, url in ((SECRETS, home.url()), (["-u", f"me:{TOKEN}"], home.url()),
                       ([], home.url().replace("http://", f"http://me:{TOKEN}@"))):
        before = len(home.requests)
        run_haul("batch", *flags, url, daemon=daemon).expect(0)
        first, *back = home.requests[before:]
        assert first.field("Authorization") and len(back) == 2
        for request in back:
            assert request.field("Authorization") is None
            assert TOKEN.encode() not in request.head
    assert all(TOKEN.encode() not in request.head for request in away.requests)


def test_secrets_go_along_within_the_origin(daemon, start_origin):
    origin = start_origin(routes({"/": redirect("/b"), "/b": answer()}))
    for flags, url in ((SECRETS[:4], origin.url()), (["-u", "me:pw"], origin.url()),
                       ([], origin.url().replace("http://", "http://me:pw@"))):
        before = len(origin.requests)
        run_haul("batch", *flags, url, daemon=daemon).expect(0)
        first, second = origin.requests[before:]
        assert first.field("Authorization") and \
            first.field("Authorization") == second.field("Authorization")


@pytest.mark.parametrize("to_stranger", [False, True])
def test_userinfo_of_a_location_is_not_used(to_stranger, daemon, start_origin, stranger):
    def reply(request):
        where = stranger.url("/there") if to_stranger else "http://%s/b" % request.field("Host")
        return redirect(where.replace("http://", f"http://me:{TOKEN}@")) \
            if request.target == "/" else answer()

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    run = run_haul("batch", "-v", origin.url(), daemon=daemon).expect(0)
    asked = stranger.requests[0] if to_stranger else origin.requests[1]
    assert "Basic" not in (asked.field("Authorization") or "")
    assert TOKEN not in run.err and TOKEN.encode() not in run.out
    assert TOKEN not in daemon.log()


# --- the rest of the way ---

def test_the_body_of_a_redirect_is_nobodys(daemon, start_origin, tmp_path):
    origin = start_origin(routes({"/": redirect("/b", body=b"x" * 100000), "/b": answer(b"b")}))
    assert run_haul("get", "-L", origin.url(), daemon=daemon).expect(0).out == b"b"
    run_haul("get", "-L", "-o", tmp_path / "f", origin.url(), daemon=daemon).expect(0)
    assert (tmp_path / "f").read_bytes() == b"b"
    run = run_haul("batch", "--inline", origin.url(), daemon=daemon).expect(0)
    assert run.records[0]["body"] == "b"
    assert origin.connections_count == 1


def test_include_shows_every_head_and_the_record_has_the_last(daemon, start_origin):
    origin = start_origin(routes({"/": redirect("/b", fields=["X-A: 1"]),
                                   "/b": answer(b"b", fields=["X-B: 2"])}))
    out = run_haul("get", "-iL", origin.url(), daemon=daemon).expect(0).out
    assert out.count(b"HTTP/1.1 ") == 2 and b"X-A: 1" in out and out.endswith(b"\r\n\r\nb")
    run = run_haul("batch", "--headers", origin.url(), daemon=daemon).expect(0)
    headers = run.records[0]["headers"]
    assert "x-b" in headers and "x-a" not in headers


def test_one_deadline_covers_all_hops(daemon, start_origin):
    slow = repeat([expect_request(), sleep(300), send(redirect("/"))])
    origin = start_origin([slow])
    record = record_of(origin, "-m", "1", daemon=daemon, code=1)
    assert_fails(record, "timeout/total")
    assert 0.9 < record["time_total"] < 2.5
    assert record["redirects"] >= 1


def test_a_dead_end_is_told_with_its_cause(daemon, start_origin):
    port, keep = dead_port()
    with keep:
        origin = start_origin(leads_to(f"http://127.0.0.1:{port}/"))
        record = record_of(origin, daemon=daemon, code=1)
    assert_fails(record, "connect/refused")
    assert record["redirects"] == 1
    assert record["effective_url"] == f"http://127.0.0.1:{port}/"


def test_times_are_of_the_whole_way(daemon, start_origin):
    origin = start_origin([expect_request(), sleep(200), send(redirect("/b")), expect_request(),
                           send(answer()), fin()])
    record = record_of(origin, daemon=daemon, code=0)
    assert record["time_redirect"] >= 0.2
    assert record["time_total"] >= record["time_pretransfer"] >= record["time_redirect"]
    assert record["service_ns"] < 200_000_000


@pytest.mark.parametrize("cutting", ["bytes", "cuts:1", "cuts:2"])
def test_any_segmentation_gives_the_same(cutting, daemon):
    with Origin(routes({"/": redirect("/b"), "/b": answer(b"b")}), segmentation=cutting) as origin:
        record = record_of(origin, daemon=daemon, code=0)
        assert_succeeds(record)
        assert (record["redirects"], record["size_download"]) == (1, 1)


# --- B13: the headers of all hops together ---

def test_headers_of_all_hops_are_bounded(start_daemon, start_origin):
    """Each head may have 256 KiB, all of them 1 MiB: the fifth hop of 250 KiB is one too many."""
    big = [f"X-{n}: {'y' * 8000}" for n in range(31)]
    hops = {f"/{n}": redirect(f"/{n + 1}", fields=big) for n in range(20)}
    origin = start_origin(routes(hops | {"/20": answer(b"never")}))
    daemon = start_daemon()
    record_of(origin, "--max-redirs", "0", daemon=daemon, code=1, path="/0")
    before = status_kib(daemon.pid, "VmHWM")
    record = record_of(origin, "--max-redirs", "50", daemon=daemon, code=1, path="/0")
    assert_fails(record, "http/too_big")
    assert record["error"]["phase"] == "receive" and "hops" in record["error"]["message"], record
    assert origin.targets() == ["/0", *(f"/{n}" for n in range(len(origin.requests) - 1))]
    assert len(origin.requests) <= 6
    if not is_sanitized():
        assert status_kib(daemon.pid, "VmHWM") - before < 4 << 10


def test_items_that_are_led_on_side_by_side_get_their_own_answers(daemon, start_origin):
    """Every hop has another body; each item gets the last one of its own way."""
    far = start_origin([repeat([expect_request(), reply_with(
        lambda r: answer(f"end of {r.target}".encode()))])])

    def reply(request):
        _, name, hop = request.target.split("/")
        there = f"/{name}/{int(hop) + 1}" if hop != "2" else far.url(f"/{name}")
        return redirect(there, body=f"hop of {request.target}".encode() * 50)

    origin = start_origin([repeat([expect_request(), reply_with(reply)])])
    lines = "".join('{"url":"%s","id":"%d"}\n' % (origin.url(f"/{i}/0"), i) for i in range(60))
    run = run_haul("batch", "--inline", "-c", "20", "-i", "-", daemon=daemon, stdin=lines).expect(0)
    assert {r["id"]: r["body"] for r in run.records} == {str(i): f"end of /{i}" for i in range(60)}
    assert {r["redirects"] for r in run.records} == {3}


@pytest.mark.parametrize("flags", [["-L"], ["-L", "-X", "POST", "--data-raw", "x"], []])
def test_equals_curl(flags, daemon, start_origin):
    def serve():
        return start_origin(routes({"/": redirect("/b?c"), "/b?c": redirect("/d", "303 See Other"),
                                     "/d": answer(b"end")}))
    ours, theirs = serve(), serve()
    haul = run_haul("get", "-s", *flags, ours.url(), daemon=daemon)
    curl_flags = [f for f in flags if f not in ("-X", "POST")]
    curl = subprocess.run(["curl", "-s", *curl_flags, theirs.url()], capture_output=True,
                          check=False)
    assert (haul.code, haul.out) == (curl.returncode, curl.stdout)
    assert [(r.method, r.target, r.body) for r in ours.requests] == \
        [(r.method, r.target, r.body) for r in theirs.requests]


@pytest.mark.parametrize("flags", [["--max-redirs", "x"], ["--max-redirs", "-2"],
                                   ["--max-redirs", "70000"], ["--proto-redir", "ftp"],
                                   ["--proto-redir", ""], ["--proto-redir", "-all"],
                                   ["-L", "--no-location"]])
def test_bad_flags_are_usage(flags, daemon):
    run = run_haul("batch", *flags, "http://127.0.0.1:1/", daemon=daemon)
    if flags == ["--proto-redir", ""]:
        return
    assert run.expect(2).err.startswith("haul: --")
