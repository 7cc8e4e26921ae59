"""Conditions and groups that can never be true, or never false, inside a rule that can fire."""

from collections.abc import Iterator

from rules.abstraction.solver import Solver
from rules.abstraction.world import Modelled, Part
from rules.analyser import wording
from rules.analyser.claim import Claim
from rules.analyser.finding import FindingKind
from rules.analyser.reach import conjuncts
from rules.condition_tree import Comparison, Group


def settled_parts(rule: Modelled, solver: Solver) -> Iterator[Claim]:
    """Of a rule that fires on some events, not on all: the nodes of which no part of theirs is to blame.

    Whatever is never true or never false is so by a comparison alone, by an "and" of which each child can be true, or
    by an "or" of which each child can be false; the rest follows.
    """
    for part in rule.conditions.walk() if rule.conditions else ():
        if _never_true(part, solver):
            yield _never(rule, part, solver)
        elif _never_false(part, solver):
            text = wording.part_always(part.node)
            kind, hoped = FindingKind.PART_ALWAYS, (part.rail.true,)
            yield Claim(kind=kind, rule=rule, text=text, wanted=(rule.fires,), hoped=hoped, part=part)


def _never_true(part: Part, solver: Solver) -> bool:
    if not _is_of(part, "and") or solver.possible(part.rail.true):
        return False
    return all(solver.possible(child.rail.true) for child in part.children)


def _never_false(part: Part, solver: Solver) -> bool:
    if not _is_of(part, "or") or solver.possible(part.rail.false):
        return False
    return all(solver.possible(child.rail.false) for child in part.children)


def _is_of(part: Part, symbol: str) -> bool:
    return isinstance(part.node, Comparison) or (isinstance(part.node, Group) and part.node.symbol == symbol)


def _never(rule: Modelled, part: Part, solver: Solver) -> Claim:
    true = {one.rail.true: one for one in conjuncts(part)}
    clashing = [true[literal].node for literal in solver.clash((), tuple(true))]
    text = wording.part_never(clashing, only_unknown=part is rule.conditions)
    kind, hoped = FindingKind.PART_NEVER, (part.rail.false,)
    return Claim(kind=kind, rule=rule, text=text, wanted=(rule.fires,), hoped=hoped, part=part)
