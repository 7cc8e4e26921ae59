"""Many actions at once come out as each would alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import columns
from rules.columns import Columns
from rules.engine import Policy, RuleSpec, compile_policy, decide
from rules.facts import Facts, Known, TimeFacts
from rules.lists import Lists, ValueList
from tests.rules.cases import CUSTOM_POINTS, compare, facts, make_facts, make_rule, rule_sets

NOW = 1_770_000_000.0
LISTS: Lists = {
    "short": ValueList((("a", None), ("nz", None), (2, None), ("10.0.0.0/8", None), ("ab", NOW), ("AU", NOW + 5)))
}
ENDLESS: Lists = {"short": ValueList((("a", None), (2, None), ("NZ", None)))}


def policy_of(*rules: RuleSpec) -> Policy:
    return compile_policy("transfer", "ALLOW", rules=rules, custom_points=CUSTOM_POINTS, version=1)


def stored(one: Facts) -> Known:
    """As it is read back from where it was kept."""
    known: dict[str, Any] = json.loads(json.dumps(one.to_json()))
    return known


def together(policy: Policy, many: list[Known], lists: Lists, *, at_once: int = 3) -> list[tuple[Any, ...]]:
    asked, results = Columns(policy, lists), []
    for start in range(0, len(many), at_once):
        some = many[start : start + at_once]
        moments = [known["time"].get("at") for known in some]
        places = asked.decide([[point.read(known) for known in some] for point in policy.points], moments)
        results += [asked.results[place] for place in places]
    names = [rule.spec.rule_id for rule in policy.rules]
    return [
        (one.outcome, *(tuple(names[place] for place in places) for places in (one.matched, one.shadowed, one.unknown)))
        for one in results
    ]


def alone(policy: Policy, many: list[Known], lists: Lists) -> list[tuple[Any, ...]]:
    decisions = [decide(known, policy, lists) for known in many]
    return [
        (
            one.outcome,
            one.matched,
            one.shadowed,
            tuple(name for name, seen in one.verdicts.items() if seen == "unknown"),
        )
        for one in decisions
    ]


def at(one: Facts, moment: float | None) -> Facts:
    return Facts(
        action_code=one.action_code,
        user=one.user,
        ip=one.ip,
        device=one.device,
        time=TimeFacts(at=moment, hour=one.time.hour, weekday=one.time.weekday),
        card=one.card,
        velocity=one.velocity,
        custom=one.custom,
    )


moments = st.sampled_from([None, NOW - 1, NOW, NOW + 1, NOW + 40 * 86400])
histories = st.lists(st.builds(at, facts, moments), min_size=1, max_size=12)


@given(rule_sets(), histories, st.sampled_from([LISTS, ENDLESS]))
def test_columns_come_out_as_the_live_engine_decides_each_action(
    rules: list[RuleSpec], history: list[Facts], lists: Lists
) -> None:
    policy, many = policy_of(*rules), [stored(one) for one in history]
    assert together(policy, many, lists) == alone(policy, many, lists)


@pytest.mark.parametrize("limit", ["MAX_VALUES", "MAX_COMBINATIONS"])
@given(rules=rule_sets(), history=histories)
def test_they_do_so_with_nothing_remembered(limit: str, rules: list[RuleSpec], history: list[Facts]) -> None:
    policy, many = policy_of(*rules), [stored(one) for one in history]
    before = getattr(columns, limit)
    setattr(columns, limit, 0)
    try:
        assert together(policy, many, LISTS, at_once=2) == alone(policy, many, LISTS)
    finally:
        setattr(columns, limit, before)


@given(rule_sets(), histories)
def test_results_may_be_forgotten_at_any_time(rules: list[RuleSpec], history: list[Facts]) -> None:
    policy, many = policy_of(*rules), [stored(one) for one in history]
    asked, outcomes = Columns(policy, LISTS), []
    for known in many:
        (place,) = asked.decide([[point.read(known)] for point in policy.points], [known["time"].get("at")])
        outcomes.append(asked.results[place].outcome)
        asked.forget()
    assert outcomes == [decide(known, policy, LISTS).outcome for known in many]


def amounts(*values: Any) -> list[Known]:
    return [stored(make_facts(custom={"amount": value})) for value in values]


@pytest.mark.parametrize(
    "conditions",
    [
        compare("==", "custom.amount", 1),
        compare("!=", "custom.amount", 1),
        compare(">", "custom.amount", 1),
        compare("<=", "custom.amount", 1),
        compare(">=", "custom.amount", 1),
        compare("<", "custom.amount", 1),
        {"<=": [1, {"var": "custom.amount"}, 2]},
        compare("in", "custom.amount", [1, 2]),
        {"missing": ["custom.amount"]},
        {"!": {"missing": ["custom.amount"]}},
        {"or": [{"missing": ["custom.amount"]}, compare(">=", "custom.amount", 2)]},
        {"and": [compare(">", "custom.amount", 1), compare("<", "custom.amount", 2)]},
        {"or": [compare(">=", "custom.amount", 2), compare("==", "custom.amount", 2**63)]},
    ],
)
def test_numbers_between_and_on_the_literals_are_told_apart(conditions: Any) -> None:
    policy = policy_of(make_rule(conditions))
    many = amounts(0, 1, 1.0, 1.5, 2, 3, -1, 2**63, 2**63 + 1, True, "1", [1], None, "", [], {})
    assert together(policy, many, {}, at_once=len(many)) == alone(policy, many, {})


@pytest.mark.parametrize("outcome", ["BLOCK", "ALLOW"])
@pytest.mark.parametrize("when_unknown", ["skip", "match"])
def test_a_rule_fires_on_unknown_only_where_it_says_so_and_may(outcome: str, when_unknown: str) -> None:
    conditions = compare("==", "user.email", "x")
    policy = compile_policy(
        "transfer",
        "REVIEW",
        rules=[make_rule(conditions, outcome=outcome, when_unknown=when_unknown), make_rule({}, rule_id="empty")],
    )
    expected = "BLOCK" if (outcome, when_unknown) == ("BLOCK", "match") else "REVIEW"
    assert together(policy, amounts(1), {}) == alone(policy, amounts(1), {})
    assert together(policy, amounts(1), {})[0][0] == expected


def test_what_python_takes_for_equal_is_not_mistaken_for_it() -> None:
    policy = policy_of(
        make_rule(compare("==", "custom.first", True), rule_id="first"),
        make_rule(compare("==", "custom.amount", 1), rule_id="amount", priority=1),
    )
    many = [stored(make_facts(custom={"first": one, "amount": one})) for one in (True, 1, 1.0, False, 0)]
    assert together(policy, many, {}, at_once=1) == alone(policy, many, {})


def test_an_item_of_a_list_counts_until_it_expires() -> None:
    policy = policy_of(make_rule({"in": [{"var": "user.userId"}, {"var": "lists.short"}]}))
    many = [stored(at(make_facts(user_id="ab"), moment)) for moment in (NOW - 1, NOW, NOW - 1)]
    assert [outcome for outcome, *_ in together(policy, many, LISTS, at_once=3)] == ["CHALLENGE", "ALLOW", "CHALLENGE"]


def test_rules_that_ask_for_nothing_decide_all_alike() -> None:
    policy = policy_of()
    assert together(policy, amounts(1, 2, 3), {}) == [("ALLOW", (), (), ())] * 3
