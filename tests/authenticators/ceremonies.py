"""One relying party, one user, and the two verifications with their expectations filled in."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from authenticators.webauthn import (
    Assertion,
    CredentialDescriptor,
    RegisteredCredential,
    StoredCredential,
    WebAuthnError,
    authentication_options,
    registration_options,
    verify_authentication,
    verify_registration,
)
from tests.soft_authenticator import Passkey, SoftAuthenticator, b64url

RP_ID = "bank.example"
ORIGIN = "https://bank.example"
EMBEDDER = "https://shop.example"
CHALLENGE = bytes(range(32))
OTHER_CHALLENGE = bytes(range(1, 33))
ALICE = b"0c4f9be2-5f3e-4b8e-9d3a-7d1c5b1f2a10"
BOB = b"5d2a7c11-90ab-4f0e-8c7e-2b6f4e0d9c33"


def make_authenticator(**properties: Any) -> SoftAuthenticator:
    return SoftAuthenticator(origin=ORIGIN, **properties)


def creation_options(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "rp_id": RP_ID,
        "rp_name": "Bank",
        "user_handle": ALICE,
        "user_name": "alice@bank.example",
        "user_display_name": "Alice",
        "exclude_credentials": [],
        "challenge": CHALLENGE,
        "authenticator_attachment": "platform",
        "timeout_ms": 300_000,
    }
    return registration_options(**(values | changes))


def request_options(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "rp_id": RP_ID,
        "challenge": CHALLENGE,
        "allow_credentials": [],
        "user_verification": "required",
        "timeout_ms": 300_000,
    }
    return authentication_options(**(values | changes))


def register(credential: object, **changes: Any) -> RegisteredCredential:
    expectations: dict[str, Any] = {
        "expected_challenge": CHALLENGE,
        "expected_origins": [ORIGIN],
        "expected_rp_id": RP_ID,
        "allow_cross_origin_from": None,
    }
    return verify_registration(credential=credential, **(expectations | changes))


def make_stored(passkey: Passkey, **changes: Any) -> StoredCredential:
    values: dict[str, Any] = {
        "credential_id": passkey.credential_id,
        "public_key": passkey.cose_key,
        "sign_count": 0,
        "backup_eligible": passkey.backup_eligible,
        "user_handle": ALICE,
    }
    return StoredCredential(**(values | changes))


def authenticate(credential: object, stored: StoredCredential, **changes: Any) -> Assertion:
    """As for a user who was known before, unless `user_known` says otherwise."""
    expectations: dict[str, Any] = {
        "expected_challenge": CHALLENGE,
        "expected_origins": [ORIGIN],
        "expected_rp_id": RP_ID,
        "allow_cross_origin_from": None,
        "allowed_credential_ids": [stored.credential_id],
        "user_known": True,
        "require_user_verification": True,
    }
    return verify_authentication(credential=credential, stored=stored, **(expectations | changes))


@contextmanager
def refused(*reasons: str) -> Generator[None, None, None]:
    """Only a WebAuthnError will do; any reason, where none is named."""
    with pytest.raises(WebAuthnError) as caught:
        yield
    assert not reasons or caught.value.reason in reasons, str(caught.value)


def with_response(credential: dict[str, Any], **members: Any) -> dict[str, Any]:
    return credential | {"response": credential["response"] | members}


def with_bytes(credential: dict[str, Any], name: str, data: bytes) -> dict[str, Any]:
    return with_response(credential, **{name: b64url(data)})


def descriptor(passkey: Passkey) -> CredentialDescriptor:
    return CredentialDescriptor(passkey.credential_id, ("internal", "hybrid"))
