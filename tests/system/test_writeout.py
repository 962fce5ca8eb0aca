"""-w prints what curl prints: the same command is given to both, and only times may differ, and
what the man page names. curl itself is the judge."""

import functools
import re
import shutil
import subprocess

import pytest

from origin import answer, dead_port, expect_request, fin, repeat, reply_with, send
from support import clean_env

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")

HEAD = ("Content-Type: text/plain; charset=utf-8", "X-A: one", 'x-a: two "q"', "Server: me")
ANSWERS = {
    "200": answer(b"hello\n", fields=HEAD),
    "204": b"HTTP/1.1 204 No Content\r\nX-A: one\r\n\r\n",
    "404": answer(b"not here\n", status="404 Not Found"),
    "302": answer(b"", status="302 Found", fields=("Location: ../x/./y?q=1#f",)),
    "301": answer(b"", status="301 Moved Permanently", fields=("Location: HTTPS://O.test:443",)),
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
}
NAMES = """certs content_type exitcode filename_effective ftp_entry_path http_code http_connect
    http_version method num_certs num_connects num_headers num_redirects proxy_ssl_verify_result
    redirect_url referer remote_ip remote_port response_code scheme size_download size_header
    size_request size_upload ssl_verify_result url url_effective urlnum HTTP_CODE""".split()
ALL = "|".join(f"{name}=%{{{name}}}" for name in NAMES) + "|%header{x-a}|%header{no}\\n"
TIMES = ("time_namelookup", "time_connect", "time_appconnect", "time_pretransfer",
         "time_starttransfer", "time_redirect", "time_total")

FLAGS = [
    [], ["-d", "a=1"], ["-d", ""], ["--json", "{}"], ["-I"], ["-X", "PURGE"],
    ["-e", "http://ref.test/"], ["-G", "-d", "q=a"], ["-o", "/dev/null"], ["-o", "-"], ["-O"],
    ["-o", "f", "--output-dir", "."], ["-f"], ["-f", "-o", "f"], ["-i"], ["-u", "me:pw"],
]
ODD = [
    "", "plain", "%", "a%", "%a%b", "a%%b", "%%{http_code}", "%%%{http_code}", "a%{http_code",
    "%{", "\\n\\t\\r|\\q\\\\|\\", "%\\n", "%{http_code}\\", "%header{X-A}%header{}%header{no}",
    "%header{x-a", "%HEADER{x-a}%headerx%header", "a%{stdout}b", "a%{onerror}b", "a\nb",
    "%{header_json}",
]


def normalized(text):
    text = re.sub(rb'("time_\w+":)\d+\.\d{6}', rb"\1T", text)
    text = re.sub(rb'("speed_\w+":)\d+', rb"\1S", text)
    text = re.sub(rb'"local_ip":"[^"]*","local_port":-?\d+', b"LOCAL", text)
    text = re.sub(rb'"curl_version":"[^"]*"', b"VERSION", text)
    return re.sub(rb'"errormsg":"[^"]*"', b"MESSAGE", text)


@functools.cache
def curl_is_later():
    """haul writes what curl 7.88 writes; later ones have more variables, and some other values."""
    done = subprocess.run(["curl", "-s", "-w", "%{json}", "foo://x/"], capture_output=True,
                          timeout=30, env=clean_env())
    return b'"conn_id"' in done.stdout


def without_changes(text):
    """Without the new variables; no port is -1 there, schemes are in small letters and known before
    there is a connection, and HTTP_CODE is no name."""
    text = re.sub(rb'"(conn_id|num_retries|proxy_used|time_posttransfer|time_queue|tls_earlydata|'
                  rb'xfer_id|urle?\.\w+)":("[^"]*"|[^",]*),', b"", text)
    text = re.sub(rb'(remote_port"?[:=])-1', rb"\g<1>0", text)
    text = re.sub(rb'"scheme":("\w+"|null)|\bscheme=\w*', b"SCHEME", text)
    return re.sub(rb"HTTP_CODE=\d*", b"", text)


def curl(*args, cwd, stdin=None):
    return subprocess.run(["curl", "-s", "-A", "x", *args], capture_output=True, timeout=30,
                          cwd=cwd, env=clean_env(), **({"input": stdin} if stdin else {}))


@pytest.fixture
def compare(get, tmp_path):
    """Both say the same on standard output, and about the exit code unless told otherwise."""
    def compare(*args, stdin=None, same_code=True):
        theirs = curl(*args, cwd=tmp_path, stdin=stdin)
        ours = get("-s", "-A", "x", *args, cwd=tmp_path, stdin=stdin)
        outs = [normalized(ours.out), normalized(theirs.stdout)]
        if curl_is_later():
            outs = [without_changes(out) for out in outs]
        assert outs[0] == outs[1], ours
        assert not same_code or ours.code == theirs.returncode, ours
        return ours

    return compare


