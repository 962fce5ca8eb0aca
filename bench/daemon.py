"""A hauld by itself, with a socket of its own: started, asked, watched, ended."""

import json
import os
import socket
import subprocess
import time

from clients import TOP
from measure import end, pinned

READY_S = 10.0


class Daemon:
    """`with Daemon(bench) as daemon`: it has answered once; ready_s says how long after the start
    of its process (fork and exec included) that was."""

    def __init__(self, bench):
        self.bench = bench
        self.socket_path = str(bench.folder / "hauld.sock")

    def __enter__(self):
        with open(self.bench.folder / "hauld.log", "wb") as log:
            start = time.monotonic()
            with pinned(self.bench.client_core):
                self.process = subprocess.Popen(
                    [self.bench.hauld, "--socket", self.socket_path, "--quiet"], cwd=TOP,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with pinned(self.bench.origin_core):  # our polling must not slow it
            while not self._answers():
                if self.process.poll() is not None or time.monotonic() > start + READY_S:
                    text = (self.bench.folder / "hauld.log").read_text()
                    end(self.process)
                    raise RuntimeError(f"hauld did not start: {text}")
                time.sleep(0.0002)
        self.ready_s = time.monotonic() - start
        return self

    def _answers(self):
        try:
            return bool(self.describe())
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def describe(self):
        """io.haul.Manager.Describe: JSON and a NUL, there and back."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(READY_S)
            connection.connect(self.socket_path)
            connection.sendall(b'{"method":"io.haul.Manager.Describe"}\0')
            reply = b""
            while not reply.endswith(b"\0"):
                more = connection.recv(65536)
                if not more:
                    raise RuntimeError("hauld closed the connection instead of answering")
                reply += more
        return json.loads(reply[:-1])["parameters"]

    def __exit__(self, *_):
        end(self.process)
        if os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
