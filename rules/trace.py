"""Why a rule fired or did not: the verdict of each of its conditions, for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.condition_tree import ROOT, Comparison, Group, Node, Not
from rules.sentence import describe
from rules.types import MISSING, WANTED, comparable, shown

TRUE: Final = "true"
FALSE: Final = "false"
UNKNOWN: Final = "unknown"
_OPPOSITE: Final = {TRUE: FALSE, FALSE: TRUE, UNKNOWN: UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionTrace:
    """One node of a rule's conditions, and what came of it.

    `operator` is a name in the table of operators, or and, or, not, none. Only a comparison has a data point,
    label, literal and actual value. `reason` says why the node by itself is unknown, or never true; where it
    says that no value was there, `actual` is None.
    """

    path: str
    verdict: str
    text: str
    operator: str
    data_point: str | None = None
    label: str = ""
    literal: Any = None
    actual: Any = None
    reason: str = ""
    children: tuple["ConditionTrace", ...] = ()


def trace(tree: Node | None, values: Mapping[str, Any]) -> ConditionTrace:
    """The trace of a tree (None: a rule without conditions), over the values of the data points by key."""
    match tree:
        case None:
            reason = "A rule without conditions never fires."
            return ConditionTrace(path=ROOT, verdict=FALSE, text="No conditions", operator="none", reason=reason)
        case Comparison():
            return _comparison(tree, values.get(tree.point.key, MISSING))
        case Group(symbol=symbol):
            children = tuple(trace(child, values) for child in tree.children)
            return _parent(tree, symbol, _joined(symbol, children), children)
        case Not():
            child = trace(tree.child, values)
            return _parent(tree, "not", _OPPOSITE[child.verdict], (child,))
        case _:
            return ConditionTrace(
                path=tree.path, verdict=UNKNOWN, text=describe(tree), operator="none", reason=tree.message
            )


def _joined(symbol: str, children: tuple[ConditionTrace, ...]) -> str:
    verdicts = {child.verdict for child in children}
    settled = TRUE if symbol == "or" else FALSE
    return next(verdict for verdict in (settled, UNKNOWN, _OPPOSITE[settled]) if verdict in verdicts)


def _parent(node: Node, operator: str, verdict: str, children: tuple[ConditionTrace, ...]) -> ConditionTrace:
    return ConditionTrace(path=node.path, verdict=verdict, text=describe(node), operator=operator, children=children)


def _comparison(node: Comparison, actual: Any) -> ConditionTrace:
    point, operator = node.point, node.operator
    value = None if actual is MISSING else comparable(point.kind, actual)
    verdict, reason = UNKNOWN, ""
    if value is not None:
        verdict = TRUE if operator.test(value, node.operand) is not operator.negated else FALSE
    elif actual is MISSING:
        reason = "There was no value."
    else:
        reason = f"The value was {shown(actual)}; this needs {WANTED[point.kind]}."
    return ConditionTrace(
        path=node.path,
        verdict=verdict,
        text=describe(node),
        operator=operator.name,
        data_point=point.key,
        label=point.label,
        literal=node.literal,
        actual=None if actual is MISSING else actual,
        reason=reason,
    )
