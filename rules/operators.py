"""What a rule can ask of a value: one table, for the builder, the check, the evaluator and the sentence."""

import operator as python
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from rules.types import (
    BOOLEAN,
    COUNTRY,
    IP,
    MULTISELECT,
    NUMBER,
    TEXT,
    Address,
    Kind,
    WrongLiteral,
    literal,
    network,
    shown,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How the operands of an operation stand in JsonLogic.

    `length` is their number, `var` the position of the data point, `place` the path of the literal.
    """

    name: str
    form: str
    length: int
    var: int
    place: str

    def fits(self, operands: object) -> bool:
        return isinstance(operands, list) and len(operands) == self.length and is_var(operands[self.var])

    def literal(self, operands: list[Any]) -> Any:
        others = [operand for position, operand in enumerate(operands) if position != self.var]
        return others[0] if self.length == 2 else others

    def operands(self, var: object, literal: Any) -> list[Any]:
        others = [literal] if self.length == 2 else list(literal)
        return [*others[: self.var], var, *others[self.var :]]


VALUE: Final = Shape("value", '[{"var": "<data point>"}, <value>]', 2, 0, "[1]")
LIST: Final = Shape("list", '[{"var": "<data point>"}, [<value>, …]]', 2, 0, "[1]")
MEMBER: Final = Shape("member", '[<value>, {"var": "<data point>"}]', 2, 1, "[0]")
RANGE: Final = Shape("range", '[<lowest>, {"var": "<data point>"}, <highest>]', 3, 1, "")


def is_var(raw: object) -> bool:
    return isinstance(raw, dict) and "var" in raw


# A list with thousands of wrong items is explained by its first ones.
_MAX_FAULTS = 10


def _one(kind: Kind, raw: object) -> Any:
    return literal(kind, raw)


def _filled(kind: Kind, raw: object) -> Any:
    if raw == "":
        raise WrongLiteral(("", "Write at least one character: empty text is in every text."))
    return literal(kind, raw)


def _bounds(kind: Kind, raw: object) -> tuple[Any, Any]:
    low, high = _each(kind, raw, literal, places=("[0]", "[2]"))
    if low > high:
        raise WrongLiteral(("", f"Write the lower bound first: {shown(low)} is above {shown(high)}."))
    return low, high


def _members(kind: Kind, raw: object) -> frozenset[Any]:
    return frozenset(_each(kind, _filled_list(raw), literal))


def _networks(kind: Kind, raw: object) -> tuple[tuple[int, int, frozenset[int]], ...]:
    """The ranges as (version, bits to drop, what is left): one look-up per length of prefix, however many."""
    ranges = _each(kind, _filled_list(raw, alone=str), lambda _, item: network(item))
    rows = sorted((one.version, one.max_prefixlen - one.prefixlen, int(one.network_address)) for one in ranges)
    return tuple(
        (version, drop, frozenset(number >> drop for _, _, number in group))
        for (version, drop), group in groupby(rows, key=python.itemgetter(0, 1))
    )


def _filled_list(raw: object, *, alone: type | None = None) -> list[object]:
    items = [raw] if alone and isinstance(raw, alone) else raw
    if not isinstance(items, list):
        raise WrongLiteral(("", f"Write a list in square brackets, not {shown(raw)}."))
    if not items:
        raise WrongLiteral(("", "Write at least one value: nothing is in an empty list."))
    return items


def _each(kind: Kind, raw: Any, read: Callable[[Kind, object], Any], *, places: Sequence[str] = ()) -> list[Any]:
    operands, faults = [], []
    for position, item in enumerate(raw):
        try:
            operands.append(read(kind, item))
        except WrongLiteral as wrong:
            place = places[position] if places else f"[{position}]"
            faults += [(place, message) for _, message in wrong.faults]
    if len(faults) > _MAX_FAULTS:
        more = f"{len(faults) - _MAX_FAULTS} more items of this list are wrong in the same way."
        faults[_MAX_FAULTS:] = [("", more)]
    if faults:
        raise WrongLiteral(*faults)
    return operands


def _between(value: Any, bounds: tuple[Any, Any]) -> bool:
    low, high = bounds
    return bool(low <= value <= high)


def _is_one_of(value: Any, members: frozenset[Any]) -> bool:
    return value in members


def _in_networks(address: Address, networks: tuple[tuple[int, int, frozenset[int]], ...]) -> bool:
    version, number = address
    # A loop and not any(): it takes a third of the time, and rules with long lists are common.
    for family, drop, prefixes in networks:  # noqa: SIM110
        if family == version and number >> drop in prefixes:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Operator:
    """One row of the builder's list.

    `name` is unique, `symbol` the JsonLogic operation; a negated row is that operation inside `!`.
    `read` turns the literal into the operand and raises WrongLiteral; `test` takes a comparable value and
    the operand.
    """

    name: str
    symbol: str
    label: str
    kinds: tuple[Kind, ...]
    shape: Shape
    read: Callable[[Kind, object], Any]
    test: Callable[[Any, Any], bool]
    negated: bool = False


_SINGLE = (TEXT, NUMBER, BOOLEAN, COUNTRY, IP)
_LISTED = (TEXT, NUMBER, COUNTRY, IP)
_HOLDERS = (TEXT, MULTISELECT)

_ROWS: Final = (
    Operator("==", "==", "is", _SINGLE, VALUE, _one, python.eq),
    Operator("!=", "!=", "is not", _SINGLE, VALUE, _one, python.ne),
    Operator(">", ">", "is greater than", (NUMBER,), VALUE, _one, python.gt),
    Operator("<", "<", "is less than", (NUMBER,), VALUE, _one, python.lt),
    Operator(">=", ">=", "is at least", (NUMBER,), VALUE, _one, python.ge),
    Operator("<=", "<=", "is at most", (NUMBER,), VALUE, _one, python.le),
    Operator("between", "<=", "is between", (NUMBER,), RANGE, _bounds, _between),
    Operator("in", "in", "is one of", _LISTED, LIST, _members, _is_one_of),
    Operator("notIn", "in", "is not one of", _LISTED, LIST, _members, _is_one_of, negated=True),
    Operator("contains", "in", "contains", _HOLDERS, MEMBER, _filled, python.contains),
    Operator("notContains", "in", "does not contain", _HOLDERS, MEMBER, _filled, python.contains, negated=True),
    Operator("startsWith", "startsWith", "starts with", (TEXT,), VALUE, _filled, str.startswith),
    Operator(
        "notStartsWith",
        "startsWith",
        "does not start with",
        (TEXT,),
        VALUE,
        _filled,
        str.startswith,
        negated=True,
    ),
    Operator("endsWith", "endsWith", "ends with", (TEXT,), VALUE, _filled, str.endswith),
    Operator("notEndsWith", "endsWith", "does not end with", (TEXT,), VALUE, _filled, str.endswith, negated=True),
    Operator("ipInCidr", "ipInCidr", "is in range", (IP,), LIST, _networks, _in_networks),
    Operator("notIpInCidr", "ipInCidr", "is not in range", (IP,), LIST, _networks, _in_networks, negated=True),
)

OPERATORS: Final = {row.name: row for row in _ROWS}
SYMBOLS: Final = tuple(dict.fromkeys(row.symbol for row in _ROWS))


def of_kind(kind: Kind) -> tuple[Operator, ...]:
    """The operators a builder offers for a data point of this kind, most usual first."""
    return tuple(row for row in _ROWS if kind in row.kinds)


def of_symbol(symbol: str, *, negated: bool = False) -> tuple[Operator, ...]:
    """The rows of a JsonLogic operation, or of its negation: one for each shape of its operands."""
    return tuple(row for row in _ROWS if row.symbol == symbol and row.negated == negated)
