"""The page behind a link by email.

GET and HEAD change nothing, because mail scanners open links; some press every button they find as well. What a
person confirms by POST counts as follows:

- In the browser in which the hosted page was opened at top level (its `__Host-ch` cookie) it completes the link.
- Where a hosted page waits elsewhere (another browser, or a frame, which has no cookie to know it by), the page
  shows a code to type there. Whoever began the verification must have it, and a scanner gives it to nobody.
- Where a page of the app's own waits (the SDK, which has no field for a code), the person types the address that the
  link went to. A scanner presses buttons; it does not fill in forms rightly.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from csp.constants import SELF
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from actions import hosted, hosted_theme, linking, one_browser, states
from actions.models import Action
from audit import log
from audit.events import Tag
from authenticators import links
from authenticators.models import AuthenticatorConfiguration, Challenge, MagicLink
from authsignal_portal import clock, countries, crypto, tokens, user_agent, wording
from authsignal_portal.vocabulary import MagicLinkMode, Scope, TokenPurpose, VerificationMethod
from rules.models import ActionConfiguration

MAX_TOKEN = 128
MAX_ADDRESS = 254


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a link that can still be used."""

    link: MagicLink
    action: Action
    browser: str
    token: str

    @property
    def is_same_browser(self) -> bool:
        bound = self.action.facts.bound_browser
        return bool(bound) and crypto.is_keyed_hash(bound, "browser", self.browser)

    @property
    def needs_address(self) -> bool:
        """An SDK waits for it, in a browser that nothing tells from this one."""
        return not self.link.is_hosted and not self.action.facts.bound_browser

    @property
    def nonce(self) -> str:
        """Only who was shown the form in this browser can send it."""
        return crypto.keyed_hash("magic-link-form", self.browser, links.hash_of(self.token))

    def has_nonce(self, given: str) -> bool:
        return crypto.is_keyed_hash(given, "magic-link-form", self.browser, links.hash_of(self.token))


# Not Django's CSRF token: pages without a referrer post with the origin `null`, which it refuses.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """/challenge/link/<token>"""
    visit = _visit(request, token)
    if visit is None:
        return _shown(request, None, "gone", status=410)
    with wording.speaking(hosted.language_of(visit.action.facts), hosted.texts_of(visit.action.tenant)):
        if request.method == "POST":
            return _confirmed(request, visit)
        return _shown(request, visit, "confirm")


def _visit(request: HttpRequest, token: str) -> Visit | None:
    link = links.find(token) if len(token) <= MAX_TOKEN else None
    if link is None or link.challenge.action_id is None or not links.is_usable(link):
        return None
    rows = Action.objects.select_related("tenant", "user", "facts")
    action = rows.filter(pk=link.challenge.action_id, tenant=link.challenge.tenant_id).first()
    if action is None or action.state in states.CLOSED_TO_PROOF or _is_altered(action):
        return None
    visit = Visit(link, action, one_browser.browser_of(request) or secrets.token_urlsafe(32), token)
    return None if links.is_worn(link) and not visit.is_same_browser else visit


def _is_altered(action: Action) -> bool:
    """Nothing is shown of a transaction that is not the one that was tracked, and nothing confirmed."""
    try:
        linking.transaction_of(action.facts)
    except linking.AlteredTransaction:
        return True
    return False


def _confirmed(request: HttpRequest, visit: Visit) -> HttpResponse:
    if not visit.has_nonce(request.POST.get("nonce", "")):
        return _shown(request, visit, "confirm", status=403)
    if visit.needs_address and not links.names_its_address(visit.link, request.POST.get("email", "")[:MAX_ADDRESS]):
        return _again(request, visit)
    if visit.is_same_browser or visit.needs_address:
        return _completed(request, visit)
    return _code_shown(request, visit)


def _again(request: HttpRequest, visit: Visit) -> HttpResponse:
    visit.link.refresh_from_db()
    if links.is_worn(visit.link):
        return _shown(request, None, "gone", status=410)
    return _shown(request, visit, "confirm", wrong=request.POST.get("email", "")[:MAX_ADDRESS])


@transaction.atomic
def _completed(request: HttpRequest, visit: Visit) -> HttpResponse:
    if not links.confirm(visit.link):
        return _shown(request, None, "gone", status=410)
    _record(visit)
    enrols = visit.link.challenge.purpose == Challenge.Purpose.ENROL
    if visit.is_same_browser and not enrols and _mode(visit) == MagicLinkMode.ORIGINAL_TAB:
        return _carried_on(request, visit)
    return _shown(request, visit, "done")


@transaction.atomic
def _code_shown(request: HttpRequest, visit: Visit) -> HttpResponse:
    code = links.show_code(visit.link)
    if code is None:
        return _shown(request, None, "gone", status=410)
    _record(visit)
    return _shown(request, visit, "code", code=code)


def _record(visit: Visit) -> None:
    user = visit.action.user
    log.record(
        Tag.MAGIC_LINK_OPENED,
        tenant_id=visit.action.tenant_id,
        actor=log.user(user.pseudonym),
        subject=user.pseudonym,
        action_id=visit.action.pk,
        challenge=visit.link.challenge_id,
        method=VerificationMethod.EMAIL_MAGIC_LINK.value,
    )


def _mode(visit: Visit) -> str:
    rows = AuthenticatorConfiguration.objects.filter(
        tenant=visit.action.tenant, method=VerificationMethod.EMAIL_MAGIC_LINK
    )
    return rows.values_list("magic_link_mode", flat=True).first() or MagicLinkMode.NEW_TAB


def _carried_on(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The hosted page in this tab: in the browser that it is bound to, with a token of its own."""
    action = visit.action
    token = tokens.mint(
        tenant=action.tenant,
        purpose=TokenPurpose.TRACK,
        action_id=action.pk,
        user_id=action.user.user_id,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        scope=Scope.READ.value,
        now=clock.now(),
    )
    response = HttpResponseRedirect(f"{settings.PUBLIC_URL}/challenge?token={token}&link=confirmed")
    response.status_code = 303
    hosted.set_headers(response, None)
    return response


# -- what is shown -------------------------------------------------------------------------------


def _shown(request: HttpRequest, visit: Visit | None, what: str, *, status: int = 200, **more: Any) -> HttpResponse:
    tenant = visit.action.tenant if visit else None
    context = {
        "what": what,
        "tenant": tenant.name if tenant else "",
        "theme": hosted_theme.of(tenant),
        **hosted.support_of(tenant, visit.action.facts if visit else None),
        "visit": visit,
        "about": _about(visit) if visit else None,
        **more,
    }
    response = TemplateResponse(request, "challenge/link.html", context).render()
    response.status_code = status
    response.headers["Content-Language"] = translation.get_language() or ""
    hosted.set_headers(response, None)
    response._csp_config |= {"form-action": [SELF]}  # type: ignore[attr-defined]
    if visit and what == "confirm":
        one_browser.set_cookie(response, visit.browser, visit.action.tenant)
    return response


def _about(visit: Visit) -> dict[str, str]:
    """What the person should recognise before they confirm: of who asked for the link, not only what the app says."""
    action, facts, link = visit.action, visit.action.facts, visit.link
    address = str(link.ip_address or facts.ip_address or "")
    place = countries.name(action.country_code, translation.get_language() or "")
    return {
        "action": ActionConfiguration.name_of(action.tenant, action.action_code),
        "message": linking.transaction_shown(action).text,
        "agent": user_agent.named(link.user_agent or facts.user_agent),
        "place": place if address == str(facts.ip_address) else "",
        "address": address,
    }
