"""Conditions as JsonLogic: read and checked into a tree, with every error at the path of its node."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from rules import velocity
from rules.operators import (
    LIST,
    MAX_PROGRAMS,
    MEMBER,
    NAMED,
    OPERATORS,
    PATTERNED,
    RANGE,
    SYMBOLS,
    Operator,
    is_var,
    of_symbol,
)
from rules.registry import VELOCITY, CustomPoint, CustomPoints, DataPoint, UnknownDataPoint, by_key, lookup
from rules.types import NUMBER, Kind, WrongLiteral, quoted, shown

# Levels of operations, one inside the other; a comparison is a level too.
MAX_DEPTH: Final = 16
# Operations in one rule: groups, negations and comparisons.
MAX_NODES: Final = 200
# And in all active rules of an action together. A process that meets a version for the first time compiles them within
# a request, at some 70 microseconds each.
MAX_TOGETHER: Final = 5_000
MAX_LIST: Final = 10_000
# Of the conditions as compact JSON in UTF-8.
MAX_BYTES: Final = 65_536

ROOT: Final = "conditions"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one node, and what to do about it, for the author of the rule."""

    path: str
    message: str


class ConditionsError(ValueError):
    """Conditions that cannot be saved. `problems` has an entry for every fault, in reading order."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(f"{one.path}: {one.message}" for one in problems))
        self.problems = problems


class EmptyConditions(ConditionsError):
    """There are no conditions. An inactive rule may be saved so; an active one may not, and never fires."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`literal` is as written ([lowest, highest] for a range), `operand` as it is compared."""

    path: str
    point: DataPoint
    operator: Operator
    literal: Any
    operand: Any


@dataclass(frozen=True, slots=True)
class Group:
    path: str
    symbol: Literal["and", "or"]
    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    path: str
    child: "Node"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where a node has a problem, and is unknown, so that the rest of a saved rule keeps working."""

    path: str
    message: str


Node = Comparison | Group | Not | Unreadable


def comparisons_in(node: Node) -> Iterator[Comparison]:
    """Every comparison of a tree, in reading order."""
    match node:
        case Comparison():
            yield node
        case Group():
            for child in node.children:
                yield from comparisons_in(child)
        case Not():
            yield from comparisons_in(node.child)
        case Unreadable():
            return


def nodes(node: Node) -> int:
    """How many groups, negations and comparisons a tree has."""
    match node:
        case Group():
            return 1 + sum(map(nodes, node.children))
        case Not():
            return 1 + nodes(node.child)
        case _:
            return 1


def instructions(node: Node) -> int:
    """What RE2 makes of all patterns of a tree together."""
    return sum(one.operand.programsize for one in comparisons_in(node) if one.operator.name in PATTERNED)


def is_empty(conditions: object) -> bool:
    """Whether there are no conditions at all: null, {} or one empty group."""
    return conditions is None or conditions in ({}, {"and": []}, {"or": []})


def check(
    conditions: object, *, custom_points: Iterable[CustomPoint] = (), lists: Mapping[str, Kind] | None = None
) -> Node:
    """The tree of conditions that may be saved. `lists` are the value lists that there are, each with its items' kind.

    Raises EmptyConditions where there are none, and ConditionsError with all problems otherwise.
    Source: https://jsonlogic.com/operations.html, of which this is a subset, with operations of our own for texts,
    times, addresses and choices.
    """
    tree, problems = read(conditions, custom_points=custom_points, lists=lists)
    if tree is None:
        raise EmptyConditions(Problem(ROOT, "Add at least one condition, or switch the rule off."))
    if problems:
        raise ConditionsError(*problems)
    return tree


def read(
    conditions: object, *, custom_points: Iterable[CustomPoint] = (), lists: Mapping[str, Kind] | None = None
) -> tuple[Node | None, tuple[Problem, ...]]:
    """The tree as far as it can be read (None where there are no conditions) and all problems; never raises.

    A saved rule can become unreadable in part: when a data point that it names is removed. Without `lists` a named
    value list is taken to exist.
    """
    if is_empty(conditions):
        return None, ()
    reader = _Reader(by_key(custom_points), lists)
    tree = reader.node(conditions, ROOT, depth=1)
    # Measured last: writing out JSON that is nested too deeply would exhaust the stack.
    if not reader.problems and size(conditions) > MAX_BYTES:
        shorter = f"Shorten the conditions to {MAX_BYTES:,} bytes: make long lists value lists, or split the rule."
        tree = reader.problem(ROOT, shorter)
    if not reader.problems and instructions(tree) > MAX_PROGRAMS:
        tree = reader.problem(ROOT, "Repeat less in the patterns, or have fewer: together they are too large.")
    return tree, tuple(reader.problems)


def write(operator: str, key: str, literal: Any) -> dict[str, Any]:
    """The JsonLogic of one condition, by the operator's name; the literal of a range is [lowest, highest]."""
    row = OPERATORS[operator]
    condition = {row.symbol: row.shape.operands(key, literal)}
    return {"!": condition} if row.negated else condition


