"""Callers of the two APIs: Globex's backend beside Acme's, and a user's browser."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from authsignal_portal.models import Tenant
from tests import make
from tests.conftest import Api


@pytest.fixture(autouse=True)
def outbox(settings: Any, tmp_path: Path) -> None:
    """Each test its own: where a transaction is really committed, messages are sent at once."""
    settings.OUTBOX_FILE = str(tmp_path / "outbox.jsonl")


@pytest.fixture
def globex_api(globex: Tenant, client: Client) -> Api:
    return Api(client, make.make_key(globex))


@dataclass
class Browser:
    """The Client API as an SDK in a page calls it: with a user's token, or with the tenant's id."""

    http: Client
    tenant: Tenant

    def __call__(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Any:
        headers.setdefault("Authorization", f"Bearer {token}" if token else make.basic(str(self.tenant.pk)))
        text = "" if body is None else json.dumps(body)
        answer = self.http.generic(method, f"/v1/client/{path}", text, "application/json", headers=headers)
        assert answer["Content-Type"] == "application/json", answer.content
        answer.body = answer.json()
        return answer


@pytest.fixture
def browser(acme: Tenant, client: Client) -> Browser:
    return Browser(client, acme)
