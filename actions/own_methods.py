"""What users do with their own authenticators on the settings page: see them, name, prefer, take one away."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from actions.client_auth import ClientContext
from actions.proving import one_at_a_time
from audit import log
from authenticators import enrolment
from authenticators.models import Authenticator, IdentityProvider
from authenticators.serializers import provider
from authsignal_portal.errors import Forbidden, NotFound
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import WEBAUTHN, Scope


@dataclass(frozen=True, slots=True)
class Listed:
    """An authenticator for its user.

    `name`: what the tenant calls the method, where it does. `detail`: the address, the phone's name, or "iCloud
    Keychain", "YubiKey 5": who made it, where the key says so.
    """

    row: Authenticator
    name: str
    detail: str


def listed(context: ClientContext) -> list[Listed]:
    """What is enrolled, the oldest first."""
    rows = context.user.authenticators.exclude(verified_at=None)
    names = provider_names(context.tenant)
    return [
        Listed(row, names.get(row.method, ""), _detail(row))
        for row in rows.select_related("user", "tenant").order_by("created_at")
    ]


def _detail(row: Authenticator) -> str:
    if row.method in WEBAUTHN:
        # The name of a passkey is the username that it was made for.
        return (provider(row.aaguid) or {}).get("name", "")
    return row.contact or row.name


def provider_names(tenant: Tenant) -> dict[str, str]:
    """What users know an identity provider as, by its method."""
    rows = IdentityProvider.objects.filter(tenant=tenant).exclude(name="")
    return dict(rows.values_list("method", "name"))


def working(context: ClientContext) -> int:
    """How many of what is listed still prove something: the key of a device may be past its time."""
    return context.user.authenticators.filter(Authenticator.usable()).count()


def may_remove(context: ClientContext, *, others_work: bool) -> bool:
    """Whether one may go: with the backend's word or a fresh proof, as far as the tenant lets users."""
    return _removes(context) and (others_work or context.tenant.allow_disabling_mfa)


def keeps_last(context: ClientContext, *, working: int) -> bool:
    """Whether nothing but its being the last that works keeps it from being removed."""
    return working == 1 and _removes(context) and not context.tenant.allow_disabling_mfa


def _removes(context: ClientContext) -> bool:
    return context.may(Scope.REMOVE) and context.tenant.allow_deleting_user_authenticators


def remove(context: ClientContext, authenticator_id: str) -> None:
    """Raises Forbidden, NotFound, ExpiredToken. Of two at once, the second is judged by what the first left."""
    with _one_of(context, authenticator_id) as row:
        others = context.user.authenticators.filter(Authenticator.usable()).exclude(pk=row.pk)
        if not may_remove(context, others_work=others.exists()):
            raise Forbidden("This method cannot be removed here.")
        enrolment.remove(row, actor=log.user(context.user.pseudonym))


def rename(context: ClientContext, authenticator_id: str, label: str) -> None:
    """Call it so, to know it among others. Raises Forbidden, NotFound, InvalidRequest, ExpiredToken."""
    with _one_of(context, authenticator_id) as row:
        if not context.may(Scope.UPDATE):
            raise Forbidden("Naming a method needs a completed challenge first.")
        enrolment.rename(row, label, actor=log.user(context.user.pseudonym))


def prefer(context: ClientContext, authenticator_id: str) -> None:
    """Make it the one that is asked for first. Raises Forbidden, NotFound, ExpiredToken."""
    with _one_of(context, authenticator_id) as row:
        if not context.may(Scope.UPDATE):
            raise Forbidden("Choosing a default needs a completed challenge first.")
        enrolment.make_default(row, actor=log.user(context.user.pseudonym))


@contextmanager
def _one_of(context: ClientContext, authenticator_id: str) -> Iterator[Authenticator]:
    """The user's own authenticator, with the user locked."""
    try:
        named = uuid.UUID(authenticator_id)
    except ValueError as error:
        raise NotFound("No such authenticator.") from error
    with one_at_a_time(context):
        rows = context.user.authenticators.exclude(verified_at=None).select_related("user", "tenant")
        row = rows.filter(pk=named).first()
        if row is None:
            raise NotFound("No such authenticator.")
        yield row
