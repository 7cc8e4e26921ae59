"""Google's Play Integrity, classic requests, verified offline with the keys of who manages them in the Play Console.

What a verdict says: https://developer.android.com/google/play/integrity/verdicts. What is not said, or is not one of
the words that are known here, is not shown.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from authenticators.app_attestation import nested_token
from authenticators.app_attestation.evidence import AttestationFailed, ClientData, Reason, malformed
from authenticators.app_attestation.nested_token import ResponseKeys, base64url

RECOGNIZED: Final = "PLAY_RECOGNIZED"
DEVICE_INTEGRITY: Final = "MEETS_DEVICE_INTEGRITY"
# How far Google's clock may be ahead of ours.
AHEAD: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class PlayApp:
    """The one app whose attestations count. `certificate_digests`: SHA-256 of what may have signed it; empty for any
    that Google Play recognizes."""

    package_name: str
    keys: ResponseKeys = field(repr=False)
    certificate_digests: Sequence[bytes] = ()


def verify(token: str, *, given: Sequence[ClientData], app: PlayApp, now: datetime, lifetime: timedelta) -> ClientData:
    """What the token was made over, once all else has passed. Raises AttestationFailed."""
    verdict = nested_token.read(token, app.keys)
    details = _part(verdict, "requestDetails")
    made_over = _made_over(details, given)
    if details.get("requestPackageName") != app.package_name:
        raise AttestationFailed(Reason.WRONG_APP, "requestPackageName is not the tenant's")
    _check_time(details, now, lifetime)
    _check_app(_part(verdict, "appIntegrity"), app)
    _check_device(_part(verdict, "deviceIntegrity"))
    return made_over


def _part(verdict: dict[str, Any], name: str) -> dict[str, Any]:
    part = verdict.get(name)
    if not isinstance(part, dict):
        raise malformed(f"{name} must be an object")
    return part


def _made_over(details: dict[str, Any], given: Sequence[ClientData]) -> ClientData:
    """A nonce is base64url text for Google: the client data as it is, where it can be, or encoded."""
    nonce = details.get("nonce")
    if isinstance(nonce, str):
        for one in given:
            encoded = base64.urlsafe_b64encode(one.text.encode()).decode()
            if nonce.rstrip("=") in (one.text.rstrip("="), encoded.rstrip("=")):
                return one
    raise AttestationFailed(Reason.WRONG_NONCE, "it was not made over a nonce that waits here")


def _check_time(details: dict[str, Any], now: datetime, lifetime: timedelta) -> None:
    told = details.get("timestampMillis")
    # Google writes a 64-bit number as text.
    if not isinstance(told, int | str) or not str(told).isdecimal() or len(str(told)) > 14:
        raise malformed("requestDetails.timestampMillis must be a number")
    made = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(told))
    if not now - lifetime <= made <= now + AHEAD:
        raise AttestationFailed(Reason.STALE, "the token is too old, or of tomorrow")


def _check_app(integrity: dict[str, Any], app: PlayApp) -> None:
    if integrity.get("appRecognitionVerdict") != RECOGNIZED:
        raise AttestationFailed(Reason.NOT_RECOGNIZED, f"appRecognitionVerdict is not {RECOGNIZED}")
    if integrity.get("packageName") != app.package_name:
        raise AttestationFailed(Reason.WRONG_APP, "packageName is not the tenant's")
    if app.certificate_digests:
        digests = integrity.get("certificateSha256Digest")
        known = [base64url(one) in app.certificate_digests for one in digests] if isinstance(digests, list) else []
        if not known or not all(known):
            raise AttestationFailed(Reason.WRONG_APP, "certificateSha256Digest is none of the tenant's")


def _check_device(integrity: dict[str, Any]) -> None:
    verdicts = integrity.get("deviceRecognitionVerdict")
    if not isinstance(verdicts, list) or DEVICE_INTEGRITY not in verdicts:
        raise AttestationFailed(Reason.WRONG_DEVICE, f"deviceRecognitionVerdict has no {DEVICE_INTEGRITY}")
