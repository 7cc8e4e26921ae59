"""Client tokens: JWTs signed with ES256 by the tenant's key, bound to one action instance and one purpose.

Claims: iss and aud (hosted origin + tenant id), sub (userId), iat, nbf, exp (seconds), jti, purpose, act (the action
row), scope, other{tenantId, publishableKey, userId, username?, actionCode, idempotencyKey}. No SDK reads them; the
shape is kept for those that look. Expiry is judged by the caller against the database clock.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_public_key
from django.conf import settings
from django.utils import timezone

from authsignal_portal.errors import ExpiredToken
from authsignal_portal.models import SigningKey, Tenant
from authsignal_portal.vocabulary import TokenPurpose

ALGORITHM = "ES256"
REQUIRED = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "purpose", "act", "scope", "other"]
# The longest ids in the widest script come to 6.5 kB; proxies take a header of 8.
MAX_TOKEN = 8192


class Utf8(json.JSONEncoder):
    """Text as it is: escapes would make a token of non-Latin ids three times as long."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"ensure_ascii": False})


@dataclass(frozen=True, slots=True)
class ClientToken:
    """What a verified token says. Times are UTC."""

    tenant: Tenant
    user_id: str
    action_id: uuid.UUID
    action_code: str
    idempotency_key: str
    purpose: TokenPurpose
    scopes: frozenset[str]
    issued_at: datetime
    expires_at: datetime


def mint(
    *,
    tenant: Tenant,
    purpose: TokenPurpose,
    action_id: uuid.UUID,
    user_id: str,
    action_code: str,
    idempotency_key: str,
    scope: str,
    now: datetime,
    since: datetime | None = None,
    username: str | None = None,
) -> str:
    """A token that lives for the tenant's token duration from `now`. `since`: when what it stands for was proved, where
    that was before; it is no fresher than that.
    """
    issued = int((since or now).timestamp())
    audience = _audience(tenant.pk)
    kid, key = _signing_key(tenant.pk)
    other = {
        "tenantId": str(tenant.pk),
        "publishableKey": str(tenant.pk),
        "userId": user_id,
        "actionCode": action_code,
        "idempotencyKey": idempotency_key,
    }
    claims: dict[str, Any] = {
        "iss": audience,
        "aud": audience,
        "sub": user_id,
        "iat": issued,
        "nbf": issued,
        "exp": int(now.timestamp()) + tenant.token_duration_in_minutes * 60,
        "jti": uuid.uuid4().hex,
        "purpose": purpose.value,
        "act": str(action_id),
        "scope": scope,
        "other": other | ({"username": username} if username else {}),
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid}, json_encoder=Utf8)


def sign(tenant_id: uuid.UUID, payload: bytes, *, kind: str) -> str:
    """The bytes as a compact JWS (RFC 7515) of the type `kind`, by the tenant's newest key."""
    kid, key = _signing_key(tenant_id)
    return jwt.api_jws.encode(payload, key, algorithm=ALGORITHM, headers={"kid": kid, "typ": kind})


def read(token: object) -> ClientToken:
    """The claims of a token whose signature, issuer, audience and shape are ours. Raises ExpiredToken.

    The caller must still compare `expires_at` with the database clock.
    """
    if not isinstance(token, str) or not token or len(token) > MAX_TOKEN or not token.isascii():
        raise ExpiredToken
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        if not isinstance(kid, str) or not kid.isalnum():
            raise ExpiredToken
        row = SigningKey.objects.select_related("tenant").filter(kid=kid).first()
        if row is None:
            raise ExpiredToken
        claims = jwt.decode(
            token,
            _load_public(row.public_key),
            algorithms=[ALGORITHM],
            audience=_audience(row.tenant_id),
            issuer=_audience(row.tenant_id),
            options={
                "require": REQUIRED,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "strict_aud": True,
            },
        )
        return _client_token(claims, row.tenant)
    except (jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise ExpiredToken from error


def public_jwks(tenant: Tenant) -> dict[str, Any]:
    """The tenant's verification keys (RFC 7517 §5)."""
    keys = []
    for row in tenant.signing_keys.all():
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(_load_public(row.public_key), as_dict=True)
        keys.append({**jwk, "kid": row.kid, "use": "sig", "alg": ALGORITHM})
    return {"keys": keys}


def _client_token(claims: dict[str, Any], tenant: Tenant) -> ClientToken:
    other = claims["other"]
    if other["tenantId"] != str(tenant.pk):
        raise ExpiredToken
    return ClientToken(
        tenant=tenant,
        user_id=claims["sub"],
        action_id=uuid.UUID(claims["act"]),
        action_code=other["actionCode"],
        idempotency_key=other["idempotencyKey"],
        purpose=TokenPurpose(claims["purpose"]),
        scopes=frozenset(claims["scope"].split()),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _audience(tenant_id: uuid.UUID) -> str:
    return f"{settings.PUBLIC_URL}/{tenant_id}"


# A key never changes once made; a tenant's newest key is looked up again after a minute, so that a rotation spreads.
_NEWEST: dict[uuid.UUID, tuple[datetime, str, ec.EllipticCurvePrivateKey]] = {}
ROTATION_LAG = timedelta(minutes=1)


def _signing_key(tenant_id: uuid.UUID) -> tuple[str, ec.EllipticCurvePrivateKey]:
    cached = _NEWEST.get(tenant_id)
    current = timezone.now()
    if cached and current - cached[0] < ROTATION_LAG:
        return cached[1], cached[2]
    row = SigningKey.objects.select_related("tenant").filter(tenant_id=tenant_id).first()
    if row is None:
        raise SigningKey.DoesNotExist(f"tenant {tenant_id} has no signing key")
    key = load_der_private_key(row.tenant.unseal(row.private_key, "signing_key", row.kid), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    _NEWEST[tenant_id] = (current, row.kid, key)
    return row.kid, key


@lru_cache(maxsize=256)
def _load_public(pem: str) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key
