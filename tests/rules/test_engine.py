"""The decision: Kleene's logic, priority, unknown values, and agreement with a naive interpreter."""

import ipaddress
import json
import math
import random
import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engine import RuleSpec, compile_policy, decide
from rules.facts import DeviceFacts, Facts, IpFacts
from rules.lists import NO_LISTS, Lists, ValueList
from rules.types import MISSING, storable
from tests.rules.cases import (
    CUSTOM_POINTS,
    KEYS,
    KINDS,
    ODD_VALUES,
    VELOCITIES,
    compare,
    conditions,
    facts,
    make_facts,
    make_rule,
    rule_sets,
)

TRUE = compare("==", "user.userId", "alice")
FALSE = compare("==", "user.userId", "bob")
UNKNOWN = compare("==", "user.email", "alice@example.com")
TRUTH = {"true": TRUE, "false": FALSE, "unknown": UNKNOWN}


def policy_of(*rules: RuleSpec, default: str = "ALLOW", custom_points: Any = CUSTOM_POINTS) -> Any:
    return compile_policy("transfer", default, rules=rules, custom_points=custom_points, version=7)


FOREVER, ENDING, ENDS = ["a", 2, "NZ", "10.0.0.1"], ["ab", 1, "AU", "192.0.2.7"], 1_770_000_001.0
LISTS = {"short": ValueList(tuple([(item, None) for item in FOREVER] + [(item, ENDS) for item in ENDING]))}


def verdict(raw: object, given_facts: Facts | None = None, lists: Lists = NO_LISTS) -> str:
    return decide((given_facts or make_facts()).to_json(), policy_of(make_rule(raw)), lists).verdicts["rule"]


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        ("true", "true", "true", "true"),
        ("true", "false", "false", "true"),
        ("true", "unknown", "unknown", "true"),
        ("false", "true", "false", "true"),
        ("false", "false", "false", "false"),
        ("false", "unknown", "false", "unknown"),
        ("unknown", "true", "unknown", "true"),
        ("unknown", "false", "false", "unknown"),
        ("unknown", "unknown", "unknown", "unknown"),
    ],
)
def test_and_and_or_follow_kleene(left: str, right: str, both: str, either: str) -> None:
    assert verdict({"and": [TRUTH[left], TRUTH[right]]}) == both
    assert verdict({"or": [TRUTH[left], TRUTH[right]]}) == either


@pytest.mark.parametrize(("inner", "outer"), [("true", "false"), ("false", "true"), ("unknown", "unknown")])
def test_not_follows_kleene(inner: str, outer: str) -> None:
    assert verdict({"!": TRUTH[inner]}) == outer
    assert verdict({"!": [{"or": [TRUTH[inner]]}]}) == outer
    assert verdict({"!": {"!": TRUTH[inner]}}) == inner


@pytest.mark.parametrize(
    ("outcome", "when_unknown", "truth", "fires"),
    [
        (outcome, when_unknown, truth, fires)
        for outcome in ("ALLOW", "CHALLENGE", "REVIEW", "BLOCK")
        for when_unknown, truth, fires in [
            ("skip", "true", True),
            ("skip", "false", False),
            ("skip", "unknown", False),
            ("match", "true", True),
            ("match", "false", False),
            ("match", "unknown", outcome != "ALLOW"),
        ]
    ],
)
def test_a_rule_fires_on_true_and_on_unknown_only_where_it_says_so(
    outcome: str, when_unknown: str, truth: str, fires: bool
) -> None:
    default = "BLOCK" if outcome == "ALLOW" else "ALLOW"
    rule = make_rule(TRUTH[truth], outcome=outcome, when_unknown=when_unknown)
    decision = decide(make_facts().to_json(), policy_of(rule, default=default))
    assert decision.verdicts == {"rule": truth}
    assert decision.outcome == (outcome if fires else default)
    assert decision.matched == (("rule",) if fires else ())
    assert decision.priority_rule_id == ("rule" if fires else None)


