"""The contents of a tenant's value lists, as rules ask for them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any, Final

from rules.types import COUNTRY, IP, READERS, Kind, WrongLiteral, network

LISTS: Final = "lists."


@dataclass(frozen=True)
class ValueList:
    """The items of one list with the second (since 1970) at which each expires; None: never.

    An item counts as what the data point is: a text, a number, a country code, an address or a range of addresses.
    What cannot be read so is never equal to anything.
    """

    items: tuple[tuple[str | int | float, float | None], ...] = ()
    # By kind of data point, made when first asked for.
    _made: dict[Kind, Callable[[Any], float]] = field(default_factory=dict, repr=False, compare=False)

    def holds(self, kind: Kind, value: Any, now: float | None) -> bool | None:
        """Whether the comparable value is on the list at that time; None where only the time, unknown, would tell."""
        expiry = self._expiry(kind)(value)
        if expiry == inf or expiry == -inf:
            return expiry > 0
        return None if now is None else now < expiry

    def _expiry(self, kind: Kind) -> Callable[[Any], float]:
        if kind not in self._made:
            self._made[kind] = _of_addresses(self.items) if kind is IP else _of_values(kind, self.items)
        return self._made[kind]

    @cached_property
    def size(self) -> int:
        return len(self.items)


Lists = Mapping[str, ValueList]
NO_LISTS: Final[Lists] = {}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a few operators need beside the value: the second of the action (since 1970), and the tenant's lists."""

    now: float | None = None
    lists: Lists = field(default_factory=dict)


NOWHERE: Final = Circumstances()


def in_list(kind: Kind, value: Any, alias: str, around: Circumstances) -> bool | None:
    """Unknown where there is no such list (any more)."""
    wanted = around.lists.get(alias)
    return None if wanted is None else wanted.holds(kind, value, around.now)


def _of_values(kind: Kind, items: Iterable[tuple[Any, float | None]]) -> Callable[[Any], float]:
    expiries: dict[Any, float] = {}
    for raw, expires in items:
        value = READERS[kind](raw.strip() if kind is COUNTRY and isinstance(raw, str) else raw)
        if value is not None:
            expiries[value] = max(expiries.get(value, -inf), inf if expires is None else expires)
    return lambda value: expiries.get(value, -inf)


def _of_addresses(items: Iterable[tuple[Any, float | None]]) -> Callable[[Any], float]:
    # One look-up for each length of prefix that occurs, however many ranges there are.
    by_prefix: dict[tuple[int, int], dict[int, float]] = {}
    for raw, expires in items:
        try:
            wanted = network(raw)
        except WrongLiteral:
            continue
        drop = wanted.max_prefixlen - wanted.prefixlen
        prefixes = by_prefix.setdefault((wanted.version, drop), {})
        prefix = int(wanted.network_address) >> drop
        prefixes[prefix] = max(prefixes.get(prefix, -inf), inf if expires is None else expires)

    def expiry(address: tuple[int, int]) -> float:
        version, number = address
        found = (
            prefixes.get(number >> drop, -inf) for (family, drop), prefixes in by_prefix.items() if family == version
        )
        return max(found, default=-inf)

    return expiry
