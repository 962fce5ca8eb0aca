"""An administrator's day: settings, drain, journal, what systemd thinks of it, and what other tools
make of its interface (M01, M02, M07)."""

import contextlib
import json

import pytest

import readme
from machine import SOCKET
from support import WAIT_S, poll_until

EXAMPLES = "/usr/share/doc/hauld/examples"
MANAGER, METRICS = "io.haul.Manager", "io.haul.Metrics"


@pytest.fixture
def settings(service):
    """settings(text): a file of the administrator's own, gone after the test."""
    path = service.path("/etc/hauld/hauld.conf.d/test.conf")

    def write(text):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return "/etc/hauld/hauld.conf.d/test.conf"

    yield write
    path.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.parent.rmdir()


def starts(service):
    service.run("haul ping", user="alice").expect(0)
    return service.main_pid()


def per_origin(service):
    return service.run("haul stats --format json").expect(0).json["limits"]["per_origin_default"]


def messages(entries):
    return [entry["MESSAGE"] for entry in entries]


# --- settings ---

@pytest.mark.parametrize("command", ["systemctl reload hauld.service", "haul reload"])
def test_a_reload_takes_other_settings_without_a_new_start(command, service, settings):
    pid = starts(service)
    assert per_origin(service) == 16
    settings("MaxPerOrigin=5\n")
    service.run(command).expect(0)
    poll_until(lambda: per_origin(service) == 5, "it has them")
    assert (service.main_pid(), service.show("ActiveState")) == (pid, "active")


def test_a_reload_of_wrong_settings_says_so_and_changes_nothing(service, settings):
    pid = starts(service)
    path = settings("MaxPerOrigin=no\n")
    what = f"{path}:1: MaxPerOrigin=no: expected a count from 1 to 65535"
    assert service.run("haul reload").expect(78).err == f"haul: {what}\n"
    cursor = service.cursor()
    service.run("systemctl reload hauld.service").expect(0)
    poll_until(lambda: any(what in text for text in messages(service.journal(cursor))),
               "the journal has it")
    assert (service.main_pid(), service.show("ActiveState")) == (pid, "active")
    assert per_origin(service) == 16


# --- how it ends ---

def test_a_stop_waits_for_what_is_under_way_longer_than_systemd_would(service, under_way, slow):
    """M01. The daemon asks for more time as long as DrainTime= allows."""
    with service.drop_in("[Service]\nTimeoutStopSec=2\n"):
        haul = under_way("alice")
        stop = service.start("systemctl stop hauld.service")
        poll_until(lambda: "draining: 1 clients, 1 items" in service.show("StatusText"),
                   "systemctl status tells")
        assert service.show("ActiveState") == "deactivating"
        with pytest.raises(AssertionError):
            poll_until(lambda: stop.poll() is not None, "it was ended early", 4)
        slow.go.set()
        out, err = haul.communicate(timeout=WAIT_S)
        assert haul.returncode == 0 and '"ok":true' in out, err
        stop.communicate(timeout=WAIT_S)
    assert (stop.returncode, service.show("Result")) == (0, "success")


def test_a_drain_ends_it_and_the_next_client_starts_it(service, under_way, slow, origin):
    haul = under_way("alice")
    pid = service.main_pid()
    done = service.run("sudo haul drain", user="alice").expect(0)
    assert done.err == "haul: the daemon drains: 1 clients, 1 items; it ends in 30.0 s at most\n"
    late = service.start(f"haul get --no-private {origin.url()}", user="bob")
    slow.go.set()
    out, err = haul.communicate(timeout=WAIT_S)
    assert haul.returncode == 0 and '"ok":true' in out, err
    assert late.communicate(timeout=WAIT_S) == ("ok", "")
    assert service.main_pid() not in (0, pid)
    assert (service.show("Result"), service.show("NRestarts")) == ("success", "0")


def test_start_is_over_when_clients_are_served(service):
    """M07: Type=notify, so what waits for the service need not wait any more."""
    service.systemctl("start", "hauld.service")
    assert service.show("StatusText").startswith("ready")
    service.run("haul ping", user="alice").expect(0)


