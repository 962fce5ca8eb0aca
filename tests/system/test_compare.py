"""haul compare: two kept runs side by side; a difference is shown only when chance cannot make it.

The runs are put together from two real ones, one of a quick origin and one of a slow: the seconds of
a run are those of either, in any order and number, and its sums are what they add up to. Where the
times themselves matter, they are made up (runs.py).
"""
import copy
import json
import random

import pytest

from origin import answer, expect_request, repeat, send, sleep
from runs import write_run
from support import run_haul

CLOCKS = ("service", "response")


@pytest.fixture(scope="module")
def pieces():
    return {}


@pytest.fixture
def piece(pieces, daemon, start_origin, tmp_path):
    """A second of a quick or of a slow origin: the report of a short run."""
    def make(kind):
        if kind not in pieces:
            steps = [sleep(30)] if kind == "slow" else []
            origin = start_origin([repeat([expect_request(), *steps, send(answer(b"ok"))])])
            run_haul("bench", "-c", "4", "-n", "60", "--save", tmp_path / kind,
                     origin.url("/"), daemon=daemon).expect(0)
            run = json.loads((tmp_path / f"{kind}.json").read_text())
            assert len(run["timeseries"]) == 1
            pieces[kind] = run
        return pieces[kind]
    return make


@pytest.fixture
def run_of(piece, tmp_path):
    """A report whose seconds are those kinds, "quick quick slow ..."; its path."""
    def make(name, kinds, **changes):
        parts = [piece(kind) for kind in kinds.split()]
        run = copy.deepcopy(parts[0])
        run["timeseries"] = [dict(part["timeseries"][0], second=i) for i, part in enumerate(parts)]
        for clock in CLOCKS:
            counts = {}
            for part in parts:
                for bucket in part["histograms"][clock]:
                    key = bucket["ge_ns"], bucket["lt_ns"]
                    counts[key] = counts.get(key, 0) + bucket["count"]
            run["histograms"][clock] = [{"ge_ns": ge, "lt_ns": lt, "count": n}
                                        for (ge, lt), n in sorted(counts.items())]
            all_of = [part["summary"][clock] for part in parts]
            run["summary"][clock].update(
                count=sum(counts.values()), min_ns=min(c["min_ns"] for c in all_of),
                max_ns=max(c["max_ns"] for c in all_of),
                mean_ns=sum(c["mean_ns"] for c in all_of) / len(all_of))
        for key in ("requests", "ok", "good"):
            run["summary"][key] = sum(part["summary"][key] for part in parts)
        run["summary"]["duration_ns"] = len(parts) * 10**9
        run["verdict"] = {"state": "VALID", "reasons": []}
        for key, value in changes.items():
            run["run"][key] = value
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(run))
        return path
    return make


def compare(a, b, *flags):
    return run_haul("compare", a, b, *flags)


def shown(run):
    """Figure -> what is shown, of the text."""
    rows = [line for line in run.out.decode().splitlines() if line.count("[") == 2]
    return {line.split()[0]: line.rsplit("  ", 1)[1] for line in rows}


QUICK, SLOW = " ".join(["quick"] * 8), " ".join(["slow"] * 8)
MIXED, OTHER = "quick slow " * 5, "slow quick quick slow slow quick slow quick quick slow"


def test_a_run_differs_in_nothing_from_itself(run_of):
    a = run_of("a", MIXED)
    run = compare(a, a, "--fail-if", "p99>+0%").expect(0)
    assert set(shown(run).values()) == {"no difference shown"}
    assert "\nno difference shown\nfail-if p99>+0%: kept (+0.0 %)\n" in run.out.decode()


def test_a_slower_server_is_shown_and_misses_the_bound(run_of):
    quick, slow = run_of("a", QUICK), run_of("b", SLOW)
    run = compare(quick, slow, "--fail-if", "p99>+10%", "--fail-if", "p50>+2ms").expect(5)
    assert shown(run)["p50"] == "slower" and shown(run)["rate"] == "no difference shown"
    assert "fail-if p99>+10%: FAILED (+" in run.out.decode()
    assert "fail-if p50>+2ms: FAILED" in run.out.decode()
    back = compare(slow, quick, "--fail-if", "p99>+10%").expect(0)
    assert shown(back)["p50"] == "faster" and "kept (-" in back.out.decode()


def test_a_bound_that_is_wide_enough_is_kept(run_of):
    quick, slow = run_of("a", QUICK), run_of("b", SLOW)
    compare(quick, slow, "--fail-if", "p50>+10s", "--fail-if", "rate<-5%").expect(0)


def test_what_chance_can_do_is_not_shown_and_fails_no_gate(run_of):
    a, b = run_of("a", "quick " * 9 + "slow"), run_of("b", OTHER)
    run = compare(a, b, "--fail-if", "p99>+0.0001%", "--fail-if", "mean>+1000%").expect(0)
    assert shown(run)["p99"] == "no difference shown"
    c = run_of("c", "slow " * 3 + "quick " * 7)
    run = compare(a, c, "--fail-if", "mean>+50%").expect(0)
    assert "not shown: the intervals touch" in run.out.decode(), run


