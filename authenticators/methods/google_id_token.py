"""Sign in with Google: an ID token of Google's."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import id_tokens
from authenticators.method import Judged
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class GoogleIdToken:
    code: ClassVar = VerificationMethod.GOOGLE_ID_TOKEN
    channel: ClassVar[Channel | None] = None
    many: ClassVar = False
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        return id_tokens.judge(challenge, answer, now)
