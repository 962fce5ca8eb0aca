"""Which files a run writes, and which it leaves alone: names, earlier downloads, hashes."""

import hashlib
import json
import os

import pytest

from origin import BYTES, answer, expect_request, fin, repeat, reply_with, send
from support import assert_fails


@pytest.fixture
def echo(start_origin):
    """An origin whose bodies are the targets asked for."""
    return start_origin([repeat([expect_request(),
                                 reply_with(lambda request: answer(request.target.encode()))])])


# --- files that are there already

def skipped(record):
    assert record["ok"] and record["error"] is None and record["exitcode"] == 0, record
    return record["status"] == 0 and record.get("skipped") is True


def test_a_second_run_fetches_what_is_missing(batch, echo, tmp_path):
    urls = [echo.url(f"/{name}") for name in "abc"]
    args = ["--skip-existing", "--output-dir", tmp_path, *urls]
    batch(*args).expect(0)
    (tmp_path / "b").unlink()
    (tmp_path / "c").write_bytes(b"kept")
    run = batch(*args).expect(0)
    by_url = {record["url"]: record for record in run.records}
    assert [skipped(by_url[url]) for url in urls] == [True, False, True]
    assert "skipped" not in by_url[urls[1]] and by_url[urls[1]]["status"] == 200
    assert by_url[urls[2]]["output"].endswith("/c")
    assert "3 items in" in run.err and "3 ok (2 skipped), 0 failed" in run.err
    assert echo.targets()[3:] == ["/b"]
    assert (tmp_path / "c").read_bytes() == b"kept"


def test_names_used_twice_are_skipped_one_by_one(batch, echo, tmp_path):
    args = ["--skip-existing", "--output-dir", tmp_path, echo.url("/x/a"), echo.url("/y/a")]
    assert len([r for r in batch(*args).expect(0).records if skipped(r)]) == 0
    assert sorted(os.listdir(tmp_path)) == ["a", "a.2"]
    assert len([r for r in batch(*args).expect(0).records if skipped(r)]) == 2


def test_a_line_with_its_own_file_is_skipped(batch, echo, tmp_path):
    (tmp_path / "there").write_bytes(b"old")
    lines = "".join(json.dumps({"url": echo.url(), "id": name, "output": str(tmp_path / name)}) +
                    "\n" for name in ("there", "missing"))
    run = batch("--skip-existing", "-i", "-", stdin=lines).expect(0)
    assert {record["id"]: skipped(record) for record in run.records} == {
        "there": True, "missing": False}
    assert (tmp_path / "there").read_bytes() == b"old"


