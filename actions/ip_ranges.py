"""Sets of addresses: plain lists read strictly, packed for search without unpacking."""

import ipaddress
import mmap
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# A line that covers more than this is a slip of the pen: 0.0.0.0/0 as "tor" would challenge everybody.
BROADEST_PREFIX = {4: 8, 6: 16}
# What Tor's own exit list, and its archive, write beside the addresses.
TOR_LIST_KEYWORDS = frozenset({"ExitNode", "Published", "LastStatus", "Downloaded", "@type"})
COMMENT = re.compile("#|;|//")


class BadFile(ValueError):
    """A data file that cannot be used; the message names the file, the place and what to do."""


@dataclass(frozen=True)
class Ranges:
    """Disjoint ranges in ascending order, as big-endian bytes, which compare like the numbers they hold."""

    starts: dict[int, bytes]
    ends: dict[int, bytes]

    def __contains__(self, address: Address) -> bool:
        starts, packed = self.starts[address.version], address.packed
        width = len(packed)
        last = search(starts, range(0, len(starts), width), packed) * width
        return last >= 0 and packed <= self.ends[address.version][last : last + width]

    def pack(self) -> bytes:
        return self.starts[4] + self.ends[4] + self.starts[6] + self.ends[6]

    def count(self, version: int) -> int:
        return len(self.starts[version]) // (4 if version == 4 else 16)


def search(content: bytes | mmap.mmap, starts: range, packed: bytes) -> int:
    """Which of the ascending starts that lie at these places in the content is the last one up to the address.

    -1 if there is none.
    """
    width = len(packed)
    return bisect_right(starts, packed, key=lambda place: content[place : place + width]) - 1


def unpack(blob: bytes, *, v4: int, v6: int) -> Ranges:
    """The ranges that `pack` wrote, of which the caller kept the two counts; raises BadFile otherwise."""
    if len(blob) != 8 * v4 + 32 * v6:
        raise BadFile("a packed list and the manifest disagree about its length; run update_ip_data again")
    half = 8 * v4 + 16 * v6
    return Ranges(
        starts={4: blob[: 4 * v4], 6: blob[8 * v4 : half]},
        ends={4: blob[4 * v4 : 8 * v4], 6: blob[half:]},
    )


def from_bounds(bounds: Iterable[tuple[Address, Address]]) -> Ranges:
    """First and last address of each range, in any order; ranges may overlap."""
    numbers: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for first, last in bounds:
        numbers[first.version].append((int(first), int(last)))
    starts, ends = {}, {}
    for version, width in ((4, 4), (6, 16)):
        merged = list(_merged(sorted(numbers[version])))
        starts[version] = b"".join(start.to_bytes(width, "big") for start, _ in merged)
        ends[version] = b"".join(end.to_bytes(width, "big") for _, end in merged)
    return Ranges(starts=starts, ends=ends)


def _merged(bounds: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    current: tuple[int, int] | None = None
    for start, end in bounds:
        if current is not None and start <= current[1] + 1:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (start, end)
    if current is not None:
        yield current


@dataclass(frozen=True)
class ReadList:
    """What a list file held: its ranges, how many lines named a network, and the newest date in it (UTC)."""

    ranges: Ranges
    records: int
    dated: datetime | None


def read_list(lines: Iterable[str], *, name: str) -> ReadList:
    """A plain list: an address, CIDR network or range a line; `#`, `;` or `//` before a comment; or Tor's exit list.

    Raises BadFile with the file's name and the line for anything else, and for a list without any address,
    because what it replaces would then silently stop to count.
    """
    bounds: list[tuple[Address, Address]] = []
    dates: list[datetime] = []
    for number, line in enumerate(lines, start=1):
        words = COMMENT.split(line, maxsplit=1)[0].split()
        if not words or words[0] in TOR_LIST_KEYWORDS:
            continue
        text = words[0]
        if text == "ExitAddress" and len(words) > 1:
            text = words[1]
            dates += _date(" ".join(words[2:]))
        elif len(words) == 3 and words[1] == "-":
            text = "".join(words)
        elif len(words) > 1:
            raise BadFile(f"{name}, line {number}: {_shown(line)} has more than one word; {_EXPECTED}")
        bounds.append(_bounds(text, where=f"{name}, line {number}"))
    if not bounds:
        raise BadFile(f"{name}: holds no address at all; {_EXPECTED}")
    return ReadList(ranges=from_bounds(bounds), records=len(bounds), dated=max(dates, default=None))


_EXPECTED = "expected one address, CIDR network or start-end range on each line, # before a comment"


def _bounds(text: str, *, where: str) -> tuple[Address, Address]:
    if "%" in text:
        raise BadFile(f"{where}: {_shown(text)} carries an interface name; {_EXPECTED}")
    first, last = _range(text, where=where) if "-" in text else _network(text, where=where)
    if int(last) - int(first) >= 2 ** (last.max_prefixlen - BROADEST_PREFIX[last.version]):
        raise BadFile(f"{where}: {_shown(text)} covers too much of the internet; name smaller networks")
    return first, last


def _network(text: str, *, where: str) -> tuple[Address, Address]:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        hint = " (write the first address of the network)" if "host bits" in str(error) else ""
        raise BadFile(f"{where}: {_shown(text)} is no address or network{hint}; {_EXPECTED}") from error
    return unwrapped(network[0]), unwrapped(network[-1])


def _range(text: str, *, where: str) -> tuple[Address, Address]:
    start, _, end = text.partition("-")
    try:
        first, last = unwrapped(ipaddress.ip_address(start)), unwrapped(ipaddress.ip_address(end))
    except ValueError as error:
        raise BadFile(f"{where}: {_shown(text)} is no range of addresses; {_EXPECTED}") from error
    if first.version != last.version:
        raise BadFile(f"{where}: {_shown(text)} goes from IPv{first.version} to IPv{last.version}; {_EXPECTED}")
    if int(last) < int(first):
        raise BadFile(f"{where}: {_shown(text)} ends before it starts; write the lower address first")
    return first, last


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only carries: mapped or compatible (RFC 4291 §2.5.5), or NAT64's (RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    number = int(address)
    is_carried = number >> 32 in (0xFFFF, 0x64FF9B << 64) or 0xFFFF < number < 2**32
    return ipaddress.IPv4Address(number & 0xFFFFFFFF) if is_carried else address


def _date(text: str) -> list[datetime]:
    try:
        return [datetime.fromisoformat(text).replace(tzinfo=UTC)]
    except ValueError:
        return []


def _shown(text: str) -> str:
    return repr(text.strip()[:60])
