#!/usr/bin/python3
"""Fetches a URL N times, all at once, with asyncio and aiohttp.

    client_asyncio.py URL N [--limit L] > rows.jsonl

--limit is aiohttp's cap on connections: 100 by default, 0 for none. The rows are those of
client_serial.py; a request that failed has status 0.
"""

import argparse
import asyncio
import json
import time

import aiohttp


async def fetch(session, url):
    start_ns, started_ns, status, worker = time.monotonic_ns(), 0, 0, None
    try:
        async with session.get(url) as response:
            await response.read()
            status = response.status
            started_ns = int(response.headers.get("X-Started", 0))
            worker = response.headers.get("X-Worker")
    except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
        pass  # status 0 says it
    return {"start_ns": start_ns, "started_ns": started_ns, "end_ns": time.monotonic_ns(),
            "status": status, "worker": worker}


async def main(url, count, limit):
    connector = aiohttp.TCPConnector(limit=limit)
    async with aiohttp.ClientSession(connector=connector) as session:
        for row in await asyncio.gather(*(fetch(session, url) for _ in range(count))):
            print(json.dumps(row))


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("count", type=int)
parser.add_argument("--limit", type=int, default=100)
args = parser.parse_args()
asyncio.run(main(args.url, args.count, args.limit))
