"""A passkey provider in software, for our tests only: makes real ceremonies, and any tampered one.

`create` and `get` take the options JSON that our server sends and return the JSON that a browser (or, with
`ios_style`, the iOS SDK) would send back. Each keyword replaces one value, before signing.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor, cose

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
ZERO_AAGUID = bytes(16)


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Passkey:
    """One key pair. `user_handle` is what the authenticator holds, whoever made it."""

    credential_id: bytes
    private_key: Any
    algorithm: int
    rp_id: str
    user_handle: bytes
    backup_eligible: bool
    sign_count: int = 0

    @property
    def cose_key(self) -> bytes:
        kinds = {-7: cose.ES256, -257: cose.RS256, -8: cose.EdDSA}
        return cbor.encode(kinds[self.algorithm].from_cryptography_key(self.private_key.public_key()))

    def sign(self, data: bytes) -> bytes:
        if self.algorithm == -7:
            return self.private_key.sign(data, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == -257:
            return self.private_key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.private_key.sign(data)


def new_private_key(algorithm: int) -> Any:
    if algorithm == -7:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == -257:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ed25519.Ed25519PrivateKey.generate()


def client_data(
    *,
    ceremony: str,
    challenge: str,
    origin: str,
    cross_origin: Any = False,
    top_origin: Any = None,
    **extra: Any,
) -> bytes:
    members = {"type": ceremony, "challenge": challenge, "origin": origin, "crossOrigin": cross_origin}
    if top_origin is not None:
        members["topOrigin"] = top_origin
    return json.dumps(members | extra, separators=(",", ":")).encode()


def authenticator_data(*, rp_id: str, flags: int, sign_count: int, rest: bytes = b"") -> bytes:
    return sha256(rp_id.encode()).digest() + bytes([flags]) + sign_count.to_bytes(4, "big") + rest


class SoftAuthenticator:
    """Holds passkeys. `backup_eligible` and the starting `sign_count` are those of every passkey it makes."""

    def __init__(
        self,
        *,
        origin: str,
        algorithm: int = -7,
        backup_eligible: bool = True,
        aaguid: bytes = ZERO_AAGUID,
        counts: bool = False,
    ) -> None:
        self.origin = origin
        self.algorithm = algorithm
        self.backup_eligible = backup_eligible
        self.aaguid = aaguid
        # A synced passkey always says 0; a security key counts.
        self.counts = counts
        self.passkeys: list[Passkey] = []

    def create(
        self,
        options: dict[str, Any],
        *,
        origin: str | None = None,
        rp_id: str | None = None,
        ceremony: str = "webauthn.create",
        challenge: str | None = None,
        cross_origin: Any = False,
        top_origin: Any = None,
        client_data_extra: dict[str, Any] | None = None,
        up: bool = True,
        uv: bool = True,
        bs: bool | None = None,
        sign_count: int | None = None,
        credential_id: bytes | None = None,
        json_id: bytes | None = None,
        credential_type: str = "public-key",
        cose_key: bytes | None = None,
        fmt: Any = "none",
        statement: Any = None,
        self_attested: bool = False,
        attest: Callable[[Passkey, bytes, bytes], tuple[str, Any]] | None = None,
        flags: int | None = None,
        after_key: bytes = b"",
        after_object: bytes = b"",
        transports: Any = ("internal", "hybrid"),
        attachment: Any = "platform",
        ios_style: bool = False,
    ) -> dict[str, Any]:
        passkey = Passkey(
            credential_id=secrets.token_bytes(32) if credential_id is None else credential_id,
            private_key=new_private_key(self.algorithm),
            algorithm=self.algorithm,
            rp_id=rp_id or options["rp"]["id"],
            user_handle=options["user"]["id"].encode() if ios_style else from_b64url(options["user"]["id"]),
            backup_eligible=self.backup_eligible,
            sign_count=(1 if self.counts else 0) if sign_count is None else sign_count,
        )
        self.passkeys.append(passkey)
        collected = client_data(
            ceremony=ceremony,
            challenge=options["challenge"] if challenge is None else challenge,
            origin=origin or self.origin,
            cross_origin=cross_origin,
            top_origin=top_origin,
            **(client_data_extra or {}),
        )
        attested = (
            self.aaguid
            + len(passkey.credential_id).to_bytes(2, "big")
            + passkey.credential_id
            + (cose_key or passkey.cose_key)
        )
        auth_data = authenticator_data(
            rp_id=passkey.rp_id,
            flags=(AT | self._flags(up=up, uv=uv, bs=bs)) if flags is None else flags,
            sign_count=passkey.sign_count,
            rest=attested + after_key,
        )
        if self_attested:
            signature = passkey.sign(auth_data + sha256(collected).digest())
            fmt, statement = "packed", {"alg": self.algorithm, "sig": signature}
        if attest:
            fmt, statement = attest(passkey, auth_data, sha256(collected).digest())
        attestation = cbor.encode(
            {"fmt": fmt, "attStmt": {} if statement is None else statement, "authData": auth_data}
        )
        response: dict[str, Any] = {"attestationObject": b64url(attestation + after_object)}
        if not ios_style:
            response["transports"] = list(transports)
        return self._credential(
            json_id or passkey.credential_id, credential_type, collected, response, attachment, ios_style
        )

    def get(
        self,
        options: dict[str, Any],
        *,
        passkey: Passkey | None = None,
        origin: str | None = None,
        rp_id: str | None = None,
        ceremony: str = "webauthn.get",
        challenge: str | None = None,
        cross_origin: Any = False,
        top_origin: Any = None,
        client_data_extra: dict[str, Any] | None = None,
        up: bool = True,
        uv: bool = True,
        be: bool | None = None,
        bs: bool | None = None,
        sign_count: int | None = None,
        user_handle: bytes | None = None,
        with_user_handle: bool = True,
        json_id: bytes | None = None,
        credential_type: str = "public-key",
        sign_with: Passkey | None = None,
        flags: int | None = None,
        after_data: bytes = b"",
        attachment: Any = "platform",
        ios_style: bool = False,
    ) -> dict[str, Any]:
        passkey = passkey or self._choose(options)
        if sign_count is None:
            passkey.sign_count += 1 if self.counts else 0
            sign_count = passkey.sign_count
        collected = client_data(
            ceremony=ceremony,
            challenge=options["challenge"] if challenge is None else challenge,
            origin=origin or self.origin,
            cross_origin=cross_origin,
            top_origin=top_origin,
            **(client_data_extra or {}),
        )
        backup_eligible = passkey.backup_eligible if be is None else be
        auth_data = authenticator_data(
            rp_id=rp_id or passkey.rp_id,
            flags=self._flags(up=up, uv=uv, be=backup_eligible, bs=bs) if flags is None else flags,
            sign_count=sign_count,
            rest=after_data,
        )
        signature = (sign_with or passkey).sign(auth_data + sha256(collected).digest())
        response: dict[str, Any] = {"authenticatorData": b64url(auth_data), "signature": b64url(signature)}
        if with_user_handle:
            handle = passkey.user_handle if user_handle is None else user_handle
            response["userHandle"] = handle.decode() if ios_style else b64url(handle)
        return self._credential(
            json_id or passkey.credential_id, credential_type, collected, response, attachment, ios_style
        )

    def _choose(self, options: dict[str, Any]) -> Passkey:
        allowed = {from_b64url(entry["id"]) for entry in options["allowCredentials"]}
        usable = [
            passkey
            for passkey in self.passkeys
            if passkey.rp_id == options["rpId"] and (not allowed or passkey.credential_id in allowed)
        ]
        return usable[-1]

    def _flags(self, *, up: bool, uv: bool, be: bool | None = None, bs: bool | None) -> int:
        be = self.backup_eligible if be is None else be
        bs = be if bs is None else bs
        return (UP if up else 0) | (UV if uv else 0) | (BE if be else 0) | (BS if bs else 0)

    def _credential(
        self,
        credential_id: bytes,
        credential_type: str,
        collected: bytes,
        response: dict[str, Any],
        attachment: Any,
        ios_style: bool,
    ) -> dict[str, Any]:
        common = {"id": b64url(credential_id), "rawId": b64url(credential_id), "type": credential_type}
        if ios_style:
            padded = base64.b64encode(collected).decode()
            return common | {
                "authenticatorAttachment": "cross-platform",
                "response": response | {"clientDataJSON": padded},
            }
        return common | {
            "authenticatorAttachment": attachment,
            "clientExtensionResults": {},
            "response": response | {"clientDataJSON": b64url(collected)},
        }
