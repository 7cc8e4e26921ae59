"""Who stands where on a hosted page without a script; what every step needs to know of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, TypeAlias

from django.utils import translation

from actions import hosted_state, leaving
from actions.client_auth import ClientContext, read_context
from actions.client_views import seen
from actions.plain_screens import ADDED_BY_SCRIPT, NEEDS_SCRIPT, Shown, Words
from authenticators.codes import Way
from authenticators.links import Asker
from authsignal_portal.errors import AuthsignalError, InvalidRequest, TooManyRequests
from authsignal_portal.vocabulary import WEBAUTHN, TokenPurpose, VerificationMethod

M = VerificationMethod
BY_MESSAGE = (M.EMAIL_OTP, M.SMS, M.WHATSAPP)
BY_ADDRESS = (*BY_MESSAGE, M.EMAIL_MAGIC_LINK)
# What says where in the flow the user stands. None of it is believed where it matters.
CARRIED = ("method", "which", "contact", "challenge", "number", "device_code", "uri", "known", "editable", "purpose")
FLAGS = ("force", "scheme", "added", "first", "still")


class Onward(Enum):
    """What a step may answer instead of a screen: whichever comes next, or comes after a right answer."""

    NEXT = "next"
    PROVED = "proved"


NEXT, PROVED = Onward.NEXT, Onward.PROVED
Answer: TypeAlias = Shown | Onward


@dataclass
class Visit:
    """One press of a button: who, with which token, on which screen."""

    words: Words
    context: ClientContext
    token: str
    given: Mapping[str, str]
    flags: dict[str, str] = field(default_factory=dict)

    @cached_property
    def state(self) -> dict[str, Any]:
        return hosted_state.describe(self.context, self.token)

    @property
    def has_state(self) -> bool:
        """Whether it can be told where the user stands: not once the token is over or the transaction was altered."""
        try:
            return bool(self.state)
        except AuthsignalError:
            return False

    def forget(self) -> None:
        """What was read before a step changed something."""
        self.__dict__.pop("state", None)
        self.context = read(self.token)

    def accept(self, access_token: str | None, *, enrolled: bool) -> Onward:
        """A right answer: what the steps after it are taken with."""
        if enrolled:
            self.flags["added"] = "yes"
        self.token = access_token or self.token
        return PROVED

    def text(self, name: str, **values: object) -> str:
        return self.words.text(name, **values)

    @property
    def way(self) -> Way:
        caller = seen(self.words.request)
        return Way(asker=Asker(True, caller["userAgent"], caller.get("ipAddress")))

    @property
    def method(self) -> VerificationMethod:
        """Raises InvalidRequest."""
        return named(self.given.get("method", ""))

    @property
    def proved(self) -> bool:
        return self.context.token.purpose == TokenPurpose.ACCESS or "added" in self.flags

    @property
    def carried(self) -> dict[str, str]:
        return {name: self.given[name] for name in CARRIED if self.given.get(name)}


def read(token: str) -> ClientContext:
    """Who comes with this token, on a page that speaks the language that is spoken now. Raises ExpiredToken."""
    return read_context(token, page_language=translation.get_language() or "")


def ended(screen: str, visit: Visit | None = None) -> Shown:
    can_leave = bool(visit and leaving_url(visit))
    status = {"other-browser": 403, "expired": 410, "missing": 403}.get(screen, 200)
    return Shown(screen, frozenset({"leave"} if can_leave else ()), may_quit=False, status=status)


def leaving_url(visit: Visit) -> str | None:
    if scheme := visit.flags.get("scheme"):
        return f"{scheme}://auth?token={visit.token}"
    return leaving.return_url(visit.context.tenant, visit.context.facts, visit.token)


def usable(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if one["method"] not in NEEDS_SCRIPT]


def addable(visit: Visit) -> list[dict[str, Any]]:
    return [one for one in visit.state["enrollable"] if one["method"] not in ADDED_BY_SCRIPT]


def left_out(offered: list[dict[str, Any]]) -> frozenset[str]:
    """The part of a list's screen that says why no passkey is on it. That an app is not there needs no word."""
    return frozenset({"script"} if any(one["method"] in WEBAUTHN for one in offered) else ())


