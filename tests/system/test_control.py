"""Looking into a running daemon, and telling it what to do: haul stats, origins, inflight, reload,
drain, over the Varlink interface that scripts use too."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from origin import answer, expect_request, repeat, reply_with
from stream import Session
from support import (TOP, WAIT_S, clean_env, end_group, find_binary, poll_until, run_haul,
                     spawn_haul)


def look(verb, *flags, daemon):
    run = run_haul(verb, "--format", "json", *flags, daemon=daemon).expect(0)
    assert run.err == "", run
    return json.loads(run.out)


def test_stats_tell_what_it_has_done(start_daemon, origin):
    daemon = start_daemon()
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    told = look("stats", daemon=daemon)
    assert told["pid"] == daemon.pid
    assert told["counters"]["items_ok"] == 1 and told["counters"]["items_failed"] == 0
    text = run_haul("stats", daemon=daemon).expect(0).out.decode()
    assert f"pid {daemon.pid}, up for " in text and "  items_ok               1\n" in text


def test_origins_and_items_under_way(start_daemon, slow):
    url = slow.url("/").rstrip("/")
    daemon = start_daemon(config=f"[Origin \"{url}\"]\nMaxConnections=2\nRate=100\n")
    haul = spawn_haul("batch", "-c", "3", *[slow.url(f"/{i}?q=1") for i in range(3)],
                      daemon=daemon)
    try:
        poll_until(lambda: len(slow.requests) == 2, "two are at the origin")
        [row] = look("origins", daemon=daemon)["origins"]
        assert row == {"origin": url, "active": 2, "waiting": 1, "active_max": 2,
                       "rate_per_s": 100.0, "cooling_ns": 0}
        text = run_haul("origins", daemon=daemon).expect(0).out.decode()
        assert text.splitlines()[1].split() == ["2", "1", "2", "100/s", "-", url]
        items = look("inflight", daemon=daemon)["items"]
        assert sorted(item["url"] for item in items) == [slow.url(f"/{i}?q=1") for i in range(3)]
        assert sorted(item["state"] for item in items) == ["queue", "wait", "wait"]
        assert {item["uid"] for item in items} == {os.getuid()}
        assert look("inflight", "--slower", "1h", daemon=daemon)["items"] == []
        text = run_haul("inflight", daemon=daemon).expect(0).out.decode()
        assert len(text.splitlines()) == 4 and slow.url("/0?q=1") in text
        slow.go.set()
        assert haul.wait(WAIT_S) == 0
    finally:
        end_group(haul)
    assert look("inflight", daemon=daemon) == {"items": [], "complete": True}


def test_an_origin_that_asked_for_a_pause_shows_it(start_daemon, start_origin):
    busy = start_origin([repeat([expect_request(), reply_with(lambda _: answer(
        status="429 Slow down", fields=["Retry-After: 60"]))])])
    daemon = start_daemon()
    run_haul("batch", busy.url(), daemon=daemon)
    [row] = look("origins", daemon=daemon)["origins"]
    assert 0 < row["cooling_ns"] <= 60e9


@pytest.mark.parametrize("verb", ["stats", "origins", "inflight", "metrics", "introspect", "reload",
                                  "drain"])
def test_a_word_that_means_nothing_is_refused_and_nothing_is_done(verb, daemon):
    run = run_haul(verb, "now", daemon=daemon).expect(2)
    assert run.out == b"" and f"{verb} takes no argument 'now'" in run.err
    daemon.assert_alive()


def test_no_login_is_shown(start_daemon, slow):
    daemon = start_daemon()
    url = slow.url("/").replace("://", "://user:secret@")
    haul = spawn_haul("get", url, daemon=daemon)
    try:
        poll_until(lambda: slow.requests, "it is at the origin")
        assert look("inflight", daemon=daemon)["items"][0]["url"] == slow.url("/")
        assert b"secret" not in run_haul("inflight", daemon=daemon).out
    finally:
        slow.go.set()
        haul.wait(WAIT_S)
        end_group(haul)


def test_reload_says_what_is_wrong_with_the_settings(start_daemon):
    daemon = start_daemon(config="MaxPerOrigin=3\n")
    path = daemon.folder / "hauld.conf"
    path.write_text("MaxPerOrigin=4\n")
    assert run_haul("reload", daemon=daemon).expect(0).err == "haul: reloaded\n"
    assert look("stats", daemon=daemon)["limits"]["per_origin_default"] == 4
    path.write_text("MaxPerOrigin=no\n")
    run = run_haul("reload", daemon=daemon).expect(78)
    assert run.err == f"haul: {path}:1: MaxPerOrigin=no: expected a count from 1 to 65535\n"
    assert look("stats", daemon=daemon)["limits"]["per_origin_default"] == 4


def test_drain_ends_it_when_what_runs_is_done(start_daemon, slow):
    daemon = start_daemon()
    haul = spawn_haul("batch", slow.url(), daemon=daemon)
    try:
        poll_until(lambda: slow.requests, "it is at the origin")
        run = run_haul("drain", daemon=daemon).expect(0)
        assert run.err == "haul: the daemon drains: 1 clients, 1 items; it ends in 30.0 s at most\n"
        assert daemon.is_alive()
        slow.go.set()
        assert haul.wait(WAIT_S) == 0
    finally:
        end_group(haul)
    assert daemon.process.wait(WAIT_S) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_another_user_may_look_at_its_own_and_operate_nothing(start_daemon, slow):
    daemon = start_daemon()
    os.chmod(daemon.folder, 0o755)
    os.chmod(daemon.socket, 0o777)
    haul = spawn_haul("batch", slow.url(), daemon=daemon)

    def as_nobody(*args):
        return subprocess.run([find_binary("haul"), *args, "--socket", daemon.socket],
                              capture_output=True, text=True, timeout=WAIT_S, env=clean_env(),
                              user=65534, group=65534)
    try:
        poll_until(lambda: slow.requests, "it is at the origin")
        assert as_nobody("origins").returncode == 7
        done = as_nobody("inflight", "--format", "json")
        assert (done.returncode, json.loads(done.stdout)["items"]) == (0, []), done
        for verb in ("reload", "drain"):
            done = as_nobody(verb)
            assert done.returncode == 7 and "try sudo" in done.stderr, done
        assert daemon.is_alive() and "drain" not in daemon.log()
        slow.go.set()
        assert haul.wait(WAIT_S) == 0
    finally:
        end_group(haul)


@pytest.mark.parametrize("verb", ["top", "stats", "origins", "inflight", "metrics", "reload",
                                  "drain"])
def test_without_a_daemon_there_is_nothing_to_look_into(verb, tmp_path):
    done = subprocess.run([find_binary("haul"), verb, "--socket", str(tmp_path / "none")],
                          capture_output=True, text=True, timeout=WAIT_S, env=clean_env())
    assert done.returncode == 4 and "start hauld" in done.stderr, done
    done = subprocess.run([find_binary("haul"), verb, "--private"], capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_env())
    assert done.returncode == 2, done


def test_a_private_daemon_has_no_reload(origin):
    """It is its command's alone: the signal that means reload changes nothing."""
    with subprocess.Popen([find_binary("haul"), "batch", "--private", "-i", "-"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=clean_env(), start_new_session=True) as haul:
        try:
            haul.stdin.write(origin.url().encode() + b"\n")
            haul.stdin.flush()
            poll_until(lambda: origin.requests, "it runs")
            children = open(f"/proc/{haul.pid}/task/{haul.pid}/children").read().split()
            os.kill(int(children[0]), signal.SIGHUP)
            out, err = haul.communicate(timeout=WAIT_S)
            assert haul.returncode == 0 and b'"ok":true' in out, err
        finally:
            end_group(haul)


def test_more_than_fits_a_message_is_cut(start_daemon, slow):
    daemon = start_daemon()
    lines = "".join(slow.url(f"/{i}/" + "x" * 3000) + "\n" for i in range(400))
    haul = spawn_haul("batch", "-c", "400", "-i", "-", daemon=daemon, stdin=subprocess.PIPE)
    feeder = threading.Thread(target=haul.communicate, args=(lines.encode(),))
    feeder.start()
    try:
        poll_until(lambda: look("stats", daemon=daemon)["counters"]["items_accepted"] == 400,
                   "all are accepted")
        told = look("inflight", daemon=daemon)
        assert not told["complete"] and 100 < len(told["items"]) < 400
        assert all(len(item["url"]) == 2048 and item["url"].endswith("...")
                   for item in told["items"])
        assert run_haul("inflight", daemon=daemon).expect(0).out.endswith(b"... and more\n")
        # Nor do answers pile up for one who does not read them.
        with daemon.connect() as sock:
            sock.sendall(b'{"method":"io.haul.Manager.Inflight"}\0' * 50)
            got = 0
            while data := sock.recv(1 << 16):
                got += len(data)
        assert got < 4 << 20
        daemon.assert_alive()
    finally:
        slow.go.set()
        feeder.join(WAIT_S)
        end_group(haul)


# --- metrics ---

def samples(text):
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if not line.startswith("#")}


