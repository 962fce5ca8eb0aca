"""The same command lines through curl and through haul, against servers that people run: bodies and
exit codes are the same. What differs on purpose stands in docs/REFUSED.md and has tests of its own.
"""

import os
import shutil
import socket
import subprocess
import sys

import pytest

from support import TOP, clean_env, find_binary
from tls_ca import CA

sys.path.insert(0, str(TOP / "examples" / "slow-api"))

import servers  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")

NGINX = """
load_module @module@;
daemon off;
master_process off;
pid nginx.pid;
events { worker_connections 1000; }
http {
    access_log off;
    client_body_temp_path client-body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    default_type text/plain;
    absolute_redirect off;
    gzip_types text/plain;
    gzip_min_length 1;
    server {
        listen 127.0.0.1:@port@;
        listen 127.0.0.1:@tls_port@ ssl;
        ssl_certificate @cert@;
        ssl_certificate_key @key@;
        root @files@;
        client_max_body_size 8m;
        client_body_buffer_size 8m;
        location = /ready { return 204; }
        location = /204 { return 204; }
        location ~ ^/status/(?<code>404|410|418|500|502|503)$ {
            if ($code = 404) { return 404 "no"; }
            if ($code = 410) { return 410 "gone"; }
            if ($code = 418) { return 418; }
            if ($code = 500) { return 500 "oops"; }
            if ($code = 502) { return 502 "bad"; }
            return 503 "busy";
        }
        location ~ ^/to/(?<code>30[12378])$ {
            if ($code = 301) { return 301 /echo; }
            if ($code = 302) { return 302 /echo; }
            if ($code = 303) { return 303 /echo; }
            if ($code = 307) { return 307 /echo; }
            return 308 /echo;
        }
        location = /relative { return 302 ../echo?x=1; }
        location = /hop/1 { return 302 /hop/2; }
        location = /hop/2 { return 302 /hop/3; }
        location = /hop/3 { return 200 "there"; }
        location = /loop { return 302 /loop; }
        location = /cross { return 302 http://localhost:@port@/echo; }
        location = /up { return 302 https://127.0.0.1:@tls_port@/echo; }
        location = /ftp { return 302 ftp://127.0.0.1/; }
        location = /file { return 302 file:///etc/passwd; }
        location = /no-location { add_header X-None 1; return 300; }
        location = /auth { auth_basic "here"; auth_basic_user_file @passwd@; try_files /text =404; }
        location = /cookie { add_header Set-Cookie "a=1; Path=/"; return 302 /echo; }
        location = /chunked { echo_duplicate 1000 "piece of a body\\n"; }
        location = /flushes { echo -n "a"; echo_flush; echo_sleep 0.05; echo -n "b"; }
        location = /close { keepalive_timeout 0; return 200 "closed"; }
        location = /gzip { gzip on; try_files /text =404; }
        location = /small { client_max_body_size 1m; echo_read_request_body; echo "taken"; }
        location = /echo {
            echo_read_request_body;
            echo "$request_method $request_uri";
            echo "agent=$http_user_agent referer=$http_referer accept=$http_accept";
            echo "auth=$http_authorization cookie=$http_cookie type=$content_type x=$http_x_one";
            echo "range=$http_range";
            echo_request_body;
        }
    }
}
"""


class Nginx(servers.Nginx):
    """With a TLS port."""

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.tls_port = probe.getsockname()[1]
        text = self.template.read_text().replace("@tls_port@", str(self.tls_port))
        (self.folder / "filled.conf").write_text(text)
        self.template = self.folder / "filled.conf"
        super().start()


class Lighttpd(servers.Server):
    name = "lighttpd"

    def __init__(self, folder, files, cert, key):
        super().__init__(folder)
        self.files, self.cert, self.key = files, cert, key

    def start(self):
        root = next((root for root in (TOP / ".deps" / "servers", "/")
                     if os.access(f"{root}/usr/sbin/lighttpd", os.X_OK)
                     and os.path.exists(f"{root}/usr/lib/lighttpd/mod_openssl.so")), None)
        if not root:
            raise servers.Missing("lighttpd is missing; tools/deps test unpacks it")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.folder / "lighttpd.conf").write_text(f"""
server.modules = ("mod_openssl")
server.document-root = "{self.files}"
server.bind = "127.0.0.1"
server.port = {self.port}
server.errorlog = "{self.folder}/error.log"
ssl.engine = "enable"
ssl.pemfile = "{self.cert}"
ssl.privkey = "{self.key}"
""")
        self.spawn([f"{root}/usr/sbin/lighttpd", "-D", "-f", str(self.folder / "lighttpd.conf"),
                    "-m", f"{root}/usr/lib/lighttpd"])
        self.wait_until_ready()

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class SServer(servers.Server):
    """openssl s_server: one connection at a time, HTTP/1.0, a file per request, then it hangs up."""

    name = "s_server"

    def __init__(self, folder, files, cert, key, flags=()):
        super().__init__(folder)
        self.files, self.cert, self.key, self.flags = files, cert, key, flags

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.spawn(["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", self.cert,
                    "-key", self.key, "-WWW", "-quiet", *self.flags], cwd=self.files)
        self.wait_until_ready()

    def answers(self):
        # A connection would be its only one for as long as it lasts: look in the table instead.
        with open("/proc/net/tcp", encoding="ascii") as table:
            return f"0100007F:{self.port:04X} 00000000:0000 0A" in table.read()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "text").write_bytes(b"some text of a file\n" * 100)
    (folder / "empty").write_bytes(b"")
    (folder / "one").write_bytes(b"1")
    (folder / "1m").write_bytes(bytes(range(256)) * 4096)
    (folder / "large").write_bytes(bytes(range(255)) * 12345)
    (folder / "sub").mkdir()
    (folder / "sub" / "a b").write_bytes(b"with a space")
    for path in (folder, folder / "sub"):
        path.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, ca, files):
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    cert, key = ca.issue("127.0.0.1", "localhost")
    (folder / "passwd").write_text("anna:{PLAIN}open sesame\n")
    values = {"cert": cert, "key": key, "files": files, "passwd": folder / "passwd"}
    text = NGINX
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)
    try:
        with Nginx(folder / "nginx.conf", TOP / ".deps" / "servers", folder) as server:
            yield server
    except servers.Missing as error:
        pytest.skip(str(error))


