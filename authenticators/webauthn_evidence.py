"""What a passkey signed, kept so that anybody can check it later without this server. Standard names, base64url.

{credentialId, rpId, clientDataJSON, authenticatorData, signature, publicKey (COSE), nonce}
"""

from collections.abc import Mapping
from typing import Any

from authenticators.models import Authenticator, Challenge
from authenticators.transactions import linked_challenge
from authenticators.webauthn import StoredCredential, WebAuthnError, verify_authentication
from authenticators.webauthn_json import decode_member, encode, read_client_data, read_object, read_response

SIGNED = ("clientDataJSON", "authenticatorData", "signature")


def of_assertion(challenge: Challenge, authenticator: Authenticator, answer: object) -> dict[str, str]:
    """The evidence in an assertion that was just accepted. Raises WebAuthnError."""
    response = read_response(read_object(answer, "credential"))
    return {
        "credentialId": authenticator.credential_id or "",
        "rpId": authenticator.rp_id,
        **{name: encode(decode_member(response, name)) for name in SIGNED},
        "publicKey": encode(bytes(authenticator.public_key or b"")),
        "nonce": encode(bytes(challenge.transaction_nonce or b"")),
    }


def check(evidence: object, *, transaction_hash: str, user_verified: bool) -> None:
    """Whether the key signed a challenge that was made of this transaction. Raises WebAuthnError, ValueError.

    Whose key it is, and that the origin is the customer's, the receipt's own signature says.
    """
    given = read_object(evidence, "webauthn")
    credential_id = decode_member(given, "credentialId")
    answer = {
        "id": given["credentialId"],
        "rawId": given["credentialId"],
        "type": "public-key",
        "response": {name: given.get(name) for name in SIGNED},
    }
    client_data: Mapping[str, Any] = read_client_data(answer["response"])
    rp_id, origin, top = given.get("rpId"), client_data.get("origin"), client_data.get("topOrigin")
    if not isinstance(rp_id, str) or not isinstance(origin, str):
        raise WebAuthnError("malformed", "rpId and origin must be texts")
    verify_authentication(
        credential=answer,
        expected_challenge=linked_challenge(decode_member(given, "nonce"), transaction_hash),
        expected_origins=[origin],
        expected_rp_id=rp_id,
        allow_cross_origin_from=[top] if isinstance(top, str) else [origin],
        stored=StoredCredential(
            credential_id=credential_id,
            public_key=decode_member(given, "publicKey"),
            sign_count=0,
            backup_eligible=None,
            user_handle=None,
        ),
        allowed_credential_ids=[credential_id],
        user_known=True,
        require_user_verification=user_verified,
    )
