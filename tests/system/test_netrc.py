"""Logins from a netrc file: the right one to the right host, as curl sends it, and to no other."""

import base64
import json
import shutil
import subprocess

import pytest

from origin import answer, expect_request, repeat, reply_with, send
from support import clean_env, find_binary, run_haul

pytestmark = pytest.mark.usefixtures("taint")

SECRET = "tr0ub4dor"

# File, flags, user part of the URL; HOST is the origin's.
SAME_AS_CURL = [
    ("machine HOST login a password b", ["-n"], ""),
    ("machine HOST login a password b", ["--netrc"], ""),
    ("machine HOST login a password b", ["--netrc-optional"], ""),
    ("machine HOST login a password b", ["-n", "-u", "x:y"], ""),
    ("machine HOST login a password b", ["-n", "-u", "x:"], ""),
    ("machine HOST login a password b", ["-n", "-H", "Authorization: own"], ""),
    ("machine HOST login a password b", ["-n", "-H", "Authorization:"], ""),
    ("machine HOST login a password b", ["--netrc-optional"], "u:p@"),
    ("machine HOST login a password b\nmachine HOST login u password q", ["-n"], ""),
    ("machine HOST login a password b\nmachine HOST login u password q", ["-n"], "u@"),
    ("machine HOST password q", ["-n"], "u@"),
    ("machine HOST password q", ["-n"], ""),
    ("machine HOST login a", ["-n"], ""),
    ("machine HOST", ["-n"], ""),
    ("machine other login a password b", ["-n"], ""),
    ("default login a password b", ["-n"], ""),
    ("machine other login x password y default login a password b", ["-n"], ""),
    ("# c\nmachine HOST # c\n\tlogin a\r\n\tpassword b\r\n", ["-n"], ""),
    ('machine HOST login "a b" password "x\\y\\"\\\\z\u00e9"', ["-n"], ""),
    ("macdef m\nmachine HOST login no\n\nmachine HOST account c login a password b", ["-n"], ""),
    ("MACHINE HOST LOGIN a PASSWORD #b\nc", ["-n"], ""),
]
LATER = {20: "a:#b"}    # curl after 7.88: where a password stands, # is no comment


def basic(pair):
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.fixture
def server(start_origin):
    return start_origin([repeat([expect_request(), send(answer())])])


@pytest.fixture
def home(tmp_path):
    """A home directory; home(text) writes its .netrc, for its owner only."""
    def write(text, mode=0o600):
        (tmp_path / ".netrc").write_text(text)
        (tmp_path / ".netrc").chmod(mode)
        return clean_env(HOME=str(tmp_path))

    return write


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")
@pytest.mark.parametrize("row", range(len(SAME_AS_CURL)))
def test_sends_the_login_that_curl_sends(row, daemon, server, home):
    file, flags, user = SAME_AS_CURL[row]
    env = home(file.replace("HOST", "127.0.0.1"))
    url = server.url().replace("http://", "http://" + user)
    for program in (["curl", "-sS"], [find_binary("haul"), "get", "--socket", daemon.socket]):
        done = subprocess.run([*program, *flags, url], env=env, capture_output=True, timeout=30)
        assert done.returncode == 0, done
    theirs, ours = server.requests
    assert theirs.field("Authorization") == ours.field("Authorization") or \
        row in LATER and theirs.field("Authorization") == basic(LATER[row])
    assert len([name for name, _ in ours.fields if name.lower() == "authorization"]) <= 1


@pytest.mark.parametrize("file,user,expected", [
    # curl -n overrides the password of a URL; what was written for this URL is meant for it.
    ("machine HOST login a password b", "u:p@", "u:p"),
    # curl sends the password of another login.
    ("machine HOST login a password b", "u@", "u:"),
    # curl takes what is lacking from the next entry.
    ("machine HOST login a\ndefault login c password d", "", "a:"),
    ("machine HOST\ndefault login c password d", "", None),
])
def test_an_entry_is_for_its_own_host_and_login(file, user, expected, get, server, home):
    get("-n", server.url().replace("http://", "http://" + user),
        env=home(file.replace("HOST", "127.0.0.1"))).expect(0)
    assert server.requests[0].field("Authorization") == (basic(expected) if expected else None)


