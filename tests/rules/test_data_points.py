"""Each data point reads its fact, and the registry is loud about mistakes."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given

from rules.engine import compile_policy, decide
from rules.facts import DeviceFacts, Facts, IpFacts, TimeFacts, UserFacts, _json_name
from rules.registry import (
    DATA_POINTS,
    CustomPoint,
    UnknownDataPoint,
    by_key,
    data_point,
    lookup,
)
from rules.types import BOOLEAN, COUNTRY, IP, NUMBER, TEXT, Kind
from tests.rules.cases import CUSTOM_POINTS, compare, facts, make_facts, make_rule


def read(key: str, facts: Facts) -> Any:
    return lookup(key, by_key(CUSTOM_POINTS)).read(facts.to_json())


def test_every_data_point_is_a_field_of_the_facts_or_of_what_the_action_sends() -> None:
    """A data point that no fact can fill could never fire."""
    parts = {"ip": IpFacts, "device": DeviceFacts, "user": UserFacts, "time": TimeFacts}
    for point in DATA_POINTS.values():
        group, name = point.path
        if group in parts:
            assert name in {_json_name(field.name) for field in fields(parts[group])}, point.key
        else:
            assert group in ("card", "crypto"), point.key


def test_a_data_point_reads_its_fact_and_nothing_where_there_is_none() -> None:
    facts = make_facts(ip=IpFacts(country_code="NZ", is_anonymous=False), device=DeviceFacts(count=0))
    assert read("ip.countryCode", facts) == "NZ"
    assert read("ip.isAnonymous", facts) is False
    assert read("device.count", facts) == 0
    assert read("ip.address", facts) is None
    assert read("velocity.count.user.this.1h", facts) is None


def test_a_velocity_is_a_number_of_the_facts_under_its_key() -> None:
    facts = replace(make_facts(), velocity={"count.user.this.1h": 4})
    assert read("velocity.count.user.this.1h", facts) == 4


def test_a_name_known_only_to_the_user_model_answers_to_custom_too() -> None:
    assert read("custom.tier", make_facts(custom={"tier": "sent"}, user_custom={"tier": "kept"})) == "kept"


def test_a_name_known_to_both_models_is_that_of_the_action_under_custom() -> None:
    both = make_facts(custom={"amount": 1}, user_custom={"amount": 2})
    assert read("custom.amount", both) == 1
    assert read("user.custom.amount", both) == 2


def test_a_custom_name_with_a_dot_is_one_name() -> None:
    points = by_key([CustomPoint("card.bin", TEXT, "action")])
    assert lookup("custom.card.bin", points).read(make_facts(custom={"card.bin": "411111"}).to_json()) == "411111"


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
    with pytest.raises(ValueError, match=message):
        data_point(key, kind, "Label", "Description", category="Test", otherwise=otherwise)
    assert not key.startswith("new.") or key not in DATA_POINTS


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
    decision = decide(one.to_json(), compile_policy("transfer", "ALLOW", rules=[make_rule(every)]))
    assert all(DATA_POINTS[key].optional for key in decision.missing)
    for key, value in decision.values.items():
        point = DATA_POINTS[key]
        assert not point.integer or type(value) is int
        assert point.minimum is None or value >= point.minimum
