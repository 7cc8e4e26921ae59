"""What is left of conditions on data points that never arrive: nothing that can still happen is denied."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import condition_tree
from rules.engine import comparisons_in, compile_policy, decide
from rules.registry import by_key, lookup
from rules.sent import Effect, effect, needs, verdicts_without
from tests.rules.cases import CUSTOM_POINTS, compare, conditions, facts, make_rule

SENT, GONE = compare("==", "user.userId", "alice"), compare(">", "custom.amount", 5)
EMPTY = {"missing": ["custom.amount"]}


def tree_of(raw: object) -> Any:
    tree, problems = condition_tree.read(raw, custom_points=CUSTOM_POINTS)
    assert tree is not None
    assert not problems
    return tree


@pytest.mark.parametrize(
    ("raw", "skipping", "matching"),
    [
        (GONE, Effect.NEVER, Effect.ALWAYS),
        ({"!": GONE}, Effect.NEVER, Effect.ALWAYS),
        ({"and": [GONE, SENT]}, Effect.NEVER, Effect.FIRES_IN_DOUBT),
        ({"or": [GONE, SENT]}, Effect.SILENT_IN_DOUBT, Effect.ALWAYS),
        ({"or": [GONE, {"and": [GONE, SENT]}]}, Effect.NEVER, Effect.ALWAYS),
        ({"and": [SENT, {"or": [GONE, SENT]}]}, Effect.SILENT_IN_DOUBT, Effect.FIRES_IN_DOUBT),
        (EMPTY, Effect.ALWAYS, Effect.ALWAYS),
        ({"!": EMPTY}, Effect.NEVER, Effect.NEVER),
        ({"and": [{"!": EMPTY}, SENT]}, Effect.NEVER, Effect.NEVER),
    ],
)
def test_what_becomes_of_a_rule_whose_amount_never_arrives(raw, skipping, matching):
    assert effect(tree_of(raw), {"custom.amount"}, fires_on_unknown=False) is skipping
    assert effect(tree_of(raw), {"custom.amount"}, fires_on_unknown=True) is matching


def test_where_nothing_is_missing_anything_is_possible():
    assert verdicts_without(tree_of({"and": [GONE, SENT]}), set()) == {True, False, None}


@pytest.mark.parametrize(
    ("key", "needed"),
    [
        ("ip.countryCode", ("ip.countryCode",)),
        ("custom.amount", ("custom.amount",)),
        ("custom.tier", ("user.custom.tier",)),
        ("user.custom.amount", ("user.custom.amount",)),
        ("velocity.count.user.this.1h", ()),
        ("velocity.count.tenant.any.1h", ()),
        ("velocity.count.device.this.1h", ("device.id",)),
        ("velocity.users.address.any.1d", ("ip.address",)),
        ("velocity.count.phoneNumber.this.1h", ("user.phoneNumber",)),
        ("velocity.count.emailDomain.this.1h", ("user.email",)),
        ("velocity.sum:amount.device.this.7d", ("device.id", "custom.amount")),
        ("velocity.sum:amount.user.any.7d", ()),
        ("velocity.sum:amount.user.action:deposit.7d", ()),
    ],
)
def test_what_must_arrive_for_a_data_point(key, needed):
    assert needs(lookup(key, by_key(CUSTOM_POINTS))) == needed


@given(conditions, facts, st.data())
def test_a_verdict_that_comes_about_was_held_possible(raw, known, data):
    tree, _problems = condition_tree.read(raw, custom_points=CUSTOM_POINTS)
    if tree is None:
        return
    keys = sorted({key for one in comparisons_in(tree) for key in needs(one.point)})
    missing = set(data.draw(st.lists(st.sampled_from(keys), unique=True))) if keys else set()
    stored = deepcopy(dict(known.to_json()))
    for key in missing:
        *groups, name = key.split(".")
        part = stored
        for group in groups:
            part = part.get(group, {})
        part.pop(name, None)
    gone = [one for one in comparisons_in(tree) if set(needs(one.point)) & missing]
    for velocity in {one.point.key.removeprefix("velocity.") for one in gone}:
        stored["velocity"].pop(velocity, None)
    policy = compile_policy("transfer", "ALLOW", rules=[make_rule(raw)], custom_points=CUSTOM_POINTS)
    verdict = {"true": True, "false": False, "unknown": None}[decide(stored, policy).verdicts["rule"]]
    assert verdict in verdicts_without(tree, missing)
