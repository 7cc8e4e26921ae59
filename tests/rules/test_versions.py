"""What differs between two versions: nothing that changed is left out, and nothing else is told."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.version_words import summary, told
from rules.versions import NEW, REMOVED, Change, Renumbered, Snapshot, difference
from tests.rules.cases import compare, conditions

AMOUNT = {"name": "amount", "kind": "number", "model": "action"}
POINTS = [AMOUNT, {"name": "tags", "kind": "multiselect", "model": "action"}]
ANONYMOUS = compare("==", "ip.isAnonymous", True)
LARGE = compare(">", "custom.amount", 2000)


def rule(ident: str, conditions: Any = ANONYMOUS, **changes: Any) -> dict[str, Any]:
    """A rule as a version keeps it."""
    return {
        "ruleId": ident,
        "name": f"Rule {ident}",
        "description": "",
        "isActive": True,
        "isShadow": False,
        "priority": 0,
        "outcome": "CHALLENGE",
        "conditions": conditions,
        "whenUnknown": "skip",
        "verificationMethods": None,
        "defaultVerificationMethod": None,
        "promptToEnrollVerificationMethods": None,
    } | changes


def version(*rules: dict[str, Any], outcome: str = "ALLOW", points: Any = (AMOUNT,)) -> Snapshot:
    return Snapshot(outcome, rules, points)


def only(found: Any) -> Any:
    [one] = found.rules
    return one


# -- any two versions ----------------------------------------------------------------------------


@st.composite
def _rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    idents = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=4))
    places = draw(st.lists(st.integers(0, 5), unique=True, min_size=len(idents), max_size=len(idents)))
    written = st.sampled_from([ANONYMOUS, {"and": [ANONYMOUS]}, {"and": [LARGE]}, None, {}]) | conditions
    methods = st.none() | st.just(["PASSKEY"])
    return [
        rule(
            ident,
            draw(written),
            name=f"Rule {ident}{draw(st.sampled_from(['', ' of old']))}",
            priority=place,
            outcome=draw(st.sampled_from(["ALLOW", "BLOCK"])),
            isActive=draw(st.booleans()),
            isShadow=draw(st.booleans()),
            whenUnknown=draw(st.sampled_from(["skip", "match"])),
            verificationMethods=draw(methods),
            promptToEnrollVerificationMethods=draw(methods),
        )
        for ident, place in zip(idents, places, strict=True)
    ]


snapshots = st.builds(
    Snapshot,
    st.sampled_from(["ALLOW", "BLOCK"]),
    _rules(),
    st.lists(st.sampled_from(POINTS), unique_by=lambda point: point["name"]),
)


def same(one: Snapshot, other: Snapshot) -> bool:
    return as_set(one) == as_set(other)


def as_set(one: Snapshot) -> Any:
    """Without the order in which rules and points are written down: their numbers and names say it all."""
    rules, points = ({json.dumps(item, sort_keys=True) for item in items} for items in (one.rules, one.custom_points))
    return one.default_outcome, rules, points


@given(snapshots, snapshots)
def test_there_is_no_difference_if_and_only_if_the_versions_are_equal(before, after):
    assert bool(difference(before, after)) is not same(before, after)
    assert bool(summary(difference(before, after))) is not same(before, after)
    assert told(difference(before, after)).is_empty is same(before, after)


@given(snapshots, st.randoms())
def test_a_version_does_not_differ_from_itself_however_it_is_written_down(before, random):
    after = copy.deepcopy(before)
    random.shuffle(after.rules)
    random.shuffle(after.custom_points)
    assert not difference(before, after)


@given(snapshots, snapshots)
def test_every_rule_that_changed_is_named_and_no_other(before, after):
    old, new = ({one["ruleId"]: one for one in side.rules} for side in (before, after))
    changed = {ident for ident in old | new if json.dumps(old.get(ident)) != json.dumps(new.get(ident))}
    found = difference(before, after)
    assert {one.rule_id for one in found.rules} <= changed
    named = {one.name for one in found.rules} | {one.name for one in found.renumbered}
    assert named == {(old | new)[ident]["name"] for ident in changed}


@given(snapshots, snapshots)
def test_the_two_directions_tell_of_the_same_rules(before, after):
    there, back = difference(before, after), difference(after, before)
    assert {one.rule_id for one in there.of_kind(NEW)} == {one.rule_id for one in back.of_kind(REMOVED)}
    assert (there.default_outcome is None) == (back.default_outcome is None)
    assert len(there.custom_points) == len(back.custom_points)


# -- one rule ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "before", "after", "row"),
    [
        ("name", "Old", "New", ("Name", "Old", "New")),
        ("description", "", "Why", ("Description", "", "Why")),
        ("outcome", "ALLOW", "BLOCK", ("Outcome", "Allow", "Block")),
        ("isActive", True, False, ("Active", "Yes", "No")),
        ("isShadow", False, True, ("Shadow", "No", "Yes")),
        ("whenUnknown", "skip", "match", ("When data is missing", "The rule does not fire", "The rule fires")),
        ("verificationMethods", None, ["SMS"], ("Permitted methods", "as the action says", "Code by SMS")),
        ("defaultVerificationMethod", "PASSKEY", None, ("Method shown first", "Passkey", "as the action says")),
        (
            "promptToEnrollVerificationMethods",
            None,
            ["PASSKEY"],
            ("Ask to set up", "as the action says", "Passkey"),
        ),
        ("somethingLater", None, 3, ("somethingLater", "", "3")),
    ],
)
def test_each_field_is_told_in_words(field, before, after, row):
    found = difference(version(rule("a", **{field: before})), version(rule("a", **{field: after})))
    assert only(found).changes == (Change(field, before or None, after or None),)
    [shown] = only(told(found)).rows
    assert (shown.label, shown.before, shown.after) == row
    assert summary(found) == "1 rule changed"


def test_a_rule_from_before_there_were_shadows_is_the_same_without_one():
    old = rule("a")
    del old["isShadow"]
    assert not difference(version(old), version(rule("a")))


def test_a_new_rule_and_a_removed_one_are_told_whole():
    found = difference(version(rule("a", priority=3)), version(rule("b", LARGE, isActive=False)))
    new, removed = found.rules
    assert (new.kind, removed.kind) == (NEW, REMOVED)
    assert new.conditions.after == "amount is greater than 2,000"
    assert removed.conditions.before == "IP is anonymous"
    shown, gone = told(found).rules
    assert [(row.label, row.before, row.after) for row in shown.rows] == [
        ("Outcome", "", "Challenge"),
        ("Place", "", "1"),
        ("Active", "", "No"),
        ("Shadow", "", "No"),
        ("When data is missing", "", "The rule does not fire"),
    ]
    assert ("Place", "", "1") in [(row.label, row.before, row.after) for row in gone.rows]
    assert summary(found) == "1 rule new, 1 rule removed"


def test_of_a_new_order_the_rule_that_moved_is_told_and_the_others_only_got_another_number():
    rules = [rule(ident, priority=place) for place, ident in enumerate("abc")]
    after = [rule("c", priority=0), rule("a", priority=1), rule("b", priority=2)]
    found = difference(version(*rules), version(*after))
    assert (only(found).rule_id, only(found).changes) == ("c", (Change("place", 3, 1),))
    assert found.renumbered == (Renumbered("a", "Rule a", 1, 2), Renumbered("b", "Rule b", 2, 3))
    assert summary(found) == "1 rule changed, new places"


def test_numbers_alone_are_told_as_such():
    before = version(rule("a", priority=3), rule("b", priority=50))
    found = difference(before, version(rule("a", priority=0), rule("b", priority=1)))
    assert summary(found) == "other priority numbers in the same order"
    assert (told(found).places, told(found).numbers_only, told(found).is_empty) == ((), True, False)


def test_settings_are_told():
    tier = {"name": "tier", "kind": "text", "model": "user"}
    found = difference(version(points=[AMOUNT]), version(outcome="BLOCK", points=[AMOUNT | {"kind": "text"}, tier]))
    assert [(row.label, row.before, row.after) for row in told(found).settings] == [
        ("Default outcome", "Allow", "Block"),
        ("Custom data point custom.amount", "Number", "Text"),
        ("Custom data point user.custom.tier", "", "Text"),
    ]
    assert summary(found) == "another default outcome, other custom data points"
