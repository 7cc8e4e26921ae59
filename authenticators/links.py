"""Links by email: one row each, of which only the token's SHA-256 is kept.

Opening a link changes nothing, because mail scanners open links. A person confirms, once: in the browser that began
the verification that is enough. Any other browser is shown a code to type where it began; that leaves the link as it
is, so that a scanner that presses buttons takes it from nobody. Whether something is proved is `challenges.finish`'s
to judge.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db.models import F

from authenticators import contact, otp
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Challenge, MagicLink
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod

TOKEN_BYTES = 32
MAX_USER_AGENT = 1000


class Opened:
    """The answer of a page that waits: its link was confirmed. No client can send it."""


OPENED: Final = Opened()


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a link: a hosted page or not, with which browser and address. The link's page shows it."""

    is_hosted: bool = False
    user_agent: str = ""
    ip_address: str | None = None


NOBODY: Final = Asker()


def issue(challenge: Challenge, asker: Asker) -> str:
    """A fresh link for a stored challenge; the one before stops working. Returns its address."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    MagicLink.objects.filter(challenge=challenge).delete()
    MagicLink.objects.create(
        challenge=challenge,
        token_hash=hash_of(token),
        is_hosted=asker.is_hosted,
        user_agent=asker.user_agent[:MAX_USER_AGENT],
        ip_address=asker.ip_address,
    )
    return f"{settings.PUBLIC_URL}/challenge/link/{token}"


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def find(token: str) -> MagicLink | None:
    """The link of this token, used or not, or None."""
    rows = MagicLink.objects.select_related("challenge__tenant", "challenge__user")
    return rows.filter(token_hash=hash_of(token)).first()


def is_usable(link: MagicLink) -> bool:
    return link.used_at is None and link.challenge.is_open(clock.now())


def is_worn(link: MagicLink) -> bool:
    """Whether other browsers have tried it so often that it only serves the one that began."""
    return link.tries >= settings.LINK_TRIES


# -- confirming: each call inside a transaction ---------------------------------------------------


def confirm(link: MagicLink) -> bool:
    """Let the link prove its challenge. False when it was used meanwhile, or its challenge has ended.

    One conditional update decides; by the token, because a newer link may have taken this one's place.
    """
    now = clock.now()
    unused = MagicLink.objects.filter(pk=link.pk, token_hash=link.token_hash, used_at=None)
    return _locked(link) is not None and unused.update(used_at=now, confirmed_at=now) == 1


def show_code(link: MagicLink) -> str | None:
    """A code to be typed where the verification began, in place of the one shown before; None as `confirm`'s False."""
    challenge = _locked(link)
    if challenge is None or not _try(link):
        return None
    code = otp.issue(challenge)
    challenge.save(update_fields=["code_hash", "code_length"])
    return code


def names_its_address(link: MagicLink, typed: str) -> bool:
    """Whether the text is the address that the link went to. Each try counts, before it is compared; a press without
    any, as of a mail scanner, is none."""
    if not typed.strip():
        return False
    return _try(link) and link.challenge.contact_index in contact.indexes(link.challenge.tenant_id, typed)


def _try(link: MagicLink) -> bool:
    """Count one use by another browser, if there is one left."""
    rows = MagicLink.objects.filter(pk=link.pk, token_hash=link.token_hash, used_at=None)
    return rows.filter(tries__lt=settings.LINK_TRIES).update(tries=F("tries") + 1) == 1


def _locked(link: MagicLink) -> Challenge | None:
    rows = Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user")
    challenge = rows.filter(pk=link.challenge_id).first()
    return challenge if challenge and challenge.is_open(clock.now()) else None


# -- what became of it ----------------------------------------------------------------------------


def was_confirmed(tenant: Tenant, action_id: uuid.UUID) -> bool:
    """Whether some link of the action was confirmed and waits to be judged: cheap, for pages that ask every second."""
    return MagicLink.objects.filter(
        challenge__tenant=tenant,
        challenge__action_id=action_id,
        challenge__method=VerificationMethod.EMAIL_MAGIC_LINK,
        challenge__verified_at=None,
        challenge__failed_at=None,
        confirmed_at__isnull=False,
    ).exists()


def withdraw(challenge: Challenge) -> None:
    """What was confirmed came too late: the user has to ask for another link."""
    MagicLink.objects.filter(challenge=challenge).update(confirmed_at=None)


def is_confirmed(challenge: Challenge) -> bool:
    return MagicLink.objects.filter(challenge=challenge, confirmed_at__isnull=False).exists()


def judge(challenge: Challenge, answer: object) -> Judged:
    """Whether the link was confirmed, or the answer is the code that it showed. Raises VerificationFailed."""
    if not isinstance(answer, Opened):
        return otp.judge(challenge, answer)
    if not is_confirmed(challenge):
        raise VerificationFailed("the link was not opened", is_guess=False)
    return Judged(challenge.authenticator)
