"""haul report: a run that was kept is told again, in any form; what is not whole is refused."""
import json

import pytest

from origin import answer, expect_request, fin, repeat, send
from support import run_haul


@pytest.fixture
def server(start_origin):
    return start_origin([repeat([expect_request(), send(answer(b"ok"))])])


@pytest.fixture
def bench(daemon, tmp_path):
    """Runs a bench; its text, and the file it was saved to."""
    def run(*args):
        path = tmp_path / "run.json"
        done = run_haul("bench", *args, "--save", str(tmp_path / "run"), daemon=daemon)
        return done, path
    return run


def report(*args):
    return run_haul("report", *args)


def rounded(value):
    """Equal to the same but for the last digits of its real numbers."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return pytest.approx(value, rel=1e-5) if isinstance(value, float) else value


@pytest.mark.parametrize("load", [["-c", "2"], ["-c", "2", "-R", "400"]], ids=["closed", "open"])
def test_the_text_is_the_same_again(load, bench, server):
    run, path = bench(*load, "-n", "120", "--by", "url", "--slo", "p99<9s", server.url("/a?b=c"))
    run.expect(0)
    assert "by url" in run.out.decode() and server.url("/a?b=c") in run.out.decode()
    assert report(path).expect(0).out == run.out


def test_a_report_of_a_report_is_the_same_report(bench, server, tmp_path):
    path = bench("-n", "60", "-c", "2", "--warm-up", "50ms", "-R", "300", server.url())[1]
    report(path, "--report", tmp_path / "again.json", "-q").expect(0)
    first, again = (json.loads(p.read_text()) for p in (path, tmp_path / "again.json"))
    assert first["waterfall"]["first"] and first["summary"]["load"]["before"]["requests"] > 0

    assert again == rounded(first)


@pytest.mark.parametrize("form,first", [
    ("json", '{"schema":"haul-report"'), ("csv", "second,requests"), ("hgrm", "       Value"),
    ("hlog", "#[Logged with haul"), ("text", "target    http://")])
def test_standard_output_has_the_form_that_was_asked_for(form, first, bench, server):
    run, path = bench("-n", "20", "-c", "1", "--format", form, server.url())
    assert run.expect(0).out.decode().startswith(first)
    again = report(path, "--format", form).expect(0).out
    if form == "json":
        assert json.loads(again) == rounded(json.loads(run.out))
    else:
        assert again == run.out


def test_the_curve_is_drawn_with_its_axes(bench, server):
    run, path = bench("-n", "200", "-c", "1", "--plot", server.url())
    text = run.expect(0).out.decode()
    assert "service time by percentile" in text and "99.9" in text.splitlines()[-1]
    curve = [line for line in text.splitlines() if "\u2502" in line]
    assert len(curve) == 12 and all(any("\u2800" < c <= "\u28ff" for c in row) for row in curve)
    assert report(path, "--plot").expect(0).out == run.out


def test_a_batch_is_told_with_its_summary_and_its_rows(daemon, server, tmp_path):
    path = tmp_path / "batch.json"
    run = run_haul("batch", server.url("/1"), server.url("/2"), "http://127.0.0.1:1/", "--by",
                   "status", "--timeline", "--report", path, daemon=daemon).expect(1)
    told = report(path).expect(0).out.decode()
    assert told.startswith("3 items in ") and told in run.err
    assert "connect/refused" in told.split("by status")[1] and "by status" in told
    assert "    2 |" in told


def test_requests_are_told_apart_by_host_and_status(daemon, start_origin, server):
    gone = start_origin([repeat([expect_request(), fin()])])
    run = run_haul("bench", "-i", "-", "-n", "40", "-c", "4", "--by", "status", "--format", "json",
                   daemon=daemon, stdin=f"{server.url('/a')}\n{gone.url('/b')}\n".encode())
    groups = json.loads(run.expect(1).out)["groups"]
    counts = {row["name"]: (row["requests"], row["failed"]) for row in groups["rows"]}
    assert groups["by"] == "status" and counts == {"200": (20, 0), "http/empty": (20, 20)}
    run = run_haul("bench", "-i", "-", "-n", "40", "-c", "4", "--by", "host", "--format", "json",
                   daemon=daemon, stdin=f"{server.url('/a')}\n{gone.url('/b')}\n".encode())
    rows = json.loads(run.expect(1).out)["groups"]["rows"]
    assert {row["name"]: row["requests"] for row in rows} == {
        f"127.0.0.1:{server.port}": 20, f"127.0.0.1:{gone.port}": 20}


def test_at_most_two_hundred_are_told_apart(daemon, server):
    urls = "".join(f"{server.url()}{i}\n" for i in range(300))
    run = run_haul("bench", "-i", "-", "-n", "600", "-c", "4", "--by", "url", "--format", "json",
                   daemon=daemon, stdin=urls.encode())
    rows = json.loads(run.expect(0).out)["groups"]["rows"]
    assert len(rows) == 201 and rows[-1]["name"] == "(others)"
    assert sum(row["requests"] for row in rows) == 600


def damage_count(run):
    run["summary"]["response"]["count"] += 1


def damage_bucket(run):
    run["histograms"]["service"][0]["ge_ns"] += 10**9


def damage_phase(run):
    run["phases"]["wait"]["hdr"] = "HISTFAAA"


def remove_summary(run):
    del run["summary"]


@pytest.mark.parametrize("damage,said", [
    (damage_count, "do not agree"), (damage_bucket, "do not agree"),
    (damage_phase, "do not agree"), (remove_summary, "a part of it is missing"),
    (lambda run: run["summary"].update(requests=19), "its counts contradict each other"),
    (lambda run: run["summary"].update(ok=12), "its counts contradict each other"),
    (lambda run: run["summary"].update(good=21), "its counts contradict each other"),
    (lambda run: run["status"].update({"404": 1}), "its counts contradict each other"),
    (lambda run: run["verdict"].update(state="FINE"), "no verdict"),
    (lambda run: run.update(schema="other"), "no report of haul"),
    (lambda run: run.update(schemaVersion=2), "newer haul"),
], ids=["count", "bucket", "phase", "summary", "requests", "ok", "good", "status", "verdict",
        "schema", "version"])
def test_a_file_that_contradicts_itself_is_refused(damage, said, bench, server, tmp_path):
    run = json.loads(bench("-n", "20", "-c", "1", server.url())[1].read_text())
    damage(run)
    (tmp_path / "bad.json").write_text(json.dumps(run))
    done = report(tmp_path / "bad.json").expect(1)
    assert said in done.err and "bad.json" in done.err and not done.out


@pytest.mark.parametrize("text,said", [
    ("", "not JSON"), ("[1]", "no report of haul"), ("{", "not JSON"), ("null", "no report")])
def test_what_is_no_report_is_refused(text, said, tmp_path):
    (tmp_path / "x").write_text(text)
    assert said in report(tmp_path / "x").expect(1).err


@pytest.mark.parametrize("args,said", [
    ([], "report takes one file"), (["a", "b"], "report takes one file"),
    (["--report", "x.png", "a"], "must end in"), (["--format", "pdf", "a"], "--format")])
def test_a_wrong_command_is_a_usage_error(args, said):
    assert said in report(*args).expect(2).err


def test_a_missing_file_is_named():
    assert "/nonexistent: No such file" in report("/nonexistent").expect(1).err
