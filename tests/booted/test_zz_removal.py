"""Last of all, for it is gone then: what the packages leave behind."""

from support import poll_until


def test_a_purge_leaves_no_process_and_no_settings(service, origin):
    service.run(f"haul get --no-private {origin.url()}", user="alice").expect(0)
    pid = service.main_pid()
    service.run("apt-get -y purge haul hauld").expect(0)
    poll_until(lambda: not service.path(f"/proc/{pid}").exists(), "the daemon has ended")
    for path in ("/usr/bin/hauld", "/usr/bin/haul", "/run/hauld",
                 "/usr/lib/systemd/system/hauld.service",
                 "/etc/systemd/system/sockets.target.wants/hauld.socket", "/etc/hauld",
                 "/var/lib/private/hauld"):
        assert not service.path(path).exists(), path
    failed = service.run("systemctl list-units --failed --no-legend 'haul*'").expect(0).out
    assert failed == ""