def size(conditions: object) -> int:
    """Bytes as compact JSON in UTF-8. Raises RecursionError where it is nested too deeply."""
    return len(json.dumps(conditions, ensure_ascii=False, separators=(",", ":")).encode())


class _Reader:
    """Walks the conditions once; recursion is bounded by MAX_DEPTH, work by MAX_NODES and MAX_LIST."""

    def __init__(self, points: CustomPoints, lists: Mapping[str, Kind] | None) -> None:
        self.points = points
        self.lists = lists
        self.problems: list[Problem] = []
        self.nodes = 0

    def problem(self, path: str, message: str) -> Unreadable:
        self.problems.append(Problem(path, message))
        return Unreadable(path, message)

    def node(self, raw: object, path: str, *, depth: int) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            return self.problem(path, f"Use at most {MAX_NODES} conditions and groups, or split the rule.")
        if depth > MAX_DEPTH:
            return self.problem(path, f"Nest conditions at most {MAX_DEPTH} levels deep, or split the rule.")
        if not isinstance(raw, dict) or len(raw) != 1:
            return self.problem(path, f"Write an object with one operation, such as {_SAMPLE}.")
        [(symbol, operands)] = raw.items()
        if symbol in ("and", "or"):
            return self.group(symbol, operands, path, depth=depth)
        if symbol == "!":
            return self.negation(operands, path, depth=depth)
        return self.comparison(symbol, operands, path, here=f"{path}.{symbol}")

    def group(self, symbol: Any, operands: object, path: str, *, depth: int) -> Node:
        here = f"{path}.{symbol}"
        if not isinstance(operands, list):
            return self.problem(here, f"Write a list of conditions in brackets, not {shown(operands)}.")
        if not operands:
            return self.problem(here, "Add a condition to this group, or remove the group.")
        children: list[Node] = []
        for position, operand in enumerate(operands):
            # The last child is then Unreadable, hence unknown, and stands for all that are left out.
            if self.nodes > MAX_NODES:
                break
            children.append(self.node(operand, f"{here}[{position}]", depth=depth + 1))
        return Group(path, symbol, tuple(children))

    def negation(self, operands: Any, path: str, *, depth: int) -> Node:
        inner, inner_path = operands, f"{path}.!"
        if isinstance(operands, list):
            if len(operands) != 1:
                return self.problem(inner_path, 'Negate one condition; join several by "and" or "or" first.')
            inner, inner_path = operands[0], f"{inner_path}[0]"
        symbol = next(iter(inner)) if isinstance(inner, dict) and len(inner) == 1 else None
        # "not (is one of)" is the row "is not one of", where the table has such a row.
        if symbol in _NEGATABLE and depth < MAX_DEPTH and self.nodes < MAX_NODES:
            self.nodes += 1
            return self.comparison(symbol, inner[symbol], path, here=f"{inner_path}.{symbol}", negated=True)
        return Not(path, self.node(inner, inner_path, depth=depth + 1))

    def comparison(self, symbol: str, operands: Any, path: str, *, here: str, negated: bool = False) -> Node:
        rows = of_symbol(symbol, negated=negated)
        if not rows:
            return self.problem(path, _no_such_operation(symbol, operands))
        row = next((row for row in rows if row.shape.fits(operands)), None)
        if row is None:
            return self.problem(here, _wrong_operands(symbol, rows, operands))
        point = self.point(row.shape.key(operands), f"{here}[{row.shape.var}]")
        if isinstance(point, Unreadable):
            return Unreadable(path, point.message)
        if point.kind not in row.kinds:
            return self.problem(here, _wrong_operator(row, point))
        return self.operand(point, row, row.shape.literal(operands), path, at=here + row.shape.place)

    def point(self, raw: Any, path: str) -> DataPoint | Unreadable:
        key = raw["var"]
        # {"var": ["name"]} is the long form; a default in it would hide that a value is missing.
        if isinstance(key, list) and len(key) == 1:
            key = key[0]
        if len(raw) != 1 or not isinstance(key, str):
            return self.problem(path, 'Write {"var": "<data point>"}, with one name and without a default.')
        try:
            return lookup(key, self.points)
        except UnknownDataPoint as unknown:
            return self.problem(path, f"There is no data point {quoted(key)}. {unknown}")

    def operand(self, point: DataPoint, row: Operator, literal: Any, path: str, *, at: str) -> Node:
        if isinstance(literal, list) and len(literal) > MAX_LIST:
            return self.problem(at, f"Use at most {MAX_LIST:,} values in a list, or make it a value list.")
        try:
            operand = row.read(point.kind, literal)
            self.check_reach(point, literal)
            if row.shape.names_list:
                self.check_list(operand, point)
        except WrongLiteral as wrong:
            unreadable = [self.problem(at + inner, message) for inner, message in wrong.faults]
            return Unreadable(path, unreadable[0].message)
        return Comparison(path, point, row, literal, operand)

    def check_reach(self, point: DataPoint, literal: Any) -> None:
        """A count is told only so far. Raises WrongLiteral."""
        if point.category != VELOCITY or not point.integer:
            return
        numbers = literal if isinstance(literal, list) else [literal]
        if any(isinstance(number, (int, float)) and number > velocity.MAX_THRESHOLD for number in numbers):
            raise WrongLiteral(("", f"Compare with at most {velocity.MAX_THRESHOLD:,}: nobody counts further."))

    def check_list(self, alias: str, point: DataPoint) -> None:
        """Raises WrongLiteral."""
        if self.lists is None:
            return
        if alias not in self.lists:
            raise WrongLiteral(("", f"There is no value list {quoted(alias)}. Make it first, or choose another."))
        if (self.lists[alias] is NUMBER) != (point.kind is NUMBER):
            held = "numbers" if self.lists[alias] is NUMBER else "texts"
            raise WrongLiteral(("", f"The list {quoted(alias)} holds {held}; {point.key} is {_KINDS[point.kind]}."))