# --- what it tells ---

def test_the_journal_has_messages_with_their_weight(service, settings):
    cursor = service.cursor()
    starts(service)
    settings("MaxPerOrigin=no\n")
    service.run("systemctl reload hauld.service").expect(0)
    entries = poll_until(lambda: [entry for entry in service.journal(cursor)
                                  if "MaxPerOrigin=no" in entry["MESSAGE"]], "the journal has it")
    own = [entry for entry in service.journal(cursor) if entry["_COMM"] == "hauld"]
    assert {entry["SYSLOG_IDENTIFIER"] for entry in own} == {"hauld"}
    assert {entry["_PID"] for entry in own} == {str(service.main_pid())}
    assert all(entry["PRIORITY"] in "34" for entry in entries), entries
    [ready] = [entry for entry in own if entry["MESSAGE"] == "ready"]
    assert ready["PRIORITY"] == "5"  # notice
    assert not [text for text in messages(own) if text.startswith(("<", "hauld:"))]


def test_the_journal_is_searched_by_what_failed(service, settings):
    settings("LogLevel=debug\n")
    cursor = service.cursor()
    service.run("haul batch --no-private -q http://127.0.0.1:9/", user="alice").expect(1)
    [entry] = poll_until(lambda: [entry for entry in service.journal(cursor)
                                  if entry.get("HAUL_FAULT") == "connect/refused"], "it is there")
    assert entry["HAUL_ORIGIN"] == "http://127.0.0.1:9" and entry["PRIORITY"] == "7"
    assert entry["HAUL_BATCH"] == "1" and int(entry["HAUL_ITEM"]) > 0
    assert entry["HAUL_UID"] == service.run("id -u", user="alice").out.strip()


