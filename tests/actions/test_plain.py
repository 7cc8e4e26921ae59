"""The hosted pages' forms without JavaScript: whose they are, what they refuse, and that GET changes nothing."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from actions.models import Action, ActionFacts
from audit.models import AuditEvent
from authenticators.models import Authenticator, Challenge, EndUser
from tests.conftest import Api

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
    assert ActionFacts.objects.get(action__idempotency_key=tracked["idempotencyKey"]).browser_hash


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
