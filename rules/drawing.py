"""Conditions as rows of the builder, without loss.

What the rows cannot say exactly as it stands is not drawn: `draw` returns None, and the conditions are left alone.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rules import condition_tree
from rules.forms import MAX_ROWS, NUMBER_TEXT, UNKNOWN_KIND, Condition, Group, Node, walk, write
from rules.operators import ALONE, LIST, NAMED, RANGE, Operator, of_symbol
from rules.registry import CustomPoint, CustomPoints, by_key, point_of
from rules.types import MULTISELECT, Kind


def draw(conditions: object, *, custom_points: Sequence[CustomPoint] = ()) -> Group | None:
    """The rows that say exactly these conditions, or None where no rows do. `write` gives the same JSON back."""
    if condition_tree.is_empty(conditions):
        return Group(0)
    if not _is_small(conditions):
        return None
    root = _Drawer(by_key(custom_points)).node(conditions)
    if not isinstance(root, Group) or sum(1 for _ in walk(root)) > MAX_ROWS:
        return None
    written = write(root, custom_points=custom_points).conditions
    return root if _same(written, conditions) else None


def redraw(conditions: object, *, custom_points: Sequence[CustomPoint] = ()) -> Group | None:
    """Rows that mean the same as conditions which `draw` cannot draw, in the builder's spelling; None if none do."""
    tree, problems = condition_tree.read(conditions, custom_points=custom_points)
    if tree is None or problems or not _is_small(conditions):
        return None
    try:
        meant = _canonical(tree)
    except NotDrawable:
        return None
    if not set(meant) & {"and", "or"} and not _is_negated_group(meant):
        meant = {"and": [meant]}
    return draw(meant, custom_points=custom_points)


class NotDrawable(ValueError):
    """There are no rows for this."""


def _canonical(node: condition_tree.Node) -> dict[str, Any]:
    match node:
        case condition_tree.Comparison():
            return condition_tree.write(node.operator.name, node.point.key, node.literal)
        case condition_tree.Group():
            return {node.symbol: [_canonical(child) for child in node.children]}
        case condition_tree.Not(child=condition_tree.Not(child=inner)):
            return _canonical(inner)
        case condition_tree.Not(child=condition_tree.Group() as group):
            return {"!": _canonical(group)}
        case condition_tree.Not(child=child):
            return {"!": {"and": [_canonical(child)]}}
        case _:
            raise NotDrawable


def _is_negated_group(meant: Mapping[str, Any]) -> bool:
    inner = meant.get("!")
    return isinstance(inner, dict) and bool(set(inner) & {"and", "or"})


class _Drawer:
    def __init__(self, points: CustomPoints) -> None:
        self.points = points
        self.made = 0

    def node(self, raw: object, depth: int = 1) -> Node | None:
        if not isinstance(raw, dict) or len(raw) != 1 or depth > condition_tree.MAX_DEPTH:
            return None
        ident, self.made = self.made, self.made + 1
        [(symbol, operands)] = raw.items()
        if symbol in ("and", "or"):
            return self.group(ident, symbol, operands, depth)
        if symbol != "!":
            return self.condition(ident, symbol, operands)
        if not isinstance(operands, dict) or len(operands) != 1:
            return None
        [(inner, inner_operands)] = operands.items()
        if inner in ("and", "or"):
            return self.group(ident, inner, inner_operands, depth, negated=True)
        return self.condition(ident, inner, inner_operands, negated=True)

    def group(self, ident: int, join: str, operands: object, depth: int, *, negated: bool = False) -> Group | None:
        if not isinstance(operands, list):
            return None
        children = [self.node(operand, depth + 1) for operand in operands]
        drawn = [child for child in children if child is not None]
        return Group(ident, join, negated, drawn) if len(drawn) == len(children) else None

    def condition(self, ident: int, symbol: str, operands: Any, *, negated: bool = False) -> Condition | None:
        row = next((row for row in of_symbol(symbol, negated=negated) if row.shape.fits(operands)), None)
        if row is None:
            return None
        var, literal = row.shape.key(operands), row.shape.literal(operands)
        if len(var) != 1 or not isinstance(var["var"], str):
            return None
        try:
            return _row(ident, var["var"], row, literal, self.kind(var["var"]))
        except NotDrawable:
            return None

    def kind(self, key: str) -> Kind:
        point = point_of(key, self.points)
        return point.kind if point else UNKNOWN_KIND


def _row(ident: int, key: str, row: Operator, literal: Any, kind: Kind) -> Condition:
    if row.shape is ALONE:
        return Condition(ident, key, row.name)
    if row.shape is NAMED:
        return Condition(ident, key, row.name, literal)
    if row.shape is RANGE:
        low, high = literal
        return Condition(ident, key, row.name, _text(low, kind), _text(high, kind))
    if row.shape is not LIST:
        return Condition(ident, key, row.name, _text(literal, kind))
    items = literal if isinstance(literal, list) else [literal]
    lines = "\n".join(_text(item, kind) for item in items)
    return Condition(ident, key, row.name, lines, alone=not isinstance(literal, list))


def _text(literal: Any, kind: Kind) -> str:
    """A literal as a form field holds it. Raises NotDrawable; whether it is read back the same is seen by `draw`."""
    if isinstance(literal, bool):
        return "true" if literal else "false"
    if isinstance(literal, (int, float)):
        return repr(literal)
    if not isinstance(literal, str) or not literal.isprintable():
        raise NotDrawable
    if kind is MULTISELECT and (NUMBER_TEXT.fullmatch(literal) or literal[:1] == '"'):
        return json.dumps(literal)
    return literal


def _is_small(conditions: object) -> bool:
    try:
        # Longer ones could not be saved either.
        return condition_tree.size(conditions) <= condition_tree.MAX_BYTES
    except RecursionError:
        return False


def _same(one: object, other: object) -> bool:
    """Equal as JSON: 1, 1.0 and true are three things."""
    return json.dumps(one) == json.dumps(other)
