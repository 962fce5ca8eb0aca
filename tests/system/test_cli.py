"""The command line as a contract (CLI.md): records, summary, exit codes, input, refusals."""

import base64
import gzip
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from origin import Origin, answer, dead_port, expect_request, fin, repeat, send, sleep
from support import (CURL_CODES, PHASES, RECORD_KEYS, TOP, WAIT_S, assert_fails, assert_succeeds,
                     clean_env, end_group, find_binary, run_haul, spawn_haul)


def run_plain(*args, stdin=b"", env=None):
    """haul with exactly these arguments."""
    return subprocess.run([find_binary("haul"), *args], input=stdin, capture_output=True,
                          timeout=30, env=env or clean_env())


# --- records and summary

def test_a_batch_of_two_urls_prints_two_records_and_the_summary(batch, origin):
    run = batch("-i", "-", stdin=origin.url("/a") + "\n" + origin.url("/b") + "\n").expect(0)
    assert sorted(r["url"] for r in run.records) == [origin.url("/a"), origin.url("/b")]
    for record in run.records:
        assert_succeeds(record)
        assert set(record) == RECORD_KEYS
        assert set(record["phases"]) == PHASES
    assert re.search(r"^2 items in .*: 2 ok, 0 failed", run.err, re.M), run.err
    for line in (r"^sum of all waits .* this run .* longest ", r"^ +min +p50 +p90 +p99 +p99.9 +max",
                 r"^service +\d", r"^response +\d", r"^status 200: 2 ", r"connections: "):
        assert re.search(line, run.err, re.M), (line, run.err)


