"""The pre-built pages: one document that leads through everything. What it calls is in `hosted_calls`.

The document is opened with a client token in its address, at top level or in a frame on one of the tenant's
app origins. Its script takes the token out of the address, keeps it in memory and sends it as a bearer token,
so that nothing depends on cookies. At top level the first browser that uses a token is remembered, and
another is refused; what began in a frame is bound to none.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from csp.constants import NONCE, NONE, SELF, STRICT_DYNAMIC
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from actions import (
    hosted_state,
    hosted_theme,
    languages,
    leaving,
    one_browser,
    plain_pass,
)
from actions.models import ActionFacts
from authenticators import tuning
from authenticators.models import AuthenticatorConfiguration
from authsignal_portal import clock, ids, tokens, wording
from authsignal_portal.errors import ExpiredToken
from authsignal_portal.models import Tenant, Wording
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, VerificationMethod
from authsignal_portal.wire import present

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
        "nativeScheme": query.get("nativeScheme", "") if query.get("nativeScheme") in leaving.NATIVE_SCHEMES else "",
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
