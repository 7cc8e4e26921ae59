"""The countries that a rule can name, by their two-letter code (ISO 3166-1, as the time zone data keeps it)."""

from importlib.resources import files
from typing import Final

from babel import Locale


def _read() -> dict[str, str]:
    text = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    codes = [line.split("\t")[0] for line in text.splitlines() if line and not line.startswith("#")]
    names = Locale("en").territories
    return dict(sorted(((code, names.get(code, code)) for code in codes), key=lambda row: row[1]))


# In the order of their English names (Unicode CLDR).
COUNTRIES: Final = _read()
