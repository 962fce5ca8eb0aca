"""The name servers of resolv.conf. test_dns.py runs this by own_net.py in namespaces: there port 53 and
/etc/resolv.conf are the test's own."""

import ctypes
import os

import pytest

from mock_dns import A, MockDns
from support import assert_fails, assert_succeeds, run_haul

MS_BIND = 4096


@pytest.fixture
def resolv_conf(tmp_path):
    """A file that is /etc/resolv.conf to whatever is started from here."""
    path = tmp_path / "resolv.conf"
    path.write_text("")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(str(path).encode(), b"/etc/resolv.conf", None, MS_BIND, None) != 0:
        pytest.skip(f"cannot mount over /etc/resolv.conf: {os.strerror(ctypes.get_errno())}")
    return path


def test_another_server_is_asked_when_the_file_changes(resolv_conf, start_daemon, origin, until):
    first = MockDns({"one.test": [A("127.0.0.1")]}, host="127.0.0.53", port=53)
    second = MockDns({"two.test": [A("127.0.0.1")], "three.test": [A("127.0.0.1")]},
                     host="127.0.0.54", port=53)
    with first, second:
        resolv_conf.write_text("nameserver 127.0.0.53\n")
        daemon = start_daemon()

        def fetch(host):
            return run_haul("batch", origin.url(host=host), daemon=daemon)

        assert_succeeds(fetch("one.test").expect(0).record)
        assert_fails(fetch("two.test").expect(1).record, "dns/not_found")
        assert (second.queries, first.queries_of("two.test", "A")) == ([], 1)
        resolv_conf.write_text("nameserver 127.0.0.54\n")
        until(lambda: fetch("three.test").code == 0, "the new server is asked")
        assert second.queries_of("three.test", "A") == 1
