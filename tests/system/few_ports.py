#!/usr/bin/python3
"""few_ports.py: forty fetches where only thirteen local ports exist. To be run in a network
namespace of its own (unshare -Urn); prints the records of haul, exits with its code."""

import sys

from origin import Origin, answer, expect_request, fin, send, sleep
from own_net import bring_loopback_up
from support import run_haul

ITEMS = 40

bring_loopback_up()
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40000 40012")
with Origin([expect_request(), sleep(100), send(answer()), fin()], port=8080) as origin:
    run = run_haul("batch", "-c", str(ITEMS), *[origin.url(f"/{i}") for i in range(ITEMS)])
sys.stdout.write(run.out.decode())
sys.stderr.write(run.err)
sys.exit(run.code)
