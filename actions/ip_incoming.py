"""Files as the operator hands them over: copied before they are looked at, and unpacked if gzip packed them."""

import gzip
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from actions.ip_ranges import BadFile

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
TAR, TAR_AT = b"ustar", 257
CHUNK = 2**20


def copy_plain(source: Path, copy: Path, *, limit: int, may_be_zip: bool) -> datetime:
    """Copy what the file holds, unpacked (but for a zip): nobody writes to the copy while it is checked.

    Returns when it was written (UTC): what gzip says of the file it packed, else the file's own time. Raises
    BadFile if it cannot be read, is an archive of several files, or holds more than `limit` bytes.
    """
    try:
        written_at = _unpack(source, copy, limit=limit) or source.stat().st_mtime
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(f"{source}: cannot be unpacked ({error}); download it again") from error
    except OSError as error:
        raise BadFile(f"{source}: cannot be read ({error.strerror or error})") from error
    kind = _archive(copy)
    if kind == "tar" or (kind == "zip" and not may_be_zip):
        raise BadFile(f"{source}: is a {kind} archive; unpack it and hand over the file inside")
    return datetime.fromtimestamp(written_at, UTC)


def is_binary(path: Path) -> bool:
    """True for every sound MaxMind database: it begins with small numbers, whose upper bytes are zero."""
    return b"\0" in _head(path)


def is_zip(path: Path) -> bool:
    return _archive(path) == "zip"


def _unpack(source: Path, copy: Path, *, limit: int) -> float | None:
    with source.open("rb") as content:
        is_packed = content.read(2) == GZIP
        content.seek(0)
        if not is_packed:
            _copy(content, copy, source=source, limit=limit)
            return None
        with gzip.GzipFile(fileobj=content) as unpacked:
            _copy(unpacked, copy, source=source, limit=limit)
            return unpacked.mtime


def _copy(content: IO[bytes] | gzip.GzipFile, copy: Path, *, source: Path, limit: int) -> None:
    with copy.open("wb") as target:
        while chunk := content.read(CHUNK):
            if target.tell() + len(chunk) > limit:
                raise BadFile(f"{source}: may have {limit // 2**20:,} MB at most; split it")
            target.write(chunk)


def _archive(path: Path) -> str:
    head = _head(path)
    if head.startswith(ZIP):
        return "zip"
    return "tar" if head.startswith(TAR, TAR_AT) else ""


def _head(path: Path) -> bytes:
    with path.open("rb") as content:
        return content.read(4096)
