"""A Debian 13 that is booted: its systemd is real, its network is that of this machine.

systemd-nspawn is its hardware. Commands get in through its namespaces; nothing of them is a child
of its systemd, but all that they ask systemd for is.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
from pathlib import Path

from support import children_of, poll_until

SOCKET = "/run/hauld/hauld.sock"
RUN_S = 60          # the longest that a command may take
BOOT_S = 90
FILES = 20000       # descriptors, of the machine's systemd and so of all


class Done:
    """How a command ended."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __repr__(self):
        return f"{self.command} ended with {self.code}\n{self.out}{self.err}"

    def expect(self, code):
        assert self.code == code, self
        return self

    @property
    def json(self):
        return json.loads(self.out)


class Machine:
    def __init__(self, root):
        self.root = Path(root)
        self.log = self.root.parent / "console"
        self.nspawn, self.leader = None, None

    def boot(self, *options):
        (self.root / "etc/hostname").write_text("machine\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 machine\n")

        def limits():
            resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        with self.log.open("wb") as log:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot", "--register=no",
                 "--keep-unit", f"--machine=haul-{os.getpid()}", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=limits)
        poll_until(self.is_up, f"it boots; its console: {self.log}", BOOT_S)

    def is_up(self):
        assert self.nspawn.poll() is None, self.log.read_text(errors="replace")
        children = children_of(self.nspawn.pid)
        self.leader = children[0] if children else None
        if not self.leader or not (self.root_of_it / "run/systemd/private").exists():
            return False
        state = self.run("systemctl is-active multi-user.target systemd-logind.service").out
        return state.split() == ["active", "active"]

    def power_off(self):
        if self.nspawn is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.leader and self.nspawn.poll() is None:
                self.run("systemctl --no-block poweroff")
                self.nspawn.wait(30)
        for number in (signal.SIGTERM, signal.SIGKILL):  # it takes the machine along
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.nspawn.poll() is None:
                    self.nspawn.send_signal(number)
                self.nspawn.wait(10)

    @property
    def root_of_it(self):
        return Path(f"/proc/{self.leader}/root")

    def path(self, name):
        """A file of the machine, for this side."""
        return self.root_of_it / str(name).lstrip("/")

    # --- commands ---

    def _command(self, command, user, cwd):
        words = ["nsenter", f"--target={self.leader}", "--all", f"--wdns={cwd or '/'}", "env", "-i",
                 "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TERM=dumb",
                 f"USER={user}"]
        if user != "root":
            words += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return words + (["bash", "-c", command] if isinstance(command, str) else list(command))

    def start(self, command, user="root", cwd=None, **options):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self._command(command, user, cwd), text=True,
                                **{**pipes, **options})

    def run(self, command, user="root", cwd=None, timeout=RUN_S):
        with self.start(command, user, cwd) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Done(command, process.returncode, out, err)

    # --- its systemd ---

    def systemctl(self, *words):
        return self.run(["systemctl", *words]).expect(0).out

    def show(self, name, unit="hauld.service"):
        return self.run(["systemctl", "show", "--value", f"--property={name}", unit]).out.strip()

    def main_pid(self, unit="hauld.service"):
        """Of the machine: as its own processes see it."""
        return int(self.show("MainPID", unit))

    def journal(self, cursor=None, *more):
        """What the service has said since, as journalctl -o json has it."""
        since = [f"--after-cursor={cursor}"] if cursor else ["--boot"]
        self.run("journalctl --sync").expect(0)
        out = self.run(["journalctl", "--output=json", "--unit=hauld.service", "--no-pager", *since,
                        *more]).expect(0).out
        return [json.loads(line) for line in out.splitlines()]

    def cursor(self):
        """Of now, for journal()."""
        self.run("journalctl --sync").expect(0)
        out = self.run("journalctl --lines=1 --output=json --no-pager").expect(0).out
        return json.loads(out)["__CURSOR"]

    @contextlib.contextmanager
    def drop_in(self, text, unit="hauld.service"):
        """With other settings of the unit; the service is started with them."""
        folder = self.path(f"/run/systemd/system/{unit}.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test.conf").write_text(text)
        self.systemctl("daemon-reload")
        try:
            yield
        finally:
            (folder / "test.conf").unlink()
            self.systemctl("daemon-reload")

    def settle(self):
        """The service as it is after a fresh start, whatever a test has left."""
        self.run("systemctl reset-failed hauld.service hauld.socket")
        self.run("systemctl stop hauld.service")
        self.systemctl("start", "hauld.socket")
