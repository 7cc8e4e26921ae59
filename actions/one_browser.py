"""One browser for one token in an address: the first that opens the hosted page at top level.

Whoever else learns the address later (from a history, a log, a chat) gets nothing by it, neither from the page nor from
the Client API. An access token, which an app got for a proof, is the app's own and is not bound.
"""

from django.http import HttpRequest, HttpResponse

from actions.models import FRAMED, ActionFacts
from authsignal_portal import crypto
from authsignal_portal.errors import ExpiredToken, Forbidden
from authsignal_portal.models import Tenant

BROWSER_COOKIE = "__Host-ch"
EMBEDDED_HEADER = "X-Challenge-Embedded"


def is_top_level(request: HttpRequest) -> bool:
    """Browsers too old to say what they fetch for count as top level."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document"


def is_other(request: HttpRequest, facts: ActionFacts) -> bool:
    bound = facts.bound_browser
    return bool(bound) and not crypto.is_keyed_hash(bound, "browser", browser_of(request))


def is_embedded(request: HttpRequest) -> bool:
    """Whether a call comes from a page in a frame, as the page says."""
    return request.headers.get(EMBEDDED_HEADER) == "yes"


def browser_of(request: HttpRequest) -> str:
    return request.COOKIES.get(BROWSER_COOKIE, "")[:128]


def set_cookie(response: HttpResponse, browser: str, tenant: Tenant) -> None:
    response.set_cookie(
        BROWSER_COOKIE,
        browser,
        max_age=tenant.token_duration_in_minutes * 60,
        secure=True,
        httponly=True,
        samesite="Lax",
    )


class OpenedElsewhere(Forbidden):
    """The page shows a screen of its own for this code."""

    code = "opened_elsewhere"
    default_description = "This verification was opened in another browser and continues only there."


def bind(request: HttpRequest, tenant: Tenant, facts: ActionFacts) -> None:
    """Remember the first browser at top level. Raises OpenedElsewhere, ExpiredToken.

    What began in a frame stays with nobody: the frame has no cookie on another site, and the window that helps it out
    has one, which would shut the frame out. Whether it is framed is what the page says: it unbinds nothing that is
    bound, and is believed only where somebody may frame the page.
    """
    if is_embedded(request) and tenant.app_origins and not facts.browser_hash:
        _remember(facts, FRAMED)
    bind_top_level(request, facts)


def bind_top_level(request: HttpRequest, facts: ActionFacts) -> None:
    """Raises OpenedElsewhere, ExpiredToken."""
    browser = browser_of(request)
    if browser and not facts.browser_hash:
        _remember(facts, crypto.keyed_hash("browser", browser))
    check(request, facts)


def check(request: HttpRequest, facts: ActionFacts) -> None:
    """Raises OpenedElsewhere."""
    if is_other(request, facts):
        raise OpenedElsewhere


def _remember(facts: ActionFacts, mark: str) -> None:
    """Of two at once, the first counts, and the facts say which it was. Raises ExpiredToken."""
    if ActionFacts.objects.filter(pk=facts.pk, browser_hash="").update(browser_hash=mark):
        facts.browser_hash = mark
        return
    stored = ActionFacts.objects.filter(pk=facts.pk).values_list("browser_hash", flat=True).first()
    if stored is None:
        raise ExpiredToken
    facts.browser_hash = stored
