"""Ids of rows that are many: random, yet in the order of time."""

import secrets
import time
import uuid
from typing import Final

_RANDOM_BITS: Final = 62
_VERSION, _VARIANT = 7 << 76, 2 << 62


def uuid7() -> uuid.UUID:
    """A UUID that begins with the milliseconds since 1970 (RFC 9562 §5.7); 74 bits of it are random.

    Each new row then goes to the end of its table's index. Ids without an order go anywhere in it: with ten million
    rows to a page that is on disk, which is read, and written whole to the log, for every row.
    """
    moment = time.time_ns() // 1_000_000 << 80
    high, low = secrets.randbits(12) << 64, secrets.randbits(_RANDOM_BITS)
    return uuid.UUID(int=moment | _VERSION | high | _VARIANT | low)
