"""An idle daemon costs nothing: it wakes for the watchdog, and without one for nobody."""

import time

from support import poll_until

WINDOW_S = 60
SETTLED_S = 3


def wakes(machine, pid):
    """How often its threads went to sleep so far, of their own will: each time they had woken."""
    count = 0
    for task in machine.path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                count += int(line.split()[1])
    return count


def settles(machine, pid):
    """Returns the count once it has not changed for a while: what starting has caused is over."""
    last = [wakes(machine, pid), time.monotonic()]

    def is_still():
        count = wakes(machine, pid)
        if count != last[0]:
            last[:] = [count, time.monotonic()]
        return time.monotonic() - last[1] >= SETTLED_S
    poll_until(is_still, "it comes to rest", 30)
    return last[0]


def test_an_idle_service_wakes_for_its_watchdog_and_without_one_never(service):
    """Two daemons in the same minute: the service as it is shipped, and one like it whose manager
    has no watchdog."""
    service.run("haul ping", user="alice").expect(0)
    watched = service.main_pid()
    service.run("systemd-run --quiet --unit=hauld-quiet --service-type=notify "
                "hauld --socket /run/hauld-quiet.sock").expect(0)
    try:
        quiet = service.main_pid("hauld-quiet.service")
        service.run("haul ping --socket /run/hauld-quiet.sock").expect(0)
        settles(service, quiet)
        before = {pid: settles(service, pid) for pid in (watched, quiet)}
        time.sleep(WINDOW_S)
        woken = {pid: wakes(service, pid) - count for pid, count in before.items()}
        assert 2 <= woken[watched] <= 4, woken
        assert woken[quiet] == 0, woken
        assert service.main_pid() == watched
    finally:
        service.systemctl("stop", "hauld-quiet.service")
