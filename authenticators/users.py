"""A customer's users: look-up, update, removal."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from audit import log
from audit.events import Tag
from authenticators import challenges, contact
from authenticators.enrolment import Added, add_verified
from authenticators.id_tokens import Vouched
from authenticators.models import EndUser, GuessCount
from authsignal_portal import clock
from authsignal_portal.errors import InvalidRequest, Unavailable
from authsignal_portal.json_body import checked_id
from authsignal_portal.models import Tenant

PLAIN = {
    "emailVerified": "email_verified",
    "phoneNumberVerified": "phone_number_verified",
    "username": "username",
    "displayName": "display_name",
    "locale": "locale",
    "defaultVerificationMethod": "default_verification_method",
}
MAX_CUSTOM_KEYS = 100
ATTEMPTS = 5


def find(tenant: Tenant, user_id: str) -> EndUser | None:
    checked_id(user_id, "userId")
    return EndUser.objects.select_related("tenant").filter(tenant=tenant, user_id=user_id).first()


def ensure(tenant: Tenant, user_id: str, *, actor: log.Actor) -> EndUser:
    """The user, made if need be, and locked as by `EndUser.lock`. Call inside a transaction."""
    checked_id(user_id, "userId")
    rows = EndUser.objects.select_for_update(of=("self",), no_key=True).select_related("tenant")
    for _attempt in range(ATTEMPTS):
        found = rows.filter(tenant=tenant, user_id=user_id).first()
        if found:
            return found
        try:
            with transaction.atomic():
                made = EndUser.objects.create(tenant=tenant, user_id=user_id)
                log.record(Tag.USER_CREATED, tenant_id=tenant.pk, actor=actor, subject=made.pseudonym)
                return made
        except IntegrityError:
            # Another request made this user first. It may be deleted again before we see it.
            continue
    raise Unavailable("The same user is being created and deleted many times at once. Try again.")


@transaction.atomic
def update(tenant: Tenant, user_id: str, given: Mapping[str, Any], *, actor: log.Actor) -> EndUser:
    """Set what is given (the wire's names; an empty text is not). Creates the user.

    `custom` merges by key, and null takes a key away.
    """
    given = {name: value for name, value in given.items() if value != ""}
    user = ensure(tenant, user_id, actor=actor)
    if "email" in given:
        _set_contact(user, "email", contact.clean_email(given["email"]))
    if "phoneNumber" in given:
        _set_contact(user, "phone_number", contact.clean_phone(given["phoneNumber"]))
    for name, field in PLAIN.items():
        if name in given:
            setattr(user, field, given[name])
    if "custom" in given:
        merged = {**user.custom, **given["custom"]}
        user.custom = {name: value for name, value in merged.items() if value is not None}
        if len(user.custom) > MAX_CUSTOM_KEYS:
            raise InvalidRequest(f"custom: a user may have at most {MAX_CUSTOM_KEYS} values.")
    user.updated_at = clock.now()
    user.save()
    log.record(
        Tag.USER_UPDATED,
        tenant_id=tenant.pk,
        actor=actor,
        subject=user.pseudonym,
        at=user.updated_at,
        fields=sorted(name for name in given if name in PLAIN or name in ("email", "phoneNumber", "custom")),
    )
    return user


def _set_contact(user: EndUser, field: str, text: str) -> None:
    """A new address is not verified until somebody says so, and the one before proves nothing any more."""
    known = getattr(user, field)
    if known is None or contact.index(user.tenant_id, known) != contact.index(user.tenant_id, text):
        setattr(user, f"{field}_verified", False)
        if known is not None:
            challenges.end_at(user.pk, user.tenant_id, known, clock.now())
    setattr(user, field, text)


@transaction.atomic
def delete(tenant: Tenant, user_id: str, *, actor: log.Actor) -> None:
    """Remove the user with everything about them; the log keeps a pseudonym. Nothing happens for an unknown id."""
    user = EndUser.objects.select_for_update(of=("self",)).filter(tenant=tenant, user_id=user_id).first()
    if user is None:
        return
    log.record(Tag.USER_DELETED, tenant_id=tenant.pk, actor=actor, subject=user.pseudonym)
    GuessCount.objects.filter(tenant=tenant, subject=f"user:{user.pk}").delete()
    user.delete()


def query(tenant: Tenant, given: Mapping[str, Any], vouched: Vouched | None = None) -> QuerySet[EndUser]:
    """Users by exact username, email or phone number, or by an ID token that was read, in the order of their ids.

    Raises InvalidRequest.
    """
    rows = EndUser.objects.select_related("tenant").filter(tenant=tenant)
    asked = {name: given[name] for name in ("username", "email", "phoneNumber") if given.get(name)}
    if not asked and vouched is None:
        raise InvalidRequest("Give username, email, phoneNumber or token.")
    if "username" in asked:
        rows = rows.filter(username=asked["username"])
    if "email" in asked:
        email = contact.one_spelling(asked["email"].strip())
        rows = rows.filter(email_index__in=contact.indexes(tenant.pk, email))
    if "phoneNumber" in asked:
        rows = rows.filter(phone_number_index__in=contact.indexes(tenant.pk, asked["phoneNumber"]))
    if vouched is not None:
        rows = rows.filter(pk__in=[row.user_id for row in vouched.owners])
    if given.get("lastEvaluatedUserId"):
        rows = rows.filter(user_id__gt=given["lastEvaluatedUserId"])
    return rows.order_by("user_id")


@transaction.atomic
def enrol(
    tenant: Tenant, user_id: str, given: Mapping[str, Any], *, actor: log.Actor, with_codes: bool = True
) -> Added:
    """Enrol a verified authenticator, creating the user; a refusal leaves no user behind.

    `with_codes`: whether a first one brings recovery codes, which somebody must then show.
    """
    return add_verified(ensure(tenant, user_id, actor=actor), dict(given), actor=actor, with_codes=with_codes)