@pytest.mark.parametrize("how", [["-o", "file"], ["-O"]], ids=" ".join)
def test_get_skips_and_says_so(how, get, echo, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    run = get("--skip-existing", *how, echo.url("/file"), cwd=tmp_path).expect(0)
    assert "file is there already" in run.err and not run.out
    assert get("-s", "--skip-existing", *how, echo.url("/file"), cwd=tmp_path).expect(0).err == ""
    assert echo.targets() == [] and (tmp_path / "file").read_bytes() == b"old"
    (tmp_path / "file").unlink()
    get("--skip-existing", *how, echo.url("/file"), cwd=tmp_path).expect(0)
    assert (tmp_path / "file").read_bytes() == b"/file"


def test_a_device_is_no_earlier_download(get, echo):
    get("--skip-existing", "-o", "/dev/null", echo.url()).expect(0)
    assert echo.targets() == ["/"]


def test_a_long_list_of_skipped_items_is_one_run(batch, echo, tmp_path):
    (tmp_path / "a").write_bytes(b"")
    line = json.dumps({"url": echo.url(), "output": str(tmp_path / "a")}) + "\n"
    run = batch("--skip-existing", "--records", "failed", "-i", "-", stdin=line * 10000).expect(0)
    assert "10000 ok (10000 skipped), 0 failed" in run.err and run.out == b""


def test_skipping_needs_files(get, echo):
    assert "--skip-existing needs files" in get("--skip-existing", echo.url()).expect(2).err


# --- names by template

def tree(path):
    """{relative name: content} of all files below."""
    return {os.path.relpath(os.path.join(root, name), path):
            open(os.path.join(root, name), "rb").read()
            for root, _, names in os.walk(path) for name in names}


def test_a_template_makes_the_folders_it_names(batch, echo, tmp_path):
    targets = ["/a/b.html", "/a/c/d", "/", "/q?x=1", "/%2e%2e/%2e%2e/up", "/%2Fetc/x"]
    run = batch("--output-dir", tmp_path, "--output-template", "{host}/{path}",
                *[echo.url(target) for target in targets]).expect(0)
    assert tree(tmp_path) == {"127.0.0.1/" + name: target.encode() for name, target in zip(
        ["a/b.html", "a/c/d", "index.html", "q", "_./_./up", "_etc/x"], targets)}
    assert {record["output"] for record in run.records} == {
        str(tmp_path / name) for name in tree(tmp_path)}


def test_a_template_knows_the_line(batch, echo, tmp_path):
    lines = "".join(json.dumps({"url": echo.url("/x.txt"), "id": name}) + "\n"
                    for name in ("one", "../two", 3, "a/b"))
    batch("--output-dir", tmp_path, "--output-template", "{id}-{n}.{ext}", "-i", "-",
          stdin=lines).expect(0)
    assert set(tree(tmp_path)) == {"one-1.txt", "_._two-2.txt", "3-3.txt", "a_b-4.txt"}


def test_a_template_is_below_the_current_folder(get, echo, tmp_path):
    get("--output-template", "{port}/{file}", echo.url("/f"), cwd=tmp_path).expect(0)
    assert tree(tmp_path) == {f"{echo.port}/f": b"/f"}


def test_the_same_name_twice_gets_the_number(batch, echo, tmp_path):
    args = ["--output-template", "{host}", "--output-dir", tmp_path, echo.url("/a"),
            echo.url("/b"), "--skip-existing"]
    batch(*args).expect(0)
    assert tree(tmp_path) == {"127.0.0.1": b"/a", "127.0.0.1.2": b"/b"}
    assert "2 ok (2 skipped)" in batch(*args).expect(0).err


@pytest.mark.parametrize("verb", ["get", "batch"])
def test_a_template_follows_no_symlink_out(verb, get, batch, echo, tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir(), inside.mkdir()
    (inside / "a").symlink_to(outside)
    (inside / "b").symlink_to(outside / "made")
    run = get if verb == "get" else batch
    for target in ("/a/x", "/b"):
        done = run("--output-dir", inside, "--output-template", "{path}", echo.url(target))
        assert done.code == (23 if verb == "get" else 1)
        assert "symlink" in (done.err if verb == "get" else
                             done.record["error"]["message"])
    assert os.listdir(outside) == [] and sorted(os.listdir(inside)) == ["a", "b"]


def test_a_file_where_a_folder_is_needed_fails_that_item(get, echo, tmp_path):
    args = ["--output-dir", tmp_path, "--output-template", "{path}"]
    get(*args, echo.url("/a")).expect(0)
    assert "a/b: Not a directory" in get(*args, echo.url("/a/b")).expect(23).err
    get(*args, echo.url("/d/e")).expect(0)
    assert "d: Is a directory" in get(*args, echo.url("/d")).expect(23).err
    assert tree(tmp_path) == {"a": b"/a", "d/e": b"/d/e"}


@pytest.mark.parametrize("template,part", [
    ("{hots}/x", "{hots} is not one of {scheme} {host}"), ("/x", "--output-dir"),
    ("../x", "leaves its directory"), ("{host}/", "names no file"), ("{host", "without its '}'"),
])
def test_refuses_a_template_before_it_fetches(template, part, batch, echo):
    run = batch("--output-template", template, echo.url()).expect(2)
    assert part in run.err and echo.targets() == []


# --- hashes

def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


XXH3_OF_ABC = "xxh3:78af5f94892f3950"
BODY = bytes(range(256)) * 5000


@pytest.fixture
def serve(start_origin):
    """serve(body) -> an origin that gives it for every request."""
    return lambda body, **kw: start_origin([repeat([expect_request(), send(answer(body, **kw))])])


@pytest.mark.parametrize("place", [["-o", "file"], ["--discard"], ["--inline"], ["-i", "-o", "file"],
                                   ["--output-dir", "."]], ids=" ".join)
def test_get_hashes_the_body_and_nothing_else(place, get, serve, tmp_path):
    run = get("--hash", "sha256", "--records", "all", *place, serve(BODY).url("/file"),
              cwd=tmp_path).expect(0)
    assert run.record["hash"] == sha256(BODY)
    if "file" in place and "-i" not in place:
        assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("place", [[], ["--output-dir", "."]], ids=["discarded", "files"])
def test_a_batch_hashes_each_body(place, batch, echo, tmp_path):
    run = batch("--hash", "sha256", *place, *[echo.url(f"/{i}") for i in range(20)],
                cwd=tmp_path).expect(0)
    for record in run.records:
        assert record["hash"] == sha256(b"/" + record["url"].rpartition("/")[2].encode())


def test_hashes_by_xxh3_and_none_unless_asked(batch, serve):
    origin = serve(b"abc")
    assert batch("--hash", "xxh3", origin.url()).expect(0).record["hash"] == XXH3_OF_ABC
    assert batch(origin.url()).expect(0).record["hash"] is None


def test_a_body_in_single_bytes_has_the_same_hash(batch, start_origin):
    origin = start_origin([repeat([expect_request(), send(answer(b"abc" * 50))])],
                          segmentation=BYTES)
    assert batch("--hash", "sha256", origin.url()).record["hash"] == sha256(b"abc" * 50)


@pytest.mark.parametrize("has_old", [False, True], ids=["new", "existing"])
@pytest.mark.parametrize("verb", ["get", "batch"])
def test_another_hash_leaves_no_file(verb, has_old, get, batch, serve, tmp_path):
    path = tmp_path / "file"
    if has_old:
        path.write_bytes(b"old")
    run = (get if verb == "get" else batch)(
        "--expect-hash", sha256(b"other"), "--records", "all", "-o", path, serve(BODY).url())
    assert run.code == (23 if verb == "get" else 1)
    assert_fails(run.record, "storage/corrupt")
    assert run.record["hash"] == sha256(BODY) and sha256(b"other") in run.record["error"]["message"]
    assert os.listdir(tmp_path) == (["file"] if has_old else [])
    assert not has_old or path.read_bytes() == b"old"


def test_the_expected_hash_lets_the_file_appear(get, serve, tmp_path):
    get("--expect-hash", sha256(BODY)[7:].upper(), "-o", tmp_path / "file",
        serve(BODY).url()).expect(0)
    assert (tmp_path / "file").read_bytes() == BODY
    assert get("--expect-hash", XXH3_OF_ABC, serve(b"abc").url()).expect(0).out == b"abc"


def test_lines_expect_their_own_hashes(batch, serve):
    origin = serve(b"abc")
    lines = "".join(json.dumps({"url": origin.url(), "id": i, "expect_hash": expected}) + "\n"
                    for i, expected in enumerate([sha256(b"abc"), XXH3_OF_ABC, sha256(b"x"),
                                                  "crc:00"]))
    records = {r["id"]: r for r in batch("-i", "-", "--hash", "sha256", stdin=lines).expect(1).records}
    assert [records[i]["hash"] for i in range(4)] == [sha256(b"abc"), XXH3_OF_ABC, sha256(b"abc"),
                                                      None]
    assert records[0]["ok"] and records[1]["ok"]
    assert_fails(records[2], "storage/corrupt")
    assert_fails(records[3], "input/argument")


def test_a_failure_of_another_kind_has_no_hash(batch, start_origin, serve):
    half = start_origin([expect_request(), send(answer(BODY)[:-1]), fin()])
    record = batch("--hash", "sha256", half.url()).record
    assert_fails(record, "http/partial")
    assert record["hash"] is None
    record = batch("-f", "--hash", "sha256", serve(b"no", status="404 No").url()).record
    assert_fails(record, "http/status")
    assert record["hash"] is None


def test_refuses_hashes_that_lead_nowhere(get, batch, echo):
    assert "--records all" in get("--hash", "xxh3", echo.url()).expect(2).err
    assert "--hash takes one of none, sha256, xxh3" in batch("--hash", "md5", echo.url()).expect(2).err
    assert echo.targets() == []
