"""The only importer of py_webauthn: a client's answer in, a proof out, one exception for every refusal.

Left to the caller, because they need rows: consuming the challenge, the unique credential id, and storing the
new sign count, backup state and backup eligibility, all in the transaction that the proof is used in.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import decode_credential_public_key, parse_cbor
from webauthn.helpers.cose import COSECRV, COSEAlgorithmIdentifier
from webauthn.helpers.decode_credential_public_key import DecodedEC2PublicKey, DecodedRSAPublicKey
from webauthn.helpers.decoded_public_key_to_cryptography import decoded_public_key_to_cryptography
from webauthn.helpers.exceptions import InvalidCBORData
from webauthn.helpers.structs import AuthenticatorTransport, CredentialDeviceType

from authenticators.attestation import check_certificates
from authenticators.webauthn_json import (
    Reason,
    WebAuthnError,
    challenge_of,
    check_frame,
    check_user_handle,
    credential_id_of,
    decode_member,
    encode,
    read_client_data,
    read_object,
    read_response,
)
from authenticators.webauthn_options import (
    ALGORITHMS,
    ATTACHMENTS,
    HINTS,
    USER_VERIFICATION,
    CredentialDescriptor,
    ResidentKey,
    UserVerification,
    authentication_options,
    registration_options,
)

__all__ = [
    "ATTACHMENTS",
    "HINTS",
    "USER_VERIFICATION",
    "Assertion",
    "CredentialDescriptor",
    "Reason",
    "RegisteredCredential",
    "ResidentKey",
    "StoredCredential",
    "UserVerification",
    "WebAuthnError",
    "authentication_options",
    "challenge_of",
    "credential_id_of",
    "registration_options",
    "verify_authentication",
    "verify_registration",
]

DeviceType = Literal["singleDevice", "multiDevice"]

MAX_CREDENTIAL_ID_BYTES = 1023
MIN_RSA_BITS = 2048
TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)

# The library has one exception for all of these; only its text tells them apart. A text that it rewords
# becomes "not_verified": still a refusal, and the tests of the reasons fail.
_LIBRARY_REASONS: tuple[tuple[str, Reason], ...] = (
    ("Unexpected client data type", "wrong_type"),
    ("Client data challenge", "wrong_challenge"),
    ("Unexpected client data origin", "wrong_origin"),
    ("Unexpected RP ID hash", "wrong_rp_id"),
    ("User presence", "user_not_present"),
    ("User was not present", "user_not_present"),
    ("User verification", "user_not_verified"),
    ("Unsupported credential public key alg", "algorithm_not_offered"),
    ("Could not verify authentication signature", "bad_signature"),
)


@dataclass(frozen=True)
class StoredCredential:
    """What was kept of a credential. None where it was imported and the value is not known."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    backup_eligible: bool | None
    user_handle: bytes | None


