"""Passkeys: discoverable WebAuthn credentials with user verification (WebAuthn L3 §7.1, §7.2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from authenticators import credentials, webauthn
from authenticators.method import Judged
from authenticators.models import Challenge, EndUser
from authsignal_portal.errors import UnknownCredential
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel, VerificationMethod


@dataclass(frozen=True, slots=True)
class ConditionalCreate:
    """A passkey that a browser made by itself after a sign-in (WebAuthn L3 §5.1.3): nobody was asked."""

    credential: object


class Passkey:
    code: ClassVar = VerificationMethod.PASSKEY
    channel: ClassVar[Channel | None] = None
    many: ClassVar = True
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        if challenge.purpose != Challenge.Purpose.ENROL:
            return Judged(credentials.authenticate(challenge, answer, now))
        is_silent = isinstance(answer, ConditionalCreate)
        credential = answer.credential if is_silent else answer
        return Judged(credentials.register(challenge, credential, now, is_silent=is_silent), is_silent)


def owner(tenant: Tenant, answer: object) -> EndUser | None:
    """Whose passkey an assertion names, if it names one that this tenant stores. Proves nothing."""
    try:
        return credentials.find(tenant, VerificationMethod.PASSKEY, answer).user
    except (webauthn.WebAuthnError, UnknownCredential):
        return None
