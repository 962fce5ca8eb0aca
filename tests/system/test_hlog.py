"""--report run.hlog, read by HdrHistogram's own people: the package hdr-histogram-js says of it what
the JSON report says. `tools/deps test` fetches the package; without it, or without node, skipped."""
import json
import shutil
import subprocess
import time

import pytest

from origin import answer, expect_request, repeat, reply_with
from runs import bucket_of, write_run
from support import TOP, clean_env, run_haul

MODULES = TOP / ".deps" / "node_modules"
pytestmark = pytest.mark.skipif(
    not (MODULES / "hdr-histogram-js").is_dir() or not shutil.which("node"),
    reason="no node, or no hdr-histogram-js: install nodejs and npm, then run tools/deps test")

READER = """
const hdr = require("hdr-histogram-js");
const told = h => ({count: h.totalCount, max: h.maxValue, start: h.startTimeStampMsec / 1000,
                    length: (h.endTimeStampMsec - h.startTimeStampMsec) / 1000,
                    p50: h.getValueAtPercentile(50), p90: h.getValueAtPercentile(90),
                    p99: h.getValueAtPercentile(99)});
const reader = new hdr.HistogramLogReader(require("fs").readFileSync(0, "utf8"));
const sum = hdr.build({highestTrackableValue: 3600e9, numberOfSignificantValueDigits: 3});
const intervals = [];
for (let h = reader.nextIntervalHistogram(); h; h = reader.nextIntervalHistogram()) {
    intervals.push(told(h));
    sum.add(h);
}
console.log(JSON.stringify({intervals, sum: told(sum)}));
"""


def read_log(path):
    done = subprocess.run(["node", "-e", READER], input=path.read_bytes(), capture_output=True,
                          timeout=30, env=clean_env(NODE_PATH=str(MODULES)))
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def expect_same(read, told, count):
    """A port's quantile is the highest value of its bucket, haul's is not above the maximum; the
    maximum is known to a bucket."""
    assert read["count"] == count
    assert bucket_of(int(read["max"])) == bucket_of(told["max_ns"])
    for name in ("p50", "p90", "p99"):
        if name + "_ns" in told:
            assert min(read[name], told["max_ns"]) == told[name + "_ns"], name


def expect_the_log_says_what_the_report_says(log, report):
    response = report["summary"]["response"]
    rows = [row for row in report["timeseries"] if "response_hdr" in row]
    read = read_log(log)
    assert len(read["intervals"]) == len(rows)
    for interval, row in zip(read["intervals"], rows):
        told = {key.removeprefix("response_"): value for key, value in row.items()}
        expect_same(interval, told, row["requests"])
        assert interval["length"] == pytest.approx(1)
        first = read["intervals"][0]["start"] - rows[0]["second"]
        assert interval["start"] - first == pytest.approx(row["second"], abs=0.01)
    expect_same(read["sum"], response, response["count"])
    return read


def test_a_run(daemon, start_origin, tmp_path):
    seen = []

    def reply(request):
        seen.append(request)
        time.sleep(0.02 if len(seen) % 10 == 0 else 0)
        return answer()

    server = start_origin([repeat([expect_request(), reply_with(reply)])])
    log, path = tmp_path / "run.hlog", tmp_path / "run.json"
    run_haul("bench", "-R", "100", "-c", "8", "-d", "3s", server.url(), "--report", log, "--report",
             path, daemon=daemon)
    report = json.loads(path.read_text())
    read = expect_the_log_says_what_the_report_says(log, report)
    assert len(read["intervals"]) >= 3 and read["sum"]["count"] == 300
    assert 0 < read["intervals"][0]["start"] - 1.7e9


def test_values_from_a_nanosecond_to_an_hour(tmp_path):
    write_run(tmp_path / "wide.json",
              [[1], [2047, 2048, 2049] * 3, [], [10**k for k in range(13)],
               [3600 * 10**9, 3599 * 10**9, 5], [7**k for k in range(15)] * 3000])
    run_haul("report", tmp_path / "wide.json", "-q", "--report", tmp_path / "wide.hlog",
             "--report", tmp_path / "again.json").expect(0)
    expect_the_log_says_what_the_report_says(tmp_path / "wide.hlog",
                                             json.loads((tmp_path / "again.json").read_text()))
