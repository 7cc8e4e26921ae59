"""Conditions on data points that the tenant has not sent."""

from collections.abc import Iterator
from typing import Final

from rules.abstraction.solver import Solver
from rules.abstraction.truth import EMPTY
from rules.abstraction.world import Modelled, Part, World
from rules.analyser import wording
from rules.analyser.claim import Claim
from rules.analyser.finding import FindingKind
from rules.condition_tree import Comparison
from rules.sent import SentKeys

# Counted where a rule asks for it, hence never seen before.
_COMPUTED: Final = "velocity."


def never_sent(rule: Modelled, sent: SentKeys, world: World, solver: Solver) -> Iterator[Claim]:
    """Of a rule that can fire: its first condition on each data point that no action had. Silent without actions."""
    first: dict[str, tuple[Part, Comparison]] = {}
    for part in rule.conditions.walk() if rule.conditions and sent.actions else ():
        if isinstance(part.node, Comparison) and _is_unsent(part.node, sent, world):
            first.setdefault(world.home(part.node.point.key), (part, part.node))
    needed = bool(first) and not solver.possible(rule.fires, *(-world.domain(key).known for key in first))
    for key, (part, node) in first.items():
        yield Claim(
            kind=FindingKind.NEVER_SENT,
            rule=rule,
            text=wording.never_sent(node, sent.actions, needed=needed),
            wanted=(rule.fires, world.domain(key).known),
            part=part,
        )


def _is_unsent(node: Comparison, sent: SentKeys, world: World) -> bool:
    point = node.point
    if not point.optional or point.key.startswith(_COMPUTED) or node.operator.symbol == EMPTY:
        return False
    return world.home(point.key) not in set(map(world.home, sent.keys))
