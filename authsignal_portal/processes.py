"""Child processes that die with us: one lock per directory, one session each, bounded stops. No Django."""

import ctypes
import fcntl
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LOCK_WAIT_SECONDS = 15.0

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_GET_SECUREBITS = 27
PR_SET_SECUREBITS = 28
NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

# Loaded before any fork: between fork and exec nothing may be imported or opened.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ProcessError(RuntimeError):
    """A child could not be started or is in somebody's way; the text says what to do."""


class AlreadyRunning(ProcessError):
    """Another process of ours runs on the same directory."""


class DirectoryLock:
    """One owner per directory. The children inherit the lock: free only when the last of them is gone."""

    def __init__(self, path: Path, *, what: str) -> None:
        self.path = path
        self._what = what
        self._file: int | None = None

    def acquire(self) -> int:
        """Take it and return its descriptor (for `pass_fds`). Raises AlreadyRunning while an owner lives."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        try:
            while not _try_lock(descriptor):
                self._hurry(late=time.monotonic() > deadline)
                time.sleep(0.1)
        except ProcessError:
            os.close(descriptor)
            raise
        self._file = descriptor
        self.note_children()
        return descriptor

    def note_children(self, *children: int) -> None:
        """Write down who holds the lock, for the error text and for stopping orphans."""
        self._note(os.getpid(), *children)

    def release(self) -> None:
        """Give it up. Whatever a killed child left behind may hold it a moment longer."""
        if self._file is not None:
            self._note(0)
            os.close(self._file)
            self._file = None

    def _hurry(self, *, late: bool) -> None:
        owner, *children = [int(word) for word in self.path.read_text().split()] or [0]
        if is_alive(owner):
            raise AlreadyRunning(
                f"{self._what} in {self.path.parent} is already running, started by process {owner}. "
                f"Stop that one first (Ctrl-C where it runs, or: kill {owner})."
            )
        if late:
            raise ProcessError(
                f"{self._what} in {self.path.parent} is left over from a killed process and does not stop. "
                f"Stop by hand, of these processes, those that still run: {children}."
            )
        # The owner was killed. On Linux its children are on their way out; elsewhere they must be told.
        for child in children:
            _signal_quietly(child, signal.SIGINT)

    def _note(self, *pids: int) -> None:
        assert self._file is not None
        text = " ".join(map(str, pids)).encode()
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send us `number` when our parent ends (Linux only)."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def parent_is_interrupted() -> bool:
    """Whether our parent is inside its own handler of SIGINT (Linux only).

    A SIGINT sent to `make` alone, not by Ctrl-C to the whole group, is not passed on: make then waits for us.
    """
    with suppress(OSError, StopIteration):
        status = Path(f"/proc/{os.getppid()}/status").read_text().splitlines()
        blocked = next(line for line in status if line.startswith("SigBlk:")).split()[1]
        return bool(int(blocked, 16) & 1 << (signal.SIGINT - 1))
    return False


def is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"


def _signal_quietly(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    dies_by: signal.Signals = signal.SIGTERM,
    user: pwd.struct_passwd | None = None,
    needs: Sequence[Path] = (),
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a direct child in its own session, so that a Ctrl-C reaches only us and we stop things in order.

    On Linux the kernel sends it `dies_by` when the calling *thread* ends, `kill -9` included: call from the
    main thread. `user` is whom to run as (we are root then); `needs` are the paths that user must reach.
    """
    closed = user is not None and not all(map(open_to_others, needs))
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  (our own command lines only)
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            # Safe beside threads: it makes system calls only and imports nothing.
            preexec_fn=_before_exec(dies_by, user, closed=closed),
        )


def _before_exec(dies_by: signal.Signals, user: pwd.struct_passwd | None, *, closed: bool) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        if user is not None:
            _become(user, keep_reach=closed)
        die_with_parent(dies_by)
        if os.getppid() != parent:  # it died before the line above took effect
            os._exit(1)

    return prepare


def open_to_others(path: Path) -> bool:
    """Whether any user may reach it: every directory above lets others through, a file may be run."""
    places = [*path.parents, path] if path.is_file() else path.parents
    return all(place.stat().st_mode & 0o001 for place in places)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def _become(user: pwd.struct_passwd, *, keep_reach: bool) -> None:
    """Drop root. `keep_reach` keeps the one capability that passes closed directories above the data, for a
    checkout under /root or in a private temporary directory; else those would have to be opened to all.
    """
    os.setgroups([])
    os.setgid(user.pw_gid)
    if keep_reach and _LIBC is not None:
        _LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        # Without this access(2), with which PostgreSQL looks for its own parts, ignores the capability.
        bits = _LIBC.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)
        _LIBC.prctl(PR_SET_SECUREBITS, bits | NO_SETUID_FIXUP, 0, 0, 0)
    os.setuid(user.pw_uid)
    if keep_reach and _LIBC is not None:
        bit = 1 << CAP_DAC_OVERRIDE
        sets = (_CapabilityData * 2)(_CapabilityData(bit, bit, bit), _CapabilityData(0, 0, 0))
        header = _CapabilityHeader(CAPABILITY_VERSION_3, 0)
        if _LIBC.capset(ctypes.byref(header), sets) != 0:
            os._exit(1)  # never go on with more than that one
        _LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def stop(child: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal and wait its seconds until the child is gone; at last SIGKILL for its session."""
    for number, seconds in steps:
        if child.poll() is not None:
            break
        child.send_signal(number)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    kill_session(child)


def kill_session(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL whatever is left of the child's session (workers of a killed server) and reap the child."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for an error text."""
    try:
        with log.open("rb") as source:
            source.seek(0, os.SEEK_END)
            source.seek(max(0, source.tell() - 20_000))
            lines = source.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])
