"""What users do with their own authenticators on the settings page: see them, prefer one, take one away."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from actions.client_auth import ClientContext
from actions.proving import one_at_a_time
from audit import log
from authenticators import enrolment
from authenticators.models import Authenticator
from authsignal_portal.errors import Forbidden, NotFound
from authsignal_portal.vocabulary import Scope


def listed(context: ClientContext) -> list[Authenticator]:
    """What is enrolled, the oldest first."""
    rows = context.user.authenticators.exclude(verified_at=None)
    return list(rows.select_related("user", "tenant").order_by("created_at"))


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
