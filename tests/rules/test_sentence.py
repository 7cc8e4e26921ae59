"""Conditions in plain English, and the builder's list of data points."""

import json
from typing import Any

import pytest
from hypothesis import given

from rules.condition_tree import check, write
from rules.operators import OPERATORS
from rules.registry import DATA_POINTS
from rules.sentence import catalogue, sentence
from tests.rules.cases import CUSTOM_POINTS, compare, conditions

ANONYMOUS = compare("==", "ip.isAnonymous", True)
LARGE = compare(">", "custom.amount", 2000)
NEW = compare("==", "device.isNew", True)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({"or": [ANONYMOUS, LARGE]}, "IP is anonymous, or amount is greater than 2,000"),
        ({"and": [ANONYMOUS, NEW, LARGE]},
         "IP is anonymous, and Device is new, and amount is greater than 2,000"),
        ({"and": [ANONYMOUS]}, "IP is anonymous"),
        ({"and": [{"or": [ANONYMOUS, NEW]}]}, "IP is anonymous, or Device is new"),
        ({"and": [{"and": [{"or": [ANONYMOUS, NEW]}]}]}, "IP is anonymous, or Device is new"),
        (
            {"and": [{"or": [ANONYMOUS, NEW]}, LARGE]},
            "(IP is anonymous, or Device is new), and amount is greater than 2,000",
        ),
        (
            {"or": [ANONYMOUS, {"and": [NEW, {"or": [LARGE, ANONYMOUS]}]}]},
            "IP is anonymous, or (Device is new, and (amount is greater than 2,000, or IP is anonymous))",
        ),
        ({"or": [{"and": [{"or": [ANONYMOUS, NEW]}]}, LARGE]},
         "(IP is anonymous, or Device is new), or amount is greater than 2,000"),
        ({"!": {"or": [ANONYMOUS, NEW]}}, "not (IP is anonymous, or Device is new)"),
        ({"!": LARGE}, "not (amount is greater than 2,000)"),
        (compare("==", "ip.isAnonymous", False), "IP is not anonymous"),
        (compare("!=", "ip.isAnonymous", True), "IP is not anonymous"),
        (compare("!=", "ip.isAnonymous", False), "IP is anonymous"),
        (compare("==", "custom.first", True), "first is true"),
        (compare("!=", "custom.first", False), "first is not false"),
        (compare(">=", "custom.amount", 2000.5), "amount is at least 2,000.5"),
        (compare("<", "custom.amount", -1_000_000), "amount is less than -1,000,000"),
        (write("between", "custom.amount", [1, 5000]), "amount is between 1 and 5,000"),
        (write("in", "ip.countryCode", ["NZ"]), "IP country is one of “NZ New Zealand”"),
        (write("in", "ip.countryCode", ["NZ", "AU", "US"]),
         "IP country is one of “NZ New Zealand”, “AU Australia” or “US United States”"),
        (write("notIn", "ip.countryCode", ["NZ", "AU"]), "IP country is not one of “NZ New Zealand” or “AU Australia”"),
        (
            write("in", "custom.amount", list(range(1_500))),
            "amount is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 or 1,490 more",
        ),
        (write("contains", "custom.tags", "vip"), "tags contains “vip”"),
        (write("notStartsWith", "user.email", "test"), "Email address does not start with “test”"),
        (write("ipInCidr", "ip.address", ["10.0.0.0/8"]), "IP address is in range “10.0.0.0/8”"),
        (write("ipInCidr", "ip.address", "10.0.0.0/8"), "IP address is in range “10.0.0.0/8”"),
        (compare("==", "user.custom.tier", "gold"), "User's tier is “gold”"),
        (compare("==", "device.id", 'a", or "b'), 'Device ID is “a", or "b”'),
        (compare("==", "device.id", "a”, or “b"), r"Device ID is “a\”, or \“b”"),
        (compare("==", "device.id", "a\nb"), r"Device ID is “a\nb”"),
        (write("in", "user.phoneLineType", ["PREMIUM_RATE", "VOIP", "PIGEON"]),
         "Phone line type is one of “Premium rate”, “VoIP” or “PIGEON”"),
        (compare("==", "time.weekday", "MONDAY"), "Local weekday is “Monday”"),
        (compare("==", "custom.destination", "MONDAY"), "destination is “MONDAY”"),
        (compare("!=", "ip.countryCode", "XX"), "IP country is not “XX”"),
        (compare("==", "device.id", "Zürich"), "Device ID is “Zürich”"),
        (None, "No conditions"),
        ({"and": []}, "No conditions"),
        ({"or": [ANONYMOUS, {"nope": 1}]}, "IP is anonymous, or a condition that cannot be read"),
        ("nonsense", "a condition that cannot be read"),
    ],
)  # fmt: skip
def test_conditions_read_as_english(raw: object, text: str) -> None:
    assert sentence(raw, custom_points=CUSTOM_POINTS) == text


