"""Device keys: what an app on a user's device signs with. EC P-256; ECDSA over SHA-256 (FIPS 186-5 §6.4).

On the wire a public key is standard base64 of its SubjectPublicKeyInfo in DER (RFC 5480 §2); in a query that text is in
base64 once more. A signature is ASN.1 DER (RFC 3279 §2.2.3) in base64.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from authenticators.method import VerificationFailed
from authenticators.models import Authenticator, Challenge
from authsignal_portal import crypto
from authsignal_portal.errors import InvalidRequest

MAX_TEXT = 1024
REMOVAL_STEP_SECONDS = 600
LOOKUP_STEP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Signed:
    """What a device answers to a challenge. `number` is the one that the user read on the page and typed.

    `transaction_hash` is of the transaction that the app has shown, where it says so.
    """

    credential: Authenticator
    signature: str
    approved: bool = True
    number: str = ""
    transaction_hash: str = ""


# -- reading -------------------------------------------------------------------------------------


def read_key(text: str) -> bytes:
    """The key's one DER form, however the point was written. Raises InvalidRequest."""
    try:
        key = load_der_public_key(decode(text))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidRequest("publicKey must be the base64 of a SubjectPublicKeyInfo in DER.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidRequest("publicKey must be a key on the curve P-256.")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_key_in_query(text: str) -> bytes:
    """The same of base64 within base64. Raises InvalidRequest."""
    try:
        return read_key(decode(text).decode("ascii"))
    except ValueError as error:
        raise InvalidRequest("publicKey in a query must be the base64 of the base64 key.") from error


def decode(text: str, *, most: int = MAX_TEXT) -> bytes:
    """Base64 of either alphabet, with or without padding; at most so many characters. Raises ValueError."""
    if len(text) > most:
        raise ValueError("too long")
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


# -- checking ------------------------------------------------------------------------------------


def is_signed(public_key: bytes, signature: str, message: str) -> bool:
    """Whether the signature is this key's over the message's UTF-8 bytes."""
    key = load_der_public_key(public_key)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(decode(signature), message.encode(), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def check_signed(row: Authenticator, signature: str, messages: list[str]) -> None:
    """Raises InvalidRequest unless the signature is the credential's over one of the messages."""
    key = bytes(row.public_key or b"")
    if not any(is_signed(key, signature, message) for message in messages):
        raise InvalidRequest("signature is not one of this key over what had to be signed.")


def judge(challenge: Challenge, answer: object) -> Authenticator:
    """The enrolled key that signed the challenge's id; locked until the transaction ends. Raises VerificationFailed.

    A signature cannot be guessed, so none is counted as a guess: nobody locks a user out by sending garbage.
    """
    if not isinstance(answer, Signed):
        raise VerificationFailed("not a signed answer", is_guess=False)
    rows = Authenticator.objects.select_for_update(of=("self",)).select_related("user", "tenant")
    row = rows.filter(Authenticator.usable(), pk=answer.credential.pk, method=challenge.method).first()
    if row is None or row.tenant_id != challenge.tenant_id:
        raise VerificationFailed("no such credential", is_guess=False)
    if challenge.user_id and row.user_id != challenge.user_id:
        raise VerificationFailed("the credential of another user", is_guess=False)
    if answer.transaction_hash and answer.transaction_hash != challenge.transaction_hash:
        raise VerificationFailed("another transaction was shown", is_guess=False)
    if not is_signed(bytes(row.public_key or b""), answer.signature, challenge.pk):
        raise VerificationFailed("bad_signature", is_guess=False)
    return row


# -- what is signed besides challenges -----------------------------------------------------------
# None of these can be the id of a challenge, whose signature would approve it.


def removal_messages(now: datetime) -> list[str]:
    """The ten-minute steps around now as the SDKs print them, `2950000.0`; or without the fraction."""
    step = int(now.timestamp()) // REMOVAL_STEP_SECONDS
    return [text for near in (step, step - 1, step + 1) for text in (f"{near}.0", str(near))]


def lookup_messages(row: Authenticator, now: datetime) -> list[str]:
    """What the device signs to ask what is pending: of this minute first, then of the one before. Nothing is stored."""
    step = int(now.timestamp()) // LOOKUP_STEP_SECONDS
    return [_lookup_message(row, step), _lookup_message(row, step - 1)]


def _lookup_message(row: Authenticator, step: int) -> str:
    return "lookup:" + crypto.keyed_hash("device-lookup", row.pk.bytes, str(step)).partition(":")[2]


def renewal_message(nonce: bytes) -> str:
    return "renew:" + nonce.hex()
