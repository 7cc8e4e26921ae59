"""How many SMS a text takes. Source: 3GPP TS 23.038 §6.2.1 (GSM 7 bit alphabet), TS 23.040 §9.2.3.24.1 (parts)."""

from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each takes the room of two.
EXTENDED = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True, slots=True)
class Length:
    """`units` of the alphabet that the text needs, and the `parts` it is sent in."""

    units: int
    parts: int


def length(text: str) -> Length:
    """One letter outside the GSM alphabet makes all of them cost more than twice as much."""
    if all(char in BASIC or char in EXTENDED for char in text):
        return _of(sum(2 if char in EXTENDED else 1 for char in text), whole=160, part=153)
    return _of(len(text.encode("utf-16-be")) // 2, whole=70, part=67)


def _of(units: int, *, whole: int, part: int) -> Length:
    return Length(units, 1 if units <= whole else -(-units // part))
