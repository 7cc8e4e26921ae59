"""The facts of an action are stored, and read back without loss."""

import json
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given

from rules.engine import RuleSpec, compile_policy, decide
from rules.facts import DeviceFacts, Facts, IpFacts, TimeFacts, UserFacts
from tests.rules.cases import CUSTOM_POINTS, facts, make_facts, rule_sets

STORED = {
    "actionCode": "transfer",
    "custom": {"amount": 2001, "tags": ["a", "b"], "first": True},
    "ip": {
        "address": "185.220.101.1",
        "countryCode": "DE",
        "countryCodeInOfacList": False,
        "city": "Berlin",
        "asn": 60729,
        "organization": "Example Networks",
        "isAnonymous": True,
        "anonymizer": "TOR",
        "isUnrecognized": False,
        "impossibleTravel": False,
        "atypicalTravel": True,
        "latitude": 52.5,
        "longitude": 13.4,
        "accuracyRadiusKm": 50.0,
    },
    "device": {
        "id": "d1",
        "isNew": False,
        "isBot": False,
        "isRemembered": True,
        "count": 2,
        "type": "desktop",
        "browser": "Chrome",
        "os": "Windows",
    },
    "user": {
        "userId": "alice",
        "email": "alice@example.com",
        "emailDomain": "example.com",
        "emailIsDisposable": False,
        "phoneNumber": "+15555550100",
        "phoneCountry": "US",
        "phoneLineType": "MOBILE",
        "username": "alice",
        "displayName": "Alice",
        "isEnrolled": True,
        "hasPreviouslyVerified": True,
        "emailVerified": False,
        "phoneNumberVerified": True,
        "accountAgeInDays": 40,
        "custom": {"tier": "gold"},
    },
    "time": {"at": 1770000000.0, "hour": 3, "weekday": "MONDAY", "zone": "Europe/Berlin"},
    "card": {"bin": "411111"},
    "crypto": {"assetCode": "BTC"},
    "velocity": {"count.user.this.1h": 3},
}


def test_every_fact_is_stored_under_the_name_of_its_data_point() -> None:
    assert Facts.from_json(STORED).to_json() == STORED


@pytest.mark.parametrize("kind", [IpFacts, DeviceFacts, UserFacts, TimeFacts])
def test_the_stored_example_above_has_every_field(kind: type) -> None:
    part = kind.__name__.removesuffix("Facts").lower()
    assert len(STORED[part]) == len(fields(kind))


def test_what_is_missing_is_left_out_and_read_back_as_missing() -> None:
    stored = make_facts().to_json()
    assert stored["ip"] == stored["time"] == stored["velocity"] == {}
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
    again = Facts.from_json(json.loads(json.dumps(stored))).to_json()
    policy = compile_policy("transfer", "ALLOW", rules=rules, custom_points=CUSTOM_POINTS)
    assert decide(again, policy) == decide(stored, policy)
