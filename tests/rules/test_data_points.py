"""Each data point reads its fact, and the registry is loud about mistakes."""

from typing import Any

import pytest
from hypothesis import given

from rules.engine import compile_policy, decide
from rules.facts import DeviceFacts, Facts, IpFacts
from rules.registry import (
    DATA_POINTS,
    CustomPoint,
    UnknownDataPoint,
    by_key,
    custom_model,
    data_point,
    lookup,
)
from rules.types import BOOLEAN, COUNTRY, IP, MISSING, NUMBER, TEXT, Kind, storable
from tests.rules.cases import CUSTOM_POINTS, compare, facts, make_facts, make_rule

NOWHERE = make_facts()
TOR = make_facts(ip=IpFacts(address="185.220.101.1", anonymizer="TOR", anonymizer_known=True))
HOME = make_facts(ip=IpFacts(address="203.0.113.10", anonymizer_known=True))
UNSURE = make_facts(ip=IpFacts(address="203.0.113.10"))
LEFTOVER = make_facts(ip=IpFacts(anonymizer="TOR", anonymizer_known=True))


def read(key: str, facts: Facts) -> Any:
    return storable(lookup(key, by_key(CUSTOM_POINTS)).read(facts))


@pytest.mark.parametrize(
    ("key", "facts", "value"),
    [
        ("ip.address", TOR, "185.220.101.1"),
        ("ip.address", NOWHERE, MISSING),
        ("ip.countryCode", make_facts(ip=IpFacts(country_code="NZ")), "NZ"),
        ("ip.countryCode", NOWHERE, MISSING),
        ("ip.isAnonymous", TOR, True),
        ("ip.isAnonymous", HOME, False),
        ("ip.isAnonymous", UNSURE, MISSING),
        ("ip.isAnonymous", LEFTOVER, MISSING),
        ("ip.isAnonymous", NOWHERE, MISSING),
        ("ip.anonymizer", TOR, "TOR"),
        ("ip.anonymizer", HOME, "NONE"),
        ("ip.anonymizer", UNSURE, MISSING),
        ("ip.anonymizer", LEFTOVER, MISSING),
        ("ip.anonymizer", NOWHERE, MISSING),
        ("ip.isUnrecognized", make_facts(ip=IpFacts(is_unrecognized=False)), False),
        ("ip.isUnrecognized", NOWHERE, MISSING),
        ("device.id", make_facts(device=DeviceFacts(id="d1")), "d1"),
        ("device.id", NOWHERE, MISSING),
        ("device.isNew", make_facts(device=DeviceFacts(is_new=True)), True),
        ("device.isNew", NOWHERE, MISSING),
        ("device.isBot", make_facts(device=DeviceFacts(is_bot=False)), False),
        ("device.isBot", NOWHERE, MISSING),
        ("device.isRemembered", make_facts(device=DeviceFacts(is_remembered=True)), True),
        ("device.isRemembered", NOWHERE, MISSING),
        ("device.count", make_facts(device=DeviceFacts(count=0)), 0),
        ("device.count", NOWHERE, MISSING),
        ("user.userId", NOWHERE, "alice"),
        ("user.email", make_facts(email="alice@example.com"), "alice@example.com"),
        ("user.email", NOWHERE, MISSING),
        ("user.phoneNumber", make_facts(phone_number="+15555550100"), "+15555550100"),
        ("user.phoneNumber", NOWHERE, MISSING),
        ("user.username", make_facts(username="al"), "al"),
        ("user.username", NOWHERE, MISSING),
        ("user.isEnrolled", make_facts(is_enrolled=True), True),
        ("user.isEnrolled", NOWHERE, False),
        ("user.hasPreviouslyVerified", make_facts(has_previously_verified=True), True),
        ("user.hasPreviouslyVerified", NOWHERE, False),
        ("user.emailVerified", make_facts(email_verified=True), True),
        ("user.emailVerified", NOWHERE, MISSING),
        ("user.phoneNumberVerified", make_facts(phone_number_verified=False), False),
        ("user.phoneNumberVerified", NOWHERE, MISSING),
        ("custom.destination", make_facts(custom={"destination": "bank"}), "bank"),
        ("custom.destination", make_facts(custom={"destination": None}), MISSING),
        ("custom.destination", make_facts(user_custom={"destination": "bank"}), MISSING),
        ("user.custom.tier", make_facts(user_custom={"tier": "gold"}), "gold"),
        ("user.custom.tier", make_facts(custom={"tier": "gold"}), MISSING),
    ],
)
def test_a_data_point_reads_its_fact(key: str, facts: Facts, value: object) -> None:
    assert read(key, facts) == value


