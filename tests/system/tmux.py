"""A terminal to look at: a tmux server of our own, with one window."""

import contextlib
import shlex
import shutil
import subprocess
import uuid

from support import WAIT_S, clean_env, poll_until

TMUX = shutil.which("tmux")


class Terminal:
    """Runs command in a shell of a terminal of so many columns and rows."""

    def __init__(self, *command, width=100, height=30, env=None):
        self._name = f"haul-{uuid.uuid4().hex[:12]}"
        words = " ".join(shlex.quote(str(word)) for word in command)
        self.run("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), words,
                 env=clean_env(TERM="xterm", **(env or {})))

    def run(self, *args, env=None):
        done = subprocess.run([TMUX, "-L", self._name, *args], capture_output=True, text=True,
                              timeout=WAIT_S, env=env or clean_env(TERM="xterm"))
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout

    def screen(self, *flags):
        """What there is to see."""
        return self.run("capture-pane", "-p", *flags)

    def lines(self):
        return self.screen().rstrip("\n").split("\n")

    def format(self, text):
        return self.run("display-message", "-p", text).strip()

    def is_drawn_upon(self):
        """Whether a program has taken the screen, as opposed to a shell's."""
        return self.format("#{alternate_on}") == "1"

    def modes(self):
        """Screen, cursor, wrapping."""
        return self.format("#{alternate_on} #{cursor_flag} #{wrap_flag}")

    def keys(self, *keys):
        self.run("send-keys", *keys)

    def resize(self, width, height):
        self.run("resize-window", "-x", str(width), "-y", str(height))

    def expect(self, text, within_s=WAIT_S):
        """Waits until it can be seen; the whole screen then."""
        def is_seen():
            screen = self.screen()
            return screen if text in screen else None
        try:
            return poll_until(is_seen, text, within_s)
        except AssertionError:
            raise AssertionError(f"{text!r} is not on the screen:\n{self.screen()}") from None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(AssertionError):   # with its last window it is gone by itself
            self.run("kill-server")
