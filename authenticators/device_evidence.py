"""What an app signed, kept so that anybody can check it later without this server: the other half of a receipt."""

from collections.abc import Mapping
from typing import Any

from authenticators.device_keys import Signed, decode, is_signed
from authenticators.models import Challenge
from authenticators.transactions import linked_challenge
from authenticators.webauthn_json import encode


def of_answer(challenge: Challenge, answer: Signed) -> dict[str, str]:
    """What a device signed, so that anybody can check it later: {challengeId, signature, publicKey, nonce}.

    `publicKey` is the SubjectPublicKeyInfo; bytes are in base64url.
    """
    return {
        "challengeId": challenge.pk,
        "signature": encode(decode(answer.signature)),
        "publicKey": encode(bytes(answer.credential.public_key or b"")),
        "nonce": encode(bytes(challenge.transaction_nonce or b"")),
    }


def check(given: Mapping[str, Any], *, transaction_hash: str) -> None:
    """Whether the key signed the id of a challenge that was made of this transaction. Raises ValueError, KeyError.

    Whose key it is, and that they approved, the receipt's own signature says.
    """
    signed = linked_challenge(decode(given["nonce"]), transaction_hash).hex()
    if given["challengeId"] != signed or not is_signed(decode(given["publicKey"]), given["signature"], signed):
        raise ValueError("the device did not sign this transaction")
