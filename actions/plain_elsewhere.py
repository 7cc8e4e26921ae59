"""Proving and enrolling elsewhere without a script: an account with an identity provider, a vendor's identity check."""

from collections.abc import Mapping
from dataclasses import replace

from django.utils.html import format_html

from actions import federated, identity_proving, one_browser, plain_screens
from actions.client_views import seen
from actions.identity_proving import Begun
from actions.plain_screens import Shown
from actions.plain_visit import Answer, Visit, another
from authenticators.models import Challenge
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.vocabulary import IDENTITY_CHECKS, VerificationMethod

Purpose = Challenge.Purpose


def by_account(visit: Visit, method: VerificationMethod, purpose: str = Purpose.AUTHENTICATE) -> Shown:
    """The provider's page is one press away: a form may lead to no other site. It comes back to /challenge."""
    page = {"force_enrollment": "true"} if "force" in visit.flags else {}
    if scheme := visit.flags.get("scheme"):
        page["nativeScheme"] = scheme
    browser = one_browser.browser_of(visit.words.request)
    url = federated.authorize(visit.context, method, purpose, page=page, browser=browser)
    link = format_html('<a class="primary" href="{}">{}</a>', url, visit.text("continue"))
    return _elsewhere(visit, "federated", method, purpose, slots={"onward": link})


def by_check(visit: Visit, method: VerificationMethod, purpose: str = Purpose.AUTHENTICATE) -> Shown:
    return _under_way(visit, identity_proving.start(visit.context, method, purpose, seen(visit.words.request)))


def _under_way(visit: Visit, begun: Begun) -> Shown:
    method, purpose = VerificationMethod(begun.challenge.method), begun.challenge.purpose
    slots: dict[str, str] = {}
    url = begun.session.url
    if url:
        blank = '<a class="primary" href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
        slots = {"onward": format_html(blank, url, visit.text("open-check"))}
    shown = _elsewhere(visit, "identity_check", method, purpose, slots=slots)
    return replace(shown, carry={**shown.carry, "challenge": begun.challenge.pk})


def _elsewhere(
    visit: Visit, screen: str, method: VerificationMethod, purpose: str, *, slots: Mapping[str, str]
) -> Shown:
    enrols = purpose == Purpose.ENROL
    offered = visit.state["enrollable" if enrols else "methods"]
    choice = next((one for one in offered if one["method"] == method), {"method": method})
    when = frozenset({"enrol", "back"}) if enrols else another(visit) | {"prove"}
    carry = {"method": method.value, "purpose": purpose}
    return Shown(screen, when, {"name": plain_screens.card_name(visit.words, choice), **slots}, carry=carry)


def check(visit: Visit) -> Answer:
    """Whether the vendor has decided. Looking begins no check: each costs the operator money."""
    challenge_id = visit.given.get("challenge", "")
    outcome = identity_proving.outcome(visit.context, challenge_id)
    if outcome.is_verified:
        return visit.accept(outcome.access_token, enrolled=bool(outcome.enrolled))
    if outcome.is_consumed:
        return _elsewhere(visit, "check_over", visit.method, _purpose(visit), slots={})
    shown = _under_way(visit, identity_proving.begun(visit.context, challenge_id))
    return replace(shown, slots={**shown.slots, "note": visit.text("not-answered")})


def again(visit: Visit, _argument: str) -> Answer:
    if visit.method not in IDENTITY_CHECKS:
        raise InvalidRequest("There is no such check.")
    return by_check(visit, visit.method, _purpose(visit))


def _purpose(visit: Visit) -> str:
    return Purpose.ENROL if visit.given.get("purpose") == Purpose.ENROL else Purpose.AUTHENTICATE
