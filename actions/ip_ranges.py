"""Sets of addresses: plain lists read strictly, packed for search without unpacking."""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# A line that covers more than this is a slip of the pen: 0.0.0.0/0 as "tor" would challenge everybody.
BROADEST_PREFIX = {4: 8, 6: 16}
# What Tor's own exit list writes beside the addresses.
TOR_LIST_KEYWORDS = frozenset({"ExitNode", "Published", "LastStatus"})
MAPPED_IPV4 = ipaddress.IPv6Network("::ffff:0:0/96")


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
        count = len(starts) // width
        after = bisect_right(range(count), packed, key=lambda i: starts[i * width : i * width + width])
        last = (after - 1) * width
        return after > 0 and packed <= self.ends[address.version][last : last + width]

    def pack(self) -> bytes:
        return self.starts[4] + self.ends[4] + self.starts[6] + self.ends[6]

    def count(self, version: int) -> int:
        return len(self.starts[version]) // (4 if version == 4 else 16)


def unpack(blob: bytes, *, v4: int, v6: int) -> Ranges:
    """The ranges that `pack` wrote, of which the caller kept the two counts; raises BadFile otherwise."""
    if len(blob) != 8 * v4 + 32 * v6:
        raise BadFile("a packed list and the manifest disagree about its length; run update_ip_data again")
    half = 8 * v4 + 16 * v6
    return Ranges(
        starts={4: blob[: 4 * v4], 6: blob[8 * v4 : half]},
        ends={4: blob[4 * v4 : 8 * v4], 6: blob[half:]},
    )


def from_networks(networks: Iterable[Network]) -> Ranges:
    bounds: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for network in networks:
        first = int(network.network_address)
        bounds[network.version].append((first, first + network.num_addresses - 1))
    starts, ends = {}, {}
    for version, width in ((4, 4), (6, 16)):
        merged = list(_merged(sorted(bounds[version])))
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
    """A plain list: an address or a CIDR network a line, `#` or `;` before a comment, or Tor's exit list.

    Raises BadFile with the file's name and the line for anything else, and for a list without any address,
    because what it replaces would then silently stop to count.
    """
    networks: list[Network] = []
    dates: list[datetime] = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].partition(";")[0].split()
        if not words or words[0] in TOR_LIST_KEYWORDS:
            continue
        text = words[0]
        if text == "ExitAddress" and len(words) > 1:
            text = words[1]
            dates += _date(" ".join(words[2:]))
        elif len(words) > 1:
            raise BadFile(f"{name}, line {number}: {_shown(line)} has more than one word; {_EXPECTED}")
        networks.append(_network(text, where=f"{name}, line {number}"))
    if not networks:
        raise BadFile(f"{name}: holds no address at all; {_EXPECTED}")
    return ReadList(ranges=from_networks(networks), records=len(networks), dated=max(dates, default=None))


_EXPECTED = "expected one address or CIDR network on each line, # before a comment"


def _network(text: str, *, where: str) -> Network:
    if "%" in text:
        raise BadFile(f"{where}: {_shown(text)} carries an interface name; {_EXPECTED}")
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        hint = " (write the first address of the network)" if "host bits" in str(error) else ""
        raise BadFile(f"{where}: {_shown(text)} is no address or network{hint}; {_EXPECTED}") from error
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(MAPPED_IPV4):
        first = int(network.network_address) & 0xFFFFFFFF
        network = ipaddress.IPv4Network((first, network.prefixlen - 96))
    if network.prefixlen < BROADEST_PREFIX[network.version]:
        raise BadFile(f"{where}: {_shown(text)} covers too much of the internet; name smaller networks")
    return network


def _date(text: str) -> list[datetime]:
    try:
        return [datetime.fromisoformat(text).replace(tzinfo=UTC)]
    except ValueError:
        return []


def _shown(text: str) -> str:
    return repr(text.strip()[:60])
