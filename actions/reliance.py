"""What rules rest on that is not there: data points that never come, stopped coming, or never vary."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from django.db.models import F

from actions import liveness
from actions.gather import CARD, CRYPTO
from actions.liveness import Arrival, Arrivals
from actions.rule_numbers import ENOUGH
from authsignal_portal.models import Tenant
from rules import condition_tree, policies
from rules.condition_tree import Node, comparisons_in
from rules.engine import RuleSpec
from rules.models import ActionConfiguration, PolicyVersion
from rules.registry import DATA_POINTS, CustomPoint, DataPoint
from rules.rule_form import custom_points_of
from rules.sent import Effect, effect, needs

# In fewer actions, a value that is always the same says nothing, and one that never came is no alarm.
VARIES_WITHIN: Final = 100
ALARMING: Final = 1_000


@dataclass(frozen=True, slots=True)
class Reliance:
    """An active rule of an action, as it decides now or, where that is another, as its draft has it."""

    configuration: ActionConfiguration
    spec: RuleSpec
    tree: Node
    is_in_force: bool

    @property
    def says(self) -> tuple[str, object, bool]:
        return self.spec.rule_id, self.spec.conditions, self.spec.fires_on_unknown

    @property
    def points(self) -> dict[str, DataPoint]:
        """The data points that it names, by the keys that must arrive for them."""
        return {key: one.point for one in comparisons_in(self.tree) for key in needs(one.point)}


class Lack(StrEnum):
    """What is wrong with a data point, worst first."""

    STOPPED = "stopped"
    ABSENT = "absent"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Affected:
    """A rule that rests on a data point; `effect` is None where that only never varies."""

    spec: RuleSpec
    is_in_force: bool
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class Finding:
    """`arrival` is None where the data point came with none of the `actions` looked at."""

    configuration: ActionConfiguration
    key: str
    label: str
    lack: Lack
    actions: int
    arrival: Arrival | None
    rules: tuple[Affected, ...]

    @property
    def is_alarming(self) -> bool:
        return self.lack is Lack.STOPPED or (self.lack is Lack.ABSENT and self.actions >= ALARMING)


def alarms(tenant: Tenant) -> list[Finding]:
    """Where rules in force rest on what does not arrive (any more). Raises OperationalError: that took too long."""
    resting = list(in_force(tenant))
    arrived = liveness.arrivals(tenant) if resting else {}
    by_action = groupby(resting, key=lambda one: one.configuration.action_code)
    found = [finding for code, rules in by_action for finding in findings(list(rules), arrived.get(code, Arrivals()))]
    return [finding for finding in found if finding.is_alarming]


def of_action(configuration: ActionConfiguration) -> list[Reliance]:
    """Those in force, then the drafts that differ from them."""
    published = list(in_force(configuration.tenant, configuration))
    same = [one.says for one in published]
    specs = [RuleSpec.from_json(rule.snapshot()) for rule in configuration.rules.all()]
    drafts = _active(configuration, specs, custom_points_of(configuration.tenant), is_in_force=False)
    return published + [one for one in drafts if one.says not in same]


def in_force(tenant: Tenant, configuration: ActionConfiguration | None = None) -> Iterator[Reliance]:
    """Of one action, or of all, one action after the other."""
    rows = PolicyVersion.objects.filter(configuration__tenant=tenant, version=F("configuration__version"))
    if configuration is not None:
        rows = rows.filter(configuration=configuration)
    for row in rows.select_related("configuration").order_by("configuration__action_code"):
        yield from _active(row.configuration, policies.specs(row), policies.custom_points(row), is_in_force=True)


def _active(
    configuration: ActionConfiguration, specs: Iterable[RuleSpec], points: Sequence[CustomPoint], *, is_in_force: bool
) -> Iterator[Reliance]:
    for spec in sorted(specs, key=lambda spec: spec.priority):
        tree, _problems = condition_tree.read(spec.conditions, custom_points=points)
        if spec.is_active and tree is not None:
            yield Reliance(configuration, spec, tree, is_in_force)


def findings(resting: Sequence[Reliance], arrived: Arrivals) -> list[Finding]:
    """What the rules of one action lack, worst first."""
    points = {key: point for one in resting for key, point in one.points.items()}
    lacks = {key: lack for key in points if (lack := lack_of(arrived, key)) is not None}
    missing = {key for key, lack in lacks.items() if lack is not Lack.CONSTANT}
    found = [
        Finding(
            configuration=resting[0].configuration,
            key=key,
            label=label(key, points[key]),
            lack=lack,
            actions=arrived.actions,
            arrival=arrived.points.get(key),
            rules=tuple(_affected(one, missing, lack) for one in resting if key in one.points),
        )
        for key, lack in lacks.items()
    ]
    return sorted(found, key=lambda one: (list(Lack).index(one.lack), one.key))


def lack_of(arrived: Arrivals, key: str) -> Lack | None:
    if arrived.actions < ENOUGH:
        return None
    arrival = arrived.points.get(key)
    if arrival is None:
        return Lack.ABSENT
    if arrival.has_stopped:
        return Lack.STOPPED
    return Lack.CONSTANT if arrival.only is not None and arrival.present >= VARIES_WITHIN else None


def _affected(one: Reliance, missing: set[str], lack: Lack) -> Affected:
    comes_to = effect(one.tree, missing, fires_on_unknown=one.spec.fires_on_unknown)
    return Affected(one.spec, one.is_in_force, None if lack is Lack.CONSTANT else comes_to)


def label(key: str, named_by: DataPoint) -> str:
    """Of the data point itself, where the rule names a velocity that is counted by it."""
    if key in DATA_POINTS:
        return DATA_POINTS[key].label
    return named_by.label if ".".join(named_by.path) == key else key


def undeclared(tenant: Tenant, arrived: Arrivals) -> list[str]:
    """What the backend sends under `custom` that no data point stands for."""
    declared = {point.key for point in custom_points_of(tenant)}
    used = {f"custom.{name}" for name in (*CARD, *CRYPTO)}
    return sorted(key for key in arrived.points if key.startswith("custom.") and key not in declared | used)
