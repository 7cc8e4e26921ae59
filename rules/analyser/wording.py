"""The sentences of findings, for an analyst."""

from collections.abc import Sequence
from typing import Final

from rules.condition_tree import Comparison, Node
from rules.engine import RuleSpec
from rules.sentence import describe

NO_CONDITIONS: Final = "This rule has no conditions, so it never fires."
ALWAYS_FIRES: Final = "This rule fires on every action."

_LISTED: Final = 5
# Quotation marks within others.
_INNER: Final = str.maketrans("“”", "‘’")
_LONGEST: Final = 200


def never_fires(clashing: Sequence[Node]) -> str:
    return f"This rule can never fire: {_clash(clashing)}."


def unreachable(cover: Sequence[RuleSpec]) -> str:
    if len(cover) == 1:
        earlier = f"{_names(cover)}, which comes before it, fires too"
    else:
        earlier = f"one of {_names(cover)}, which come before it, fires too"
    return f"This rule never decides: whenever it fires, {earlier}."


def contradiction(rule: RuleSpec, others: Sequence[RuleSpec]) -> str:
    outcomes = _listed(list(dict.fromkeys(_outcome(other) for other in others)), "or")
    return (
        f"This rule wants {_outcome(rule)} on exactly the same actions on which {_names(others)} "
        f"{'wants' if len(others) == 1 else 'want'} {outcomes}."
    )


def duplicate(others: Sequence[RuleSpec]) -> str:
    return f"This rule wants the same outcome on exactly the same actions as {_names(others)}."


def part_never(clashing: Sequence[Node], *, only_unknown: bool) -> str:
    so = ", so this rule fires only where something is missing" if only_unknown else ""
    return f"{_clash(clashing)}{so}."


def part_always(node: Node) -> str:
    if isinstance(node, Comparison):
        known = f" whenever {node.point.label} is known" if node.point.optional else ""
    else:
        known = " whenever it is known"
    return f"{_quoted(node)} is always true{known}."


def never_sent(node: Comparison, actions: int, *, needed: bool) -> str:
    among = "the last action" if actions == 1 else f"any of the last {actions:,} actions"
    so = "this rule cannot fire until it is sent" if needed else f"{_quoted(node)} is unknown until it is sent"
    return f"{node.point.label} did not come with {among}: {so}."


def _clash(nodes: Sequence[Node]) -> str:
    if len(nodes) == 1:
        return f"{_quoted(nodes[0])} can never be true"
    together = "both" if len(nodes) == 2 else "all"
    return f"{_listed([_quoted(node) for node in nodes], 'and')} cannot {together} be true"


def _quoted(node: Node) -> str:
    text = describe(node).translate(_INNER)
    return f"“{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}”"


def _outcome(rule: RuleSpec) -> str:
    return f"“{rule.outcome.capitalize()}”"


def _names(rules: Sequence[RuleSpec]) -> str:
    return _listed([f"“{rule.name}”" for rule in rules], "and")


def _listed(texts: Sequence[str], word: str) -> str:
    if len(texts) > _LISTED:
        texts = [*texts[:_LISTED], f"{len(texts) - _LISTED} more"]
    return f" {word} ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]
