"""JSON values as JsonLogic takes them: as numbers, as text, equal, in order. Truth is Python's: [] and {} are false."""

import re
from decimal import Decimal
from typing import Any, Final

from rules.jsonlogic.errors import limit_exceeded, not_a_number

Number = int | float

# Of the texts and lists that an operation makes, and of the values that one comparison looks at.
MAX_LENGTH: Final = 100_000

_NUMERAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# What JavaScript takes for a number as well.
_FOREIGN = re.compile(r"[+-]?Infinity|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")
# No double is longer; Python refuses to read whole numbers that are much longer than this.
_LONGEST_WHOLE = 309
# From here on JavaScript, and so JsonLogic, writes a number with an exponent.
_WRITTEN_OUT = 10**21


def number(value: Any) -> Number:
    """Null is 0, true is 1, text is the decimal number that it shows and 0 if it is blank; raises NaN for the rest."""
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, bool) else value
    if value is None:
        return 0
    if isinstance(value, str):
        return _numeral(value)
    raise not_a_number("A list or an object is not a number.")


def _numeral(text: str, *, largest: Number | None = None) -> Number:
    """`largest` is for what no double can hold, which is an error without it."""
    text = text.strip()
    if not text:
        return 0
    if not _NUMERAL.fullmatch(text):
        raise not_a_number("The text does not show a number.")
    if len(text) <= _LONGEST_WHOLE and text.lstrip("+-").isdecimal():
        return int(text)
    read = float(text)
    if read in (float("inf"), float("-inf")):
        if largest is not None:
            return largest
        raise not_a_number("The text shows a number that is too large.")
    return read


def text(value: Any) -> str:
    """As `cat` joins it and `var` reads it: as JavaScript would write it, but null is empty.

    Raises NaN for a number too large for a double, and an error where a list is longer than MAX_LENGTH.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    return ",".join(_leaves(value)) if isinstance(value, list) else "[object Object]"


def number_text(value: Number) -> str:
    """The shortest text that reads back as the same number: 3 for 3.0, 0.0001, 1e-7, 1e+21."""
    if isinstance(value, int) and abs(value) < _WRITTEN_OUT:
        return str(value)
    double = _double(value)
    if double.is_integer() and abs(double) < _WRITTEN_OUT:
        return str(int(double))
    if 1e-6 <= abs(double) < _WRITTEN_OUT:
        return format(Decimal(repr(double)), "f")
    mantissa, exponent = repr(double).split("e")
    return f"{mantissa}e{int(exponent):+d}"


def _double(value: Number) -> float:
    try:
        double = float(value)
    except OverflowError:
        raise not_a_number("The number is too large.") from None
    if double - double != 0:
        raise not_a_number("The number is infinite, or none.")
    return double


def _leaves(values: list[Any]) -> list[str]:
    """The texts of a list and of the lists in it, in order. No recursion: lists can be nested as deeply as data can."""
    leaves, pending = [], [iter(values)]
    while pending:
        for value in pending[-1]:
            if isinstance(value, list) and value:
                pending.append(iter(value))
                break
            leaves.append("" if isinstance(value, list) else text(value))
        else:
            pending.pop()
        if len(leaves) + len(pending) > MAX_LENGTH:
            raise limit_exceeded(f"A list as text can have {MAX_LENGTH:,} items.")
    return leaves


def soft_equal(left: Any, right: Any) -> bool:
    """Texts and nulls as they are, everything else as numbers; raises NaN where that cannot be."""
    if (left is None or isinstance(left, str)) and (right is None or isinstance(right, str)):
        return bool(left == right)
    one, other = _numbers(left, right)
    return one == other


def _numbers(left: Any, right: Any) -> tuple[Number, Number]:
    """Both as numbers. Beside true and false, a text that would show a number elsewhere is one that equals none."""
    if isinstance(left, bool) and isinstance(right, str):
        return int(left), _numeral_or_foreign(right)
    if isinstance(right, bool) and isinstance(left, str):
        return _numeral_or_foreign(left), int(right)
    return number(left), number(right)


def _numeral_or_foreign(text: str) -> Number:
    return float("nan") if _FOREIGN.fullmatch(text.strip()) else _numeral(text, largest=float("nan"))


def strict_equal(left: Any, right: Any) -> bool:
    """The same JSON value: of one type, lists and objects through and through."""
    pending, seen = [(left, right)], 0
    while pending:
        left, right = pending.pop()
        seen += 1
        if seen > MAX_LENGTH:
            raise limit_exceeded(f"A comparison can look at {MAX_LENGTH:,} values.")
        if left is right:
            continue
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pending += zip(left, right, strict=True)
        elif isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            pending += [(value, right[key]) for key, value in left.items()]
        elif isinstance(left, bool) or isinstance(right, bool) or left != right:
            return False
    return True


def less(left: Any, right: Any) -> bool:
    """Two texts by their characters, everything else as numbers; raises NaN where that cannot be."""
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    low, high = _comparable(left, right)
    return low < high


def at_most(left: Any, right: Any) -> bool:
    """As `less`, or equal."""
    if isinstance(left, str) and isinstance(right, str):
        return left <= right
    low, high = _comparable(left, right)
    return low <= high


def greater(left: Any, right: Any) -> bool:
    return less(right, left)


def at_least(left: Any, right: Any) -> bool:
    return at_most(right, left)


def _comparable(left: Any, right: Any) -> tuple[Number, Number]:
    # A text beside null is no error even where it shows no number: the comparison is false.
    if left is None and isinstance(right, str):
        return 0, _numeral_or_nan(right)
    if right is None and isinstance(left, str):
        return _numeral_or_nan(left), 0
    return _numbers(left, right)


def _numeral_or_nan(text: str) -> Number:
    return _numeral(text) if not text.strip() or _NUMERAL.fullmatch(text.strip()) else float("nan")


def contains(item: Any, container: Any) -> bool:
    """A text in a text, or a value in a list, by strict equality; nothing is in anything else."""
    if isinstance(container, str):
        return isinstance(item, str) and item in container
    if not isinstance(container, list):
        return False
    if isinstance(item, str):
        return item in container
    return any(strict_equal(item, other) for other in container)
