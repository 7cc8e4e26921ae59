"""Ids of rows that are many: random, yet in the order of time."""

import secrets
import time
import uuid
from typing import Final

_RANDOM_BITS: Final = 62
# Crockford's base 32: no letter that is taken for a digit or heard as another.
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ: Final = str.maketrans("OIL", "011", " -")
_REFERENCE_CHARS: Final = 12
_VERSION, _VARIANT = 7 << 76, 2 << 62


def uuid7() -> uuid.UUID:
    """A UUID that begins with the milliseconds since 1970 (RFC 9562 §5.7); 74 bits of it are random.

    Each new row then goes to the end of its table's index. Ids without an order go anywhere in it: with ten million
    rows to a page that is on disk, which is read, and written whole to the log, for every row.
    """
    moment = time.time_ns() // 1_000_000 << 80
    high, low = secrets.randbits(12) << 64, secrets.randbits(_RANDOM_BITS)
    return uuid.UUID(int=moment | _VERSION | high | _VARIANT | low)


def reference(ident: uuid.UUID) -> str:
    """What somebody reads out on the telephone: the milliseconds and the first 12 random bits, `06JH-4A0T-ZK8M`."""
    bits = (ident.int >> 80) << 12 | (ident.int >> 64) & 0xFFF
    digits = [_DIGITS[bits >> 5 * place & 31] for place in reversed(range(_REFERENCE_CHARS))]
    return "-".join("".join(digits[at : at + 4]) for at in range(0, _REFERENCE_CHARS, 4))


def referred(text: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The first and the last id of version 7 with this reference, however it was written. Raises ValueError."""
    digits = text.upper().translate(_READ)
    if len(digits) != _REFERENCE_CHARS or not set(digits) <= set(_DIGITS):
        raise ValueError(f"a reference has {_REFERENCE_CHARS} letters and digits")
    bits = 0
    for digit in digits:
        bits = bits << 5 | _DIGITS.index(digit)
    start = bits >> 12 << 80 | _VERSION | (bits & 0xFFF) << 64
    return uuid.UUID(int=start), uuid.UUID(int=start | (1 << 64) - 1)