# A path, and flags. haul's own name goes out as curl's does: both are told another one.
CASES = [
    ("/text", []), ("/empty", []), ("/one", []), ("/1m", []), ("/sub/a%20b", []), ("/204", []),
    ("/none", []), ("/none", ["-f"]), ("/chunked", []), ("/flushes", []), ("/close", []),
    ("/echo", []), ("/echo?a=b&c=%20d", []), ("/echo/../echo?x", []), ("/./echo", []),
    ("/echo#fragment", []), ("/echo", ["-A", ""]), ("/echo", ["-e", "http://from/"]),
    ("/echo", ["-H", "X-One: 1"]), ("/echo", ["-H", "Accept:"]), ("/echo", ["-H", "X-One;"]),
    ("/echo", ["-u", "anna:open sesame"]), ("/echo", ["-u", "anna:"]),
    ("/echo", ["-b", "a=1; b=2"]), ("/echo", ["-X", "DELETE"]), ("/echo", ["-X", "OPTIONS"]),
    ("/echo", ["-d", "a=1"]), ("/echo", ["-d", "a=1", "-d", "b=2"]), ("/echo", ["-d", ""]),
    ("/echo", ["-X", "PUT", "-d", "body"]), ("/echo", ["--data-raw", "@x"]),
    ("/echo", ["--data-urlencode", "a=b c&d"]), ("/echo", ["-G", "-d", "a=1"]),
    ("/echo?z=0", ["-G", "-d", "a=1"]), ("/echo", ["--json", '{"a": 1}']),
    ("/echo", ["--data-binary", "@FILES/text"]), ("/echo", ["-d", "@FILES/text"]),
    ("/echo", ["-H", "Content-Type: text/x", "-d", "b"]),
    ("/text", ["-r", "0-4"]), ("/text", ["-r", "-5"]), ("/text", ["-r", "1990-"]),
    ("/text", ["-r", "99999-"]), ("/text", ["-z", "2000-01-01"]), ("/text", ["-z", "2099-01-01"]),
    ("/text", ["-z", "-Sat, 01 Jan 2000 00:00:00 GMT"]),
    *[(f"/status/{code}", flags) for code in (404, 410, 500, 503) for flags in ([], ["-f"])],
    *[(f"/to/{code}", flags) for code in (301, 302, 303, 307, 308)
      for flags in ([], ["-L"], ["-L", "-d", "body"])],
    ("/relative", ["-L"]), ("/hop/1", ["-L"]), ("/hop/1", ["-L", "--max-redirs", "1"]),
    ("/hop/1", ["-L", "--max-redirs", "2"]), ("/loop", ["-L", "--max-redirs", "5"]),
    ("/loop", []), ("/ftp", ["-L", "--proto-redir", "=http,https"]),
    ("/no-location", ["-L"]), ("/up", ["-L"]), ("/up", ["-L", "--proto-redir", "=http"]),
    ("/cross", ["-L", "-u", "anna:secret"]), ("/cookie", ["-L"]),
    ("/cookie", ["-L", "-b", "FILES/none"]), ("/cookie", ["-L", "-b", "z=9"]),
    ("/auth", []), ("/auth", ["-f"]), ("/auth", ["-u", "anna:open sesame"]),
    ("/auth", ["-u", "anna:wrong"]), ("/gzip", []), ("/gzip", ["--compressed"]),
    ("/gzip", ["--compressed", "-H", "Accept-Encoding: gzip"]),
    ("/text", ["-I", "-o", "/dev/null"]), ("/text", ["-m", "10"]),
    ("/text", ["-w", "%{http_code} %{size_download} %{content_type} %{num_redirects}"]),
    ("/hop/1", ["-L", "-w", "%{http_code} %{url_effective} %{num_redirects} %{redirect_url}"]),
    ("/hop/1", ["-w", "%{http_code} %{redirect_url}"]),
    *[(path, flags) for path in ("/echo", "/small", "/to/307", "/to/303", "/none")
      for flags in (["-L", "-T", "FILES/large"], ["-L", "-T", "FILES/large", "-H", "Expect:"],
                    ["-L", "--data-binary", "@FILES/large"])],
]
AGENT = ["-A", "someone"]


