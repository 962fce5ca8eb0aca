"""Bodies reach their place byte by byte: to a pipe, to files, into the record. curl judges."""

import hashlib
import os
import random
import shutil
import signal
import stat
import subprocess
import threading

import pytest

from origin import (BYTES, answer, chunked, expect_request, fin, repeat, reply_with, rst, send,
                    wait_for)
from support import WAIT_S, end_group, run_haul, spawn_haul

SIZES = {"0": 0, "1": 1, "64K": 64 << 10, "100M": 100 << 20}
CHUNK_BYTES = 40000


def body_of(size):
    """Not compressible by luck, the same in every run."""
    block = random.Random(size).randbytes(min(size, 1 << 20))
    return (block * (size // max(1, len(block)) + 1))[:size]


def framed(body, is_chunked):
    if not is_chunked:
        return answer(body)
    pieces = [body[at:at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(*pieces)


@pytest.fixture
def serve(start_origin):
    """serve(bytes of a response) -> an origin that gives it for every request."""
    return lambda data, **kw: start_origin([repeat([expect_request(), send(data)])], **kw)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here to compare with")
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", SIZES)
def test_get_is_identical_to_curl(size, is_chunked, get, serve, tmp_path):
    origin = serve(framed(body_of(SIZES[size]), is_chunked))
    by_curl = subprocess.run(["curl", "-s", origin.url()], capture_output=True, check=True).stdout
    by_pipe = get(origin.url()).expect(0).out
    get("-o", tmp_path / "file", origin.url()).expect(0)
    digests = [hashlib.sha256(x).hexdigest()
               for x in (by_curl, by_pipe, (tmp_path / "file").read_bytes())]
    assert len(by_curl) == SIZES[size]
    assert digests[0] == digests[1] == digests[2]


def test_several_urls_go_to_stdout_one_after_the_other(get, start_origin):
    thousand = reply_with(lambda request: answer(request.target.encode() * 1000))
    origin = start_origin([repeat([expect_request(), thousand])])
    run = get(*[origin.url(f"/{i}") for i in range(5)]).expect(0)
    assert run.out == b"".join(b"/%d" % i * 1000 for i in range(5))


# --- names of files

def test_writes_the_remote_name(get, serve, tmp_path):
    origin = serve(answer(b"data"))
    get("-O", origin.url("/a/file.txt?query"), cwd=tmp_path).expect(0)
    assert sorted(os.listdir(tmp_path)) == ["file.txt"]
    assert (tmp_path / "file.txt").read_bytes() == b"data"


@pytest.mark.parametrize("target", ["/a/..", "/..%2f..%2fetc%2fpasswd", "/%2e%2e", "/", "/a%00b"])
def test_a_remote_name_never_leaves_the_folder(target, get, serve, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    get("-O", serve(answer(b"data")).url(target), cwd=inner)
    assert os.listdir(tmp_path) == ["inner"]
    assert all(name not in (".", "..") and "/" not in name for name in os.listdir(inner))


def test_batch_writes_into_a_folder_and_says_where(batch, serve, tmp_path):
    origin = serve(answer(b"data"))
    run = batch("--output-dir", tmp_path, *[origin.url(f"/{n}.txt") for n in "abc"]).expect(0)
    written = {record["output"] for record in run.records}
    assert len(written) == 3
    for path in written:
        full = path if os.path.isabs(path) else os.path.join(tmp_path, path)
        assert open(full, "rb").read() == b"data"
    assert sum(len(files) for _, _, files in os.walk(tmp_path)) == 3


def test_a_batch_refuses_a_missing_folder_before_it_fetches(batch, get, serve, tmp_path):
    origin = serve(answer(b"data"))
    missing = tmp_path / "missing"
    run = batch("--output-dir", missing, origin.url()).expect(2)
    assert "--output-dir" in run.err and str(missing) in run.err and not run.out
    assert get("-O", "--output-dir", missing, origin.url()).code == 23  # as curl


def test_a_list_that_is_not_there_gets_no_summary(batch, tmp_path):
    run = batch("-i", tmp_path / "missing")
    assert run.code != 0 and "missing" in run.err and "items in" not in run.err


def test_a_line_names_its_own_file(batch, serve, tmp_path):
    origin = serve(answer(b"data"))
    lines = '{"url":"%s","output":"%s"}\n' % (origin.url(), tmp_path / "named")
    assert batch("-i", "-", stdin=lines).expect(0).record["output"].endswith("named")
    assert (tmp_path / "named").read_bytes() == b"data"


# --- what kind of file is there already

def test_a_device_stays_a_device(get, serve):
    origin = serve(answer(b"data"))
    before = os.stat("/dev/null")
    get("-o", "/dev/null", origin.url()).expect(0)
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode) and after.st_rdev == before.st_rdev
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)


@pytest.mark.parametrize("path", ["/dev/stdout", "/proc/self/fd/1"])
def test_standard_output_by_name_is_the_pipe(path, get, serve):
    assert get("-o", path, serve(answer(b"data")).url()).expect(0).out == b"data"


def test_a_fifo_is_written_in_place(daemon, serve, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "fifo").read_bytes()),
                              daemon=True)
    reader.start()
    run_haul("get", "-o", tmp_path / "fifo", serve(answer(b"data")).url(), daemon=daemon).expect(0)
    reader.join(WAIT_S)
    assert got == [b"data"]
    assert stat.S_ISFIFO(os.stat(tmp_path / "fifo").st_mode)


def test_a_symlink_stays_and_its_target_is_written(get, serve, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/real")
    get("-o", tmp_path / "link", serve(answer(b"new")).url()).expect(0)
    assert os.path.islink(tmp_path / "link")
    assert (tmp_path / "there" / "real").read_bytes() == b"new"


def test_the_mode_of_an_existing_file_is_kept(get, serve, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old and longer than new")
    path.chmod(0o604)
    get("-o", path, serve(answer(b"new")).url()).expect(0)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o604)


@pytest.mark.parametrize("mask,mode", [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_obeys_the_umask(mask, mode, get, serve, tmp_path):
    get("-o", tmp_path / "file", serve(answer()).url(), umask=mask).expect(0)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_folder_that_is_not_there_is_one_clear_line(get, serve, tmp_path):
    run = get("-o", tmp_path / "no" / "file", serve(answer()).url()).expect(23)
    assert "no/file" in run.err, run.err


def test_a_full_device_fails_the_item(get, serve):
    assert get("-o", "/dev/full", serve(answer(b"x" * 100000)).url()).expect(23).err


# --- never half a file

@pytest.mark.parametrize("end", [fin(), rst()], ids=["eof", "reset"])
@pytest.mark.parametrize("has_old", [False, True], ids=["new", "existing"])
def test_a_failed_fetch_leaves_no_half_file(end, has_old, get, start_origin, tmp_path):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    origin = start_origin([expect_request(), send(head + b"x" * 5000), end])
    path = tmp_path / "file"
    if has_old:
        path.write_bytes(b"old")
    assert get("-o", path, origin.url()).code in (18, 56)
    assert os.listdir(tmp_path) == (["file"] if has_old else [])
    assert not has_old or path.read_bytes() == b"old"


def test_a_file_appears_under_its_name_only_when_it_is_whole(daemon, start_origin, tmp_path, until):
    gate = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
    origin = start_origin([expect_request(), send(head + b"x" * 150000), wait_for(gate),
                           send(b"x" * 150000)])
    process = spawn_haul("get", "-o", tmp_path / "file", origin.url(), daemon=daemon)
    try:
        until(lambda: origin.sent_bytes >= 150000, "half of it was sent")
        assert not (tmp_path / "file").exists()
        gate.set()
        assert process.wait(WAIT_S) == 0
    finally:
        end_group(process)
        process.stdout.close()
        process.stderr.close()
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").stat().st_size == 300000


def test_ctrl_c_leaves_no_half_file(daemon, start_origin, tmp_path, until):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
    origin = start_origin([expect_request(), send(head + b"x" * 150000),
                           wait_for(threading.Event())])
    process = spawn_haul("get", "-o", tmp_path / "file", origin.url(), daemon=daemon)
    try:
        until(lambda: origin.sent_bytes >= 150000, "half of it was sent")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT_S)
        assert process.returncode == 130
    finally:
        end_group(process)
    assert os.listdir(tmp_path) == []


# --- limits and segments

def test_max_body_stops_a_chunked_body_too(get, serve):
    origin = serve(framed(b"x" * 200000, True))
    run = get("--max-body", "100k", origin.url()).expect(63)
    assert len(run.out) <= 100 << 10


def test_a_body_in_single_bytes_is_the_same_body(get, serve):
    origin = serve(framed(b"0123456789" * 30, True), segmentation=BYTES)
    assert get(origin.url()).expect(0).out == b"0123456789" * 30


def test_many_bodies_at_once_do_not_mix(batch, start_origin, tmp_path):
    def own_body(request):
        return framed(request.target.encode() * 20000, int(request.target[1:]) % 2)

    origin = start_origin([repeat([expect_request(), reply_with(own_body)])])
    lines = "".join('{"url":"%s","output":"%s"}\n' % (origin.url(f"/{i}"), tmp_path / str(i))
                    for i in range(60))
    batch("-c", "30", "-i", "-", stdin=lines).expect(0)
    for i in range(60):
        assert (tmp_path / str(i)).read_bytes() == b"/%d" % i * 20000


def test_a_slow_reader_of_the_pipe_gets_everything(daemon, serve):
    origin = serve(answer(body_of(12 << 20)))
    process = spawn_haul("get", origin.url(), daemon=daemon)
    digest, total = hashlib.sha256(), 0
    try:
        while piece := process.stdout.read(1 << 18):
            digest.update(piece)
            total += len(piece)
        assert process.wait(WAIT_S) == 0
    finally:
        end_group(process)
        process.stdout.close()
        process.stderr.close()
    assert (total, digest.digest()) == (12 << 20, hashlib.sha256(body_of(12 << 20)).digest())
