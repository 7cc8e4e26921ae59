"""nginx and the servers of `deploy/`, as they are shipped, on ports of this machine."""

import datetime
import re
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.conftest import ROOT, free_port, running
from tests.deploy.edge import HOST

DEPLOY = ROOT / "deploy"
# Debian's own nginx.conf, as far as it matters to a site: an access log of whole requests, and old TLS.
MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/main.error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    access_log {folder}/main.access.log;
    gzip on;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Site:
    """Where nginx listens, where its logs are, and where it passes requests on to."""

    folder: Path
    https: int
    http: int
    web: int
    sockets: int

    def logs(self) -> str:
        return "".join(log.read_text() for log in self.folder.glob("*.log"))


def site_in(folder: Path, *more: tuple[str, str]) -> Site:
    """The site as it is shipped, but for ports, certificate and places of logs; `more`: (pattern, what is there)."""
    site = Site(folder, *(free_port() for _each in range(4)))
    text = (DEPLOY / "nginx.conf").read_text()
    for pattern, here in (
        (r"listen 443 ", f"listen 127.0.0.1:{site.https} "),
        (r"listen 80\b", f"listen 127.0.0.1:{site.http}"),
        # Not every machine has IPv6.
        (r"listen \[::\]:.*", ""),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{site.web}"),
        (r"127\.0\.0\.1:8001", f"127.0.0.1:{site.sockets}"),
        (r"/etc/letsencrypt/live/mfa\.example\.com/", f"{folder}/"),
        (r"/var/log/nginx/", f"{folder}/"),
        (r"/etc/authsignal/", f"{folder}/"),
        (r"root /var/www/html;", f"root {folder};"),
        *more,
    ):
        text, found = re.subn(pattern, here, text)
        assert found, pattern
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    (folder / "assetlinks.json").write_text("[]")
    write_certificate(folder)
    return site


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    (folder / "fullchain.pem").write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "privkey.pem").write_bytes(secret)


def nginx(site: Site, *arguments: str) -> list[str]:
    # Debian has it where only root looks for programs.
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program, "The tests need the program nginx: make nginx"
    return [program, "-p", str(site.folder), "-c", str(site.folder / "nginx.conf"), *arguments]


def served(unit: str, **instead: str) -> list[str]:
    """What a unit starts, with other values of some options."""
    text = (DEPLOY / f"authsignal-{unit}.service").read_text()
    [(program, line)] = re.findall(r"^ExecStart=\S+/(granian|uvicorn) (.+)$", text, re.MULTILINE)
    for option, value in instead.items():
        line, found = re.subn(rf"--{option} \S+", f"--{option} {value}", line)
        assert found, option
    return [sys.executable, "-m", program, *shlex.split(line)]


@contextmanager
def served_by_nginx(site: Site) -> Iterator[Site]:
    log = site.folder / "stderr.log"
    with running(nginx(site), log, {}) as process:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", site.https), timeout=2).close()
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                break
        yield site
