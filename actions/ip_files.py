"""The operator's address data: checked files under a manifest that is replaced in one step."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actions.ip_csv import ReadCsv, read_csv
from actions.ip_database import Database, check_database
from actions.ip_incoming import copy_plain, is_binary, is_zip
from actions.ip_maxmind_csv import built_at, is_blocks, read_blocks, read_zip
from actions.ip_ranges import BadFile, Ranges, read_list, unpack
from actions.ip_table import Table, open_table

MANIFEST = "manifest.json"
VERSION = 1
DATABASE_KINDS = ("country", "city", "anonymous", "asn")
LIST_KINDS = ("tor", "vpn", "proxy", "hosting", "trusted")
KINDS = DATABASE_KINDS + LIST_KINDS
# Unpacked.
MAX_LIST_BYTES = 64 * 2**20
MAX_DATABASE_BYTES = 4 * 2**30
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
    values: int = 0

    def open(self, directory: Path) -> Database | Table | Ranges:
        """Raises BadFile if the file is not as it was checked, OSError if gone."""
        path = self.checked(directory)
        if self.values:
            return open_table(path, v4=self.v4, v6=self.v6, values=self.values)
        if self.kind in DATABASE_KINDS:
            return Database(path)
        return unpack(path.read_bytes(), v4=self.v4, v6=self.v6)

    def checked(self, directory: Path) -> Path:
        """The file's path; raises BadFile if its bytes are not those that were checked, OSError if gone."""
        path = directory / self.file
        if _digest(path) != self.sha256:
            raise BadFile(f"{path}: was changed after it was checked; run update_ip_data again")
        return path


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
    is_database = item.kind in DATABASE_KINDS
    written_at = copy_plain(
        item.path, copy, limit=MAX_DATABASE_BYTES if is_database else MAX_LIST_BYTES, may_be_zip=is_database
    )
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
    entry = _reader(copy, item)(copy, entry, item)
    digest = _digest(copy)
    entry = replace(entry, sha256=digest, file=f"{item.kind}-{digest[:20]}")
    _settle(copy, directory / entry.file)
    return entry


def _reader(copy: Path, item: Incoming) -> Callable[[Path, Entry, Incoming], Entry]:
    if item.kind in LIST_KINDS:
        return _list
    if is_zip(copy):
        return _zipped_tables
    return _database if is_binary(copy) else _table


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _database(copy: Path, entry: Entry, item: Incoming) -> Entry:
    checked = check_database(copy, kind=item.kind, name=str(item.path))
    return replace(entry, built_at=checked.built_at, records=checked.records, database_type=checked.database_type)


def _table(copy: Path, entry: Entry, item: Incoming) -> Entry:
    read = read_blocks if is_blocks(copy) else read_csv
    return _written(read(copy, kind=item.kind, name=str(item.path)), copy, entry)


def _zipped_tables(copy: Path, entry: Entry, item: Incoming) -> Entry:
    read = read_zip(copy, kind=item.kind, name=str(item.path), limit=MAX_DATABASE_BYTES)
    entry = replace(entry, built_at=built_at(copy) or entry.built_at)
    return _written(read, copy, entry)


def _written(read: ReadCsv, copy: Path, entry: Entry) -> Entry:
    table = read.table
    table.write(copy)
    return replace(entry, records=read.records, database_type="CSV", v4=table.v4, v6=table.v6, values=table.values)


def _list(copy: Path, entry: Entry, item: Incoming) -> Entry:
    if is_binary(copy):
        raise BadFile(f"{item.path}: is no text; of compressed files, gzip's are read")
    # An old encoding in a comment does no harm; in an address it is refused with its line.
    lines = copy.read_text("utf-8-sig", errors="replace").splitlines()
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
