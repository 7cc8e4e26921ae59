"""Data by key: what `var`, `val`, `exists` and `missing` find, and the scopes that `val` can jump through."""

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, Final

from rules.jsonlogic.errors import JsonLogicError, invalid_arguments
from rules.jsonlogic.steps import Steps
from rules.jsonlogic.values import number, number_text, text


class _Missing:
    """There is nothing at the key; null is something."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()

# No list is longer than this many digits can say.
_LONGEST_INDEX = 18


def descend(value: Any, key: str) -> Any:
    """What an object has at a key, or a list at an index ("0", but not "00" or "-1"); MISSING where nothing is."""
    if isinstance(value, dict):
        return value.get(key, MISSING)
    if isinstance(value, list) and _is_index(key):
        position = int(key)
        if position < len(value):
            return value[position]
    return MISSING


def _is_index(key: str) -> bool:
    if key == "0":
        return True
    return key.isascii() and key.isdigit() and key[0] != "0" and len(key) <= _LONGEST_INDEX


def reach(value: Any, keys: Sequence[str]) -> Any:
    """One key after the other, or MISSING."""
    for key in keys:
        value = descend(value, key)
        if value is MISSING:
            break
    return value


def step(value: Any, key: str) -> Any:
    """As `descend`, with null where nothing is."""
    found = descend(value, key)
    return None if found is MISSING else found


def follow(value: Any, keys: Sequence[str]) -> Any:
    """As `reach`, with null where nothing is."""
    found = reach(value, keys)
    return None if found is MISSING else found


def getter(value: Any) -> Callable[[str], Any]:
    """`step` for many keys of one value."""
    return value.get if type(value) is dict else partial(step, value)


def dotted(key: Any) -> list[str]:
    """The keys that a `var` names; none of them for null and the empty text, which mean the data as a whole."""
    name = text(key)
    return name.split(".") if name else []


def lookup(value: Any, key: Any) -> Any:
    """What a `var` finds, or MISSING."""
    return reach(value, dotted(key))


def variable(value: Any, operands: list[Any]) -> Any:
    """`var` by an expression that gave its operands: a key, and what to take where nothing is."""
    found = lookup(value, operands[0]) if operands else value
    if found is not MISSING:
        return found
    return operands[1] if len(operands) > 1 else None


def missing(value: Any, operands: list[Any], steps: Steps) -> list[Any]:
    """The keys, also those in lists, at which there is nothing. Each counts as an item gone through."""
    keys = [key for one in operands for key in (one if isinstance(one, list) else [one])]
    steps.take(len(keys))
    return [key for key in keys if lookup(value, key) is MISSING]


def missing_some(value: Any, operands: list[Any], steps: Steps) -> list[Any]:
    """As `missing`, but nothing is missing if at least so many of the keys are there: [<number>, [<key>, …]].

    Where what is needed is no number, there are never enough; something else than a list has no keys.
    """
    if len(operands) < 2 or operands[1] is None:
        raise invalid_arguments('"missing_some" takes a number and a list of keys.')
    keys = operands[1] if isinstance(operands[1], list) else []
    absent = missing(value, keys, steps)
    return [] if len(keys) - len(absent) >= _needed(operands[0]) else absent


def _needed(raw: Any) -> float:
    try:
        return number(raw)
    except JsonLogicError:
        return inf


def as_key(raw: Any) -> str | None:
    """A part of a `val` path; None for what is no key: anything but text and numbers."""
    if isinstance(raw, str):
        return raw
    return number_text(raw) if isinstance(raw, (int, float)) and not isinstance(raw, bool) else None


def as_jump(raw: Any) -> int | None:
    """How many scopes [[<number>], …] goes up; None for what is no jump. A sign makes no difference.

    What shows no number, such as [["name"]], goes up none.
    """
    if not isinstance(raw, list) or len(raw) != 1 or isinstance(raw[0], (bool, list, dict)):
        return None
    try:
        levels = number(raw[0])
    except JsonLogicError:
        return 0
    return abs(int(levels)) if levels == levels // 1 else None


def found_at(path: Any, scopes: Sequence[Any]) -> Any:
    """What a `val` finds, or MISSING. `scopes` are those around it, the nearest first: data, iteration, data, …"""
    path = path if isinstance(path, list) else [path]
    jump = as_jump(path[0]) if path else None
    names = [as_key(raw) for raw in (path if jump is None else path[1:])]
    keys = [name for name in names if name is not None]
    if len(keys) != len(names) or (jump or 0) >= len(scopes):
        return MISSING
    return reach(scopes[jump or 0], keys)


def value_at(path: Any, scopes: Sequence[Any]) -> Any:
    """As `found_at`, with null where nothing is."""
    found = found_at(path, scopes)
    return None if found is MISSING else found
