"""Passkeys: discoverable WebAuthn credentials with user verification (WebAuthn L3 §7.1, §7.2)."""

import base64
from datetime import datetime
from typing import Any, ClassVar

from django.db import IntegrityError, transaction

from authenticators import webauthn
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Authenticator, Challenge, EndUser
from authsignal_portal.errors import Conflict, UnknownCredential
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel, VerificationMethod


class Passkey:
    code: ClassVar = VerificationMethod.PASSKEY
    channel: ClassVar[Channel | None] = None
    many: ClassVar = True
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        try:
            if challenge.purpose == Challenge.Purpose.ENROL:
                return Judged(_register(challenge, answer, now))
            return Judged(_assert(challenge, answer))
        except webauthn.WebAuthnError as error:
            raise VerificationFailed(error.reason) from error


def find(tenant: Tenant, answer: object) -> Authenticator:
    """The stored credential that an assertion names. Raises WebAuthnError, UnknownCredential.

    `unknown_credential` makes clients delete the passkey, so it is said only where no tenant stores the credential.
    """
    credential_id = encoded_id(webauthn.credential_id_of(answer))
    rows = Authenticator.objects.filter(credential_id=credential_id)
    mine = rows.filter(tenant=tenant, rp_id=tenant.relying_party_id).exclude(verified_at=None)
    found = mine.select_related("user", "tenant").first()
    if found is None and not rows.exists():
        raise UnknownCredential
    if found is None:
        raise webauthn.WebAuthnError("wrong_credential", "the credential belongs elsewhere")
    return found


def owner(tenant: Tenant, answer: object) -> EndUser | None:
    """Whose passkey an assertion names, if it names one that this tenant stores. Proves nothing."""
    try:
        return find(tenant, answer).user
    except (webauthn.WebAuthnError, UnknownCredential):
        return None


def handle_of(user: EndUser) -> bytes:
    """The WebAuthn user handle: opaque, and ASCII because iOS returns it as UTF-8 text."""
    return user.pk.hex.encode()


def descriptors(user: EndUser) -> list[webauthn.CredentialDescriptor]:
    rows = user.authenticators.filter(method=VerificationMethod.PASSKEY, rp_id=user.tenant.relying_party_id)
    return [
        webauthn.CredentialDescriptor(credential_id=raw_id(row), transports=tuple(row.transports))
        for row in rows.exclude(verified_at=None)
    ]


def raw_id(row: Authenticator) -> bytes:
    text = row.credential_id or ""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded_id(credential_id: bytes) -> str:
    return base64.urlsafe_b64encode(credential_id).rstrip(b"=").decode()


def _register(challenge: Challenge, answer: object, now: datetime) -> Authenticator:
    tenant, user = challenge.tenant, challenge.user
    assert user is not None
    made = webauthn.verify_registration(
        credential=answer,
        expected_challenge=bytes(challenge.nonce or b""),
        expected_origins=tenant.passkey_origins,
        expected_rp_id=tenant.relying_party_id,
        allow_cross_origin_from=tenant.app_origins or None,
    )
    row = Authenticator(
        tenant=tenant,
        user=user,
        method=VerificationMethod.PASSKEY,
        credential_id=encoded_id(made.credential_id),
        rp_id=tenant.relying_party_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        transports=list(made.transports),
        attachment=made.attachment or "",
        backup_eligible=made.backup_eligible,
        backed_up=made.backed_up,
        user_agent=challenge.context.get("userAgent", "")[:1000],
        name=challenge.context.get("username", "")[:255],
        device_id=challenge.context.get("deviceId", "")[:255],
        verified_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("This passkey is already registered.") from error
    return row


def _assert(challenge: Challenge, answer: object) -> Authenticator:
    tenant = challenge.tenant
    named = find(tenant, answer)
    if challenge.user_id and named.user_id != challenge.user_id:
        raise webauthn.WebAuthnError("wrong_credential", "the passkey belongs to another user")
    row = Authenticator.objects.select_for_update(of=("self",)).select_related("user", "tenant").get(pk=named.pk)
    assertion = webauthn.verify_authentication(
        credential=answer,
        expected_challenge=bytes(challenge.nonce or b""),
        expected_origins=tenant.passkey_origins,
        expected_rp_id=tenant.relying_party_id,
        allow_cross_origin_from=tenant.app_origins or None,
        stored=webauthn.StoredCredential(
            credential_id=raw_id(row),
            public_key=bytes(row.public_key or b""),
            sign_count=row.sign_count,
            backup_eligible=row.backup_eligible,
            user_handle=None if row.is_imported else handle_of(row.user),
        ),
        allowed_credential_ids=[raw_id(row)] if challenge.user_id else None,
        user_known=challenge.user_id is not None,
        require_user_verification=True,
    )
    row.sign_count = assertion.new_sign_count
    row.backed_up = assertion.backed_up
    row.backup_eligible = assertion.backup_eligible
    row.save(update_fields=["sign_count", "backed_up", "backup_eligible"])
    return row
