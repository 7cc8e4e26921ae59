"""Onfido: an identity document and a face."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import identity_checks
from authenticators.method import Judged
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class Onfido:
    code: ClassVar = VerificationMethod.ONFIDO
    channel: ClassVar[Channel | None] = None
    many: ClassVar = False
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        return identity_checks.judge(challenge, answer, now)