@pytest.fixture
def serve(start_origin):
    """An origin that gives each of its connections one answer, again and again."""
    return lambda data: start_origin([repeat([expect_request(), send(data)])])


@needs_curl
@pytest.mark.parametrize("name", ANSWERS)
def test_says_of_an_answer_what_curl_says(name, compare, serve):
    compare("-w", ALL + "%{json}", serve(ANSWERS[name]).url("/d/e?a=1"))


@needs_curl
@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize("name", ["200", "404"])
def test_says_of_a_request_what_curl_says(flags, name, compare, serve):
    whole = ANSWERS[name]
    body = whole if "-I" not in flags else whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    compare(*flags, "-w", ALL + "%{json}", serve(body).url("/name"))


@needs_curl
@pytest.mark.parametrize("template", ODD)
def test_takes_odd_templates_as_curl_does(template, compare, serve):
    compare("-w", template, serve(ANSWERS["200"]).url())


@needs_curl
@pytest.mark.parametrize("form", [
    "{host}:{port}", "HTTP://{host}:{port}?q", "http://LOCALHOST:{port}/A",
    "http://me:pw@{host}:{port}/a/../b?x=1#f", "{host}:{port}/#"])
def test_writes_urls_as_curl_does(form, compare, serve):
    origin = serve(ANSWERS["302"])
    compare("-4", "-w", "%{url} %{url_effective} %{redirect_url}\n",
            form.format(host=origin.host, port=origin.port))


@needs_curl
@pytest.mark.parametrize("location", [
    "foo", "/foo", "?q", "//h.test/x", "../../x/./y", "http://O.test", "HTTP://O.test:80/..",
    "http://u:p@h.test:8080/p?q#f", "ftp://h.test/x", "mailto:x", "http://127.1/", "./", "..",
    "a?b/../c", "x?u=http://y/", "a%20b"])
def test_says_where_a_redirect_leads_as_curl_does(location, compare, serve):
    origin = serve(answer(b"", status="302 Found", fields=(f"Location: {location}",)))
    compare("-w", "%{redirect_url}\n", f"http://me:pw@{origin.host}:{origin.port}/d/e?x=1")


LED = ("%{url} %{url_effective} %{redirect_url} %{num_redirects} %{http_code} %{exitcode} "
       "%{size_header} %{num_headers} %header{content-type} %{urlnum} %{content_type}")


@needs_curl
@pytest.mark.parametrize("flags", [["-L"], ["-L", "--max-redirs", "1"], ["-L", "-d", "a=1"], []],
                         ids=" ".join)
def test_says_of_redirects_what_curl_says(flags, compare, start_origin):
    def led(where):
        return answer(b"", status="302 Found", fields=(f"Location: {where}",))

    table = {"/": led("a"), "/a": led("/b/../c?q"), "/c?q": ANSWERS["200"]}
    origin = start_origin([repeat([expect_request(), reply_with(lambda r: table[r.target])])])
    done = compare(*flags, "-w", LED, origin.url())
    assert (b" 302 47 " in done.out) == ("--max-redirs" in flags)


@needs_curl
def test_counts_headers_as_they_came(compare, start_origin):
    odd = b"HTTP/1.1 200 OK\r\nA:b\r\nEmpty:\r\nC:   d  \r\nContent-Length: 0\r\n\r\n"
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ANSWERS["200"]
    for data in (odd, early, b"HTTP/1.0 200\r\n\r\nbody"):
        origin = start_origin([expect_request(), send(data), fin()])
        compare("-w", LED + " %{http_version}", origin.url())


@needs_curl
def test_says_of_a_failure_what_curl_says(compare, start_origin):
    port, keep = dead_port()
    with keep:
        done = compare("-w", ALL + "%{json}%{onerror}E", f"http://127.0.0.1:{port}/")
        assert done.out.endswith(b"E")
    cut_short = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody"
    for data in (cut_short, b""):
        origin = start_origin([expect_request(), send(data), fin()])
        compare("-w", ALL + "%{json}%{onerror}E", origin.url())
    compare("-w", ALL + "%{json}", "http://127.0.0.1:99999/")
    compare("-w", "%{exitcode} %{http_code} %{scheme}", "foo://x/")


@needs_curl
def test_writes_once_for_each_url(compare, serve):
    url = serve(ANSWERS["200"]).url()
    compare("-w", "%{urlnum} %{url} %{exitcode} %{num_connects}\\n", url + "a", "foo://x/",
            url + "b", same_code=False)  # ours is that of the first failure, not of the last URL


