"""The hosted pages' way to an identity provider and back, and where a vendor's page leads when a check is done."""

from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import translation
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import federated, hosted, one_browser
from actions.hosted_calls import HostedView
from authenticators import id_tokens
from authenticators.models import Challenge
from authsignal_portal.errors import ExpiredToken, InvalidRequest
from authsignal_portal.fields import Flag, Text
from authsignal_portal.vocabulary import ID_TOKENS, VerificationMethod

Purpose = Challenge.Purpose
MAX_STATE: Final = 256


class AuthorizeInput(serializers.Serializer[Any]):
    """`mode`, `nativeScheme` and `forceEnrollment`: of the page's own address, to have them again on the way back."""

    verificationMethod = serializers.ChoiceField([method.value for method in ID_TOKENS])
    enrol = Flag()
    mode = Text(max_length=16)
    nativeScheme = Text(max_length=32)
    forceEnrollment = Flag()


class AuthorizeView(HostedView):
    """Where to sign in. Only for a page at top level, whose browser is known when it comes back."""

    @extend_schema(request=AuthorizeInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        given = self.parsed(AuthorizeInput)
        browser = one_browser.browser_of(request._request)
        if not browser or one_browser.is_embedded(request._request):
            raise InvalidRequest("Sign in with an identity provider from a page at top level.")
        method = VerificationMethod(given["verificationMethod"])
        purpose = Purpose.ENROL if given.get("enrol") else Purpose.AUTHENTICATE
        return Response({"url": federated.authorize(self.context, method, purpose, page=_page(given), browser=browser)})


def _page(given: dict[str, Any]) -> dict[str, str]:
    kept = {name: given.get(name, "") for name in ("mode", "nativeScheme")}
    kept["force_enrollment"] = "true" if given.get("forceEnrollment") else ""
    return {name: text for name, text in kept.items() if text}


@require_safe
def callback(request: HttpRequest, tenant: str, method: str) -> HttpResponse:
    """GET /challenge/callback/<tenant>/<method>?state&code. Ends at the hosted page, which tells what came of it."""
    query = request.GET
    try:
        arrival = federated.arrived(query.get("state", "")[:MAX_STATE], one_browser.browser_of(request))
    except ExpiredToken:
        return hosted.told(request, "expired", status=410)
    except federated.OtherBrowser:
        return hosted.told(request, "other-browser", status=403)
    # Without a code the user said no, or the provider did: the state is spent all the same.
    verified = federated.complete(
        arrival,
        query.get("code", ""),
        issuer_said=query.get("iss", ""),
        came_to=id_tokens.callback_address(tenant, method),
    )
    challenge = arrival.challenge
    done = "enrolled" if challenge.purpose == Purpose.ENROL else "verified"
    back = {
        **challenge.context.get("page", {}),
        "token": federated.token_back(arrival, verified),
        "returned": done if verified.is_verified else "failed",
        "use": challenge.method,
    }
    if challenge.purpose == Purpose.ENROL and not verified.is_verified:
        back["enrol"] = challenge.method
    response = HttpResponseRedirect(f"{settings.PUBLIC_URL}/challenge?{urlencode(back)}")
    response.status_code = 303
    hosted.set_headers(response, None)
    return response


@require_safe
def checked(request: HttpRequest) -> HttpResponse:
    """GET /challenge/checked: the end of a vendor's page. It knows nobody; the page that waits goes on by itself."""
    response = TemplateResponse(request, "challenge/checked.html", {}).render()
    response.headers["Content-Language"] = translation.get_language() or ""
    hosted.set_headers(response, None)
    return response
