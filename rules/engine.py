"""The decision: facts and a policy in; an outcome, and what it rests on, out. Nothing else is touched."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from rules import condition_tree
from rules.compiled import IS_FALSE, IS_TRUE, IS_UNKNOWN, Evaluate, Judge, compile_judge, compile_late, points_of
from rules.condition_tree import Comparison, Group, Node, Problem, comparisons_in
from rules.facts import Known
from rules.lists import NO_LISTS, NOWHERE, Circumstances, Lists
from rules.registry import VELOCITY, CustomPoint, DataPoint
from rules.trace import FALSE, TRUE, UNKNOWN, ConditionTrace, trace
from rules.velocity import MAX_THRESHOLD, Asked

OUTCOMES: Final = ("ALLOW", "CHALLENGE", "REVIEW", "BLOCK")
SKIP, MATCH = "skip", "match"

VERDICTS: Final = {IS_TRUE: TRUE, IS_FALSE: FALSE, IS_UNKNOWN: UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """A rule as saved; `conditions` is its JsonLogic. Raises ValueError for an outcome that does not exist.

    `when_unknown` says whether the rule fires on unknown ("match") or not ("skip"); an ALLOW rule never does. A shadow
    rule is evaluated and recorded, and decides nothing.
    """

    rule_id: str
    name: str
    priority: int
    outcome: str
    conditions: object
    when_unknown: str = SKIP
    is_active: bool = True
    is_shadow: bool = False
    description: str = ""
    verification_methods: tuple[str, ...] = ()
    default_verification_method: str | None = None
    prompt_to_enroll_verification_methods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES or self.when_unknown not in (SKIP, MATCH):
            raise ValueError(f"Rule {self.rule_id}: no such {self.outcome!r} or {self.when_unknown!r}.")

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """From the snapshot of a rule, whose keys are those of the Management API."""
        return cls(
            rule_id=stored["ruleId"],
            name=stored["name"],
            priority=stored["priority"],
            outcome=stored["outcome"],
            conditions=stored["conditions"],
            when_unknown=stored.get("whenUnknown", SKIP),
            is_active=stored.get("isActive", True),
            is_shadow=stored.get("isShadow", False),
            description=stored.get("description") or "",
            verification_methods=tuple(stored.get("verificationMethods") or ()),
            default_verification_method=stored.get("defaultVerificationMethod"),
            prompt_to_enroll_verification_methods=tuple(stored.get("promptToEnrollVerificationMethods") or ()),
        )

    @property
    def fires_on_unknown(self) -> bool:
        return self.when_unknown == MATCH and self.outcome != "ALLOW"


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`problems` are conditions that could once be saved and can no longer be read; they are unknown."""

    spec: RuleSpec
    tree: Node | None
    problems: tuple[Problem, ...]