@dataclass(frozen=True)
class RegisteredCredential:
    """A new credential. Transports and attachment are what the client says, the rest what was verified."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: str
    transports: tuple[str, ...]
    backup_eligible: bool
    backed_up: bool
    user_verified: bool
    attachment: str | None
    device_type: DeviceType


@dataclass(frozen=True)
class Assertion:
    """The proof that the stored credential signed our challenge. `sign_count_regressed` is a risk signal."""

    credential_id: bytes
    new_sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool
    sign_count_regressed: bool


def verify_registration(
    *,
    credential: object,
    expected_challenge: bytes,
    expected_origins: Sequence[str],
    expected_rp_id: str,
    allow_cross_origin_from: Sequence[str] | None,
    require_user_verification: bool = True,
    require_user_presence: bool = True,
) -> RegisteredCredential:
    """Check a RegistrationResponseJSON, whatever it is, and return the credential to store.

    `allow_cross_origin_from`: None where we do not expect to be framed, else the origins that may frame us.
    `require_user_presence`: False for a conditional create only, where a browser acts by itself (§5.1.3).
    Raises WebAuthnError and nothing else. Source: WebAuthn L3 §7.1.
    """
    given = read_object(credential, "credential")
    response = read_response(given)
    _require_challenge(expected_challenge)
    check_frame(read_client_data(response), allow_cross_origin_from)
    with _refusing_what_the_library_raises():
        verified = verify_registration_response(
            credential=_library_json(given, response, ("clientDataJSON", "attestationObject")),
            expected_challenge=expected_challenge,
            expected_rp_id=expected_rp_id,
            expected_origin=list(expected_origins),
            require_user_presence=require_user_presence,
            require_user_verification=require_user_verification,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS],
        )
        _check_attestation_object(verified.attestation_object)
        _check_public_key(verified.credential_public_key)
    if len(verified.credential_id) > MAX_CREDENTIAL_ID_BYTES:
        raise WebAuthnError("credential_id_too_long", f"{len(verified.credential_id)} bytes")
    if decode_member(given, "id") != verified.credential_id:
        raise WebAuthnError("wrong_credential", "the id is not the one in the authenticator data")
    multi_device = verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE
    attachment = given.get("authenticatorAttachment")
    return RegisteredCredential(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        aaguid=verified.aaguid,
        transports=_known_transports(response.get("transports")),
        backup_eligible=multi_device,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
        attachment=attachment if attachment in ATTACHMENTS else None,
        device_type="multiDevice" if multi_device else "singleDevice",
    )


def verify_authentication(
    *,
    credential: object,
    expected_challenge: bytes,
    expected_origins: Sequence[str],
    expected_rp_id: str,
    allow_cross_origin_from: Sequence[str] | None,
    stored: StoredCredential,
    allowed_credential_ids: Sequence[bytes] | None,
    user_known: bool,
    require_user_verification: bool,
) -> Assertion:
    """Check an AuthenticationResponseJSON, whatever it is, against the stored credential that it names.

    `user_known`: the user was known before the ceremony; then `allowed_credential_ids` must list that user's
    own credentials, sent or not, and None refuses. `allow_cross_origin_from`: as in verify_registration.
    Raises WebAuthnError and nothing else. Source: WebAuthn L3 §7.2.
    """
    given = read_object(credential, "credential")
    response = read_response(given)
    _require_challenge(expected_challenge)
    check_frame(read_client_data(response), allow_cross_origin_from)
    _check_credential(decode_member(given, "id"), stored, allowed_credential_ids, user_known=user_known)
    check_user_handle(response.get("userHandle"), stored.user_handle, user_known=user_known)
    with _refusing_what_the_library_raises():
        verified = verify_authentication_response(
            credential=_library_json(given, response, ("clientDataJSON", "authenticatorData", "signature")),
            expected_challenge=expected_challenge,
            expected_rp_id=expected_rp_id,
            expected_origin=list(expected_origins),
            credential_public_key=stored.public_key,
            # The library compares before it checks the signature, so that anyone could raise the alarm.
            credential_current_sign_count=0,
            require_user_verification=require_user_verification,
        )
    backup_eligible = verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE
    if stored.backup_eligible is not None and backup_eligible != stored.backup_eligible:
        raise WebAuthnError("backup_eligibility_changed", f"is {backup_eligible} now")
    before, now = stored.sign_count, verified.new_sign_count
    regressed = (before, now) != (0, 0) and now <= before
    # A synced passkey is copied by design; one that cannot be copied, and counts backwards, was.
    if regressed and not backup_eligible:
        raise WebAuthnError("sign_count_regressed", f"was {before}, is {now}")
    return Assertion(
        credential_id=stored.credential_id,
        new_sign_count=now,
        backup_eligible=backup_eligible,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
        sign_count_regressed=regressed,
    )


def _require_challenge(expected_challenge: bytes) -> None:
    # An empty challenge would equal an empty answer. Source of 16: WebAuthn L3 §13.4.3.
    if len(expected_challenge) < 16:
        raise WebAuthnError("wrong_challenge", "no challenge of at least 16 bytes is expected")


def _library_json(given: dict[str, Any], response: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Only the members that the library must see, in the one encoding that it reads."""
    return {
        "id": encode(decode_member(given, "id")),
        "rawId": encode(decode_member(given, "rawId")),
        "type": given.get("type"),
        "response": {name: encode(decode_member(response, name)) for name in names},
    }


