"""The pre-built pages: one document that leads through everything, and the calls that only it makes.

The document is opened with a client token in its address, at top level or in a frame on one of the tenant's
app origins. Its script takes the token out of the address, keeps it in memory and sends it as a bearer token,
so that nothing depends on cookies. At top level the first browser that uses a token is remembered, and
another is refused; what began in a frame is bound to none.
"""

import secrets
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import segno
from csp.constants import NONCE, NONE, SELF, STRICT_DYNAMIC
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import (
    app_enrolment,
    dead_ends,
    device_waiting,
    hosted_state,
    hosted_theme,
    languages,
    leaving,
    one_browser,
    plain_pass,
    proving,
    verifying,
)
from actions.client_auth import ClientContext, ClientToken
from actions.client_views import seen
from actions.models import ActionFacts
from authenticators import tuning
from authenticators.models import AuthenticatorConfiguration, EndUser
from authsignal_portal import clock, ids, tokens, wording
from authsignal_portal.api import JsonView
from authsignal_portal.errors import ExpiredToken, InvalidRequest
from authsignal_portal.fields import Text
from authsignal_portal.models import Tenant, Wording
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, VerificationMethod
from authsignal_portal.wire import present

# Custom schemes that may receive a token: the React Native SDK listens for `authsignal://auth?token=…`.
NATIVE_SCHEMES = frozenset({"authsignal"})
MAX_OTP_URI = 2331
QUIET_ZONE = 3
# So long before its end a QR code gives way to the next: nobody scans one that is over.
QR_OVERLAP_SECONDS = 5

RETURNED = frozenset({"verified", "enrolled", "failed"})
# An app is enrolled in the app; the web app by a screen of its own, whatever it is for. What is done elsewhere has one
# screen for all methods.
SCREENLESS = {"push_enrol", "qr_code_enrol", "in_app_enrol"} | {
    f"{method.lower()}{step}" for method in (*ID_TOKENS, *IDENTITY_CHECKS) for step in ("", "_enrol")
}
METHOD_SCREENS = [
    name
    for method in VerificationMethod
    for name in (method.lower(), f"{method.lower()}_enrol")
    if name not in SCREENLESS
]
ERRORS = [
    "blocked",
    "declined",
    "error",
    "expired",
    "failed",
    "limited",
    "locked",
    "missing",
    "other-browser",
    "review",
    "unavailable",
    "used",
]


# -- the document --------------------------------------------------------------------------------


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """GET /challenge?token=…[&mode=popup][&state=…]. Changes nothing but to keep that state: mail scanners open links
    too.
    """
    token, facts, problem = opened(request.GET.get("token"))
    tenant = token.tenant if token else None
    if not problem and facts and one_browser.is_other(request, facts):
        problem = "other-browser"
    if facts and not problem:
        leaving.keep_login_state(facts, request.GET.get("state", ""))
    browser = one_browser.browser_of(request) or secrets.token_urlsafe(32)
    context = _context(request, token, facts, problem)
    if tenant and not problem and one_browser.is_top_level(request):
        context["plain"] = _without_script(request.GET, tenant, browser)
    with wording.speaking(language_of(facts), texts_of(tenant)):
        response = TemplateResponse(request, "challenge/page.html", context).render()
        response.headers["Content-Language"] = translation.get_language()
    response.status_code = {"": 200, "other-browser": 403}.get(problem, 410)
    set_headers(response, tenant)
    if token and not problem and one_browser.is_top_level(request):
        one_browser.set_cookie(response, browser, token.tenant)
    return response


def told(request: HttpRequest, problem: str, *, status: int) -> HttpResponse:
    """The document as it stands where nothing can be done: whose it was is not known, or not told."""
    response = TemplateResponse(request, "challenge/page.html", _context(request, None, None, problem)).render()
    response.headers["Content-Language"] = translation.get_language() or ""
    response.status_code = status
    set_headers(response, None)
    return response


def opened(text: str | None) -> tuple[tokens.ClientToken | None, ActionFacts | None, str]:
    """The token, as far as its signature holds; what it stands for; and why it cannot be used, if so."""
    try:
        token = tokens.read(text)
    except ExpiredToken:
        return None, None, "expired" if text else "missing"
    rows = ActionFacts.objects.select_related("action__user").filter(
        action=token.action_id, action__tenant=token.tenant
    )
    facts = rows.filter(action__user__user_id=token.user_id).first()
    usable = facts is not None and token.expires_at > clock.now()
    return token, facts, "" if usable else "expired"


