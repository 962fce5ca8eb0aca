"""Who may use the host's hauld, and what one user sees of another."""

import hashlib

import pytest

from machine import SOCKET
from support import TOP, poll_until


def inflight(machine, user):
    return machine.run("haul inflight --format json", user=user).expect(0).json["items"]


def test_the_first_client_starts_the_service(service, origin):
    assert service.show("ActiveState") == "inactive"
    assert service.show("ActiveState", "hauld.socket") == "active"
    done = service.run(f"haul get --no-private {origin.url()}", user="alice").expect(0)
    assert (done.out, done.err) == ("ok", "")
    assert service.show("ActiveState") == "active"


def test_a_member_of_the_group_hands_over_a_batch(service, origin):
    urls = " ".join(origin.url(f"/{i}") for i in range(50))
    done = service.run(f"haul batch --no-private {urls}", user="bob").expect(0)
    assert done.out.count('"ok":true') == 50
    assert sorted(call.target for call in origin.requests) == sorted(f"/{i}" for i in range(50))


def test_the_daemon_is_a_user_that_exists_while_it_runs(service):
    service.run("haul ping", user="alice").expect(0)
    pid = service.main_pid()
    status = service.path(f"/proc/{pid}/status").read_text()
    uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    assert len(set(uids)) == 1 and 61184 <= int(uids[0]) <= 65519, uids  # systemd's dynamic ones
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    assert service.run("stat -c %a:%u /var/lib/private/hauld").out.strip() == f"700:{uids[0]}"


def test_who_is_not_of_the_group_is_refused_with_the_cure(service, origin):
    done = service.run(f"haul get --no-private {origin.url()}", user="mallory").expect(4)
    assert done.out == "" and origin.requests == []
    assert f"{SOCKET}: Permission denied; join its group: usermod -aG haul USER" in done.err
    assert service.show("ActiveState") == "inactive"


def test_who_is_not_of_the_group_has_a_daemon_of_its_own(service, origin):
    done = service.run(f"haul get {origin.url()}", user="mallory").expect(0)
    assert done.out == "ok" and "using a private daemon" in done.err
    assert service.show("ActiveState") == "inactive"


def test_two_users_do_not_see_each_others_batches(service, under_way):
    under_way("alice")
    under_way("bob")
    urls = {"alice": [], "bob": []}
    for user in urls:
        urls[user] = [item["url"] for item in inflight(service, user)]
        assert len(urls[user]) == 1 and urls[user][0].endswith(f"/of-{user}"), urls
    assert len(inflight(service, "root")) == 2


def test_what_all_clients_ask_together_is_not_for_each_of_them(service, under_way, slow):
    """Whatever haul origins may tell bob one day: not of the origin that only alice asks."""
    under_way("alice")
    done = service.run("haul origins --format json", user="bob")
    assert done.code in (0, 7), done
    assert str(slow.port) not in done.out + done.err
    assert str(slow.port) in service.run("haul origins --format json").expect(0).out


@pytest.mark.parametrize("verb", ["reload", "drain"])
def test_members_do_not_operate_it(verb, service):
    service.run("haul ping", user="bob").expect(0)
    pid = service.main_pid()
    done = service.run(f"haul {verb}", user="bob").expect(7)
    assert "try sudo" in done.err
    assert (service.main_pid(), service.show("ActiveState")) == (pid, "active")


def test_a_daemon_of_ones_own_without_root(service, origin):
    """README.md: mallory needs no group for it."""
    [line] = [line for line in open(TOP / "README.md") if "systemctl --user enable" in line]
    command = line.split("`")[1]
    uid = service.run("id -u mallory").out.strip()
    environment = f"export XDG_RUNTIME_DIR=/run/user/{uid}; "
    service.systemctl("start", f"user@{uid}.service")
    try:
        service.run(environment + command, user="mallory").expect(0)
        done = service.run(f"{environment} haul get --no-private {origin.url()}", user="mallory")
        assert (done.expect(0).out, done.err) == ("ok", "")
        poll_until(lambda: service.run(environment + "systemctl --user is-active hauld.service",
                                       user="mallory").out == "active\n", "the user's own runs")
        assert service.show("ActiveState") == "inactive"
        service.run(environment + "systemctl --user disable --now hauld.socket", user="mallory")
    finally:
        service.systemctl("stop", f"user@{uid}.service")


def test_what_is_loaded_by_name_has_come_with_the_packages(service, origin):
    """libidn2, libcrypto and libpsl: no program is linked to them as it opens them when it needs
    them, so that only the rules of the packages see them."""
    with service.path("/etc/hosts").open("a") as hosts:
        hosts.write("127.0.0.1 xn--bcher-kva.test\n")
    cursor = service.cursor()
    url = f"http://bücher.test:{origin.port}/"
    done = service.run(f"haul batch --no-private --hash sha256 --cookie-jar /dev/null {url}",
                       user="alice").expect(0)
    assert f'"hash":"sha256:{hashlib.sha256(b"ok").hexdigest()}"' in done.out
    assert origin.requests[0].field("host") == f"xn--bcher-kva.test:{origin.port}"
    assert not [line for line in service.journal(cursor) if "libpsl" in line["MESSAGE"]]
    assert "libpsl.so" in service.path(f"/proc/{service.main_pid()}/maps").read_text()
