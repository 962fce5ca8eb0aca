"""Which files a run writes, and which it leaves alone: names, earlier downloads, hashes."""

import json
import os

import pytest

from origin import answer, expect_request, repeat, reply_with


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
