"""From a draft to the rules in force, and back to what they once were.

Each step says which draft its reader has *seen* and is refused when that is no longer the newest: nobody publishes,
discards or takes back what they did not look at. All of it happens under the lock of the configuration.
"""

import uuid
from collections.abc import Iterable, Set
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rules import condition_tree, policies
from rules.models import ActionConfiguration, PolicyVersion, Rule
from rules.operators import MAX_PROGRAMS
from rules.registry import VELOCITY, CustomPoint
from rules.value_lists import kinds_of
from rules.velocity import MAX_VELOCITIES, parse
from rules.versions import Difference, Snapshot, difference

_TOO_MANY = gettext_lazy(
    "Up to and with this rule there are more than %(limit)s conditions and groups: remove some, or switch rules off."
)
_TOO_LARGE = gettext_lazy(
    "Up to and with this rule the patterns are too large together: repeat less in them, or switch rules off."
)


class Refused(Exception):
    """Not done; the text is for the reader."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a draft cannot be published: one thing that is wrong with one of its active rules."""

    rule_id: str
    name: str
    message: str


def snapshot_of(kept: PolicyVersion) -> Snapshot:
    return Snapshot(kept.default_outcome, kept.rules, kept.custom_points)


def newest(configuration: ActionConfiguration) -> PolicyVersion:
    """What was saved last: the draft, or what is in force."""
    return configuration.versions.get(version=configuration.draft_version)


def draft_difference(configuration: ActionConfiguration) -> Difference:
    """What publishing would change. False too where something was changed, and changed back."""
    return difference(snapshot_of(configuration.published()), snapshot_of(newest(configuration)))


def rules_differ(configuration: ActionConfiguration, kept: PolicyVersion) -> bool:
    """Whether the rules that were saved last are others than those of a kept version."""
    return bool(difference(Snapshot("", newest(configuration).rules), Snapshot("", kept.rules)))


def faults(configuration: ActionConfiguration) -> list[Fault]:
    """What keeps the draft from being published. An active rule, shadow or not, must be able to fire."""
    draft, lists = newest(configuration), kinds_of(configuration.tenant)
    points, seen = policies.custom_points(draft), set[str]()
    found, conditions, instructions = list[Fault](), 0, 0
    for rule in sorted((rule for rule in draft.rules if rule["isActive"]), key=itemgetter("priority")):
        tree, problems = _checked(rule["conditions"], custom_points=points, lists=lists)
        size, patterns = (condition_tree.nodes(tree), condition_tree.instructions(tree)) if tree else (0, 0)
        if conditions <= condition_tree.MAX_TOGETHER < conditions + size:
            problems = [_TOO_MANY % {"limit": condition_tree.MAX_TOGETHER}]
        if instructions <= MAX_PROGRAMS < instructions + patterns:
            problems = [*problems, str(_TOO_LARGE)]
        own = velocities_in(rule["conditions"], points)
        problems = [*problems, *surplus(own, beside=seen)]
        conditions, instructions, seen = conditions + size, instructions + patterns, seen | own
        found += [Fault(rule["ruleId"], rule["name"], problem) for problem in problems]
    return found


def _checked(conditions: Any, **around: Any) -> tuple[condition_tree.Node | None, list[str]]:
    """The tree, or what is wrong with the conditions."""
    try:
        return condition_tree.check(conditions, **around), []
    except condition_tree.ConditionsError as error:
        return None, [problem.message for problem in error.problems]


def velocities_in(conditions: Any, points: Iterable[CustomPoint]) -> set[str]:
    """The keys of the velocities that conditions ask for."""
    tree, _problems = condition_tree.read(conditions, custom_points=points)
    found = condition_tree.comparisons_in(tree) if tree else ()
    return {one.point.key for one in found if one.point.category == VELOCITY}


def surplus(own: Set[str], *, beside: Set[str]) -> list[str]:
    """What is wrong with a rule that asks for more velocities than there may be `beside` those of other rules."""
    if len(own | beside) <= MAX_VELOCITIES or not own - beside:
        return []
    text = _(
        "The active rules of an action together use at most %(most)s different velocities; with this rule they use "
        "%(number)s. It adds: %(added)s. Use velocities that other rules use too, or switch a rule off."
    )
    added = "; ".join(parse(key).label for key in sorted(own - beside))
    return [text % {"most": MAX_VELOCITIES, "number": len(own | beside), "added": added}]


@transaction.atomic
def publish(configuration: ActionConfiguration, *, seen: str, author_id: int) -> int:
    """The newest version is in force from the next request on; returns its number. Raises Refused."""
    locked = locked_as_seen(configuration, seen)
    if not draft_difference(locked):
        raise Refused(_("There is nothing to publish: the rules in force are the same."))
    if faults(locked):
        raise Refused(_("These rules cannot be published as they are."))
    locked.publish(author_id=author_id)
    return locked.version


@transaction.atomic
def discard(configuration: ActionConfiguration, *, seen: str, author_id: int, note: str) -> int:
    """Make the draft what is in force; returns that version. The draft that was stays as a version. Raises Refused."""
    locked = locked_as_seen(configuration, seen)
    return _rewrite(locked, locked.published(), author_id=author_id, note=note)


@transaction.atomic
def revert(configuration: ActionConfiguration, kept: PolicyVersion, *, seen: str, author_id: int, note: str) -> int:
    """Make the draft what a kept version was; returns that version. Nothing is published. Raises Refused."""
    return _rewrite(locked_as_seen(configuration, seen), kept, author_id=author_id, note=note)


def _rewrite(locked: ActionConfiguration, kept: PolicyVersion, *, author_id: int, note: str) -> int:
    """The rows become the rules of a kept version, each with its id of then."""
    if not rules_differ(locked, kept):
        raise Refused(_("The rules are the same as in version %(version)s already.") % {"version": kept.version})
    wanted = {uuid.UUID(rule["ruleId"]): rule for rule in kept.rules}
    rows = {rule.pk: rule for rule in locked.rules.all()}
    locked.rules.exclude(pk__in=wanted).delete()
    for ident, snapshot in wanted.items():
        rule = rows.get(ident) or Rule(pk=ident, configuration=locked)
        rule.restore(snapshot)
        rule.save(force_insert=ident not in rows)
    locked.save_draft(author_id=author_id, note=note)
    return kept.version


def locked_as_seen(configuration: ActionConfiguration, seen: str) -> ActionConfiguration:
    """The configuration under lock, if its newest draft is the one that was seen. Raises Refused."""
    locked = ActionConfiguration.objects.select_for_update().get(pk=configuration.pk)
    if str(locked.draft_version) != seen:
        raise Refused(_("Somebody changed the rules after you opened this page. Look at what is different now."))
    return locked
