"""Binding an authenticator to a user: pending, verified, replaced, removed."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from audit import log
from audit.events import ActorKind, Tag
from authenticators import available, contact, labels, notices, several, webauthn
from authenticators.credentials import encoded_id
from authenticators.methods import recovery_code, totp
from authenticators.models import Authenticator, Challenge, EndUser, GuessCount
from authenticators.notices import Kind
from authsignal_portal import clock
from authsignal_portal.errors import Conflict, InvalidRequest
from authsignal_portal.vocabulary import Scope, VerificationMethod

CONTACT_FIELD = {
    VerificationMethod.EMAIL_OTP: "email",
    VerificationMethod.EMAIL_MAGIC_LINK: "email",
    VerificationMethod.SMS: "phone_number",
    VerificationMethod.WHATSAPP: "phone_number",
}
CONTACT_NAME = {"email": "email", "phone_number": "phoneNumber"}


@dataclass(frozen=True, slots=True)
class Added:
    """A verified authenticator, and the recovery codes that came with a first one."""

    authenticator: Authenticator
    recovery_codes: list[str] | None


def begin(user: EndUser, method: VerificationMethod, *, to: str = "", secret: str = "") -> Authenticator:
    """A pending authenticator; one that was pending for this method before is replaced. Call with the user locked.

    What the user has already, the same address or secret, is that one: it is bound anew, and what it proved stands.
    Raises InvalidConfiguration.
    """
    user.authenticators.filter(method=method, verified_at=None).delete()
    row = Authenticator(tenant=user.tenant, user=user, method=method)
    if to:
        row.contact = to
    if secret:
        row.secret = secret
    if known := several.same(row):
        return known
    several.check_room(user, method)
    row.save(force_insert=True)
    return row


def is_granted(user: EndUser, method: VerificationMethod, has: Callable[[Scope], bool]) -> bool:
    """Whether the backend lets the user enrol by this method; `has` says which scopes it gave.

    What takes the place of one that they have adds none: the word to change it is enough.
    """
    return has(Scope.ADD) or (has(Scope.UPDATE) and _replaces(user, method))


def _replaces(user: EndUser, method: VerificationMethod) -> bool:
    return not several.are_allowed(user, method) and several.held(user, method).exists()


def complete(
    row: Authenticator, *, now: datetime, actor: log.Actor, action_id: uuid.UUID | None = None, tells: bool = True
) -> None:
    """The user showed that they have it: it counts from now on. Call inside the proof's transaction.

    `tells`: the user hears of it; of one device's credentials, of the first. Raises InvalidConfiguration.
    """
    user, method = row.user, VerificationMethod(row.method)
    if row.verified_at is None:
        several.check_room(user, method)
    # A device that is enrolled again is brought up to date: nothing was added.
    is_new = row.verified_at is None or row.verified_at >= now
    to = notices.address_of(user, apart_from=row) if tells and is_new and notices.is_told(actor) else None
    if row.verified_at is None and not several.are_allowed(user, method):
        replaced = several.held(user, method).exclude(pk=row.pk)
        for old in replaced:
            _record(Tag.AUTHENTICATOR_REMOVED, old, actor, now, action_id, reason="replaced")
        if action_id:
            # Who replaces their own by a proof of it goes on; whatever else it proved ends with it.
            proofs = Challenge.objects.filter(action_id=action_id, authenticator__in=replaced)
            proofs.exclude(verified_at=None).update(authenticator=row)
        codes_end = actor.kind != ActorKind.USER and any(map(_gave_codes, replaced))
        replaced.delete()
        if codes_end:
            _end_codes(user, actor, now)
    others = user.authenticators.exclude(pk=row.pk).exclude(verified_at=None)
    row.verified_at = row.last_verified_at = now
    row.is_default = row.is_default or not others.filter(is_default=True).exists()
    row.save(update_fields=["verified_at", "last_verified_at", "is_default"])
    _forgive(user, row.method)
    _confirm_contact(row, now)
    _record(Tag.AUTHENTICATOR_ENROLLED, row, actor, now, action_id)
    notices.owe(user, Kind.ADDED, row.method, now=now, to=to, action_id=action_id)


def _forgive(user: EndUser, method: str) -> None:
    """What was locked by guesses is bound anew."""
    GuessCount.objects.filter(tenant=user.tenant_id, subject=f"user:{user.pk}", method=method).update(
        consecutive=0, recent=[], paused_until=None, disabled_at=None
    )


def adopt(challenge: Challenge, *, now: datetime) -> Authenticator:
    """A code to an address on file was answered: enrol that address."""
    assert challenge.user is not None
    row = begin(challenge.user, VerificationMethod(challenge.method), to=challenge.contact)
    complete(row, now=now, actor=log.user(challenge.user.pseudonym), action_id=challenge.action_id)
    Challenge.objects.filter(pk=challenge.pk).update(authenticator=row)
    return row


def _confirm_contact(row: Authenticator, now: datetime) -> None:
    """A verified address becomes the user's, unless another one is on file."""
    field = CONTACT_FIELD.get(VerificationMethod(row.method))
    if field is None:
        return
    user, address = row.user, row.contact
    known = getattr(user, field)
    if known is None:
        setattr(user, field, address)
    elif contact.index(user.tenant_id, known) != row.contact_index:
        return
    setattr(user, f"{field}_verified", True)
    user.updated_at = now
    user.save(update_fields=[f"{field}_sealed", f"{field}_index", f"{field}_verified", "updated_at"])