_SAMPLE = '{"==": [{"var": "ip.isAnonymous"}, true]}'
_NEGATABLE = frozenset(row.symbol for row in OPERATORS.values() if row.negated)
_MIRRORED = {"==": "==", "!=": "!=", ">": "<", "<": ">", ">=": "<=", "<=": ">="}


def _no_such_operation(symbol: object, operands: object) -> str:
    if symbol == "var":
        name = quoted(operands) if isinstance(operands, str) else '"<data point>"'
        return f'Compare the data point with a value, such as {{"==": [{{"var": {name}}}, true]}}.'
    return f"There is no operation {quoted(str(symbol))}. Use one of: and, or, !, {', '.join(SYMBOLS)}."


def _wrong_operands(symbol: str, rows: tuple[Operator, ...], operands: object) -> str:
    mirrored = _MIRRORED.get(symbol)
    if mirrored and isinstance(operands, list) and len(operands) == 2 and is_var(operands[1]):
        return f'Write the data point first: {{"{mirrored}": {rows[0].shape.form}}}.'
    return f"Write the operands as {' or '.join(row.shape.form for row in rows)}."


def _wrong_operator(row: Operator, point: DataPoint) -> str:
    usable = [one for one in OPERATORS.values() if point.kind in one.kinds and not one.negated]
    names = ", ".join(f'"{one.symbol}"{_REMARKS.get(one.shape.name, "")}' for one in usable)
    return f'"{row.label}" does not work on {point.key}, which is {_KINDS[point.kind]}. Use one of: {names}.'


_REMARKS = {
    LIST.name: " with a list",
    MEMBER.name: " with the value first",
    RANGE.name: " with two bounds",
    NAMED.name: " with a value list",
}
_KINDS = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "multiselect": "a set of choices",
    "country": "a country",
    "ip": "an IP address",
}
