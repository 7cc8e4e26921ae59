"""What users do with their own authenticators on the settings page: see them, name, prefer, take one away.

What one phone's key is for (push, QR codes, in the app) is one row there, and is named and removed as one.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from actions import proofs
from actions.client_auth import ClientContext
from actions.proving import one_at_a_time
from audit import log
from authenticators import available, contact, enrolment
from authenticators.models import Authenticator, EndUser, IdentityProvider
from authenticators.serializers import provider
from authsignal_portal import user_agent
from authsignal_portal.errors import Forbidden, NotFound
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS, WEBAUTHN, DevicePlatform, Scope, VerificationMethod

ORDER = list(VerificationMethod)
# What the web app runs on is not known.
SYSTEMS = {DevicePlatform.IOS: "iOS", DevicePlatform.ANDROID: "Android"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the settings: an authenticator, or all that one phone's key is for.

    `name`: what the tenant calls the method, where it does. `detail`: the address, masked for whoever may change
    nothing here; the phone's name; or "Apple Passwords", "YubiKey 5": who made it, where the key says so. `made_on`:
    "Chrome · Windows", "iOS", or nothing.
    `may`: what of "rename", "prefer" and "remove" would be done. `is_last`: nothing but its being the last that works
    keeps it from being removed.
    """

    rows: tuple[Authenticator, ...]
    name: str
    detail: str
    made_on: str
    is_expired: bool
    may: frozenset[str]
    is_last: bool

    @property
    def row(self) -> Authenticator:
        """The one that stands for all."""
        return self.rows[0]

    @property
    def label(self) -> str:
        """What its user calls it. What the phone's key was enrolled for since is called so too."""
        return next((row.label for row in self.rows if row.label), "")

    @property
    def is_default(self) -> bool:
        return any(row.is_default for row in self.rows)

    @property
    def created_at(self) -> datetime:
        return min(row.created_at for row in self.rows)

    @property
    def last_used_at(self) -> datetime | None:
        return max((row.last_verified_at for row in self.rows if row.last_verified_at), default=None)


def listed(context: ClientContext) -> list[Listed]:
    """What is enrolled, the oldest first. Raises InvalidRequest where somebody closed the action."""
    proofs.check_open(context.action)
    groups = _groups(_enrolled(context.user))
    able = set(available.working(context.user).values_list("pk", flat=True))
    working = {key for key, rows in groups.items() if any(row.pk in able for row in rows)}
    names, held = provider_names(context.tenant), _held(context)
    return [
        Listed(
            rows=tuple(rows),
            name=names.get(rows[0].method, ""),
            detail=_detail(rows[0], in_clear=Scope.UPDATE in held),
            made_on=_made_on(rows[0]),
            is_expired=_is_expired(context, rows),
            may=_may(context, rows, held, is_only=len(groups) == 1, others_work=bool(working - {key})),
            is_last=working == {key} and _removes(context, held) and not context.tenant.allow_disabling_mfa,
        )
        for key, rows in groups.items()
    ]


def _enrolled(user: EndUser) -> list[Authenticator]:
    rows = user.authenticators.exclude(verified_at=None)
    return list(rows.select_related("user", "tenant").order_by("created_at"))


def _groups(rows: Sequence[Authenticator]) -> dict[object, list[Authenticator]]:
    """By what is one for its user, in the order of what was made first; of one phone's, push stands for all."""
    groups: dict[object, list[Authenticator]] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
    for same in groups.values():
        same.sort(key=lambda row: ORDER.index(VerificationMethod(row.method)))
    return groups


def _key(row: Authenticator) -> object:
    return bytes(row.public_key) if row.method in DEVICE_METHODS and row.public_key else row.pk


def _is_expired(context: ClientContext, rows: Sequence[Authenticator]) -> bool:
    return all(row.expires_at is not None and row.expires_at <= context.now for row in rows)


def _detail(row: Authenticator, *, in_clear: bool) -> str:
    if row.method in WEBAUTHN:
        # The name of a passkey is the username that it was made for.
        return (provider(row.aaguid) or {}).get("name", "")
    if row.contact:
        return row.contact if in_clear else contact.mask(row.contact)
    return row.name


