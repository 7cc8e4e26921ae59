"""How values are kept and read, kind by kind."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.types import (
    BOOLEAN,
    COUNTRY,
    IP,
    MISSING,
    MULTISELECT,
    NUMBER,
    TEXT,
    Kind,
    WrongLiteral,
    comparable,
    literal,
    network,
    shown,
    storable,
)
from tests.rules.cases import ODD_VALUES, brief


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, MISSING),
        ("a", "a"),
        ("ä€", "ä€"),
        ("a\0b\ud800c", "a\ufffdb\ufffdc"),
        (True, True),
        (0, 0),
        (10**4000, 10**4000),
        (10**5000, MISSING),
        (-(10**5000), MISSING),
        (float("nan"), MISSING),
        (float("inf"), MISSING),
        (float("-inf"), MISSING),
        (Decimal("2000.50"), 2000.5),
        (Decimal("2E+3"), 2000),
        (Decimal("NaN"), MISSING),
        (Decimal("sNaN"), MISSING),
        (Decimal("Infinity"), MISSING),
        (Decimal("1E+999999999"), MISSING),
        (Decimal("1E-999999999"), 0.0),
        (("a", 1), ["a", 1]),
        (["a", None, float("nan"), b"x"], ["a", None, None, None]),
        ({"a": {"b": "\0"}, 1: 2}, {"a": {"b": "\ufffd"}}),
        ([[[[[["deep"]]]]]], [[[[None]]]]),
        (b"bytes", MISSING),
        ({1, 2}, MISSING),
    ],
    ids=brief,
)
def test_a_value_is_kept_as_json_or_is_missing(value: object, kept: object) -> None:
    assert storable(value) == kept
    assert type(storable(value)) is type(kept)


@given(st.sampled_from(ODD_VALUES) | st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists))
def test_what_is_kept_is_json_and_keeping_it_again_changes_nothing(value: object) -> None:
    kept = storable(value)
    if kept is not MISSING:
        assert json.loads(json.dumps(kept, allow_nan=False)) == kept
        json.dumps(kept, ensure_ascii=False).encode()
        assert storable(kept) == kept


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (TEXT, "", ""),
        (TEXT, "a", "a"),
        (TEXT, 1, None),
        (TEXT, True, None),
        (TEXT, ["a"], None),
        (NUMBER, 0, 0),
        (NUMBER, 2.5, 2.5),
        (NUMBER, 10**400, 10**400),
        (NUMBER, True, None),
        (NUMBER, False, None),
        (NUMBER, "2", None),
        (NUMBER, {}, None),
        (BOOLEAN, True, True),
        (BOOLEAN, False, False),
        (BOOLEAN, 1, None),
        (BOOLEAN, 0, None),
        (BOOLEAN, "true", None),
        (MULTISELECT, [], frozenset()),
        (MULTISELECT, ["a", 2], frozenset({"a", 2})),
        (MULTISELECT, ["a", True], None),
        (MULTISELECT, ["a", None], None),
        (MULTISELECT, [["a"]], None),
        (MULTISELECT, "a", None),
        (COUNTRY, "NZ", "NZ"),
        (COUNTRY, "nz", "NZ"),
        (COUNTRY, "", None),
        (COUNTRY, "NZL", None),
        (COUNTRY, 64, None),
        (IP, "10.0.0.1", (4, 0x0A000001)),
        (IP, "::ffff:10.0.0.1", (4, 0x0A000001)),
        (IP, "::1", (6, 1)),
        (IP, "010.0.0.1", None),
        (IP, "10.0.0.1 ", None),
        (IP, "10.0.0.0/8", None),
        (IP, "", None),
        (IP, 1, None),
    ],
    ids=brief,
)
def test_a_value_is_compared_only_if_it_is_of_the_kind(kind: Kind, value: object, expected: object) -> None:
    assert comparable(kind, value) == expected
    assert type(comparable(kind, value)) is type(expected)


@pytest.mark.parametrize("kind", Kind)
def test_odd_values_are_read_without_an_error(kind: Kind) -> None:
    for kept in map(storable, ODD_VALUES):
        if kept is not MISSING:
            comparable(kind, kept)


@pytest.mark.parametrize(
    ("kind", "raw", "message"),
    [
        (TEXT, 5, 'Write text in quotes, such as "bank", not the number 5.'),
        (TEXT, None, 'Write text in quotes, such as "bank", not null.'),
        (TEXT, {"var": "ip.address"}, 'Write text in quotes, such as "bank", not another data point.'),
        (TEXT, "a\0", "Take out the NUL character or the half character: it cannot be stored."),
        (TEXT, "a\ud800", "Take out the NUL character or the half character: it cannot be stored."),
        (NUMBER, "2000", 'Write a number, such as 2000, not the text "2000".'),
        (NUMBER, True, "Write a number, such as 2000, not true."),
        (NUMBER, float("nan"), "Write a number, such as 2000, not a number out of range."),
        (NUMBER, 10**5000, "Write a number, such as 2000, not a number out of range."),
        (BOOLEAN, 1, "Write true or false, not the number 1."),
        (BOOLEAN, "true", 'Write true or false, not the text "true".'),
        (MULTISELECT, True, 'Write one choice, such as "bank" or 3, not true.'),
        (MULTISELECT, ["a"], 'Write one choice, such as "bank" or 3, not a list.'),
        (COUNTRY, "NZL", 'Write a two-letter country code, such as "NZ", not the text "NZL".'),
        (COUNTRY, "1!", 'Write a two-letter country code, such as "NZ", not the text "1!".'),
        (COUNTRY, "ÄÖ", 'Write a two-letter country code, such as "NZ", not the text "ÄÖ".'),
        (IP, "10.0.0.256", 'Write an IP address, such as "203.0.113.10", not the text "10.0.0.256".'),
        (IP, 167772161, 'Write an IP address, such as "203.0.113.10", not the number 167772161.'),
    ],
    ids=brief,
)
def test_a_wrong_literal_says_what_to_write(kind: Kind, raw: object, message: str) -> None:
    with pytest.raises(WrongLiteral) as wrong:
        literal(kind, raw)
    assert wrong.value.faults == (("", message),)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
        ("::fffe:0:0/95", "::fffe:0:0/95"),
        ("::/0", "::/0"),
    ],
)
def test_an_address_range_is_read(raw: str, expected: str) -> None:
    assert str(network(raw)) == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("10.0.0.1/8", 'Write "10.0.0.0/8": the text "10.0.0.1/8" has bits set after its prefix.'),
        ("10.0.0.0/33", 'Write an address range, such as "10.0.0.0/8", not the text "10.0.0.0/33".'),
        ("home", 'Write an address range, such as "10.0.0.0/8", not the text "home".'),
        (8, 'Write an address range, such as "10.0.0.0/8", not the number 8.'),
    ],
)
def test_a_wrong_address_range_says_what_to_write(raw: object, message: str) -> None:
    with pytest.raises(WrongLiteral, match="Write ") as wrong:
        network(raw)
    assert wrong.value.faults == (("", message),)


@pytest.mark.parametrize("value", ["x" * 1_000, 10**1_000, 1e300, ["x"] * 1_000], ids=brief)
def test_a_long_value_is_shown_in_short(value: object) -> None:
    assert len(shown(value)) <= 80