def test_metrics_count_what_was_done(start_daemon, start_origin):
    origin = start_origin([repeat([expect_request(), reply_with(lambda request: answer(
        b"12345", status="404 None" if request.target == "/404" else "200 OK"))])])
    daemon = start_daemon()
    run_haul("batch", origin.url("/a"), origin.url("/404"), "http://127.0.0.1:1/", daemon=daemon)
    run = run_haul("metrics", daemon=daemon).expect(0)
    assert run.out.endswith(b"\n# EOF\n") and b"# TYPE hauld_items counter\n" in run.out
    told = samples(run.out.decode())
    assert told['hauld_items_total{error=""}'] == 2
    assert told['hauld_items_total{error="connect/refused"}'] == 1
    assert told["hauld_items_accepted_total"] == 3 and told["hauld_items_in_flight"] == 0
    assert told['hauld_responses_total{class="2xx"}'] == 1
    assert told['hauld_responses_total{class="4xx"}'] == 1
    assert told["hauld_received_body_bytes_total"] == 10
    assert told["hauld_incoming_body_bytes_total"] == 10
    assert told["hauld_item_duration_seconds_count"] == 3
    buckets = [told[key] for key in told if "_bucket" in key]
    assert buckets == sorted(buckets) and buckets[-1] == 3 and len(buckets) == 20
    assert 'hauld_item_duration_seconds_bucket{le="5e-05"}' in told
    assert 0 < told["hauld_item_duration_seconds_sum"] < 60
    assert origin.host not in run.out.decode()
    again = samples(run_haul("metrics", daemon=daemon).expect(0).out.decode())
    assert set(again) == set(told)
    assert all(again[key] >= told[key] for key in told if "_total" in key)


