"""CASES I07-I09: descriptors that nobody asked for, and sinks that cannot take a body."""

import fcntl
import os
import resource
import socket
import threading

import pytest

from origin import answer, expect_request, repeat, send, wait_for
from stream import TO_FD, Session, batch_begin, ping, profile, request
from support import fd_count

def null_fds(count):
    return [os.open("/dev/null", os.O_WRONLY) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 253])
def test_closes_descriptors_that_nobody_declared(count, daemon, until, still_serves):
    baseline = fd_count(daemon.pid)
    fds = null_fds(count)
    with Session(daemon) as session:
        session.send_with_fds(ping(1), fds)
        assert session.refusal() == "FDS"
    for fd in fds:
        os.close(fd)
    until(lambda: fd_count(daemon.pid) <= baseline, "descriptors are back")


def test_a_flood_of_descriptors_ends_the_session_only(daemon, until, still_serves):
    baseline = fd_count(daemon.pid)
    fds = null_fds(200)
    with Session(daemon) as session:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for i in range(1000):
                session.send_with_fds(ping(i)[:1] if i == 0 else ping(i), fds)
                assert fd_count(daemon.pid) < baseline + 1100 + 253
        session.is_closed()
    for fd in fds:
        os.close(fd)
    until(lambda: fd_count(daemon.pid) <= baseline, "descriptors are back")


def test_descriptors_belong_to_their_frames_however_the_reads_fall(session, origin, tmp_path):
    files = [open(tmp_path / str(i), "wb") for i in range(10)]
    session.send(profile(), batch_begin())
    data = b"".join(request(i, origin.url(), body_mode=TO_FD, fd_count=1) for i in range(10))
    session.send_with_fds(data, [file.fileno() for file in files])  # all with the first byte
    results = session.results(10)
    assert all(results[i].fault is None for i in range(10))
    for i, file in enumerate(files):
        file.close()
        assert (tmp_path / str(i)).read_bytes() == b"ok"


def odd_sinks(folder):
    """Name -> a function that opens a descriptor which cannot take a body."""
    def sealed():
        fd = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW)
        return fd

    def broken_pipe():
        read, write = os.pipe()
        os.close(read)
        return write

    def shut_socket():
        one, other = socket.socketpair()
        other.close()
        return one.detach()

    (folder / "file").write_bytes(b"kept")
    return {
        "read_only": lambda: os.open(folder / "file", os.O_RDONLY),
        "path_only": lambda: os.open(folder / "file", os.O_PATH),
        "directory": lambda: os.open(folder, os.O_RDONLY),
        "dev_full": lambda: os.open("/dev/full", os.O_WRONLY),
        "sealed": sealed,
        "broken_pipe": broken_pipe,
        "shut_socket": shut_socket,
    }


@pytest.mark.parametrize("name", ["read_only", "path_only", "directory", "dev_full", "sealed",
                                  "broken_pipe", "shut_socket"])
def test_a_sink_that_cannot_be_written_fails_its_item_only(name, session, origin, tmp_path,
                                                           still_serves):
    fd = odd_sinks(tmp_path)[name]()
    good = open(tmp_path / "good", "wb")
    session.send(profile(), batch_begin())
    session.send_with_fds(request(1, origin.url(), body_mode=TO_FD, fd_count=1), [fd])
    session.send_with_fds(request(2, origin.url(), body_mode=TO_FD, fd_count=1), [good.fileno()])
    os.close(fd)
    results = session.results(2)
    good.close()
    assert results[1].fault == "sink/write"
    assert (results[2].fault, (tmp_path / "good").read_bytes()) == (None, b"ok")
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_an_append_only_sink_is_written_or_refused(session, origin, tmp_path):
    (tmp_path / "log").write_bytes(b"before ")
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND)
    session.send(profile(), batch_begin())
    session.send_with_fds(request(1, origin.url(), body_mode=TO_FD, fd_count=1), [fd])
    fault = session.results(1)[1].fault
    os.close(fd)
    assert fault in (None, "sink/write")
    assert (tmp_path / "log").read_bytes().startswith(b"before ")


def test_a_file_beyond_the_size_limit_fails_its_item(start_daemon, start_origin, tmp_path):
    daemon = start_daemon(limits={resource.RLIMIT_FSIZE: (100000, 100000)})
    origin = start_origin([repeat([expect_request(), send(answer(b"x" * 300000))])])
    with Session(daemon) as session, open(tmp_path / "big", "wb") as file:
        session.send(profile(), batch_begin())
        session.send_with_fds(request(1, origin.url(), body_mode=TO_FD, fd_count=1),
                              [file.fileno()])
        assert session.results(1)[1].fault == "sink/write"
    daemon.assert_alive()


def test_a_pipe_whose_reader_leaves_in_the_middle_is_no_sigpipe(daemon, start_origin, still_serves):
    gate = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"
    origin = start_origin([expect_request(), send(head + b"x" * 1000), wait_for(gate),
                           send(b"x" * 1999000)])
    read, write = os.pipe()
    with Session(daemon) as session:
        session.send(profile(), batch_begin())
        session.send_with_fds(request(1, origin.url(), body_mode=TO_FD, fd_count=1), [write])
        os.close(write)
        os.set_blocking(read, False)
        os.close(read)
        gate.set()
        assert session.results(1)[1].fault == "sink/write"