@needs_curl
def test_reads_the_template_from_a_file_or_standard_input(compare, serve, tmp_path):
    url = serve(ANSWERS["200"]).url()
    (tmp_path / "template").write_text("a%{http_code}\r\nb\\n\n\n")
    assert compare("-o", "/dev/null", "-w", "@template", url).out == b"a200b\n"
    (tmp_path / "template").write_text("")
    assert compare("-o", "/dev/null", "-w", "@template", url).out == b""
    assert compare("-o", "/dev/null", "-w", "@-", url, stdin=b"s%{http_code}\n").out == b"s200"


@needs_curl
def test_writes_to_standard_error_what_curl_does(get, serve, tmp_path):
    url = serve(ANSWERS["200"]).url()
    args = ["-w", "a%{stderr}b%{http_code}%{stdout}c", "-o", "/dev/null", url]
    theirs = curl(*args, cwd=tmp_path)
    for flags in ([], ["-s"], ["-q"]):
        done = get(*flags, *args).expect(0)
        assert (done.out, done.err) == (b"ac", "b200"), done
    assert (theirs.stdout, theirs.stderr) == (b"ac", b"b200")


@needs_curl
def test_names_unknown_variables_and_goes_on(get, serve, tmp_path):
    url = serve(ANSWERS["200"]).url()
    args = ["-o", "/dev/null", "-w", "a%{nope}b%{}c", url]
    theirs = curl(*args, cwd=tmp_path)
    done = get("-s", *args).expect(0)
    assert done.out == theirs.stdout == b"abc"
    assert done.err == theirs.stderr.decode().replace("curl: ", "haul: ")
    assert get("-q", *args).expect(0).err == ""


def test_names_of_codes_may_be_in_capitals_and_schemes_are(get, serve):
    """Where curl has changed since 7.88, this is what haul writes."""
    port, keep = dead_port()
    template = "%{HTTP_CODE} %{scheme} %{remote_port}\\n"
    origin = serve(ANSWERS["200"])
    done = get("-o", "/dev/null", "-w", template, origin.url()).expect(0)
    assert done.out.decode() == f"200 HTTP {origin.port}\n"
    with keep:
        assert get("-s", "-w", template, f"http://127.0.0.1:{port}/").out == b"000  0\n"


def test_times_ascend_and_have_six_digits(get, serve):
    template = " ".join(f"%{{{name}}}" for name in TIMES)
    done = get("-o", "/dev/null", "-w", template, serve(ANSWERS["200"]).url()).expect(0)
    words = done.out.decode().split()
    assert all(re.fullmatch(r"\d+\.\d{6}", word) for word in words), done
    namelookup, connect, appconnect, pretransfer, starttransfer, redirect, total = map(float, words)
    assert 0 <= namelookup <= connect <= pretransfer <= starttransfer <= total, done
    assert 0 < starttransfer and appconnect == redirect == 0, done


def test_batch_writes_the_template_in_place_of_records(batch, serve):
    url = serve(ANSWERS["200"]).url()
    lines = "".join(f"{url}{i}\n" for i in range(200)) + "foo://x/\n"
    done = batch("-w", "%{urlnum} %{http_code} %{size_download} %header{x-a} %{exitcode}\\n",
                 stdin=lines).expect(1)
    written = sorted(done.out.decode().splitlines(), key=lambda line: int(line.split()[0]))
    assert written == [f"{i} 200 6 one 0" for i in range(200)] + ["200 000 0  1"]
    assert "201 items" in done.err


@pytest.mark.parametrize("which,expected", [("all", b"01"), ("failed", b"1"), ("none", b"")])
def test_records_says_for_which_items(which, expected, batch, serve):
    done = batch("--serial", "--records", which, "-w", "%{urlnum}", serve(ANSWERS["200"]).url(),
                 "foo://x/").expect(1)
    assert done.out == expected


def test_bodies_go_to_files_as_ever(batch, serve, tmp_path):
    url = serve(ANSWERS["200"]).url("/a")
    done = batch("-w", "%{filename_effective} %{size_download}\\n", "--output-dir", str(tmp_path),
                 url).expect(0)
    assert done.out.decode() == f"{tmp_path}/a 6\n"
    assert (tmp_path / "a").read_bytes() == b"hello\n"


@pytest.mark.parametrize("args,said", [
    (["-w", "%output{f}x"], "%output{...} is not offered"),
    (["-w", "@no-such-file"], "-w @no-such-file: No such file"),
    (["-w", "x", "--inline"], "in place of records"),
    (["-w", "x", "--headers"], "in place of records"),
])
def test_refuses_and_says_why(args, said, batch, get, origin):
    for run in (batch, get):
        done = run(*args, origin.url()).expect(2)
        assert said in done.err and done.out == b"", done
    assert not origin.requests


def test_a_list_and_a_template_cannot_both_be_standard_input(batch, origin):
    done = batch("-w", "@-", stdin=origin.url()).expect(2)
    assert "both come from standard input" in done.err