def test_every_data_point_is_in_the_table_above() -> None:
    [table] = [mark for mark in test_a_data_point_reads_its_fact.pytestmark if mark.name == "parametrize"]
    assert {row[0] for row in table.args[1]} >= set(DATA_POINTS)


def test_a_name_known_only_to_the_user_model_answers_to_custom_too() -> None:
    assert read("custom.tier", make_facts(custom={"tier": "sent"}, user_custom={"tier": "kept"})) == "kept"


def test_a_name_known_to_both_models_is_that_of_the_action_under_custom() -> None:
    both = make_facts(custom={"amount": 1}, user_custom={"amount": 2})
    assert read("custom.amount", both) == 1
    assert read("user.custom.amount", both) == 2


def test_a_custom_name_with_a_dot_is_one_name() -> None:
    points = by_key([CustomPoint("card.bin", TEXT, "action")])
    assert lookup("custom.card.bin", points).read(make_facts(custom={"card.bin": "411111"})) == "411111"


def test_a_custom_point_is_read_from_a_snapshot() -> None:
    stored = {"name": "tier", "kind": "text", "model": "user"}
    assert CustomPoint.from_json(stored) == CustomPoint("tier", TEXT, "user")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "ip.isAnonymus",
            "Choose a data point from the list of the rule builder. Did you mean ip.isAnonymous?",
        ),
        ("", "Choose a data point from the list of the rule builder."),
        ("ip", "Choose a data point from the list of the rule builder."),
        (
            "custom.amout",
            "Define it as a custom data point first, or correct its name. Did you mean custom.amount?",
        ),
        ("custom.", "Define it as a custom data point first, or correct its name."),
        ("zzz" * 100_000, "Choose a data point from the list of the rule builder."),
    ],
)
def test_an_unknown_data_point_is_refused_with_advice(key: str, message: str) -> None:
    with pytest.raises(UnknownDataPoint) as unknown:
        lookup(key, by_key(CUSTOM_POINTS))
    assert str(unknown.value) == message


def test_a_point_of_the_action_model_is_not_one_of_the_user() -> None:
    with pytest.raises(UnknownDataPoint):
        lookup("user.custom.destination", by_key(CUSTOM_POINTS))


@pytest.mark.parametrize(
    ("key", "kind", "otherwise", "message"),
    [
        ("ip.address", TEXT, "", "ip.address is registered twice"),
        ("new.flag", BOOLEAN, "", "only a boolean, has a text for otherwise"),
        ("new.text", TEXT, "not so", "only a boolean, has a text for otherwise"),
    ],
)
def test_a_wrong_registration_raises(key: str, kind: Kind, otherwise: str, message: str) -> None:
    register = data_point(key, kind, "Label", "Description", category="Test", otherwise=otherwise)
    with pytest.raises(ValueError, match=message):
        register(lambda facts: None)
    assert not key.startswith("new.") or key not in DATA_POINTS


def test_a_second_reader_of_a_custom_model_raises() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        custom_model("user")(lambda facts, name: None)


@pytest.mark.parametrize(("kind", "model"), [(COUNTRY, "action"), ("json", "action"), (TEXT, "device")])
def test_a_tenant_cannot_define_another_kind_or_model(kind: Any, model: Any) -> None:
    with pytest.raises(ValueError, match="no such"):
        CustomPoint("name", kind, model)


def test_the_label_of_a_boolean_and_its_negation_are_two_statements() -> None:
    booleans = [point for point in DATA_POINTS.values() if point.kind is BOOLEAN]
    texts = [text for point in booleans for text in (point.label, point.otherwise)]
    assert len(set(texts)) == 2 * len(booleans)


def test_every_data_point_says_what_it_is() -> None:
    assert all(point.label and point.description.endswith(".") and point.category for point in DATA_POINTS.values())


@given(facts)
def test_what_is_promised_of_a_value_holds_of_all_facts(one: Facts) -> None:
    examples = {TEXT: "a", NUMBER: 1, BOOLEAN: True, COUNTRY: "NZ", IP: "192.0.2.1"}
    every = {"and": [compare("==", point.key, examples[point.kind]) for point in DATA_POINTS.values()]}
    decision = decide(one, compile_policy("transfer", "ALLOW", rules=[make_rule(every)]))
    assert all(DATA_POINTS[key].optional for key in decision.missing)
    for key, value in decision.values.items():
        point = DATA_POINTS[key]
        assert not point.integer or type(value) is int
        assert point.minimum is None or value >= point.minimum
