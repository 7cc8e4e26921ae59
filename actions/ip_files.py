"""The operator's address data: checked files under a manifest that is replaced in one step."""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actions.ip_database import check_database
from actions.ip_ranges import BadFile, Ranges, read_list, unpack

MANIFEST = "manifest.json"
VERSION = 1
DATABASE_KINDS = ("country", "anonymous", "asn")
LIST_KINDS = ("tor", "vpn", "proxy", "hosting", "trusted")
KINDS = DATABASE_KINDS + LIST_KINDS
MAX_LIST_BYTES = 64 * 1024 * 1024
INCOMING = ".incoming-"
# Only names that this module gives: the directory may hold the operator's own files too.
OURS = re.compile(rf"(?:{'|'.join(KINDS)})-[0-9a-f]{{20}}|{re.escape(INCOMING)}.+")


@dataclass(frozen=True)
class Incoming:
    """A file that the operator hands over, and what it is about (one of KINDS)."""

    kind: str
    path: Path


@dataclass(frozen=True)
class Entry:
    """A file of the manifest. `file` lies beside the manifest and is named after its content.

    `built_at` (UTC) is the database's own date; for a list the newest date in it, else when the file was
    last written. `v4` and `v6` count a list's ranges.
    """

    kind: str
    name: str
    file: str
    sha256: str
    built_at: datetime | None
    installed_at: datetime
    records: int
    database_type: str = ""
    v4: int = 0
    v6: int = 0

    def checked(self, directory: Path) -> Path:
        """The file's path; raises BadFile if its bytes are not those that were checked, OSError if gone."""
        path = directory / self.file
        if _digest(path) != self.sha256:
            raise BadFile(f"{path}: was changed after it was checked; run update_ip_data again")
        return path

    def ranges(self, directory: Path) -> Ranges:
        return unpack(self.checked(directory).read_bytes(), v4=self.v4, v6=self.v6)


def read_manifest(directory: Path) -> tuple[Entry, ...]:
    """What is installed: nothing where there is no manifest. Raises BadFile if it cannot be understood."""
    try:
        text = (directory / MANIFEST).read_text("utf-8")
    except FileNotFoundError:
        return ()
    try:
        manifest = json.loads(text)
        if manifest["version"] != VERSION:
            raise ValueError(f"version {manifest['version']}, this program writes {VERSION}")
        return tuple(_entry(fields) for fields in manifest["files"])
    except (ValueError, TypeError, LookupError) as error:
        raise BadFile(
            f"{directory / MANIFEST}: not readable ({error}); remove it and run update_ip_data again"
        ) from error


def install(directory: Path, incoming: Sequence[Incoming], *, clear: Collection[str] = ()) -> tuple[Entry, ...]:
    """Check all files, then replace in one step what is known about their kinds and about those to clear.

    Several files of one list kind count together. Raises BadFile, and changes nothing, if one of them is bad.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        before = read_manifest(directory)
        changed = {item.kind for item in incoming} | set(clear)
        after = tuple(entry for entry in before if entry.kind not in changed)
        # The files of the last manifest stay: another process may have just read it.
        keep = before
        try:
            after += tuple(_take(directory, item) for item in incoming)
            keep += after
            _write(directory / MANIFEST, _manifest(after).encode())
        finally:
            _sweep(directory, keep=keep)
    return after


def _take(directory: Path, item: Incoming) -> Entry:
    copy = directory / f"{INCOMING}{item.kind}"
    written_at = _copy(item, copy)
    now = datetime.now(UTC)
    entry = Entry(
        kind=item.kind,
        name=item.path.name,
        file="",
        sha256="",
        built_at=written_at if written_at <= now else None,
        installed_at=now,
        records=0,
    )
    entry = _database(copy, entry, item) if item.kind in DATABASE_KINDS else _list(copy, entry, item)
    digest = _digest(copy)
    entry = replace(entry, sha256=digest, file=f"{item.kind}-{digest[:20]}")
    _settle(copy, directory / entry.file)
    return entry


def _copy(item: Incoming, copy: Path) -> datetime:
    """The copy is what gets checked: nobody writes to it meanwhile. Returns when the file was written."""
    try:
        status = item.path.stat()
        if item.kind in LIST_KINDS and status.st_size > MAX_LIST_BYTES:
            raise BadFile(f"{item.path}: a list may have {MAX_LIST_BYTES // 2**20} MB at most; split it")
        shutil.copyfile(item.path, copy)
    except OSError as error:
        raise BadFile(f"{item.path}: cannot be read ({error.strerror or error})") from error
    return datetime.fromtimestamp(status.st_mtime, UTC)


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _database(copy: Path, entry: Entry, item: Incoming) -> Entry:
    checked = check_database(copy, kind=item.kind, name=str(item.path))
    return replace(entry, built_at=checked.built_at, records=checked.records, database_type=checked.database_type)


def _list(copy: Path, entry: Entry, item: Incoming) -> Entry:
    try:
        lines = copy.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadFile(f"{item.path}: is no text ({error}); unpack it first if it is compressed") from error
    read = read_list(lines, name=str(item.path))
    copy.write_bytes(read.ranges.pack())
    return replace(
        entry,
        built_at=read.dated or entry.built_at,
        records=read.records,
        v4=read.ranges.count(4),
        v6=read.ranges.count(6),
    )


def _manifest(entries: Sequence[Entry]) -> str:
    files = [{**asdict(entry), **_dates(entry)} for entry in entries]
    return json.dumps({"version": VERSION, "files": files}, indent=1)


def _dates(entry: Entry) -> dict[str, str | None]:
    built_at = entry.built_at.isoformat() if entry.built_at else None
    return {"built_at": built_at, "installed_at": entry.installed_at.isoformat()}


def _entry(fields: dict[str, Any]) -> Entry:
    built_at = fields["built_at"]
    dates = {
        "built_at": datetime.fromisoformat(built_at) if built_at else None,
        "installed_at": datetime.fromisoformat(fields["installed_at"]),
    }
    entry = Entry(**{**fields, **dates})
    if entry.kind not in KINDS or os.path.basename(entry.file) != entry.file:
        raise ValueError(f"unknown kind or path in {fields}")
    return entry


def _write(target: Path, content: bytes) -> None:
    temporary = target.with_name(f"{INCOMING}{target.name}")
    temporary.write_bytes(content)
    _settle(temporary, target)


def _settle(temporary: Path, target: Path) -> None:
    """Rename once the content is on the disk, so that a power cut leaves the old file or the new one."""
    with temporary.open("rb") as content:
        os.fsync(content.fileno())
    os.replace(temporary, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(directory: Path, *, keep: Collection[Entry]) -> None:
    kept = {entry.file for entry in keep}
    for path in directory.iterdir():
        if OURS.fullmatch(path.name) and path.name not in kept:
            path.unlink(missing_ok=True)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
