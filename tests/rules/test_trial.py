"""What the rows of a page make of one action, past or made up."""

import json
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given, settings

from rules import sample
from rules.drawing import draw
from rules.engine import compile_policy, decide
from rules.facts import IpFacts
from rules.forms import Group, write
from rules.inputs import Input
from rules.lists import Circumstances, ValueList
from rules.trial import HIDDEN, NOT_COUNTED, NOT_THERE, Case, Tried, tried
from tests.rules import cases
from tests.rules.cases import CUSTOM_POINTS, make_facts, make_rule

NOW = 1_770_000_000.0
LARGE = {">": [{"var": "custom.amount"}, 2000]}
ANONYMOUS = {"==": [{"var": "ip.isAnonymous"}, True]}
OFTEN = {">=": [{"var": "velocity.count.user.this.1h"}, 200]}


def rows(conditions: Any) -> Group:
    root = draw(conditions, custom_points=CUSTOM_POINTS)
    assert root is not None
    return root


def outcome(conditions: Any, case: Case, **more: Any) -> Tried:
    return tried(write(rows(conditions), custom_points=CUSTOM_POINTS), case, custom_points=CUSTOM_POINTS, **more)


def case(known: dict[str, Any], **more: Any) -> Case:
    return Case(known, Circumstances(NOW), **more)


def verdicts(found: Tried) -> dict[int, str]:
    return {ident: one.verdict for ident, one in found.rows.items()}


def test_each_row_gets_its_verdict_and_the_rule_its_own():
    stored = {"or": [LARGE, {"!": {"and": [ANONYMOUS, {"!": {"in": [{"var": "ip.countryCode"}, ["NZ"]]}}]}}]}
    found = outcome(stored, case({"custom": {"amount": 10}, "ip": {"isAnonymous": True, "countryCode": "AU"}}))
    assert verdicts(found) == {0: "false", 1: "false", 2: "false", 3: "true", 4: "true"}
    assert (found.verdict, found.fires) == ("false", False)
    assert (found.rows[1].actual, found.rows[4].actual) == (10, "AU")


def test_rows_that_are_not_finished_get_no_verdict():
    root = rows({"and": [LARGE, ANONYMOUS]})
    root.children[0].value = ""  # type: ignore[union-attr]
    written = write(root, custom_points=CUSTOM_POINTS)
    found = tried(written, case({"ip": {"isAnonymous": True}}), custom_points=CUSTOM_POINTS)
    assert verdicts(found) == {0: "true", 2: "true"}
    assert found.fires


def test_a_rule_without_conditions_never_fires():
    assert outcome({}, case({}), fires_on_unknown=True) == Tried()


@pytest.mark.parametrize(("fires_on_unknown", "fires"), [(False, False), (True, True)])
def test_unknown_fires_where_the_rule_says_so(fires_on_unknown, fires):
    found = outcome({"and": [LARGE]}, case({}), fires_on_unknown=fires_on_unknown)
    assert (found.verdict, found.fires) == ("unknown", fires)


@pytest.mark.parametrize(
    "condition",
    [
        {"==": [{"var": "user.email"}, "alice@example.com"]},
        {"!=": [{"var": "user.email"}, "bob@example.com"]},
        {"missing": ["user.email"]},
        {"!": {"missing": ["user.email"]}},
        {"before": [{"var": "user.email"}, "2026-01-31"]},
        {"in": ["alice", {"var": "user.email"}]},
    ],
)
def test_what_the_reader_may_not_see_gives_nothing_away(condition):
    """Neither by a value, nor by whether a guess was right."""
    for known in ({"user": {"email": "alice@example.com"}}, {"user": {}}):
        found = outcome({"and": [condition]}, case(known, hidden=frozenset({"user.email"})))
        assert verdicts(found) == {0: "unknown", 1: "unknown"}
        assert (found.rows[1].actual, found.rows[1].reason) == (None, HIDDEN)
        assert "alice@" not in json.dumps(found.rows[1].reason)


@pytest.mark.parametrize(
    ("counted", "caps", "verdict", "reason"),
    [
        (7, {"velocity.count.user.this.1h": 302}, "false", ""),
        (250, {"velocity.count.user.this.1h": 302}, "true", ""),
        # Counting stopped: there may have been two hundred.
        (102, {"velocity.count.user.this.1h": 102}, "unknown", "That action was counted only as far as 102."),
        (None, {}, "unknown", NOT_COUNTED),
        (None, {"velocity.count.user.this.1h": 302}, "unknown", "Too many actions to tell."),
        (None, None, "unknown", NOT_THERE),
        (500, None, "true", ""),
    ],
)
def test_a_velocity_is_taken_for_no_more_than_what_was_counted(counted, caps, verdict, reason):
    known = {"velocity": {} if counted is None else {"count.user.this.1h": counted}}
    found = outcome({"and": [OFTEN]}, case(known, caps=caps))
    assert (found.rows[1].verdict, found.rows[1].reason) == (verdict, reason)