def test_the_same_files_give_the_same_intervals(run_of):
    a, b = run_of("a", MIXED), run_of("b", OTHER)
    assert compare(a, b).out == compare(a, b).out


@pytest.mark.parametrize("kinds,gate,code", [("quick " * 5, [], 0),
                                             ("quick " * 5, ["--fail-if", "p50>+10%"], 3),
                                             ("quick " * 6, ["--fail-if", "p50>+10%"], 0)])
def test_too_few_seconds_cannot_tell(kinds, gate, code, run_of):
    run = compare(run_of("a", QUICK), run_of("b", kinds), *gate).expect(code)
    told = run.out.decode()
    assert ("cannot tell: B has only 5 whole seconds, and 6 are needed" in told) == \
        (kinds.count("quick") < 6)
    assert ("cannot be judged" in told) == (code == 3)


def test_a_gate_on_an_invalid_run_is_not_judged(run_of, tmp_path):
    a = run_of("a", QUICK)
    run = json.loads(a.read_text())
    run["verdict"] = {"state": "INVALID", "reasons": ["nothing was measured"]}
    (tmp_path / "bad.json").write_text(json.dumps(run))
    done = compare(a, tmp_path / "bad.json", "--fail-if", "p99>+10%").expect(3)
    assert "INVALID: nothing was measured" in done.out.decode()
    assert "cannot be judged" in done.out.decode()
    compare(a, tmp_path / "bad.json").expect(0)


def test_a_gate_that_fails_outweighs_one_that_cannot_be_judged(run_of):
    run = compare(run_of("a", QUICK), run_of("b", SLOW), "--fail-if", "errors>+1%", "--fail-if",
                  "p50>+10%").expect(5)
    assert "errors>+1%: kept" in run.out.decode()


def test_runs_of_another_kind_are_named(run_of):
    told = compare(run_of("a", QUICK), run_of("b", QUICK, concurrency=64, kernel="7.0",
                                              host="other")).expect(0).out.decode()
    assert "not like with like: the connections, the machine, the kernel differ\n" in told


def test_json_has_the_same_figures(run_of):
    a, b = run_of("a", QUICK), run_of("b", SLOW)
    text = shown(compare(a, b))
    run = json.loads(compare(a, b, "--format", "json", "--fail-if", "p50>+1%").expect(5).out)
    assert run["schema"] == "haul-compare" and run["schemaVersion"] == 1
    assert {row["figure"]: row["shown"] for row in run["figures"]} == text
    for row in run["figures"]:
        assert row["a"]["low"] <= row["a"]["value"] <= row["a"]["high"], row
    assert run["gates"] == [{"bound": "p50>+1%", "result": "FAILED"}]
    assert run["conclusion"].startswith("B differs: ")


def test_errors_are_shares_of_the_requests(run_of, tmp_path):
    a = run_of("a", QUICK)
    run = json.loads(a.read_text())
    for row in run["timeseries"]:
        row["good"] = row["requests"] // 2
    run["summary"]["good"] = run["summary"]["requests"] // 2
    (tmp_path / "half.json").write_text(json.dumps(run))
    done = compare(a, tmp_path / "half.json", "--fail-if", "errors>+49.9%").expect(5)
    assert shown(done)["errors"] == "more" and "+50 points" in done.out.decode()
    compare(a, tmp_path / "half.json", "--fail-if", "errors>+50.1%").expect(0)


def test_more_seconds_than_blocks_are_compared(run_of):
    a = run_of("a", MIXED * 15)  # 150: blocks of three
    run = compare(a, a).expect(0)
    assert set(shown(run).values()) == {"no difference shown"}


def steady(seconds, requests, slow=1.0, noise=0.03, seed=1):
    """Times around a millisecond; each second has its own luck."""
    luck = random.Random(seed)
    out = []
    for _ in range(seconds):
        middle = 1e6 * slow * luck.lognormvariate(0, noise)
        out.append([int(middle * luck.lognormvariate(0, 0.3)) for _ in range(requests)])
    return out


def test_a_tail_of_too_few_requests_has_no_upper_end(tmp_path):
    few = write_run(tmp_path / "few.json", steady(9, 40))  # 360: p99 takes 368
    many = write_run(tmp_path / "many.json", steady(10, 400, seed=2))
    told = compare(few, many).expect(0).out.decode()
    assert "\nno upper end: too few requests for p99 of A, p99.9 of A\n" in told, told
    rows = {line.split()[0]: line for line in told.splitlines() if line.count("[") == 2}
    assert rows["p99"].count(" ...]") == rows["p99.9"].count(" ...]") == 1
    assert "...]" not in rows["p95"]
    row = {row["figure"]: row for row in
           json.loads(compare(few, many, "--format", "json").expect(0).out)["figures"]}
    assert row["p99"]["a"]["no_upper_end"] and not row["p99"]["b"]["no_upper_end"]
    assert not row["p95"]["a"]["no_upper_end"] and not row["errors"]["a"]["no_upper_end"]
    assert "no upper end" not in compare(many, many).out.decode()


