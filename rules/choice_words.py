"""What a reader calls the values of data points."""

import json
from collections.abc import Mapping
from typing import Any, Final

from rules.countries import COUNTRIES
from rules.registry import DATA_POINTS, DataPoint
from rules.types import COUNTRY, TEXT

# What capital letters alone would spell wrongly.
_WRITTEN: Final[Mapping[str, str]] = {
    "TOR": "Tor",
    "VPN": "VPN",
    "VOIP": "VoIP",
    "UAN": "Company-wide number (UAN)",
    "smarttv": "Smart TV",
}
# Numbers that count nothing.
_NAMES: Final = frozenset({"ip.asn"})
_COUNTRIES: Final = {code: f"{code} {name}" for code, name in COUNTRIES.items()}


def choices(point: DataPoint) -> Mapping[str, str]:
    """All values that the data point can have, each with what a reader calls it; empty where they cannot be listed."""
    if point.kind is COUNTRY:
        return _COUNTRIES
    return {choice: _word(choice) for choice in point.choices} if point.kind is TEXT else {}


def word(point: DataPoint, value: str) -> str:
    """What a reader calls a value: the value itself where it is none of the choices."""
    return choices(point).get(value, value) if point.kind is COUNTRY or value in point.choices else value


def told(key: str, value: Any) -> str:
    """A JSON value of the data point of this key as it stands alone: yes, 3,000, Mobile, NZ New Zealand."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(key, value)
    if isinstance(value, list):
        return ", ".join(told(key, item) for item in value) or "none"
    if isinstance(value, str):
        point = DATA_POINTS.get(key)
        return (word(point, value) if point else value) or "empty text"
    return "not there" if value is None else json.dumps(value, ensure_ascii=False)


def number(key: str, value: int | float) -> str:
    """With separators, unless it is a number that names something."""
    return str(value) if key in _NAMES else f"{value:,}"


def _word(choice: str) -> str:
    return _WRITTEN.get(choice) or choice.replace("_", " ").capitalize()