# Where the value of a data point is in the facts: its key, the groups around it, and its name.
Reading = tuple[str, tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Policy:
    """The active rules of one action in the order in which they decide, compiled once per version.

    `velocities` and `lists` are what its rules need beside the facts of the request.
    """

    action_code: str
    default_outcome: str
    version: int
    rules: tuple[CompiledRule, ...]
    points: tuple[DataPoint, ...]
    velocities: tuple[Asked, ...]
    lists: tuple[str, ...]
    judge: Judge
    evaluate: Evaluate
    readings: tuple[Reading, ...]

    def rule(self, rule_id: str) -> RuleSpec:
        """Raises KeyError where the rule is not active in this version."""
        for rule in self.rules:
            if rule.spec.rule_id == rule_id:
                return rule.spec
        raise KeyError(rule_id)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided and why; every part of it is a JSON value.

    `matched` are the rules that fired, the deciding one first, `shadowed` the shadow rules that would have;
    `verdicts` tell of every active rule whether its conditions were true, false or unknown; `values` holds each data
    point that a rule mentions, unless `missing` names it.
    """

    outcome: str
    matched: tuple[str, ...]
    shadowed: tuple[str, ...]
    priority_rule_id: str | None
    verdicts: Mapping[str, str]
    values: Mapping[str, Any]
    missing: tuple[str, ...]
    policy_version: int

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "ruleIds": list(self.matched),
            "shadowRuleIds": list(self.shadowed),
            "priorityRuleId": self.priority_rule_id,
            "verdicts": dict(self.verdicts),
            "values": dict(self.values),
            "missing": list(self.missing),
            "policyVersion": self.policy_version,
        }


def decide(known: Known, policy: Policy, lists: Lists = NO_LISTS) -> Decision:
    """Evaluate every active rule; of those that fire, the one with the lowest priority number decides.

    `known` are the facts as JSON (`Facts.to_json`). Never raises on account of a value: what cannot be compared is
    unknown.
    """
    codes = policy.judge(known, Circumstances(known.get("time", _NOTHING).get("at"), lists))
    values = {point.key: value for point in policy.points if (value := point.read(known)) is not None}
    matched: list[RuleSpec] = []
    shadowed: list[RuleSpec] = []
    verdicts = {}
    for rule, code in zip(policy.rules, codes, strict=True):
        spec = rule.spec
        verdicts[spec.rule_id] = VERDICTS[code]
        if code == IS_TRUE or (code == IS_UNKNOWN and spec.fires_on_unknown and rule.tree is not None):
            (shadowed if spec.is_shadow else matched).append(spec)
    return Decision(
        outcome=matched[0].outcome if matched else policy.default_outcome,
        matched=tuple([spec.rule_id for spec in matched]),
        shadowed=tuple([spec.rule_id for spec in shadowed]),
        priority_rule_id=matched[0].rule_id if matched else None,
        verdicts=verdicts,
        values=values,
        missing=tuple([point.key for point in policy.points if point.key not in values]),
        policy_version=policy.version,
    )


def read_operands(known: Known, policy: Policy) -> list[Any]:
    """The JSON values in the order in which `Policy.evaluate` wants them; None where there is none."""
    operands: list[Any] = []
    for _key, groups, name in policy.readings:
        part: Any = known
        for group in groups:
            part = part.get(group) or _NOTHING
        operands.append(part.get(name))
    return operands


_NOTHING: Final[Mapping[str, Any]] = {}


def compile_policy(
    action_code: str,
    default_outcome: str,
    *,
    rules: Iterable[RuleSpec],
    custom_points: Iterable[CustomPoint] = (),
    version: int = 0,
) -> Policy:
    """Make ready the active rules of an action, given in any order.

    Raises ValueError for a default outcome that does not exist; conditions that cannot be read do not raise.
    """
    if default_outcome not in OUTCOMES:
        raise ValueError(f"Action {action_code}: no such outcome {default_outcome!r}.")
    custom_points = tuple(custom_points)
    active = [rule for rule in rules if rule.is_active]
    active.sort(key=lambda rule: (rule.priority, rule.rule_id))
    compiled = tuple(_compiled(rule, custom_points) for rule in active)
    # A rule without conditions never fires, not even on unknown.
    trees = [NEVER if rule.tree is None else rule.tree for rule in compiled]
    points = points_of(trees)
    comparisons = [one for rule in compiled if rule.tree is not None for one in comparisons_in(rule.tree)]
    return Policy(
        action_code=action_code,
        default_outcome=default_outcome,
        version=version,
        rules=compiled,
        points=tuple(points),
        velocities=_velocities(comparisons),
        lists=tuple(dict.fromkeys(one.operand for one in comparisons if one.operator.shape.names_list)),
        judge=compile_judge(trees),
        evaluate=compile_late(trees, points),
        readings=tuple((one.key, one.path[:-1], one.path[-1]) for one in points),
    )


# No child holds, and none fails: an empty "or" is false.
NEVER: Final = Group("", "or", ())


def _compiled(rule: RuleSpec, custom_points: tuple[CustomPoint, ...]) -> CompiledRule:
    tree, problems = condition_tree.read(rule.conditions, custom_points=custom_points)
    return CompiledRule(rule, tree, problems)


def _velocities(comparisons: Iterable[Comparison]) -> tuple[Asked, ...]:
    thresholds: dict[str, list[float]] = {}
    for one in comparisons:
        if one.point.category == VELOCITY:
            thresholds.setdefault(one.point.key, []).extend(_numbers(one))
    return tuple(Asked.of(key, numbers) for key, numbers in sorted(thresholds.items()))


def _numbers(one: Comparison) -> Iterator[float]:
    if one.operator.shape.names_list:
        # Whatever comes on the list later.
        yield MAX_THRESHOLD
    for literal in one.literal if isinstance(one.literal, list) else [one.literal]:
        if isinstance(literal, (int, float)):
            yield literal


def values_of(known: Known, tree: Node | None) -> dict[str, Any]:
    """What each data point of a tree was, by key; missing ones left out."""
    if tree is None:
        return {}
    read = ((one.point.key, one.point.read(known)) for one in comparisons_in(tree))
    return {key: value for key, value in read if value is not None}


def explain_facts(
    rule: RuleSpec, known: Known, *, custom_points: Iterable[CustomPoint] = (), around: Circumstances = NOWHERE
) -> ConditionTrace:
    """As `explain`, from facts as they were stored."""
    tree, _ = condition_tree.read(rule.conditions, custom_points=custom_points)
    return trace(tree, values_of(known, tree), around)


def explain(
    rule: RuleSpec,
    values: Mapping[str, Any],
    *,
    custom_points: Iterable[CustomPoint] = (),
    around: Circumstances = NOWHERE,
) -> ConditionTrace:
    """The verdict of every condition, from the `values` of a decision; the root has the verdict of the rule.

    Give the conditions, custom points and lists as they were at the time. Never raises.
    """
    tree, _ = condition_tree.read(rule.conditions, custom_points=custom_points)
    return trace(tree, values, around)
