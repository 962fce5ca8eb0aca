"""Certificates for the tests, made by openssl(1) when they start: a CA, servers and clients.

    ca = CA(folder)
    context = ca.server("localhost", "127.0.0.1")       # an ssl.SSLContext for Origin(tls=...)
    run_haul("get", "--cacert", ca.path, ...)
"""

import ipaddress
import ssl
import subprocess
from pathlib import Path


def openssl(*args, stdin=b""):
    done = subprocess.run(["openssl", *map(str, args)], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def san_of(name):
    if name.startswith(("DNS:", "IP:")):
        return name
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def der_of(names):
    """GeneralNames of DNS names that openssl would not write for us (short ones only)."""
    rows = b"".join(b"\x82" + bytes([len(name)]) + name.encode() for name in names)
    assert len(rows) < 128
    return b"\x30" + bytes([len(rows)]) + rows


class CA:
    def __init__(self, folder, name="haul test CA"):
        self.folder = Path(folder)
        self.path, self._key = self.folder / "ca.pem", self.folder / "ca.key"
        self._count, self._servers = 0, {}
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self._key, "-out", self.path, "-days", "30", "-subj", f"/CN={name}")

    def issue(self, *names, common_name="x", client=False, san=True):
        """(certificate, key) files. A name may also be written as openssl does, as DNS:127.0.0.1."""
        self._count += 1
        stem = self.folder / f"leaf-{self._count}"
        cert, key, request, extra = (stem.with_suffix(s) for s in (".pem", ".key", ".csr", ".ext"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key, "-out", request, "-subj", f"/CN={common_name}")
        lines = [f"extendedKeyUsage={'clientAuth' if client else 'serverAuth'}"]
        if any("\0" in name for name in names):
            lines.append("subjectAltName=DER:" + der_of(names).hex(":"))
        elif san and names:
            lines.append("subjectAltName=" + ",".join(map(san_of, names)))
        extra.write_text("\n".join(lines) + "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self._key,
                "-CAcreateserial", "-out", cert, "-extfile", extra, "-days", "30")
        return cert, key

    def server(self, *names, **options):
        """The same again for the same arguments: keys take their time."""
        key = (names, tuple(sorted(options.items())))
        if key not in self._servers:
            self._servers[key] = self._server(*names, **options)
        return self._servers[key]

    def expired(self, *names):
        """(certificate, key) of a server, valid for one day of 2020."""
        return self.dated(names, "20200101000000Z", "20200102000000Z")

    def not_yet_valid(self, *names):
        return self.dated(names, "20980101000000Z", "20990101000000Z")

    def dated(self, names, start, end):
        cert, key = self.issue(*names)
        (self.folder / "index.txt").write_text("")
        config = self.folder / "ca.cnf"
        config.write_text(f"""[ca]
default_ca = d
[d]
database = {self.folder}/index.txt
new_certs_dir = {self.folder}
rand_serial = yes
default_md = sha256
policy = p
[p]
commonName = supplied
""")
        openssl("ca", "-batch", "-config", config, "-in", cert.with_suffix(".csr"), "-out", cert,
                "-cert", self.path, "-keyfile", self._key, "-extfile", cert.with_suffix(".ext"),
                "-startdate", start, "-enddate", end, "-notext")
        return cert, key

    def self_signed(self, *names):
        """(certificate, key) of a server that vouches for itself."""
        self._count += 1
        cert, key = (self.folder / f"self-{self._count}.{end}" for end in ("pem", "key"))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=x", "-addext",
                "subjectAltName=" + ",".join(map(san_of, names)))
        return cert, key

    @staticmethod
    def context(cert, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context

    def _server(self, *names, ask_client=False, versions=None, alpn=("http/1.1",), **more):
        context = self.context(*self.issue(*names, **more))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if versions:
            context.minimum_version = context.maximum_version = versions
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.path)
        return context
