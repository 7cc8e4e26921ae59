"""MaxMind databases: checked whole before use, then read by the C reader."""

import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import maxminddb
from maxminddb.decoder import Decoder

from actions.ip_ranges import Address, BadFile
from actions.ip_records import READERS, Record

SEPARATOR = 16  # zero bytes between the search tree and the data
# What the pure-Python decoder may raise on bytes that are no records.
UNREADABLE = (
    maxminddb.InvalidDatabaseError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
    struct.error,
)


@dataclass(frozen=True)
class Checked:
    """A database that was read to its end. `built_at` is UTC; `records` counts the networks with data."""

    database_type: str
    built_at: datetime
    records: int


def check_database(path: Path, *, kind: str, name: str) -> Checked:
    """Read every node and record of the file; raises BadFile unless all are sound and some tell the kind.

    The C reader crashes on damaged files instead of raising, so nothing reaches it that did not pass here.
    """
    try:
        with maxminddb.open_database(path, maxminddb.MODE_MMAP) as reader, path.open("rb") as file:
            metadata = reader.metadata()
            counts = (metadata.node_count, metadata.build_epoch)
            if metadata.ip_version not in (4, 6) or not all(isinstance(count, int) for count in counts):
                raise ValueError("its metadata is damaged")
            if not _has_text_keys(metadata.description):
                raise ValueError("its description is damaged")
            built_at = datetime.fromtimestamp(metadata.build_epoch, UTC)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                records, telling = _read_all(content, metadata=metadata, reads=READERS[kind])
    except (*UNREADABLE, OSError) as error:
        raise BadFile(f"{name}: not a sound MaxMind database ({error}); download it again") from error
    if not telling:
        raise BadFile(f"{name}: is of type {metadata.database_type!r} and holds nothing about {kind}")
    Database(path)
    return Checked(database_type=str(metadata.database_type), built_at=built_at, records=records)


def _read_all(
    content: mmap.mmap, *, metadata: maxminddb.reader.Metadata, reads: Callable[[Record], object]
) -> tuple[int, bool]:
    data_start = metadata.search_tree_size + SEPARATOR
    decoder = Decoder(content, data_start)
    seen: set[int] = set()
    records, telling = 0, False
    for value in _pointers(content, record_size=metadata.record_size, nodes=metadata.node_count):
        if value <= metadata.node_count:
            continue
        records += 1
        offset = data_start + value - metadata.node_count - SEPARATOR
        if offset in seen:
            continue
        seen.add(offset)
        if not data_start <= offset < len(content):
            raise ValueError("a network points outside of the data")
        record, _ = decoder.decode(offset)
        if not isinstance(record, dict) or not _has_text_keys(record):
            raise ValueError(f"the record at byte {offset} is no map of names")
        telling = reads(record) is not None or telling
    return records, telling


def _has_text_keys(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _has_text_keys(inner) for key, inner in value.items())
    return not isinstance(value, list) or all(_has_text_keys(inner) for inner in value)


def _pointers(content: mmap.mmap, *, record_size: int, nodes: int) -> Iterator[int]:
    """Both records of each node: below `nodes` another node, equal to it nothing, above it a data record."""
    width = record_size // 4
    for start in range(0, nodes * width, width):
        both = int.from_bytes(content[start : start + width], "big")
        if record_size == 28:
            # Two 28-bit records around a shared byte, whose high half belongs on top of the first one.
            yield (both >> 32) | ((both >> 4) & 0xF000000)
            yield both & 0xFFFFFFF
        else:
            yield both >> record_size
            yield both & ((1 << record_size) - 1)


class Database:
    """A checked database, open for look-ups from any thread; raises BadFile if this reader cannot open it."""

    def __init__(self, path: Path) -> None:
        try:
            self._reader = maxminddb.open_database(path)
        except maxminddb.InvalidDatabaseError as error:
            raise BadFile(f"{path}: {error}; run update_ip_data again") from error
        self._ip_version = self._reader.metadata().ip_version

    def covers(self, address: Address) -> bool:
        return address.version <= self._ip_version

    def record(self, address: Address) -> Record | None:
        """What the file says about the address, {} if nothing; None if the file cannot be read there."""
        if not self.covers(address):
            return {}
        try:
            found = self._reader.get(address)
        except (maxminddb.InvalidDatabaseError, ValueError):
            return None
        return found if isinstance(found, dict) else {}
