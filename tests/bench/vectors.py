"""How our adapter reads the published WebAuthn vectors: each ceremony accepted, or refused as we recorded it."""

from collections.abc import Callable
from typing import Any

from authenticators.webauthn import WebAuthnError
from tests.authenticators.test_webauthn_vectors import OURS, authenticate, register
from tests.bench.serving import entry


def measure_vectors() -> dict[str, dict[str, Any]]:
    """One entry: how many of the ceremonies come out as recorded. Beside it, how many are accepted and refused."""
    told = {
        f"{name} {ceremony}": (_told(verify, name), recorded)
        for name, pair in OURS.items()
        for (ceremony, verify), recorded in zip(
            (("registration", register), ("authentication", authenticate)), pair, strict=True
        )
    }
    surprises = {title: reason or "accepted" for title, (reason, recorded) in told.items() if reason != recorded}
    beside = {
        "passed": sum(reason is None for reason, _ in told.values()),
        "expected_refusals": {title: recorded for title, (reason, recorded) in told.items() if reason and recorded},
        "surprises": surprises,
        "total": len(told),
    }
    as_recorded = len(told) - len(surprises)
    return {"w3c_vectors": entry(as_recorded, len(told), ">=", "of the published ceremonies as recorded", beside)}


def _told(verify: Callable[[str], object], name: str) -> str | None:
    try:
        verify(name)
    except WebAuthnError as error:
        return error.reason
    return None