@pytest.mark.parametrize("raw", [None, {}, {"and": []}, {"or": []}])
@pytest.mark.parametrize("when_unknown", ["skip", "match"])
def test_a_rule_without_conditions_never_fires(raw: object, when_unknown: str) -> None:
    decision = decide(make_facts().to_json(), policy_of(make_rule(raw, outcome="BLOCK", when_unknown=when_unknown)))
    assert (decision.outcome, decision.verdicts) == ("ALLOW", {"rule": "false"})


def test_the_lowest_number_decides_and_every_match_is_reported_in_order() -> None:
    rules = [
        make_rule(TRUE, rule_id="review", priority=30, outcome="REVIEW"),
        make_rule(TRUE, rule_id="block", priority=20, outcome="BLOCK"),
        make_rule(FALSE, rule_id="not", priority=0, outcome="ALLOW"),
        make_rule(TRUE, rule_id="challenge", priority=10, outcome="CHALLENGE"),
    ]
    decision = decide(make_facts().to_json(), policy_of(*rules))
    assert decision.outcome == "CHALLENGE"
    assert decision.matched == ("challenge", "block", "review")
    assert decision.priority_rule_id == "challenge"
    assert decision.verdicts == {"not": "false", "challenge": "true", "block": "true", "review": "true"}


def test_without_a_match_the_default_of_the_action_stands() -> None:
    decision = decide(make_facts().to_json(), policy_of(make_rule(FALSE, outcome="ALLOW"), default="REVIEW"))
    assert (decision.outcome, decision.matched, decision.priority_rule_id) == ("REVIEW", (), None)


def test_an_inactive_rule_is_neither_evaluated_nor_reported() -> None:
    rule = make_rule(TRUE, outcome="BLOCK", is_active=False)
    decision = decide(make_facts().to_json(), policy_of(rule))
    assert (decision.outcome, decision.verdicts, decision.values) == ("ALLOW", {}, {})


def test_the_values_that_the_rules_mention_are_kept_and_no_others() -> None:
    rules = [
        make_rule({"and": [FALSE, compare(">", "custom.amount", 1)]}, rule_id="a", priority=1),
        make_rule({"or": [TRUE, compare("==", "ip.countryCode", "NZ")]}, rule_id="b", priority=2),
    ]
    decision = decide(
        make_facts(custom={"amount": "3", "destination": "bank"}, email="a@example.com").to_json(), policy_of(*rules)
    )
    assert decision.values == {"user.userId": "alice", "custom.amount": "3"}
    assert decision.missing == ("ip.countryCode",)
    assert decision.policy_version == 7


def test_each_data_point_is_read_once_however_many_rules_mention_it() -> None:
    class Counted(dict[str, object]):
        reads = 0

        def get(self, key: str, default: Any = None) -> Any:
            self.reads += 1
            return super().get(key, default)

    counted = Counted(amount=3)
    rules = [make_rule({"or": [compare(">", "custom.amount", n)] * 3}, rule_id=f"r{n}", priority=n) for n in range(20)]
    decide(make_facts().to_json() | {"custom": counted}, policy_of(*rules))
    # Once by all the rules together, once for the record.
    assert counted.reads == 2


def test_a_decision_is_told_as_json() -> None:
    rule = make_rule({"and": [TRUE, UNKNOWN]}, outcome="BLOCK", when_unknown="match")
    decision = decide(make_facts().to_json(), policy_of(rule))
    assert json.loads(json.dumps(decision.to_json())) == {
        "outcome": "BLOCK",
        "ruleIds": ["rule"],
        "shadowRuleIds": [],
        "priorityRuleId": "rule",
        "verdicts": {"rule": "unknown"},
        "values": {"user.userId": "alice"},
        "missing": ["user.email"],
        "policyVersion": 7,
    }


def test_the_policy_knows_its_rules() -> None:
    policy = policy_of(make_rule(TRUE), make_rule(TRUE, rule_id="off", is_active=False))
    assert policy.rule("rule") == make_rule(TRUE)
    with pytest.raises(KeyError):
        policy.rule("off")


