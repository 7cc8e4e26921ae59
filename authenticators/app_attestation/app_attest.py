"""Apple's App Attest, verified offline.

The steps and their numbers are those of Apple's "Validating apps that connect to your server". Nobody is asked: what
is trusted is Apple's root certificate, which is a setting.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification

from authenticators.app_attestation.evidence import AttestationFailed, ClientData, Reason, malformed
from authenticators.webauthn import read_cbor
from authenticators.webauthn_json import WebAuthnError

FORMAT: Final = "apple-appattest"
# The leaf and Apple's intermediate certificate; there may be one more some day.
MOST_CERTIFICATES: Final = 4
NONCE: Final = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
# DER of SEQUENCE { [1] { OCTET STRING of 32 bytes } }, up to the bytes.
NONCE_HEAD: Final = bytes.fromhex("3024a1220420")
PRODUCTION: Final = b"appattest".ljust(16, b"\x00")
DEVELOPMENT: Final = b"appattestdevelop"
# Of authenticator data (WebAuthn L3 §6.1): RP id hash, flags, counter, AAGUID, length of the credential's id.
COUNTER, AAGUID, ID_LENGTH, ID = slice(33, 37), slice(37, 53), slice(53, 55), 55


@dataclass(frozen=True, slots=True)
class AppleApps:
    """Whose attestations count: an app's id is `<team id>.<bundle id>`."""

    team_id: str
    bundle_ids: Sequence[str]
    allows_development: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """An attestation object, read and not yet believed."""

    leaf: x509.Certificate
    intermediates: list[x509.Certificate]
    authenticator_data: bytes

    @property
    def credential_id(self) -> bytes:
        data = self.authenticator_data
        return data[ID : ID + int.from_bytes(data[ID_LENGTH], "big")]


def verify(
    attestation: bytes,
    *,
    key_id: bytes,
    hashes: Mapping[bytes, ClientData],
    apps: AppleApps,
    roots: str,
    now: datetime,
) -> ClientData:
    """What the attestation was made over, once every step has passed. Raises AttestationFailed.

    `hashes` has each client data that will do by its clientDataHash; `roots` is the PEM of the root certificates.
    """
    statement = _read(attestation)
    _check_chain(statement, roots, now)
    made_over = _made_over(statement, hashes)
    _check_key(statement, key_id)
    _check_authenticator_data(statement, key_id, apps)
    return made_over


def hashed(given: Iterable[ClientData]) -> dict[bytes, ClientData]:
    """By clientDataHash: SHA-256 of the text's UTF-8 bytes."""
    return {hashlib.sha256(one.text.encode()).digest(): one for one in given}


# -- reading -------------------------------------------------------------------------------------


def _read(attestation: bytes) -> Statement:
    try:
        decoded = read_cbor(attestation)
    except WebAuthnError as error:
        raise malformed("the attestation object is no CBOR") from error
    if not isinstance(decoded, dict) or decoded.get("fmt") != FORMAT:
        raise malformed(f"fmt must be {FORMAT}")
    statement, data = decoded.get("attStmt"), decoded.get("authData")
    if not isinstance(statement, dict) or not isinstance(data, bytes) or len(data) < ID:
        raise malformed("attStmt must be a map and authData have an attested credential")
    leaf, *intermediates = _certificates(statement.get("x5c"))
    return Statement(leaf, intermediates, data)


def _certificates(x5c: Any) -> list[x509.Certificate]:
    is_list = isinstance(x5c, list) and 2 <= len(x5c) <= MOST_CERTIFICATES
    if not is_list or not all(isinstance(one, bytes) for one in x5c):
        raise malformed("attStmt.x5c must have the app's certificate and those that issued it")
    try:
        return [x509.load_der_x509_certificate(one) for one in x5c]
    except (ValueError, x509.InvalidVersion) as error:
        raise malformed("attStmt.x5c has what is no certificate") from error


# -- judging -------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def trusted(roots: str) -> verification.Store:
    """Raises ValueError where the text holds no certificate."""
    return verification.Store(x509.load_pem_x509_certificates(roots.encode()))


def _check_chain(statement: Statement, roots: str, now: datetime) -> None:
    """Step 1. The app's certificate has no names and purposes of the web's; it must not be one that issues others."""
    policy = verification.PolicyBuilder().store(trusted(roots)).time(now).max_chain_depth(MOST_CERTIFICATES - 1)
    policy = policy.extension_policies(
        ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
        ee_policy=verification.ExtensionPolicy.permit_all().require_present(
            x509.BasicConstraints, verification.Criticality.AGNOSTIC, _check_is_no_authority
        ),
    )
    try:
        policy.build_client_verifier().verify(statement.leaf, statement.intermediates)
    except verification.VerificationError as error:
        detail = "its certificates do not lead to Apple's root now"
        raise AttestationFailed(Reason.UNTRUSTED, detail) from error


def _check_is_no_authority(_policy: verification.Policy, _leaf: x509.Certificate, found: x509.BasicConstraints) -> None:
    if found.ca:
        raise ValueError("the app's certificate is an authority's")


def _made_over(statement: Statement, hashes: Mapping[bytes, ClientData]) -> ClientData:
    """Steps 2 to 4: the certificate holds SHA-256(authData ‖ clientDataHash), which covers all of authData."""
    found = _nonce_of(statement.leaf)
    for client_data_hash, one in hashes.items():
        nonce = hashlib.sha256(statement.authenticator_data + client_data_hash).digest()
        if hmac.compare_digest(found, NONCE_HEAD + nonce):
            return one
    raise AttestationFailed(Reason.WRONG_NONCE, "it was not made over a nonce that waits here")


def _nonce_of(leaf: x509.Certificate) -> bytes:
    try:
        extension = leaf.extensions.get_extension_for_oid(NONCE).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise malformed(f"the app's certificate has no single extension {NONCE.dotted_string}") from error
    assert isinstance(extension, x509.UnrecognizedExtension)
    return extension.value


def _check_key(statement: Statement, key_id: bytes) -> None:
    """Step 5: the key's id is SHA-256 of its uncompressed point (SEC 1 §2.3.3)."""
    key = statement.leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise malformed("the attested key is no EC key")
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if not hmac.compare_digest(hashlib.sha256(point).digest(), key_id):
        raise AttestationFailed(Reason.WRONG_KEY, "keyId is not the attested key's")


def _check_authenticator_data(statement: Statement, key_id: bytes, apps: AppleApps) -> None:
    """Steps 6 to 9."""
    data = statement.authenticator_data
    ids = [hashlib.sha256(f"{apps.team_id}.{bundle_id}".encode()).digest() for bundle_id in apps.bundle_ids]
    if data[:32] not in ids:
        raise AttestationFailed(Reason.WRONG_APP, "the app is none of the tenant's team and bundle ids")
    if data[COUNTER] != bytes(4):
        raise AttestationFailed(Reason.WRONG_KEY, "the attested key was used before")
    if data[AAGUID] not in (PRODUCTION, DEVELOPMENT):
        raise malformed("the AAGUID is none of App Attest's")
    if data[AAGUID] == DEVELOPMENT and not apps.allows_development:
        raise AttestationFailed(Reason.DEVELOPMENT, "development builds are not allowed")
    if statement.credential_id != key_id:
        raise AttestationFailed(Reason.WRONG_KEY, "the credential's id is not keyId")
