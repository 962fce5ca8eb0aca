"""Reports of runs that never were: haul-report JSON from lists of response times, a list a second.

What is asked of `haul compare` is what it makes of known numbers; a real run has none."""

import base64
import json
import statistics
import struct
import zlib

DIGITS, LARGEST_NS = 3, 3600 * 10**9


def position_of(value_ns):
    """HdrHistogram's flat index, three digits."""
    row = max((value_ns | 2047).bit_length() - 11, 0)
    index = value_ns >> row
    return index if row == 0 else 2048 + (row - 1) * 1024 + index - 1024


def bucket_of(value_ns):
    row = max((value_ns | 2047).bit_length() - 11, 0)
    return (value_ns >> row) << row, ((value_ns >> row) + 1) << row


def counts_by(values, key):
    counts = {}
    for value in values:
        counts[key(value)] = counts.get(key(value), 0) + 1
    return dict(sorted(counts.items()))


def zigzag(number):
    value = number << 1 if number >= 0 else ~(number << 1)
    out = b""
    while value >> 7:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def hdr_of(values):
    """HdrHistogram's V2 encoding, deflated, base64."""
    counts, at = b"", 0
    for position, count in counts_by(values, position_of).items():
        if position > at:
            counts += zigzag(at - position)
        counts += zigzag(count)
        at = position + 1
    payload = struct.pack(">IIIIQQd", 0x1c849313, len(counts), 0, DIGITS, 1, LARGEST_NS, 1.0)
    data = zlib.compress(payload + counts)
    return base64.b64encode(struct.pack(">II", 0x1c849314, len(data)) + data).decode()


def quantile_of(values, quantile):
    """By nearest rank, the highest value of its bucket."""
    values = sorted(values)
    rank = max(-int(-quantile * len(values) // 1), 1)
    return min(bucket_of(values[rank - 1])[1] - 1, values[-1])


def latency_of(values):
    if not values:
        return {"count": 0}
    return {"min_ns": min(values), "max_ns": max(values), "mean_ns": statistics.fmean(values),
            "stdev_ns": statistics.pstdev(values), "p50_ns": quantile_of(values, 0.5),
            "p99_ns": quantile_of(values, 0.99), "count": len(values)}


def buckets_of(values):
    return [{"ge_ns": low, "lt_ns": high, "count": count}
            for (low, high), count in counts_by(values, bucket_of).items()]


def second_of(index, values, errors):
    row = {"second": index, "requests": len(values), "failed": errors, "errors": errors,
           "bytes": 0, "response_p50_ns": quantile_of(values, 0.5) if values else 0,
           "response_p99_ns": quantile_of(values, 0.99) if values else 0,
           "response_max_ns": max(values, default=0)}
    if values:
        row["response_hdr"] = hdr_of(values)
    return row


def make_run(seconds, errors=None, tail=(), verdict="VALID", **run):
    """A closed loop of so many seconds; tail are the times that ended after the last of them, and
    errors says how many requests of each second failed. run goes into the object of that name."""
    errors = errors or [0] * len(seconds)
    rows = [*seconds, *([list(tail)] if tail else [])]
    values = [value for row in rows for value in row]
    failed = sum(errors)
    latency = latency_of(values)
    return {
        "schema": "haul-report", "schemaVersion": 1,
        "run": {"verb": "bench", "argv": ["haul", "bench", "http://a.test/"],
                "started_at": f"2024-05-06T07:08:09.{sum(values) % 10**6:06}Z", "host": "h",
                "kernel": "6.1", "machine": "x86_64", "versions": {"haul": "0.1.0"},
                "target": "http://a.test/", "targets": 1, "load_mode": "closed",
                "planned_rate_per_s": None, "fresh_conn": False,
                "duration_ns": len(seconds) * 10**9, "concurrency": 8, "max_per_origin": 8,
                "slo": [], "private_daemon": True, "interrupted": False} | run,
        "summary": {"requests": len(values), "ok": len(values) - failed, "failed": failed,
                    "duration_ns": len(seconds) * 10**9 + (300_000_000 if tail else 0),
                    "service": latency, "response": latency, "lateness": {"count": 0}},
        "phases": {}, "histograms": {"service": buckets_of(values), "response": buckets_of(values),
                                     "lateness": []},
        "timeseries": [second_of(i, row, [*errors, 0][i]) for i, row in enumerate(rows)],
        "status": {"200": len(values) - failed},
        "errors": [{"domain": "timeout", "code": "total", "count": failed, "example": ""}]
        if failed else [],
        "verdict": {"state": verdict, "reasons": ["said so"] if verdict != "VALID" else []},
    }


def write_run(path, *args, **kwargs):
    path.write_text(json.dumps(make_run(*args, **kwargs)))
    return path
