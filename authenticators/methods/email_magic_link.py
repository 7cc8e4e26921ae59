"""A link by email, confirmed by a person."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import links
from authenticators.method import Judged
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class EmailMagicLink:
    code: ClassVar = VerificationMethod.EMAIL_MAGIC_LINK
    channel: ClassVar[Channel | None] = Channel.EMAIL
    many: ClassVar = False
    guessable: ClassVar = True

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        return links.judge(challenge, answer)
