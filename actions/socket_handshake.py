"""Who may open the WebSocket of QR codes: judged in the handshake, as the REST views judge a request.

The credential is a subprotocol, `x.authsignal.token.<token>` or `x.authsignal.tenant.<id>`, beside `authsignal-ws`,
which is the one that the server selects. Tenant and user come from it and from nowhere else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, parse_cookie

from actions import socket_places
from actions.client_auth import check_browser, read_context
from authsignal_portal import limits
from authsignal_portal.api import API_HEADERS, check_origin, error_body, tenant_called
from authsignal_portal.client_ip import bucket, client_ip
from authsignal_portal.errors import AuthsignalError, Unauthorized
from authsignal_portal.models import Tenant

PROTOCOL = "authsignal-ws"
TOKEN, TENANT = "x.authsignal.token.", "x.authsignal.tenant."

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opens a socket. `token` is empty where the page knows its tenant alone."""

    tenant: Tenant
    token: str
    request: HttpRequest
    # Where the socket holds a place, and how many there are.
    bounds: Mapping[str, int]


def request_of(scope: Scope) -> HttpRequest:
    """The handshake as the REST views would see it: address, headers and cookies."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = (scope.get("client") or [""])[0]
    for name, value in scope["headers"]:
        key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        # With an underscore it could pass for a header that a proxy has set.
        if b"_" not in name:
            request.META[key] = f"{request.META[key]},{text}" if key in request.META else text
    request.COOKIES = parse_cookie(request.META.get("HTTP_COOKIE", ""))
    return request


def admit(name: str, request: HttpRequest, offered: Sequence[str]) -> Caller:
    """Who calls, with a place for their socket. Raises AuthsignalError."""
    credentials = [each for each in offered if each.startswith((TOKEN, TENANT))]
    if PROTOCOL not in offered or len(credentials) != 1:
        raise Unauthorized
    caller = _by_token(credentials[0], request) if credentials[0].startswith(TOKEN) else _by_id(credentials[0], request)
    check_origin(request, caller.tenant)
    socket_places.take(name, caller.bounds)
    return caller


def _by_token(credential: str, request: HttpRequest) -> Caller:
    token = credential.removeprefix(TOKEN)
    context = read_context(token)
    check_browser(request, context)
    return Caller(
        context.tenant,
        token,
        request,
        {f"user:{context.user.pk}": settings.SOCKETS_PER_USER, **_of_tenant(context.tenant)},
    )


def _by_id(credential: str, request: HttpRequest) -> Caller:
    tenant, address = tenant_called(credential.removeprefix(TENANT)), client_ip(request)
    limits.without_token(tenant.pk, address)
    nameless = {
        # Of all tenants: whose ids are public, so that one machine could hold places of each.
        f"address:{bucket(address)}": settings.SOCKETS_PER_ADDRESS,
        f"nameless:{tenant.pk}": settings.SOCKETS_PER_TENANT // 2,
    }
    return Caller(tenant, "", request, {**nameless, **_of_tenant(tenant)})


def _of_tenant(tenant: Tenant) -> dict[str, int]:
    return {f"tenant:{tenant.pk}": settings.SOCKETS_PER_TENANT}


async def deny(scope: Scope, send: Any, error: AuthsignalError) -> None:
    """Refuse the handshake, with the status that REST has for it where the server can."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = API_HEADERS | {"Content-Type": "application/json"}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": raw})
    await send({"type": "websocket.http.response.body", "body": json.dumps(error_body(error)).encode()})
