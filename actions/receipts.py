"""Receipts: what was proved about a linked transaction, signed, and verifiable with the tenant's public keys alone.

A compact JWS (ES256, `kid`, typ `authsignal-receipt+jws`) over the canonical JSON of {tenant, user, action,
idempotencyKey, method, authenticator?, enrolled?, time, transaction {amount, currency, payee, text}, hash, covered,
webauthn?, device?}. `covered`: what the user's own key signed, of "transaction" and "approval"; the rest is the word of
this server.
"""

import json
from dataclasses import asdict
from typing import Any

import jwt
import rfc8785

from actions import linking
from actions.models import Action, ActionFacts, Receipt
from authenticators import device_evidence, webauthn_evidence
from authenticators.challenges import Proof
from authenticators.device_keys import Signed
from authenticators.transactions import Transaction
from authenticators.webauthn import WebAuthnError
from authenticators.webauthn_json import read_object
from authsignal_portal import tokens
from authsignal_portal.vocabulary import DEVICE_METHODS, WEBAUTHN, VerificationMethod
from authsignal_portal.wire import iso, present

TYPE = "authsignal-receipt+jws"
MAX_RECEIPT = 64 * 1024
REQUIRED = frozenset({"tenant", "user", "action", "idempotencyKey", "method", "time", "transaction", "hash", "covered"})
# What a signature of each kind covers. An app signs the challenge whether it approves or declines.
BY_WEBAUTHN = ["transaction", "approval"]
BY_DEVICE = ["transaction"]
COVERED = {method.value: BY_WEBAUTHN for method in WEBAUTHN} | {method.value: BY_DEVICE for method in DEVICE_METHODS}


class InvalidReceipt(ValueError):
    """Why a receipt proves nothing."""


def issue(action: Action, facts: ActionFacts, proof: Proof) -> None:
    """Store the receipt, in the transaction of the proof that moved the action's state.

    Where the customer's backend asked for a second proof of the same action, the newer receipt takes its place.
    """
    linked = linking.transaction_of(facts)
    at = proof.challenge.verified_at
    if linked is None or at is None:
        return
    jws = tokens.sign(action.tenant_id, _payload(action, linked, proof), kind=TYPE)
    Receipt.objects.update_or_create(action=action, defaults={"jws": jws, "created_at": at})


def _payload(action: Action, linked: Transaction, proof: Proof) -> bytes:
    authenticator = proof.authenticator
    claims: dict[str, Any] = {
        "tenant": str(action.tenant_id),
        "user": action.user.user_id,
        "action": action.action_code,
        "idempotencyKey": action.idempotency_key,
        "method": proof.method.value,
        "authenticator": str(authenticator.pk) if authenticator else None,
        "enrolled": True if proof.enrolled else None,
        "time": iso(proof.challenge.verified_at),
        "transaction": asdict(linked),
        "hash": linked.hash,
        **_evidence(proof),
    }
    return rfc8785.dumps(present(claims))


def _evidence(proof: Proof) -> dict[str, Any]:
    """What the user's key signed, and how much of the receipt that covers."""
    challenge, authenticator = proof.challenge, proof.authenticator
    by_key = proof.method.value in COVERED and challenge.transaction_nonce is not None
    if not by_key or proof.enrolled or authenticator is None:
        return {"covered": []}
    if isinstance(proof.answer, Signed):
        return {"covered": BY_DEVICE, "device": device_evidence.of_answer(challenge, proof.answer)}
    made = webauthn_evidence.of_assertion(challenge, authenticator, proof.answer)
    return {"covered": BY_WEBAUTHN, "webauthn": made}


# -- verifying, with nothing but the receipt and public keys --------------------------------------


def verify(jws: str, jwks: dict[str, Any]) -> dict[str, Any]:
    """The claims of a receipt that one of the keys signed, and whose transaction its own proof is for.

    Needs no database, no secret and no network. Raises InvalidReceipt.
    """
    claims = _signed_claims(jws.strip(), jwks)
    if not claims.keys() >= REQUIRED or not isinstance(claims["transaction"], dict):
        raise InvalidReceipt("The receipt is not complete.")
    try:
        linked = Transaction.read(rfc8785.dumps(claims["transaction"]).decode())
    except (ValueError, TypeError) as error:
        raise InvalidReceipt("The receipt's transaction cannot be read.") from error
    if linked.hash != claims["hash"]:
        raise InvalidReceipt("The hash is not the hash of the transaction.")
    covered = [] if claims.get("enrolled") else COVERED.get(claims["method"], [])
    if claims["covered"] != covered:
        raise InvalidReceipt("The receipt does not say rightly what the user's key signed.")
    if covered:
        _check_evidence(claims)
    return claims


def _signed_claims(jws: str, jwks: dict[str, Any]) -> dict[str, Any]:
    try:
        if len(jws) > MAX_RECEIPT:
            raise InvalidReceipt("The receipt is too long.")
        header = jwt.get_unverified_header(jws)
        if header.get("typ") != TYPE:
            raise InvalidReceipt(f"The file is no receipt: its type is not {TYPE}.")
        keys = [key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id == header.get("kid")]
        if not keys:
            raise InvalidReceipt("No key with the receipt's kid is among the public keys.")
        payload = jwt.api_jws.decode(jws, keys[0].key, algorithms=[tokens.ALGORITHM])
        claims = json.loads(payload)
    except (jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidReceipt):
            raise
        raise InvalidReceipt("The signature of the receipt is not right.") from error
    if not isinstance(claims, dict):
        raise InvalidReceipt("The receipt is not complete.")
    return claims


def _check_evidence(claims: dict[str, Any]) -> None:
    must_verify = claims["method"] == VerificationMethod.PASSKEY
    try:
        if claims["method"] in DEVICE_METHODS:
            device_evidence.check(read_object(claims.get("device"), "device"), transaction_hash=claims["hash"])
        else:
            webauthn_evidence.check(claims.get("webauthn"), transaction_hash=claims["hash"], user_verified=must_verify)
    except (WebAuthnError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidReceipt(f"The user's key did not sign this transaction: {error}") from error
