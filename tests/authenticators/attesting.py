"""Attestation statements by a maker of authenticators in software, and the certificates behind them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.soft_authenticator import Passkey

Attest = Callable[[Passkey, bytes, bytes], tuple[str, Any]]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def issue(name: str, issuer: Issued | None = None, *, since: timedelta = -DAY, until: timedelta = DAY) -> Issued:
    """A certificate of a maker; without an issuer it signs itself. The times are from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "NZ"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Issued(made, key)


@cache
def root() -> Issued:
    return issue("root")


@cache
def other_root() -> Issued:
    return issue("other root")


@cache
def leaf() -> Issued:
    return issue("leaf", root())


def packed(signer: Issued, *x5c: Any, algorithm: int = -7) -> Attest:
    """Packed with certificates (WebAuthn L3 §8.2), whatever is given for them."""

    def attest(_passkey: Passkey, auth_data: bytes, client_hash: bytes) -> tuple[str, Any]:
        return "packed", {"alg": algorithm, "sig": signer.sign(auth_data + client_hash), "x5c": list(x5c)}

    return attest


def self_packed(passkey: Passkey, auth_data: bytes, client_hash: bytes, *, algorithm: int = -7) -> tuple[str, Any]:
    return "packed", {"alg": algorithm, "sig": passkey.sign(auth_data + client_hash)}


def u2f(signer: Issued, *, spoil: bytes = b"") -> Attest:
    """As a key of before FIDO2 signs (WebAuthn L3 §8.6)."""

    def attest(passkey: Passkey, auth_data: bytes, client_hash: bytes) -> tuple[str, Any]:
        point = passkey.private_key.public_key().public_numbers()
        public = b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
        signed = b"\0" + sha256(passkey.rp_id.encode()).digest() + client_hash + passkey.credential_id + public
        return "fido-u2f", {"sig": signer.sign(signed + spoil), "x5c": [signer.der]}

    return attest