def _made_on(row: Authenticator) -> str:
    if row.method in DEVICE_METHODS:
        return next((name for platform, name in SYSTEMS.items() if platform == row.device_platform), "")
    return user_agent.named(row.user_agent)


def provider_names(tenant: Tenant) -> dict[str, str]:
    """What users know an identity provider as, by its method."""
    rows = IdentityProvider.objects.filter(tenant=tenant).exclude(name="")
    return dict(rows.values_list("method", "name"))


# -- what may be done ----------------------------------------------------------------------------


def _held(context: ClientContext) -> frozenset[Scope]:
    """What the backend's word or a fresh proof allows, of what is asked here."""
    return frozenset(scope for scope in (Scope.UPDATE, Scope.REMOVE) if context.may(scope))


def _may(
    context: ClientContext,
    rows: Sequence[Authenticator],
    held: frozenset[Scope],
    *,
    is_only: bool,
    others_work: bool,
) -> frozenset[str]:
    updates = Scope.UPDATE in held
    is_default, is_expired = any(row.is_default for row in rows), _is_expired(context, rows)
    rights = {
        "rename": updates,
        "prefer": updates and not (is_only or is_default or is_expired),
        "remove": _may_remove(context, held, others_work=others_work),
    }
    return frozenset(name for name, holds in rights.items() if holds)


def _may_remove(context: ClientContext, held: frozenset[Scope], *, others_work: bool) -> bool:
    """Whether one may go: with the backend's word or a fresh proof, as far as the tenant lets users."""
    return _removes(context, held) and (others_work or context.tenant.allow_disabling_mfa)


def _removes(context: ClientContext, held: frozenset[Scope]) -> bool:
    return Scope.REMOVE in held and context.tenant.allow_deleting_user_authenticators


def check_devices(context: ClientContext) -> None:
    """To know or forget the devices takes the same word or proof as the authenticators.

    Raises Forbidden, and InvalidRequest where somebody closed the action.
    """
    proofs.check_open(context.action)
    if not context.may(Scope.UPDATE):
        raise Forbidden("Devices need a completed challenge first.")


# -- doing it ------------------------------------------------------------------------------------


def remove(context: ClientContext, authenticator_id: str) -> None:
    """Raises Forbidden, NotFound, ExpiredToken. Of two at once, the second is judged by what the first left."""
    with _one_of(context, authenticator_id) as rows:
        others = available.working(context.user).exclude(pk__in=[row.pk for row in rows])
        if not _may_remove(context, _held(context), others_work=others.exists()):
            raise Forbidden("This method cannot be removed here.")
        for row in rows:
            # The user hears of one phone once.
            enrolment.remove(row, actor=log.user(context.user.pseudonym), tells=row is rows[0])


def rename(context: ClientContext, authenticator_id: str, label: str) -> None:
    """Call it so, to know it among others. Raises Forbidden, NotFound, InvalidRequest, ExpiredToken."""
    with _one_of(context, authenticator_id) as rows:
        if not context.may(Scope.UPDATE):
            raise Forbidden("Naming a method needs a completed challenge first.")
        for row in rows:
            enrolment.rename(row, label, actor=log.user(context.user.pseudonym))


def prefer(context: ClientContext, authenticator_id: str) -> None:
    """Make it the one that is asked for first. Raises Forbidden, NotFound, ExpiredToken."""
    with _one_of(context, authenticator_id) as rows:
        if not context.may(Scope.UPDATE):
            raise Forbidden("Choosing a default needs a completed challenge first.")
        if not any(row.is_default for row in rows):
            enrolment.make_default(rows[0], actor=log.user(context.user.pseudonym))


@contextmanager
def _one_of(context: ClientContext, authenticator_id: str) -> Iterator[list[Authenticator]]:
    """The user's own authenticator, and whatever else is one with it, with the user locked.

    Raises NotFound, ExpiredToken, and InvalidRequest where somebody closed the action.
    """
    try:
        named = uuid.UUID(authenticator_id)
    except ValueError as error:
        raise NotFound("No such authenticator.") from error
    with one_at_a_time(context):
        proofs.check_open(context.action)
        found = [same for same in _groups(_enrolled(context.user)).values() if named in {row.pk for row in same}]
        if not found:
            raise NotFound("No such authenticator.")
        yield found[0]
