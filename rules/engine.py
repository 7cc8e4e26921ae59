"""The decision: facts and a policy in; an outcome, and what it rests on, out. Nothing else is touched."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from rules.condition_tree import Comparison, Group, Node, Not, Problem, Unreadable, read
from rules.facts import Facts
from rules.registry import CustomPoint, DataPoint, Read
from rules.trace import FALSE, TRUE, UNKNOWN, ConditionTrace, trace
from rules.types import MISSING, READERS, storable

OUTCOMES: Final = ("ALLOW", "CHALLENGE", "REVIEW", "BLOCK")
SKIP, MATCH = "skip", "match"

# Kleene's three truth values. Unknown: the value is missing, or is not of the kind that the rule compares.
Truth = bool | None
VERDICTS: Final[Mapping[Truth, str]] = {True: TRUE, False: FALSE, None: UNKNOWN}

# Takes the comparable values by position (None for unknown).
Test = Callable[[Sequence[Any]], Truth]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """A rule as saved; `conditions` is its JsonLogic. Raises ValueError for an outcome that does not exist.

    `when_unknown` says whether the rule fires on unknown ("match") or not ("skip"); an ALLOW rule never does.
    A shadow rule is evaluated and never decides.
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
    test: Test
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """The active rules of one action in the order in which they decide, compiled once per version."""

    action_code: str
    default_outcome: str
    version: int
    rules: tuple[CompiledRule, ...]
    points: tuple[DataPoint, ...]
    # The same points as the hot path wants them: key, from the facts, to a comparable value.
    readings: tuple[tuple[str, Read, Callable[[object], Any]], ...]

    def rule(self, rule_id: str) -> RuleSpec:
        """Raises KeyError where the rule is not active in this version."""
        for rule in self.rules:
            if rule.spec.rule_id == rule_id:
                return rule.spec
        raise KeyError(rule_id)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided and why; every part of it is a JSON value.

    `matched` are the rules that fired, the deciding one first; `verdicts` tell of every active rule whether
    its conditions were true, false or unknown; `values` holds each data point that a rule mentions, unless
    `missing` names it.
    """

    outcome: str
    matched: tuple[str, ...]
    priority_rule_id: str | None
    verdicts: Mapping[str, str]
    values: Mapping[str, Any]
    missing: tuple[str, ...]
    policy_version: int

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "ruleIds": list(self.matched),
            "priorityRuleId": self.priority_rule_id,
            "verdicts": dict(self.verdicts),
            "values": dict(self.values),
            "missing": list(self.missing),
            "policyVersion": self.policy_version,
        }


def decide(facts: Facts, policy: Policy) -> Decision:
    """Evaluate every active rule; of those that fire, the one with the lowest priority number decides.

    Never raises on account of a value: what cannot be compared is unknown.
    """
    values: dict[str, Any] = {}
    operands: list[Any] = []
    for key, from_facts, to_comparable in policy.readings:
        value = storable(from_facts(facts))
        if value is MISSING:
            operands.append(None)
        else:
            values[key] = value
            operands.append(to_comparable(value))
    matched, verdicts = [], {}
    for rule in policy.rules:
        truth, spec = rule.test(operands), rule.spec
        verdicts[spec.rule_id] = VERDICTS[truth]
        if truth or (truth is None and spec.fires_on_unknown):
            matched.append(spec)
    return Decision(
        outcome=matched[0].outcome if matched else policy.default_outcome,
        matched=tuple([spec.rule_id for spec in matched]),
        priority_rule_id=matched[0].rule_id if matched else None,
        verdicts=verdicts,
        values=values,
        missing=tuple([key for key, _, _ in policy.readings if key not in values]),
        policy_version=policy.version,
    )


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
    custom_points, points = tuple(custom_points), _Points()
    active = [rule for rule in rules if rule.is_active]
    active.sort(key=lambda rule: (rule.priority, rule.rule_id))
    compiled = tuple(_compiled(rule, custom_points, points) for rule in active)
    return Policy(
        action_code=action_code,
        default_outcome=default_outcome,
        version=version,
        rules=compiled,
        points=tuple(points),
        readings=tuple((point.key, point.read, READERS[point.kind]) for point in points),
    )


class _Points(list[DataPoint]):
    """The data points of a policy, each once, so that each is read once."""

    def position(self, point: DataPoint) -> int:
        for position, known in enumerate(self):
            if known.key == point.key:
                return position
        self.append(point)
        return len(self) - 1


def _compiled(rule: RuleSpec, custom_points: tuple[CustomPoint, ...], points: _Points) -> CompiledRule:
    tree, problems = read(rule.conditions, custom_points=custom_points)
    # A rule without conditions never fires, not even on unknown.
    return CompiledRule(rule, _never if tree is None else _test(tree, points), problems)


def _never(_: Sequence[Any]) -> Truth:
    return False


def _unknown(_: Sequence[Any]) -> Truth:
    return None


def _test(node: Node, points: _Points) -> Test:
    match node:
        case Comparison():
            return _comparison_test(node, points.position(node.point))
        case Group(symbol=symbol):
            return _group_test([_test(child, points) for child in node.children], final=symbol == "or")
        case Not():
            return _not_test(_test(node.child, points))
        case Unreadable():
            return _unknown


def _comparison_test(node: Comparison, position: int) -> Test:
    test, operand = node.operator.test, node.operand

    def truth(values: Sequence[Any]) -> Truth:
        value = values[position]
        return None if value is None else test(value, operand)

    return _not_test(truth) if node.operator.negated else truth


def _group_test(tests: list[Test], *, final: bool) -> Test:
    # One true child settles an "or", one false child an "and"; until then unknown outweighs the rest.
    def truth(values: Sequence[Any]) -> Truth:
        result: Truth = not final
        for test in tests:
            one = test(values)
            if one is final:
                return final
            if one is None:
                result = None
        return result

    return truth


def _not_test(test: Test) -> Test:
    def truth(values: Sequence[Any]) -> Truth:
        one = test(values)
        return None if one is None else not one

    return truth


def explain(rule: RuleSpec, values: Mapping[str, Any], *, custom_points: Iterable[CustomPoint] = ()) -> ConditionTrace:
    """The verdict of every condition, from the `values` of a decision; the root has the verdict of the rule.

    Give the conditions and custom points as they were at the time. Never raises.
    """
    tree, _ = read(rule.conditions, custom_points=custom_points)
    return trace(tree, values)
