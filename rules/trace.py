"""Why a rule fired or did not: the verdict of each of its conditions, for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.choice_words import told
from rules.condition_tree import ROOT, Comparison, Group, Node, Not
from rules.lists import NOWHERE, Circumstances
from rules.operators import MAX_MATCHED
from rules.registry import VELOCITY
from rules.sentence import describe
from rules.types import MISSING, WANTED, comparable, quoted, shown

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

    @property
    def was(self) -> str:
        """The actual value in words; a boolean as the condition says it."""
        if isinstance(self.actual, bool):
            return TRUE if self.actual else FALSE
        return told(self.data_point or "", self.actual)


def trace(tree: Node | None, values: Mapping[str, Any], around: Circumstances = NOWHERE) -> ConditionTrace:
    """The trace of a tree (None: a rule without conditions), over the values of the data points by key."""
    match tree:
        case None:
            reason = "A rule without conditions never fires."
            return ConditionTrace(path=ROOT, verdict=FALSE, text="No conditions", operator="none", reason=reason)
        case Comparison():
            return _comparison(tree, values.get(tree.point.key, MISSING), around)
        case Group(symbol=symbol):
            children = tuple(trace(child, values, around) for child in tree.children)
            return _parent(tree, symbol, _joined(symbol, children), children)
        case Not():
            child = trace(tree.child, values, around)
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


def _comparison(node: Comparison, actual: Any, around: Circumstances) -> ConditionTrace:
    point, operator = node.point, node.operator
    raw = None if actual is MISSING else actual
    value = None if raw is None else comparable(point.kind, raw)
    truth = judged(node, value, raw=raw, around=around)
    reason = _reason(node, value, actual) if truth is None else ""
    return ConditionTrace(
        path=node.path,
        verdict={True: TRUE, False: FALSE, None: UNKNOWN}[truth],
        text=describe(node),
        operator=operator.name,
        data_point=point.key,
        label=point.label,
        literal=node.literal,
        actual=None if actual is MISSING else actual,
        reason=reason,
    )


def judged(node: Comparison, value: Any, *, raw: Any, around: Circumstances) -> bool | None:
    """A comparison's truth for a comparable value (None: there is none) that was read from a JSON value."""
    truth = node.operator.says(node.point.kind, value, node.operand, raw=raw, around=around)
    return truth if truth is None else truth is not node.operator.negated


def _reason(node: Comparison, value: Any, actual: Any) -> str:
    if actual is MISSING:
        return "Too many actions to tell." if node.point.category == VELOCITY else "There was no value."
    if value is None:
        return f"The value was {shown(actual)}; this needs {WANTED[node.point.kind]}."
    if node.operator.symbol == "matches":
        return f"The text is longer than {MAX_MATCHED:,} characters, and patterns are not looked for in such a one."
    if node.operator.shape.names_list:
        return f"There is no value list {quoted(node.literal)} any more."
    return f"The value was {shown(actual)}; this needs a date or time, such as 2026-01-31."