def outcome(program, args, folder):
    done = subprocess.run([*program, "-s", *args], env=clean_env(), capture_output=True, timeout=60,
                          cwd=folder)
    return done.returncode, done.stdout


def beside(daemon, args, tmp_path):
    """(haul's outcome, curl's): exit code and standard output."""
    args = [str(arg) for arg in args]
    both = []
    for program in ([find_binary("haul"), "get", "--socket", daemon.socket], ["curl"]):
        folder = tmp_path / str(len(both))
        folder.mkdir()
        both.append(outcome(program, args, folder))
    return both


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("path,flags", CASES, ids=lambda value: str(value)[:60])
def test_nginx_gives_both_the_same(path, flags, scheme, daemon, nginx, ca, files, tmp_path):
    port = nginx.port if scheme == "http" else nginx.tls_port
    flags = [flag.replace("FILES", str(files)) for flag in flags]
    trust = ["--cacert", ca.path]
    agent = [] if "-A" in flags else AGENT
    ours, theirs = beside(daemon, [*trust, *agent, *flags, f"{scheme}://127.0.0.1:{port}{path}"],
                          tmp_path)
    assert ours == theirs


@pytest.mark.parametrize("flags", [["--cacert", "CA"], [], ["-k"], ["--cacert", "CA", "-r", "5-9"],
                                   ["--cacert", "CA", "-I", "-o", "/dev/null"],
                                   ["--cacert", "CA", "-f"]], ids=str)
@pytest.mark.parametrize("path", ["text", "1m", "empty", "none"])
def test_lighttpd_over_tls_gives_both_the_same(path, flags, daemon, ca, files, tmp_path):
    cert, key = ca.issue("127.0.0.1")
    try:
        with Lighttpd(tmp_path, files, cert, key) as server:
            flags = [str(ca.path) if flag == "CA" else flag for flag in flags]
            ours, theirs = beside(daemon, [*flags, f"https://127.0.0.1:{server.port}/{path}"],
                                  tmp_path)
    except servers.Missing as error:
        pytest.skip(str(error))
    assert ours == theirs


ODDITIES = {
    "1.2 only": ["-tls1_2"], "1.3 only": ["-tls1_3"], "no tickets": ["-no_ticket"],
    "one small record after another": ["-tls1_3", "-max_send_frag", "512"],
    "a curve of its own": ["-tls1_2", "-curves", "P-384"],
    "another protocol by ALPN": ["-alpn", "h2"],
    "1.1 only": ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
    "a certificate is wanted": ["-Verify", "1", "-verify_return_error"],
}


@pytest.mark.parametrize("name", ODDITIES)
def test_s_server_and_its_oddities(name, daemon, ca, files, tmp_path):
    cert, key = ca.issue("127.0.0.1")
    if name == "another protocol by ALPN":
        pytest.skip("curl speaks h2, haul does not: tls/alpn is tested in test_tls.py")
    results = []
    for program in ([find_binary("haul"), "get", "--socket", daemon.socket], ["curl", "--http1.1"]):
        folder = tmp_path / str(len(results))
        folder.mkdir()
        with SServer(folder, files, cert, key, ODDITIES[name]) as server:
            results.append(outcome(program, ["--cacert", str(ca.path),
                                             f"https://127.0.0.1:{server.port}/1m"], folder))
    ours, theirs = results
    if name == "a certificate is wanted":   # which of the two ends of it is seen is a matter of luck
        assert ours[1] == theirs[1] == b"" and ours[0] in (35, 55, 56) and theirs[0] in (35, 55, 56)
        return
    assert ours == theirs


@pytest.mark.parametrize("flags", [["-o", "out"], ["-O"], ["--output-dir", "d", "-O"],
                                   ["-o", "a", "-o", "b"]], ids=str)
def test_files_are_the_same(flags, daemon, nginx, files, tmp_path):
    urls = [f"http://127.0.0.1:{nginx.port}/{name}" for name in
            (("text", "one") if flags.count("-o") == 2 else ("text",))]
    trees = []
    for program in ([find_binary("haul"), "get", "--socket", daemon.socket], ["curl"]):
        folder = tmp_path / str(len(trees))
        (folder / "d").mkdir(parents=True)
        code, out = outcome(program, [*flags, *urls], folder)
        trees.append((code, out, {str(path.relative_to(folder)): path.read_bytes()
                                  for path in folder.rglob("*") if path.is_file()}))
    assert trees[0] == trees[1]
