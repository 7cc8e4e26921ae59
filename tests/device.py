"""The key of an app on a user's phone, and what the mobile SDKs send by it."""

import base64
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class DeviceKey:
    """An EC P-256 key in a phone's secure hardware."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self.private = ec.generate_private_key(curve or ec.SECP256R1())
        self.spki = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public = base64.b64encode(self.spki).decode()

    @property
    def query(self) -> str:
        """As iOS writes it into a query; Android keeps the padding."""
        return "publicKey=" + base64.urlsafe_b64encode(self.public.encode()).decode().rstrip("=")

    @property
    def android_query(self) -> str:
        return "publicKey=" + base64.b64encode(self.public.encode()).decode()

    def sign(self, message: str) -> str:
        return base64.b64encode(self.private.sign(message.encode(), ec.ECDSA(SHA256()))).decode()

    def signed(self, message: str, **more: Any) -> dict[str, Any]:
        return {"publicKey": self.public, "signature": self.sign(message), **more}

    def enrolment(self, **more: Any) -> dict[str, Any]:
        return {"publicKey": self.public, "deviceName": "Jo's phone", "devicePlatform": "ios", **more}

    def answer(self, challenge_id: str, number: str | None = None, *, approved: bool = True) -> dict[str, Any]:
        """Approve or decline, as both push and QR code want it."""
        return self.signed(challenge_id, challengeId=challenge_id, approved=approved, verificationCode=number)

    def claim(self, challenge_id: str) -> dict[str, Any]:
        return self.signed(challenge_id, challengeId=challenge_id)

    def removal(self, *, steps: int = 0, fraction: str = ".0") -> dict[str, Any]:
        return self.signed(f"{int(time.time()) // 600 + steps}{fraction}")
