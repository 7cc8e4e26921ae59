"""WebAuthn credentials as rows: what a passkey and a security key have in common.

*Policy* is what a tenant asks of them. It is read from the tenant's row when an answer is judged, never from what the
client sent.
"""

import base64
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import IntegrityError, transaction

from audit import log
from audit.events import Tag
from authenticators import webauthn
from authenticators.method import VerificationFailed
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal.errors import Conflict, UnknownCredential
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod

logger = structlog.get_logger(__name__)

# A passkey counts as two factors; a security key is a second one, beside whatever came first.
USER_VERIFICATION: dict[VerificationMethod, webauthn.UserVerification] = {
    VerificationMethod.PASSKEY: "required",
    VerificationMethod.SECURITY_KEY: "preferred",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """`framed_by`: who may frame the page of a ceremony; None where nobody may. `attachment`: "" for any."""

    rp_id: str
    origins: tuple[str, ...]
    framed_by: tuple[str, ...] | None
    user_verification: webauthn.UserVerification
    attachment: str
    hints: tuple[str, ...]

    @property
    def verification_is_required(self) -> bool:
        return self.user_verification == "required"


def policy(tenant: Tenant, method: VerificationMethod) -> Policy:
    row = AuthenticatorConfiguration.of(tenant, method)
    wanted = [one for one in webauthn.USER_VERIFICATION if one == row.user_verification]
    return Policy(
        rp_id=tenant.relying_party_id,
        origins=(*tenant.passkey_origins, *row.expected_origins),
        framed_by=tuple(tenant.app_origins) or None,
        user_verification=wanted[0] if wanted else USER_VERIFICATION[method],
        attachment=row.attachment,
        hints=tuple(row.hints),
    )


# -- rows ----------------------------------------------------------------------------------------


def find(tenant: Tenant, method: VerificationMethod, answer: object) -> Authenticator:
    """The stored credential that an assertion names. Raises WebAuthnError, UnknownCredential.

    `unknown_credential` makes clients delete the credential, so it is said only where no tenant stores it.
    """
    credential_id = encoded_id(webauthn.credential_id_of(answer))
    rows = Authenticator.objects.filter(credential_id=credential_id)
    mine = rows.filter(tenant=tenant, method=method, rp_id=tenant.relying_party_id).exclude(verified_at=None)
    found = mine.select_related("user", "tenant").first()
    if found is None and not rows.exists():
        raise UnknownCredential
    if found is None:
        raise webauthn.WebAuthnError("wrong_credential", "the credential belongs elsewhere")
    return found


def of_user(user: EndUser, method: VerificationMethod) -> list[Authenticator]:
    """The user's credentials that work under the tenant's relying party id of now."""
    rows = user.authenticators.filter(method=method, rp_id=user.tenant.relying_party_id)
    return list(rows.exclude(verified_at=None))


def descriptors(user: EndUser, method: VerificationMethod) -> list[webauthn.CredentialDescriptor]:
    return [
        webauthn.CredentialDescriptor(credential_id=raw_id(row), transports=tuple(row.transports))
        for row in of_user(user, method)
    ]


def handle_of(user: EndUser, method: VerificationMethod) -> bytes:
    """The WebAuthn user handle: opaque, and ASCII because iOS returns it as UTF-8 text.

    A security key has one of its own: a client that tells a password manager which passkeys are left (WebAuthn L3
    §5.1.10) names a handle, and what has that handle and is not among them is removed.
    """
    own = "-key" if method == VerificationMethod.SECURITY_KEY else ""
    return f"{user.pk.hex}{own}".encode()


def raw_id(row: Authenticator) -> bytes:
    text = row.credential_id or ""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded_id(credential_id: bytes) -> str:
    return base64.urlsafe_b64encode(credential_id).rstrip(b"=").decode()


# -- ceremonies ----------------------------------------------------------------------------------


def register(challenge: Challenge, answer: object, now: datetime, *, is_silent: bool = False) -> Authenticator:
    """Store the credential that was made for this challenge. Raises VerificationFailed, Conflict.

    `is_silent`: made by a conditional create, without the user's presence and verification.
    """
    tenant, user, method = challenge.tenant, challenge.user, VerificationMethod(challenge.method)
    assert user is not None
    asked = policy(tenant, method)
    try:
        made = webauthn.verify_registration(
            credential=answer,
            expected_challenge=bytes(challenge.nonce or b""),
            expected_origins=asked.origins,
            expected_rp_id=asked.rp_id,
            allow_cross_origin_from=asked.framed_by,
            require_user_presence=not is_silent,
            require_user_verification=asked.verification_is_required and not is_silent,
        )
    except webauthn.WebAuthnError as error:
        raise VerificationFailed(error.reason) from error
    row = Authenticator(
        tenant=tenant,
        user=user,
        method=method,
        credential_id=encoded_id(made.credential_id),
        rp_id=asked.rp_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        transports=list(made.transports),
        attachment=made.attachment or "",
        backup_eligible=made.backup_eligible,
        backed_up=made.backed_up,
        uv_initialized=made.user_verified,
        user_agent=challenge.context.get("userAgent", "")[:1000],
        name=challenge.context.get("username", "")[:255],
        display_name=challenge.context.get("displayName", "")[:255],
        device_id=challenge.context.get("deviceId", "")[:255],
        verified_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("This credential is already registered.") from error
    return row


def authenticate(challenge: Challenge, answer: object, now: datetime) -> Authenticator:
    """The stored credential that answered this challenge, with what it now says stored too.

    Raises VerificationFailed, UnknownCredential. Whatever is refused changes nothing that was stored of it, except
    that a copy is suspected.
    """
    try:
        return _authenticate(challenge, answer, now)
    except webauthn.WebAuthnError as error:
        raise VerificationFailed(error.reason) from error


def _authenticate(challenge: Challenge, answer: object, now: datetime) -> Authenticator:
    tenant, method, user_known = challenge.tenant, VerificationMethod(challenge.method), challenge.user_id is not None
    named = find(tenant, method, answer)
    if user_known and named.user_id != challenge.user_id:
        raise webauthn.WebAuthnError("wrong_credential", "the credential belongs to another user")
    row = Authenticator.objects.select_for_update(of=("self",)).select_related("user", "tenant").get(pk=named.pk)
    asked = policy(tenant, method)
    try:
        assertion = webauthn.verify_authentication(
            credential=answer,
            expected_challenge=bytes(challenge.nonce or b""),
            expected_origins=asked.origins,
            expected_rp_id=asked.rp_id,
            allow_cross_origin_from=asked.framed_by,
            stored=_stored(row),
            allowed_credential_ids=[raw_id(each) for each in of_user(challenge.user, method)]
            if challenge.user
            else None,
            user_known=user_known,
            require_user_verification=asked.verification_is_required,
        )
    except webauthn.WebAuthnError as error:
        if error.reason == "sign_count_regressed":
            _suspect_clone(row, challenge, now, reason="refused")
            raise VerificationFailed(error.reason, copy_of=row) from error
        raise
    if assertion.sign_count_regressed:
        _suspect_clone(row, challenge, now, reason="allowed")
    row.sign_count = assertion.new_sign_count
    row.backed_up = assertion.backed_up
    row.backup_eligible = assertion.backup_eligible
    row.uv_initialized = bool(row.uv_initialized) or assertion.user_verified
    row.save(update_fields=["sign_count", "backed_up", "backup_eligible", "uv_initialized"])
    return row


def _stored(row: Authenticator) -> webauthn.StoredCredential:
    return webauthn.StoredCredential(
        credential_id=raw_id(row),
        public_key=bytes(row.public_key or b""),
        sign_count=row.sign_count,
        backup_eligible=row.backup_eligible,
        user_handle=None if row.is_imported else handle_of(row.user, VerificationMethod(row.method)),
    )


def _suspect_clone(row: Authenticator, challenge: Challenge, now: datetime, *, reason: str) -> None:
    """The alarm: in the log, on the row, and for the operator. The signature was right, so nobody can forge it."""
    row.clone_suspected_at = now
    row.save(update_fields=["clone_suspected_at"])
    log.record(
        Tag.AUTHENTICATOR_CLONE_SUSPECTED,
        tenant_id=row.tenant_id,
        actor=log.SYSTEM,
        subject=row.user.pseudonym,
        action_id=challenge.action_id,
        at=now,
        authenticator=str(row.pk),
        method=row.method,
        challenge=challenge.pk,
        reason=reason,
    )
    logger.warning("authenticator.clone_suspected", tenant=str(row.tenant_id), authenticator=str(row.pk), result=reason)
