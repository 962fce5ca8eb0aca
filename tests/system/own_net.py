#!/usr/bin/python3
"""own_net.py COMMAND...: runs a command with public addresses of its own, from which nothing leaves.

To be started in a network namespace of its own (unshare -Urn): its only interface is lo, which gets
PUBLIC_IPV4 with all of its /8, and PUBLIC_IPV6."""

import fcntl
import os
import socket
import struct
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8913, 0x8914, 0x8916, 1
PUBLIC_IPV4 = "8.8.4.4"
PUBLIC_IPV6 = "2620:fe::fe"


def bring_loopback_up():
    with socket.socket() as sock:
        flags = struct.unpack("16xh", fcntl.ioctl(sock, SIOCGIFFLAGS,
                                                  struct.pack("16sh14x", b"lo", 0))[:18])[0]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def add_public_addresses():
    with socket.socket() as sock:  # an alias: 127.0.0.1 stays
        fcntl.ioctl(sock, SIOCSIFADDR, struct.pack("16sHH4s8x", b"lo:0", socket.AF_INET, 0,
                                                   socket.inet_aton(PUBLIC_IPV4)))
    with socket.socket(socket.AF_INET6) as sock:
        fcntl.ioctl(sock, SIOCSIFADDR, struct.pack("16sIi", socket.inet_pton(
            socket.AF_INET6, PUBLIC_IPV6), 128, socket.if_nametoindex("lo")))


if __name__ == "__main__":
    bring_loopback_up()
    add_public_addresses()
    os.execv(sys.argv[1], sys.argv[1:])
