"""What a browser or an app answers in a WebAuthn ceremony, decoded, not yet proven. Standard library only."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Literal

MAX_FIELD_CHARACTERS = 65_536

Reason = Literal[
    "malformed",
    "wrong_type",
    "wrong_challenge",
    "wrong_origin",
    "cross_origin",
    "wrong_top_origin",
    "wrong_rp_id",
    "user_not_present",
    "user_not_verified",
    "algorithm_not_offered",
    "attestation_not_empty",
    "wrong_attestation_chain",
    "credential_id_too_long",
    "wrong_credential",
    "wrong_user_handle",
    "missing_user_handle",
    "bad_signature",
    "backup_eligibility_changed",
    "sign_count_regressed",
    "not_verified",
]

_TO_STANDARD = str.maketrans("-_", "+/")
_TO_URL_SAFE = str.maketrans("+/", "-_")


class WebAuthnError(Exception):
    """A ceremony that proves nothing.

    `reason` may be stored and shown. `detail` is for the operator's log: it quotes what the client sent, in
    printable ASCII and cut to 300 characters.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason: Reason = reason
        self.detail = ascii(detail)[1:-1][:300]
        super().__init__(f"{self.reason}: {self.detail}")


def credential_id_of(credential: object) -> bytes:
    """The unproven credential id, to find its row by. Raises WebAuthnError."""
    return decode_member(read_object(credential, "credential"), "id")


def challenge_of(credential: object) -> bytes:
    """The unproven challenge, to find its row by. Raises WebAuthnError."""
    return decode_member(read_client_data(read_response(read_object(credential, "credential"))), "challenge")


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_member(container: dict[str, Any], name: str) -> bytes:
    """Either base64 alphabet, padded or not: the iOS SDK sends clientDataJSON as standard padded base64."""
    value = container.get(name)
    if not isinstance(value, str) or not value.isascii() or len(value) > MAX_FIELD_CHARACTERS:
        raise WebAuthnError("malformed", f"{name} must be a base64url string")
    text = value.rstrip("=").translate(_TO_STANDARD)
    try:
        decoded = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error as error:
        raise WebAuthnError("malformed", f"{name} is not base64url: {error}") from error
    if not decoded:
        raise WebAuthnError("malformed", f"{name} is empty")
    return decoded


def read_object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WebAuthnError("malformed", f"{name} must be a JSON object")
    return value


def read_response(credential: dict[str, Any]) -> dict[str, Any]:
    return read_object(credential.get("response"), "response")


def read_client_data(response: dict[str, Any]) -> dict[str, Any]:
    """clientDataJSON with each member that we use of its right type. Source: WebAuthn L3 §5.8.1."""
    text = decode_member(response, "clientDataJSON")
    try:
        parsed = json.loads(text.decode(), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise WebAuthnError("malformed", f"clientDataJSON: {error}") from error
    client_data = read_object(parsed, "clientDataJSON")
    for name in ("type", "challenge", "origin"):
        if not isinstance(client_data.get(name), str):
            raise WebAuthnError("malformed", f"clientDataJSON.{name} must be a string")
    if not isinstance(client_data.get("crossOrigin", False), bool):
        raise WebAuthnError("malformed", "clientDataJSON.crossOrigin must be a boolean")
    if not isinstance(client_data.get("topOrigin", ""), str):
        raise WebAuthnError("malformed", "clientDataJSON.topOrigin must be a string")
    decode_member(client_data, "challenge")
    return client_data


def check_frame(client_data: dict[str, Any], allow_cross_origin_from: Sequence[str] | None) -> None:
    """Refuse a ceremony framed by a stranger. Source: WebAuthn L3 §7.1 steps 10 and 11, §7.2 likewise."""
    cross_origin, top_origin = client_data.get("crossOrigin", False), client_data.get("topOrigin")
    if not cross_origin and top_origin is None:
        return
    if allow_cross_origin_from is None:
        raise WebAuthnError("cross_origin", f"framed by {top_origin!r}, and no framing is expected")
    # Browsers older than topOrigin send crossOrigin alone; frame-ancestors is the other half of this check.
    if top_origin is not None and top_origin not in frozenset(allow_cross_origin_from):
        raise WebAuthnError("wrong_top_origin", f"framed by {top_origin!r}, which is not an allowed origin")


def check_user_handle(given: object, handle: bytes | None, *, user_known: bool) -> None:
    """Refuse a handle that is not the credential owner's, and none at all where nothing else named the user.

    iOS makes the base64url text of our handle the real handle, and returns a real handle as plain text where
    a browser returns base64url of it. So with our handle H, what comes back is H (made in a browser, used on
    iOS), b64url(H) (made and used on one kind) or b64url(b64url(H)) (made on iOS, used in a browser). With
    `handle` None (an imported credential) any handle passes: only the key can prove it.
    """
    if given is None or given == "":
        if not user_known:
            raise WebAuthnError("missing_user_handle", "userHandle is required where the user is not known")
        return
    if not isinstance(given, str):
        raise WebAuthnError("malformed", "userHandle must be a string")
    if handle is None:
        return
    once = encode(handle).encode()
    accepted = {handle, once, encode(once).encode()}
    forms = {form.encode() for form in (given, given.rstrip("=").translate(_TO_URL_SAFE)) if form.isascii()}
    if not forms & accepted:
        raise WebAuthnError("wrong_user_handle", "userHandle is not the credential owner's")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The library reads the same bytes: two readers must not choose between two values.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members
