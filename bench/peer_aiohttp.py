#!/usr/bin/python3
"""The asyncio peer: fetches every URL of a file, with at most LIMIT connections (0 = all at once).

    peer_aiohttp.py URLS LIMIT

Prints how many were answered with 200, and keeps nothing else."""

import asyncio
import sys

import aiohttp


async def fetch(session, url):
    async with session.get(url) as response:
        await response.read()
        return response.status == 200


async def main(path, limit):
    with open(path) as lines:
        urls = lines.read().split()
    connector = aiohttp.TCPConnector(limit=limit)
    async with aiohttp.ClientSession(connector=connector) as session:
        answers = await asyncio.gather(*(fetch(session, url) for url in urls),
                                       return_exceptions=True)
    print(sum(answer is True for answer in answers))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
