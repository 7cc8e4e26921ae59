"""Recovery codes: ten of 120 random bits each, shown once, burned on use."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from authenticators import available
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Challenge, EndUser, RecoveryCode
from authsignal_portal import clock, crypto
from authsignal_portal.vocabulary import Channel, VerificationMethod

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
LENGTH = 24
COUNT = 10
INDEX_CHARS = 2
GROUP = 4


class RecoveryCodes:
    code: ClassVar = VerificationMethod.RECOVERY_CODE
    channel: ClassVar[Channel | None] = None
    many: ClassVar = True
    guessable: ClassVar = True

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        code = normal(answer)
        if code is None or challenge.user is None or not available.was_enrolled(challenge.user):
            raise VerificationFailed("not a recovery code", is_guess=False)
        for row in challenge.user.recovery_codes.filter(index=code[:INDEX_CHARS]):
            if crypto.is_keyed_hash(row.code_hash, "recovery-code", challenge.user.pk.bytes, code):
                return self._burn(row)
        raise VerificationFailed("wrong code")

    def _burn(self, row: RecoveryCode) -> Judged:
        """One conditional update decides who used it."""
        if not RecoveryCode.objects.filter(pk=row.pk, used_at=None).update(used_at=clock.Now()):
            raise VerificationFailed("this code was already used", is_guess=False)
        return Judged(None)


def normal(answer: object) -> str | None:
    """The code in capitals without separators, or None when it has not the shape of one."""
    if not isinstance(answer, str) or len(answer) > 2 * LENGTH:
        return None
    compact = answer.upper().replace("-", "").replace(" ", "")
    return compact if len(compact) == LENGTH and set(compact) <= set(ALPHABET) else None


def replace_all(user: EndUser, *, made_with: Sequence[UUID] = ()) -> list[str]:
    """A new set; the codes before stop working. Returns them grouped for reading, the only time they exist."""
    codes: dict[str, str] = {}
    while len(codes) < COUNT:
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        codes.setdefault(code[:INDEX_CHARS], code)
    user.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(
            user=user,
            index=index,
            code_hash=crypto.keyed_hash("recovery-code", user.pk.bytes, code),
            made_with=list(made_with),
        )
        for index, code in codes.items()
    )
    return ["-".join(code[i : i + GROUP] for i in range(0, LENGTH, GROUP)) for code in codes.values()]
