"""The lists that tenants start with."""

from rules.default_lists import OFAC_COUNTRIES


def test_embargoed_are_three_countries_and_syria_is_none_since_july_2025():
    assert OFAC_COUNTRIES == ("CU", "IR", "KP")