def test_a_gate_on_a_tail_without_upper_end_is_not_passed(tmp_path):
    few = write_run(tmp_path / "few.json", steady(9, 40))
    many = write_run(tmp_path / "many.json", steady(10, 400, seed=2))
    for a, b in ((few, many), (many, few), (few, few)):
        run = compare(a, b, "--fail-if", "p99>+50%").expect(3)
        assert "fail-if p99>+50%: cannot be judged" in run.out.decode()
        compare(a, b, "--fail-if", "p95>+50%").expect(0)


def test_a_tail_without_upper_end_that_is_slower_misses_the_bound(tmp_path):
    """How slow it is, nobody knows; that it is slower than the other, is known."""
    few = write_run(tmp_path / "few.json", steady(9, 40, slow=4))
    many = write_run(tmp_path / "many.json", steady(10, 400))
    assert shown(compare(many, few, "--fail-if", "p99>+50%").expect(5))["p99"] == "slower"
    assert shown(compare(few, many, "--fail-if", "p99>+50%").expect(0))["p99"] == "faster"


def test_a_tenth_slower_is_shown(tmp_path):
    a = write_run(tmp_path / "a.json", steady(10, 500))
    b = write_run(tmp_path / "b.json", steady(10, 500, slow=1.1, seed=2))
    run = compare(a, b, "--fail-if", "p75>+5%", "--fail-if", "p50>+20%").expect(5)
    assert shown(run)["p50"] == shown(run)["p75"] == shown(run)["mean"] == "slower"
    assert "fail-if p75>+5%: FAILED" in run.out.decode()
    assert "fail-if p50>+20%: kept" in run.out.decode()


def test_any_percentile_can_have_a_bound(tmp_path):
    a = write_run(tmp_path / "a.json", steady(10, 500))
    run = compare(a, a, "--fail-if", "p75>+5%", "--fail-if", "p75.0>+1ms", "--fail-if",
                  "p98.5>+1%").expect(0)
    names = [line.split()[0] for line in run.out.decode().splitlines() if line.count("[") == 2]
    assert names == ["mean", "p50", "p75", "p90", "p95", "p98.5", "p99", "p99.9", "rate", "errors"]
    compare(a, a, "--fail-if", "p99.99>+1ms").expect(3)  # of 5000 requests


def test_few_errors_of_few_requests_are_not_more(tmp_path):
    a = write_run(tmp_path / "a.json", steady(10, 100), errors=[0] * 10)
    b = write_run(tmp_path / "b.json", steady(10, 100), errors=[1, 0, 1, 0, 0, 1, 0, 0, 0, 0])
    run = compare(a, b, "--fail-if", "errors>+0.1%").expect(0)
    assert shown(run)["errors"] == "no difference shown"
    assert "fail-if errors>+0.1%: not shown" in run.out.decode()


@pytest.mark.parametrize("bound", ["p99", "p99>10%", "p99<+10%", "p99>+", "p99>+%", "p100>+10%",
                                   "p0>+10%", "p>+10%", "p9x>+10%", "p99.9.9>+10%", "max>+10%",
                                   "errors>+5ms", "rate<-5ms", "p99>+10/s%", "",
                                   ">+10%", "p99>+-10%", "p99>+nan%"])
def test_a_bound_that_is_none_is_refused(bound):
    assert "--fail-if takes a change" in compare("a", "b", "--fail-if", bound).expect(2).err


def test_as_many_bounds_as_have_room_are_judged(tmp_path):
    a = write_run(tmp_path / "a.json", steady(10, 100))
    gates = [word for i in range(32) for word in ("--fail-if", f"p{i + 50.5}>+10%")]
    run = compare(a, a, *gates).expect(0)
    assert len(shown(run)) == 8 + 32 and run.out.decode().count(": kept (") == 32
    assert "at most 32" in compare(a, a, *gates, "--fail-if", "p50>+1%").expect(2).err


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b", "c"]])
def test_it_takes_two_files(words):
    assert "compare takes two files" in run_haul("compare", *words).expect(2).err


def test_a_file_that_is_missing_or_none_is_named(run_of, tmp_path):
    a = run_of("a", QUICK)
    assert "/nonexistent: No such file" in compare(a, "/nonexistent").expect(1).err
    (tmp_path / "x").write_text("{}")
    assert "no report of haul" in compare(tmp_path / "x", a).expect(1).err


def test_seconds_that_were_changed_are_refused(run_of, tmp_path):
    run = json.loads(run_of("a", QUICK).read_text())
    run["timeseries"][3]["response_hdr"] = "HISTFAAAAAA"
    (tmp_path / "bad.json").write_text(json.dumps(run))
    assert "was changed" in compare(tmp_path / "bad.json", tmp_path / "bad.json").expect(1).err
