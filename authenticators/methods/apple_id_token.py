"""Sign in with Apple: an ID token of Apple's."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import id_tokens
from authenticators.method import Judged
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class AppleIdToken:
    code: ClassVar = VerificationMethod.APPLE_ID_TOKEN
    channel: ClassVar[Channel | None] = None
    many: ClassVar = False
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        return id_tokens.judge(challenge, answer, now)