def add_verified(user: EndUser, given: dict[str, Any], *, actor: log.Actor, with_codes: bool = True) -> Added:
    """Enrol what the customer verified elsewhere. `given` has the wire's names. Call with the user locked.

    Raises InvalidRequest, InvalidConfiguration, Conflict.
    """
    method = VerificationMethod(given["verificationMethod"])
    now = clock.now()
    first = not user.authenticators.exclude(verified_at=None).exists()
    row = _given(user, method, given)
    if row.is_default:
        user.authenticators.exclude(pk=row.pk).update(is_default=False)
    last_used = row.last_verified_at
    complete(row, now=now, actor=actor)
    Authenticator.objects.filter(pk=row.pk).update(last_verified_at=last_used)
    row.last_verified_at = last_used
    codes = None
    if with_codes and first and not user.tenant.disable_recovery_codes:
        codes = new_recovery_codes(user, actor=actor, now=now)
    return Added(row, codes)


def _given(user: EndUser, method: VerificationMethod, given: dict[str, Any]) -> Authenticator:
    """A stored row of what is given: a new one, or the one beside others that it is already."""
    row = Authenticator(tenant=user.tenant, user=user, method=method, is_default=bool(given.get("isDefault")))
    _fill(row, method, given)
    user.authenticators.filter(method=method, verified_at=None).delete()
    if known := several.same(row):
        known.is_default = known.is_default or row.is_default
        return known
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("This credential is already registered.") from error
    return row


def addresses(user: EndUser) -> dict[VerificationMethod, str]:
    """What is on file for the user, by the method that sends there: as it is by now, not as it was when the user was
    read. What begins or ends something by it calls with the user locked.
    """
    now = EndUser.objects.select_related("tenant").filter(pk=user.pk).first()
    found = {method: getattr(now, field, None) for method, field in CONTACT_FIELD.items()}
    return {method: str(address) for method, address in found.items() if address is not None}


def contact_name(method: VerificationMethod) -> str:
    """The wire's name of what a method sends to."""
    return CONTACT_NAME[CONTACT_FIELD[method]]


def clean_contact(method: VerificationMethod, text: str) -> str:
    """Raises InvalidRequest."""
    return contact.clean_email(text) if CONTACT_FIELD[method] == "email" else contact.clean_phone(text)


def _fill(row: Authenticator, method: VerificationMethod, given: dict[str, Any]) -> None:
    if method in CONTACT_FIELD:
        row.contact = clean_contact(method, _need(given, contact_name(method)))
    elif method == VerificationMethod.AUTHENTICATOR_APP:
        row.secret = totp.secret_of_uri(_need(given, "otpUri"))
    elif method == VerificationMethod.PASSKEY:
        _fill_passkey(row, given)
    else:
        raise InvalidRequest(f"verificationMethod: {method} cannot be enrolled this way.")


def _fill_passkey(row: Authenticator, given: dict[str, Any]) -> None:
    try:
        credential = webauthn.imported_credential(_need(given, "credentialId"), _need(given, "credentialPublicKey"))
    except webauthn.WebAuthnError as error:
        raise InvalidRequest(f"credentialId and credentialPublicKey must be base64url; {error.reason}.") from error
    row.credential_id, row.public_key = encoded_id(credential.credential_id), credential.public_key
    row.rp_id = row.tenant.relying_party_id
    row.sign_count = given.get("counter") or 0
    row.name = given.get("name") or ""
    row.aaguid = (given.get("aaguid") or "").lower()
    row.transports = [name for name in given.get("transports") or [] if name in webauthn.TRANSPORTS]
    row.is_imported = True


