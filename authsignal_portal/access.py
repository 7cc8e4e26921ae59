"""Who is signed in to the portal, in which tenant, and what they may do there.

Nothing but a membership opens a tenant: a superuser without one sees nothing, so that the list of members is the
whole truth about who can look in.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from audit import log
from audit.log import Actor
from authsignal_portal import clock
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.vocabulary import Role

IDLE_SECONDS: Final = 30 * 60
ABSOLUTE_SECONDS: Final = 12 * 3600
# How long a proof of the second factor opens what could do harm.
PROOF_SECONDS: Final = 5 * 60
# Seconds between two writes of "was here": fewer writes, and an idle limit that is right to the minute.
SEEN_SECONDS: Final = 60

SIGNED_IN, SEEN, PROVED, TENANT = "portal_signed_in", "portal_seen", "portal_proved", "portal_tenant"
_KEPT = "_portal_access"


class Right(StrEnum):
    """What a role allows beyond reading, which every member may."""

    CONFIGURE = "configure"  # actions, rules, custom data points, value lists and what stands on them
    TEST = "test"  # track a test action
    SUPPORT = "support"  # a user's authenticators, devices and locks; addresses in full
    ADMINISTER = "administer"  # the tenant, its keys, members and methods


RIGHTS: Final = {
    Role.ADMIN: frozenset(Right),
    Role.ANALYST: frozenset({Right.CONFIGURE, Right.TEST}),
    Role.SUPPORT: frozenset({Right.SUPPORT}),
    Role.READ_ONLY: frozenset[Right](),
}


@dataclass(frozen=True, slots=True)
class Access:
    """A signed-in member of staff and the tenant they are looking at. `proved` is when they last gave a code."""

    user: User
    membership: Membership
    memberships: tuple[Membership, ...]
    now: datetime
    proved: datetime

    @property
    def tenant(self) -> Tenant:
        return self.membership.tenant

    @property
    def actor(self) -> Actor:
        return log.staff(self.user.pk)

    @property
    def proof_is_fresh(self) -> bool:
        return (self.now - self.proved).total_seconds() < PROOF_SECONDS

    def may(self, right: Right) -> bool:
        return right in RIGHTS[Role(self.membership.role)]


def of(request: HttpRequest) -> Access | None:
    """The access of this request, or None: not signed in with both factors, out of time, or a member of nothing."""
    if not hasattr(request, _KEPT):
        setattr(request, _KEPT, _read(request))
    access: Access | None = getattr(request, _KEPT)
    return access


def must(request: HttpRequest) -> Access:
    """The access of a request that the site has let in."""
    access = of(request)
    assert access is not None
    return access


def begin(request: HttpRequest) -> None:
    """Start the clocks of a session that has just signed in."""
    moment = clock.now().timestamp()
    request.session[SIGNED_IN] = request.session[SEEN] = request.session[PROVED] = moment
    forget(request)


def prove(request: HttpRequest) -> None:
    """A code was given right now."""
    request.session[PROVED] = clock.now().timestamp()
    forget(request)


def choose(request: HttpRequest, membership: Membership) -> None:
    """Look at another tenant from now on."""
    request.session[TENANT] = str(membership.tenant_id)
    forget(request)


def forget(request: HttpRequest) -> None:
    if hasattr(request, _KEPT):
        delattr(request, _KEPT)


def _read(request: HttpRequest) -> Access | None:
    user = request.user
    if isinstance(user, AnonymousUser) or not (user.is_active and user.is_staff and _gave_both_factors(user)):
        return None
    now = clock.now()
    if not _in_time(request, now.timestamp()):
        auth.logout(request)
        return None
    memberships = tuple(user.memberships.select_related("tenant").order_by("tenant__name", "pk"))
    if not memberships:
        return None
    chosen = request.session.get(TENANT)
    current = next((one for one in memberships if str(one.tenant_id) == chosen), memberships[0])
    proved = datetime.fromtimestamp(request.session.get(PROVED, 0), tz=now.tzinfo)
    return Access(user, current, memberships, now, proved)


def _gave_both_factors(user: User) -> bool:
    # Set on every request's user by django-otp's middleware, from the device that the session was opened with.
    return bool(user.is_verified())  # type: ignore[attr-defined]


def _in_time(request: HttpRequest, moment: float) -> bool:
    session = request.session
    signed_in, seen = session.get(SIGNED_IN), session.get(SEEN)
    if signed_in is None or seen is None:
        return False
    if moment - signed_in >= ABSOLUTE_SECONDS or moment - seen >= IDLE_SECONDS:
        return False
    if moment - seen >= SEEN_SECONDS:
        session[SEEN] = moment
    return True


def is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
