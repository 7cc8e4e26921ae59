"""What the screens of the hosted pages are called for whoever writes their texts, and in which groups they stand.

A *screen* is one as `authsignal_portal.wording` names it, after its template. What belongs to one verification method
stands under the method's name.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from authsignal_portal import words
from authsignal_portal.vocabulary import VerificationMethod
from authsignal_portal.wording import Point

METHODS: Final = _("One verification method each")
SCREENS: Final[Mapping[Promise, Mapping[str, Promise]]] = {
    _("On every page"): {
        "page": _("Buttons of every page"),
        "card": _("Title of the page"),
        "brand": _("What stands where there is no logo"),
        "loading": _("While the page loads"),
        "code-form": _("Button below a code"),
        "strings": _("Errors, and what the page says as it goes"),
        "not-arrived": _("“Not working?”: when no code or link arrives"),
        "support": _("The way to your help"),
        "plain": _("Without JavaScript: waiting for an answer"),
        "no-script": _("Without JavaScript: what needs it"),
    },
    _("Verifying"): {
        "choose": _("Choosing a method"),
        "federated": _("Signing in with an account"),
        "identity-check": _("Identity check"),
        "check-over": _("Identity check that did not work"),
        "push-over": _("Request on the phone that has ended"),
        "elsewhere": _("Going on in another window"),
        "link": _("Page behind a link in an email"),
        "link-code": _("Code from the other device"),
    },
    METHODS: {},
    _("Setting up"): {
        "enrol": _("Choosing what to set up"),
        "get-app": _("Getting an authenticator app"),
        "app-enrol": _("Setting up the app on the phone"),
        "success": _("Success"),
        "done": _("All done"),
    },
    _("What users manage themselves"): {
        "settings": _("Their verification methods"),
        "manage": _("One of their methods"),
        "rename": _("Giving a name"),
        "renew-codes": _("New recovery codes"),
        "devices": _("Their devices"),
    },
    _("When it does not go on"): {
        "errors/blocked": _("Blocked"),
        "errors/failed": _("Verification failed"),
        "errors/declined": _("Declined on the phone"),
        "errors/review": _("Under review"),
        "errors/limited": _("Too many tries"),
        "errors/locked": _("Too many wrong codes"),
        "errors/expired": _("The page has expired"),
        "errors/used": _("Already done"),
        "errors/unavailable": _("No way to verify"),
        "errors/other-browser": _("Opened in another browser"),
        "errors/missing": _("The page cannot go on"),
        "errors/error": _("Something else went wrong"),
    },
}


def grouped(points: Iterable[Point]) -> dict[Promise, dict[Promise | str, list[Point]]]:
    """The points by group and by the screen's name, in the order of this page. Raises LookupError for a new screen."""
    groups: dict[Promise, dict[Promise | str, list[Point]]] = {
        group: {name: [] for name in screens.values()} for group, screens in SCREENS.items()
    }
    groups[METHODS] = {name: [] for name in words.METHODS.values()}
    places = {screen: (group, name) for group, screens in SCREENS.items() for screen, name in screens.items()}
    for point in points:
        group, name = places.get(point.screen) or (METHODS, words.METHODS[_method(point.screen)])
        groups[group][name].append(point)
    return {group: {name: found for name, found in screens.items() if found} for group, screens in groups.items()}


def _method(screen: str) -> VerificationMethod:
    """email-otp-card → EMAIL_OTP. Raises LookupError."""
    name = screen.removesuffix("-card").removesuffix("-enrol").replace("-", "_").upper()
    return VerificationMethod[name]
