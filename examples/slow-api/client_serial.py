#!/usr/bin/python3
"""Fetches a URL N times, one after the other, with requests: the synchronous client.

    client_serial.py URL N > rows.jsonl

Writes one JSON row per request: when it was sent, when the server began with it, when it ended
(all CLOCK_MONOTONIC, nanoseconds), and the status.
"""

import json
import sys
import time

import requests


def main():
    url, count = sys.argv[1], int(sys.argv[2])
    for _ in range(count):
        start_ns = time.monotonic_ns()
        response = requests.get(url)
        print(json.dumps({
            "start_ns": start_ns,
            "started_ns": int(response.headers.get("X-Started", 0)),
            "end_ns": time.monotonic_ns(),
            "status": response.status_code,
            "worker": response.headers.get("X-Worker"),
        }))


main()
