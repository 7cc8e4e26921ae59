"""The kinds of value a rule compares: how a value is kept, how each kind is read, what a literal must be."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from math import isfinite
from typing import Any, Final


class Kind(StrEnum):
    """The first four are also the data types of a tenant's custom data points, in the wire's words."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MULTISELECT = "multiselect"
    COUNTRY = "country"
    IP = "ip"


TEXT, NUMBER, BOOLEAN = Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN
MULTISELECT, COUNTRY, IP = Kind.MULTISELECT, Kind.COUNTRY, Kind.IP
CUSTOM_KINDS: Final = (TEXT, NUMBER, BOOLEAN, MULTISELECT)


class Missing(Enum):
    MISSING = "missing"


MISSING: Final = Missing.MISSING

# Kleene's three truth values; None is unknown.
Truth = bool | None

# An address as (4 or 6, number); a mapped address such as ::ffff:10.0.0.1 is its IPv4 address.
Address = tuple[int, int]

# Python writes and reads integers of up to 4,300 digits as JSON; this is 4,214.
_MAX_INTEGER_BITS = 14_000
_MAX_INTEGER_DIGITS = 4_200
_MAX_STORED_DEPTH = 4
_MAX_SHOWN = 60
_UNSTORABLE_TEXT = re.compile("[\0\ud800-\udfff]")


class WrongLiteral(ValueError):
    """A literal in a rule does not suit its data point.

    `faults` holds pairs of the literal's place below the operand ("" or "[3]") and what to do about it.
    """

    def __init__(self, *faults: tuple[str, str]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = faults


def storable(value: object, depth: int = 0) -> Any:
    """The value as PostgreSQL can keep it in JSON, or MISSING when it is absent or no JSON value.

    Decisions are made on this form, so that a stored value always gives the verdict of the live one.
    """
    if isinstance(value, str):
        return value if value.isascii() and "\0" not in value else _UNSTORABLE_TEXT.sub("\ufffd", value)
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_INTEGER_BITS else MISSING
    if isinstance(value, float):
        return value if isfinite(value) else MISSING
    if isinstance(value, Decimal):
        return _storable_decimal(value)
    if isinstance(value, (list, tuple, Mapping)) and depth < _MAX_STORED_DEPTH:
        return _storable_container(value, depth + 1)
    return MISSING


def _storable_decimal(value: Decimal) -> int | float | Missing:
    if not value.is_finite():
        return MISSING
    # Bounded first: int(Decimal("1E+999999999")) would fill the memory.
    if value.adjusted() < _MAX_INTEGER_DIGITS and value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if isfinite(number) else MISSING


def _storable_container(value: Any, depth: int) -> list[Any] | dict[str, Any]:
    def inner(item: object) -> Any:
        kept = storable(item, depth)
        return None if kept is MISSING else kept

    if isinstance(value, Mapping):
        return {storable(key): inner(item) for key, item in value.items() if isinstance(key, str)}
    return [inner(item) for item in value]


def comparable(kind: Kind, value: object) -> Any:
    """What a storable value of this kind is compared as, or None where it is not of the kind.

    Text and booleans stand for themselves; a number is never a boolean; a country is in capitals; an
    address is (version, number); the choices of a multiselect are a frozenset.
    """
    return READERS[kind](value)


def is_nothing(value: object) -> bool:
    """Whether a JSON value, of whatever kind, is as good as none: null, empty text, a list without items."""
    return value is None or value == "" or value == []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(value, int) or isfinite(value) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _choices(value: object) -> frozenset[object] | None:
    # True equals 1 in Python: a list that has it would hold the number 1, and without it would hold less than was sent.
    if not isinstance(value, list) or not all(type(item) in _CHOICE_TYPES for item in value):
        return None
    return frozenset(value)


_CHOICE_TYPES: Final = frozenset({str, int, float})


def _country(value: object) -> str | None:
    return value.upper() if isinstance(value, str) and len(value) == 2 else None


def _address(value: object) -> Address | None:
    if not isinstance(value, str):
        return None
    try:
        address = ip_address(value)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


READERS: Final[Mapping[Kind, Callable[[object], Any]]] = {
    TEXT: _text,
    NUMBER: _number,
    BOOLEAN: _boolean,
    MULTISELECT: _choices,
    COUNTRY: _country,
    IP: _address,
}

WANTED: Final[Mapping[Kind, str]] = {
    TEXT: 'text in quotes, such as "bank"',
    NUMBER: "a number, such as 2000",
    BOOLEAN: "true or false",
    MULTISELECT: 'one choice, such as "bank" or 3',
    COUNTRY: 'a two-letter country code, such as "NZ"',
    IP: 'an IP address, such as "203.0.113.10"',
}


def literal(kind: Kind, raw: object) -> Any:
    """The operand for a literal of a rule. Raises WrongLiteral, with a text for the rule's author."""
    operand = None if storable(raw) is MISSING else _literal_readers.get(kind, READERS[kind])(raw)
    if operand is None:
        raise WrongLiteral(("", f"Write {WANTED[kind]}, not {shown(raw)}."))
    if isinstance(raw, str) and _UNSTORABLE_TEXT.search(raw):
        raise WrongLiteral(("", "Take out the NUL character or the half character: it cannot be stored."))
    return operand


def _choice(raw: object) -> object:
    return _text(raw) if isinstance(raw, str) else _number(raw)


def _country_code(raw: object) -> str | None:
    return _country(raw) if isinstance(raw, str) and raw.isascii() and raw.isalpha() else None


_literal_readers: Mapping[Kind, Callable[[object], Any]] = {MULTISELECT: _choice, COUNTRY: _country_code}


def network(raw: object) -> IPv4Network | IPv6Network:
    """An address range of a rule; a mapped range is its IPv4 range. Raises WrongLiteral."""
    if not isinstance(raw, str):
        raise WrongLiteral(("", _WRONG_RANGE.format(shown(raw))))
    try:
        interface = ip_interface(raw)
    except ValueError:
        raise WrongLiteral(("", _WRONG_RANGE.format(shown(raw)))) from None
    whole = interface.network
    if interface.ip != whole.network_address:
        raise WrongLiteral(("", f'Write "{whole}": {shown(raw)} has bits set after its prefix.'))
    mapped = whole.network_address.ipv4_mapped if isinstance(whole, IPv6Network) else None
    # 96 bits come before the IPv4 address in a mapped one.
    if mapped is not None and whole.prefixlen >= 96:
        return IPv4Network((int(mapped), whole.prefixlen - 96))
    return whole


_WRONG_RANGE = 'Write an address range, such as "10.0.0.0/8", not {}.'


def quoted(text: str) -> str:
    """Text in quotes, and never more than its first 60 characters."""
    return json.dumps(_piece(text), ensure_ascii=False)


def shown(value: object) -> str:
    """A value as an error or a trace names it: what it is, and a bounded piece of it."""
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return "a number out of range" if storable(value) is MISSING else f"the number {_piece(repr(value))}"
    if isinstance(value, dict):
        return "another data point" if "var" in value else "an object"
    return "a list" if isinstance(value, list) else "something that is no JSON value"


def _piece(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
