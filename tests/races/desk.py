"""The API in this process, inside one transaction, with a clock that stands still: `scenes` work here as on `live`."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from authenticators.models import Message
from authsignal_portal.models import Tenant
from tests import make
from tests.races.still_clock import StillClock


@dataclass
class Desk:
    """Call it as `live`: (status, body) of a request with the secret key, or with a client token."""

    http: Client
    tenant: Tenant
    clock: StillClock
    api_secret_key: str

    @property
    def app_origin(self) -> str:
        return self.tenant.app_origins[0]

    def __call__(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any]:
        answer = self.ask(method, path, body, token=token)
        assert answer.status_code < 500, answer.content
        return answer.status_code, answer.json()

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Any:
        """The answer itself. A path that begins with a slash is not of the API."""
        return self.http.generic(
            method,
            path if path.startswith("/") else f"/v1/{path}",
            "" if body is None else json.dumps(body),
            "application/json",
            headers={"Authorization": f"Bearer {token}" if token else make.basic(self.api_secret_key)},
        )

    def another(self, tenant: Tenant) -> "Desk":
        return Desk(self.http, tenant, self.clock, make.make_key(tenant))


def sent_code(challenge_id: str) -> str:
    """The newest code of a challenge: nothing is sent before the transaction ends, so that it still stands there."""
    message = Message.objects.select_related("tenant").filter(challenge=challenge_id).latest("created_at")
    return str(json.loads(message.payload)["code"])
