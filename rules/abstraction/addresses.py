"""IP addresses: the stretches between the ends of the ranges and addresses that the rules name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from rules.abstraction.domain import Atom, Domain
from rules.types import Address

# The version, the first address and the last.
Stretch = tuple[int, int, int]

_ORDINARY: Final = ("203.0.113.10", "198.51.100.10", "2001:db8::10")
_CLASSES: Final = {4: IPv4Address, 6: IPv6Address}
_LAST: Final = {4: 2**32 - 1, 6: 2**128 - 1}
# Up to here go the mapped addresses, ::ffff:0.0.0.0 and on, which are always read as IPv4.
_AFTER_MAPPED: Final = (6, 0x1_0000_0000_0000)


def _single(operand: Address) -> Iterator[Stretch]:
    version, number = operand
    yield version, number, number


def _listed(operand: frozenset[Address]) -> Iterator[Stretch]:
    for address in operand:
        yield from _single(address)


def _ranges(operand: tuple[tuple[int, int, frozenset[int]], ...]) -> Iterator[Stretch]:
    for version, drop, prefixes in operand:
        for prefix in prefixes:
            yield version, prefix << drop, ((prefix + 1) << drop) - 1


# How the operand of a form is read as stretches: its truth changes at their ends and nowhere else.
ASKS: Final[Mapping[str, Callable[[Any], Iterator[Stretch]]]] = {
    "== value": _single,
    "!= value": _single,
    "in list": _listed,
    "ipInCidr list": _ranges,
}


class Addresses(Domain):
    asks = frozenset(ASKS)

    def list_named(self) -> Iterable[Any]:
        return (*_ORDINARY, *_in_every_stretch(self.exact))


def _in_every_stretch(atoms: Iterable[Atom]) -> Iterator[str]:
    """The first address of each stretch that no end divides."""
    firsts = {(4, 0), (6, 0), _AFTER_MAPPED}
    for atom in atoms:
        for version, first, last in ASKS[atom.form](atom.operand):
            firsts |= {(version, first), (version, last + 1)}
    for version, number in sorted(firsts):
        if number <= _LAST[version]:
            yield str(_CLASSES[version](number))
