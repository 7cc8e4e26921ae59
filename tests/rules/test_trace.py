"""Why a rule fired, told from stored values, is what really happened."""

import json
from typing import Any

import pytest
from hypothesis import given

from rules.engine import RuleSpec, compile_policy, decide, explain
from rules.facts import Facts
from rules.lists import Circumstances
from rules.trace import ConditionTrace
from tests.rules.cases import CUSTOM_POINTS, compare, facts, make_rule, rule_sets


def traced(raw: object, values: dict[str, Any]) -> ConditionTrace:
    return explain(make_rule(raw), values, custom_points=CUSTOM_POINTS)


@given(rule_sets(), facts)
def test_the_explanation_of_every_rule_agrees_with_the_decision(rules: list[RuleSpec], one: Facts) -> None:
    decision = decide(one.to_json(), compile_policy("transfer", "ALLOW", rules=rules, custom_points=CUSTOM_POINTS))
    stored = json.loads(json.dumps(decision.to_json()))["values"]
    for rule in rules:
        if rule.is_active:
            around = Circumstances(one.time.at)
            tree = explain(rule, stored, custom_points=CUSTOM_POINTS, around=around)
            assert tree.verdict == decision.verdicts[rule.rule_id]


def test_a_condition_is_shown_with_its_actual_value() -> None:
    assert traced(compare(">", "custom.amount", 2000), {"custom.amount": 3000}) == ConditionTrace(
        path="conditions",
        verdict="true",
        text="amount is greater than 2,000",
        operator=">",
        data_point="custom.amount",
        label="amount",
        literal=2000,
        actual=3000,
    )


@pytest.mark.parametrize(
    ("raw", "values", "verdict", "actual", "reason"),
    [
        (compare("==", "custom.first", False), {"custom.first": False}, "true", False, ""),
        (compare("==", "device.count", 0), {"device.count": 0}, "true", 0, ""),
        (compare("==", "device.id", ""), {"device.id": ""}, "true", "", ""),
        ({"!": compare("in", "device.id", ["a"])}, {"device.id": "a"}, "false", "a", ""),
        (compare("==", "device.id", "a"), {}, "unknown", None, "There was no value."),
        (
            compare(">", "custom.amount", 1),
            {"custom.amount": "2"},
            "unknown",
            "2",
            'The value was the text "2"; this needs a number, such as 2000.',
        ),
    ],
)
def test_a_condition_says_why_it_is_unknown(
    raw: object, values: dict[str, Any], verdict: str, actual: object, reason: str
) -> None:
    node = traced(raw, values)
    assert (node.verdict, node.actual, node.reason) == (verdict, actual, reason)


def test_every_node_is_shown_where_it_stands() -> None:
    raw = {
        "or": [
            {"and": [compare("==", "device.isNew", True), compare("==", "device.isBot", True)]},
            {"!": [{"or": [compare("==", "device.id", "a")]}]},
        ]
    }
    root = traced(raw, {"device.isNew": True, "device.id": "b"})
    both, negation = root.children
    assert [(node.path, node.operator, node.verdict) for node in (root, *root.children)] == [
        ("conditions", "or", "true"),
        ("conditions.or[0]", "and", "unknown"),
        ("conditions.or[1]", "not", "true"),
    ]
    assert [node.verdict for node in both.children] == ["true", "unknown"]
    assert [node.path for node in negation.children] == ["conditions.or[1].![0]"]
    assert both.text == "Device is new, and Device is a bot"


def test_a_rule_without_conditions_is_explained() -> None:
    root = traced({}, {})
    assert (root.verdict, root.reason) == ("false", "A rule without conditions never fires.")


def test_a_condition_that_can_no_longer_be_read_is_explained() -> None:
    root = traced({"or": [compare("==", "custom.gone", 1), compare("==", "device.id", "a")]}, {"device.id": "a"})
    assert root.verdict == "true"
    assert root.children[0].verdict == "unknown"
    assert root.children[0].reason.startswith('There is no data point "custom.gone".')