def test_it_has_confined_itself_too(service):
    pid = starts(service)
    status = dict(line.split(":\t", 1) for line in
                  service.path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    told = service.run("haul stats", user="alice").expect(0).out
    assert "isolation" in told, told


def test_systemd_finds_it_confined(service):
    """Of the service as it is installed, not of the file alone."""
    starts(service)
    done = service.run("systemd-analyze security --no-pager --threshold=12 hauld.service").expect(0)
    assert "Overall exposure level for hauld.service: " in done.out.splitlines()[-1]
    print(done.out.splitlines()[-1])


def test_systemd_has_no_complaint_about_the_units(service):
    done = service.run("systemd-analyze verify --man=no hauld.service hauld.socket").expect(0)
    assert "hauld" not in done.err
    text = service.run("journalctl --boot --no-pager _PID=1").expect(0).out
    assert not [line for line in text.splitlines()
                if "hauld." in line and ("Unknown" in line or "ignoring" in line)]


def test_prometheus_scrapes_it(service):
    """The units of the examples, put where their own first lines say."""
    starts(service)
    for line in (f"install -D {EXAMPLES}/prometheus/hauld-scrape /usr/local/libexec/hauld-scrape",
                 f"cp {EXAMPLES}/prometheus/hauld-metrics.socket "
                 f"{EXAMPLES}/prometheus/hauld-metrics@.service /etc/systemd/system",
                 "systemctl daemon-reload", "systemctl enable --now hauld-metrics.socket"):
        service.run(line).expect(0)
    try:
        for _ in range(3):
            done = service.run("haul get --private -f -i http://127.0.0.1:9464/metrics").expect(0)
            assert "application/openmetrics-text" in done.out and "hauld_draining 0" in done.out
        failed = service.run("systemctl list-units --failed --plain --no-legend").expect(0).out
        assert "hauld" not in failed
    finally:
        service.run("systemctl disable --now hauld-metrics.socket").expect(0)


# --- varlinkctl ---

def test_varlinkctl_reads_what_there_is_to_call(service):
    info = service.run(f"varlinkctl info {SOCKET}", user="alice").expect(0).out
    for interface in ("org.varlink.service", MANAGER, METRICS, "io.haul.Stream", "io.haul.Fetch"):
        assert interface in info
    for interface in ("org.varlink.service", MANAGER, METRICS, "io.haul.Stream", "io.haul.Fetch"):
        text = service.run(f"varlinkctl introspect {SOCKET} {interface}", user="alice").expect(0)
        assert f"interface {interface}" in text.out and text.err == ""
        service.path("/tmp/idl").write_text(text.out)
        service.run("varlinkctl validate-idl /tmp/idl").expect(0)


def test_varlinkctl_calls(service, origin):
    def call(method, parameters="{}", user="alice"):
        return service.run(["varlinkctl", "call", "--json=short", SOCKET, method, parameters], user)
    pid = starts(service)
    assert call(f"{MANAGER}.Describe").expect(0).json["pid"] == pid
    assert "hauld_uptime_seconds" in json.dumps(call(f"{METRICS}.Get").expect(0).json)
    assert call("org.varlink.service.GetInfo").expect(0).json["product"]
    assert call(f"{MANAGER}.Inflight", '{"slower_ns":1}').expect(0).json["items"] == []
    got = call("io.haul.Fetch.Get", json.dumps({"url": origin.url("/x")})).expect(0).json
    assert (got["status"], got["body"]) == (200, "ok"), got
    done = call("io.haul.Fetch.Get", '{"url":"http://127.0.0.1:9/"}')
    assert done.code != 0 and "io.haul.Fetch.Failed" in done.out + done.err, done
    for method, parameters, error in (
            (f"{MANAGER}.Inflight", '{"slower_ns":"1s"}', "org.varlink.service.InvalidParameter"),
            (f"{MANAGER}.Nothing", "{}", "org.varlink.service.MethodNotFound"),
            ("io.haul.None.Get", "{}", "org.varlink.service.InterfaceNotFound")):
        done = call(method, parameters)
        assert done.code != 0 and error in done.out + done.err, done
    done = call(f"{MANAGER}.Drain")
    assert done.code != 0 and service.main_pid() == pid


# --- README.md ---

ENDS_IT = "sudo haul drain"


def is_endless(line):
    return "bpftrace" in line or line == "haul top"


def test_what_the_readme_says_about_the_service_works(service, under_way, slow):
    """The section's commands in its order, typed by a member of the group who may use sudo, in the
    folder where the package has put the examples, while a request is under way."""
    lines = readme.commands("Run it as a service")
    assert len(lines) >= 7 and ENDS_IT in lines
    haul = under_way("alice")
    poll_until(lambda: service.run("haul inflight --slower 500ms --format json",
                                   user="alice").json["items"], "it takes long")
    told = {}
    for line in lines:
        typed = f"timeout --signal=INT 4 {line}" if is_endless(line) else line
        if line == ENDS_IT:
            slow.go.set()
        told[line] = service.run(typed, user="alice", cwd="/usr/share/doc/hauld")
    failed = {line: done for line, done in told.items()
              if done.code != (124 if is_endless(line) else 0)}
    assert not failed, failed
    assert "/of-alice" in told["haul inflight --slower 500ms"].out
    assert str(slow.port) in told["sudo haul origins"].out
    haul.communicate(timeout=WAIT_S)
    assert haul.returncode == 0


def test_the_readmes_settings_of_an_origin_are_taken(service, settings, under_way):
    text = readme.settings("Run it as a service")
    settings(text)
    service.run("hauld --check-config").expect(0)
    assert "api.example.com" in service.run("hauld --print-config").expect(0).out
    starts(service)
    service.run("sudo haul reload", user="alice").expect(0)


def test_bpftrace_sees_where_the_time_goes(service, origin):
    [line] = [line for line in readme.commands("Run it as a service") if "bpftrace" in line]
    starts(service)
    trace = service.start(f"timeout --signal=INT 8 {line}", user="alice",
                          cwd="/usr/share/doc/hauld")
    while trace.poll() is None:  # it does not say when it is attached
        service.run(f"haul batch {origin.url('/1')} {origin.url('/2')}", user="alice").expect(0)
    out, err = trace.communicate(timeout=WAIT_S)
    assert trace.returncode == 124 and "@wait_us" in out and "@faults" in out, (out, err)
