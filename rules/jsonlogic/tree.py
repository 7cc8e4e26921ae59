"""A rule as checked: what in it is an operation, what is data, and where each stands."""

from collections.abc import Container
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from rules.jsonlogic.errors import INVALID_RULE, UNKNOWN_OPERATOR, JsonLogicError, limit_exceeded

# Levels of operations, lists and objects, one inside the other.
MAX_DEPTH: Final = 64
MAX_OPERATIONS: Final = 2_000
# Operations, lists, and every value in them.
MAX_VALUES: Final = 20_000

# The operation whose operand is data, whatever it looks like.
PRESERVE: Final = "preserve"


@dataclass(frozen=True, slots=True)
class Literal:
    """Data, without an operation anywhere in it or under `preserve`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Array:
    """A list with an operation somewhere in it."""

    path: str
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """`listed` says whether the operands stand in a list; if not, there is one."""

    path: str
    name: str
    operands: tuple["Node", ...]
    listed: bool


Node = Literal | Array | Operation


def check(rule: object, *, names: Container[str], path: str) -> Node:
    """The tree of a rule. It shares nothing with the rule that could change later.

    Raises JsonLogicError, with the path of the node, for an operation not among `names`, for what is not JSON,
    and beyond MAX_DEPTH, MAX_OPERATIONS and MAX_VALUES.
    """
    return _Checker(names).node(rule, path, depth=1)


class _Checker:
    """Walks a rule once; recursion is bounded by MAX_DEPTH."""

    def __init__(self, names: Container[str]) -> None:
        self.names = names
        self.operations = 0
        self.values = 0

    def node(self, raw: object, path: str, *, depth: int) -> Node:
        if isinstance(raw, dict) and raw:
            self.count(path, depth)
            return self.operation(raw, path, depth=depth)
        if isinstance(raw, list):
            self.count(path, depth)
            return self.array(raw, path, depth=depth)
        return Literal(self.data(raw, path, depth=depth))

    def operation(self, raw: dict[Any, Any], path: str, *, depth: int) -> Operation:
        if len(raw) > 1:
            message = f'An object with several keys is no operation. If it is data, write {{"{PRESERVE}": …}}.'
            raise JsonLogicError(UNKNOWN_OPERATOR, message, path=path)
        [(name, operands)] = raw.items()
        if not isinstance(name, str) or name not in self.names:
            raise JsonLogicError(UNKNOWN_OPERATOR, f"There is no operation {_shown(name)}.", path=path)
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise limit_exceeded(f"A rule can have {MAX_OPERATIONS:,} operations.", path=path)
        here = f"{path}.{name}"
        if name == PRESERVE:
            return Operation(path, name, (Literal(self.data(operands, here, depth=depth + 1)),), listed=False)
        if not isinstance(operands, list):
            return Operation(path, name, (self.node(operands, here, depth=depth + 1),), listed=False)
        return Operation(path, name, self.nodes(operands, here, depth=depth + 1), listed=True)

    def array(self, raw: list[Any], path: str, *, depth: int) -> Literal | Array:
        items = self.nodes(raw, path, depth=depth + 1)
        values = [item.value for item in items if isinstance(item, Literal)]
        return Literal(values) if len(values) == len(items) else Array(path, items)

    def nodes(self, raw: list[Any], path: str, *, depth: int) -> tuple[Node, ...]:
        return tuple([self.node(item, f"{path}[{position}]", depth=depth) for position, item in enumerate(raw)])

    def data(self, raw: object, path: str, *, depth: int) -> Any:
        self.count(path, depth)
        match raw:
            case None | bool() | int() | str():
                return raw
            case float() if isfinite(raw):
                return raw
            case list():
                return [self.data(item, f"{path}[{position}]", depth=depth + 1) for position, item in enumerate(raw)]
            case dict() if all(isinstance(key, str) for key in raw):
                return {key: self.data(value, f"{path}.{key}", depth=depth + 1) for key, value in raw.items()}
        raise JsonLogicError(INVALID_RULE, f"{_shown(raw)} is no JSON value.", path=path)

    def count(self, path: str, depth: int) -> None:
        self.values += 1
        if depth > MAX_DEPTH:
            raise limit_exceeded(f"A rule can be nested {MAX_DEPTH} levels deep.", path=path)
        if self.values > MAX_VALUES:
            raise limit_exceeded(f"A rule can have {MAX_VALUES:,} values.", path=path)


def _shown(raw: object) -> str:
    text = raw if isinstance(raw, str) else type(raw).__name__
    return ascii(text if len(text) <= 40 else f"{text[:40]}…")
