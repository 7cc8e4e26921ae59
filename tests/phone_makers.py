"""Apple and Google as an app on a phone meets them: they attest it. And whoever would like to pass for them."""

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import cbor2
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

TEAM, BUNDLE = "ACME123456", "com.example.bank"
PACKAGE = "com.example.bank"
CERTIFICATE = sha256(b"the certificate of the app").digest()
PRODUCTION, DEVELOPMENT = b"appattest".ljust(16, b"\x00"), b"appattestdevelop"
NONCE = x509.ObjectIdentifier("1.2.840.113635.100.8.2")


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def url_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# -- Apple ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Issuer:
    """A certificate that issues others, as Apple's root and intermediate do."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
    )


def authority(subject: str, issuer: Issuer | None = None) -> Issuer:
    """On P-384, as Apple's are."""
    key = ec.generate_private_key(ec.SECP384R1())
    signer = issuer.key if issuer else key
    made = (
        _builder(subject, issuer.certificate.subject if issuer else _name(subject), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
    )
    return Issuer(made.sign(signer, hashes.SHA384()), key)


@cache
def root() -> Issuer:
    return authority("App Attestation Root CA")


@cache
def intermediate() -> Issuer:
    return authority("App Attestation CA 1", root())


@cache
def other_intermediate() -> Issuer:
    """Of somebody who calls themselves Apple."""
    return authority("App Attestation CA 1", authority("App Attestation Root CA"))


@dataclass
class AppAttest:
    """One attested key of an app on a phone of Apple's. Each field is what an attacker would like to be otherwise."""

    made_over: str
    app_id: str = f"{TEAM}.{BUNDLE}"
    counter: int = 0
    aaguid: bytes = PRODUCTION
    credential_id: bytes | None = None
    key_id: bytes | None = None
    issuer: Issuer = field(default_factory=intermediate)
    days: tuple[float, float] = (-1, 2)
    has_nonce: bool = True
    is_authority: bool = False
    fmt: str = "apple-appattest"
    chain: Any = None
    # Put in the place of bytes of authData once Apple has signed.
    altered: tuple[int, bytes] | None = None
    provider: str = "APP_ATTEST"

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.own_id = sha256(point).digest()

    @property
    def auth_data(self) -> bytes:
        credential_id = self.own_id if self.credential_id is None else self.credential_id
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        head = sha256(self.app_id.encode()).digest() + b"\x40" + self.counter.to_bytes(4, "big") + self.aaguid
        return head + len(credential_id).to_bytes(2, "big") + credential_id + cbor2.dumps(public)

    def leaf(self) -> bytes:
        now, (since, until) = datetime.now(UTC), self.days
        made = _builder(self.own_id.hex(), self.issuer.certificate.subject, self.key.public_key())
        made._not_valid_before = (now + timedelta(days=since)).replace(tzinfo=None)
        made._not_valid_after = (now + timedelta(days=until)).replace(tzinfo=None)
        made = made.add_extension(x509.BasicConstraints(ca=self.is_authority, path_length=None), critical=True)
        if self.has_nonce:
            nonce = sha256(self.auth_data + sha256(self.made_over.encode()).digest()).digest()
            value = bytes.fromhex("3024a1220420") + nonce
            made = made.add_extension(x509.UnrecognizedExtension(NONCE, value), critical=False)
        return made.sign(self.issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def object(self) -> bytes:
        leaf, data = self.leaf(), self.auth_data
        if self.altered:
            at, put = self.altered
            data = data[:at] + put + data[at + len(put) :]
        chain = [leaf, self.issuer.der] if self.chain is None else self.chain(leaf, self.issuer.der)
        return cbor2.dumps({"fmt": self.fmt, "attStmt": {"x5c": chain, "receipt": b"receipt"}, "authData": data})

    def sent(self) -> dict[str, str]:
        key_id = self.own_id if self.key_id is None else self.key_id
        return {"provider": self.provider, "token": text(self.object()), "keyId": text(key_id)}


# -- Google --------------------------------------------------------------------------------------


@dataclass
class PlayConsole:
    """The response keys of one app."""

    decryption: bytes = field(default_factory=lambda: os.urandom(32))
    signing: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def decryption_key(self) -> str:
        return text(self.decryption)

    @property
    def verification_key(self) -> str:
        return text(self.signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def token(self, verdict: Any, *, header: dict[str, str] | None = None, signed: str | None = None) -> str:
        payload = json.dumps(verdict).encode()
        signed = signed or jwt.api_jws.encode(payload, self.signing, algorithm="ES256")
        head = url_text(json.dumps(header or {"alg": "A256KW", "enc": "A256GCM"}).encode())
        content_key, iv = os.urandom(32), os.urandom(12)
        sealed = AESGCM(content_key).encrypt(iv, signed.encode(), head.encode())
        wrapped = aes_key_wrap(self.decryption, content_key)
        return ".".join([head, *(url_text(part) for part in (wrapped, iv, sealed[:-16], sealed[-16:]))])

    def attest(self, nonce: str, **changes: Any) -> dict[str, str]:
        return {"provider": "PLAY_INTEGRITY", "token": self.token(verdict(nonce, **changes))}


def verdict(nonce: str, *, age: float = 0, **changes: Any) -> dict[str, Any]:
    """What Google says of a genuine app on a genuine device. `changes` has `part__name`; None takes it out."""
    made = datetime.now(UTC) - timedelta(seconds=age)
    said: dict[str, Any] = {
        "requestDetails": {
            "requestPackageName": PACKAGE,
            "nonce": nonce,
            "timestampMillis": str(int(made.timestamp() * 1000)),
        },
        "appIntegrity": {
            "appRecognitionVerdict": "PLAY_RECOGNIZED",
            "packageName": PACKAGE,
            "certificateSha256Digest": [url_text(CERTIFICATE)],
            "versionCode": "42",
        },
        "deviceIntegrity": {"deviceRecognitionVerdict": ["MEETS_DEVICE_INTEGRITY"]},
        "accountDetails": {"appLicensingVerdict": "LICENSED"},
    }
    for place, value in changes.items():
        part, _line, name = place.partition("__")
        if not name:
            said[part] = value
        else:
            said[part][name] = value
        if value is None:
            said[part].pop(name) if name else said.pop(part)
    return said
