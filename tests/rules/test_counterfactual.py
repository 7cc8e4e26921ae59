"""What would have changed the outcome: the fewest changes, the nearest values, and the engine's word for each."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from time import process_time
from typing import Any

import pytest

from rules import operators
from rules.condition_tree import MAX_TOGETHER, write
from rules.counterfactual import BetterOutcomes, Change, ChangeSet, better_outcomes, search
from rules.engine import OUTCOMES, RuleSpec, compile_policy, decide
from rules.operators import OPERATORS
from tests.rules.cases import CUSTOM_POINTS, compare, make_rule
from tests.rules.small_world import HOMES, LOOKS_LIKE, Events, facts_of, random_rules

Values = dict[str, Any]


def outcome_of(rules: Sequence[RuleSpec], values: Values, default: str = "ALLOW") -> str:
    acting = [rule for rule in rules if not rule.is_shadow]
    policy = compile_policy("transfer", default, rules=acting, custom_points=CUSTOM_POINTS)
    return decide(facts_of(values), policy).outcome


def changed(values: Values, change_set: ChangeSet) -> Values:
    return values | {HOMES.get(one.key, one.key): one.after for one in change_set.changes}


def better(values: Values, *rules: RuleSpec, default: str = "ALLOW", **options: Any) -> tuple[ChangeSet, ...]:
    found = better_outcomes(values, rules=rules, default_outcome=default, custom_points=CUSTOM_POINTS, **options)
    for change_set in found.change_sets:
        assert outcome_of(rules, changed(values, change_set), default) == change_set.outcome
    return found.change_sets


def texts(values: Values, *rules: RuleSpec, default: str = "ALLOW") -> list[tuple[str, ...]]:
    return [(one.outcome, *(change.text for change in one.changes)) for one in better(values, *rules, default=default)]


LARGE = make_rule(compare(">", "custom.amount", 2000), rule_id="large", priority=1, outcome="BLOCK")
MIDDLE = make_rule(compare(">", "custom.amount", 1000), rule_id="middle", priority=2)


def test_each_better_outcome_has_its_nearest_amount() -> None:
    assert texts({"custom.amount": 3000}, LARGE, MIDDLE) == [
        ("ALLOW", "amount is at most 1,000 (it was 3,000)"),
        ("CHALLENGE", "amount is between 1,001 and 2,000 (it was 3,000)"),
    ]
    [allow, challenge] = better({"custom.amount": 3000}, LARGE, MIDDLE)
    assert allow.changes == (Change("custom.amount", "amount", 3000, 1000, "amount is at most 1,000 (it was 3,000)"),)
    assert challenge.changes[0].after == 2000


def test_the_best_outcome_cannot_be_bettered() -> None:
    assert better({"custom.amount": 10}, LARGE, MIDDLE) == ()


@pytest.mark.parametrize(
    ("actual", "limit", "after"),
    [
        (3000, 2000, 2000),
        (3000, 2000.5, 2000),
        (3000.25, 2000, 2000.0),
        (3000.25, 2000.125, 2000.125),
        (10**400, 2000, 2000),
        (10**400, 1e308, int(1e308)),
        (3000.5, -(10**300), -1e300),
    ],
)
def test_an_integer_stays_one_and_an_amount_keeps_its_decimals(actual: Any, limit: Any, after: Any) -> None:
    rule = make_rule(compare(">", "custom.amount", limit), outcome="BLOCK")
    found = better({"custom.amount": actual}, rule)
    numbers = [change.after for change_set in found for change in change_set.changes]
    assert numbers == [after]
    assert type(numbers[0]) is type(after)


def test_the_next_amount_above_is_one_unit_of_its_decimals_away() -> None:
    rule = make_rule(compare("<=", "custom.amount", 2000), outcome="BLOCK")
    assert texts({"custom.amount": 15}, rule) == [("ALLOW", "amount is at least 2,001 (it was 15)")]
    assert texts({"custom.amount": 15.25}, rule) == [("ALLOW", "amount is at least 2,000.01 (it was 15.25)")]


def test_a_count_is_never_below_its_minimum() -> None:
    rules = [
        make_rule(compare("<=", "device.count", 0), rule_id="none", priority=1, outcome="ALLOW"),
        make_rule(compare("<", "device.count", 3), rule_id="few", priority=2, outcome="REVIEW"),
    ]
    assert texts({"device.count": 2}, *rules, default="BLOCK") == [("ALLOW", "Device count is at most 0 (it was 2)")]


@pytest.mark.parametrize(
    ("condition", "values", "text"),
    [
        (write("==", "device.isNew", True), {"device.isNew": True}, "Device is not new"),
        (write("==", "custom.first", True), {"custom.first": True}, "first is not true (it was true)"),
        (write("notIn", "ip.countryCode", ["NZ"]), {"ip.countryCode": "US"},
         "IP country is one of “NZ New Zealand” (it was “US United States”)"),
        (write("in", "ip.countryCode", ["NZ", "AU"]), {"ip.countryCode": "NZ"},
         "IP country is not one of “NZ New Zealand” or “AU Australia” (it was “NZ New Zealand”)"),
        (write("endsWith", "user.email", "@mail.test"), {"user.email": "a@mail.test"},
         "Email address does not end with “@mail.test” (it was “a@mail.test”)"),
        (write("ipInCidr", "ip.address", ["10.0.0.0/8"]), {"ip.address": "10.1.2.3"},
         "IP address is not in range “10.0.0.0/8” (it was “10.1.2.3”)"),
        (write("contains", "custom.tags", "x"), {"custom.tags": ["x", "y"]},
         "tags does not contain “x” (it was “x”, “y”)"),
        ({"!": write("contains", "custom.tags", "x")}, {"custom.tags": ["y"]},
         "tags contains “x” (it was “y”)"),
    ],
)  # fmt: skip
def test_a_change_is_said_by_the_condition_that_turns(condition: Any, values: Values, text: str) -> None:
    assert texts(values, make_rule(condition, outcome="BLOCK")) == [("ALLOW", text)]


def test_what_stands_beside_a_choice_stays() -> None:
    rule = make_rule(write("contains", "custom.tags", "x"), outcome="BLOCK")
    [found] = better({"custom.tags": ["z", "x", "y"]}, rule)
    assert found.changes[0].after == ["y", "z"]


def test_a_choice_that_need_not_change_stays() -> None:
    rules = [
        make_rule(write("contains", "custom.tags", "x"), rule_id="x", priority=1, outcome="BLOCK"),
        make_rule({"and": [write("contains", "custom.tags", "y"), LARGE.conditions]}, rule_id="y", priority=2),
    ]
    found, *_ = better({"custom.tags": ["x", "y"]}, *rules)
    assert found.outcome == "ALLOW"
    assert found.changes[0].after == ["y"]


def test_a_missing_value_may_become_known() -> None:
    rule = make_rule(compare(">", "custom.amount", 2000), outcome="BLOCK", when_unknown="match")
    assert texts({}, rule) == [("ALLOW", "amount is at most 2,000 (it was missing)")]


def test_a_known_value_never_becomes_missing() -> None:
    rule = make_rule({"or": [write("==", "custom.first", flag) for flag in (True, False)]}, outcome="BLOCK")
    assert better({"custom.first": True}, rule) == ()


def test_changes_that_are_needed_together_are_one_set() -> None:
    rules = [LARGE, make_rule(compare("==", "device.isNew", True), rule_id="new", priority=3, outcome="REVIEW")]
    assert texts({"custom.amount": 3000, "device.isNew": True}, *rules) == [
        ("ALLOW", "amount is at most 2,000 (it was 3,000)", "Device is not new"),
        ("REVIEW", "amount is at most 2,000 (it was 3,000)"),
    ]


def test_there_are_no_more_alternatives_than_asked_for() -> None:
    keys = ("device.isNew", "device.isBot", "custom.first", "user.isEnrolled")
    rule = make_rule({"and": [compare("==", key, True) for key in keys]}, outcome="BLOCK")
    values = dict.fromkeys(keys, True)
    assert {tuple(change.key for change in one.changes) for one in better(values, rule, alternatives=9)} == {
        (key,) for key in keys
    }
    assert len(better(values, rule, alternatives=2)) == 2


def test_shadow_and_inactive_rules_change_nothing() -> None:
    shadow = make_rule(compare(">", "custom.amount", 1), rule_id="s", priority=0, outcome="BLOCK", is_shadow=True)
    inactive = make_rule(compare(">", "custom.amount", 1), rule_id="i", priority=3, outcome="BLOCK", is_active=False)
    assert texts({"custom.amount": 3000}, shadow, LARGE, inactive) == [
        ("ALLOW", "amount is at most 2,000 (it was 3,000)")
    ]


@pytest.fixture
def looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "_ROWS", (*OPERATORS.values(), LOOKS_LIKE))


@pytest.mark.usefixtures("looks_like")
def test_what_cannot_be_reasoned_about_is_tried_out() -> None:
    rule = make_rule(compare("looksLike", "custom.destination", "a.*"), outcome="BLOCK")
    [found] = better({"custom.destination": "abc"}, rule)
    assert [change.key for change in found.changes] == ["custom.destination"]
    rule = make_rule({"!": compare("looksLike", "custom.destination", "ab+")}, outcome="BLOCK")
    assert better({"custom.destination": "x"}, rule) == ()
    assert better({"custom.destination": "abb"}, rule) == ()


# Against brute force.

SEEDS, CHUNKS = 1_200, 6


def many(count: int, condition: Callable[[int], Any]) -> list[RuleSpec]:
    """That many rules of a hundred conditions each."""
    return [
        make_rule({"or": [condition(rule * 100 + place) for place in range(99)]}, rule_id=str(rule), priority=rule)
        for rule in range(count)
    ]


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        (lambda number: {"in": [f"w{number}", {"var": "custom.destination"}]}, {"custom.destination": "w9999"}),
        (lambda number: compare("==", "custom.destination", f"w{number}"), {"custom.destination": "w77"}),
        (lambda number: compare(">", "custom.amount", number), {"custom.amount": 10**6}),
    ],
)
def test_as_many_conditions_as_can_be_published_are_searched_in_bounded_time(condition: Any, values: Values) -> None:
    before = process_time()
    found = better_outcomes(
        values, rules=many(MAX_TOGETHER // 100, condition), default_outcome="ALLOW", custom_points=CUSTOM_POINTS
    )
    assert process_time() - before < 8
    assert [one.outcome for one in found.change_sets] == ["ALLOW"] or not found.is_whole


def test_of_rules_that_are_too_many_to_publish_it_is_told_that_nothing_was_settled() -> None:
    rules = many(MAX_TOGETHER // 100 + 1, lambda number: compare("==", "custom.destination", f"w{number}"))
    found = better_outcomes({"custom.destination": "w7"}, rules=rules, default_outcome="ALLOW")
    assert found == BetterOutcomes((), is_whole=False)


def test_without_time_it_is_told_that_not_all_was_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SECONDS", 0)
    found = better_outcomes(
        {"custom.amount": 3000}, rules=[LARGE], default_outcome="ALLOW", custom_points=CUSTOM_POINTS
    )
    assert found == BetterOutcomes((), is_whole=False)


def test_with_time_it_is_told_that_all_was_settled() -> None:
    found = better_outcomes({"custom.amount": 5}, rules=[LARGE], default_outcome="ALLOW", custom_points=CUSTOM_POINTS)
    assert found == BetterOutcomes((), is_whole=True)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_sets_are_the_smallest_of_all_and_their_numbers_the_nearest(chunk: int) -> None:
    for seed in range(chunk, SEEDS, CHUNKS):
        dice = random.Random(seed)
        rules, events = random_rules(dice)
        values, default = events.values(dice.randrange(events.count)), dice.choice(OUTCOMES)
        found = better(values, *rules, default=default, alternatives=1_000)
        assert keys_of(found) == smallest(values, rules, events, default), seed
        for change_set in found:
            assert_nearest(values, change_set, rules, default)


def keys_of(found: Sequence[ChangeSet]) -> set[tuple[str, frozenset[str]]]:
    keys = [(one.outcome, frozenset(HOMES.get(change.key, change.key) for change in one.changes)) for one in found]
    assert len(set(keys)) == len(keys)
    return set(keys)


def smallest(
    values: Values, rules: Sequence[RuleSpec], events: Events, default: str
) -> set[tuple[str, frozenset[str]]]:
    """For each better outcome all smallest sets of data points by whose change it comes about."""
    actual = outcome_of(rules, values, default)
    sets: dict[str, set[frozenset[str]]] = {outcome: set() for outcome in OUTCOMES[: OUTCOMES.index(actual)]}
    for outcome, number in outcomes(rules, events, default):
        other = events.values(number)
        if outcome in sets and is_allowed(values, other):
            sets[outcome].add(frozenset(key for key in events.keys if values.get(key) != other.get(key)))
    return {
        (outcome, keys)
        for outcome, ways in sets.items()
        for keys in ways
        if len(keys) == min(len(others) for others in ways)
    }


def outcomes(rules: Sequence[RuleSpec], events: Events, default: str) -> Iterator[tuple[str, int]]:
    left = events.all
    acting = sorted((one for one in rules if one.is_active and not one.is_shadow), key=lambda one: one.priority)
    for outcome, fires in [*((rule.outcome, events.fires(rule)) for rule in acting), (default, events.all)]:
        decided, left = left & fires, left & ~fires
        for number in range(events.count):
            if decided >> number & 1:
                yield outcome, number


def is_allowed(before: Values, after: Values) -> bool:
    if not set(before) <= set(after):
        return False
    return isinstance(before.get("custom.amount"), float) or not isinstance(after.get("custom.amount"), float)


def assert_nearest(values: Values, change_set: ChangeSet, rules: Sequence[RuleSpec], default: str) -> None:
    for change in change_set.changes:
        if not isinstance(change.after, int) or isinstance(change.after, bool):
            continue
        for number in range(7) if change.key == "device.count" else range(-3, 7):
            leads = outcome_of(rules, changed(values, change_set) | {change.key: number}, default) == change_set.outcome
            if isinstance(change.before, int):
                assert not leads or abs(number - change.before) >= abs(change.after - change.before)
            assert leads or not is_said(change.text, number)


def is_said(text: str, number: int) -> bool:
    """Whether the text, such as "amount is between 2 and 3 (it was 5)", holds of the number."""
    said = re.search(r" is (at most|at least|between|)\s?(-?\d+)(?: and (-?\d+))? \(it was", text)
    assert said
    low, high = int(said[2]), int(said[3] or said[2])
    low, high = {"at most": (-99, high), "at least": (low, 99)}.get(said[1], (low, high))
    return low <= number <= high
