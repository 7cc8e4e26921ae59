"""What each button of a hosted page does without a script: the server's part of static/challenge, step by step.

A step is named by the button that was pressed (`act`, as `data-act` in the templates) and answers with the next
screen. What it may do is judged where the Client API's calls are judged; the form only says where the user stands.
"""

from collections.abc import Callable
from dataclasses import replace

from actions import dead_ends, devices
from actions.plain_answers import answer, back, check, code, resend, retry, switch
from actions.plain_elsewhere import again
from actions.plain_enrol import add, change, codes, enrol, enrol_list, got_app, new_codes
from actions.plain_prove import choose, prove
from actions.plain_screens import Shown
from actions.plain_settings import devices_page, forget, manage, prefer, remove, rename, save_name, settings_page
from actions.plain_visit import NEXT, PROVED, Answer, Onward, Visit, ended, leaving_url, may_add, stuck
from authenticators import challenges
from authsignal_portal.vocabulary import ActionState

State = ActionState
CLOSED = {
    State.BLOCK: "blocked",
    State.REVIEW_REQUIRED: "review",
    State.REVIEW_SUCCEEDED: "used",
    State.REVIEW_FAILED: "blocked",
    State.CHALLENGE_FAILED: "failed",
}

Step = Callable[[Visit, str], Answer]


def take(visit: Visit, act: str) -> Shown:
    """The screen after this button. Raises AuthsignalError."""
    name, _colon, argument = act.partition(":")
    answer = STEPS.get(name, _next)(visit, argument)
    if answer is PROVED:
        answer = _after_proof(visit)
    return next_screen(visit) if isinstance(answer, Onward) else answer


def first_screen(visit: Visit) -> Shown:
    """Of whoever opens the page. With a first account come recovery codes, which only a press of a button may make."""
    is_closed = State(visit.state["state"]) in CLOSED
    if "added" in visit.flags and not is_closed and _lacks_codes(visit):
        return Shown("recovery_codes", may_quit=False)
    return next_screen(visit)


def look(visit: Visit) -> Shown:
    """As pressing `check`, by a page that waits: it says nothing new until there is something new, and goes on where
    an earlier look brought the proof."""
    answer = check(visit, "")
    if isinstance(answer, Shown) and not _is_proved(visit):
        return replace(answer, slots={name: words for name, words in answer.slots.items() if name != "note"})
    visit.forget()
    return first_screen(visit)


def _is_proved(visit: Visit) -> bool:
    newest = challenges.of_action(visit.context.tenant, visit.context.action.pk, visit.method).first()
    return newest is not None and newest.verified_at is not None


def next_screen(visit: Visit) -> Shown:
    """As `run` in static/challenge/challenge.js. Changes nothing."""
    state = visit.state
    closed = CLOSED.get(State(state["state"]))
    if closed:
        return ended(closed, visit)
    wants_settings = state["settings"]
    if state["state"] == State.CHALLENGE_SUCCEEDED and not wants_settings and not visit.proved:
        return ended("used", visit)
    waiting = state["state"] == State.CHALLENGE_REQUIRED and not state["vouched"]
    wants_new = not state["isEnrolled"] or "force" in visit.flags or waiting
    wants_more = wants_new or (wants_settings and not state["vouched"])
    enrol_instead = not state["isEnrolled"] and may_add(visit)
    if state["methods"] and not enrol_instead and (waiting or (wants_more and not state["canEnrol"])):
        return choose(visit)
    if wants_new and may_add(visit) and "added" not in visit.flags:
        return enrol_list(visit)
    if waiting or (wants_more and not state["isEnrolled"] and not state["vouched"]):
        return stuck(visit, state["enrollable"] if state["canEnrol"] else [])
    return settings_page(visit) if wants_settings else _success(visit)


def _after_proof(visit: Visit) -> Shown:
    """What follows a right answer: recovery codes with the first method, else the next screen."""
    visit.forget()
    return new_codes(visit) if "first" in visit.flags and _lacks_codes(visit) else next_screen(visit)


def _lacks_codes(visit: Visit) -> bool:
    """Whether there never were any, and may be now."""
    codes = visit.state["recoveryCodes"]
    return bool(codes["mayMake"] and "remaining" not in codes)


def _left(visit: Visit, *, good: bool) -> Shown:
    dead_ends.close(visit.context)
    url = leaving_url(visit) or ""
    return Shown("done", frozenset({"good" if good else "quit"}), may_quit=False, leave_to=url)


def _success(visit: Visit) -> Shown:
    days, own = visit.state.get("remember"), visit.state["recoveryCodes"]
    low = own["wasUsed"] and own["isLow"]
    when = {"enrolled" if "added" in visit.flags else "verified"}
    if not days and not low:
        leave_to = leaving_url(visit) or ""
        return Shown(
            "success", frozenset(when | ({"leaving"} if leave_to else set())), may_quit=False, leave_to=leave_to
        )
    slots = {"remaining": str(own["remaining"])} if low else {}
    if days:
        slots["remember-words"] = visit.text("remember-1" if days == 1 else "remember", days=days)
    when |= ({"remember"} if days else set()) | ({"low"} if low else set())
    return Shown("success", frozenset(when), slots, may_quit=False)


def _finish(visit: Visit, _argument: str) -> Answer:
    """The primary button of what closes a part: the codes were saved, the settings are done, the success was seen."""
    screen = visit.given.get("at", "")
    if screen == "recovery_code_enrol":
        return NEXT
    _remember(visit)
    return _left(visit, good=True)


def _remember(visit: Visit) -> None:
    """Where the success was seen, and the box on it ticked."""
    if visit.given.get("at") == "success" and visit.given.get("remember") == "yes":
        devices.remember(visit.context.action, visit.context.facts, now=visit.context.now)


def _codes(visit: Visit, argument: str) -> Shown:
    _remember(visit)
    return codes(visit, argument)


def _quit(visit: Visit, _argument: str) -> Shown:
    return _left(visit, good=False)


def _leave(visit: Visit, _argument: str) -> Shown:
    return _left(visit, good=visit.given.get("at") == "used")


def _next(_visit: Visit, _argument: str) -> Answer:
    return NEXT


STEPS: dict[str, Step] = {
    "prove": prove,
    "enrol": enrol,
    "got": got_app,
    "answer": answer,
    "resend": resend,
    "check": check,
    "again": again,
    "code": code,
    "back": back,
    "switch": switch,
    "change": change,
    "retry": retry,
    "add": add,
    "codes": _codes,
    "renew": new_codes,
    "manage": manage,
    "rename": rename,
    "name": save_name,
    "remove": remove,
    "prefer": prefer,
    "devices": devices_page,
    "forget": forget,
    "finish": _finish,
    "quit": _quit,
    "leave": _leave,
}
