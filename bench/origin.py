"""The servers that are asked: nginx, one process on one core, started on a free port of 127.0.0.1
and ended with the `with` block.

A client that waits for its origin measures the origin: so it says how much CPU it used.
"""

import http.client
import shutil
import socket
import subprocess
import time
from pathlib import Path

from measure import end, pinned, user_and_system_s

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
READY_S = 10.0


class Missing(Exception):
    """Something is not installed; the text says what and how to get it."""


class Nginx:
    def __init__(self, template, folder, core):
        self.template, self.folder, self.core = Path(template), Path(folder), core
        self.process = self.port = self.tls_port = None

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def tls_url(self, path="/"):
        return f"https://localhost:{self.tls_port}{path}"

    @property
    def certificate(self):
        """It signs itself: who trusts it trusts this origin."""
        return self.prefix / "localhost.pem"

    def __enter__(self):
        binary, module = find()
        for attempt in range(3):  # the port can be taken between our look and nginx's
            self._start(binary, module, attempt)
            if self._wait_until_ready():
                return self
            end(self.process)
        raise RuntimeError(f"nginx did not start:\n{(self.prefix / 'error.log').read_text()}")

    def _start(self, binary, module, attempt):
        with socket.socket() as probe, socket.socket() as tls_probe:
            probe.bind(("127.0.0.1", 0))
            tls_probe.bind(("127.0.0.1", 0))
            self.port, self.tls_port = probe.getsockname()[1], tls_probe.getsockname()[1]
        self.prefix = self.folder / f"{self.template.parent.name}-{attempt}"
        shutil.rmtree(self.prefix, ignore_errors=True)
        self.prefix.mkdir()
        (self.prefix / "1k.bin").write_bytes(b"haul " * 204 + b"done")
        text = self.template.read_text()
        if "@tls_port@" in text:
            make_certificate(self.prefix)
            (self.prefix / "large.bin").write_bytes(bytes(range(256)) * 4096 * 100)
        for name, value in (("module", module), ("port", self.port), ("tls_port", self.tls_port),
                            ("files", self.prefix)):
            text = text.replace(f"@{name}@", str(value))
        (self.prefix / "nginx.conf").write_text(text)
        command = [binary, "-p", str(self.prefix), "-c", "nginx.conf", "-e", "error.log"]
        with pinned(self.core), open(self.prefix / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr,
                                            stdout=subprocess.DEVNULL, start_new_session=True)

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_S)
            try:
                connection.request("GET", "/ready")
                return connection.getresponse().status < 300
            except OSError:
                time.sleep(0.02)
            finally:
                connection.close()
        return False

    def __exit__(self, *_):
        end(self.process)

    def cpu_s(self):
        return sum(user_and_system_s(self.process.pid))


def make_certificate(folder):
    """P-256, as most of the web's are."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "localhost.key",
                    "-out", "localhost.pem"], cwd=folder, check=True, capture_output=True)


def small(folder, core):
    """/small answers 22 bytes, /1k/ANYTHING a file of 1 KiB, /large 100 MiB. Over TLS there are
    /small and /once, which closes the connection after each answer."""
    return Nginx(HERE / "nginx.conf", folder, core)


def slow(folder, core):
    """Answers 22 bytes after a second, to any number of clients at a time."""
    return Nginx(TOP / "examples" / "slow-api" / "nginx.conf", folder, core)


def find():
    """(binary, echo module): unpacked by tools/deps, or the system's own."""
    for root in (TOP / ".deps" / "servers", Path("/")):
        binary = root / "usr/sbin/nginx"
        module = root / "usr/lib/nginx/modules/ngx_http_echo_module.so"
        if binary.is_file() and module.is_file():
            return str(binary), str(module.resolve())
    raise Missing("nginx and its echo module are missing; `tools/deps bench` unpacks them")
