"""One-time codes: made once, kept as a keyed hash bound to their challenge."""

import re
import secrets

from authenticators.method import Judged, VerificationFailed
from authenticators.models import Challenge
from authsignal_portal import crypto

DIGITS = 6
SHAPE = re.compile(rf"[0-9]{{{DIGITS}}}")


def is_code(answer: object) -> bool:
    """Exactly six ASCII digits in a string; nothing else is ever compared."""
    return isinstance(answer, str) and SHAPE.fullmatch(answer) is not None


def issue(challenge: Challenge) -> str:
    """A fresh code for the challenge; its hash replaces the one before. The caller saves the row."""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    challenge.code_hash = crypto.keyed_hash("otp", challenge.pk, code)
    return code


def matches(challenge: Challenge, code: str) -> bool:
    return bool(challenge.code_hash) and crypto.is_keyed_hash(challenge.code_hash, "otp", challenge.pk, code)


def judge(challenge: Challenge, answer: object) -> Judged:
    """Whether the answer is the challenge's code. Raises VerificationFailed."""
    if not is_code(answer):
        raise VerificationFailed("not six digits", is_guess=False)
    if not matches(challenge, str(answer)):
        raise VerificationFailed("wrong code")
    return Judged(challenge.authenticator)
