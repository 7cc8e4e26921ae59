"""What differs between two versions of a rule's conditions: as sentences, and line by line where those fall short."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final

from rules.condition_tree import Comparison, Group, Node, Not, read
from rules.operators import LIST
from rules.registry import CustomPoint
from rules.sentence import describe, sentence

ADDED, GONE, KEPT = "added", "removed", "kept"
_HEADS: Final = {"and": "All of these hold", "or": "Any of these holds"}
# Characters of JSON, and values of a list, that are shown.
_LONGEST: Final = 200
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A condition, or the head of a group, at its depth. `mark` is ADDED, GONE or KEPT.

    `detail` is what a text leaves out that makes it differ from the one it takes the place of.
    """

    mark: str
    depth: int
    text: str
    detail: str = ""

    @property
    def steps(self) -> range:
        return range(self.depth)


@dataclass(frozen=True, slots=True)
class ConditionsChange:
    """Two sentences and, where those are not enough, the indented conditions with what came and went.

    `is_spelling`: the JSON differs and the meaning does not.
    """

    before: str
    after: str
    lines: tuple[Line, ...] = ()
    is_spelling: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """Conditions as JsonLogic, and the custom points of their time."""

    conditions: Any
    points: Sequence[CustomPoint]

    @property
    def sentence(self) -> str:
        return sentence(self.conditions, custom_points=self.points)


def compare(before: Side, after: Side) -> ConditionsChange | None:
    """None where the JSON is the same, however its keys are ordered."""
    if to_json(before.conditions) == to_json(after.conditions):
        return None
    items = _items(before), _items(after)
    told = ConditionsChange(before.sentence, after.sentence)
    lines = tuple(_compared(*items))
    is_plain = all(map(_is_plain, items)) and not any(line.detail for line in lines)
    if all(line.mark == KEPT for line in lines) or (is_plain and told.before == told.after):
        return replace(told, is_spelling=True)
    return told if is_plain else replace(told, lines=lines)


def to_json(value: Any) -> str:
    """Equal for equal values: true is not 1, and the order of keys says nothing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Item:
    """A line before it is compared. `key` is its meaning; only a comparison that can be read has a `node`."""

    depth: int
    key: str
    text: str
    node: Comparison | None = None
    is_head: bool = False


def _is_plain(items: Sequence[_Item]) -> bool:
    """Whether the sentence says it all."""
    leaves = [item for item in items if not item.is_head]
    return len(leaves) <= 1 and all(item.node for item in leaves)


def _items(side: Side) -> list[_Item]:
    tree, _ = read(side.conditions, custom_points=side.points)
    return [] if tree is None else list(_walk(tree, side.conditions, 0))


def _walk(node: Node, raw: Any, depth: int) -> Iterator[_Item]:
    match node:
        case Group(symbol=symbol, children=children):
            yield _Item(depth, symbol, _HEADS[symbol], is_head=True)
            for child, operand in zip(children, raw[symbol], strict=False):
                yield from _walk(child, operand, depth + 1)
        case Not(child=child):
            yield _Item(depth, "!", "Not the following", is_head=True)
            inner = raw["!"]
            yield from _walk(child, inner[0] if isinstance(inner, list) else inner, depth + 1)
        case Comparison():
            yield _Item(depth, to_json([node.point.key, node.operator.name, node.literal]), describe(node), node)
        case _:
            yield _Item(depth, to_json(raw), f"A condition that cannot be read: {_shortened(to_json(raw))}")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _compared(old: Sequence[_Item], new: Sequence[_Item]) -> Iterator[Line]:
    before, after = ([(item.depth, item.key) for item in side] for side in (old, new))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        gone, come = old[start:end], new[new_start:new_end]
        if tag == "equal":
            yield from (Line(KEPT, item.depth, item.text) for item in come)
        else:
            yield from (Line(GONE, item.depth, item.text, _same_words(item, come)) for item in gone)
            yield from (Line(ADDED, item.depth, item.text, _detail(item, gone)) for item in come)


def _detail(item: _Item, gone: Sequence[_Item]) -> str:
    if item.node and item.node.operator.shape is LIST:
        for other in gone:
            if other.node and _asks_the_same(item.node, other.node):
                return _other_values(other.node.literal, item.node.literal)
    return _same_words(item, gone)


def _asks_the_same(one: Comparison, other: Comparison) -> bool:
    return (one.point.key, one.operator.name) == (other.point.key, other.operator.name)


def _other_values(before: list[Any], after: list[Any]) -> str:
    """A long list is cut off in its sentence, so what changed of it is told apart."""
    old, new = ({to_json(value): value for value in values} for values in (before, after))
    come, gone = ([side[key] for key in side if key not in other] for side, other in ((new, old), (old, new)))
    told = [f"{word}: {_listed(values)}." for word, values in (("Added", come), ("Removed", gone)) if values]
    return " ".join(told) or "The same values, written differently."


def _listed(values: list[Any]) -> str:
    more = f" and {len(values) - _LISTED:,} more" if len(values) > _LISTED else ""
    return ", ".join(to_json(value) for value in values[:_LISTED]) + more


def _same_words(item: _Item, others: Sequence[_Item]) -> str:
    """What tells a condition apart from another one that reads the same: its data point, or how it is written."""
    twins = [other for other in others if other.text == item.text and other.key != item.key]
    if item.node is None:
        return "Different further on." if twins else ""
    if any(twin.node and twin.node.point.key != item.node.point.key for twin in twins):
        return item.node.point.key
    # What changed of a list stands at the line that takes its place.
    return _shortened(item.key) if twins and item.node.operator.shape is not LIST else ""
