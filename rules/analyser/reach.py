"""Which rules never fire, always fire, or never decide because earlier ones always do."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

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
    """Of a rule that can fire, but never without one of those that come before it and do decide."""
    cover = _cover(rule, deciding, solver)
    return Claim(
        kind=FindingKind.UNREACHABLE,
        rule=rule,
        text=wording.unreachable([other.spec for other in cover]),
        wanted=_decides(cover[0], rule, deciding),
        others=tuple(cover),
    )


def _cover(rule: Modelled, deciding: Sequence[Modelled], solver: Solver) -> Sequence[Modelled]:
    """Rules of which one fires whenever this does, and each decides on some of these events."""
    candidates = deciding
    while True:
        needed = solver.clash((rule.fires,), [-other.fires for other in candidates])
        cover = [other for other in candidates if -other.fires in needed]
        # A rule that decides nowhere this one fires need not be named: those that do cover it as well.
        idle = [other for other in cover if not solver.possible(*_decides(other, rule, deciding))]
        if not idle:
            return cover
        candidates = [other for other in candidates if other not in idle]


def _decides(other: Modelled, rule: Modelled, deciding: Sequence[Modelled]) -> tuple[int, ...]:
    """What holds where both fire and the other decides."""
    earlier = takewhile(lambda one: one is not other, deciding)
    return rule.fires, other.fires, *(-one.fires for one in earlier)


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
