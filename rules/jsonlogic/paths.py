"""What a rule reads by keys that stand in it, so that they are taken apart once and what is read often is read once."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from rules.jsonlogic.reading import as_jump, as_key, dotted
from rules.jsonlogic.tree import Array, Literal, Node, Operation

Keys = tuple[str, ...]

# Longer paths are followed key by key: nobody writes them to be fast.
MAX_INLINE: Final = 16

# Operations that give their second operand a scope of its own.
_ITERATIONS: Final = frozenset({"map", "filter", "reduce", "all", "some", "none"})


@dataclass(frozen=True, slots=True)
class Place:
    """So many scopes up and then by these keys; None where one of them is no key."""

    jump: int
    keys: Keys | None


def var_keys(operation: Operation) -> Keys | None:
    """None where an operation says what to read."""
    if not operation.operands:
        return ()
    first = operation.operands[0]
    return tuple(dotted(first.value)) if isinstance(first, Literal) else None


def val_place(operation: Operation) -> Place | None:
    """None where an operation says what to read."""
    values = [operand.value for operand in operation.operands if isinstance(operand, Literal)]
    if len(values) != len(operation.operands):
        return None
    jump = as_jump(values[0]) if values else None
    keys = [as_key(value) for value in (values if jump is None else values[1:])]
    found = tuple(key for key in keys if key is not None)
    return Place(jump or 0, found if len(found) == len(keys) else None)


@dataclass(slots=True)
class Reads:
    """Of the data that a function is given: how often each path is read, and how many keys are read of a container."""

    paths: Counter[Keys] = field(default_factory=Counter)
    containers: dict[Keys, set[str]] = field(default_factory=dict)

    def add(self, keys: Keys) -> None:
        self.paths[keys] += 1
        for length in range(len(keys)):
            self.containers.setdefault(keys[:length], set()).add(keys[length])

    def repeated(self) -> set[Keys]:
        return {keys for keys, count in self.paths.items() if count > 1}

    def shared(self) -> set[Keys]:
        """Containers of which several keys are read."""
        return {keys for keys, parts in self.containers.items() if len(parts) > 1}


def reads(trees: Iterable[Node]) -> Reads:
    found = Reads()
    for tree in trees:
        for operation in _in_scope(tree):
            keys = _keys(operation)
            if keys and len(keys) <= MAX_INLINE:
                found.add(keys)
    return found


def _keys(operation: Operation) -> Keys | None:
    """What the operation reads of the data of its scope; None for what is not read inline."""
    if operation.name == "var":
        return var_keys(operation) if len(operation.operands) < 2 else None
    place = val_place(operation) if operation.name == "val" else None
    return place.keys if place and not place.jump else None


def _in_scope(node: Node) -> Iterator[Operation]:
    """The operations whose data is that of the node."""
    if isinstance(node, Operation):
        yield node
        parts = node.operands
        if node.name == "try":
            parts = parts[:1]
        elif node.name in _ITERATIONS:
            parts = parts[:1] + parts[2:]
    else:
        parts = node.items if isinstance(node, Array) else ()
    for part in parts:
        yield from _in_scope(part)
