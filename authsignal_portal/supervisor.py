"""One foreground tree of services: started in order, restarted when dead, stopped in reverse. No Django."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Protocol

from authsignal_portal.processes import ProcessError, last_lines, spawn, stop

READY_SECONDS = 60.0
POLL_SECONDS = 0.25
# A service that dies more often than this is broken, not unlucky: everything stops.
DEATHS_ALLOWED = 3
DEATHS_WITHIN_SECONDS = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What of the children's logs is worth a line on the console. PostgreSQL's plain "ERROR:" is not: a refused
# duplicate is often the design.
IMPORTANT = re.compile(r'"level": "(?:error|critical)"|\[ERROR\]|ERROR/|\b(?:FATAL|PANIC|CRITICAL)\b|^Traceback')

REPEAT_SECONDS = 60.0
GIST_LENGTH = 200

Say = Callable[[str], None]


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or the closing of the terminal."""


class Service(Protocol):
    """What is supervised: a program of ours or an embedded server."""

    name: str
    log: Path
    child: subprocess.Popen[bytes] | None

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Program:
    """A command and how to see that it answers. `stop_seconds` bounds its orderly end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path,
        ready: Callable[[], bool],
        stop_seconds: float = 12.0,
    ) -> None:
        self.name = name
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None
        self._command, self._env, self._cwd = command, env, cwd
        self._ready, self._stop_seconds = ready, stop_seconds

    def start(self) -> None:
        """Start and wait until it answers. Raises ProcessError; then nothing of it is left running."""
        self.child = spawn(self._command, log=self.log, env=self._env, cwd=self._cwd)
        try:
            self._wait_until_ready(self.child)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self.child is not None:
            stop(self.child, (signal.SIGTERM, self._stop_seconds))
            self.child = None

    def _wait_until_ready(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            if child.poll() is not None:
                raise ProcessError(f"{self.name} stopped while starting.{log_end(self)}")
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} did not answer within {READY_SECONDS:.0f} s.{log_end(self)}")
            time.sleep(0.1)


class Supervisor:
    """Services in the order of their needs.

    A dead one is started again, as a service manager does in production, so that a demo too shows that what
    is owed survives a killed process. One that keeps dying ends everything.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._services: list[Service] = []
        self._deaths: dict[str, deque[float]] = {}
        self._logs: dict[Path, int] = {}
        self._told: dict[str, float] = {}

    def start(self, service: Service) -> None:
        self._say(f"starting {service.name}")
        service.start()
        self._services.append(service)
        self._logs[service.log] = service.log.stat().st_size

    def watch(self, told_to_stop: Callable[[], bool] = lambda: False) -> None:
        """Return when told to stop. Raises StopRequested on a signal (see `signals`), ProcessError on giving up."""
        while not told_to_stop():
            time.sleep(POLL_SECONDS)
            self._repeat_important_lines()
            for service in self._services:
                if service.child is None or service.child.poll() is not None:
                    self._start_again(service)

    def stop(self) -> None:
        """Stop everything, last started first; each bounded, so in all within about a minute."""
        ignore_signals()
        while self._services:
            service = self._services.pop()
            self._say(f"stopping {service.name}")
            service.stop()

    def _start_again(self, service: Service) -> None:
        code = service.child.returncode if service.child is not None else "?"
        deaths = self._deaths.setdefault(service.name, deque())
        deaths.append(time.monotonic())
        while deaths[0] < time.monotonic() - DEATHS_WITHIN_SECONDS:
            deaths.popleft()
        if len(deaths) > DEATHS_ALLOWED:
            raise ProcessError(f"{service.name} died {len(deaths)} times within a minute.{log_end(service)}")
        self._say(f"{service.name} ended (code {code}); starting it again.{log_end(service, 5)}")
        service.stop()
        service.start()
        self._logs[service.log] = service.log.stat().st_size
        self._say(f"{service.name} is back")

    def _repeat_important_lines(self) -> None:
        now = time.monotonic()
        for service in self._services:
            for line in filter(IMPORTANT.search, self._new_lines(service.log)):
                text = gist(line)
                # The same complaint with another number or id in it is told once a minute.
                kind = f"{service.name} {re.sub('[0-9a-f-]{6,}|[0-9]+', '', text)}"
                if now - self._told.get(kind, -REPEAT_SECONDS) >= REPEAT_SECONDS:
                    self._told[kind] = now
                    self._say(f"{service.name}: {text}  (more in {service.log})")

    def _new_lines(self, log: Path) -> list[str]:
        with log.open("rb") as source:
            source.seek(self._logs[log])
            whole, _end, _part = source.read(1_000_000).rpartition(b"\n")
        self._logs[log] += len(whole) + 1 if whole else 0
        return whole.decode(errors="replace").splitlines()


def gist(line: str) -> str:
    """The message of a log line, which may be JSON, in a length for the console."""
    with suppress(ValueError, KeyError, TypeError):
        line = str(json.loads(line)["event"])
    return line.strip().partition("\n")[0][:GIST_LENGTH]


def log_end(service: Service, count: int = 15) -> str:
    return f"\nThe end of {service.log}:\n{last_lines(service.log, count)}"


def answers(url: str) -> bool:
    """Whether an HTTP server answers there with anything but a server error."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  (our own address)
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def ignore_signals() -> None:
    """From now on stopping is not itself interrupted; every step of it is bounded."""
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)


@contextmanager
def signals() -> Generator[None]:
    """Inside, SIGINT, SIGTERM and SIGHUP raise StopRequested."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        ignore_signals()
        raise StopRequested(signal.Signals(number).name)

    previous = {each: signal.getsignal(each) for each in STOP_SIGNALS}
    for each in previous:
        signal.signal(each, on_signal)
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


def write_privately(path: Path, text: str) -> None:
    """Replace a file at once, readable by us alone: a reader sees the old text or the new."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
