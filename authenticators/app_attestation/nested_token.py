"""A token of Play Integrity taken apart: JWE (RFC 7516) around JWS (RFC 7515), with one algorithm each.

PyJWT, which this project signs and verifies with, does not decrypt; of JWE no more is needed than these two steps of
`cryptography`.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from authenticators.app_attestation.evidence import AttestationFailed, Reason, malformed

HEADER: Final = {"alg": "A256KW", "enc": "A256GCM"}
KEY_BYTES, IV_BYTES, TAG_BYTES = 32, 12, 16


@dataclass(frozen=True, slots=True)
class ResponseKeys:
    """What the Play Console gives who manages the response encryption themselves."""

    decryption: bytes
    verification: EllipticCurvePublicKey


def read(token: str, keys: ResponseKeys) -> dict[str, Any]:
    """The signed JSON object. Raises AttestationFailed: unreadable, or not made with these keys."""
    signed = _decrypted(token, keys.decryption)
    try:
        payload = jwt.api_jws.decode(signed, keys.verification, algorithms=["ES256"])
    except jwt.PyJWTError as error:
        raise AttestationFailed(Reason.UNTRUSTED, "its signature is not by the verification key") from error
    return _object(payload)


def _decrypted(token: str, key: bytes) -> bytes:
    parts = token.split(".")
    if len(parts) != 5:
        raise malformed("a token of Play Integrity is a JWE of five parts")
    header, wrapped, iv, sealed, tag = (base64url(part) for part in parts)
    # What else a header may ask for (`zip`, `crit`) is not done here; the authors of the token do not use it.
    given = _object(header)
    if {name: given.get(name) for name in HEADER} != HEADER or given.keys() & {"zip", "crit"}:
        raise malformed("the token must be encrypted by A256KW and A256GCM")
    if len(iv) != IV_BYTES or len(tag) != TAG_BYTES:
        raise malformed("the token's initialization vector or tag has a wrong length")
    try:
        content_key = aes_key_unwrap(key, wrapped)
        if len(content_key) != KEY_BYTES:
            raise malformed("the token's content key has a wrong length")
        return AESGCM(content_key).decrypt(iv, sealed + tag, parts[0].encode())
    except (InvalidUnwrap, InvalidTag, ValueError) as error:
        raise AttestationFailed(Reason.UNTRUSTED, "it was not encrypted for the decryption key") from error


def base64url(part: Any) -> bytes:
    """What is written in base64url without padding (RFC 7515 §2). Raises AttestationFailed."""
    if not isinstance(part, str):
        raise malformed("a part of the token is no text")
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed("a part of the token is no base64url") from error


def _object(raw: bytes) -> dict[str, Any]:
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise malformed("a part of the token is no JSON") from error
    if not isinstance(given, dict):
        raise malformed("a part of the token is no JSON object")
    return given
