"""The countries that a rule can name, by their two-letter code (ISO 3166-1, as the time zone data keeps it)."""

from importlib.resources import files
from typing import Final


def _read() -> dict[str, str]:
    text = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return dict(sorted(((code, name) for code, name in rows), key=lambda row: row[1]))


# In the order of their English names.
COUNTRIES: Final = _read()