def test_a_list_is_asked_as_it_is_given():
    around = Circumstances(NOW, {"short": ValueList((("NZ", None),))})
    stored = {"and": [{"in": [{"var": "ip.countryCode"}, {"var": "lists.short"}]}]}
    assert outcome(stored, Case({"ip": {"countryCode": "nz"}}, around)).fires


@settings(max_examples=150)
@given(cases.conditions, cases.facts)
def test_a_trial_on_stored_facts_says_what_the_decision_said(conditions, facts):
    root = draw(conditions, custom_points=CUSTOM_POINTS)
    if root is None or not root.children:
        return
    known, around = facts.to_json(), Circumstances(facts.time.at)
    policy = compile_policy("transfer", "ALLOW", rules=[make_rule(conditions)], custom_points=CUSTOM_POINTS)
    decided = decide(known, policy).verdicts["rule"]
    caps = {one.velocity.key: 10**9 for one in policy.velocities}
    written = write(root, custom_points=CUSTOM_POINTS)
    assert tried(written, Case(known, around, caps=caps), custom_points=CUSTOM_POINTS).verdict == decided


# -- values that are typed -----------------------------------------------------------------------

MENTIONED = {
    "and": [
        LARGE, LARGE, ANONYMOUS, OFTEN,
        {"==": [{"var": "ip.address"}, "10.0.0.1"]}, {"==": [{"var": "ip.countryCode"}, "NZ"]},
        {"in": ["a", {"var": "custom.tags"}]}, {"==": [{"var": "custom.tier"}, "gold"]},
        {"olderThan": [{"var": "custom.destination"}, "30d"]}, {"==": [{"var": "custom.gone"}, "x"]},
    ]
}  # fmt: skip
TYPED = {
    "custom.amount": "2500.5", "ip.isAnonymous": "true", "velocity.count.user.this.1h": "200", "ip.address": "10.0.0.1",
    "ip.countryCode": "NZ", "custom.tags": "a\r\n3\r\n", "custom.tier": "gold", "custom.destination": "2025-01-01",
}  # fmt: skip


def typed(sent: dict[str, str], conditions: Any = MENTIONED) -> list[sample.Value]:
    form = QueryDict(mutable=True)
    form.update({sample.PREFIX + key: text for key, text in sent.items()})
    return sample.values(rows(conditions), form, CUSTOM_POINTS)


def test_there_is_a_field_for_each_data_point_of_the_rows_once():
    fields = typed({})
    assert [field.point.key for field in fields] == list(TYPED)
    assert [field.input for field in fields] == [
        Input.NUMBER, Input.ONE, Input.NUMBER, Input.TEXT, Input.ONE, Input.LINES, Input.TEXT, Input.TEXT,
    ]  # fmt: skip
    assert not any(field.problem for field in fields)


def test_what_is_typed_is_what_the_rows_are_tried_on():
    made = sample.case(typed(TYPED), now=NOW, lists={})
    assert made.known["custom"] == {"amount": 2500.5, "tags": ["a", 3], "destination": "2025-01-01"}
    assert made.known["user"]["custom"] == {"tier": "gold"}
    found = outcome(MENTIONED, made)
    assert {verdict for ident, verdict in verdicts(found).items() if ident} == {"true", "unknown"}
    assert found.rows[10].verdict == "unknown"


def test_what_is_left_empty_is_not_there():
    assert outcome({"and": [ANONYMOUS]}, sample.case(typed({}), now=NOW, lists={})).verdict == "unknown"
    assert outcome({"and": [{"missing": ["device.id"]}]}, sample.case([], now=NOW, lists={})).fires


@pytest.mark.parametrize(
    ("key", "text", "wanted"),
    [
        ("custom.amount", "2,500", "digits and at most a point"),
        ("ip.address", "300.1.1.1", "an IP address"),
        ("custom.tier", "a\nb", "on one line"),
        ("custom.tags", 'a\n"open', "Close the quotation mark"),
        ("ip.isAnonymous", "yes", "Choose true or false"),
    ],
)
def test_a_wrong_value_is_told_of_and_is_not_there(key, text, wanted):
    fields = {field.point.key: field for field in typed({key: text})}
    assert wanted in fields[key].problem
    assert fields[key].text == text
    assert fields[key].read is None


def test_facts_of_a_past_action_are_read_as_they_were_stored():
    known = make_facts(custom={"amount": 3000}, ip=IpFacts(is_anonymous=False)).to_json()
    assert verdicts(outcome({"or": [LARGE, ANONYMOUS]}, case(known))) == {0: "true", 1: "true", 2: "false"}
