"""The taint oracle: whatever is secret carries a token, and no token may reach another origin, hop
or item.

Suites that play a hostile world say `pytestmark = pytest.mark.usefixtures("taint")`. While one of
their tests runs, each `haul get` and `haul batch` is given an Authorization and a Cookie of its own
(unless the test has its own), each item of a list other ones, and a field that tells which item a
request is for, on every hop. BODY in a body that a test sends becomes a token, too. The origins
report every request they read. At the end of the test:

    a token of one item has been in no request of another one,
    a login or a cookie has been at the origin of the item's URL only, and not there either once
    the item had been elsewhere,
    a body has gone along to no hop that is asked in another way than the first,
    neither haul's standard error nor the daemon's log shows a login or a cookie.

And while haul runs, a neighbour is half-way through two transfers from a third origin, by the same
daemon: another client, whose logins, cookies and bodies, up and down, are tokens as well. Its
answers must arrive as they were sent, and none of its tokens anywhere else. So a case that disturbs
what goes on beside it fails, whatever it is about.
"""

import base64
import binascii
import contextlib
import dataclasses
import ipaddress
import itertools
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import stream
from origin import Origin, answer, expect_request, repeat, reply_with, wait_for

TOKEN = re.compile(r"taint-\d{6}")
BODY = "taint-000000"
ITEM_FIELD = "Taint-Item"
OWN_LOGIN = re.compile("-u|--user|--bearer|-[a-zA-Z]*n[a-zA-Z]*|--netrc.*")
OWN_COOKIES = re.compile("-b|--cookie|-c|--cookie-jar")
ELSEWHERE = {"--connect-to", "-x", "--proxy", "--unix-socket"}
NO_URL_AFTER = {"-x", "--proxy", "-e", "--referer", "-A", "-H", "-d", "--data-raw", "-w"}
LINE_MAX = 4096         # longer lines are about their length

EARLIER = ("secret of an earlier test", None)

active = None           # the Taint of the test that runs


@dataclasses.dataclass
class Item:
    """One URL of a list; or all URLs of a command together, if there are more than one."""

    homes: list         # (host, port) of its URLs; a host of None is any
    is_moved: bool      # connections go elsewhere than the URL says
    has_own_host: bool
    is_single: bool
    has_left: bool = False
    method: str = None  # of its first request

    def is_at_home(self, origin, request):
        host, port = authority_of(request)
        if self.has_own_host:
            host = None
        names_home = any(port == home_port and None in (host, home) or (host, port) == (home, home_port)
                         for home, home_port in self.homes)
        return names_home and (self.is_moved or origin.port == port)


# --- what is said where ---

def plain_host(host):
    """A spelling that can be compared; None: any (what IDNA makes of it is not ours to say)."""
    host = (host or "").lower().rstrip(".")
    if not host.isascii():
        return None
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with contextlib.suppress(OSError):  # 127.1, 0x7f.1
        return socket.inet_ntoa(socket.inet_aton(host))
    return host


