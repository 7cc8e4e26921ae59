"""What a rule can ask of a value: one table, for the builder, the check, the evaluator and the sentence."""

import operator as python
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import re2

from rules.lists import LISTS, Circumstances, in_list
from rules.types import (
    BOOLEAN,
    COUNTRY,
    IP,
    MULTISELECT,
    NUMBER,
    READERS,
    TEXT,
    Address,
    Kind,
    WrongLiteral,
    is_nothing,
    literal,
    network,
    quoted,
    shown,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How the operands of an operation stand in JsonLogic.

    `length` is their number, `var` the position of the data point, `place` the path of the literal. A *bare* data
    point is its key alone, without {"var": …}; where `names_list`, the literal is {"var": "lists.<alias>"}.
    """

    name: str
    form: str
    length: int
    var: int
    place: str
    bare: bool = False
    names_list: bool = False

    def fits(self, operands: object) -> bool:
        if not isinstance(operands, list) or len(operands) != self.length:
            return False
        if self.bare:
            return isinstance(operands[self.var], str)
        others = [operand for position, operand in enumerate(operands) if position != self.var]
        point = operands[self.var]
        return is_var(point) and not is_list_name(point) and all(is_list_name(one) is self.names_list for one in others)

    def key(self, operands: list[Any]) -> Any:
        """The data point as written: {"var": …}."""
        return {"var": operands[self.var]} if self.bare else operands[self.var]

    def literal(self, operands: list[Any]) -> Any:
        others = [operand for position, operand in enumerate(operands) if position != self.var]
        if not others:
            return None
        if self.names_list:
            return others[0]["var"].removeprefix(LISTS)
        return others[0] if self.length == 2 else others

    def operands(self, key: str, literal: Any) -> list[Any]:
        if self.bare:
            return [key]
        others = [literal] if self.length == 2 else list(literal)
        if self.names_list:
            others = [{"var": LISTS + literal}]
        return [*others[: self.var], {"var": key}, *others[self.var :]]


VALUE: Final = Shape("value", '[{"var": "<data point>"}, <value>]', 2, 0, "[1]")
LIST: Final = Shape("list", '[{"var": "<data point>"}, [<value>, …]]', 2, 0, "[1]")
MEMBER: Final = Shape("member", '[<value>, {"var": "<data point>"}]', 2, 1, "[0]")
RANGE: Final = Shape("range", '[<lowest>, {"var": "<data point>"}, <highest>]', 3, 1, "")
NAMED: Final = Shape("named", '[{"var": "<data point>"}, {"var": "lists.<list>"}]', 2, 0, "[1]", names_list=True)
ALONE: Final = Shape("alone", '["<data point>"]', 1, 0, "", bare=True)


def is_var(raw: object) -> bool:
    return isinstance(raw, dict) and "var" in raw


def is_list_name(raw: object) -> bool:
    return isinstance(raw, dict) and isinstance(raw.get("var"), str) and raw["var"].startswith(LISTS)


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


def _alias(_kind: Kind, raw: object) -> str:
    if not isinstance(raw, str) or not _ALIAS.fullmatch(raw):
        raise WrongLiteral(("", f"Name a value list by its alias, such as blocked-emails, not {shown(raw)}."))
    return raw


_ALIAS = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


def _nothing(_kind: Kind, _raw: object) -> None:
    return None


def _holds_any(value: frozenset[Any], wanted: frozenset[Any]) -> bool:
    return not wanted.isdisjoint(value)


def _holds_all(value: frozenset[Any], wanted: frozenset[Any]) -> bool:
    return wanted <= value


# -- patterns ------------------------------------------------------------------------------------

MAX_PATTERN: Final = 500
# Instructions that RE2 makes of a pattern: repetitions in repetitions multiply. Each may be tried at each character.
MAX_PROGRAM: Final = 4_000
# The operators that take one, by name.
PATTERNED: Final = frozenset({"matches", "notMatches"})
# And of all patterns of an action's active rules together.
MAX_PROGRAMS: Final = 20_000
# Characters of a text that a pattern is looked for in. With MAX_PROGRAM, some forty milliseconds.
MAX_MATCHED: Final = 4_096
_RE2 = re2.Options()
_RE2.max_mem = 1 << 20
_RE2.log_errors = False


def _pattern(kind: Kind, raw: object) -> Any:
    text = _filled(kind, raw)
    if len(text) > MAX_PATTERN:
        raise WrongLiteral(("", f"Shorten the pattern to {MAX_PATTERN} characters."))
    try:
        pattern = re2.compile(text, options=_RE2)
    except re2.error as error:
        why = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise WrongLiteral(("", f"{quoted(text)} is no regular expression in RE2's syntax: {why}.")) from None
    if pattern.programsize > MAX_PROGRAM:
        raise WrongLiteral(("", f"Repeat less: {quoted(text)} is too large once its repetitions are written out."))
    return pattern


def _matches(_kind: Kind, value: str, pattern: Any, _around: Circumstances) -> bool | None:
    return None if len(value) > MAX_MATCHED else pattern.search(value) is not None


# -- times ---------------------------------------------------------------------------------------

_AGE = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


@lru_cache(maxsize=1024)
def moment(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 date or time (UTC where it names no zone); None where it is none."""
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _moment(kind: Kind, raw: object) -> float:
    text = literal(kind, raw)
    read = moment(text)
    if read is None:
        raise WrongLiteral(("", f'Write a date or time, such as "2026-01-31", not {shown(raw)}.'))
    return read


def _age(kind: Kind, raw: object) -> int:
    match = _AGE.fullmatch(literal(kind, raw))
    if match is None:
        raise WrongLiteral(("", f'Write an age, such as "30d", "12h" or "15m", not {shown(raw)}.'))
    return int(match[1]) * _SECONDS[match[2]]


def _before(_kind: Kind, value: str, wanted: float, _around: Circumstances) -> bool | None:
    read = moment(value)
    return None if read is None else read < wanted


def _after(_kind: Kind, value: str, wanted: float, _around: Circumstances) -> bool | None:
    read = moment(value)
    return None if read is None else read > wanted


def _older(_kind: Kind, value: str, seconds: int, around: Circumstances) -> bool | None:
    read = moment(value)
    return None if read is None or around.now is None else around.now - read > seconds


def _newer(_kind: Kind, value: str, seconds: int, around: Circumstances) -> bool | None:
    read = moment(value)
    return None if read is None or around.now is None else 0 <= around.now - read < seconds


def _is_empty(kind: Kind, raw: Any, _nothing: None, _around: Circumstances) -> bool | None:
    """Unknown of something that is there and cannot be read: it is no value, and it is not nothing."""
    if is_nothing(raw):
        return True
    return None if READERS[kind](raw) is None else False


# -- the table -----------------------------------------------------------------------------------

# Takes the kind, a comparable value, the operand and what is around, and tells true, false or unknown.
Judge = Callable[[Kind, Any, Any, Circumstances], bool | None]


@dataclass(frozen=True, slots=True)
class Operator:
    """One row of the builder's list.

    `name` is unique, `symbol` the JsonLogic operation; a negated row is that operation inside `!`. `read` turns the
    literal into the operand and raises WrongLiteral. `test` takes a comparable value and the operand; where `judge`
    is set it is asked instead, and may answer unknown. The judge of a row that `takes_raw` gets the JSON value as it
    is, and None where there is none; for all others the comparison is unknown where no comparable value is.
    """

    name: str
    symbol: str
    label: str
    kinds: tuple[Kind, ...]
    shape: Shape
    read: Callable[[Kind, object], Any]
    test: Callable[[Any, Any], bool] | None = None
    negated: bool = False
    judge: Judge | None = None
    takes_raw: bool = False

    def says(self, kind: Kind, value: Any, operand: Any, *, raw: Any, around: Circumstances) -> bool | None:
        """Without its negation, of a comparable value (None: there is none) that was read from a JSON value."""
        if self.takes_raw:
            value = raw
        elif value is None:
            return None
        if self.judge:
            return self.judge(kind, value, operand, around)
        assert self.test is not None
        return bool(self.test(value, operand))


_ANY = tuple(Kind)
_SINGLE = (TEXT, NUMBER, BOOLEAN, COUNTRY, IP)
_LISTED = (TEXT, NUMBER, COUNTRY, IP)
_HOLDERS = (TEXT, MULTISELECT)


def _row(name: str, symbol: str, label: str, kinds: tuple[Kind, ...], shape: Shape, read: Any, test: Any) -> Operator:
    return Operator(name, symbol, label, kinds, shape, read, test)


def _judged(name: str, label: str, kinds: tuple[Kind, ...], read: Any, judge: Judge) -> Operator:
    return Operator(name, name, label, kinds, VALUE, read, judge=judge)


def _not(row: Operator, name: str, label: str) -> Operator:
    return Operator(name, row.symbol, label, row.kinds, row.shape, row.read, row.test, True, row.judge, row.takes_raw)


_IN = _row("in", "in", "is one of", _LISTED, LIST, _members, _is_one_of)
_IN_LIST = Operator("inList", "in", "is on the list", _LISTED, NAMED, _alias, judge=in_list)
_CONTAINS = _row("contains", "in", "contains", _HOLDERS, MEMBER, _filled, python.contains)
_STARTS = _row("startsWith", "startsWith", "starts with", (TEXT,), VALUE, _filled, str.startswith)
_ENDS = _row("endsWith", "endsWith", "ends with", (TEXT,), VALUE, _filled, str.endswith)
_MATCHES = _judged("matches", "matches the pattern", (TEXT,), _pattern, _matches)
_IN_CIDR = _row("ipInCidr", "ipInCidr", "is in range", (IP,), LIST, _networks, _in_networks)
_ANY_OF = _row("containsAny", "containsAny", "contains any of", (MULTISELECT,), LIST, _members, _holds_any)
_EMPTY = Operator("isEmpty", "missing", "is empty", _ANY, ALONE, _nothing, judge=_is_empty, takes_raw=True)

_ROWS: Final = (
    _row("==", "==", "is", _SINGLE, VALUE, _one, python.eq),
    _row("!=", "!=", "is not", _SINGLE, VALUE, _one, python.ne),
    _row(">", ">", "is greater than", (NUMBER,), VALUE, _one, python.gt),
    _row("<", "<", "is less than", (NUMBER,), VALUE, _one, python.lt),
    _row(">=", ">=", "is at least", (NUMBER,), VALUE, _one, python.ge),
    _row("<=", "<=", "is at most", (NUMBER,), VALUE, _one, python.le),
    _row("between", "<=", "is between", (NUMBER,), RANGE, _bounds, _between),
    _IN,
    _not(_IN, "notIn", "is not one of"),
    _IN_LIST,
    _not(_IN_LIST, "notInList", "is not on the list"),
    _CONTAINS,
    _not(_CONTAINS, "notContains", "does not contain"),
    _ANY_OF,
    _row("containsAll", "containsAll", "contains all of", (MULTISELECT,), LIST, _members, _holds_all),
    _not(_ANY_OF, "containsNone", "contains none of"),
    _STARTS,
    _not(_STARTS, "notStartsWith", "does not start with"),
    _ENDS,
    _not(_ENDS, "notEndsWith", "does not end with"),
    _MATCHES,
    _not(_MATCHES, "notMatches", "does not match the pattern"),
    _IN_CIDR,
    _not(_IN_CIDR, "notIpInCidr", "is not in range"),
    _judged("before", "is before", (TEXT,), _moment, _before),
    _judged("after", "is after", (TEXT,), _moment, _after),
    _judged("olderThan", "is longer ago than", (TEXT,), _age, _older),
    _judged("newerThan", "is less long ago than", (TEXT,), _age, _newer),
    _EMPTY,
    _not(_EMPTY, "isNotEmpty", "is not empty"),
)

OPERATORS: Final = {row.name: row for row in _ROWS}
SYMBOLS: Final = tuple(dict.fromkeys(row.symbol for row in _ROWS))


def of_kind(kind: Kind) -> tuple[Operator, ...]:
    """The operators a builder offers for a data point of this kind, most usual first."""
    return tuple(row for row in _ROWS if kind in row.kinds)


def of_symbol(symbol: str, *, negated: bool = False) -> tuple[Operator, ...]:
    """The rows of a JsonLogic operation, or of its negation: one for each shape of its operands."""
    return tuple(row for row in _ROWS if row.symbol == symbol and row.negated == negated)
