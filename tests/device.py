"""An app on a user's phone: its key, and what the mobile SDKs send by it."""

import base64
import json
import time
import urllib.request
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


class Phone:
    """An app on a phone that calls a running server: it knows the tenant, holds a key, and has nobody's token."""

    def __init__(self, api_url: str, tenant_id: str) -> None:
        self.api_url, self.tenant_id, self.key = api_url, tenant_id, DeviceKey()

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.api_url}/client/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                # As Android writes it; iOS leaves out the padding, a browser the colon.
                "Authorization": "Basic " + base64.b64encode(f"{self.tenant_id}:".encode()).decode(),
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def pending(self) -> Any:
        return self("GET", f"user-authenticators/push/challenge?{self.key.query}")

    def answer_push(self, number: str | None, *, approved: bool = True) -> Any:
        """What waits for this phone, answered."""
        body = self.key.answer(self.pending()["challengeId"], number, approved=approved)
        return self("POST", "user-authenticators/push/challenge", body)

    def scan(self, challenge_id: str) -> Any:
        return self("POST", "user-authenticators/qr-code/challenge/claim", self.key.claim(challenge_id))

    def answer_code(self, challenge_id: str, *, approved: bool = True) -> Any:
        body = self.key.answer(challenge_id, approved=approved)
        return self("POST", "user-authenticators/qr-code/challenge", body)
