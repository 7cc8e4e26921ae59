"""Rules that fire on exactly the same events."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from rules.abstraction.solver import Solver, Undecided
from rules.abstraction.world import Modelled
from rules.analyser import wording
from rules.analyser.claim import Claim
from rules.analyser.finding import FindingKind


def equal_rules(rules: Sequence[Modelled], solver: Solver) -> Iterator[Claim]:
    """Of acting rules that can fire: each against those before it that fire on the same events."""
    alike: dict[int, list[Modelled]] = {}
    for rule in rules:
        # An event on which only one of two rules fires tells them apart without a question.
        alike.setdefault(solver.mask(rule.fires), []).append(rule)
    for suspects in alike.values():
        for equal in _classes(suspects, solver):
            for place, rule in enumerate(equal):
                yield from _claims(rule, equal[:place])


def _classes(suspects: Sequence[Modelled], solver: Solver) -> list[list[Modelled]]:
    classes: list[list[Modelled]] = []
    for rule in suspects:
        with suppress(Undecided):
            found = next((equal for equal in classes if _is_equal(rule, equal[0], solver)), None)
            if found is None:
                classes.append([rule])
            else:
                found.append(rule)
    return classes


def _is_equal(one: Modelled, other: Modelled, solver: Solver) -> bool:
    return not (solver.possible(one.fires, -other.fires) or solver.possible(-one.fires, other.fires))


def _claims(rule: Modelled, equal: Sequence[Modelled]) -> Iterator[Claim]:
    against = tuple(other for other in equal if other.spec.outcome != rule.spec.outcome)
    alike = tuple(other for other in equal if other.spec.outcome == rule.spec.outcome)
    if against:
        text = wording.contradiction(rule.spec, [other.spec for other in against])
        yield Claim(kind=FindingKind.CONTRADICTION, rule=rule, text=text, wanted=(rule.fires,), others=against)
    if alike:
        text = wording.duplicate([other.spec for other in alike])
        yield Claim(kind=FindingKind.DUPLICATE, rule=rule, text=text, wanted=(rule.fires,), others=alike)
