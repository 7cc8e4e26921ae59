"""What follows in a row when its data point or its operator is changed."""

from collections.abc import Mapping

from rules import inputs
from rules.choice_words import choices
from rules.forms import Condition, Group, walk, write
from rules.inputs import Input, lines
from rules.operators import LIST, OPERATORS, of_kind
from rules.own import Own
from rules.registry import DataPoint, by_key, point_of


def suited(root: Group, own: Own, was: Mapping[int, str]) -> None:
    """Where the data point or the operator of a row was just changed, let the rest of the row follow.

    `was` tells of each row what it was about when it was drawn. Rows that nobody touched stay as they are, right or
    wrong.
    """
    index = by_key(own.points)
    for node, _up in walk(root):
        point = point_of(node.point, index) if isinstance(node, Condition) else None
        if point is None or not isinstance(node, Condition):
            continue
        before, _, operator = was.get(node.ident, "|").rpartition("|")
        if before != node.point:
            _follow_point(node, point, own, is_first=not before)
        elif operator != node.operator:
            _follow_operator(node, point, own)


def _follow_point(node: Condition, point: DataPoint, own: Own, *, is_first: bool) -> None:
    usual = [row.name for row in of_kind(point.kind)]
    if node.operator not in usual:
        node.operator = usual[0]
    # A value that was typed before any data point was chosen was meant for this one.
    if not is_first and not _reads(node, own):
        node.value = node.high = ""
    _follow_operator(node, point, own)


def _follow_operator(node: Condition, point: DataPoint, own: Own) -> None:
    """A value that the new choices do not hold is none."""
    operator = OPERATORS.get(node.operator)
    if operator and operator.shape is LIST:
        node.value = "\n".join(lines(node.value))
    worn = inputs.worn(operator, point, node.value)
    closed = {
        Input.BOOLEAN: ["true", "false"],
        Input.VALUE_LIST: own.lists_for(point.kind),
        Input.ONE: list(choices(point)),
        Input.SEVERAL: list(choices(point)),
    }.get(worn)
    if closed is not None and not set(lines(node.value)) <= set(closed):
        node.value = ""
    if worn is Input.BOOLEAN and not node.value:
        node.value = "true"


def _reads(node: Condition, own: Own) -> bool:
    alone = Group(0, children=[node])
    return not write(alone, custom_points=own.points, lists=own.lists).problems
