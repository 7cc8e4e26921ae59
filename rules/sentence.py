"""What an analyst reads: conditions in plain English, and the list that the builder offers."""

import json
from collections.abc import Iterable
from typing import Any, Final

from rules.choice_words import number, word
from rules.condition_tree import Comparison, Group, Node, Not, read
from rules.operators import ALONE, LIST, NAMED, RANGE, VALUE, of_kind
from rules.registry import DATA_POINTS, CustomPoint, DataPoint, by_key, lookup
from rules.types import BOOLEAN

_LISTED: Final = 10


def sentence(conditions: object, *, custom_points: Iterable[CustomPoint] = ()) -> str:
    """Conditions in plain English: the same conditions always give the same text. Never raises."""
    tree, _ = read(conditions, custom_points=custom_points)
    return describe(tree) if tree is not None else "No conditions"


def describe(node: Node) -> str:
    """One node in plain English; a group within a group stands in brackets."""
    node = _bare(node)
    match node:
        case Comparison():
            return _comparison(node)
        case Group():
            return f", {node.symbol} ".join(_inner(child) for child in node.children)
        case Not():
            return f"not ({describe(node.child)})"
        case _:
            return "a condition that cannot be read"


def _inner(node: Node) -> str:
    return f"({describe(node)})" if isinstance(_bare(node), Group) else describe(node)


def _bare(node: Node) -> Node:
    # A group of one says what its one condition says.
    while isinstance(node, Group) and len(node.children) == 1:
        node = node.children[0]
    return node


def _comparison(node: Comparison) -> str:
    point, operator = node.point, node.operator
    if point.kind is BOOLEAN and point.otherwise and operator.shape is VALUE:
        return point.label if node.literal is (operator.name == "==") else point.otherwise
    if operator.shape is ALONE:
        return f"{point.label} {operator.label}"
    if operator.shape is NAMED:
        return f"{point.label} {operator.label} “{node.literal}”"
    return f"{point.label} {operator.label} {_literal(node)}"


def _literal(node: Comparison) -> str:
    if node.operator.shape is RANGE:
        return " and ".join(value_words(bound, node.point) for bound in node.literal)
    if node.operator.shape is LIST and isinstance(node.literal, list):
        return _list(node.literal, node.point)
    return value_words(node.literal, node.point)


def _list(items: list[Any], point: DataPoint) -> str:
    texts = [value_words(item, point) for item in items[:_LISTED]]
    if len(items) > _LISTED:
        texts.append(f"{len(items) - _LISTED:,} more")
    return " or ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]


def value_words(value: str | bool | int | float, point: DataPoint) -> str:
    """One value of a data point as a reader calls it, text in quotation marks."""
    if isinstance(value, bool):
        return json.dumps(value)
    return f"“{_within_quotes(word(point, value))}”" if isinstance(value, str) else number(point.key, value)


def _within_quotes(text: str) -> str:
    """On one line, and with nothing that looks like the end of it."""
    escaped = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"')
    return escaped.replace("“", "\\“").replace("”", "\\”")


def catalogue(custom_points: Iterable[CustomPoint] = ()) -> list[dict[str, Any]]:
    """Every data point a rule of this tenant may ask for, with the operators of its kind, ready for JSON."""
    index = by_key(custom_points)
    own = [lookup(point.key, index) for point in index.values()]
    return [_entry(point) for point in [*DATA_POINTS.values(), *{one.key: one for one in own}.values()]]


def _entry(point: DataPoint) -> dict[str, Any]:
    return {
        "key": point.key,
        "label": point.label,
        "description": point.description,
        "category": point.category,
        "kind": point.kind.value,
        "choices": list(point.choices),
        "operators": [{"name": row.name, "label": row.label, "shape": row.shape.name} for row in of_kind(point.kind)],
    }