def test_a_textfile_is_whole_and_in_the_older_form(start_daemon, tmp_path):
    daemon = start_daemon()
    path = tmp_path / "hauld.prom"
    run = run_haul("metrics", "--textfile", path, daemon=daemon).expect(0)
    assert run.out == b"" and os.listdir(tmp_path) == ["hauld.prom"]
    text = path.read_text()
    assert "# TYPE hauld_items_total counter\n" in text and "# EOF" not in text
    assert samples(text)["hauld_draining"] == 0
    run = run_haul("metrics", "--textfile", tmp_path / "none" / "x", daemon=daemon).expect(1)
    assert "No such file" in run.err


@pytest.mark.parametrize("verb", ["metrics", "stats", "introspect", "version", "help"])
def test_what_does_not_get_out_is_told(verb, daemon):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([find_binary("haul"), "--socket", daemon.socket, verb], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=WAIT_S, env=clean_env())
    assert done.returncode == 1, done
    assert done.stderr.startswith("haul: stdout: ") and done.stderr.count("\n") == 1, done


@pytest.mark.parametrize("sent,why", [
    (b"GET / HTTP/1.1\r\n\r\n\0", "is no call of Varlink"), (b"{}\0", "is no call of Varlink"),
    (b"x" * (1 << 20) + b"x", "larger than 1 MiB")], ids=["http", "no_method", "large"])
def test_whoever_speaks_something_else_is_in_the_log(sent, why, start_daemon):
    daemon = start_daemon()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(WAIT_S)
        stranger.connect(daemon.socket)
        with contextlib.suppress(ConnectionError):
            stranger.sendall(sent)
            assert stranger.recv(100) == b""
    line = poll_until(lambda: [row for row in daemon.log().splitlines() if why in row], why)[0]
    assert f"(pid {os.getpid()}) is cut off: " in line, line


PROMTOOL = shutil.which("promtool", path=f"{TOP}/.deps/servers/usr/bin:{os.environ['PATH']}")


@pytest.mark.skipif(not PROMTOOL, reason="promtool is missing; tools/deps test unpacks it")
def test_promtool_has_nothing_to_say(start_daemon, origin):
    daemon = start_daemon()
    run_haul("get", origin.url(), daemon=daemon).expect(0)
    path = daemon.folder / "hauld.prom"
    run_haul("metrics", "--textfile", path, daemon=daemon).expect(0)
    done = subprocess.run([PROMTOOL, "check", "metrics"], stdin=path.open(), capture_output=True,
                          text=True, timeout=WAIT_S)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(not PROMTOOL, reason="promtool is missing; tools/deps test unpacks it")
def test_prometheus_can_be_asked_what_the_manual_asks(tmp_path):
    manual = (TOP / "docs" / "hauld-metrics.7.scd").read_text()
    questions = re.findall(r"^```\n(.+?)\n```", manual, re.M | re.S)
    assert len(questions) >= 3
    rules = [{"record": f"question:{i}", "expr": text} for i, text in enumerate(questions)]
    path = tmp_path / "rules.json"  # every JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "manual", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True,
                          timeout=WAIT_S)
    assert done.returncode == 0, done.stdout + done.stderr


