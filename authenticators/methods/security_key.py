"""Security keys: roaming WebAuthn credentials as a second factor, with user verification where the key can."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import credentials
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Challenge
from authsignal_portal.errors import UnknownCredential
from authsignal_portal.vocabulary import Channel, VerificationMethod


class SecurityKey:
    code: ClassVar = VerificationMethod.SECURITY_KEY
    channel: ClassVar[Channel | None] = None
    many: ClassVar = True
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        if challenge.purpose == Challenge.Purpose.ENROL:
            return Judged(credentials.register(challenge, answer, now))
        try:
            return Judged(credentials.authenticate(challenge, answer, now))
        except UnknownCredential as error:
            # Clients forget a passkey that is called unknown; a key has nothing that could be forgotten.
            raise VerificationFailed("wrong_credential") from error