def may_add(visit: Visit) -> bool:
    return bool(visit.state["canEnrol"] and addable(visit))


def stuck(visit: Visit, offered: list[dict[str, Any]]) -> Shown:
    """Nothing is left, or nothing that goes without a script."""
    if any(one["method"] in NEEDS_SCRIPT for one in offered):
        return ended("no_script", visit)
    return ended("unavailable", visit).also("none")


def named(method: str) -> VerificationMethod:
    try:
        return VerificationMethod(method)
    except ValueError as error:
        raise InvalidRequest("There is no such method.") from error


def another(visit: Visit) -> frozenset[str]:
    return frozenset({"another"} if len(usable(visit.state["methods"])) > 1 else ())


def _others(visit: Visit) -> frozenset[str]:
    """For the screens of a problem, which may be that there is no state to read."""
    return another(visit) if visit.has_state else frozenset()


def is_enrolling(carry: Mapping[str, str], state: Mapping[str, Any]) -> bool:
    """Whether what is sent enrols an address. One on file of a new user is proved, and with that enrolled."""
    return "contact" in carry or ("known" in carry and not state["isNew"])


def locked(visit: Visit, method: VerificationMethod, *, carry: Mapping[str, str], enrols: bool = False) -> Shown | None:
    """The screen of a method that takes no code now; None where it takes them."""
    offered = visit.state["enrollable" if enrols else "methods"]
    found: dict[str, Any] = next((one for one in offered if one["method"] == method), {})
    if "disabled" in found:
        return Shown("locked", another(visit) | {"disabled"}, carry=carry)
    if "lockedUntil" not in found:
        return None
    left = max(1, (found["lockedUntil"] - visit.state["now"]) // 1000)
    return exhausted(visit, until=visit.text("try-again-in", time=clock_text(left)), carry=carry)


def exhausted(visit: Visit, *, until: str = "", carry: Mapping[str, str]) -> Shown:
    """The code is no longer taken; with `until`, none is for a while. Nothing here counts the time: trying again is
    offered all along."""
    when = another(visit) | {"ready"} | ({"paused"} if until else set())
    return Shown("locked", when, {"until": until or visit.text("try-again-now")}, carry=carry)


def limited(
    visit: Visit, problem: TooManyRequests, *, carry: Mapping[str, str] | None = None, reason: str = ""
) -> Shown:
    """`carry`: where it is not what this step was taken with."""
    until = visit.text("try-again-in", time=clock_text(problem.resets_in))
    slots = {"until": until} | ({"reason": reason} if reason else {})
    return Shown(
        "limited", _others(visit) | {"paused", "ready"}, slots, carry=visit.carried if carry is None else carry
    )


def failed(visit: Visit, reason: str, *, is_forbidden: bool = False) -> Shown:
    """What is not allowed is not allowed at the next try either: then the way is back."""
    when = others = _others(visit)
    if not is_forbidden:
        when |= {"retry", "proving"} if _is_proving(visit) else {"retry"}
    elif not others and leaving_url(visit):
        when |= {"leave"}
    return Shown("error", when, {"reason": reason}, carry=visit.carried)


def _is_proving(visit: Visit) -> bool:
    return not visit.proved and not (visit.has_state and visit.state["settings"])


def clock_text(seconds: int) -> str:
    """90 → "1 min 30 s", as `clockText` in static/challenge/page.js; never nothing."""
    left = max(1, seconds)
    parts = ((left // 3600, "h"), (left // 60 % 60, "min"), (left % 60, "s"))
    return " ".join(f"{count}\N{NO-BREAK SPACE}{unit}" for count, unit in parts if count)