def test_a_record_has_the_types_of_the_contract(batch, origin):
    record = batch(origin.url("/x")).expect(0).record
    kinds = {"url": str, "effective_url": str, "method": str, "status": int, "ok": bool,
             "exitcode": int, "attempts": int, "redirects": int, "http_version": str,
             "remote_ip": str, "remote_port": int, "reused": bool, "tls_resumed": bool,
             "size_download": int, "size_wire": int, "time_total": float, "service_ns": int,
             "response_ns": int, "late_ns": int, "t0_ns": int, "started_at": str,
             "redelivered": bool}
    for key, kind in kinds.items():
        value = record[key]
        assert isinstance(value, (int, float) if kind is float else kind), (key, value)
    assert all(isinstance(value, int) for value in record["phases"].values())
    assert (record["method"], record["http_version"], record["size_download"]) == ("GET", "1.1", 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", record["started_at"])
    assert abs(record["t0_ns"] - time.monotonic_ns()) < 60e9


def test_one_dead_port_among_two_is_one_failed_item(batch, origin):
    port, keep = dead_port()
    with keep:
        run = batch(origin.url(), f"http://127.0.0.1:{port}/dead").expect(1)
    records = run.by_url()
    assert_succeeds(records[origin.url()])
    failed = records[f"http://127.0.0.1:{port}/dead"]
    assert_fails(failed, "connect/refused")
    assert set(failed) == RECORD_KEYS
    assert set(failed["error"]) == {"domain", "code", "phase", "message", "errno"}
    assert (failed["status"], failed["error"]["phase"]) == (0, "connect")
    assert "1 ok, 1 failed" in run.err and "connect/refused" in run.err, run.err


def test_a_404_is_a_success_unless_f_says_otherwise(batch, get, start_origin):
    origin = start_origin([repeat([expect_request(),
                                   send(answer(b"no", status="404 Not Found"))])])
    assert_succeeds(batch(origin.url()).expect(0).record, 404)
    assert_fails(batch("-f", origin.url()).expect(1).record, "http/status")
    assert get(origin.url()).expect(0).out == b"no"
    assert "404" in get("-f", origin.url()).expect(22).err


def test_records_can_be_fewer(batch, origin):
    port, keep = dead_port()
    with keep:
        urls = [origin.url(), f"http://127.0.0.1:{port}/"]
        assert batch("--records", "none", *urls).expect(1).out == b""
        assert [r["ok"] for r in batch("--records", "failed", *urls).expect(1).records] == [False]


def test_q_silences_stderr_and_nothing_else(batch, get, origin):
    run = batch("-q", origin.url(), "http://127.0.0.1:0/").expect(1)
    assert (len(run.records), run.err) == (2, "")
    run = get("-q", "http://127.0.0.1:0/").expect(3)
    assert (run.out, run.err) == (b"", "")


def test_headers_and_inline_bodies_go_into_the_record(batch, start_origin):
    data = answer(b"\xff\x00bin", fields=("X-A: 1", "x-b: 2", "X-A: 3"))
    origin = start_origin([repeat([expect_request(), send(data)])])
    record = batch("--headers", "--inline", origin.url()).expect(0).record
    fields = {name.lower(): value for name, value in record["headers"].items()}
    assert (fields["x-a"], fields["x-b"]) == (["1", "3"], ["2"])
    assert base64.b64decode(record["body_base64"]) == b"\xff\x00bin"
    assert set(record) - RECORD_KEYS == {"headers", "body_base64"}


def test_keeps_ids_and_gives_each_line_one_record(batch, origin):
    lines = "".join(json.dumps({"url": origin.url(), "id": i}) + "\n" for i in ("a", 7, "b\"\n"))
    assert {r["id"] for r in batch("-i", "-", stdin=lines).expect(0).records} == {"a", 7, "b\"\n"}


def test_a_report_is_written_with_its_schema(batch, origin, tmp_path):
    batch("--report", tmp_path / "run.json", origin.url(), "http://127.0.0.1:0/").expect(1)
    report = json.loads((tmp_path / "run.json").read_text())
    assert (report["schema"], report["schemaVersion"]) == ("haul-report", 1)
    summary = report["summary"]
    assert (summary["requests"], summary["ok"], summary["failed"]) == (2, 1, 1)
    assert {"min_ns", "mean_ns", "p50_ns", "p99_ns", "p99_9_ns", "max_ns", "count"} <= set(
        summary["response"])
    assert report["status"] == {"200": 1}
    assert [(e["domain"], e["code"], e["count"]) for e in report["errors"]] == [
        ("input", "url", 1)]
    assert set(report["phases"]) == PHASES
    assert report["verdict"]["state"] in ("VALID", "SUSPECT", "INVALID")


def test_a_timeline_draws_a_row_per_request(batch, origin):
    run = batch("--timeline", *[origin.url(f"/{i}") for i in range(3)]).expect(0)
    assert len(run.records) == 3
    assert len(run.err.splitlines()) >= 3 + 4


def test_serial_makes_one_request_at_a_time(batch, start_origin):
    origin = start_origin([repeat([expect_request(), sleep(40), send(answer())])])
    batch("--serial", *[origin.url(f"/{i}") for i in range(4)]).expect(0)
    assert origin.targets() == ["/0", "/1", "/2", "/3"]
    assert origin.connections_count == 1
    times = [request.at_s for request in origin.requests]
    assert all(b - a >= 0.04 for a, b in zip(times, times[1:]))


# --- exit codes

GET_CODES = {
    "ok": ([expect_request(), send(answer())], 0),
    "empty": ([expect_request(), fin()], 52),
    "malformed": ([expect_request(), send(b"HTTP/1.1 abc\r\n\r\n"), fin()], 8),
    "partial": ([expect_request(), send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), fin()],
                18),
}


@pytest.mark.parametrize("name", GET_CODES)
def test_get_exits_with_curls_numbers(name, get, start_origin):
    script, code = GET_CODES[name]
    get(start_origin(script).url()).expect(code)


def test_get_of_a_dead_port_names_host_port_and_reason(get):
    port, keep = dead_port()
    with keep:
        run = get(f"http://127.0.0.1:{port}/").expect(7)
    assert str(port) in run.err and "refused" in run.err, run.err


@pytest.mark.parametrize("url,code", [("http://127.0.0.1:0/", 3), ("ftp://127.0.0.1/", 1)])
def test_get_refuses_before_any_io(url, code, get):
    get(url).expect(code)