@given(conditions)
def test_a_sentence_is_deterministic_and_its_brackets_match(raw: Any) -> None:
    text = sentence(raw, custom_points=CUSTOM_POINTS)
    assert text == sentence(json.loads(json.dumps(raw)), custom_points=CUSTOM_POINTS)
    assert text.count("(") == text.count(")")
    assert "cannot be read" not in text


def test_and_and_or_never_stand_side_by_side_without_brackets() -> None:
    mixed = {"and": [NEW, {"or": [NEW, NEW]}, {"and": [NEW, NEW]}]}
    assert sentence(mixed) == (
        "Device is new, and (Device is new, or Device is new), and (Device is new, and Device is new)"
    )


def test_the_catalogue_lists_every_data_point_with_the_operators_of_its_kind() -> None:
    entries = {entry["key"]: entry for entry in json.loads(json.dumps(catalogue(CUSTOM_POINTS)))}
    assert set(entries) == {
        *DATA_POINTS,
        "custom.amount",
        "custom.destination",
        "custom.first",
        "custom.tags",
        "user.custom.tier",
        "user.custom.amount",
    }
    assert entries["ip.isAnonymous"] == {
        "key": "ip.isAnonymous",
        "label": "IP is anonymous",
        "description": "The address hides its user: a Tor exit, a VPN, an open proxy or a hosting provider.",
        "category": "IP and network",
        "kind": "boolean",
        "choices": [],
        "operators": [
            {"name": "==", "label": "is", "shape": "value"},
            {"name": "!=", "label": "is not", "shape": "value"},
            {"name": "isEmpty", "label": "is empty", "shape": "alone"},
            {"name": "isNotEmpty", "label": "is not empty", "shape": "alone"},
        ],
    }
    assert [row["name"] for row in entries["custom.tags"]["operators"]] == [
        "contains", "notContains", "containsAny", "containsAll", "containsNone", "isEmpty", "isNotEmpty"
    ]  # fmt: skip


def test_what_the_catalogue_offers_can_be_written_and_is_accepted() -> None:
    samples: dict[str, Any] = {
        "text": "a", "number": 1, "boolean": True, "multiselect": "a", "country": "NZ", "ip": "10.0.0.1"
    }  # fmt: skip
    for entry in catalogue(CUSTOM_POINTS):
        for row in entry["operators"]:
            value = samples[entry["kind"]]
            literal = {"list": [value], "range": [value, value], "named": "words"}.get(row["shape"], value)
            times = dict.fromkeys(["before", "after"], "2026-01-01") | dict.fromkeys(["olderThan", "newerThan"], "1d")
            literal = times.get(row["name"], literal)
            tree = check(write(row["name"], entry["key"], literal), custom_points=CUSTOM_POINTS)
            assert tree.operator is OPERATORS[row["name"]]  # type: ignore[union-attr]
            assert tree.point.key == entry["key"]  # type: ignore[union-attr]
