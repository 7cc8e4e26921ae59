"""The hosted pages without JavaScript: the same screens and templates, carried from one to the next by plain forms.

A browser without JavaScript is led here from /challenge. GET shows the first screen and changes nothing. Each button
posts the form; the answer is the next screen. One that waits for something elsewhere reloads itself (plain_waiting):
such a look is a step, counted and bound to its browser as a button is.

- Only at top level, where there is a cookie: the browser that took the first step takes all others.
- The forms carry the token sealed for this browser (plain_pass), and count only when they come from this origin.
- What may be done is judged by the functions behind the Client API. The form's other fields say where the user
  stands, and are believed for nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from csp.constants import NONE, SELF
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from actions import (
    hosted,
    hosted_theme,
    leaving,
    one_browser,
    plain_pass,
    plain_screens,
    plain_steps,
    plain_visit,
    plain_waiting,
)
from actions.models import ActionFacts
from actions.plain_screens import Shown, Words
from actions.plain_visit import Visit
from authsignal_portal import clock, limits, wording
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import AuthsignalError, TooManyRequests
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import TokenPurpose, VerificationMethod

ERROR_SCREENS = {"expired_token": "expired", "opened_elsewhere": "other-browser"}
# So long a page that was proved stays before it leads back to the app.
SUCCESS_SECONDS = 1
EXPIRY_SHOWN_SECONDS = 180


# Not Django's CSRF token: pages without a referrer post with the origin `null`, which it refuses.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """/challenge/plain"""
    given = _given(request)
    try:
        text = plain_pass.read(given.get("visit", ""), one_browser.browser_of(request))
        given = plain_waiting.restored(request, given)
    except plain_pass.NotTheirs:
        return _answer(Words(request, None), plain_visit.ended("missing"), None)
    token, facts, problem = hosted.opened(text)
    tenant = token.tenant if token else None
    with wording.speaking(hosted.language_of(facts), hosted.texts_of(tenant)):
        words = Words(request, tenant)
        if problem:
            return _answer(words, _over(problem, tenant, facts, text), None)
        return _stepped(words, given, text)


def _over(problem: str, tenant: Tenant | None, facts: ActionFacts | None, token: str) -> Shown:
    """Too late: back to the app by a link, or by itself where the tenant wants it so."""
    shown = plain_visit.ended(problem)
    url = leaving.return_url(tenant, facts, token) if tenant and facts else None
    if tenant is None or url is None:
        return shown
    return replace(shown, link_to=url, leave_to=url if tenant.redirect_on_session_expiry else "")


def _given(request: HttpRequest) -> Mapping[str, str]:
    """One value of each field, of a form no larger than any form of ours is."""
    if request.method != "POST":
        return _without_nul(request.GET.dict())
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > settings.FORM_MAX_BYTES:
        return {}
    return _without_nul(request.POST.dict())


def _without_nul(fields: Mapping[str, str]) -> dict[str, str]:
    """The database has no place for it."""
    return {name: value for name, value in fields.items() if "\x00" not in value}


def _stepped(words: Words, given: Mapping[str, str], token: str) -> HttpResponse:
    visit: Visit | None = None
    try:
        visit = Visit(words, plain_visit.read(token), token, given, _flags(given))
        shown = _step_of(words.request)(visit)
    except AuthsignalError as problem:
        shown = _explained(problem, visit)
    except OperationalError:
        shown = Shown("error", frozenset({"proving", "retry"}), {"reason": words.text("server")}, status=503)
    return _answer(words, shown, visit)


def _step_of(request: HttpRequest) -> Callable[[Visit], Shown]:
    if request.method == "POST":
        return _posted
    return _looked if plain_waiting.is_look(request) else _first


def _flags(given: Mapping[str, str]) -> dict[str, str]:
    """From the address as the SDKs write it, later from the form."""
    found = {name: given[name][:32] for name in plain_visit.FLAGS if given.get(name)}
    if given.get("force_enrollment") == "true":
        found["force"] = "yes"
    scheme = given.get("nativeScheme") or given.get("scheme")
    found.pop("scheme", None)
    return found | ({"scheme": scheme} if scheme in leaving.NATIVE_SCHEMES else {})


def _first(visit: Visit) -> Shown:
    """What a mail scanner may open as often as it likes."""
    visit.flags.pop("added", None)
    visit.flags.pop("first", None)
    _check_browser(visit)
    if not visit.state["isEnrolled"]:
        visit.flags["first"] = "yes"
    # Back from an account with an identity provider. Whoever connected one comes with a proof's own token.
    returned = visit.given.get("returned")
    if returned == "enrolled" and visit.context.token.purpose == TokenPurpose.ACCESS:
        visit.flags["added"] = "yes"
    offered = {one["method"] for one in visit.state["methods"]}
    link = VerificationMethod.EMAIL_MAGIC_LINK
    if visit.given.get("link") == "confirmed" and link in offered:
        return Shown("email_magic_link", labels=_link_labels(visit), carry={"method": link.value})
    shown = plain_steps.first_screen(visit)
    return replace(shown, problem=visit.text("not-signed-in")) if returned == "failed" else shown


def _looked(visit: Visit) -> Shown:
    """The page that waits, by itself: a step as a press of `check` is, which may prove the action.

    Its address opens in its own browser alone, and makes no recovery codes.
    """
    _count(visit)
    limits.link_poll(visit.context.action.pk)
    one_browser.bind_top_level(visit.words.request, visit.context.facts)
    return plain_steps.look(visit)


def _check_browser(visit: Visit) -> None:
    one_browser.check(visit.words.request, visit.context.facts)


def _link_labels(visit: Visit) -> dict[str, str]:
    return {"resend": visit.text("resend-link")}


def _posted(visit: Visit) -> Shown:
    _count(visit)
    request = visit.words.request
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise plain_pass.NotTheirs
    one_browser.bind_top_level(request, visit.context.facts)
    return plain_steps.take(visit, visit.given.get("act", ""))


def _count(visit: Visit) -> None:
    limits.requests_by_user(visit.context.user.pk, client_ip(visit.words.request))
    limits.requests_by_address(client_ip(visit.words.request))


def _explained(problem: AuthsignalError, visit: Visit | None) -> Shown:
    if isinstance(problem, plain_pass.NotTheirs):
        return plain_visit.ended("missing")
    screen = ERROR_SCREENS.get(problem.code)
    if screen or visit is None:
        return plain_visit.ended(screen or "expired")
    if isinstance(problem, TooManyRequests):
        return plain_visit.limited(visit, problem)
    reason = visit.text("server") if problem.status >= 500 else visit.words.refusal(problem)
    return plain_visit.failed(visit, reason, is_forbidden=problem.status == 403)


# -- what is shown -------------------------------------------------------------------------------


def _answer(words: Words, shown: Shown, visit: Visit | None) -> HttpResponse:
    request, tenant = words.request, words.tenant
    hidden = _hidden(visit, shown.screen)
    left = int((visit.context.token.expires_at - clock.now()).total_seconds()) if visit else 0
    waiting = visit if visit and plain_waiting.looks(visit, shown) else None
    message = visit.state.get("message") if visit and shown.may_quit and visit.has_state else ""
    context = {
        "tenant": tenant.name if tenant else "",
        "theme": hosted_theme.of(tenant),
        **hosted.support_of(tenant, visit.context.facts if visit else None),
        "body": plain_screens.drawn(words, shown, hidden),
        "message": message,
        "may_quit": shown.may_quit,
        "leave_to": shown.leave_to,
        "link_to": shown.link_to or shown.leave_to,
        "leave_after": SUCCESS_SECONDS if shown.screen == "success" else 0,
        "expiry": _expiry(words, left),
        "still": plain_waiting.address(waiting, shown, still=True) if waiting else "",
    }
    response = TemplateResponse(request, "challenge/plain.html", context).render()
    response.status_code = shown.status
    if waiting:
        response.headers["Refresh"] = plain_waiting.refresh(waiting, shown)
    response.headers["Content-Language"] = translation.get_language() or ""
    hosted.set_headers(response, None)
    response._csp_config |= {"script-src": [NONE], "connect-src": [NONE], "form-action": [SELF]}  # type: ignore[attr-defined]
    if visit and shown.status < 400:
        one_browser.set_cookie(response, one_browser.browser_of(request), visit.context.tenant)
    return response


def _expiry(words: Words, left: int) -> str:
    near = 0 < left < EXPIRY_SHOWN_SECONDS
    return words.text("expires-in", time=plain_visit.clock_text(left)) if near else ""


def _hidden(visit: Visit | None, screen: str) -> dict[str, str]:
    """What every form of the page carries."""
    if visit is None:
        return {}
    sealed = plain_pass.write(visit.token, visit.context.tenant, one_browser.browser_of(visit.words.request))
    return {"visit": sealed, "at": screen, **visit.flags}
