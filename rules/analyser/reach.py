"""Which rules never fire, always fire, or never decide because earlier ones always do."""

from collections.abc import Iterator, Sequence

from rules.abstraction.solver import Solver
from rules.abstraction.world import Modelled, Part, World
from rules.analyser import wording
from rules.analyser.claim import Claim
from rules.analyser.finding import FindingKind
from rules.condition_tree import Group


def never_fires(rule: Modelled, solver: Solver) -> Claim:
    """Of a rule that is known never to fire."""
    if rule.conditions is None:
        return Claim(kind=FindingKind.NEVER_FIRES, rule=rule, text=wording.NO_CONDITIONS)
    parts = {rule.holds(part.rail): part for part in conjuncts(rule.conditions)}
    clashing = [parts[literal].node for literal in solver.clash((), tuple(parts))]
    return Claim(
        kind=FindingKind.NEVER_FIRES,
        rule=rule,
        text=wording.never_fires(clashing),
        hoped=tuple(part.rail.true for part in _first_way(rule.conditions)),
    )


def always_fires(rule: Modelled, world: World) -> Claim:
    """Of a rule that is known to fire on every event."""
    known = tuple(world.domain(key).known for key in rule.keys)
    return Claim(kind=FindingKind.ALWAYS_FIRES, rule=rule, text=wording.ALWAYS_FIRES, hoped=known)


def unreachable(rule: Modelled, deciding: Sequence[Modelled], solver: Solver) -> Claim:
    """Of a rule that can fire but is known never to without one of the earlier rules `deciding`."""
    cover, decider = _cover(rule, deciding, solver)
    return Claim(
        kind=FindingKind.UNREACHABLE,
        rule=rule,
        text=wording.unreachable([other.spec for other in cover]),
        wanted=(rule.fires, *decider),
        others=tuple(cover),
    )


def _cover(rule: Modelled, deciding: Sequence[Modelled], solver: Solver) -> tuple[list[Modelled], tuple[int, ...]]:
    """Rules of which one fires whenever this does, and what holds where one of them decides."""
    for place, other in enumerate(deciding):
        decides = (rule.fires, other.fires, *(-earlier.fires for earlier in deciding[:place]))
        if not solver.possible(rule.fires, -other.fires) and solver.possible(*decides):
            return [other], decides
    return _joint_cover(rule, deciding, solver)


def _joint_cover(
    rule: Modelled, deciding: Sequence[Modelled], solver: Solver
) -> tuple[list[Modelled], tuple[int, ...]]:
    by_literal = {-other.fires: other for other in deciding}
    decides = {literal: (rule.fires, -literal, *list(by_literal)[:place]) for place, literal in enumerate(by_literal)}
    while True:
        few = solver.clash((rule.fires,), tuple(by_literal))
        # A rule that decides nowhere this one fires need not be named: those that do decide cover it as well.
        idle = [literal for literal in few if not solver.possible(*decides[literal])]
        if not idle:
            return [by_literal[literal] for literal in few], decides[few[0]]
        by_literal = {literal: other for literal, other in by_literal.items() if literal not in idle}


def conjuncts(part: Part) -> Iterator[Part]:
    """What must hold together for this part to hold."""
    if isinstance(part.node, Group) and (part.node.symbol == "and" or len(part.children) == 1):
        for child in part.children:
            yield from conjuncts(child)
    else:
        yield part


def _first_way(part: Part) -> Iterator[Part]:
    """The conditions of one way to satisfy this part."""
    if not isinstance(part.node, Group):
        yield part
    else:
        for child in part.children if part.node.symbol == "and" else part.children[:1]:
            yield from _first_way(child)
