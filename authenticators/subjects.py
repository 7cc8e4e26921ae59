"""Whom somebody else vouches for: an account at an issuer, a person at a checker.

A subject is a text that its provider never gives to anybody else. It is kept sealed, found by a blind index, and
belongs to one user of a tenant and method.
"""

from django.db import IntegrityError, transaction

from authenticators.method import VerificationFailed
from authenticators.models import Authenticator, Challenge
from authsignal_portal import crypto
from authsignal_portal.models import Tenant


def vouched(challenge: Challenge, subject: str) -> Authenticator:
    """The authenticator that a vouched-for subject proves: the user's own, or the one that is being enrolled.

    Raises VerificationFailed.
    """
    if challenge.purpose == Challenge.Purpose.ENROL:
        return _bound(challenge, subject)
    mine = Authenticator.objects.select_related("tenant", "user").filter(
        Authenticator.usable(),
        user=challenge.user_id,
        method=challenge.method,
        subject_index__in=indexes(challenge.tenant, subject),
    )
    row = mine.first()
    if row is None:
        raise VerificationFailed("another account")
    return row


def owners(tenant: Tenant, method: str, subject: str) -> list[Authenticator]:
    """Whose subject it is, where it is somebody's."""
    rows = Authenticator.objects.filter(Authenticator.usable(), tenant=tenant, method=method)
    return list(rows.filter(subject_index__in=indexes(tenant, subject)))


def indexes(tenant: Tenant, subject: str) -> list[str]:
    """The blind index under every pepper in use, for look-ups."""
    return crypto.keyed_hashes("subject", tenant.pk.bytes, subject)


def _bound(challenge: Challenge, subject: str) -> Authenticator:
    """Made only now, so that no challenge hangs on it: what was begun is counted, whatever becomes of it."""
    if owners(challenge.tenant, challenge.method, subject):
        raise VerificationFailed("enrolled already", is_guess=False)
    Authenticator.objects.filter(user=challenge.user_id, method=challenge.method, verified_at=None).delete()
    row = Authenticator(tenant=challenge.tenant, user=challenge.user, method=challenge.method)
    row.subject = subject
    row.subject_index = crypto.keyed_hash("subject", challenge.tenant_id.bytes, subject)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise VerificationFailed("enrolled already", is_guess=False) from error
    return row
