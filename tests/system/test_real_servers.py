"""Servers that people run: Debian's gunicorn, and the nginx of tools/deps (or the system's own)."""

import json
import sys
import threading

import pytest

from support import TOP, assert_succeeds, run_haul

sys.path.insert(0, str(TOP / "examples" / "slow-api"))

import servers  # noqa: E402

APP = """
import time

def app(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    path = environ["PATH_INFO"]
    fields = [("Content-Type", "text/plain")]
    if path == "/chunked":
        start_response("200 OK", fields)
        return (b"piece %d\\n" % i for i in range(1000))
    if path == "/gone":
        start_response("410 Gone", fields + [("Content-Length", "4")])
        return [b"gone"]
    text = ("%s %s " % (environ["REQUEST_METHOD"], path)).encode() + body
    start_response("200 OK", fields + [("Content-Length", str(len(text)))])
    return [text]
"""


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gunicorn")
    (folder / "echo.py").write_text(APP)
    try:
        with servers.Gunicorn(folder / "echo.py", 2, folder) as server:
            yield server
    except servers.Missing as error:
        pytest.skip(str(error))


NGINX = """
load_module @module@;
daemon off;
master_process off;
pid nginx.pid;
events { worker_connections 4000; }
http {
    access_log off;
    client_body_temp_path client-body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    default_type text/plain;
    keepalive_requests 10;
    server {
        listen 127.0.0.1:@port@ backlog=4096;
        root files;
        location = /ready { return 204; }
        location /slow { echo_sleep 0.2; echo "slow"; }
        location /status/ { return 503 "busy"; }
        location /close { keepalive_timeout 0; return 200 "closed"; }
        location /early { echo_location /ready; echo -n "a"; echo_flush; echo -n "b"; }
        location /gzip { gzip on; gzip_min_length 1; gzip_types text/plain; return 200 "plain"; }
    }
}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "nginx.conf").write_text(NGINX.replace("files;", f"{folder}/files;"))
    (folder / "files").mkdir()
    (folder / "files" / "1m").write_bytes(bytes(range(256)) * 4096)
    for path in (folder, folder / "files"):
        path.chmod(0o755)
    try:
        with servers.Nginx(folder / "nginx.conf", TOP / ".deps" / "servers", folder) as server:
            yield server
    except servers.Missing as error:
        pytest.skip(str(error))


def test_gunicorn_serves_a_batch(gunicorn, batch):
    run = batch("--inline", *[gunicorn.url + f"item/{i}" for i in range(20)]).expect(0)
    assert sorted(r["body"] for r in run.records) == sorted(f"GET /item/{i} " for i in range(20))


def test_gunicorn_gets_bodies_and_gives_chunks(gunicorn, batch, get):
    lines = json.dumps({"url": gunicorn.url + "put", "method": "PUT", "body": "x" * 100000}) + "\n"
    record = batch("--inline", "-i", "-", stdin=lines).expect(0).record
    assert record["body"] == "PUT /put " + "x" * 100000
    chunks = b"".join(b"piece %d\n" % i for i in range(1000))
    assert get(gunicorn.url + "chunked").expect(0).out == chunks


def test_gunicorn_answers_head_and_errors(gunicorn, batch, get):
    assert batch("-I", gunicorn.url + "chunked").expect(0).record["size_download"] == 0
    assert batch(gunicorn.url + "gone").expect(0).record["status"] == 410
    get("-f", gunicorn.url + "gone").expect(22)


def test_nginx_serves_many_over_few_connections(nginx, batch):
    """It closes each connection after ten requests: that is no failure and costs no item."""
    lines = (nginx.url + "ready\n") * 2000
    run = batch("--max-per-origin", "8", "-i", "-", stdin=lines).expect(0)
    assert len(run.records) == 2000
    assert {record["status"] for record in run.records} == {204}
    assert sum(not record["reused"] for record in run.records) >= 200


def test_nginx_sleeps_for_two_thousand_at_once(nginx, batch):
    lines = (nginx.url + "slow\n") * 2000
    run = batch("-c", "2000", "--max-per-origin", "2000", "-i", "-", stdin=lines).expect(0)
    assert len(run.records) == 2000
    for record in run.records:
        assert_succeeds(record)


def test_nginx_serves_a_file_to_a_file(nginx, get, tmp_path):
    get("-o", tmp_path / "1m", nginx.url + "1m").expect(0)
    assert (tmp_path / "1m").read_bytes() == bytes(range(256)) * 4096
    assert get("-r", "0-9", nginx.url + "1m").expect(0).out == bytes(range(10))


def test_nginx_closing_each_time_is_respected(nginx):
    run = run_haul("batch", "--serial", *[nginx.url + f"close/{i}" for i in range(5)]).expect(0)
    assert [record["reused"] for record in run.records] == [False] * 5


def test_nginx_is_never_asked_for_gzip_by_itself(nginx, get):
    assert get(nginx.url + "gzip").expect(0).out == b"plain"


def test_nginx_status_goes_into_the_record(nginx, batch):
    record = batch(nginx.url + "status/").expect(0).record
    assert (record["status"], record["ok"]) == (503, True)


def test_several_commands_share_one_daemon(nginx, batch):
    results = []
    lines = (nginx.url + "ready\n") * 300
    threads = [threading.Thread(target=lambda: results.append(batch("-i", "-", stdin=lines)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(run.code, len(run.records)) for run in results] == [(0, 300)] * 4
