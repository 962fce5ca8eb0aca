#!/usr/bin/env python3
"""Fetch one URL through hauld: fetch_get.py URL. $HAUL_SOCKET is the path of its socket."""
import base64
import json
import os
import socket
import sys

call = {"method": "io.haul.Fetch.Get", "parameters": {"url": sys.argv[1], "decode": True}}
with socket.socket(socket.AF_UNIX) as hauld:
    hauld.connect(os.environ.get("HAUL_SOCKET", "/run/hauld/hauld.sock"))
    hauld.sendall(json.dumps(call).encode() + b"\0")
    answer = b""
    while not answer.endswith(b"\0"):
        answer += hauld.recv(65536) or sys.exit("fetch_get: hauld has hung up")
reply = json.loads(answer[:-1])
if "error" in reply:
    sys.exit(f"fetch_get: {reply['error']}: {reply['parameters']}")
answer = reply["parameters"]
print(answer["status"], answer["headers"].get("content-type"), file=sys.stderr)
body = answer["body"].encode() if "body" in answer else base64.b64decode(answer["body_base64"])
sys.stdout.buffer.write(body)
