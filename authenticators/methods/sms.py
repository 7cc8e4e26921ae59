"""Text message one-time code."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import otp
from authenticators.method import Judged
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class Sms:
    code: ClassVar = VerificationMethod.SMS
    channel: ClassVar[Channel | None] = Channel.SMS
    many: ClassVar = False
    guessable: ClassVar = True

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        return otp.judge(challenge, answer)
