#!/usr/bin/env python3
"""Writes the seed corpora of fuzz_frame and fuzz_varlink from the examples of PROTOCOL.md.

Run it after a change of the page; crash files that a fuzzer found have other names and stay.
"""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
CALLS = {
    "info": b'{"method":"org.varlink.service.GetInfo"}\0',
    "describe": b'{"method":"org.varlink.service.GetInterfaceDescription",'
                b'"parameters":{"interface":"a.b"}}\0',
    "echo": b'{"method":"a.b.C","parameters":{"t":[1,{"u":"\\u0000\xc3\xa9"}]},"more":true}\0',
    "oneway": b'{"method":"a.b.C","oneway":true,"upgrade":true}\0{"method":"a.c.D"}\0',
    "upgrade": b'{"method":"a.b.C","upgrade":true}\0\x10\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0',
    "deep": b'{"method":"a.b.C","parameters":' + b'{"a":' * 20 + b"1" + b"}" * 21 + b"\0",
    "fetch": b'{"method":"io.haul.Fetch.Get","parameters":{"url":"http://a.b/","method":"PUT",'
             b'"headers":{"A":"b","C":["d","e"]},"body_base64":"AP8=","timeout_ns":1,'
             b'"body_bytes_max":9,"redirects_max":0,"retries_max":1,"decode":true,'
             b'"public_only":true,"insecure":true,"unix_socket":"/x"}}\0',
    "fetch-post": b'{"method":"io.haul.Fetch.Get","parameters":{"url":"u","body":"\\u0000"}}\0',
}


def blocks():
    text = (TOP / "proto" / "PROTOCOL.md").read_text()
    for info, rows in re.findall(r"^```hex (.*)\n((?:.*\n)*?)```$", text, re.M):
        yield info, bytes.fromhex("".join(row.split("#")[0] for row in rows.splitlines()))


def write(folder, name, data):
    path = TOP / "tests" / "fuzz" / "corpus" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / f"seed-{name}").write_bytes(data)


def main():
    everything = {"client": b"", "daemon": b""}
    for number, (info, data) in enumerate(blocks()):
        if info == "varlink":
            write("varlink", f"page-{number}", b"\x07" + data)
            continue
        write("frame", f"page-{number:02}", b"\x0f" + data)
        if info in everything:
            everything[info] += data
    for side, data in everything.items():
        write("frame", side, b"\x1f" + data)
    for name, data in CALLS.items():
        write("varlink", name, b"\x0b" + data)


if __name__ == "__main__":
    main()
