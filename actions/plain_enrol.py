"""Setting something up without a script, as static/challenge/enrol.js does."""

import re
from typing import Any

import phonenumbers
from django.utils.html import format_html_join

from actions import plain_screens, proving, qr_picture
from actions.plain_elsewhere import Purpose, by_account, by_check
from actions.plain_prove import sent
from actions.plain_screens import Shown
from actions.plain_visit import BY_ADDRESS, NEXT, Answer, Visit, addable, left_out, named
from authsignal_portal.errors import InvalidRequest, RefusedAddress
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, VerificationMethod

M = VerificationMethod
REGION = re.compile(r"-([A-Z]{2})\b")


def enrol_list(visit: Visit, *, back: bool = False) -> Shown:
    cards = plain_screens.choices(visit.words, addable(visit), act="enrol", is_new=True)
    when = {"further" if visit.state["isEnrolled"] else "first"}
    when |= ({"back"} if back else set()) | left_out(visit.state["enrollable"])
    return Shown("enrol", frozenset(when), {"choices": cards}, may_quit="force" not in visit.flags)


def add(visit: Visit, _argument: str) -> Shown:
    return enrol_list(visit, back=True)


def enrol(visit: Visit, method: str) -> Answer:
    chosen = named(method)
    offered: dict[str, Any] = next((one for one in visit.state["enrollable"] if one["method"] == chosen), {})
    if chosen == M.AUTHENTICATOR_APP:
        return Shown("get_app", frozenset({"back"})) if offered.get("showsDownload") else got_app(visit)
    if chosen in ID_TOKENS:
        return by_account(visit, chosen, Purpose.ENROL)
    if chosen in IDENTITY_CHECKS:
        return by_check(visit, chosen, Purpose.ENROL)
    if chosen not in BY_ADDRESS:
        return NEXT
    if "target" in offered:
        # An address that the app gave us needs no typing, only its code.
        known = {"known": "yes"} | ({"editable": "yes"} if offered.get("editable") else {})
        return sent(visit, chosen, lambda: send_on_file(visit, chosen), known)
    return contact_form(visit, chosen)


def got_app(visit: Visit, _argument: str = "") -> Shown:
    return app_shown(visit, proving.enrol_totp(visit.context).uri)


def send_on_file(visit: Visit, method: VerificationMethod) -> None:
    """A first one is proved, and enrolled by that; a further one is enrolled."""
    send = proving.start_code if visit.state["isNew"] else proving.enrol_on_file
    send(visit.context, method, visit.way)


def contact_form(visit: Visit, method: VerificationMethod, typed: str = "", problem: str = "") -> Shown:
    slots: dict[str, str] = {"prefix": ""}
    if method in (M.SMS, M.WHATSAPP):
        region = visit.given.get("country") or visit.context.action.country_code or _spoken_region(visit)
        slots["countries"] = plain_screens.country_options(visit.context.tenant, region)
    name = "email" if method.startswith("EMAIL") else "phoneNumber"
    return Shown(
        f"{method.lower()}_enrol",
        frozenset({"back"}),
        slots,
        values={name: typed},
        carry={"method": method.value},
        problem=problem,
    )


def _spoken_region(visit: Visit) -> str:
    """Of the browser's languages, the first that names a country."""
    found = REGION.search(visit.words.request.headers.get("Accept-Language", ""))
    return found[1] if found else "US"


def address_given(visit: Visit) -> Shown:
    method = visit.method
    is_email = method.startswith("EMAIL")
    typed = visit.given.get("email" if is_email else "phoneNumber", "").strip()[:254]
    try:
        to = typed if is_email else _international(typed, visit.given.get("country", ""))
        return sent(visit, method, lambda: proving.enrol_code(visit.context, method, to, visit.way), {"contact": to})
    except RefusedAddress as refused:
        return contact_form(visit, method, typed, visit.text(refused.reason))


def _international(typed: str, region: str) -> str:
    """Raises RefusedAddress."""
    try:
        number = phonenumbers.parse(typed, region[:2].upper() or None)
    except phonenumbers.NumberParseException as error:
        raise RefusedAddress("That is no phone number.", reason="bad-phone") from error
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def change(visit: Visit, _argument: str) -> Answer:
    return contact_form(visit, visit.method, visit.carried.get("contact", "")) if visit.method in BY_ADDRESS else NEXT


def app_shown(visit: Visit, uri: str) -> Shown:
    if not uri.isascii():
        raise InvalidRequest("uri must be percent-encoded.")
    secret = qr_picture.secret_in(uri)
    slots = {
        "qr": qr_picture.picture(uri),
        "uri": uri,
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
    }
    carry = {"method": M.AUTHENTICATOR_APP.value, "uri": uri}
    return Shown("authenticator_app_enrol", frozenset({"back"}), slots, carry=carry)


def codes(visit: Visit, _argument: str) -> Shown:
    """A new set ends the one before: whoever has codes left is asked first."""
    return Shown("renew_codes") if visit.state["recoveryCodes"].get("remaining") else new_codes(visit)


def new_codes(visit: Visit, _argument: str = "") -> Shown:
    codes = proving.new_recovery_codes(visit.context)
    items = format_html_join("", "<li>{}</li>", [(code,) for code in codes])
    return Shown("recovery_code_enrol", slots={"codes": items}, may_quit=False)
