"""The facts of an action are stored, and read back without loss."""

import json
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given

from rules.engine import RuleSpec, compile_policy, decide
from rules.facts import DeviceFacts, Facts, IpFacts, UserFacts
from rules.types import MISSING, storable
from tests.rules.cases import CUSTOM_POINTS, facts, make_facts, rule_sets

STORED = {
    "actionCode": "transfer",
    "custom": {"amount": 2001, "tags": ["a", "b"], "first": True},
    "ip": {
        "address": "185.220.101.1",
        "countryCode": "DE",
        "anonymizer": "TOR",
        "anonymizerKnown": True,
        "isUnrecognized": False,
    },
    "device": {"id": "d1", "isNew": False, "isBot": False, "isRemembered": True, "count": 2},
    "user": {
        "userId": "alice",
        "email": "alice@example.com",
        "phoneNumber": "+15555550100",
        "username": "alice",
        "displayName": "Alice",
        "isEnrolled": True,
        "hasPreviouslyVerified": True,
        "emailVerified": False,
        "phoneNumberVerified": True,
        "custom": {"tier": "gold"},
    },
}


def test_every_fact_is_stored_under_the_name_of_its_data_point() -> None:
    assert Facts.from_json(STORED).to_json() == STORED


@pytest.mark.parametrize("kind", [IpFacts, DeviceFacts, UserFacts])
def test_the_stored_example_above_has_every_field(kind: type) -> None:
    part = kind.__name__.removesuffix("Facts").lower()
    assert len(STORED[part]) == len(fields(kind))


def test_what_is_missing_is_left_out_and_read_back_as_missing() -> None:
    stored = make_facts().to_json()
    assert stored["ip"] == {"anonymizerKnown": False}
    assert stored["device"] == {}
    assert Facts.from_json(json.loads(json.dumps(stored))) == make_facts()


def test_a_snapshot_of_another_version_can_be_read() -> None:
    stored = {
        "actionCode": "transfer",
        "user": {"userId": "alice", "shoeSize": 43},
        "weather": {"isRaining": True},
    }
    assert Facts.from_json(stored) == make_facts()


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        make_facts().ip.address = "10.0.0.1"  # type: ignore[misc]


@given(facts, rule_sets())
def test_stored_facts_decide_as_the_live_ones(live: Facts, rules: list[RuleSpec]) -> None:
    stored = live.to_json()
    for custom in (stored["custom"], stored["user"]["custom"]):
        # What the edge refuses to take in.
        custom |= {name: None if storable(value) is MISSING else storable(value) for name, value in custom.items()}
    policy = compile_policy("transfer", "ALLOW", rules=rules, custom_points=CUSTOM_POINTS)
    assert decide(Facts.from_json(json.loads(json.dumps(stored))), policy) == decide(live, policy)
