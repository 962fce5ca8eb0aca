"""The slow web API: one second of sleep per request, then a line of text.

    gunicorn --workers 2 --bind 127.0.0.1:8000 app:app

Two response fields tell a client what happened behind its back: X-Worker, the process that served
it, and X-Started, when that process began (CLOCK_MONOTONIC in nanoseconds: one clock for all
processes of a machine).
"""

import os
import time

SLEEP_S = 1.0
TEXT = b"This is a slow web api\n"


def app(environ, start_response):
    started_ns = time.monotonic_ns()
    time.sleep(SLEEP_S)
    start_response("200 OK", [
        ("Content-Type", "text/plain"),
        ("Content-Length", str(len(TEXT))),
        ("X-Worker", str(os.getpid())),
        ("X-Started", str(started_ns)),
    ])
    return [TEXT]
