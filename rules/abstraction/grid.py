"""Numbers with a fixed count of decimals, as people write amounts."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

Number = int | float

_MOST_DECIMALS = 6


def exactly(number: Number) -> Fraction:
    """As it is written: 0.1 is a tenth."""
    return Fraction(Decimal(repr(number))) if isinstance(number, float) else Fraction(number)


def decimals(number: Number) -> int:
    """How many are needed to write the number, up to six."""
    enough = (count for count in range(_MOST_DECIMALS) if (exactly(number) * 10**count).denominator == 1)
    return next(enough, _MOST_DECIMALS)


def steps_around(cuts: Iterable[Number], *, decimals: int) -> Iterator[Number]:
    """The numbers of so many decimals at and next to each cut, ascending."""
    scale = 10**decimals
    # Integers are compared with what a float is, amounts with how it is written.
    scaled = [exactly(cut) * scale if decimals else cut for cut in cuts]
    steps = {side(cut) + step for cut in scaled for side in (floor, ceil) for step in (-1, 0, 1)}
    for step in sorted(steps):
        number = _divided(step, scale)
        if number is not None:
            yield number


def _divided(step: int, scale: int) -> Number | None:
    """None beyond what a float can hold."""
    if scale == 1:
        return step
    try:
        return step / scale
    except OverflowError:
        return None
