"""Answers given without a script: a code typed, a message asked for again, a look whether the phone has answered."""

from dataclasses import replace

from actions import device_waiting, plain_elsewhere, proving, verifying
from actions.plain_elsewhere import Purpose
from actions.plain_enrol import address_given, app_shown, contact_form, enrol, send_on_file
from actions.plain_prove import SWITCH, prove, prove_by_message, push_shown, qr_shown, waiting_for, was_sent
from actions.plain_screens import Shown
from actions.plain_visit import (
    BY_ADDRESS,
    NEXT,
    Answer,
    Visit,
    another,
    clock_text,
    ended,
    exhausted,
    is_enrolling,
    locked,
)
from authsignal_portal.errors import TooManyRequests
from authsignal_portal.vocabulary import IDENTITY_CHECKS, ActionState, FailureReason, VerificationMethod

M = VerificationMethod
# What a code is typed for.
TYPED = (*BY_ADDRESS, M.AUTHENTICATOR_APP, M.RECOVERY_CODE)


def answer(visit: Visit, _argument: str) -> Answer:
    """A form was sent: a code, or an address to enrol."""
    if visit.method not in TYPED:
        return NEXT
    screen = visit.given.get("at", "")
    if screen.endswith("_enrol") and visit.method in BY_ADDRESS:
        return address_given(visit)
    code = visit.given.get("code", "").strip()[:64]
    verified = _verify(visit, visit.method, code)
    if verified.is_verified:
        return visit.accept(verified.access_token, enrolled=bool(verified.enrolled))
    if verified.failure == FailureReason.MAX_ATTEMPTS_EXCEEDED:
        visit.forget()
        enrols = screen.endswith("_enrol") or is_enrolling(visit.carried, visit.state)
        closed = locked(visit, visit.method, carry=visit.carried, enrols=enrols)
        return closed or exhausted(visit, carry=visit.carried)
    if visit.method == M.RECOVERY_CODE:
        # Of what is so long, one letter is mended rather than all of it typed again.
        return replace(_same(visit, screen), problem=visit.text("wrong-recovery"), values={"code": code})
    return replace(_same(visit, screen), problem=visit.text("wrong-code"))


def _verify(visit: Visit, method: VerificationMethod, code: str) -> verifying.Verified:
    if method == M.AUTHENTICATOR_APP:
        return verifying.verify_totp(visit.context, code)
    if method == M.RECOVERY_CODE:
        return verifying.verify_recovery_code(visit.context, code)
    return verifying.verify_code(visit.context, method, code)


def _same(visit: Visit, screen: str) -> Shown:
    """The screen that was there, as it was."""
    if screen == "authenticator_app_enrol":
        return app_shown(visit, visit.given.get("uri", ""))
    if screen == "link_code":
        return Shown("link_code", carry=visit.carried)
    if visit.method in BY_ADDRESS:
        return waiting_for(visit, visit.method, carry=visit.carried)
    return Shown(visit.method.lower(), another(visit), carry=visit.carried)


def resend(visit: Visit, _argument: str) -> Answer:
    if visit.method not in BY_ADDRESS:
        return NEXT
    is_link = visit.method == M.EMAIL_MAGIC_LINK
    try:
        _send_again(visit)
        note = visit.text("resent-link" if is_link else "resent")
    except TooManyRequests as problem:
        note = _too_early(visit, problem)
    return waiting_for(visit, visit.method, carry=visit.carried, note=note)


def _too_early(visit: Visit, problem: TooManyRequests) -> str:
    """When to ask again; and that one was sent a moment ago, where that is why."""
    visit.forget()
    wait = visit.text("try-again-in", time=clock_text(problem.resets_in))
    return f"{visit.text('recently-sent')} {wait}" if was_sent(visit, visit.carried) else wait


def _send_again(visit: Visit) -> None:
    contact = visit.carried.get("contact")
    if contact:
        proving.enrol_code(visit.context, visit.method, contact, visit.way)
    elif "known" in visit.carried:
        send_on_file(visit, visit.method)
    else:
        proving.start_code(visit.context, visit.method, visit.way, which=visit.carried.get("which", ""))


def check(visit: Visit, _argument: str) -> Answer:
    """Whether what happens elsewhere has happened: a link was confirmed, a phone has answered."""
    if visit.method == M.EMAIL_MAGIC_LINK:
        verified = verifying.finalize_link(visit.context)
        if verified.is_verified:
            return visit.accept(verified.access_token, enrolled=bool(verified.enrolled))
        return waiting_for(visit, visit.method, carry=visit.carried, note=visit.text("not-confirmed"))
    if visit.method in IDENTITY_CHECKS:
        return plain_elsewhere.check(visit)
    challenge_id = visit.given.get("challenge", "")
    if visit.method == M.PUSH:
        outcome = device_waiting.push_outcome(visit.context, challenge_id)
    else:
        code = visit.given.get("device_code", "")
        outcome = device_waiting.qr_outcome(visit.context.tenant, challenge_id, code)
        if device_waiting.qr_stages([challenge_id]).get(challenge_id) == device_waiting.Stage.OVER:
            return Shown("push_over", another(visit), carry=visit.carried)
    return _told(visit, outcome)


def _told(visit: Visit, outcome: device_waiting.Outcome) -> Answer:
    if outcome.is_verified:
        return visit.accept(outcome.access_token, enrolled=False)
    if outcome.is_consumed:
        visit.forget()
        declined = visit.state["state"] == ActionState.CHALLENGE_FAILED
        return ended("declined", visit) if declined else Shown("push_over", another(visit), carry=visit.carried)
    if visit.method == M.PUSH:
        shown = push_shown(visit, visit.given["challenge"], visit.given.get("number", ""))
    else:
        given = visit.given
        shown = qr_shown(visit, given["challenge"], given.get("device_code", ""), claimed=outcome.is_claimed)
    return replace(shown, slots={**shown.slots, "note": visit.text("not-answered")})


def code(visit: Visit, _argument: str) -> Shown:
    return Shown("link_code", carry=visit.carried)


def back(visit: Visit, _argument: str) -> Answer:
    """From the code of a link to waiting for the link; from anywhere else to where the flow stands."""
    if visit.given.get("at") == "link_code" and visit.method in BY_ADDRESS:
        return waiting_for(visit, visit.method, carry=visit.carried)
    return NEXT


def switch(visit: Visit, _argument: str) -> Answer:
    return prove_by_message(visit, SWITCH.get(visit.method, M.SMS), visit.carried.get("which", ""))


def retry(visit: Visit, _argument: str) -> Answer:
    """Again what was tried, by the same method, as far as that is known."""
    carry = visit.carried
    if "method" not in carry:
        return NEXT
    if "contact" in carry:
        return contact_form(visit, visit.method, carry["contact"]) if visit.method in BY_ADDRESS else NEXT
    enrols = "known" in carry or "uri" in carry or carry.get("purpose") == Purpose.ENROL
    return enrol(visit, carry["method"]) if enrols else prove(visit, f"{carry['method']}:{carry.get('which', '')}")
