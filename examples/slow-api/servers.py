"""The two servers of the demo: started on a free port of 127.0.0.1, ended with the `with` block."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from measure import end_group

READY_S = 10.0
PYTHON = "/usr/bin/python3"


class Missing(Exception):
    """Something must be installed first; the text says what, and how."""


class NotStarted(Exception):
    """A server is there but does not come up; the text holds its own words."""


class Server:
    """A process that answers on self.port. Subclasses fill in command() and ready_path."""

    name = "server"
    ready_path = "/"

    def __init__(self, folder):
        self.folder = Path(folder)
        self.process = None
        self.port = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def spawn(self, command, **options):
        self.log = self.folder / f"{self.name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, **options)

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.answers():
                return
            time.sleep(0.02)
        text = self.log.read_text(errors="replace")
        self.stop()
        raise NotStarted(f"{self.name} did not start:\n{text[-2000:]}")

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_S)
        try:
            connection.request("GET", self.ready_path)
            return connection.getresponse().status < 400
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self):
        if self.process:
            end_group(self.process)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


class Gunicorn(Server):
    """Debian's gunicorn, synchronous workers: each serves one request at a time."""

    name = "gunicorn"

    def __init__(self, app, workers, folder):
        super().__init__(folder)
        self.app, self.workers = Path(app), workers

    def start(self):
        binary = "/usr/bin/gunicorn"
        if not os.access(binary, os.X_OK):
            raise Missing("gunicorn is missing; tools/deps demo installs it")
        with socket.socket() as listener:  # bound here, so that no port is guessed
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
            fd = listener.fileno()
            self.spawn([PYTHON, binary, "--workers", str(self.workers), "--bind", f"fd://{fd}",
                        "--chdir", str(self.app.parent), "--graceful-timeout", "1",
                        f"{self.app.stem}:app"], pass_fds=[fd],
                       env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
        self.wait_until_ready()


class Nginx(Server):
    """nginx with the echo module: unpacked below a folder, or the system's own."""

    name = "nginx"
    ready_path = "/ready"

    def __init__(self, template, unpacked, folder):
        super().__init__(folder)
        self.template, self.unpacked = Path(template), Path(unpacked)

    def find(self):
        """(binary, echo module) or Missing."""
        for root in (self.unpacked, Path("/")):
            binary = root / "usr/sbin/nginx"
            module = root / "usr/lib/nginx/modules/ngx_http_echo_module.so"
            if binary.is_file() and module.is_file():
                return str(binary), str(module.resolve())
        raise Missing("nginx and its echo module are missing; tools/deps demo unpacks them "
                      "(nothing is installed)")

    def start(self):
        binary, module = self.find()
        for _ in range(3):  # the port can be taken between our look and nginx's
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            prefix = self.folder / f"nginx-{self.port}"
            shutil.rmtree(prefix, ignore_errors=True)
            prefix.mkdir()
            text = self.template.read_text()
            text = text.replace("@module@", module).replace("@port@", str(self.port))
            (prefix / "nginx.conf").write_text(text)
            self.spawn([binary, "-p", str(prefix), "-c", "nginx.conf", "-e", "error.log"])
            try:
                return self.wait_until_ready()
            except NotStarted as error:
                failure = error
                errors = prefix / "error.log"
                if errors.exists() and "Address already in use" not in errors.read_text():
                    break
        raise failure
