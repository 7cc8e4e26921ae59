"""Values of data points as staff read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.choice_words import told
from rules.types import MISSING, storable

ONE = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text()
ANYTHING = st.recursive(ONE, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("device.isNew", True, "yes"),
        ("device.isNew", False, "no"),
        ("time.weekday", "THURSDAY", "Thursday"),
        ("user.phoneLineType", "MOBILE", "Mobile"),
        ("user.phoneLineType", "VOIP", "VoIP"),
        ("ip.anonymizer", "TOR", "Tor"),
        ("ip.countryCode", "NZ", "NZ New Zealand"),
        ("custom.amount", 3000, "3,000"),
        ("custom.amount", 0.5, "0.5"),
        ("custom.country", "NZ", "NZ"),
        ("custom.tags", ["web", 1000, True], "web, 1,000, yes"),
        ("custom.tags", [], "none"),
        ("custom.note", "", "empty text"),
        ("custom.note", None, "not there"),
        ("custom.deep", {"a": "ü"}, '{"a": "ü"}'),
        # Numbers that name something.
        ("ip.asn", 64500, "64500"),
    ],
)
def test_a_value_stands_in_words(key, value, text):
    assert told(key, value) == text


@given(ANYTHING)
def test_whatever_is_kept_of_an_action_has_words(value):
    kept = storable(value)
    assert kept is MISSING or told("custom.note", kept)


def test_the_largest_number_that_is_kept_has_words():
    assert told("custom.note", storable(2**13_999)).replace(",", "").isdigit()
