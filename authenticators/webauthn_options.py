"""What a WebAuthn ceremony asks of the browser or the app. Standard library only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from authenticators.webauthn_json import WebAuthnError, encode

UserVerification = Literal["required", "preferred", "discouraged"]
ResidentKey = Literal["required", "preferred", "discouraged"]

# Exactly 32: an iOS padding helper mishandles other lengths.
CHALLENGE_BYTES = 32
# iOS makes the base64url text of the handle the real handle, which may have 64 bytes at most.
MAX_USER_HANDLE_BYTES = 48
# COSE: ES256 (P-256), RS256, EdDSA (Ed25519). Android drops -8 from what we offer.
ALGORITHMS = (-7, -257, -8)
ATTACHMENTS = ("platform", "cross-platform")
USER_VERIFICATION: tuple[UserVerification, ...] = ("required", "preferred", "discouraged")
HINTS = ("security-key", "client-device", "hybrid")


@dataclass(frozen=True)
class CredentialDescriptor:
    """A credential as the browser is told of it."""

    credential_id: bytes
    transports: Sequence[str] = ()


def registration_options(
    *,
    rp_id: str,
    rp_name: str,
    user_handle: bytes,
    user_name: str,
    user_display_name: str,
    exclude_credentials: Sequence[CredentialDescriptor],
    challenge: bytes,
    authenticator_attachment: str | None,
    timeout_ms: int,
    resident_key: ResidentKey = "required",
    user_verification: UserVerification = "required",
    hints: Sequence[str] = (),
) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON with every member that the Android SDK's decoder requires.

    `user_handle` is ASCII text: iOS can only return a handle that is valid UTF-8. Raises WebAuthnError for
    an unknown attachment (a client may name it), ValueError for a wrong challenge or handle (only we make
    those). Source: WebAuthn L3 §5.4.
    """
    if not user_handle.isascii() or not 0 < len(user_handle) <= MAX_USER_HANDLE_BYTES:
        raise ValueError(f"user_handle must be 1 to {MAX_USER_HANDLE_BYTES} bytes of ASCII text")
    selection: dict[str, Any] = {
        "requireResidentKey": resident_key == "required",
        "residentKey": resident_key,
        "userVerification": user_verification,
    }
    if authenticator_attachment is not None:
        if authenticator_attachment not in ATTACHMENTS:
            raise WebAuthnError("malformed", f"authenticatorAttachment {authenticator_attachment!r}")
        selection["authenticatorAttachment"] = authenticator_attachment
    return {
        "rp": {"id": rp_id, "name": rp_name},
        "user": {
            "id": encode(user_handle),
            "name": user_name,
            "displayName": user_display_name or user_name,
        },
        "challenge": _challenge_json(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": timeout_ms,
        "excludeCredentials": [_descriptor_json(credential) for credential in exclude_credentials],
        "authenticatorSelection": selection,
        "attestation": "none",
        **_hinted(hints),
    }


def authentication_options(
    *,
    rp_id: str,
    challenge: bytes,
    allow_credentials: Sequence[CredentialDescriptor],
    user_verification: UserVerification,
    timeout_ms: int,
    hints: Sequence[str] = (),
) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptionsJSON; empty `allow_credentials` asks for any discoverable credential.

    Raises ValueError for a challenge of the wrong size. Source: WebAuthn L3 §5.5.
    """
    return {
        "challenge": _challenge_json(challenge),
        "rpId": rp_id,
        "allowCredentials": [_descriptor_json(credential) for credential in allow_credentials],
        "userVerification": user_verification,
        "timeout": timeout_ms,
        **_hinted(hints),
    }


def _hinted(hints: Sequence[str]) -> dict[str, Any]:
    return {"hints": list(hints)} if hints else {}


def _challenge_json(challenge: bytes) -> str:
    if len(challenge) != CHALLENGE_BYTES:
        raise ValueError(f"challenge must be {CHALLENGE_BYTES} random bytes")
    return encode(challenge)


def _descriptor_json(credential: CredentialDescriptor) -> dict[str, Any]:
    described: dict[str, Any] = {"type": "public-key", "id": encode(credential.credential_id)}
    if credential.transports:
        described["transports"] = list(credential.transports)
    return described
