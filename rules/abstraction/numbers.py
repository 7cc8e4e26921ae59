"""Numbers: the thresholds of the rules, and a value between, below and above them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice, pairwise
from math import floor
from typing import Any, Final

from rules.abstraction.domain import Cell, Domain
from rules.abstraction.grid import Number, decimals, exactly, steps_around
from rules.types import MISSING, storable

# Forms whose truth changes at the numbers of their operand and nowhere else.
ASKS: Final = frozenset({"== value", "!= value", "> value", "< value", ">= value", "<= value", "<= range", "in list"})

# From here on every float is a whole number.
_ALL_WHOLE: Final = 2**53
_MOST_DECIMALS: Final = 17


class Numbers(Domain):
    asks = ASKS

    def list_named(self) -> Iterable[Any]:
        if self.actual is None:
            return filter(self._is_possible, _in_every_gap(self._cuts, whole=self.point.integer))
        near = exactly(self._actual_number or 0)
        return sorted(self.marks, key=lambda number: (abs(exactly(number) - near), number))

    def from_near_to_far(self, actual: Cell, others: Sequence[Cell]) -> Sequence[Cell]:
        # As they are named.
        return others

    @cached_property
    def marks(self) -> Sequence[Number]:
        """The numbers at and next to every threshold, ascending, with the decimals that the actual one and the rules
        use. No exact atom changes between two neighbours, nor beyond the first and the last.
        """
        numbers = steps_around(self._cuts or [self._actual_number or 0], decimals=self._decimals)
        return tuple(filter(self._is_possible, numbers))

    @property
    def _cuts(self) -> list[Number]:
        cuts = {number for atom in self.exact for number in _numbers(atom.operand)}
        return sorted(cuts if self.point.minimum is None else cuts | {self.point.minimum})

    @property
    def _actual_number(self) -> Number | None:
        number: Number | None = self._compared(self.actual)
        return number

    @property
    def _decimals(self) -> int:
        actual = self._actual_number
        if self.point.integer or isinstance(actual, int):
            return 0
        return max(map(decimals, [actual or 0, *self._cuts]))

    def _is_possible(self, number: Number) -> bool:
        if storable(number) is MISSING or (self.point.integer and number != floor(number)):
            return False
        return self.point.minimum is None or number >= self.point.minimum


def _numbers(operand: Any) -> Iterable[Number]:
    return operand if isinstance(operand, (tuple, frozenset)) else (operand,)


def _in_every_gap(cuts: Sequence[Number], *, whole: bool) -> Iterator[Number]:
    """Every cut, and a number in each gap between and beyond them that holds one."""
    if not cuts:
        yield 0
        return
    yield floor(cuts[0]) - 1
    yield from cuts
    for low, high in pairwise(cuts):
        yield from _between(low, high, whole=whole)
    yield floor(cuts[-1]) + 1


def _between(low: Number, high: Number, *, whole: bool) -> Iterator[Number]:
    """A number strictly between these, with few decimals; nothing where there is none."""
    integer = floor(low) + 1
    if integer < high:
        yield integer
    elif not whole and abs(low) < _ALL_WHOLE:
        # Two floats with another one between them have one in the middle.
        middle = (low + high) / 2
        roundings = chain((round(middle, places) for places in range(1, _MOST_DECIMALS)), [middle])
        yield from islice((number for number in roundings if low < number < high), 1)