def test_a_rule_is_read_from_a_snapshot() -> None:
    stored = {
        "ruleId": "r1",
        "name": "Large",
        "description": None,
        "isActive": False,
        "priority": 3,
        "outcome": "BLOCK",
        "conditions": TRUE,
        "whenUnknown": "match",
        "verificationMethods": ["PASSKEY"],
        "defaultVerificationMethod": "PASSKEY",
    }
    assert RuleSpec.from_json(stored) == RuleSpec(
        rule_id="r1",
        name="Large",
        priority=3,
        outcome="BLOCK",
        conditions=TRUE,
        when_unknown="match",
        is_active=False,
        verification_methods=("PASSKEY",),
        default_verification_method="PASSKEY",
    )


@pytest.mark.parametrize("changes", [{"outcome": "DENY"}, {"outcome": "allow"}, {"when_unknown": "fire"}])
def test_a_rule_with_another_outcome_cannot_exist(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Rule rule: no such"):
        make_rule(TRUE, **changes)


def test_a_policy_with_another_default_cannot_exist() -> None:
    with pytest.raises(ValueError, match="Action transfer: no such outcome"):
        policy_of(default="DENY")


def test_a_rule_that_names_a_removed_data_point_works_as_far_as_it_can() -> None:
    removed = compare(">", "custom.amount", 2000)
    either = make_rule({"or": [removed, TRUE]}, rule_id="either", priority=1, outcome="BLOCK")
    only = make_rule(removed, rule_id="only", priority=2)
    policy = policy_of(either, only, custom_points=())
    decision = decide(make_facts(custom={"amount": 3000}).to_json(), policy)
    assert decision.verdicts == {"either": "true", "only": "unknown"}
    assert decision.matched == ("either",)
    assert [[problem.path for problem in rule.problems] for rule in policy.rules] == [
        ["conditions.or[0].>[0]"],
        ["conditions.>[0]"],
    ]


def test_conditions_beyond_a_limit_are_unknown_and_do_not_raise() -> None:
    rule = make_rule({"and": [TRUE] * 1_000})
    assert decide(make_facts().to_json(), policy_of(rule)).verdicts == {"rule": "unknown"}
    bomb: Any = TRUE
    for _ in range(100_000):
        bomb = {"and": [bomb]}
    assert decide(make_facts().to_json(), policy_of(make_rule(bomb))).verdicts == {"rule": "unknown"}


HOME = IpFacts(address="203.0.113.10", country_code="NZ", anonymizer="NONE", is_anonymous=False)
TOR = IpFacts(address="185.220.101.1", country_code="DE", anonymizer="TOR", is_anonymous=True)
VPN = IpFacts(address="198.51.100.7", anonymizer="VPN", is_anonymous=True)


@pytest.mark.parametrize(
    ("ip", "amount", "outcome"),
    [
        (VPN, 100, "CHALLENGE"),
        (HOME, 3000, "CHALLENGE"),
        (HOME, 2000, "ALLOW"),
        (HOME, 500, "ALLOW"),
        (TOR, 500, "CHALLENGE"),
        (TOR, 1_000_000, "CHALLENGE"),
        (IpFacts(), 500, "ALLOW"),
        (IpFacts(), 3000, "CHALLENGE"),
    ],
)
def test_a_transfer_is_challenged_when_it_is_anonymous_or_large(ip: IpFacts, amount: int, outcome: str) -> None:
    anonymous, large = compare("==", "ip.isAnonymous", True), compare(">", "custom.amount", 2000)
    two = policy_of(make_rule(anonymous, rule_id="1", priority=0), make_rule(large, rule_id="2", priority=1))
    one = policy_of(make_rule({"or": [anonymous, large]}))
    transfer = make_facts(ip=ip, custom={"amount": amount})
    assert decide(transfer.to_json(), two).outcome == decide(transfer.to_json(), one).outcome == outcome


# A second reading of the specification, written without the engine: straight from the JSON, value by value.


def raw_values(one: Facts) -> dict[str, Any]:
    """Every data point by its key, by walking the fields."""

    def camel(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(word.capitalize() for word in rest)

    parts = {"ip": one.ip, "device": one.device, "user": one.user, "time": one.time}
    walked = {f"{group}.{camel(field.name)}": getattr(part, field.name)
              for group, part in parts.items() for field in fields(part)}  # fmt: skip
    for group, sent in {"card": one.card, "crypto": one.crypto}.items():
        walked |= {f"{group}.{name}": sent.get(name) for name in ("bin", "issuerCountry", "issuerName")}
        walked |= {f"{group}.{name}": sent.get(name) for name in ("walletAddress", "assetCode")}
    walked |= {f"velocity.{name}": one.velocity.get(name) for name in VELOCITIES}
    walked |= {f"custom.{name}": one.custom.get(name) for name in ("amount", "destination", "first", "tags")}
    walked |= {f"user.custom.{name}": one.user.custom.get(name) for name in ("tier", "amount")}
    walked["custom.tier"] = walked["user.custom.tier"]
    return {key: walked[key] for key in KEYS}


def of_kind(kind: str, value: Any) -> Any:
    """The value if a rule can compare it, else None."""
    if kind == "boolean":
        return value if value is True or value is False else None
    if kind == "number":
        whole = type(value) is int and len(bin(value)) < 14_000
        return value if whole or (type(value) is float and math.isfinite(value)) else None
    if kind == "multiselect":
        good = type(value) is list and all(type(item) in (str, int, float) for item in value)
        return value if good else None
    if type(value) is not str:
        return None
    if kind == "country":
        return value.upper() if len(value) == 2 else None
    if kind == "ip":
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return None
        return getattr(address, "ipv4_mapped", None) or address
    return value


def in_range(address: Any, written: str) -> bool:
    network = ipaddress.ip_network("10.0.0.0/8" if written == "::ffff:10.0.0.0/104" else written)
    return network.version == address.version and address in network


def naive(node: Any, values: dict[str, Any]) -> bool | None:
    [(operation, operands)] = node.items()
    if operation == "!":
        [inner] = operands if isinstance(operands, list) else [operands]
        result = naive(inner, values)
        return None if result is None else not result
    if operation in ("and", "or"):
        results = [naive(operand, values) for operand in operands]
        decisive = operation == "or"
        if decisive in results:
            return decisive
        return None if None in results else not decisive
    if operation == "missing":
        [key] = operands
        if storable(values[key]) is MISSING or values[key] in (None, "", []):
            return True
        return None if of_kind(KINDS[key], values[key]) is None else False
    position = next(at for at, operand in enumerate(operands) if isinstance(operand, dict))
    key = operands[position]["var"]
    kind = KINDS[key]
    value = of_kind(kind, values[key])
    if value is None:
        return None
    if operation in ("before", "after", "olderThan", "newerThan"):
        return naive_time(operation, value, operands[1], values["time.at"])
    if operation == "in" and position == 0 and isinstance(operands[1], dict):
        return naive_list(kind, value, operands[1]["var"], values["time.at"])
    if operation == "matches" and len(value) > 4_096:
        return None
    return naive_comparison(operation, position, operands, (kind, value))


def naive_time(operation: str, value: str, literal: str, now: float | None) -> bool | None:
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    moment = read if read.tzinfo else read.replace(tzinfo=UTC)
    if operation in ("before", "after"):
        wanted = datetime.fromisoformat(literal)
        wanted = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
        return moment < wanted if operation == "before" else wanted < moment
    if now is None:
        return None
    age = (datetime.fromtimestamp(now, UTC) - moment).total_seconds()
    limit = {"15m": 900, "30d": 2_592_000}[literal]
    return age > limit if operation == "olderThan" else 0 <= age < limit


def naive_list(kind: str, value: Any, name: str, now: float | None) -> bool | None:
    if name == "lists.gone":
        return None
    if any(value == of_kind(kind, item) for item in FOREVER):
        return True
    if not any(value == of_kind(kind, item) for item in ENDING):
        return False
    return None if now is None else now < ENDS


def naive_comparison(operation: str, position: int, operands: list[Any], typed: tuple[str, Any]) -> bool:
    kind, value = typed
    if operation == "in" and position == 1:
        if kind == "text":
            return operands[0] in value
        return any(item == operands[0] for item in value)
    if operation == "<=" and len(operands) == 3:
        return bool(operands[0] <= value <= operands[2])
    literal = operands[1]
    if operation == "containsAny":
        return any(item == one for item in value for one in literal)
    if operation == "containsAll":
        return all(any(item == one for item in value) for one in literal)
    if operation == "matches":
        return re.search(literal, value) is not None
    if operation == "ipInCidr":
        return any(in_range(value, written) for written in literal)
    if operation == "in":
        return any(value == of_kind(kind, item) for item in literal)
    if operation == "startsWith":
        return bool(value[: len(literal)] == literal)
    if operation == "endsWith":
        return bool(value[-len(literal) :] == literal)
    literal = of_kind(kind, literal)
    return {
        "==": lambda: value == literal,
        "!=": lambda: value != literal,
        ">": lambda: literal < value,
        "<": lambda: value < literal,
        ">=": lambda: not value < literal,
        "<=": lambda: not literal < value,
    }[operation]()


VERDICTS = {True: "true", False: "false", None: "unknown"}


@given(conditions, facts)
def test_the_compiled_verdict_is_that_of_a_naive_interpreter(raw: Any, one: Facts) -> None:
    values = raw_values(one) | {"time.at": one.time.at}
    assert verdict(raw, one, LISTS) == VERDICTS[naive(raw, values)]


def test_the_naive_interpreter_reads_every_data_point() -> None:
    assert set(raw_values(make_facts())) == set(KEYS)


@given(rule_sets(), facts, st.randoms(use_true_random=False))
def test_the_order_in_which_rules_are_given_changes_nothing(
    rules: list[RuleSpec], one: Facts, shuffler: random.Random
) -> None:
    decision = decide(one.to_json(), policy_of(*rules))
    shuffled = rules[:]
    shuffler.shuffle(shuffled)
    again = decide(one.to_json(), policy_of(*shuffled))
    assert again == decision
    assert list(again.verdicts) == list(decision.verdicts)


@given(rule_sets(), facts)
def test_a_decision_is_always_consistent_with_its_verdicts(rules: list[RuleSpec], one: Facts) -> None:
    decision = decide(one.to_json(), policy_of(*rules))
    active = sorted((rule for rule in rules if rule.is_active), key=lambda rule: rule.priority)
    assert list(decision.verdicts) == [rule.rule_id for rule in active]
    fired = [
        rule
        for rule in active
        if decision.verdicts[rule.rule_id] == "true"
        or (decision.verdicts[rule.rule_id] == "unknown" and rule.when_unknown == "match" and rule.outcome != "ALLOW")
    ]
    assert decision.matched == tuple(rule.rule_id for rule in fired)
    assert decision.outcome == (fired[0].outcome if fired else "ALLOW")
    json.dumps(decision.to_json(), allow_nan=False)
    assert not set(decision.missing) & set(decision.values)


@given(st.lists(conditions, max_size=4), st.data())
def test_odd_values_in_every_fact_never_raise(raws: list[Any], data: st.DataObject) -> None:
    odd = st.sampled_from([*ODD_VALUES, 10**400, "nz", "10.0.0.1"])
    names = ("amount", "destination", "first", "tags", "tier")
    broken = make_facts(
        custom={name: data.draw(odd) for name in names},
        user_custom={name: data.draw(odd) for name in names},
        ip=IpFacts(**{name: data.draw(odd) for name in IpFacts.__slots__}),
        device=DeviceFacts(**{name: data.draw(odd) for name in DeviceFacts.__slots__}),
        email=data.draw(odd),
        is_enrolled=data.draw(odd),
    )
    rules = [make_rule(raw, rule_id=str(n), priority=n) for n, raw in enumerate(raws)]
    decision = decide(broken.to_json(), policy_of(*rules))
    assert set(decision.verdicts.values()) <= {"true", "false", "unknown"}
    assert MISSING not in decision.values.values()
    json.dumps(decision.to_json(), allow_nan=False, ensure_ascii=False).encode()
