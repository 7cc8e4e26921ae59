"""The words of app attestation: what comes, what it is made over, what it shows, and why it shows nothing.

*Attestation*: what the maker of the platform signs of an app on a device. *Client data*: the text that the app had it
made over: the nonce, or `<nonce>.<publicKey>` where the app vouches for the key that it enrols.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Provider(StrEnum):
    """Who signs it."""

    APP_ATTEST = "APP_ATTEST"
    PLAY_INTEGRITY = "PLAY_INTEGRITY"


class Outcome(StrEnum):
    """What an enrolment showed. `ABSENT` is empty: it is what all that were never asked have."""

    ABSENT = ""
    FAILED = "FAILED"
    ATTESTED = "ATTESTED"
    ATTESTED_WITH_KEY = "ATTESTED_WITH_KEY"


class Reason(StrEnum):
    """Why an attestation shows nothing."""

    NOT_SET_UP = "not_set_up"
    MALFORMED = "malformed"
    UNTRUSTED = "untrusted"
    WRONG_NONCE = "wrong_nonce"
    WRONG_KEY = "wrong_key"
    WRONG_APP = "wrong_app"
    WRONG_PLATFORM = "wrong_platform"
    DEVELOPMENT = "development"
    NOT_RECOGNIZED = "not_recognized"
    WRONG_DEVICE = "wrong_device"
    STALE = "stale"


REASONS: Final[Mapping[Reason, Promise]] = {
    Reason.NOT_SET_UP: _("App attestation is not set up for this platform"),
    Reason.MALFORMED: _("it cannot be read"),
    Reason.UNTRUSTED: _("it is not signed by Apple or Google"),
    Reason.WRONG_NONCE: _("it was made for another enrolment, or came a second time"),
    Reason.WRONG_KEY: _("its key was used before, or is not the one named"),
    Reason.WRONG_APP: _("it is another app's"),
    Reason.WRONG_PLATFORM: _("it is of another platform than the device"),
    Reason.DEVELOPMENT: _("it is of a development build"),
    Reason.NOT_RECOGNIZED: _("Google Play does not recognize the app"),
    Reason.WRONG_DEVICE: _("the device does not meet Google's device integrity"),
    Reason.STALE: _("it is too old"),
}


class AttestationFailed(Exception):
    """An attestation that shows nothing. `detail` is for the app's developer."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def malformed(detail: str) -> AttestationFailed:
    """What cannot be read; to be raised."""
    return AttestationFailed(Reason.MALFORMED, detail)


@dataclass(frozen=True, slots=True)
class Attestation:
    """What an app sent: of Apple's the base64 of the attestation object and of the key's id, of Google's a JWE."""

    provider: Provider
    token: str = field(repr=False)
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class ClientData:
    """What an attestation may have been made over. `binds_key`: it names the key that is enrolled."""

    text: str
    nonce: str
    binds_key: bool


def client_data(nonces: Iterable[str], public_key: bytes) -> list[ClientData]:
    """All that will do for these nonces and the key, a SubjectPublicKeyInfo in DER."""
    key = base64.b64encode(public_key).decode()
    return [
        one
        for nonce in nonces
        for one in (ClientData(nonce, nonce, binds_key=False), ClientData(f"{nonce}.{key}", nonce, binds_key=True))
    ]


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of an enrolment's attestation; `reason` and `detail` where it failed."""

    outcome: Outcome
    provider: str = ""
    reason: Reason | None = None
    detail: str = ""

    @property
    def is_attested(self) -> bool:
        return self.outcome in (Outcome.ATTESTED, Outcome.ATTESTED_WITH_KEY)


ABSENT: Final = Standing(Outcome.ABSENT)