def test_each_item_of_a_batch_gets_the_login_of_its_host(batch, start_origin, home):
    origin = start_origin([repeat([expect_request(), send(answer())])])
    env = home("machine a.test login a password 1\nmachine B.TEST login b password 2\n")
    hosts = ["a.test", "b.test", "c.test", "A.test."]
    lines = [origin.url(f"/{host}", host=host) for host in hosts]
    lines.append(json.dumps({"url": origin.url("/own", host="a.test"),
                             "headers": {"authorization": "own"}}))
    batch("-n", "--resolve", f"*:{origin.port}:127.0.0.1", "-i", "-", stdin="\n".join(lines),
          env=env).expect(0)
    assert {request.target: request.field("Authorization") for request in origin.requests} == {
        "/a.test": basic("a:1"), "/b.test": basic("b:2"), "/c.test": None, "/A.test.": None,
        "/own": "own"}


def test_a_named_file_is_read_in_place_of_the_one_at_home(get, server, home, tmp_path):
    env = home("default login no password no")
    (tmp_path / "other").write_text("default login a password b")
    get("--netrc-file", tmp_path / "other", server.url(), env=env).expect(0)
    assert server.requests[0].field("Authorization") == basic("a:b")


def test_a_redirect_to_another_origin_takes_no_login_along(daemon, start_origin, server, home):
    """Nor is the other host looked up: the daemon follows by itself, and has not read the file."""
    def reply(request):
        return answer(status="302 Found", fields=(f"Location: {where[request.target]}",))

    where = {"/away": server.url("/x"), "/near": "/end", "/end": "/end2"}
    origin = start_origin([repeat([expect_request(), reply_with(
        lambda request: answer() if request.target == "/end" else reply(request))])])
    env = home(f"default login me password {SECRET}")
    run_haul("get", "-Ln", origin.url("/away"), daemon=daemon, env=env).expect(0)
    run_haul("get", "-Ln", origin.url("/near"), daemon=daemon, env=env).expect(0)
    assert [r.field("Authorization") for r in origin.requests] == [basic(f"me:{SECRET}")] * 3
    assert server.requests[0].field("Authorization") is None


# --- the file itself

def test_a_file_that_others_may_read_is_worth_a_line(get, server, home):
    run = get("-n", server.url(), env=home("default login a password b", 0o644)).expect(0)
    assert "others may read" in run.err and "chmod 600" in run.err, run
    assert server.requests[0].field("Authorization") == basic("a:b")
    for flags, text, mode in ((["-sn"], "default login a", 0o644), (["-n"], "default login a", 0o600),
                              (["-n"], "# nothing", 0o644)):
        assert get(*flags, server.url(), env=home(text, mode)).expect(0).err == ""


def test_a_file_that_is_missing(get, server, tmp_path):
    env = clean_env(HOME=str(tmp_path))
    run = get("-n", server.url(), env=env).expect(0)
    assert f"{tmp_path}/.netrc does not exist" in run.err, run
    assert get("--netrc-optional", server.url(), env=env).expect(0).err == ""
    run = get("--netrc-file", tmp_path / "gone", server.url(), env=env).expect(2)
    assert "No such file" in run.err, run
    get("--netrc-optional", "--netrc-file", tmp_path / "gone", server.url(), env=env).expect(0)
    assert [r.field("Authorization") for r in server.requests] == [None] * 3


def test_a_file_that_cannot_be_understood_is_refused(get, server, home):
    run = get("-n", server.url(), env=home(f'machine a\nlogin b password "{SECRET}')).expect(2)
    assert ".netrc, line 2: a quote is not closed" in run.err and SECRET not in run.err, run
    assert server.requests == []


@pytest.mark.parametrize("file", ['default login a:b password c', 'default login "a\\n" password c',
                                  'default login a password "\\r"'])
def test_a_login_that_no_request_can_carry_fails_its_item(file, batch, server, home):
    run = batch("-n", server.url(), "http://x:y@" + server.url()[7:], env=home(file)).expect(1)
    assert sorted(record["ok"] for record in run.records) == [False, True]
    assert "login with a colon" in run.by_url()[server.url()]["error"]["message"]
    assert len(server.requests) == 1


def test_neither_records_nor_reports_nor_lines_show_a_password(batch, server, home, tmp_path):
    run = batch("-nv", "--headers", "--report", tmp_path / "r.json", server.url(),
                env=home(f"default login me password {SECRET}")).expect(0)
    texts = [run.out.decode(), run.err, (tmp_path / "r.json").read_text()]
    for text in texts:
        assert SECRET not in text and basic(f"me:{SECRET}")[6:] not in text
