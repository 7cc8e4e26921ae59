"""Invitations of an app: a code of 120 random bits that is used once, within minutes, by who holds the phone.

It is shown as a QR code by whoever holds a client token and is that token's word for enrolling, no more.
"""

import secrets
import uuid
from datetime import timedelta

from django.conf import settings

from authenticators.models import AppInvitation, Authenticator, EndUser
from authsignal_portal import clock, crypto
from authsignal_portal.models import Tenant
from authsignal_portal.tokens import ClientToken

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
LENGTH = 24
GROUP = 4


def issue(user: EndUser, action_id: uuid.UUID, token: ClientToken) -> tuple[AppInvitation, str]:
    """The invitation and its code, the only time that it exists. The one before, of the same action, is over.

    Call inside a transaction, with the user locked.
    """
    now = clock.now()
    AppInvitation.objects.filter(action_id=action_id, used_at=None).delete()
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    row = AppInvitation.objects.create(
        tenant=user.tenant,
        user=user,
        action_id=action_id,
        code_hash=_hashes(user.tenant, code)[0],
        token_purpose=token.purpose.value,
        token_scope=" ".join(sorted(token.scopes)),
        token_issued_at=token.issued_at,
        expires_at=min(now + timedelta(seconds=settings.APP_INVITATION_SECONDS), token.expires_at),
    )
    return row, code


def find(tenant: Tenant, text: str) -> AppInvitation | None:
    """The tenant's open invitation with this code, however it was typed."""
    code = normal(text)
    open_ones = AppInvitation.objects.filter(tenant=tenant, used_at=None, expires_at__gt=clock.Now())
    return open_ones.filter(code_hash__in=_hashes(tenant, code)).select_related("user__tenant").first()


def use(invitation: AppInvitation, made: Authenticator) -> bool:
    """One conditional update decides who used it, and for what. Call with the user locked."""
    unused = AppInvitation.objects.filter(pk=invitation.pk, used_at=None, expires_at__gt=clock.Now())
    return unused.update(used_at=clock.Now(), authenticator=made) == 1


def normal(text: str) -> str:
    return text.upper().replace("-", "").replace(" ", "")


def grouped(code: str) -> str:
    """For reading and typing."""
    return "-".join(code[i : i + GROUP] for i in range(0, LENGTH, GROUP))


def _hashes(tenant: Tenant, code: str) -> list[str]:
    return crypto.keyed_hashes("app-invitation", tenant.pk.bytes, code)
