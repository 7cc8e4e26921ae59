"""What a tenant's rules may name beside the data points that everybody has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rules.registry import CustomPoint
from rules.types import NUMBER, Kind


@dataclass(frozen=True, slots=True)
class Own:
    """A tenant's custom data points, value lists (by alias, with the kind of their items; None: not known, and then
    none is missed) and action codes."""

    points: tuple[CustomPoint, ...] = ()
    lists: Mapping[str, Kind] | None = None
    codes: tuple[str, ...] = ()

    @property
    def numbers(self) -> list[str]:
        """The names of the numbers that come with an action, which a velocity can add up."""
        return [point.name for point in self.points if point.kind is NUMBER and point.model == "action"]

    def lists_for(self, kind: Kind) -> list[str]:
        """The aliases of the lists that hold what a data point of this kind is compared with."""
        return [alias for alias, items in (self.lists or {}).items() if (items is NUMBER) == (kind is NUMBER)]


NOTHING: Final = Own()
