"""The page of --report FILE.html: it needs nothing but itself, has a bound, and no text of a user or a
server becomes markup in it. That its script runs without an error is seen where there is a chromium
(300 MB, so tools/deps does not install it); that it has no error of syntax, where there is a node.
"""
import html.parser
import json
import re
import shutil
import subprocess

import pytest

from origin import answer, expect_request, repeat, send
from support import run_haul

HOSTILE = "</script><script>alert(1)</script><b>\"'&amp;\u2028 <!-- "
POINTS_MAX = 2000


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.tags, self.links, self.scripts, self.title = [], [], [], ""
        self._open = None
        self.text = path.read_text()
        self.feed(self.text)
        self.data = json.loads(self.scripts[0][1])

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._open = tag
        self.links += [value for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag == "script":
            self.scripts.append([dict(attrs).get("type"), ""])

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open == "script":
            self.scripts[-1][1] += data


@pytest.fixture
def server(start_origin):
    return start_origin([repeat([expect_request(), send(answer(b"ok"))])])


@pytest.fixture
def kept(daemon, server, tmp_path):
    """A run of 60 requests, as JSON and as a page."""
    def run(*args, name="run"):
        done = run_haul("bench", "-c", "2", "-n", "60", *args, "--report", tmp_path / f"{name}.json",
                        "--report", tmp_path / f"{name}.html", server.url("/a"), daemon=daemon)
        done.expect(0)
        return tmp_path / f"{name}.json", tmp_path / f"{name}.html"
    return run


def points(data):
    return (sum(len(c["curve"]) + len(c["bars"]) for c in data["clocks"]) + 3 * len(data["series"])
            + sum(len(rows) for rows in data["waterfall"].values()) * 2)


def runs_in_a_browser(path):
    chromium = shutil.which("chromium")
    if not chromium:
        return
    done = subprocess.run(
        [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--dump-dom", f"--user-data-dir={path}.profile", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=False)
    assert "CONSOLE" not in done.stderr and "Uncaught" not in done.stderr, done.stderr
    assert "<h2>Answers</h2>" in done.stdout and "alert(1)</script>" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("load", [[], ["-R", "500"]], ids=["closed", "open"])
def test_it_has_the_figures_of_the_run(load, kept):
    report, path = kept(*load, "--by", "url")
    run, page = json.loads(report.read_text()), Page(path)
    data = page.data
    assert data["requests"] == data["good"] == 60 and data["verdict"] == run["verdict"]
    assert [clock["name"] for clock in data["clocks"]] == (
        ["response", "service"] if load else ["service"])
    for clock in data["clocks"]:
        told = run["summary"][clock["name"]]
        assert clock["p99_ns"] == told["p99_ns"] and clock["curve"][-1][1] == told["max_ns"]
        assert sum(bar[2] for bar in clock["bars"]) == told["count"] == 60
    assert sum(row["requests"] for row in data["series"]) == 60
    assert len(data["waterfall"]["first"]) == 60 and len(data["waterfall"]["slowest"]) == 40
    assert data["status"] == {"200": 60} and data["groups"]["rows"][0]["requests"] == 60
    assert points(data) <= POINTS_MAX
    assert "requests/sec" in page.text.split("<pre>")[1].split("</pre>")[0]
    runs_in_a_browser(path)


def test_it_needs_nothing_from_elsewhere(kept):
    page = Page(kept()[1])
    assert page.links == [] and page.tags.count("script") == 2
    assert not re.search(r"@import|url\(|fetch\(|XMLHttp|import\(", page.text)
    addresses = set(re.findall(r"https?://[^\s\"'`<\\]+", page.scripts[1][1]))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, which nobody fetches


def test_hostile_texts_stay_texts(daemon, server, tmp_path):
    path = tmp_path / "x.html"
    run = run_haul("batch", server.url("/" + HOSTILE.replace(" ", "%20")), "http://127.0.0.1:1/<b>",
                   "--by", "url", "--report", path, daemon=daemon)
    assert run.code == 1
    page = Page(path)
    assert page.tags.count("script") == 2 and "b" not in page.tags
    assert any("</script>" in row["url"] for row in page.data["waterfall"]["first"])
    runs_in_a_browser(path)
    run_haul("bench", "-n", "1", "--name", HOSTILE, "--report", path, server.url(),
             daemon=daemon).expect(0)
    page = Page(path)
    assert page.data["name"] == HOSTILE and page.tags.count("script") == 2
    dom = runs_in_a_browser(path)
    assert dom is None or "&lt;b&gt;" in dom


def test_a_long_run_has_a_small_page(kept, tmp_path):
    report = kept()[0]
    run = json.loads(report.read_text())
    second = run["timeseries"][0]
    run["timeseries"] = [dict(second, second=i) for i in range(3600)]
    (tmp_path / "long.json").write_text(json.dumps(run))
    path = tmp_path / "long.html"
    run_haul("report", tmp_path / "long.json", "--report", path).expect(0)
    page = Page(path)
    assert len(page.text.encode()) < 500_000 and points(page.data) <= POINTS_MAX
    assert len(page.data["series"]) == 240
    assert sum(row["requests"] for row in page.data["series"]) == 3600 * second["requests"]
    assert page.data["series"][7]["p99_ns"] == pytest.approx(second["response_p99_ns"], rel=0.002)
    runs_in_a_browser(path)


def test_a_comparison_is_laid_over(kept, tmp_path):
    a, b = kept(name="a")[0], kept("--name", "B", name="b")[0]
    path = tmp_path / "ab.html"
    run_haul("compare", a, b, "--report", path).expect(0)
    data = Page(path).data
    assert data["name"] == "B" and data["before"]["clocks"][0]["count"] == 60
    assert "before" not in Page(tmp_path / "b.html").data
    runs_in_a_browser(path)
    assert "must end in .html" in run_haul("compare", a, b, "--report", "x.json").expect(2).err
    bad = run_haul("compare", a, b, "--report", "/nonexistent/x.html").expect(1)
    assert "/nonexistent/x.html" in bad.err


@pytest.mark.parametrize("urls", [["http://127.0.0.1:1/"], ["http://[/"]], ids=["failed", "none"])
def test_a_run_without_an_answer_has_a_page(urls, daemon, tmp_path):
    path = tmp_path / "x.html"
    run_haul("batch", *urls, "--report", path, daemon=daemon).expect(1)
    assert Page(path).data["good"] == 0
    runs_in_a_browser(path)


def test_the_script_has_no_error_of_syntax(kept, tmp_path):
    node = shutil.which("node")
    if not node:
        pytest.skip("no node")
    (tmp_path / "page.js").write_text(Page(kept()[1]).scripts[1][1])
    done = subprocess.run([node, "--check", tmp_path / "page.js"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
