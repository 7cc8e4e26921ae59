"""Operations on texts and lists."""

import logging
from typing import Any

from rules.jsonlogic.errors import invalid_arguments, limit_exceeded
from rules.jsonlogic.steps import CHARACTERS_A_STEP, VALUES_A_STEP, Steps
from rules.jsonlogic.values import MAX_LENGTH, contains, number, text

_log = logging.getLogger(__name__)


def joined(operands: list[Any], steps: Steps) -> str:
    """`cat`. Raises an error where the text would be longer than MAX_LENGTH."""
    whole = "".join(map(text, operands))
    if len(whole) > MAX_LENGTH:
        raise limit_exceeded(f'"cat" can make a text of {MAX_LENGTH:,} characters.')
    steps.take(len(whole) // CHARACTERS_A_STEP)
    return whole


def substring(operands: list[Any], steps: Steps) -> str:
    """[<text>, <start>, <length>]: a negative start counts from the end, a negative length leaves so many out there."""
    whole = text(operands[0]) if operands else ""
    rest = whole[_whole_number(operands[1]) :] if len(operands) > 1 else whole
    part = rest[: _whole_number(operands[2])] if len(operands) > 2 else rest
    steps.take(len(part) // CHARACTERS_A_STEP)
    return part


def _whole_number(value: Any) -> int:
    # As in JavaScript, what is no number is zero.
    try:
        return int(number(value))
    except (ValueError, OverflowError):
        return 0


def merged(operands: list[Any], steps: Steps) -> list[Any]:
    """One list of the items of lists and of values that are none. Raises an error beyond MAX_LENGTH items."""
    items: list[Any] = []
    for operand in operands:
        if isinstance(operand, list):
            items += operand
        else:
            items.append(operand)
        if len(items) > MAX_LENGTH:
            raise limit_exceeded(f'"merge" can make a list of {MAX_LENGTH:,} items.')
    steps.take(len(items) // VALUES_A_STEP)
    return items


def is_in(operands: list[Any]) -> bool:
    return len(operands) > 1 and contains(operands[0], operands[1])


def length(value: Any) -> int:
    """Characters of a text, items of a list, keys of an object."""
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise invalid_arguments('"length" takes a text, a list or an object.')


def logged(value: Any) -> Any:
    """The value, which a log at level DEBUG shows."""
    _log.debug("%r", value)
    return value
