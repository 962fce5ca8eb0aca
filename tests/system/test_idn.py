"""CASES H06. Hosts that are not ASCII: the name that is asked for is the one that curl asks for, and a name that
would become another host goes nowhere."""

import json
import shutil
import subprocess

import pytest

from mock_dns import A
from origin import answer, expect_request, repeat, send
from support import assert_fails, assert_succeeds, clean_env, find_binary, run_haul

pytestmark = pytest.mark.usefixtures("taint")

UTF8 = clean_env(LC_ALL="C.UTF-8")
SAME_AS_CURL = {
    "b\u00fccher.test": "xn--bcher-kva.test",
    "B\u00dcCHER.Test": "xn--bcher-kva.test",
    "fa\u00df.test": "xn--fa-hia.test",
    "\u5317\u4eac.test": "xn--1lq90i.test",
    "\u05d00.test": "xn--0-zhc.test",
    "a_b.\u00fc.test": "a_b.xn--tda.test",
    "xn--bcher-kva.\u00fc": "xn--bcher-kva.xn--tda",
    "b\u00fccher\u3002test": "xn--bcher-kva.test",
    "XN--Bcher-KVA.\u00fc.test": "xn--bcher-kva.xn--tda.test",
    "stra\u00dfe\u3002test": "xn--strae-oqa.test",
}


@pytest.fixture
def server(start_origin):
    return start_origin([repeat([expect_request(), send(answer())])])


def pin(origin):
    return ["--resolve", f"*:{origin.port}:127.0.0.1"]


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")
@pytest.mark.parametrize("name", SAME_AS_CURL)
def test_asks_for_the_name_that_curl_asks_for(name, daemon, server):
    url = server.url("/p\u00e4?\u00f6", host=name)
    for program in (["curl", "-sS"], [find_binary("haul"), "get", "--socket", daemon.socket]):
        done = subprocess.run([*program, *pin(server), url], env=UTF8, capture_output=True,
                              timeout=30)
        assert done.returncode == 0 and done.stdout == b"ok", done
    theirs, ours = server.requests
    assert ours.field("Host") == theirs.field("Host") == f"{SAME_AS_CURL[name]}:{server.port}"


@pytest.mark.parametrize("name", ["xn--.test", "xn--a-.test", "xn--0.test", "xn--bcher-kvA.test",
                                  "XN--BCHER-KVA.test", "xn--bcher-kva-.test"])
def test_an_ascii_name_is_that_name_and_no_other(name, named, server):
    """What it would decode to is nobody's business: it is asked for as it is, or refused."""
    mock, daemon = named({name: [A("127.0.0.1")]})
    run = run_haul("batch", server.url(host=name), daemon=daemon).expect(0)
    assert server.requests[0].field("Host").lower() == f"{name.lower()}:{server.port}"
    assert {asked.lower() for asked, _, _ in mock.queries} == {name.lower()}
    assert run.record["remote_ip"] == "127.0.0.1"


def test_the_locale_has_no_say(get, server):
    """curl reads the name in the locale's charset; a list means the same wherever it is read."""
    get(*pin(server), server.url(host="b\u00fccher.test"), env=clean_env(LC_ALL="C")).expect(0)
    assert server.requests[0].field("Host").startswith("xn--bcher-kva.test:")


@pytest.mark.parametrize("url,said", [
    ("http://a\uff0fb.test/", "stands for one that no name has"),
    ("http://127.0.0.1\uff0f.evil.test/", "stands for one that no name has"),
    ("http://\uff11\uff12\uff17.0.0.1/", "write an address in ASCII"),
    ("http://\u2603.test/", "IDNA2008 does not allow"),
    ("http://127\u30020.0.1/", "write an address in ASCII"),
    ("http://xn--\u00fc.test/", "input/url"),
    ("http://" + "\u00fc" * 70 + ".test/", "too long"),
    ("http://\udcff.test/", "not UTF-8"),
    ("\udcc3.test", "not UTF-8"),
    ("http://[\u00fc]/", "input/url"),
    ("http://a.test:\u00fc/", "input/url"),
])
def test_a_name_that_is_none_is_a_bad_url(url, said, get):
    run = get(url).expect(3)
    assert said in run.err, run


def test_names_of_a_list_are_converted_and_records_show_both(batch, server):
    good, bad = server.url(host="\u00fc.test"), "http://a\uff20b.test/"
    run = batch(*pin(server), "-i", "-", stdin=f"{good}\n{json.dumps({'url': bad})}\n").expect(1)
    record = run.by_url()[good]
    assert_succeeds(record)
    assert record["effective_url"] == f"http://xn--tda.test:{server.port}/"
    assert_fails(run.by_url()[bad], "input/url")
    assert run.by_url()[bad]["effective_url"] == bad
    assert len(server.requests) == 1


def test_what_names_a_host_elsewhere_is_converted_too(get, server, tmp_path):
    url = f"http://b\u00fccher.test:{server.port}/"
    (tmp_path / "netrc").write_text("machine xn--bcher-kva.test login a password b")
    get("--resolve", f"B\u00fccher.test:{server.port}:127.0.0.1", "--netrc-file",
        tmp_path / "netrc", url).expect(0)
    assert server.requests[0].field("Authorization") == "Basic YTpi"
    get("--connect-to", f"b\u00fccher.test:80:\u00fc.test:{server.port}", "--resolve",
        f"\u00fc.test:{server.port}:127.0.0.1", "http://b\u00fccher.test/").expect(0)
    run = get("--resolve", "\u2603:80:127.0.0.1", url).expect(2)
    assert "IDNA2008 does not allow" in run.err, run


def test_write_out_tells_the_name_that_was_asked_for(get, server):
    run = get(*pin(server), "-w", "|%{url.host}|%{urle.host}|%{url_effective}",
              server.url(host="\u00fc.test")).expect(0)
    assert run.out.decode() == f"ok|xn--tda.test|xn--tda.test|http://xn--tda.test:{server.port}/"


def test_files_are_named_after_the_name_that_was_asked_for(get, server, tmp_path):
    get(*pin(server), "--output-template", "{host}/x", server.url(host="\u00fc.test"),
        cwd=tmp_path).expect(0)
    assert (tmp_path / "xn--tda.test" / "x").read_bytes() == b"ok"


@pytest.mark.parametrize("location", ["http://\u00fc.test/", "//a\uff0f.test/"])
def test_a_server_has_to_write_its_locations_in_ascii(location, daemon, start_origin):
    """RFC 3986 has no others; the daemon has no tables for a guess. In a path they are encoded."""
    origin = start_origin([repeat([expect_request(), send(
        answer(status="302 Found", fields=(f"Location: {location}",)))])])
    run = run_haul("batch", origin.url(), daemon=daemon).expect(1)
    assert_fails(run.record, "http/malformed")
    assert len(origin.requests) == 1
