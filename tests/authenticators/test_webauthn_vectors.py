"""The published WebAuthn L3 vectors: what our adapter makes of them, and what the library alone does."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fido2 import cbor
from fido2.webauthn import AttestationObject
from webauthn import verify_registration_response
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AttestationFormat

from authenticators.webauthn import (
    Assertion,
    RegisteredCredential,
    StoredCredential,
    verify_authentication,
    verify_registration,
)
from tests.authenticators.ceremonies import refused
from tests.soft_authenticator import b64url

VECTORS = json.loads((Path(__file__).parent / "vectors" / "w3c_webauthn_l3.json").read_text())
ROOT_CERTIFICATE = x509.load_der_x509_certificate(bytes.fromhex(VECTORS.pop("attestation_ca_cert")))
ORIGIN, RP_ID, TOP_ORIGIN = "https://example.org", "example.org", "https://example.com"

# None is a pass, a text the reason of the refusal.
OURS: dict[str, tuple[str | None, str | None]] = {
    "none-es256": (None, None),
    "none-es256-crossOrigin": (None, None),
    "none-es256-topOrigin": (None, None),
    "none-es256-long-credential-id": (None, None),
    "packed-self-es256": (None, None),
    "packed-es256": (None, None),
    "packed-rs256": (None, None),
    "packed-eddsa": (None, None),
    # Not offered by us, so refused when registered; a key that is already stored still works where it can.
    "packed-es384": ("algorithm_not_offered", "not_verified"),
    "packed-es512": ("algorithm_not_offered", None),
    "packed-ed448": ("algorithm_not_offered", "not_verified"),
    # Attestation that we do not ask for: a made-up TPM vendor, chains that do not end at Google's or Apple's
    # roots, and an AAGUID that FIDO (Resp-8 F-1) wants zero and W3C's vector does not have.
    "tpm-es256": ("not_verified", None),
    "android-key-es256": ("not_verified", None),
    "apple-es256": ("not_verified", None),
    "fido-u2f-es256": ("not_verified", None),
}
LIBRARY_REFUSES = {
    "packed-es384": "Unsupported credential public key alg",
    "packed-ed448": "Unsupported credential public key alg",
    "tpm-es256": "Unrecognized TPM Manufacturer",
    "android-key-es256": "x5c was empty",
    "fido-u2f-es256": "was not expected 00000000-0000-0000-0000-000000000000",
}


def credential(name: str, ceremony: str, *members: str) -> dict[str, Any]:
    vector = VECTORS[name]
    credential_id = b64url(bytes.fromhex(vector["credential_id"]))
    response = {member: b64url(bytes.fromhex(vector[ceremony][member])) for member in members}
    return {"id": credential_id, "rawId": credential_id, "type": "public-key", "response": response}


def registration(name: str) -> dict[str, Any]:
    return credential(name, "registration", "clientDataJSON", "attestationObject")


def challenge(name: str, ceremony: str) -> bytes:
    return bytes.fromhex(VECTORS[name][ceremony]["challenge"])


def register(name: str, **changes: Any) -> RegisteredCredential:
    expectations: dict[str, Any] = {
        "expected_challenge": challenge(name, "registration"),
        "expected_origins": [ORIGIN],
        "expected_rp_id": RP_ID,
        "allow_cross_origin_from": [TOP_ORIGIN],
        "require_user_verification": False,
    }
    return verify_registration(credential=registration(name), **(expectations | changes))


def authenticate(name: str, **changes: Any) -> Assertion:
    auth_data = AttestationObject(bytes.fromhex(VECTORS[name]["registration"]["attestationObject"])).auth_data
    assert auth_data.credential_data is not None
    stored = StoredCredential(
        credential_id=auth_data.credential_data.credential_id,
        public_key=cbor.encode(auth_data.credential_data.public_key),
        sign_count=0,
        backup_eligible=auth_data.is_backup_eligible(),
        user_handle=None,
    )
    expectations: dict[str, Any] = {
        "expected_challenge": challenge(name, "authentication"),
        "expected_origins": [ORIGIN],
        "expected_rp_id": RP_ID,
        "allow_cross_origin_from": [TOP_ORIGIN],
        "require_user_verification": False,
        "allowed_credential_ids": [stored.credential_id],
        "user_known": True,
    }
    answer = credential(name, "authentication", "clientDataJSON", "authenticatorData", "signature")
    return verify_authentication(credential=answer, stored=stored, **(expectations | changes))


def test_no_vector_is_left_out() -> None:
    assert set(OURS) == set(VECTORS)
    assert len(VECTORS) == 15


@pytest.mark.parametrize("name", OURS)
def test_our_adapter_reads_the_w3c_registrations_as_recorded(name: str) -> None:
    expected = OURS[name][0]
    if expected is None:
        assert register(name).credential_id.hex() == VECTORS[name]["credential_id"]
    else:
        with refused(expected):
            register(name)


@pytest.mark.parametrize("name", OURS)
def test_our_adapter_reads_the_w3c_assertions_as_recorded(name: str) -> None:
    expected = OURS[name][1]
    if expected is None:
        assert authenticate(name).credential_id.hex() == VECTORS[name]["credential_id"]
    else:
        with refused(expected):
            authenticate(name)


@pytest.mark.parametrize("verify", [register, authenticate])
@pytest.mark.parametrize(
    ("name", "allowed", "reason"),
    [
        ("none-es256-crossOrigin", None, "cross_origin"),
        ("none-es256-topOrigin", None, "cross_origin"),
        ("none-es256-topOrigin", ["https://evil.example"], "wrong_top_origin"),
    ],
)
def test_the_framed_vectors_depend_on_who_may_frame_us(
    verify: Any, name: str, allowed: list[str] | None, reason: str
) -> None:
    verify(name)
    with refused(reason):
        verify(name, allow_cross_origin_from=allowed)


@pytest.mark.parametrize("name", [name for name, (refusal, _) in OURS.items() if refusal is None])
def test_a_vector_under_another_relying_party_is_refused(name: str) -> None:
    for verify in (register, authenticate):
        with refused("wrong_rp_id"):
            verify(name, expected_rp_id="example.com")
        with refused("wrong_origin"):
            verify(name, expected_origins=[TOP_ORIGIN])
        with refused("wrong_challenge"):
            verify(name, expected_challenge=bytes(32))


@pytest.mark.parametrize("name", OURS)
def test_the_library_alone_reads_the_w3c_registrations_as_recorded(name: str) -> None:
    root = ROOT_CERTIFICATE.public_bytes(Encoding.PEM)

    def verify() -> None:
        verify_registration_response(
            credential=registration(name),
            expected_challenge=challenge(name, "registration"),
            expected_origin=ORIGIN,
            expected_rp_id=RP_ID,
            supported_pub_key_algs=list(COSEAlgorithmIdentifier),
            pem_root_certs_bytes_by_fmt={fmt: [root] for fmt in AttestationFormat},
        )

    if name in LIBRARY_REFUSES:
        with pytest.raises(WebAuthnException, match=LIBRARY_REFUSES[name]):
            verify()
    else:
        verify()