def _context(
    request: HttpRequest, token: tokens.ClientToken | None, facts: ActionFacts | None, problem: str
) -> dict[str, Any]:
    tenant = token.tenant if token else None
    query = request.GET
    config = {
        "mode": query.get("mode", "") if query.get("mode") in ("popup", "continue") else "",
        "forceEnrollment": query.get("force_enrollment") == "true",
        "enrol": query.get("enrol", "") if query.get("enrol") in set(VerificationMethod) else "",
        "nativeScheme": query.get("nativeScheme", "") if query.get("nativeScheme") in NATIVE_SCHEMES else "",
        "tenant": tenant.name if tenant else "",
        "origins": tenant.app_origins if tenant else [],
        "redirectExpired": bool(tenant and tenant.redirect_on_session_expiry),
        "linkConfirmed": query.get("link") == "confirmed",
        # A sign-in elsewhere led back here, by which method, and what came of it. The state tells what it is worth.
        "returned": query.get("returned", "") if query.get("returned") in RETURNED else "",
        "use": query.get("use", "") if query.get("use") in set(VerificationMethod) else "",
        "countries": _compact(hosted_state.countries(tenant)) if tenant else "",
        "country": facts.action.country_code if facts else "",
        "problem": problem,
    }
    if tenant and facts and problem == "expired":
        config["returnUrl"] = leaving.return_url(tenant, facts, query["token"])
    slow = slow_screens(tenant)
    return {
        "tenant": tenant.name if tenant else "",
        "theme": hosted_theme.of(tenant),
        **support_of(tenant, facts),
        "problem": problem,
        # On the screens of no method of their own.
        "digits": tuning.DIGITS,
        "config": present(config),
        "method_screens": [
            (name, f"challenge/methods/{name}.html", digits_of(tenant, name), name in slow) for name in METHOD_SCREENS
        ],
        "cards": [(method, f"challenge/methods/{method.lower()}_card.html") for method in VerificationMethod],
        "error_screens": [(name, f"challenge/errors/{name.replace('-', '_')}.html") for name in ERRORS],
    }


def _compact(countries: list[tuple[str, int, str]]) -> str:
    """AU61/0,FR33/0,…: 230 countries weigh half of what they would as lists."""
    return ",".join(f"{region}{code}{trunk and '/' + trunk}" for region, code, trunk in countries)


def support_of(tenant: Tenant | None, facts: ActionFacts | None) -> dict[str, str]:
    """For `challenge/support.html`: where users get help, and what they name there."""
    reference = ids.reference(facts.pk) if facts else ""
    return {"support_url": tenant.support_url if tenant else "", "reference": reference}


def _without_script(query: Mapping[str, str], tenant: Tenant, browser: str) -> str:
    """Where a browser without JavaScript goes on. The token itself is not written into the page."""
    kept = {name: query[name] for name in ("force_enrollment", "nativeScheme", "link", "returned") if query.get(name)}
    visit = plain_pass.write(query["token"], tenant, browser)
    return f"{reverse('hosted-plain')}?{urlencode({'visit': visit, **kept})}"


def texts_of(tenant: Tenant | None) -> dict[str, dict[str, str]]:
    stored = Wording.objects.filter(tenant=tenant).first() if tenant else None
    return stored.texts if stored else {}


def digits_of(tenant: Tenant | None, screen: str) -> int:
    method = screen.removesuffix("_enrol").upper()
    return tuning.code_length(tenant, method) if tenant and method in tuning.CODED else tuning.DIGITS


def slow_screens(tenant: Tenant | None) -> set[str]:
    """Those that say that what was sent may take some minutes."""
    rows = AuthenticatorConfiguration.objects.filter(tenant=tenant, warns_of_delay=True)
    return {method.lower() for method in rows.values_list("method", flat=True)}


def language_of(facts: ActionFacts | None) -> str:
    """Of a page: its messages are in the same one (`languages`)."""
    return languages.language_of(facts, page=translation.get_language() or "")


def set_headers(response: HttpResponse, tenant: Tenant | None) -> None:
    """Only a token that we signed makes the page frameable, and only by that token's tenant."""
    response._csp_config = {  # type: ignore[attr-defined]
        "default-src": [NONE],
        "script-src": [NONCE, STRICT_DYNAMIC],
        "style-src": [NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-src": [NONE],
        "worker-src": [NONE],
        "manifest-src": [NONE],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": [NONE],
        "frame-ancestors": list(tenant.app_origins) if tenant and tenant.app_origins else [NONE],
    }
    response.xframe_options_exempt = bool(tenant and tenant.app_origins)
    # Window mode needs the opener; nothing here trusts it.
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Origin-Agent-Cluster"] = "?1"
    response.headers["Permissions-Policy"] = (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), otp-credentials=(self), "
        "clipboard-write=(self), camera=(), microphone=(), geolocation=(), payment=(), usb=()"
    )