def home_of(url):
    """(host, port) of a URL, None of one that has none."""
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(url)
        return plain_host(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    return None


def authority_of(request):
    """(host, port) that a request says it is for."""
    if "://" in request.target:
        return home_of(request.target)
    scheme = "https" if request.is_secure else "http"
    return home_of(f"{scheme}://{request.field('Host')}") or ("", 0)


def text_of(request):
    """All of a request, with what Basic hides."""
    text = (request.head + b"\r\n\r\n" + request.body).decode("latin-1")
    for _, value in request.fields:
        with contextlib.suppress(binascii.Error):
            if value.startswith("Basic "):
                text += base64.b64decode(value[6:]).decode("latin-1")
    return text


def has_field(fields, name):
    return any(field.strip().lower() == name.lower() for field in fields)


class Taint:
    def __init__(self):
        self.failures = []
        self._owners = {}       # token: (kind, Item or Neighbour)
        self._numbers = itertools.count(1)
        self._neighbours = {}   # daemon: Neighbour
        self._lock = threading.Lock()

    def token(self, kind, owner):
        text = f"taint-{next(self._numbers):06d}"
        self._owners[text] = kind, owner
        return text

    def fail(self, text):
        with self._lock:
            self.failures.append(text)

    # what haul is given

    def mark(self, args, stdin, env):
        """The same command with tokens in it."""
        args = [str(arg) for arg in args]
        if args[0] not in ("get", "batch"):
            return args, stdin
        if stdin is not None and "-i" in args and "-" in args:
            text = stdin if isinstance(stdin, str) else stdin.decode("utf-8", "surrogateescape")
            lines = [self.mark_line(line, args, env) for line in text.split("\n")]
            return args, "\n".join(lines).encode("utf-8", "surrogateescape")
        urls = [arg for before, arg in zip(args, args[1:])
                if arg.lower().startswith(("http://", "https://")) and before not in NO_URL_AFTER]
        if not urls or "-i" in args and args[0] == "batch":
            return args, stdin
        names = [arg.partition(":")[0] for arg in args]
        item = self.item(urls, names, args, env)
        args = [arg.replace(BODY, self.token("body", item)) if BODY in arg else arg for arg in args]
        fields = self.fields(item, urls, names, args)
        flags = [part for field in fields.items() for part in ("-H", ": ".join(field))]
        return [args[0], *flags, *args[1:]], stdin

    def mark_line(self, line, args, env):
        """A line of a list, as JSON with fields of its own."""
        item = {"url": line.strip()}
        if len(line) > LINE_MAX or not line.startswith(("http", "{")):
            return line
        if line.startswith("{"):
            try:
                item = json.loads(line)
            except ValueError:
                return line
        headers = item.get("headers", {})
        if not isinstance(headers, dict) or not isinstance(item.get("url"), str):
            return line
        names, urls = [*headers, *(arg.partition(":")[0] for arg in args)], [item["url"]]
        owner = self.item(urls, names, args, env)
        line = json.dumps(item | {"headers": headers | self.fields(owner, urls, names, args)})
        return line.replace(BODY, self.token("body", owner)) if BODY in line else line

    @staticmethod
    def item(urls, names, args, env):
        is_moved = bool(ELSEWHERE.intersection(args)) or any(
            arg.startswith("--connect-to=") for arg in args) or any(
            name.lower().endswith("proxy") for name in env or ())
        return Item([home for home in map(home_of, urls) if home], is_moved,
                    has_field(names, "Host"), len(urls) == 1)

    def fields(self, item, urls, names, args):
        """Tokens for what the test has not given itself, as fields."""
        fields = {ITEM_FIELD: self.token("item", item)}
        if not has_field(names, "Authorization") and not any(map(OWN_LOGIN.fullmatch, args)) and \
                not any("@" in url for url in urls):
            fields["Authorization"] = "Bearer " + self.token("login", item)
        if not has_field(names, "Cookie") and not any(map(OWN_COOKIES.fullmatch, args)):
            fields["Cookie"] = "taint=" + self.token("cookie", item)
        return fields

    # what came of it

    def saw_request(self, origin, request):
        with self._lock:
            item = self._owners.get(request.field(ITEM_FIELD), (None, None))[1]
            is_at_home = item is not None and item.is_at_home(origin, request)
            if item is not None:
                item.method = item.method or request.method
            for token in sorted(set(TOKEN.findall(text_of(request)))):
                kind, owner = self._owners.get(token, EARLIER)
                where = f"{request.method} {request.target} at {origin.port or origin.unix_path}"
                if owner is None or owner is not item:
                    self.failures.append(f"{where}: the {kind} {token} of another item")
                elif kind in ("login", "cookie") and not is_at_home:
                    self.failures.append(f"{where}: the {kind} {token} of another origin")
                elif kind in ("login", "cookie") and item.is_single and item.has_left:
                    self.failures.append(f"{where}: the {kind} {token} is back from elsewhere")
                elif kind == "body" and item.is_single and request.method != item.method:
                    self.failures.append(f"{where}: the {kind} {token} of a {item.method}")
            if item is not None and not is_at_home:
                item.has_left = True

    def saw_output(self, run, daemon):
        """Nobody else's tokens are in what haul gives, and no secret in what is told, unless -v has
        asked for the lines of the request."""
        given = {"output", "messages"} if "-v" in run.argv else {"output"}
        for name, text in (("output", run.out.decode("latin-1")), ("messages", run.err),
                           ("daemon's log", daemon.log() if daemon else "")):
            for token in sorted(set(TOKEN.findall(text))):
                kind, owner = self._owners.get(token, EARLIER)
                if owner is None or isinstance(owner, Neighbour) or \
                        name not in given and kind in ("login", "cookie"):
                    self.fail(f"the {name} of haul {' '.join(run.argv)}: the {kind} {token}")

    @contextlib.contextmanager
    def beside(self, daemon):
        """The neighbour is served meanwhile."""
        if daemon is None or not daemon.is_alive():
            yield
            return
        with self._lock:
            if daemon not in self._neighbours:
                self._neighbours[daemon] = Neighbour(self, daemon)
            neighbour = self._neighbours[daemon]
        with neighbour.lock:
            if neighbour.runs_beside == 0:
                neighbour.begin()
            neighbour.runs_beside += 1
        try:
            yield
        finally:
            with neighbour.lock:
                neighbour.runs_beside -= 1
                if neighbour.runs_beside == 0 and daemon.is_alive():
                    neighbour.end()

    def close(self):
        for neighbour in self._neighbours.values():
            neighbour.close()
        assert not self.failures, "the taint oracle: " + "; ".join(self.failures)


class Neighbour:
    """Another client with a batch of its own, whose origin is behind a unix socket: no name, no
    port and no policy of a test concerns it. It asks for two bodies at once, one to come back and
    one into a file."""

    is_single, has_left, method = True, False, "PUT"

    def __init__(self, taint, daemon):
        self.taint, self.lock, self.runs_beside = taint, threading.RLock(), 0
        self._folder = Path(tempfile.mkdtemp(prefix="haul-"))
        self._count, self._halves, self._go_on = 0, {}, threading.Event()
        self._origin = Origin([repeat([expect_request(), reply_with(self._begin_answer),
                                       wait_for(self._go_on),
                                       reply_with(lambda r: self._halves[r.target][1])])],
                              unix_path=self._folder / "n")
        self._session = stream.Session(daemon)
        self._session.send(stream.profile(flags=stream.NO_REUSE, body_mode=stream.TO_DATA,
                                          idle_s=600, unix_path=bytes(self._folder / "n")),
                           stream.batch_begin(flags=stream.WITH_COOKIES))

    def is_at_home(self, origin, _):
        return origin is self._origin

    def _token(self, kind):
        return self.taint.token(kind, self)

    def _begin_answer(self, request):
        halves = self._halves[request.target]
        whole = answer(b"".join(halves), fields=[f"Set-Cookie: taint={self._token('cookie')}"])
        return whole[:-len(halves[1])]

    def _ask(self, target, **more):
        self._count += 1
        self._halves[target] = [self._token("body").encode() * 500 for _ in range(2)]
        fields = {ITEM_FIELD: self._token("item"), "Authorization": self._token("login")}
        return stream.request(self._count, f"http://n{self._count}.test{target}", method=b"PUT",
                              fields=fields, body=self._token("body").encode(), **more)

    def begin(self):
        """Asks, until half of both answers has come."""
        self._go_on.clear()
        self._got, self._file = b"", open(self._folder / "file", "w+b")
        self._session.send(self._ask("/data"))
        self._session.send_with_fds(self._ask("/file", body_mode=stream.TO_FD, fd_count=1),
                                    [self._file.fileno()])
        while len(self._got) < len(self._halves["/data"][0]):
            self._take()
        deadline = time.monotonic() + 10
        while os.fstat(self._file.fileno()).st_size < len(self._halves["/file"][0]):
            assert time.monotonic() < deadline, "half a file has not come"
            time.sleep(0.0005)

    def end(self):
        """The rest of them, which must be as they were sent."""
        self._go_on.set()
        results = []
        while len(results) < 2:
            frame = self._take()
            if frame.kind == stream.RESULT:
                results.append((frame.fault, frame.status))
        with self._file:
            got = {"/data": self._got, "/file": self._file.read()}
        for target, halves in self._halves.items():
            if results != [(None, 200)] * 2 or got[target] != b"".join(halves):
                self.taint.fail(f"the neighbour got {results}, {target[1:]} {got[target][:200]!r}")

    def _take(self):
        frame = self._session.frame()
        if frame.kind == stream.DATA:
            self._got += frame.body
            self._session.send(stream.credit(len(frame.body)))
        return frame

    def close(self):
        self._session.close()
        self._origin.close()
        shutil.rmtree(self._folder, ignore_errors=True)
