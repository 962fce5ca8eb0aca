"""Debian's tinyproxy, unpacked by tools/deps or the system's own, on a free port of 127.0.0.1."""

import socket
import sys

from support import TOP

sys.path.insert(0, str(TOP / "examples" / "slow-api"))

from servers import Missing, Server  # noqa: E402

CONFIG = """Listen 127.0.0.1
Port {port}
Timeout 20
MaxClients 20
Allow 127.0.0.1
ConnectPort {connect_port}
{login}
"""


class Tinyproxy(Server):
    """login: (user, password) it asks for; connect_port: the only one it opens tunnels to."""

    name = "tinyproxy"

    def __init__(self, folder, connect_port, login=None):
        super().__init__(folder)
        self.connect_port, self.login = connect_port, login

    def start(self):
        for root in (TOP / ".deps" / "servers", "/"):
            binary = f"{root}/usr/bin/tinyproxy"
            try:
                open(binary, "rb").close()
                break
            except OSError:
                continue
        else:
            raise Missing("tinyproxy is missing; tools/deps test unpacks it (nothing is installed)")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        login = f"BasicAuth {self.login[0]} {self.login[1]}" if self.login else ""
        config = self.folder / "tinyproxy.conf"
        config.write_text(CONFIG.format(port=self.port, connect_port=self.connect_port,
                                        login=login))
        self.spawn([binary, "-d", "-c", str(config)])
        self.wait_until_ready()

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
