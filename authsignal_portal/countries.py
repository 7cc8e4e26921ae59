"""The countries by their two-letter code (ISO 3166-1, as the time zone data keeps it), and their English names.

`rules.countries` reads the same table once more: what decides imports nothing of this package.
"""

from collections.abc import Iterable
from importlib.resources import files
from typing import Final


def _read() -> dict[str, str]:
    text = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return dict(sorted(((code, name) for code, name in rows), key=lambda row: row[1]))


# In the order of their English names.
COUNTRIES: Final = _read()


def name(code: str) -> str:
    """The country's name; the code itself where the data has none."""
    return COUNTRIES.get(code, code)


def names(codes: Iterable[str]) -> str:
    return ", ".join(sorted(name(code) for code in codes))
