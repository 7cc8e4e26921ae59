"""What the endpoints of the Client API are made of: who calls, and what is said of a proof."""

from typing import Any, cast

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from rest_framework.request import Request

from actions import proving, verifying
from actions.client_auth import ClientContext, ClientToken, OptionalClientToken
from actions.ip_intel import InvalidAddress, parse_address
from authenticators import serializers as shapes
from authsignal_portal import limits
from authsignal_portal.api import JsonView, TenantId, check_origin
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import ExpiredToken
from authsignal_portal.json_body import ClientJSONParser
from authsignal_portal.models import Tenant
from authsignal_portal.wire import present

CHALLENGE_COOKIE, COOKIE_PATH = "as_challenge", "/v1/client/"
MAX_USER_AGENT = 4000


class ClientView(JsonView):
    """An endpoint for one user's token; `self.context` is what the token stands for."""

    authentication_classes = [ClientToken]
    parser_classes = [ClientJSONParser]

    @property
    def context(self) -> ClientContext:
        return cast(ClientContext, self.request.auth)


class EitherView(JsonView):
    """An endpoint for a user's token or the tenant's id."""

    authentication_classes = [OptionalClientToken, TenantId]
    parser_classes = [ClientJSONParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.auth is None:
            raise ExpiredToken
        if self.context is None:
            self.count()

    def count(self) -> None:
        """A call without a token. Raises TooManyRequests."""
        limits.without_token(self.tenant.pk, client_ip(self.request._request))

    @property
    def context(self) -> ClientContext | None:
        return self.request.auth if isinstance(self.request.auth, ClientContext) else None

    @property
    def tenant(self) -> Tenant:
        return tenant_of(self.request)


def tenant_of(request: Request) -> Tenant:
    """Of a caller who is known by a token or by the tenant's id."""
    caller = request.auth
    return caller.tenant if isinstance(caller, ClientContext) else cast(Tenant, caller)


class WithCookies(JsonView):
    """An endpoint that browsers call with their cookies: for pages of the tenant's app origins alone."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_origin(request._request, tenant_of(request))


def verified_output(verified: verifying.Verified) -> dict[str, Any]:
    """`userAuthenticator` comes with the answer that completed an enrolment, and only then."""
    return present(
        {
            "isVerified": verified.is_verified,
            "accessToken": verified.access_token,
            "failureReason": verified.failure.value if verified.failure else None,
            "userAuthenticator": shapes.client_authenticator(verified.authenticator, in_clear=True)
            if verified.enrolled and verified.authenticator
            else None,
        }
    )


def started_output(started: proving.Started, user_id: str) -> dict[str, Any]:
    return {
        "userAuthenticatorId": str(started.authenticator.pk),
        "userId": user_id,
        "challengeId": started.challenge.pk,
    }


def seen(request: HttpRequest) -> dict[str, str]:
    """The caller's own address and agent, as far as they can be told."""
    agent = request.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT]
    try:
        address = parse_address(client_ip(request))
    except InvalidAddress:
        address = None
    return {"userAgent": agent} | ({"ipAddress": address} if address else {})


def challenge_in_cookie(request: HttpRequest) -> str | None:
    """The challenge that this browser began; None where it began none, or too long ago."""
    try:
        named: str = signing.loads(
            request.COOKIES.get(CHALLENGE_COOKIE, ""), salt=CHALLENGE_COOKIE, max_age=settings.PROOF_FRESH_SECONDS
        )
    except signing.BadSignature:
        return None
    return named
