#!/usr/bin/python3
"""few_ports.py: forty fetches where only thirteen local ports exist. To be run in a network
namespace of its own (unshare -Urn); prints the records of haul, exits with its code."""

import fcntl
import socket
import struct
import sys

from origin import Origin, answer, expect_request, fin, send, sleep
from support import run_haul

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
ITEMS = 40


def bring_loopback_up():
    with socket.socket() as sock:
        flags = struct.unpack("16xh", fcntl.ioctl(sock, SIOCGIFFLAGS,
                                                  struct.pack("16sh14x", b"lo", 0))[:18])[0]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


bring_loopback_up()
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40000 40012")
with Origin([expect_request(), sleep(100), send(answer()), fin()], port=8080) as origin:
    run = run_haul("batch", "-c", str(ITEMS), *[origin.url(f"/{i}") for i in range(ITEMS)])
sys.stdout.write(run.out.decode())
sys.stderr.write(run.err)
sys.exit(run.code)
