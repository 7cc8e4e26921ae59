"""The hosted pages' forms without JavaScript: whose they are, what they refuse, and that GET changes nothing."""

import html
import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client
from django.utils import formats

from actions import hosted_state, plain_visit, proofs, qr_picture
from actions.client_auth import read_context
from actions.models import Action, ActionFacts
from audit.models import AuditEvent
from authenticators.methods import recovery_code
from authenticators.models import Authenticator, Challenge, EndUser, GuessCount, IdentityProvider, Message, RecoveryCode
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DevicePlatform
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import linked, make
from tests.adapter import SECRET, Adapter
from tests.api.reading import code_sent
from tests.api.test_magic_link import confirm, link_sent
from tests.api.test_switched_off import leave
from tests.conftest import Api
from tests.portal.staff import signed_in

PATH = "/challenge/plain"
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
REFRESH = re.compile(r'<meta http-equiv="refresh" content="0;url=([^"]+)">')
TITLE = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
OTP_URI = "otpauth://totp/Acme:jo?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def browser(client: Client) -> Client:
    client.defaults["HTTP_SEC_FETCH_SITE"] = "same-origin"
    return client


def track(api: Api, **attributes: Any) -> dict[str, Any]:
    body: dict[str, Any] = api("POST", "users/jo/actions/signIn", attributes).body
    return body