def scrape(request, **env):
    done = subprocess.run([TOP / "examples" / "prometheus" / "hauld-scrape"], input=request,
                          capture_output=True, timeout=WAIT_S, check=True,
                          env=clean_env(PATH=f"{Path(find_binary('haul')).parent}:{os.environ['PATH']}",
                                        **env))
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body.decode(), done.stderr.decode()


@pytest.mark.parametrize("request_bytes", [
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\nmore", b"GET /\n\n", b"GET /", b""])
def test_a_scrape_is_answered_over_http(request_bytes, daemon):
    head, body, _ = scrape(request_bytes, HAUL_SOCKET=daemon.socket)
    assert head[0] == "HTTP/1.0 200 OK"
    assert "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8" in head
    assert samples(body)["hauld_draining"] == 0 and body.endswith("# EOF\n")


def test_a_scrape_without_a_daemon_is_no_figures(tmp_path):
    head, body, err = scrape(b"GET /metrics HTTP/1.1\r\n\r\n", HAUL_SOCKET=str(tmp_path / "none"))
    assert head[0] == "HTTP/1.0 503 Service Unavailable" and "hauld_" not in body
    assert "start hauld" in err


# --- the interface ---

def test_scripts_call_it_and_read_what_there_is_to_call(start_daemon):
    daemon = start_daemon()
    with Session(daemon, upgrade=False) as script:
        text = script.call("org.varlink.service.GetInterfaceDescription",
                           {"interface": "io.haul.Manager"})["parameters"]["description"]
        for method in ("Describe", "Origins", "Inflight", "Reload", "Drain"):
            assert f"method {method}(" in text
        for wrong in (-1, "1s", 1.5, []):
            reply = script.call("io.haul.Manager.Inflight", {"slower_ns": wrong})
            assert reply == {"error": "org.varlink.service.InvalidParameter",
                             "parameters": {"parameter": "slower_ns"}}
        for none in ({}, {"slower_ns": None}):
            assert script.call("io.haul.Manager.Inflight", none)["parameters"]["items"] == []
        reply = script.call("io.haul.Manager.Drain")
        assert reply["parameters"] == {"clients": 0, "items": 0, "time_ns": 30_000_000_000}
        assert script.is_closed()
    assert daemon.process.wait(WAIT_S) == 0


def test_introspect_prints_all_interfaces(start_daemon):
    text = run_haul("introspect", daemon=start_daemon()).expect(0).out.decode()
    for line in ("interface org.varlink.service", "interface io.haul.Manager",
                 "interface io.haul.Metrics", "interface io.haul.Fetch",
                 "interface io.haul.Stream"):
        assert f"\n{line}\n" in "\n" + text


# --- completion ---

def completed(line):
    script = subprocess.run([find_binary("haul"), "completion", "bash"], capture_output=True,
                            text=True, check=True).stdout
    words = line.split(" ")
    script += (f"\nCOMP_WORDS=({' '.join(repr(word) for word in words)})\n"
               f"COMP_CWORD={len(words) - 1}\n_haul\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                          check=True).stdout.split()


def test_bash_completes_verbs_and_the_flags_of_each():
    assert completed("haul be") == ["bench"]
    assert set(completed("haul re")) == {"report", "reload"}
    assert "--max-redirs" in completed("haul get --max-r")
    assert completed("haul batch --max-per") == ["--max-per-origin"]
    assert completed("haul bench --records") == []       # a flag of batch
    assert completed("haul batch -i ur") == []           # a file: the shell's own business
    assert "--form" not in completed("haul get --f")     # refused


@pytest.mark.parametrize("shell,check", [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]),
                                         ("fish", ["fish", "-n"])])
def test_the_shell_itself_reads_it(shell, check, tmp_path):
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    path = tmp_path / "script"
    path.write_text(run_completion(shell))
    done = subprocess.run([*check, str(path)], capture_output=True, text=True, timeout=WAIT_S)
    assert (done.returncode, done.stderr) == (0, "")


def run_completion(shell):
    done = subprocess.run([find_binary("haul"), "completion", shell], capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_env())
    assert done.returncode == 0 and "batch" in done.stdout and "connect-timeout" in done.stdout
    return done.stdout


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_another_shell_is_refused(words):
    done = subprocess.run([find_binary("haul"), "completion", *words], capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_env())
    assert done.returncode == 2 and "bash, zsh or fish" in done.stderr
