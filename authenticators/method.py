"""The contract that every verification method keeps.

A method knows how to judge an answer to a challenge; locking, counting, expiry and audit are `challenges.py`'s.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from authenticators.models import Authenticator, Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class VerificationFailed(Exception):
    """The answer proves nothing. `is_guess` is False for what cannot be a guess: a malformed or already used answer.

    `copy_of`: what there may be a copy of, where a right signature was refused for that.
    """

    def __init__(self, reason: str, *, is_guess: bool = True, copy_of: Authenticator | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_guess = is_guess
        self.copy_of = copy_of


@dataclass(frozen=True, slots=True)
class Judged:
    """A right answer. `authenticator` is None when the proof was of an address on file that is not enrolled yet.

    `is_silent`: made by a browser without its user, so that it enrols and proves nothing.
    `declined`: it is theirs without doubt, and it says no.
    """

    authenticator: Authenticator | None
    is_silent: bool = False
    declined: bool = False


class Method(Protocol):
    """One way to prove oneself."""

    code: ClassVar[VerificationMethod]
    channel: ClassVar[Channel | None]
    # Whether a user may have several at once; otherwise a new one replaces the old when it is verified.
    many: ClassVar[bool]
    # Whether wrong answers count against the user: yes for what a person types.
    guessable: ClassVar[bool]

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        """Compare the answer and burn what can be used once. The challenge row is locked by the caller.

        Raises VerificationFailed.
        """