def test_no_private_without_a_daemon_is_4_and_says_the_cure(origin):
    done = run_plain("batch", "--no-private", "--socket", "/nonexistent/hauld.sock", origin.url())
    assert done.returncode == 4, done
    assert b"hauld" in done.stderr


def test_fail_early_stops_the_batch(batch, start_origin):
    origin = start_origin([repeat([expect_request(), sleep(20), send(answer())])])
    lines = "http://127.0.0.1:0/\n" + "".join(origin.url(f"/{i}") + "\n" for i in range(200))
    run = batch("--serial", "--fail-early", "-i", "-", stdin=lines)
    assert run.code == 1, run
    assert len(origin.requests) < 100


# --- usage

@pytest.mark.parametrize("args,named", [
    (["batch", "--no-such-flag", "http://a/"], "--no-such-flag"),
    (["get", "-%", "http://a/"], "-%"),
    (["batch", "-c", "many", "http://a/"], "many"),
    (["batch", "-c", "0", "http://a/"], "-c"),
    (["batch", "-m", "-1", "http://a/"], "-1"),
    (["nosuchverb", "http://a/"], "nosuchverb"),
    (["get"], "URL"),
    (["batch", "-i"], "-i"),
    (["get", "-o"], "-o"),
    (["batch", "--records", "some", "http://a/"], "some"),
])
def test_wrong_usage_is_2_and_names_what_is_wrong(args, named):
    done = run_plain(*args)
    assert (done.returncode, done.stdout) == (2, b""), done
    assert named in done.stderr.decode(), done


@pytest.mark.parametrize("verb", ["get", "batch", "bench", "report", "compare", "inflight", "metrics",
                                  "top"])
def test_every_flag_is_in_the_manual(verb):
    manual = (TOP / "docs" / "haul.1.scd").read_text()
    flags = set(re.findall(r" (--[a-z0-9-]+)", run_plain("help", verb).stdout.decode()))
    assert len(flags) > 5
    assert sorted(flag for flag in flags if f"*{flag}*" not in manual) == []


@pytest.mark.parametrize("verb", ["jobs", "submit", "watch"])
def test_what_does_not_exist_yet_is_refused_by_name(verb):
    done = run_plain(verb, "http://127.0.0.1:0/")
    assert done.returncode == 2, done
    assert b"not in this build" in done.stderr, done
    assert verb.encode() in done.stderr, done


@pytest.mark.parametrize("flag,way", [("-F", "--data-binary"), ("-K", "-i"), ("-Z", "batch")])
def test_flags_of_curl_that_will_never_be_name_the_nearest_way(flag, way):
    done = run_plain("get", flag, "x", "http://127.0.0.1:0/")
    assert done.returncode == 2
    assert way in done.stderr.decode(), done


@pytest.mark.parametrize("verb", ["compare", "submit", "reload"])
def test_verbs_of_later_are_refused_by_name(verb):
    done = run_plain(verb, "http://127.0.0.1:0/")
    assert done.returncode == 2, done
    assert verb in done.stderr.decode()