# -- what only the pages call --------------------------------------------------------------------


class CodeInput(serializers.Serializer[Any]):
    verificationCode = Text(max_length=64, required=True, allow_blank=True)


class OtpUriInput(serializers.Serializer[Any]):
    uri = Text(max_length=MAX_OTP_URI, required=True)


class FinishInput(serializers.Serializer[Any]):
    nativeScheme = Text(max_length=32)


class HostedView(JsonView):
    """A call by the page itself, on this origin, for one user's token."""

    authentication_classes = [ClientToken]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        one_browser.bind(request._request, self.context.tenant, self.context.facts)

    @property
    def context(self) -> ClientContext:
        return cast(ClientContext, self.request.auth)

    @property
    def token(self) -> str:
        """The bearer token itself."""
        return str(self.request._request.META["HTTP_AUTHORIZATION"]).partition(" ")[2].strip()


class StateView(HostedView):
    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        agent = seen(request._request)["userAgent"]
        return Response(hosted_state.describe(self.context, self.token, agent=agent))


class QrView(HostedView):
    """An otpauth:// URI as a picture; drawn here, so that no secret leaves for an image service."""

    @extend_schema(request=OtpUriInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        uri = self.parsed(OtpUriInput)["uri"]
        secret_in(uri)
        try:
            return Response({"image": picture(uri)})
        except segno.DataOverflowError as error:
            raise InvalidRequest("uri is too long for a QR code.") from error


def secret_in(uri: str) -> str:
    """The secret of an otpauth:// URI. Raises InvalidRequest."""
    if not uri.startswith("otpauth://totp/") or len(uri) > MAX_OTP_URI:
        raise InvalidRequest("uri must begin with otpauth://totp/.")
    return parse_qs(urlsplit(uri).query).get("secret", [""])[0]


def picture(text: str) -> str:
    """A QR code as an image in a data: URI. Raises DataOverflowError."""
    return str(segno.make_qr(text, error="m").svg_data_uri(border=QUIET_ZONE, light="#fff", dark="#000"))


class QrChallengeView(HostedView):
    """A QR code challenge as a picture. The page shows the next one before this one is over."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        challenge, device_code = device_waiting.start_qr(
            self.context.tenant,
            self.context,
            action="",
            custom={},
            seen=seen(request._request),
            lifetime_seconds=settings.QR_RENEWED_AFTER_SECONDS,
        )
        return Response(
            {
                "challengeId": challenge.pk,
                "deviceCode": device_code,
                "image": picture(app_enrolment.scannable(self.context.user, challenge.pk)),
                "renewAfter": settings.QR_RENEWED_AFTER_SECONDS - QR_OVERLAP_SECONDS,
            }
        )


class RecoveryCodeView(HostedView):
    @extend_schema(request=CodeInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        verified = verifying.verify_recovery_code(self.context, self.parsed(CodeInput)["verificationCode"])
        answer = {
            "isVerified": verified.is_verified,
            "accessToken": verified.access_token,
            "failureReason": verified.failure,
        }
        return Response(present(answer))


class RecoveryCodesView(HostedView):
    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        return Response({"recoveryCodes": proving.new_recovery_codes(self.context)})


class NotNowView(HostedView):
    """The user does not want a passkey now: they are left in peace for as long as the tenant says."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        EndUser.objects.filter(pk=self.context.user.pk).update(passkey_prompt_dismissed_at=clock.Now())
        return Response({})


class FinishView(HostedView):
    """What the page hands back, however it ended: the token, and where to go. `/validate` tells what it is worth.

    Called also where the user can do nothing, so that the app learns of it whether or not they come back.
    """

    @extend_schema(request=FinishInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        scheme = self.parsed(FinishInput).get("nativeScheme")
        if scheme and scheme not in NATIVE_SCHEMES:
            raise InvalidRequest(f"nativeScheme {scheme} is not allowed.")
        dead_ends.close(self.context)
        url = f"{scheme}://auth?token={self.token}" if scheme else None
        url = url or leaving.return_url(self.context.tenant, self.context.facts, self.token)
        return Response(present({"token": self.token, "redirectUrl": url}))
