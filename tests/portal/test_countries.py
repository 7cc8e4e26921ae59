"""Names of countries."""

import pytest
from django.conf import settings

from authsignal_portal import countries
from rules.countries import COUNTRIES


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_every_country_has_a_name_in_every_language_that_is_spoken(language):
    named = {code: countries.name(code, language) for code in COUNTRIES}
    assert not [code for code, name in named.items() if name == code]
    assert len(set(named.values())) == len(named)


def test_a_code_of_no_country_stands_for_itself():
    assert (countries.name("QQ"), countries.name("")) == ("QQ", "")


def test_names_are_sorted_as_a_reader_looks_for_them():
    assert countries.names(["FI", "AX", "GB", "AF"]) == "Afghanistan, Åland Islands, Finland, United Kingdom"
