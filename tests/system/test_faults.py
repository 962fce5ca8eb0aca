"""CASES J08: every operation fails at its Nth time, N = 1, 2, ...: each item still ends, soon and
with a name, and the next one is served. Needs a build that reads fault plans (-Dfaults=true)."""

import time
from pathlib import Path

import pytest

from origin import Origin, answer, expect_request, repeat, send
from support import error_name, find_binary, run_haul

LOSSES = {  # site: (results, the errors that they may lead to)
    "connect": ((-111, -110, -12, -4), {"connect/refused", "timeout/connect", "connect/unreachable"}),
    "send": ((-104, -32, -12, -5, -125), {"io/send", "local/no_memory"}),
    "recv": ((-104, -5, -12), {"io/recv", "local/no_memory"}),
    "socket": ((-24, -12, -5), {"connect/unreachable"}),
}


@pytest.fixture(scope="module", autouse=True)
def needs_fault_plans():
    if b"HAULD_FAULTS" not in Path(find_binary("hauld")).read_bytes():
        pytest.skip("this build reads no fault plan")


def run_with_plan(plan, monkeypatch):
    monkeypatch.setenv("HAULD_FAULTS", plan)
    with Origin() as small, Origin([repeat((expect_request(), send(answer(b"y" * 300000))))]) as big:
        urls = [small.url(f"/{i}") for i in range(4)] + [big.url("/a"), big.url("/b")]
        start = time.monotonic()
        run = run_haul("batch", "--inline", "-m", "20", "--max-per-origin", "2", *urls)
    assert run.code in (0, 1), run
    assert time.monotonic() - start < 10, f"{plan} was waited out"
    assert len(run.records) == 6, run
    return [error_name(record) for record in run.records if record["error"]]


@pytest.mark.parametrize("site", LOSSES)
def test_each_loss_is_told_at_once(site, monkeypatch):
    results, names = LOSSES[site]
    for result in results:
        for nth in (1, 2, 4):
            errors = run_with_plan(f"{site}:{nth}:{result}", monkeypatch)
            assert len(errors) <= 1 and set(errors) <= names, (site, nth, result, errors)


@pytest.mark.parametrize("site", ["send", "sendmsg", "recv"])
def test_short_pieces_lose_nothing(site, monkeypatch):
    assert run_with_plan(f"{site}:1:short=1,{site}:3+:short=4001", monkeypatch) == []
