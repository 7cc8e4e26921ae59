"""Small shapes of the wire: times and objects without absent members."""

from datetime import UTC, datetime
from typing import Any


def iso(moment: datetime | None) -> str | None:
    """ISO 8601, UTC, milliseconds, `Z`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970, UTC: where .NET and Java decode a 32-bit integer."""
    return int(moment.timestamp())


def present(values: dict[str, Any]) -> dict[str, Any]:
    """Without the members that are None: an absent optional is omitted, never null."""
    return {name: value for name, value in values.items() if value is not None}
