"""Answers kept for a minute, for SDKs that send a POST again when the first reply was lost."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings

from actions.models import ServerReplay
from authsignal_portal import clock, crypto
from authsignal_portal.models import ApiKey, Tenant


def name(key: ApiKey, endpoint: str, body: Mapping[str, Any]) -> str:
    """The same for a byte-identical request with the same API key only."""
    return crypto.keyed_hash("replay", key.pk, endpoint, json.dumps(body, sort_keys=True))


def keep(tenant: Tenant, request: str, answer: Mapping[str, Any]) -> None:
    """Store the answer in the transaction of what it reports."""
    sealed = tenant.seal(json.dumps(answer), "replay", request)
    ServerReplay.objects.create(tenant=tenant, request_hash=request, answer_sealed=sealed)


def kept(tenant: Tenant, request: str) -> dict[str, Any] | None:
    rows = ServerReplay.objects.filter(tenant=tenant, request_hash=request)
    row = rows.filter(created_at__gt=clock.Now() - timedelta(seconds=settings.REPLAY_SECONDS)).first()
    return json.loads(tenant.unseal(row.answer_sealed, "replay", request)) if row else None