@pytest.fixture
def tracked(api: Api) -> dict[str, Any]:
    """An action of a user who has an email address and an authenticator app."""
    api("POST", "users/jo/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "jo@example.com"})
    api("POST", "users/jo/authenticators", {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": OTP_URI})
    return track(api)


def opened(browser: Client, tracked: dict[str, Any], **query: str) -> dict[str, str]:
    """What the forms of the first page carry."""
    return carried(first_page(browser, tracked, **query))


def first_page(browser: Client, tracked: dict[str, Any], **query: str) -> Any:
    """The page to which /challenge leads a browser without JavaScript."""
    shown = browser.get("/challenge", {"token": tracked["token"], **query}, headers={"Sec-Fetch-Dest": "document"})
    address = REFRESH.search(shown.content.decode())
    assert address, shown.content
    first = browser.get(html.unescape(address[1]))
    assert first.status_code == 200, first.content
    return first


def carried(shown: Any) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in FIELD.findall(shown.content.decode().partition("</form>")[0])}


def press(browser: Client, form: dict[str, str], act: str, **more: str) -> Any:
    return browser.post(PATH, {**form, "act": act, **more})


def title(shown: Any) -> str:
    found = TITLE.search(shown.content.decode())
    assert found
    return re.sub(r"<[^>]+>", "", found[1]).strip()


def rows() -> dict[str, list[Any]]:
    models = (Action, ActionFacts, Authenticator, Challenge, EndUser, AuditEvent)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


@pytest.mark.parametrize("query", [{}, {"force_enrollment": "true", "added": "yes", "act": "prove:EMAIL_OTP"}])
def test_opening_it_changes_nothing(browser: Client, tracked: dict[str, Any], query: dict[str, str]) -> None:
    before = rows()
    shown = first_page(browser, tracked, link="confirmed", **query)
    assert browser.head(PATH, {"visit": carried(shown)["visit"], **query}).status_code == 200
    assert rows() == before
    assert title(shown) == "How do you want to verify?"


def test_the_page_runs_no_script_and_stands_in_no_frame(browser: Client, tracked: dict[str, Any]) -> None:
    shown = first_page(browser, tracked)
    policy = shown["Content-Security-Policy"]
    assert "script-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert (shown["Cache-Control"], shown["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert b"<script" not in shown.content


def test_no_page_tells_the_token(browser: Client, tracked: dict[str, Any]) -> None:
    first = first_page(browser, tracked)
    proving = press(browser, carried(first), "prove:AUTHENTICATOR_APP")
    for shown in (first, proving):
        assert tracked["token"].encode() not in shown.content


def test_a_page_in_a_frame_leads_nowhere_without_a_script(browser: Client, tracked: dict[str, Any]) -> None:
    framed = browser.get("/challenge", {"token": tracked["token"]}, headers={"Sec-Fetch-Dest": "iframe"})
    assert PATH not in framed.content.decode()


# -- whose form it is ----------------------------------------------------------------------------


def without_a_visit(form: dict[str, str], browser: Client) -> dict[str, str]:
    return {name: value for name, value in form.items() if name != "visit"}


def altered(form: dict[str, str], browser: Client) -> dict[str, str]:
    last = form["visit"][-5]
    return {**form, "visit": form["visit"][:-5] + ("A" if last != "A" else "B") + form["visit"][-4:]}


def without_the_cookie(form: dict[str, str], browser: Client) -> dict[str, str]:
    browser.cookies.clear()
    return form


def in_another_browser(form: dict[str, str], browser: Client) -> dict[str, str]:
    browser.cookies["__Host-ch"] = "another"
    return form


def from_another_site(form: dict[str, str], browser: Client) -> dict[str, str]:
    browser.defaults["HTTP_SEC_FETCH_SITE"] = "cross-site"
    return form


@pytest.mark.parametrize("spoil", [without_a_visit, altered, without_the_cookie, in_another_browser, from_another_site])
def test_a_form_of_another_page_or_browser_does_nothing(browser: Client, tracked: dict[str, Any], spoil: Any) -> None:
    form = spoil(opened(browser, tracked), browser)
    before = rows()
    shown = press(browser, form, "prove:EMAIL_OTP")
    assert (shown.status_code, title(shown)) == (403, "This page cannot go on")
    assert rows() == before


def test_who_took_the_first_step_takes_all(browser: Client, tracked: dict[str, Any]) -> None:
    thief = Client(headers={"sec-fetch-site": "same-origin"})
    early = opened(thief, tracked)
    assert title(press(browser, opened(browser, tracked), "prove:EMAIL_OTP")) == "Check your email"
    shown = press(thief, early, "prove:AUTHENTICATOR_APP")
    assert (shown.status_code, title(shown)) == (403, "Opened in another browser")
    assert thief.get(PATH, {"visit": early["visit"]}).status_code == 403


def test_saying_that_it_is_framed_does_not_unbind_it(browser: Client, tracked: dict[str, Any]) -> None:
    form = opened(browser, tracked)
    browser.post(PATH, {**form, "act": "prove:AUTHENTICATOR_APP"}, headers={"X-Challenge-Embedded": "yes"})
    assert ActionFacts.objects.get(action__idempotency_key=tracked["idempotencyKey"]).bound_browser


# -- what the form says is believed for nothing that matters -----------------------------------------


@pytest.mark.parametrize(
    ("act", "more"),
    [
        ("finish", {"at": "recovery_code_enrol"}),
        ("codes", {"first": "yes", "added": "yes"}),
        ("enrol:SMS", {"added": "yes", "force": "yes"}),
        ("answer", {"at": "sms_enrol", "method": "SMS", "phoneNumber": "+64215550123"}),
        ("enrol:AUTHENTICATOR_APP", {"added": "yes"}),
        ("remove", {"authenticator": "the first"}),
        ("prefer", {"authenticator": "the first"}),
        ("devices", {}),
        ("forget:1", {}),
        ("manage:1", {}),
        ("nonsense", {"method": "NONSENSE"}),
        ("answer", {"method": "NONSENSE"}),
        ("answer", {"method": "IDVERSE"}),
        ("answer", {"method": "PUSH", "at": "push_enrol"}),
        ("resend", {"method": "IDVERSE"}),
        ("change", {"method": "PUSH"}),
        ("back", {"method": "IDVERSE", "at": "link_code"}),
        ("check", {"method": "PUSH", "challenge": "x" * 300}),
        ("check", {"method": "PUSH", "challenge": "x\x00y"}),
        ("check", {"method": "QR_CODE", "challenge": "x", "device_code": "é"}),
        (
            "answer",
            {"method": "AUTHENTICATOR_APP", "at": "authenticator_app_enrol", "uri": "otpauth://totp/" + "é" * 2000},
        ),
        ("answer", {"method": "AUTHENTICATOR_APP", "at": "authenticator_app_enrol", "uri": "javascript:x"}),
    ],
)
def test_nothing_is_won_by_what_a_form_claims(
    browser: Client, tracked: dict[str, Any], act: str, more: dict[str, str]
) -> None:
    form = opened(browser, tracked)
    if more.get("authenticator"):
        more = {"authenticator": str(Authenticator.objects.earliest("created_at").pk)}
    before = list(Authenticator.objects.values_list("pk", "is_default", "verified_at"))
    shown = press(browser, form, act, **more)
    assert shown.status_code < 500
    assert list(Authenticator.objects.values_list("pk", "is_default", "verified_at")) == before
    assert Action.objects.get().state == "CHALLENGE_REQUIRED"
    assert "the user's" not in title(shown)


@pytest.mark.parametrize("device", ["9" * 18, "9" * 19, "9" * 5000, "-1", "²"])
def test_no_device_has_such_a_number(browser: Client, tracked: dict[str, Any], api: Api, device: str) -> None:
    vouched = track(api, redirectToSettings=True, scope="update:authenticators")
    shown = press(browser, opened(browser, vouched), f"forget:{device}")
    assert (shown.status_code, title(shown)) == (200, "Your devices")


def test_a_transaction_that_was_altered_is_told_and_nothing_proves_it(browser: Client, api: Api, acme: Tenant) -> None:
    linked.link(acme)
    api("POST", "users/jo/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "jo@example.com"})
    form = opened(browser, api("POST", "users/jo/actions/pay", {"custom": linked.CUSTOM}).body)
    ActionFacts.objects.update(transaction_hash="0" * 64)
    for shown in (browser.get(PATH, {"visit": form["visit"]}), press(browser, form, "prove:EMAIL_OTP")):
        assert shown.status_code == 200
        assert "The details are not those that were asked for" in shown.content.decode()
        assert linked.CUSTOM["payee"] not in shown.content.decode()
    assert not Challenge.objects.exists()


def test_what_a_form_carries_is_shown_as_text(browser: Client, tracked: dict[str, Any]) -> None:
    form = opened(browser, tracked)
    press(browser, form, "prove:EMAIL_OTP")
    form |= {"at": "email_otp", "method": "EMAIL_OTP", "code": "no code", "contact": '"><script>alert(1)</script>'}
    shown = press(browser, form, "answer")
    assert title(shown) == "Check your email"
    assert b"<script" not in shown.content


def test_an_expired_token_leads_back(browser: Client, tracked: dict[str, Any], advance: Any) -> None:
    form = opened(browser, tracked)
    advance(11 * 60)
    shown = press(browser, form, "prove:EMAIL_OTP")
    assert (shown.status_code, title(shown)) == (410, "This page has expired")
    assert browser.get(PATH).status_code == 403


def test_an_expired_page_has_a_way_back(browser: Client, tracked: dict[str, Any], api: Api, advance: Any) -> None:
    returning = track(api, redirectUrl="https://app.acme.example/return")
    form = opened(browser, returning)
    advance(11 * 60)
    shown = press(browser, form, "prove:EMAIL_OTP")
    assert f'href="https://app.acme.example/return?token={returning["token"]}"' in shown.content.decode()
    assert b"http-equiv" not in shown.content
    tenant = EndUser.objects.get().tenant
    tenant.redirect_on_session_expiry = True
    tenant.save()
    shown = press(browser, form, "prove:EMAIL_OTP")
    assert "0;url=https://app.acme.example/return?token=" in shown.content.decode()


@pytest.mark.parametrize(("scope", "may"), [("add:authenticators", False), ("update:authenticators", True)])
def test_new_recovery_codes_are_offered_to_whom_they_are_given(
    browser: Client, tracked: dict[str, Any], api: Api, scope: str, may: bool
) -> None:
    shown = first_page(browser, track(api, redirectToSettings=True, scope=scope))
    assert title(shown) == "Your verification methods"
    assert ("New recovery codes" in shown.content.decode()) is may


def test_recovery_codes_end_only_once_that_was_said(browser: Client, tracked: dict[str, Any], api: Api) -> None:
    form = opened(browser, track(api, redirectToSettings=True, scope="update:authenticators"))
    had = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    asked = press(browser, form, "codes")
    assert (len(had), title(asked)) == (10, "New recovery codes")
    assert "stop working as soon as there are new ones" in asked.content.decode()
    assert title(press(browser, carried(asked), "back")) == "Your verification methods"
    assert set(RecoveryCode.objects.values_list("code_hash", flat=True)) == had
    assert title(press(browser, carried(asked), "renew")) == "Save your recovery codes"
    assert had.isdisjoint(RecoveryCode.objects.values_list("code_hash", flat=True))


def test_a_method_is_named_and_known_by_it(browser: Client, tracked: dict[str, Any], api: Api) -> None:
    form = opened(browser, track(api, redirectToSettings=True, scope="update:authenticators"))
    row = Authenticator.objects.get(method="EMAIL_OTP")
    asked = press(browser, carried(press(browser, form, f"manage:{row.pk}")), "rename")
    assert 'name="act" value="name"' in asked.content.decode()
    listed = press(browser, carried(asked), "name", label="<i>Work</i>").content.decode()
    assert "&lt;i&gt;Work&lt;/i&gt;" in listed
    assert "Email · jo@example.com" in listed
    assert f"Added {formats.date_format(clock.now(), 'F j, Y')}" in listed
    again = press(browser, carried(press(browser, form, f"manage:{row.pk}")), "rename")
    assert 'value="&lt;i&gt;Work&lt;/i&gt;"' in again.content.decode()
    assert "&lt;i&gt;Work&lt;/i&gt; · j•••@example.com" in first_page(browser, track(api)).content.decode()
    refused = track(api, redirectToSettings=True, scope="add:authenticators")
    press(browser, opened(browser, refused), "name", label="theirs", authenticator=str(row.pk))
    row.refresh_from_db()
    assert row.label == "<i>Work</i>"


@pytest.mark.parametrize("act", ["manage", "rename", "name", "prefer", "remove", "devices", "forget:1", "renew"])
def test_an_action_that_is_closed_meanwhile_shows_and_changes_nothing(
    browser: Client, tracked: dict[str, Any], api: Api, act: str
) -> None:
    scope = "add:authenticators update:authenticators remove:authenticators"
    form = opened(browser, track(api, redirectToSettings=True, scope=scope, idempotencyKey="k", deviceId="laptop"))
    row = Authenticator.objects.get(method="AUTHENTICATOR_APP")
    api("PATCH", "users/jo/actions/signIn/k", {"state": "BLOCK"})
    held = [rows()[name] for name in ("Authenticator", "AuditEvent")]
    shown = press(browser, form, f"manage:{row.pk}" if act == "manage" else act, authenticator=str(row.pk), label="x")
    assert [rows()[name] for name in ("Authenticator", "AuditEvent")] == held
    assert "jo@example.com" not in shown.content.decode()
    assert title(shown) not in ("Your devices", "Your verification methods", "Authenticator app")


def test_whoever_proved_nothing_is_shown_no_address_by_whatever_they_press(
    browser: Client, tracked: dict[str, Any], api: Api, acme: Tenant
) -> None:
    row = Authenticator.objects.get(method="EMAIL_OTP")
    managed = press(browser, opened(browser, tracked), f"manage:{row.pk}").content.decode()
    assert ("j•••@example.com" in managed, "jo@example.com" in managed) == (True, False)
    # Nothing can prove it: the settings are shown as they are.
    make.make_action(acme, "manage", "ALLOW", verification_methods=["PUSH"])
    settings = api("POST", "users/jo/actions/manage", {"redirectToSettings": True}).body
    listed = first_page(browser, settings).content.decode()
    assert ("j•••@example.com" in listed, "jo@example.com" in listed) == (True, False)


def test_a_further_address_on_file_is_sent_to_and_not_typed(browser: Client, api: Api, acme: Tenant) -> None:
    api("POST", "users/jo/authenticators", {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": OTP_URI})
    api("PATCH", "users/jo", {"email": "jo@example.com"})
    make.make_configuration(acme, "EMAIL_OTP", is_editable_by_user=False)
    form = opened(browser, track(api, redirectToSettings=True, scope="add:authenticators"))
    sent = press(browser, form, "enrol:EMAIL_OTP")
    again = press(browser, carried(sent), "resend")
    for shown in (sent, again):
        assert title(shown) == "Check your email"
        assert "j•••@example.com" in shown.content.decode()
        assert "different address" not in shown.content.decode()
    assert {(one.purpose, one.contact) for one in Challenge.objects.select_related("tenant")} == {
        ("enrol", "jo@example.com")
    }


def test_an_address_on_file_is_added_once_all_else_has_expired(browser: Client, api: Api, acme: Tenant) -> None:
    user = make.make_user(acme, "jo", email="jo@example.com")
    make.make_authenticator(user, M.SMS, contact="+64215550123", expires_at=clock.now())
    sent = press(browser, opened(browser, track(api, scope="add:authenticators")), "enrol:EMAIL_OTP")
    assert title(sent) == "Check your email"
    press(browser, carried(sent), "answer", code=code_sent())
    assert list(user.authenticators.filter(Authenticator.usable()).values_list("method", flat=True)) == ["EMAIL_OTP"]


def test_recovery_codes_prove_once_all_else_has_expired(browser: Client, api: Api, acme: Tenant) -> None:
    user = make.make_user(acme, "jo")
    make.make_authenticator(user, M.SMS, contact="+64215550123", expires_at=clock.now())
    codes = recovery_code.replace_all(user)
    first = first_page(browser, track(api))
    assert title(first) == "How do you want to verify?"
    asked = press(browser, carried(first), "prove:RECOVERY_CODE")
    press(browser, carried(asked), "answer", code=codes[0])
    assert Action.objects.get().state == "CHALLENGE_SUCCEEDED"


def test_too_many_wrong_codes_lock_what_was_being_added(browser: Client, api: Api, acme: Tenant) -> None:
    api("POST", "users/jo/authenticators", {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": OTP_URI})
    api("PATCH", "users/jo", {"email": "jo@example.com"})
    form = opened(browser, track(api, redirectToSettings=True, scope="add:authenticators"))
    sent = press(browser, form, "enrol:EMAIL_OTP")
    Challenge.objects.update(attempts=5)
    shown = press(browser, carried(sent), "answer", code="000000")
    assert title(shown) == "Too many wrong codes"
    assert b"You can try again in" in shown.content
    again = press(browser, carried(shown), "retry")
    assert (title(again), carried(again)["known"]) == ("Check your email", "yes")
    assert {one.purpose for one in Challenge.objects.all()} == {"enrol"}


def test_a_typed_address_can_be_typed_again_after_too_many_wrong_codes(browser: Client, api: Api) -> None:
    form = opened(browser, track(api))
    asked = press(browser, form, "enrol:EMAIL_OTP")
    sent = press(browser, carried(asked), "answer", email="jo@example.com")
    Challenge.objects.update(attempts=5)
    spent = press(browser, carried(sent), "answer", code="000000")
    GuessCount.objects.update(paused_until=clock.now() + timedelta(minutes=9))
    refused = press(browser, carried(asked), "answer", email="jo@example.com")
    for locked in (spent, refused):
        assert title(locked) == "Too many wrong codes"
        again = press(browser, carried(locked), "retry")
        assert title(again) == title(asked)
        assert 'value="jo@example.com"' in again.content.decode()


def test_whoever_used_one_of_the_last_recovery_codes_is_told_to_make_new_ones(
    browser: Client, tracked: dict[str, Any]
) -> None:
    user = EndUser.objects.get()
    codes = recovery_code.replace_all(user)
    user.recovery_codes.exclude(index__in=[code[:2] for code in codes[:5]]).delete()
    for left, code in ((4, codes[0]), (3, codes[1])):
        Action.objects.update(state="CHALLENGE_REQUIRED")
        asked = press(browser, opened(browser, tracked), "prove:RECOVERY_CODE")
        shown = press(browser, carried(asked), "answer", code=code)
        assert title(shown) == "You’re verified"
        told = "Unused recovery codes: <strong>3</strong>. Make new ones" in shown.content.decode()
        assert told is (left == RecoveryCode.FEW)
    made = press(browser, carried(press(browser, carried(shown), "codes")), "renew")
    assert title(made) == "Save your recovery codes"
    assert "Make new ones" not in press(browser, carried(made), "finish", saved="yes").content.decode()


def test_who_leaves_without_a_way_has_failed(browser: Client, tracked: dict[str, Any], api: Api, acme: Tenant) -> None:
    press(browser, opened(browser, tracked), "quit")
    make.make_action(acme, "pay", "CHALLENGE", verification_methods=["SMS"])
    stuck = api("POST", "users/jo/actions/pay", {}).body
    shown = first_page(browser, stuck)
    assert title(shown) == "There is no way to verify"
    press(browser, carried(shown), "quit")
    states = dict(Action.objects.values_list("action_code", "state"))
    assert states == {"signIn": "CHALLENGE_REQUIRED", "pay": "CHALLENGE_FAILED"}


def test_an_app_on_the_same_device_is_one_press_away(browser: Client, api: Api) -> None:
    shown = press(browser, opened(browser, track(api)), "enrol:AUTHENTICATOR_APP")
    link = re.search(r'<a class="[^"]*on-touch" href="([^"]*)">', shown.content.decode())
    assert link
    uri = carried(shown)["uri"]
    assert html.unescape(link[1]) == uri
    assert uri.startswith("otpauth://totp/")


def test_a_code_for_another_action_is_not_asked_for(
    browser: Client, tracked: dict[str, Any], api: Api, settings: Any
) -> None:
    settings.SECONDS_BETWEEN_SENDS = 30
    press(browser, opened(browser, tracked), "prove:EMAIL_OTP")
    again = press(browser, opened(browser, tracked), "prove:EMAIL_OTP")
    assert title(again) == "Check your email"
    assert b"A message was sent a moment ago" in again.content
    other = opened(browser, track(api))
    shown = press(browser, other, "prove:EMAIL_OTP")
    assert title(shown) == "Just a moment"
    assert b"was for something else" in shown.content
    assert Challenge.objects.count() == 1
    Message.objects.update(status="failed")
    shown = press(browser, opened(browser, tracked), "prove:EMAIL_OTP")
    assert b"could not be sent" in shown.content


def test_no_page_shows_what_the_api_says_to_developers(browser: Client, tracked: dict[str, Any]) -> None:
    form = opened(browser, tracked)
    refused = {"enrol:AUTHENTICATOR_APP": "That is not allowed now", "prove:SMS": "That did not work here"}
    for act, told in refused.items():
        shown = press(browser, form, act)
        assert title(shown) == "That did not work"
        assert told in shown.content.decode()
        # What is not allowed is not allowed at the next try either.
        for only_of_another_try in (b'value="retry"', b"Your verification is not lost"):
            assert (only_of_another_try in shown.content) == (told != "That is not allowed now")
        assert not re.search("authenticator|scope", shown.content.decode().partition("<main>")[2])


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("0900 12345", "This kind of number gets no messages"),
        ("+93 70 123 4567", "No messages are sent to this country"),
        ("12", "does not look like a mobile number"),
    ],
)
def test_what_is_wrong_with_a_number_is_told_where_it_was_typed(
    browser: Client, api: Api, typed: str, told: str
) -> None:
    form = opened(browser, track(api)) | {"at": "sms_enrol", "method": "SMS", "country": "NZ"}
    shown = press(browser, form, "answer", phoneNumber=typed)
    assert title(shown) == "Your mobile number"
    assert told in shown.content.decode()
    assert f'value="{typed}"' in shown.content.decode()
    assert b'value="NZ" selected' in shown.content


def test_countries_are_named_and_sorted_in_the_language_of_the_page(browser: Client, api: Api) -> None:
    form = opened(browser, track(api, locale="fr")) | {"at": "sms_enrol", "method": "SMS", "country": "NZ"}
    shown = press(browser, form, "answer", phoneNumber="12").content.decode()
    names = re.findall(r"<option value=.*?>(.*?) \(\+\d+\)</option>", shown)
    found = [names.index(name) for name in ("Espagne", "États-Unis", "Finlande", "Nouvelle-Zélande", "Royaume-Uni")]
    assert found == sorted(found)


def test_an_address_to_be_changed_is_there_to_be_mended(browser: Client, tracked: dict[str, Any]) -> None:
    form = opened(browser, tracked) | {"at": "email_otp", "method": "EMAIL_OTP", "contact": "jo@exmaple.com"}
    shown = press(browser, form, "change")
    assert title(shown) == "Your email address"
    assert b'value="jo@exmaple.com"' in shown.content


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "1 s"), (30, "30 s"), (90, "1 min 30 s"), (540, "9 min"), (3725, "1 h 2 min 5 s")]
)
def test_times_are_told_with_their_units(seconds: int, told: str) -> None:
    assert plain_visit.clock_text(seconds).replace("\N{NO-BREAK SPACE}", " ") == told


def test_a_method_that_takes_no_code_says_so_and_sends_none(browser: Client, tracked: dict[str, Any], api: Api) -> None:
    user = EndUser.objects.get()
    row = GuessCount.objects.create(
        tenant=user.tenant,
        subject=f"user:{user.pk}",
        method="EMAIL_OTP",
        consecutive=10,
        paused_until=clock.now() + timedelta(minutes=9, seconds=30),
    )
    form = opened(browser, tracked)
    listed = first_page(browser, tracked).content
    assert b"Locked after too many wrong codes" in listed
    assert b"#icon-lock" in listed
    shown = press(browser, form, "prove:EMAIL_OTP")
    assert title(shown) == "Too many wrong codes"
    assert "You can try again in 9\N{NO-BREAK SPACE}min " in shown.content.decode()
    row.disabled_at = clock.now()
    row.save()
    for again in ((form, "prove:EMAIL_OTP"), (carried(shown), "retry")):
        shown = press(browser, *again)
        assert title(shown) == "Too many wrong codes"
        assert b"It does not come back by itself" in shown.content
        assert b'value="another"' in shown.content
        assert b'value="retry"' not in shown.content
    assert not Challenge.objects.exists()
    row.delete()
    press(browser, form, "prove:EMAIL_OTP")
    form |= {"at": "email_otp", "method": "EMAIL_OTP", "code": "no code"}
    Challenge.objects.update(attempts=5)
    shown = press(browser, form, "answer")
    assert title(shown) == "Too many wrong codes"
    assert b"You can try again in" in shown.content


# -- what goes only with a script ----------------------------------------------------------------

NEEDS_SCRIPT = "Passkeys and security keys need JavaScript"


def test_a_list_says_so_where_a_passkey_is_left_out(browser: Client, tracked: dict[str, Any], api: Api) -> None:
    assert NEEDS_SCRIPT not in first_page(browser, tracked).content.decode()
    make.make_authenticator(EndUser.objects.get(), "PASSKEY", credential_id="c" * 40, public_key=b"k")
    assert NEEDS_SCRIPT in first_page(browser, tracked).content.decode()
    nobody = api("POST", "users/eve/actions/signIn", {}).body
    assert NEEDS_SCRIPT in first_page(browser, nobody).content.decode()


def test_a_list_says_nothing_of_passkeys_where_an_app_is_left_out(
    browser: Client, tracked: dict[str, Any], api: Api, acme: Tenant
) -> None:
    for method in ("PASSKEY", "SECURITY_KEY"):
        make.make_configuration(acme, method, is_active=False)
    for method in ("IN_APP", "QR_CODE"):
        make.make_configuration(acme, method, is_active=True, web_app=True)
    make.make_authenticator(
        EndUser.objects.get(), "IN_APP", device_platform=DevicePlatform.WEB, public_key=b"k", credential_id="app"
    )
    nobody = api("POST", "users/eve/actions/signIn", {}).body
    for who, offered, left_out in ((tracked, "methods", "IN_APP"), (nobody, "enrollable", "QR_CODE")):
        context = read_context(who["token"])
        assert left_out in {one["method"] for one in hosted_state.describe(context, who["token"])[offered]}
        assert NEEDS_SCRIPT not in first_page(browser, who).content.decode()


# -- back from an account ------------------------------------------------------------------------

NOT_SIGNED_IN = "That did not work, or it was another account."


@pytest.mark.parametrize("query", [{}, {"redirectToSettings": True, "scope": "add:authenticators"}])
def test_who_comes_back_without_a_proof_is_told(
    browser: Client, tracked: dict[str, Any], api: Api, query: dict[str, Any]
) -> None:
    again = track(api, **query)
    assert NOT_SIGNED_IN in first_page(browser, again, returned="failed").content.decode()
    assert NOT_SIGNED_IN not in first_page(browser, again, returned="verified").content.decode()
    other = api("POST", "users/eve/actions/signIn", query).body
    assert NOT_SIGNED_IN in first_page(browser, other, returned="failed").content.decode()


def test_only_with_a_proofs_token_is_an_account_taken_for_connected(
    browser: Client, tracked: dict[str, Any], api: Api
) -> None:
    vouched = track(api, redirectToSettings=True, scope="add:authenticators update:authenticators")
    before = rows()
    claimed = first_page(browser, vouched, force_enrollment="true", returned="enrolled")
    assert (title(claimed), rows()) == ("Add a way to verify", before)


def token_of_a_proof() -> str:
    action = Action.objects.get()
    make.make_challenge(action.user, method=M.OIDC_PROVIDER, action_id=action.pk, verified_at=clock.now())
    return access_token(action)


def test_a_first_account_brings_recovery_codes_at_the_press_of_a_button(
    browser: Client, tracked: dict[str, Any], acme: Tenant
) -> None:
    proved = {"token": token_of_a_proof()}
    query = {"force_enrollment": "true", "returned": "enrolled"}
    before = rows()
    offered = first_page(browser, proved, **query)
    assert (title(offered), rows()) == ("Save your recovery codes", before)
    assert not RecoveryCode.objects.exists()
    made = press(browser, carried(offered), "codes")
    assert RecoveryCode.objects.count() == 10
    assert title(press(browser, carried(made), "finish", saved="yes")) == "You’re all set"
    assert title(first_page(browser, proved, **query)) == "You’re all set"


def test_where_there_are_no_recovery_codes_none_are_offered(
    browser: Client, tracked: dict[str, Any], acme: Tenant
) -> None:
    acme.disable_recovery_codes = True
    acme.save()
    proved = {"token": token_of_a_proof()}
    assert title(first_page(browser, proved, force_enrollment="true", returned="enrolled")) == "You’re all set"


def access_token(action: Action) -> str:
    """As an action's first account brings it: codes come with what a backend enrols, and with no account."""
    RecoveryCode.objects.all().delete()
    Action.objects.filter(pk=action.pk).update(state="CHALLENGE_SUCCEEDED", state_updated_at=clock.now())
    return proofs.access_token(action, now=clock.now())


def test_a_method_that_is_switched_off_meanwhile_proves_nothing_and_is_not_offered(
    browser: Client, tracked: dict[str, Any], acme: Tenant
) -> None:
    asked = press(browser, opened(browser, tracked), "prove:EMAIL_OTP")
    code = code_sent()
    leave(signed_in(acme), M.AUTHENTICATOR_APP)
    for meanwhile in ("ended with the rest", "begun that very moment"):
        answered = press(browser, carried(asked), "answer", code=code)
        assert (answered.status_code, Action.objects.get().state) == (200, "CHALLENGE_REQUIRED"), meanwhile
        Challenge.objects.update(failed_at=None)
    assert "prove:EMAIL_OTP" not in first_page(browser, tracked).content.decode()


# -- elsewhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "drawn"), [(DevicePlatform.WEB, "{public}/app/{tenant}/#scan={id}"), (DevicePlatform.IOS, "{id}")]
)
def test_a_qr_code_shows_what_the_users_app_reads(
    browser: Client, api: Api, acme: Tenant, settings: Any, platform: str, drawn: str
) -> None:
    make.make_configuration(acme, "QR_CODE", is_active=True)
    make.make_authenticator(make.make_user(acme, "jo"), "QR_CODE", device_platform=platform, public_key=b"k")
    shown = press(browser, opened(browser, track(api)), "prove:QR_CODE")
    for screen in (shown, press(browser, carried(shown), "check")):
        told = drawn.format(public=settings.PUBLIC_URL, tenant=acme.pk, id=carried(screen)["challenge"])
        assert f'src="{html.escape(qr_picture.picture(told))}"' in screen.content.decode()


@pytest.fixture
def adapters(acme: Tenant, httpserver: Any, settings: Any) -> dict[str, Adapter]:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    made = {method: Adapter(httpserver, f"/{method}") for method in ("VERIFF", "ONFIDO")}
    for method, adapter in made.items():
        make.make_configuration(acme, method, is_active=True)
        row = IdentityProvider(tenant=acme, method=method, url=adapter.url)
        row.secret = SECRET
        row.save(force_insert=True)
    return made


@pytest.mark.parametrize("claimed", [{}, {"method": "ONFIDO"}, {"purpose": "authenticate"}])
def test_looking_whether_a_check_was_decided_begins_none(
    browser: Client, api: Api, adapters: dict[str, Adapter], claimed: dict[str, str]
) -> None:
    begun = press(browser, opened(browser, track(api)), "enrol:VERIFF")
    assert "https://vendor.example/session-1" in begun.content.decode()
    looked = press(browser, carried(begun) | claimed, "check")
    assert title(looked) == "Identity check"
    assert "https://vendor.example/session-1" in looked.content.decode()
    assert "There is no answer yet." in looked.content.decode()
    assert carried(looked) | {"visit": ""} == carried(begun) | {"visit": ""}
    assert {method: len(adapter.begun) for method, adapter in adapters.items()} == {"VERIFF": 1, "ONFIDO": 0}
    assert Challenge.objects.count() == 1


# -- waiting -------------------------------------------------------------------------------------

STILL = re.compile(r'<a class="link" href="([^"]+)">Check only when I ask')


@pytest.fixture
def waiting(browser: Client, api: Api, acme: Tenant) -> Any:
    """The page of somebody who sets up a first email link."""
    make.make_configuration(acme, "EMAIL_MAGIC_LINK", is_active=True)
    asked = press(browser, opened(browser, track(api)), "enrol:EMAIL_MAGIC_LINK")
    return press(browser, carried(asked), "answer", email="jo@example.com")


def next_look(shown: Any) -> str:
    """Where the page goes by itself."""
    seconds, _, address = shown["Refresh"].partition(";url=")
    assert seconds == "5"
    return str(address)


def test_a_page_that_waits_reloads_itself_and_changes_nothing(browser: Client, waiting: Any) -> None:
    before, address = rows(), next_look(waiting)
    for _ in range(2):
        looked = browser.get(address)
        assert (title(looked), looked["Refresh"]) == ("Check your inbox", "5")
        assert "jo@example.com" in looked.content.decode()
        assert "not been confirmed yet" not in looked.content.decode()
        assert '<details class="ladder" open>' in looked.content.decode()
    assert rows() == before
    assert "example.com" not in address


def test_a_first_link_that_was_confirmed_leads_on_by_itself_and_makes_no_codes(browser: Client, waiting: Any) -> None:
    confirm(link_sent(), browser)
    looked = browser.get(next_look(waiting))
    assert (title(looked), "Refresh" in looked) == ("Save your recovery codes", False)
    assert Action.objects.get().state == "CHALLENGE_SUCCEEDED"
    assert not RecoveryCode.objects.exists()
    made = press(browser, carried(looked), "codes")
    assert RecoveryCode.objects.count() == 10
    assert title(press(browser, carried(made), "finish", saved="yes")) == "You’re all set"


def test_the_address_of_a_page_that_waits_opens_in_its_own_browser_alone(browser: Client, waiting: Any) -> None:
    confirm(link_sent(), browser)
    thief = Client(headers={"sec-fetch-site": "same-origin"})
    thief.cookies["__Host-ch"] = "another"
    own = next_look(waiting)
    for address in (own, own.replace("wait=", "wait=x"), own.replace("visit=", "visit=x")):
        shown = (thief if address == own else browser).get(address)
        assert (shown.status_code, title(shown)) == (403, "This page cannot go on")
    assert Action.objects.get().state == "CHALLENGE_REQUIRED"


def test_a_look_is_a_step_of_its_browser_alone(browser: Client, waiting: Any) -> None:
    ActionFacts.objects.update(browser_hash="")
    browser.get(next_look(waiting))
    assert ActionFacts.objects.get().browser_hash


@pytest.mark.parametrize(
    "limit",
    [
        "LINK_POLLS_PER_MINUTE",
        "CLIENT_REQUESTS_PER_MINUTE_PER_USER",
        "CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS",
    ],
)
def test_a_page_looks_as_often_as_one_may_ask(browser: Client, waiting: Any, settings: Any, limit: str) -> None:
    setattr(settings, limit, 0)
    confirm(link_sent(), browser)
    assert title(browser.get(next_look(waiting))) == "Too many tries"
    assert Action.objects.get().state == "CHALLENGE_REQUIRED"


def test_a_look_after_the_proof_goes_on(browser: Client, waiting: Any) -> None:
    confirm(link_sent(), browser)
    browser.get(next_look(waiting))
    looked = browser.get(next_look(waiting))
    assert (title(looked), "Refresh" in looked) == ("This was already done", False)


def test_whoever_a_reload_disturbs_looks_by_a_press_alone(browser: Client, waiting: Any) -> None:
    found = STILL.search(waiting.content.decode())
    assert found
    still = browser.get(html.unescape(found[1]))
    pressed = press(browser, carried(still), "check")
    for shown in (still, pressed):
        assert (title(shown), "Refresh" in shown) == ("Check your inbox", False)
    assert '<p class="note">The link has not been confirmed yet.</p>' in pressed.content.decode()


def test_a_qr_code_that_is_over_gives_way_to_a_new_one(browser: Client, api: Api, acme: Tenant) -> None:
    make.make_configuration(acme, "QR_CODE", is_active=True)
    make.make_authenticator(make.make_user(acme, "jo"), "QR_CODE", device_platform="IOS", public_key=b"k")
    shown = press(browser, opened(browser, track(api)), "prove:QR_CODE")
    Challenge.objects.update(expires_at=clock.now())
    over = browser.get(next_look(shown))
    assert (title(over), "Refresh" in over) == ("That request has ended", False)
    again = press(browser, carried(over), "retry")
    assert title(again) == "Scan this with your phone"
    assert carried(again)["challenge"] != carried(shown)["challenge"]


# -- several of a method -------------------------------------------------------------------------


@pytest.fixture
def several(acme: Tenant) -> EndUser:
    """jo has two numbers that look alike, an address, and WhatsApp for both numbers."""
    make.make_configuration(acme, "SMS", allows_several=True)
    make.make_configuration(acme, "WHATSAPP")
    user = make.make_user(acme, "jo")
    make.make_authenticator(user, M.SMS, contact="+64215550123", label="Work", is_default=True)
    make.make_authenticator(user, M.SMS, contact="+64215559123")
    make.make_authenticator(user, M.EMAIL_OTP, contact="jo@example.com")
    return user


def asked() -> set[tuple[str, str]]:
    return {(one.method, one.contact) for one in Challenge.objects.select_related("tenant")}


def test_the_user_picks_one_of_several_and_stays_with_it(browser: Client, several: EndUser, api: Api) -> None:
    shown = first_page(browser, track(api))
    text = shown.content.decode()
    assert "Work · •••• 123" in text
    assert f"•••• 123 · Added {formats.date_format(clock.now(), 'F j, Y')}" in text
    assert "+6421555" not in text
    picked = several.authenticators.get(label="", method="SMS")
    sent = press(browser, carried(shown), f"prove:SMS:{picked.pk}")
    assert "•••• 123" in sent.content.decode()
    # The default is another one; what is asked for again is not.
    press(browser, carried(sent), "resend")
    press(browser, carried(sent), "answer", code="000000")
    assert asked() == {("SMS", picked.contact)}
    press(browser, carried(sent), "switch")
    assert asked() == {("SMS", picked.contact), ("WHATSAPP", picked.contact)}


def test_a_number_of_somebody_else_is_not_sent_to(browser: Client, several: EndUser, api: Api, acme: Tenant) -> None:
    other = make.make_authenticator(make.make_user(acme, "kim"), M.SMS, contact="+64215557777")
    press(browser, opened(browser, track(api)), f"prove:SMS:{other.pk}")
    assert asked() == {("SMS", "+64215550123")}


def test_where_to_get_an_app_comes_first_where_the_tenant_wants_it(browser: Client, api: Api, acme: Tenant) -> None:
    make.make_configuration(acme, "AUTHENTICATOR_APP", shows_app_download=True)
    form = opened(browser, track(api))
    first = press(browser, form, "enrol:AUTHENTICATOR_APP")
    assert "No app yet?" in first.content.decode()
    assert not Authenticator.objects.exists()
    assert "Scan this with the app" in press(browser, carried(first), "got").content.decode()
    assert Authenticator.objects.get().method == "AUTHENTICATOR_APP"


def test_a_page_says_that_email_takes_its_time_where_the_tenant_wants_it(
    browser: Client, tracked: dict[str, Any], acme: Tenant
) -> None:
    make.make_configuration(acme, "EMAIL_OTP", warns_of_delay=True)
    sent = press(browser, opened(browser, tracked), "prove:EMAIL_OTP").content.decode()
    assert "It can take a few minutes." in sent
