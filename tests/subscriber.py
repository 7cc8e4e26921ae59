"""A browser as a push service knows it: the keys of a subscription, and reading what comes for it (RFC 8291)."""

import base64
import json
import os
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Subscriber:
    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.private, self.secret = endpoint, ec.generate_private_key(ec.SECP256R1()), os.urandom(16)

    def as_json(self) -> str:
        """As the browser writes a PushSubscription."""
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": written(point), "auth": written(self.secret)}
        return json.dumps({"endpoint": self.endpoint, "expirationTime": None, "keys": keys})

    def read(self, body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=self.private, auth_secret=self.secret))
