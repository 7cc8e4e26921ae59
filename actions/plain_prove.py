"""Proving without a script: a code, a link, a phone, as static/challenge/prove.js, codes.js and devices.js do."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from actions import app_enrolment, device_waiting, plain_screens, proving, qr_picture
from actions.client_views import seen
from actions.plain_elsewhere import by_account, by_check
from actions.plain_screens import Shown
from actions.plain_visit import (
    BY_ADDRESS,
    NEXT,
    Answer,
    Visit,
    another,
    is_enrolling,
    left_out,
    limited,
    locked,
    named,
    stuck,
    usable,
)
from authenticators.methods import push
from authsignal_portal.errors import TooManyRequests
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, VerificationMethod

M = VerificationMethod
SWITCH = {M.SMS: M.WHATSAPP, M.WHATSAPP: M.SMS}
# A code that is on its way already is used; only a longer pause is worth a screen of its own.
SHORT_WAIT_SECONDS = 60


def choose(visit: Visit) -> Shown:
    found = usable(visit.state["methods"])
    if not found:
        return stuck(visit, visit.state["methods"])
    cards = plain_screens.choices(visit.words, found, act="prove")
    return Shown("choose", left_out(visit.state["methods"]), {"choices": cards})


def prove(visit: Visit, argument: str) -> Answer:
    """`argument`: the method, and of several after a colon which one."""
    method, _colon, which = argument.partition(":")
    chosen = named(method)
    closed = locked(visit, chosen, carry={"method": chosen.value} | ({"which": which} if which else {}))
    if closed or chosen in BY_ADDRESS:
        return closed or prove_by_message(visit, chosen, which)
    return PROVE.get(chosen, _no_such)(visit, chosen)


def _no_such(visit: Visit, _method: VerificationMethod) -> Answer:
    return NEXT


def prove_by_message(visit: Visit, method: VerificationMethod, which: str = "") -> Shown:
    """Of several the one that is named, else the first: the page tells where it went."""
    offered = [one.get("id", "") for one in visit.state["methods"] if one["method"] == method]
    chosen = which if which in offered else next(iter(offered), "")
    carry = {"which": chosen} if chosen else {}
    return sent(visit, method, lambda: proving.start_code(visit.context, method, visit.way, which=chosen), carry)


def sent(visit: Visit, method: VerificationMethod, send: Callable[[], Any], carry: Mapping[str, str] = {}) -> Shown:
    """Sends, and asks for what was sent; what left a moment ago counts as sent, if it was for this."""
    note, carry = "", {"method": method.value, **carry}
    try:
        send()
    except TooManyRequests as problem:
        visit.forget()
        if closed := locked(visit, method, carry=carry, enrols=is_enrolling(carry, visit.state)):
            return closed
        if problem.resets_in > SHORT_WAIT_SECONDS:
            return limited(visit, problem, carry=carry, reason=visit.text("not-now"))
        left = was_sent(visit, carry)
        if not left:
            why = "sent-elsewhere" if left is None else "not-sent"
            shown = limited(visit, problem, carry=carry, reason=visit.text(why))
            return replace(shown, slots={**shown.slots, "title": visit.text("soon")})
        note = visit.text("recently-sent")
    return waiting_for(visit, method, carry=carry, note=note)


def was_sent(visit: Visit, carry: Mapping[str, str]) -> bool | None:
    """Whether what was sent for this a moment ago left; None where nothing was."""
    found: dict[str, bool] = visit.state.get("sent", {})
    return found.get(":".join(filter(None, [carry["method"], carry.get("which")])))


def waiting_for(visit: Visit, method: VerificationMethod, *, carry: Mapping[str, str], note: str = "") -> Shown:
    """The screen that asks for a code or waits for a link."""
    others = {one["method"] for one in visit.state["methods"]}
    enrolling = "contact" in carry or "known" in carry
    when = another(visit) if not enrolling else frozenset({"another"})
    if "contact" in carry or "editable" in carry:
        when |= {"change"}
    if SWITCH.get(method) in others and not enrolling:
        when |= {"switch"}
    is_link = method == M.EMAIL_MAGIC_LINK
    known = [*(visit.state["enrollable"] if enrolling else []), *visit.state["methods"]]
    target = carry.get("contact") or _target(method, carry.get("which", ""), known)
    slots = {"target": target} | ({"note": note} if note else {})
    labels = {"resend": visit.text("resend-link" if is_link else "resend")}
    return Shown(method.lower(), when, slots, labels, carry=carry)


def _target(method: VerificationMethod, which: str, known: list[dict[str, Any]]) -> str:
    same = [one for one in known if one["method"] == method and which in ("", one.get("id"))]
    return next((one["target"] for one in same if "target" in one), "")


def _prove_by_code(visit: Visit, method: VerificationMethod) -> Shown:
    return Shown(method.lower(), another(visit), carry={"method": method.value})


def _prove_by_push(visit: Visit, _method: VerificationMethod) -> Shown:
    challenge = device_waiting.start_push(visit.context, action="", authenticator_id="")
    number = push.number_of(challenge)
    return push_shown(visit, challenge.pk, number or "")


def push_shown(visit: Visit, challenge_id: str, number: str) -> Shown:
    when = another(visit) | {"number" if number else "plain"}
    carry = {"method": M.PUSH.value, "challenge": challenge_id} | ({"number": number} if number else {})
    return Shown("push", when, {"number": number}, carry=carry)


def _prove_by_qr(visit: Visit, _method: VerificationMethod) -> Shown:
    challenge, device_code = device_waiting.start_qr(
        visit.context.tenant,
        visit.context,
        action="",
        custom={},
        seen=seen(visit.words.request),
        lifetime_seconds=settings.QR_CHALLENGE_SECONDS,
    )
    return qr_shown(visit, challenge.pk, device_code, claimed=False)


def qr_shown(visit: Visit, challenge_id: str, device_code: str, *, claimed: bool) -> Shown:
    when = another(visit) | {"claimed" if claimed else "shown"}
    carry = {"method": M.QR_CODE.value, "challenge": challenge_id, "device_code": device_code}
    picture = qr_picture.picture(app_enrolment.scannable(visit.context.user, challenge_id))
    return Shown("qr_code", when, {"qr": picture}, carry=carry)


PROVE: dict[VerificationMethod, Callable[[Visit, VerificationMethod], Answer]] = {
    M.AUTHENTICATOR_APP: _prove_by_code,
    M.RECOVERY_CODE: _prove_by_code,
    M.PUSH: _prove_by_push,
    M.QR_CODE: _prove_by_qr,
    **dict.fromkeys(ID_TOKENS, by_account),
    **dict.fromkeys(IDENTITY_CHECKS, by_check),
}