def _need(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not value:
        raise InvalidRequest(f"{name} is required for verificationMethod {given['verificationMethod']}.")
    return str(value)


def new_recovery_codes(
    user: EndUser, *, actor: log.Actor, now: datetime, made_with: Sequence[uuid.UUID] = ()
) -> list[str]:
    """Ten fresh codes; the ones before stop working. Call with the user locked: two at once leave one set.

    `made_with`: the authenticators whose proofs allowed it.
    """
    codes = recovery_code.replace_all(user, made_with=made_with)
    _forgive(user, VerificationMethod.RECOVERY_CODE)
    log.record(Tag.RECOVERY_CODES_CREATED, tenant_id=user.tenant_id, actor=actor, subject=user.pseudonym, at=now)
    return codes


@transaction.atomic
def remove(row: Authenticator, *, actor: log.Actor, tells: bool = True) -> None:
    """Take an authenticator away; challenges that named it, and what was proved with it, end with it
    (`models.end_with_it`). Nothing happens if it went meanwhile.

    `tells`: as of `complete`.
    """
    row.user.lock()
    if not row.user.authenticators.filter(pk=row.pk).exists():
        return
    now = clock.now()
    _record(Tag.AUTHENTICATOR_REMOVED, row, actor, now, None)
    if row.verified_at and tells:
        notices.owe(row.user, Kind.REMOVED, row.method, now=now, to=notices.address_of(row.user))
    codes_end = actor.kind != ActorKind.USER and _gave_codes(row)
    row.delete()
    _pass_on(row.user)
    if codes_end or not available.was_enrolled(row.user):
        # They were saved for what is gone: whoever has them proves nothing of a user who begins anew.
        _end_codes(row.user, actor, now)


def _end_codes(user: EndUser, actor: log.Actor, now: datetime) -> None:
    ended, _by_model = user.recovery_codes.all().delete()
    if ended:
        log.record(Tag.RECOVERY_CODES_ENDED, tenant_id=user.tenant_id, actor=actor, subject=user.pseudonym, at=now)


def _gave_codes(row: Authenticator) -> bool:
    """Whether the saved codes were made by a proof of this authenticator. Where staff or a backend takes that away, it
    was lost or stolen, and with it goes what its proofs allowed.
    """
    return row.user.recovery_codes.filter(made_with__contains=[row.pk]).exists()


@transaction.atomic
def take_away(row: Authenticator, *, actor: log.Actor, tells: bool = True) -> None:
    """As `remove`, by the device itself. What has expired proves nothing any more and makes nobody a new user either:
    where it is all that its user has, it stays, without the key, which may be enrolled for somebody else.
    """
    row.user.lock()
    has_others = row.user.authenticators.exclude(pk=row.pk).exclude(verified_at=None).exists()
    if has_others or Authenticator.objects.filter(Authenticator.usable(), pk=row.pk).exists():
        remove(row, actor=actor, tells=tells)
        return
    rows = Authenticator.objects.filter(pk=row.pk).exclude(public_key=None)
    if rows.update(public_key=None, push_token_sealed=None):
        _record(Tag.AUTHENTICATOR_RELEASED, row, actor, clock.now(), None)


def _pass_on(user: EndUser) -> None:
    """Of what is left, one is the default. Asked of the rows as they are: what goes may have become it a moment ago."""
    left = user.authenticators.exclude(verified_at=None).order_by("created_at")
    if not left.filter(is_default=True).exists() and (heir := left.first()):
        Authenticator.objects.filter(pk=heir.pk).update(is_default=True)


def rename(row: Authenticator, text: str, *, actor: log.Actor) -> None:
    """What its user calls it; empty takes the name away. Call with the user locked. Raises InvalidRequest."""
    label = labels.clean(text)
    if label == row.label:
        return
    Authenticator.objects.filter(pk=row.pk).update(label=label)
    _record(Tag.AUTHENTICATOR_RENAMED, row, actor, clock.now(), None)


def make_default(row: Authenticator, *, actor: log.Actor) -> None:
    """The one that is asked for first. Call with the user locked."""
    if row.is_default:
        return
    row.user.authenticators.update(is_default=False)
    Authenticator.objects.filter(pk=row.pk).update(is_default=True)
    _record(Tag.AUTHENTICATOR_PREFERRED, row, actor, clock.now(), None)


def _record(
    tag: Tag,
    row: Authenticator,
    actor: log.Actor,
    now: datetime,
    action_id: uuid.UUID | None,
    **data: str,
) -> None:
    log.record(
        tag,
        tenant_id=row.tenant_id,
        actor=actor,
        subject=row.user.pseudonym,
        action_id=action_id,
        at=now,
        authenticator=str(row.pk),
        method=row.method,
        **data,
    )