def test_a_word_that_is_a_file_is_asked_about(tmp_path):
    (tmp_path / "urls.txt").write_text("http://127.0.0.1:0/\n")
    done = subprocess.run([find_binary("haul"), "batch", "--private", "urls.txt"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=30, env=clean_env())
    assert done.returncode == 2, done
    assert "-i urls.txt" in done.stderr


def test_help_and_version():
    assert run_plain("--version").stdout.startswith(b"haul ")
    for args in (["help"], ["--help"], ["help", "batch"], ["batch", "-h"], ["get", "--help"]):
        done = run_plain(*args)
        assert (done.returncode, bool(done.stdout)) == (0, True), done
    assert len(run_plain().stdout.splitlines() + run_plain().stderr.splitlines()) <= 9


@pytest.mark.parametrize("word", ["", "#none", '{"url":"http://127.0.0.1:0/"}', " http://a/"])
def test_a_word_is_a_url_and_never_passes_as_an_empty_line(word):
    """haul get "$URL" with an empty variable must not succeed."""
    assert run_plain("get", "--private", word).returncode == 3
    assert run_plain("batch", "--private", word).returncode == 1


def test_v_shows_the_request_even_with_s(get, origin):
    run = get("-s", "-v", origin.url()).expect(0)
    assert "> GET / HTTP/1.1" in run.err and "< HTTP/1.1 200" in run.err, run.err
    assert run.err.endswith(f"* new connection to 127.0.0.1:{origin.port}\n"), run.err
    assert get("-q", "-v", origin.url()).expect(0).err == ""


def test_a_closed_stdout_is_an_error_not_silence(origin):
    for args, code in ((["get"], 23), (["batch", "-q"], 1), (["get", "-o", "/dev/null"], 0)):
        done = subprocess.run([find_binary("haul"), *args, origin.url()], timeout=30,
                              env=clean_env(), stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: os.close(1))
        assert done.returncode == code, done


@pytest.mark.parametrize("verb", ["get", "batch"])
def test_ctrl_c_ends_it_even_when_nobody_reads_stdout(verb, start_origin, until):
    body = b"x" * (1 << 20)
    origin = start_origin([repeat([expect_request(), send(answer(body))])])
    flags = ["--inline"] if verb == "batch" else []
    reader, writer = os.pipe()
    process = subprocess.Popen([find_binary("haul"), verb, "--private", *flags, origin.url()],
                               stdout=writer, stderr=subprocess.PIPE, env=clean_env(),
                               start_new_session=True)
    try:
        until(lambda: select.select([reader], [], [], 0)[0], "the first bytes came")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 130
        assert verb == "get" or b"1 item" in process.stderr.read()
    finally:
        end_group(process)
        process.stderr.close()
        os.close(reader)
        os.close(writer)


def test_says_of_a_file_that_it_is_no_socket(origin, tmp_path):
    (tmp_path / "file").write_text("x")
    done = run_plain("get", "--socket", tmp_path / "file", origin.url())
    assert (done.returncode, done.stdout) == (0, b"ok")
    assert b"non-socket" in done.stderr and b"remove" not in done.stderr, done


def test_a_full_disk_is_named_with_its_file(get, origin, tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    run = get("-o", tmp_path / "full", origin.url()).expect(23)
    assert "full: No space left on device" in run.err, run.err


def test_a_report_that_cannot_be_written_stops_the_run_before_it_begins(batch, origin, tmp_path):
    (tmp_path / "there.json").mkdir()
    for path, why in ((tmp_path / "none" / "x.json", "No such file or directory; make its folder"),
                      (tmp_path / "there.json", "Is a directory")):
        run = batch("--report", path, origin.url()).expect(2)
        assert f"--report {path}: {why}" in run.err, run.err
    assert not origin.requests
    batch("--report", tmp_path / "x.json", "--report", "/dev/null", origin.url()).expect(0)
    assert sorted(os.listdir(tmp_path)) == ["there.json", "x.json"]


def test_the_summary_counts_all_that_a_cap_held_back(batch, start_origin):
    origin = start_origin([repeat([expect_request(), sleep(30), send(answer())])])
    run = batch("-c", "5", *[origin.url(f"/{i}") for i in range(20)]).expect(0)
    assert "held back by -c 5: 15 items" in run.err, run.err


def test_haul_with_a_url_acts_as_get(origin):
    assert run_plain(origin.url("/x")).stdout == b"ok"


def test_ping_and_doctor(daemon):
    run_haul("ping", daemon=daemon).expect(0)
    run = run_haul("doctor", daemon=daemon)
    assert "io_uring" in run.out.decode() + run.err


# --- input

def test_bad_lines_are_numbered_counted_and_the_rest_goes_on(batch, origin):
    lines = ["# a comment", "", origin.url("/1"), "http://127.0.0.1:0/", "{not json", "{}",
             '{"url":"%s","heders":{}}' % origin.url("/x"), origin.url("/2")]
    run = batch("-i", "-", stdin="\n".join(lines) + "\n").expect(1)
    assert sorted(origin.targets()) == ["/1", "/2"]
    assert sum(record["ok"] for record in run.records) == 2
    assert sum(not record["ok"] for record in run.records) == 4
    assert "6 items" in run.err and "2 ok, 4 failed" in run.err, run.err
    messages = " ".join(r["error"]["message"] for r in run.records if r["error"]) + run.err
    for number in ("4", "5", "6", "7"):
        assert re.search(rf"\bline {number}\b", messages), (number, messages)
    assert "heders" in messages


@pytest.mark.parametrize("text", ["{url}\r\n", "{url}", "  {url}  \n"],
                         ids=["CRLF", "no_newline", "spaces"])
def test_takes_lines_as_editors_write_them(text, batch, origin):
    assert_succeeds(batch("-i", "-", stdin=text.replace("{url}", origin.url("/a"))).record)
    assert origin.targets() == ["/a"]


def test_stdin_is_the_input_when_nothing_is_named(batch, origin):
    assert_succeeds(batch(stdin=origin.url() + "\n").expect(0).record)


def test_a_missing_input_file_is_one_line_and_usage(batch):
    run = batch("-i", "/nonexistent/urls").expect(2)
    assert "/nonexistent/urls" in run.err


def test_an_empty_input_is_an_empty_success(batch):
    run = batch("-i", "-", stdin="").expect(0)
    assert run.out == b""


def test_each_line_is_submitted_as_it_is_read(daemon, origin, until):
    process = spawn_haul("batch", "-i", "-", daemon=daemon, stdin=subprocess.PIPE)
    try:
        for i in range(3):
            process.stdin.write((origin.url(f"/{i}") + "\n").encode())
            process.stdin.flush()
            until(lambda: len(origin.requests) == i + 1, "the line was submitted", within_s=5)
            assert select.select([process.stdout], [], [], 5)[0]
            assert json.loads(process.stdout.readline())["url"] == origin.url(f"/{i}")
        process.stdin.close()
        assert process.wait(WAIT_S) == 0
    finally:
        end_group(process)
        process.stdout.close()
        process.stderr.close()


def test_ten_thousand_lines_each_get_one_record(batch, start_origin):
    origin = start_origin([repeat([expect_request(), send(answer())])])
    lines = "".join(json.dumps({"url": origin.url(f"/{i}"), "id": i}) + "\n" for i in range(10000))
    run = batch("-i", "-", stdin=lines, timeout=120).expect(0)
    assert sorted(r["id"] for r in run.records) == list(range(10000))
    assert all(r["exitcode"] == 0 for r in run.records)


def test_a_closed_stdout_ends_it_quickly(daemon, start_origin):
    """As in `haul batch ... | head -1`."""
    origin = start_origin([repeat([expect_request(), sleep(5), send(answer())])])
    process = spawn_haul("batch", "--serial", *[origin.url(f"/{i}") for i in range(500)],
                         daemon=daemon)
    try:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(WAIT_S) != 0
        assert len(origin.requests) < 500
    finally:
        end_group(process)
        process.stderr.close()


def test_a_terminal_gets_lines_for_people_not_json(daemon, origin):
    ours, theirs = pty.openpty()
    process = spawn_haul("batch", origin.url("/tty"), daemon=daemon, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        process.wait(WAIT_S)
        while select.select([ours], [], [], 0.2)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            text += piece
    finally:
        end_group(process)
        os.close(ours)
    assert b"/tty" in text and b"200" in text
    assert b'"phases"' not in text


def on_a_terminal(args, *origins, stdout=None):
    """What haul writes to its terminal; stdout may lead elsewhere."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([find_binary("haul"), *args, *(one.url() for one in origins)],
                               stdin=theirs, stdout=stdout or theirs, stderr=theirs,
                               env=clean_env(TERM="xterm"), start_new_session=True)
    os.close(theirs)
    try:
        process.wait(WAIT_S)
        try:
            text = os.read(ours, 65536)
        except OSError:  # nothing was written, and nobody is left to write
            text = b""
    finally:
        end_group(process)
        os.close(ours)
    assert process.returncode == 0, text
    return text


KNOWN, UNKNOWN = "Content-Length: 6\r\n", "Transfer-Encoding: chunked\r\n"


def halting(field, first=b"abc", rest=b"def"):
    """A body of which the first half comes a second and a half before the rest."""
    if field == UNKNOWN:
        first, rest = b"3\r\nabc\r\n", b"3\r\ndef\r\n0\r\n\r\n"
    head = f"HTTP/1.1 200 OK\r\n{field}\r\n".encode()
    return [expect_request(), send(head + first), sleep(1500), send(rest)]


HALF = rb"\r\x1b\[K50%   3 B of 6 B   \d B/s   ETA [\d.]+ m?s\r"


@pytest.mark.parametrize("args,field,seen", [
    (["batch"], KNOWN, rb"\r\x1b\[K0/1   0/s   0 failed\r"),
    (["get", "-o", "FILE"], KNOWN, HALF),
    (["get", "-o", "/dev/null"], KNOWN, HALF),
    (["get", "-o", "FILE", "-i"], KNOWN, HALF),
    (["get", "-o", "FILE", "--compressed"], KNOWN, HALF),
    (["get", "-o", "FILE"], UNKNOWN, rb"\r\x1b\[K3 B in [\d.]+ s   \d B/s\r"),
    (["get"], KNOWN, None),  # the body is on the terminal
    (["get", "-s", "-o", "/dev/null"], KNOWN, None),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_progress_is_for_terminals_and_work_of_a_second(args, field, seen, start_origin, tmp_path):
    origin = start_origin([repeat(halting(field))])
    text = on_a_terminal([tmp_path / "file" if a == "FILE" else a for a in args], origin)
    assert (b"\x1b[K" in text) == (seen is not None), text
    assert seen is None or re.search(seen, text), text


def test_progress_knows_no_size_of_a_body_that_is_decoded(start_origin, tmp_path):
    packed = gzip.compress(b"z" * 10000)
    origin = start_origin([repeat(halting(
        f"Content-Length: {len(packed)}\r\nContent-Encoding: gzip\r\n", packed[:-8], packed[-8:]))])
    text = on_a_terminal(["get", "--compressed", "-o", tmp_path / "file"], origin)
    assert re.search(rb"\[K\d+ k?B in [\d.]+ s ", text) and b"%" not in text, text


def test_progress_of_several_says_which_one(start_origin):
    """To a pipe, with the first one over before there is a line."""
    quick, slow = Origin(), start_origin([repeat(halting(KNOWN))])
    with quick:
        text = on_a_terminal(["get"], quick, slow, stdout=subprocess.DEVNULL)
    assert re.search(rb"\[K1/2   50%   3 B of 6 B   \d B/s   ETA [\d.]+ m?s   0 failed\r", text), text


def test_error_numbers_are_curls(batch):
    record = batch("-i", "-", stdin="http://127.0.0.1:0/\n").record
    assert record["exitcode"] == CURL_CODES["input/url"]


# --- the daemon's own command line

@pytest.mark.parametrize("args,text,code", [
    (["--no-such"], "--no-such", 2),
    (["--workers", "x"], "workers", None),
])
def test_hauld_refuses_wrong_arguments(args, text, code):
    done = subprocess.run([find_binary("hauld"), *args], capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_env())
    assert done.returncode in ((code,) if code else (2, 78)), done
    assert text in done.stderr


def test_hauld_names_the_bad_line_of_its_configuration(tmp_path):
    (tmp_path / "c").write_text("MaxConnections=100\nNoSuchKey=1\n")
    done = subprocess.run([find_binary("hauld"), "--config", str(tmp_path / "c"), "--check-config"],
                          capture_output=True, text=True, timeout=WAIT_S, env=clean_env())
    assert done.returncode == 78, done
    assert "NoSuchKey" in done.stderr and "2" in done.stderr


def test_hauld_without_any_socket_says_how_to_name_one():
    if os.geteuid() == 0:
        pytest.skip("root's daemon has a socket of its own")
    done = subprocess.run([find_binary("hauld")], capture_output=True, text=True, timeout=WAIT_S,
                          env=clean_env())
    assert done.returncode == 2, done
    assert "--socket" in done.stderr
