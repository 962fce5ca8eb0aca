"""Clients that come again and again, whatever happens to the daemon: who is refused, who is cut
off, who is served."""

import errno
import socket
import struct
import threading
import time
from collections import Counter

CALL = b'{"method":"org.varlink.service.GetInfo"}\0'
PATIENCE_S = 20     # for a daemon that is started anew
PAUSE_S = 0.05      # between two visits of one: what else runs is to have its turn


class Crowd:
    """with Crowd(path of a socket, 200) as crowd: ...; then crowd.ended says how many visits ended
    how: "served", "cut" (it had connected), "silent" (no answer in time), or an errno's name."""

    def __init__(self, path, size):
        self.ended, self.seconds_max = Counter(), 0.0
        self._path, self._lock, self._over = str(path), threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._come_again, daemon=True)
                         for _ in range(size)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S * 2)

    @property
    def visits(self):
        return sum(self.ended.values())

    def _come_again(self):
        while not self._over.wait(PAUSE_S):
            began = time.monotonic()
            how = self._visit()
            with self._lock:
                self.ended[how] += 1
                self.seconds_max = max(self.seconds_max, time.monotonic() - began)

    def _visit(self):
        patience = struct.pack("ll", PATIENCE_S, 0)
        with socket.socket(socket.AF_UNIX) as sock:  # blocking: connect waits for the backlog
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
            try:
                sock.connect(self._path)
            except OSError as error:
                return errno.errorcode[error.errno]
            try:
                sock.sendall(CALL)
                answer = b""
                while not answer.endswith(b"\0"):
                    data = sock.recv(4096)
                    if not data:
                        return "cut"
                    answer += data
            except BlockingIOError:
                return "silent"
            except (ConnectionResetError, BrokenPipeError):
                return "cut"
            return "served"
