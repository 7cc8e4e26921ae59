"""Judging the attestation of one enrolment: by the tenant's apps, over a nonce that waits for this user."""

import base64
from datetime import datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings

from authenticators import device_keys
from authenticators.app_attestation import app_attest, nonces, play_integrity
from authenticators.app_attestation.app_attest import AppleApps
from authenticators.app_attestation.evidence import (
    ABSENT,
    Attestation,
    AttestationFailed,
    ClientData,
    Outcome,
    Provider,
    Reason,
    Standing,
    client_data,
)
from authenticators.app_attestation.nested_token import ResponseKeys
from authenticators.app_attestation.play_integrity import PlayApp
from authenticators.models import AttestedApps, EndUser
from authsignal_portal.vocabulary import DevicePlatform

PLATFORM = {Provider.APP_ATTEST: DevicePlatform.IOS, Provider.PLAY_INTEGRITY: DevicePlatform.ANDROID}
AES_KEY_BYTES = 32
MAX_TOKEN = 20_000


def examine(
    user: EndUser,
    attestation: Attestation | None,
    *,
    platform: DevicePlatform,
    public_key: bytes,
    idempotency_key: str,
    now: datetime,
) -> Standing:
    """What the attestation shows of the app that enrols `public_key`. One that shows something has used up its nonce.

    `idempotency_key` is the token's, which SDKs had their attestations made over before they asked for nonces.
    Call inside the enrolment's transaction, with the user locked.
    """
    if attestation is None:
        return ABSENT
    try:
        if platform != PLATFORM[attestation.provider]:
            raise AttestationFailed(Reason.WRONG_PLATFORM, f"{attestation.provider} does not attest {platform}")
        given = client_data([*nonces.waiting(user, now), *nonces.former(idempotency_key)], public_key)
        made_over = _verified(user, attestation, given, now)
        nonces.use(user, made_over.nonce, idempotency_key=idempotency_key, now=now)
    except AttestationFailed as failure:
        return Standing(Outcome.FAILED, attestation.provider, failure.reason, failure.detail)
    outcome = Outcome.ATTESTED_WITH_KEY if made_over.binds_key else Outcome.ATTESTED
    return Standing(outcome, attestation.provider)


def _verified(user: EndUser, attestation: Attestation, given: list[ClientData], now: datetime) -> ClientData:
    apps = AttestedApps.objects.select_related("tenant").filter(tenant=user.tenant_id).first()
    if attestation.provider == Provider.APP_ATTEST:
        return app_attest.verify(
            decoded(attestation.token, "token"),
            key_id=decoded(attestation.key_id, "keyId"),
            hashes=app_attest.hashed(given),
            apps=_apple_apps(apps),
            roots=settings.APP_ATTEST_ROOT,
            now=now,
        )
    lifetime = timedelta(seconds=settings.ATTESTATION_SECONDS)
    return play_integrity.verify(attestation.token, given=given, app=_play_app(apps), now=now, lifetime=lifetime)


def decoded(text: str, name: str) -> bytes:
    """Base64, as devices write it. Raises AttestationFailed."""
    try:
        return device_keys.decode(text, most=MAX_TOKEN)
    except ValueError as error:
        raise AttestationFailed(Reason.MALFORMED, f"{name} must be base64") from error


# -- the tenant's apps ---------------------------------------------------------------------------


def _apple_apps(apps: AttestedApps | None) -> AppleApps:
    if apps is None or not apps.team_id or not apps.bundle_ids:
        raise AttestationFailed(Reason.NOT_SET_UP, "the tenant has named no app of Apple's")
    return AppleApps(apps.team_id, apps.bundle_ids, apps.allows_development)


def _play_app(apps: AttestedApps | None) -> PlayApp:
    if apps is None or not apps.package_name or not apps.decryption_key or not apps.verification_key:
        raise AttestationFailed(Reason.NOT_SET_UP, "the tenant has named no app of Google Play's, or not its keys")
    keys = ResponseKeys(read_decryption_key(apps.decryption_key), read_verification_key(apps.verification_key))
    return PlayApp(apps.package_name, keys, [bytes.fromhex(one) for one in apps.certificate_digests])


def read_decryption_key(text: str) -> bytes:
    """As the Play Console gives it: base64 of an AES-256 key. Raises ValueError."""
    key = base64.b64decode("".join(text.split()), validate=True)
    if len(key) != AES_KEY_BYTES:
        raise ValueError("the decryption key must have 32 bytes")
    return key


def read_verification_key(text: str) -> ec.EllipticCurvePublicKey:
    """As the Play Console gives it: base64 of a SubjectPublicKeyInfo on P-256. Raises ValueError."""
    try:
        key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError("no key that is known") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the verification key must be on the curve P-256")
    return key
