"""Tables of address ranges with a record each: packed on the disk, mapped, and searched as they lie.

A table is, for IPv4 and then for IPv6, the starts of its ranges in ascending order, their ends, and the number of
each one's record; then where each record begins and the last one ends; then the records, as JSON. Numbers are
big-endian and four bytes wide, addresses as wide as they are, so that bytes compare like what they stand for.
"""

import mmap
import struct
from pathlib import Path

import orjson

from actions.ip_ranges import Address, BadFile, search
from actions.ip_records import Record

WIDTHS = (4, 16)  # of an address, in bytes
NUMBER = struct.Struct(">I")
BOUNDS = struct.Struct(">II")


class Disorder(ValueError):
    """A range that cannot stand where it does; the message says what is wrong with it."""


class Table:
    """A packed table, open for look-ups from any thread. Raises BadFile if its length does not fit the counts."""

    def __init__(self, content: bytes | mmap.mmap, *, v4: int, v6: int, values: int) -> None:
        self._content = content
        self._counts = {4: v4, 16: v6}
        self._first = {4: 0, 16: v4 * (4 + 4 + NUMBER.size)}
        self._offsets = self._first[16] + v6 * (16 + 16 + NUMBER.size)
        self._values = self._offsets + (values + 1) * NUMBER.size
        if len(content) < self._values or len(content) != self._values + self._number(self._offsets, values):
            raise BadFile("a packed table and the manifest disagree about its length; run update_ip_data again")

    def covers(self, address: Address) -> bool:
        return self._counts[len(address.packed)] > 0

    def record(self, address: Address) -> Record:
        """What the file says about the address, {} if nothing."""
        packed = address.packed
        width = len(packed)
        first, count = self._first[width], self._counts[width]
        ends = first + count * width
        at = search(self._content, range(first, ends, width), packed)
        if at < 0 or packed > self._content[ends + at * width : ends + (at + 1) * width]:
            return {}
        return self._record(self._number(ends + count * width, at))

    def _record(self, number: int) -> Record:
        start, end = BOUNDS.unpack_from(self._content, self._offsets + number * NUMBER.size)
        found: Record = orjson.loads(self._content[self._values + start : self._values + end])
        return found

    def _number(self, section: int, place: int) -> int:
        (number,) = NUMBER.unpack_from(self._content, section + place * NUMBER.size)
        return int(number)


def open_table(path: Path, *, v4: int, v6: int, values: int) -> Table:
    with path.open("rb") as file:
        return Table(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), v4=v4, v6=v6, values=values)


class TableWriter:
    """Takes records, and ranges in ascending order (IPv4 and IPv6 each for itself); then writes them as a table."""

    def __init__(self) -> None:
        self._starts = {width: bytearray() for width in WIDTHS}
        self._ends = {width: bytearray() for width in WIDTHS}
        self._numbers = {width: bytearray() for width in WIDTHS}
        self._last = dict.fromkeys(WIDTHS, b"")
        self._offsets = bytearray(NUMBER.size)
        self._values = bytearray()

    @property
    def v4(self) -> int:
        return len(self._starts[4]) // 4

    @property
    def v6(self) -> int:
        return len(self._starts[16]) // 16

    @property
    def values(self) -> int:
        return len(self._offsets) // NUMBER.size - 1

    def value(self, record: Record) -> bytes:
        """Keep a record; returns its number, for `add`."""
        number = NUMBER.pack(self.values)
        self._values += orjson.dumps(record)
        self._offsets += NUMBER.pack(len(self._values))
        return number

    def add(self, start: bytes, end: bytes, number: bytes | None) -> None:
        """A range of packed addresses and its record's number, None where nothing is known. Raises Disorder."""
        width = len(start)
        if len(end) != width:
            raise Disorder("starts and ends in different versions of IP")
        if end < start:
            raise Disorder("ends before it starts")
        if start <= self._last[width]:
            raise Disorder("begins before the end of an earlier line: ranges must ascend and not overlap")
        self._last[width] = end
        if number is not None:
            self._starts[width] += start
            self._ends[width] += end
            self._numbers[width] += number

    def write(self, path: Path) -> None:
        with path.open("wb") as file:
            for width in WIDTHS:
                file.write(self._starts[width])
                file.write(self._ends[width])
                file.write(self._numbers[width])
            file.write(self._offsets)
            file.write(self._values)