def _check_credential(
    given_id: bytes,
    stored: StoredCredential,
    allowed_credential_ids: Sequence[bytes] | None,
    *,
    user_known: bool,
) -> None:
    if given_id != stored.credential_id:
        raise WebAuthnError("wrong_credential", "the id is not the stored credential's")
    if allowed_credential_ids is None:
        if user_known:
            raise WebAuthnError("wrong_credential", "the known user's credentials were not given")
    elif stored.credential_id not in allowed_credential_ids:
        raise WebAuthnError("wrong_credential", "the credential is not among the allowed ones")


def read_cbor(raw: bytes) -> Any:
    """What the bytes begin with. Raises WebAuthnError."""
    try:
        return parse_cbor(raw)
    except InvalidCBORData as error:
        raise WebAuthnError("malformed", "no CBOR") from error


def _check_attestation_object(attestation_object: bytes) -> None:
    # No prefix of a CBOR item is an item: one byte less can only be read where there was a byte too many.
    try:
        parse_cbor(attestation_object[:-1])
    except InvalidCBORData:
        pass
    else:
        raise WebAuthnError("malformed", "bytes after the end of attestationObject")
    decoded = parse_cbor(attestation_object)
    statement = decoded.get("attStmt")
    if not isinstance(statement, dict):
        raise WebAuthnError("malformed", "attestationObject.attStmt must be a map")
    if decoded["fmt"] == "none" and statement:
        raise WebAuthnError("attestation_not_empty", "a 'none' attestation carries a statement")
    if "x5c" in statement:
        check_certificates(statement["x5c"])


def _check_public_key(public_key: bytes) -> None:
    """Refuse at enrolment a key that no signature could be checked with, or that is too weak to be trusted.
    Source: WebAuthn L3 §5.8.5; NIST SP 800-131A on RSA.
    """
    key = decode_credential_public_key(public_key)
    if key.alg not in ALGORITHMS:
        raise WebAuthnError("algorithm_not_offered", f"algorithm {key.alg!r}")
    if isinstance(key, DecodedRSAPublicKey) and int.from_bytes(key.n, "big").bit_length() < MIN_RSA_BITS:
        raise WebAuthnError("algorithm_not_offered", f"an RSA key of fewer than {MIN_RSA_BITS} bits")
    if isinstance(key, DecodedEC2PublicKey) and key.crv != COSECRV.P256:
        raise WebAuthnError("algorithm_not_offered", f"ES256 on curve {key.crv!r}")
    decoded_public_key_to_cryptography(key)


def _known_transports(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    return tuple(dict.fromkeys(value for value in given if isinstance(value, str) and value in TRANSPORTS))


@contextmanager
def _refusing_what_the_library_raises() -> Iterator[None]:
    try:
        yield
    except WebAuthnError:
        raise
    # The library lets KeyError, TypeError and OpenSSL's errors through for malformed input, and promises no
    # list of them. Whatever it raises, nothing was proven.
    except Exception as error:
        text = str(error)
        matching = [reason for start, reason in _LIBRARY_REASONS if text.startswith(start)]
        raise WebAuthnError(matching[0] if matching else "not_verified", text or type(error).__name__) from error


@dataclass(frozen=True)
class ImportedCredential:
    """A credential made at another server: its id and COSE public key."""

    credential_id: bytes
    public_key: bytes = field(repr=False)


def imported_credential(credential_id: str, public_key: str) -> ImportedCredential:
    """Decode and check what another server stored (base64 in either alphabet). Raises WebAuthnError."""
    given = {"credentialId": credential_id, "credentialPublicKey": public_key}
    decoded_id, decoded_key = decode_member(given, "credentialId"), decode_member(given, "credentialPublicKey")
    if not 1 <= len(decoded_id) <= MAX_CREDENTIAL_ID_BYTES:
        raise WebAuthnError("malformed", "credentialId must have 1 to 1023 bytes")
    with _refusing_what_the_library_raises():
        _check_public_key(decoded_key)
    return ImportedCredential(decoded_id, decoded_key)
