"""Links by email: endpoints 27 to 29, the page behind the link, and which browser it proves anything for."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from actions.models import Action, ActionFacts
from audit.events import Tag
from audit.models import AuditEvent
from authenticators import links
from authenticators.models import AuthenticatorConfiguration, Challenge, MagicLink, Message
from authsignal_portal import ids
from authsignal_portal.models import Theme, Wording
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.actions.test_hosted import COOKIE, FRAME, TOP, call, path_of, policy
from tests.api.conftest import Browser
from tests.api.reading import everything_stored, ok, refused

EMAIL = "alice@acme.example"
PENDING = {"isVerified": False}
SCANNERS = [
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
    "BarracudaCentral/1.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 HeadlessChrome/120.0.0.0",
    "Slackbot-LinkExpanding 1.0",
    "python-requests/2.31",
]


@pytest.fixture(autouse=True)
def switched_on(acme):
    return AuthenticatorConfiguration.objects.create(tenant=acme, method=M.EMAIL_MAGIC_LINK)


def track(api, user="alice", **body) -> dict[str, Any]:
    return ok(api("POST", f"users/{user}/actions/login", body))


def link_sent() -> str:
    """The path of the newest link."""
    message = Message.objects.select_related("tenant").latest("created_at")
    url = json.loads(message.payload)["url"]
    assert url.startswith("http://localhost:8000/challenge/link/")
    return url.removeprefix("http://localhost:8000")


def enrolled(api) -> dict[str, Any]:
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_MAGIC_LINK", "email": EMAIL}))
    return track(api)


def nonce_of(page) -> str:
    found = re.search(r'name="nonce" value="([^"]+)"', page.content.decode())
    assert found, page.content.decode()
    return found[1]


def confirm(path: str, http: Client | None = None, **form: str):
    """Open the link and press the button, as a person does."""
    http = http or Client()
    page = http.get(path)
    assert page.status_code == 200, page.content.decode()
    return http.post(path, {"nonce": nonce_of(page), **form})


def finalize(browser, token: str, body: Any = None, *, page: Client | None = None):
    """By an app, or by the page that began in a browser."""
    caller = Browser(page, browser.tenant) if page else browser
    return ok(caller("POST", "verify/email-magic-link/finalize", body or {}, token=token))


def started_by_page(http: Client, api, **attributes) -> dict[str, Any]:
    """The hosted page, opened at top level in `http`, has sent a link."""
    tracked = enrolled(api)
    assert http.get(path_of(tracked), headers=TOP).status_code == 200
    answer = call(http, "magic-link", tracked["token"], attributes)
    assert answer.status_code == 200, answer.content
    return tracked


# -- the SDK's calls -----------------------------------------------------------------------------


def test_an_address_is_enrolled_by_the_link_sent_to_it(api, browser):
    token = track(api)["token"]
    started = ok(browser("POST", "user-authenticators/email-magic-link", {"email": EMAIL}, token=token))
    assert list(started) == ["userAuthenticatorId", "userId", "challengeId"]
    assert finalize(browser, token) == PENDING
    assert b"You may close this tab" in confirm(link_sent(), email=EMAIL).content
    verified = finalize(browser, token)
    assert set(verified) == {"isVerified", "accessToken", "userAuthenticator"}
    assert verified["userAuthenticator"]["email"] == EMAIL
    answer = ok(api("POST", "validate", {"token": verified["accessToken"]}))
    assert (answer["isValid"], answer["verificationMethod"]) == (True, "EMAIL_MAGIC_LINK")
    assert ok(api("GET", "users/alice"))["emailVerified"] is True
    assert finalize(browser, token) == PENDING


def test_an_enrolled_address_is_challenged_by_whatever_challenge_is_named(api, browser):
    token = enrolled(api)["token"]
    started = ok(browser("POST", "challenge/email-magic-link", token=token))
    assert list(started) == ["challengeId"]
    confirm(link_sent(), email=EMAIL.upper())
    assert finalize(browser, token, {"challengeId": "f" * 64}) == PENDING
    assert finalize(browser, token, started)["isVerified"] is True


def test_with_nothing_enrolled_the_address_on_file_is_enrolled(api, browser):
    token = track(api, email=EMAIL)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    confirm(link_sent(), email=EMAIL)
    assert finalize(browser, token)["isVerified"] is True
    assert ok(api("GET", "users/alice"))["enrolledVerificationMethods"] == ["EMAIL_MAGIC_LINK"]


def test_it_works_only_once_the_tenant_has_switched_it_on(api, browser, switched_on):
    switched_on.delete()
    token = track(api, email=EMAIL)["token"]
    refused(browser("POST", "challenge/email-magic-link", token=token), 400, "invalid_configuration")
    body = {"email": EMAIL}
    refused(browser("POST", "user-authenticators/email-magic-link", body, token=token), 400, "invalid_configuration")


def test_a_page_that_waits_changes_nothing_and_may_ask_every_second(api, browser, settings):
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    before = everything_stored()
    settings.LINK_POLLS_PER_MINUTE = 70
    answers = [browser("POST", "verify/email-magic-link/finalize", {}, token=token) for _ in range(71)]
    assert [answer.body for answer in answers[:70]] == [PENDING] * 70
    refused(answers[70], 429, "too_many_requests")
    assert everything_stored() == before


def test_another_users_token_learns_nothing(api, browser):
    token, other = enrolled(api)["token"], track(api, "mallory")["token"]
    started = ok(browser("POST", "challenge/email-magic-link", token=token))
    confirm(link_sent(), email=EMAIL)
    assert finalize(browser, other, started) == PENDING
    assert finalize(browser, token)["isVerified"] is True


# -- the link ------------------------------------------------------------------------------------


def test_only_the_hash_of_256_random_bits_is_kept(api, browser):
    ok(browser("POST", "challenge/email-magic-link", token=enrolled(api)["token"]))
    token = link_sent().rpartition("/")[2]
    assert len(token) == 43
    assert MagicLink.objects.get().token_hash == links.hash_of(token)
    Message.objects.update(payload_sealed=None)
    assert token not in everything_stored()


def test_opening_it_changes_nothing_however_often_and_whoever_does(api, browser):
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path = link_sent()
    before = everything_stored()
    for agent in SCANNERS:
        for method in ("get", "head", "get", "head"):
            assert getattr(Client(), method)(path, headers={"User-Agent": agent}).status_code == 200
    assert everything_stored() == before
    assert finalize(browser, token) == PENDING
    confirm(path, email=EMAIL)
    assert finalize(browser, token)["isVerified"] is True


def test_it_works_once(api, browser):
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path, person = link_sent(), Client()
    page = person.get(path)
    assert confirm(path, email=EMAIL).status_code == 200
    again = person.post(path, {"nonce": nonce_of(page), "email": EMAIL})
    assert (again.status_code, b"does not work any more" in again.content) == (410, True)
    assert person.get(path).status_code == 410
    assert finalize(browser, token)["isVerified"] is True
    assert AuditEvent.objects.filter(tag=Tag.MAGIC_LINK_OPENED).count() == 1


@pytest.mark.parametrize("seconds", [599, 601])
def test_it_lives_ten_minutes(api, browser, advance, acme, seconds):
    acme.token_duration_in_minutes = 60
    acme.save()
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path = f"/challenge/link/{'x' * 43}"
    assert Client().get(path).status_code == 410
    link = MagicLink.objects.get()
    link.token_hash = links.hash_of("x" * 43)
    link.save()
    advance(seconds)
    assert Client().get(path).status_code == (200 if seconds < 600 else 410)


def test_a_new_link_ends_the_one_before(api, browser, settings):
    settings.RESEND_WAIT_SECONDS = 0
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    old = link_sent()
    ok(browser("POST", "challenge/email-magic-link", token=token))
    assert Client().get(old).status_code == 410
    confirm(link_sent(), email=EMAIL)
    assert finalize(browser, token)["isVerified"] is True


def test_it_ends_with_its_user_and_with_the_action(api, browser):
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path = link_sent()
    action = Action.objects.get()
    Action.objects.update(state="BLOCK")
    assert Client().get(path).status_code == 410
    Action.objects.update(state=action.state)
    assert Client().get(path).status_code == 200
    ok(api("DELETE", "users/alice"))
    assert Client().get(path).status_code == 410


def test_a_link_to_an_address_that_was_on_file_proves_nothing_once_another_one_is(api, browser):
    token = track(api, email=EMAIL)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    link = link_sent()
    ok(api("PATCH", "users/alice", {"email": "new@acme.example"}))
    assert Client().get(link).status_code == 410
    assert finalize(browser, token) == PENDING
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is False
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False


def test_the_form_is_good_only_in_the_browser_that_it_was_shown_in(api, browser):
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path = link_sent()
    nonce = nonce_of(Client().get(path))
    for http, form in [
        (Client(), {"nonce": nonce, "email": EMAIL}),
        (Client(), {"email": EMAIL}),
        (Client(), {"nonce": "", "email": EMAIL}),
        (Client(), {"nonce": nonce[:-1] + "é", "email": EMAIL}),
    ]:
        assert http.post(path, form).status_code == 403
    assert finalize(browser, token) == PENDING


def test_the_page_names_what_is_asked_and_cannot_be_framed(api, browser):
    ok(browser("POST", "challenge/email-magic-link", token=enrolled(api)["token"]))
    action = Action.objects.get()
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    ActionFacts.objects.update(ip_address="203.0.113.7", message="Pay <b>5</b>")
    MagicLink.objects.update(user_agent=agent, ip_address="203.0.113.7")
    Action.objects.filter(pk=action.pk).update(country_code="NZ")
    answer = Client().get(link_sent())
    page = answer.content.decode()
    for shown in ("Login", "Chrome · Linux", "New Zealand", "203.0.113.7", "Pay &lt;b&gt;5&lt;/b&gt;"):
        assert shown in page
    MagicLink.objects.update(ip_address="198.51.100.9")
    other = Client().get(link_sent()).content.decode()
    assert "198.51.100.9" in other
    assert "New Zealand" not in other
    MagicLink.objects.update(ip_address="203.0.113.7")
    assert "Nouvelle-Zélande" in Client(headers={"accept-language": "fr"}).get(link_sent()).content.decode()
    assert policy(answer)["frame-ancestors"] == "'none'"
    assert policy(answer)["form-action"] == "'self'"
    assert re.findall(r"<script.*?>", page, re.DOTALL) == re.findall(
        r'<script type="module" src="/static/challenge/armed.js" nonce="[^"]+">', page
    )
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")
    assert answer["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded"])
def test_a_link_leads_to_the_configured_address_whatever_the_request_says(api, browser, header):
    token = enrolled(api)["token"]
    value = "host=evil.example" if header == "Forwarded" else "evil.example"
    answer = browser("POST", "challenge/email-magic-link", token=token, **{header: value})
    if answer.status_code == 200:
        link_sent()
    else:
        assert answer.status_code == 400


# -- which browser -------------------------------------------------------------------------------


def test_in_the_browser_that_began_the_link_completes(api, browser):
    person = Client()
    token = started_by_page(person, api)["token"]
    path = link_sent()
    assert b"Your email address" not in person.get(path).content
    assert b"You may close this tab" in confirm(path, person).content
    assert finalize(browser, token, page=person)["isVerified"] is True


def test_another_browser_is_shown_a_code_and_proves_nothing(api, browser):
    """A scanner that presses every button, or a person whom somebody else's verification is sent to."""
    began = Client()
    token = started_by_page(began, api)["token"]
    shown = confirm(link_sent(), Client(), email=EMAIL)
    code = re.search(r'<output class="shown-code">(\d{6})</output>', shown.content.decode())
    assert code
    assert finalize(browser, token, page=began) == PENDING
    wrong = call(began, "magic-link/code", token, {"verificationCode": f"{(int(code[1]) + 1) % 10**6:06d}"}).json()
    assert wrong == {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
    assert call(began, "magic-link/code", token, {"verificationCode": code[1]}).json()["isVerified"] is True
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True


def test_a_page_in_a_frame_takes_a_code_because_nothing_tells_its_browser(api, browser):
    tracked = enrolled(api)
    http = Client()
    assert http.get(path_of(tracked) + "&mode=popup", headers=FRAME).status_code == 200
    assert call(http, "magic-link", tracked["token"], embedded=True).status_code == 200
    assert COOKIE not in http.cookies
    assert b"shown-code" in confirm(link_sent(), http).content
    assert finalize(browser, tracked["token"]) == PENDING


def test_the_window_that_helps_a_frame_out_takes_a_code_as_the_frame_does(api, browser):
    tracked, window = enrolled(api), Client()
    assert call(Client(), "state", tracked["token"], embedded=True).status_code == 200
    assert window.get(path_of(tracked) + "&mode=continue", headers=TOP).status_code == 200
    assert call(window, "magic-link", tracked["token"]).status_code == 200
    assert b"shown-code" in confirm(link_sent(), window).content
    assert finalize(browser, tracked["token"]) == PENDING


def test_where_an_sdk_sends_it_for_what_began_in_a_frame_the_address_is_typed(api, browser):
    tracked = enrolled(api)
    assert call(Client(), "state", tracked["token"], embedded=True).status_code == 200
    ok(browser("POST", "challenge/email-magic-link", token=tracked["token"]))
    path = link_sent()
    assert b"shown-code" not in confirm(path, Client(), email="eve@example.com").content
    assert finalize(browser, tracked["token"]) == PENDING
    assert b"You may close this tab" in confirm(path, Client(), email=EMAIL).content
    assert finalize(browser, tracked["token"])["isVerified"] is True


def test_whoever_calls_the_sdks_endpoint_does_not_get_around_the_browser(api, browser):
    began = Client()
    tracked = enrolled(api)
    began.get(path_of(tracked), headers=TOP)
    assert call(began, "state", tracked["token"]).status_code == 200
    refused(browser("POST", "challenge/email-magic-link", token=tracked["token"]), 403, "opened_elsewhere")
    ok(Browser(began, browser.tenant)("POST", "challenge/email-magic-link", token=tracked["token"]))
    assert b"shown-code" in confirm(link_sent(), Client(), email=EMAIL).content
    assert finalize(browser, tracked["token"], page=began) == PENDING


def test_a_scanner_that_presses_the_button_takes_the_link_from_nobody(api, browser, settings):
    began = Client()
    token = started_by_page(began, api)["token"]
    path = link_sent()
    for number in range(settings.LINK_TRIES + 1):
        page = Client().get(path)
        assert page.status_code == (200 if number < settings.LINK_TRIES else 410)
        if page.status_code == 200:
            assert b"shown-code" in confirm(path).content
    assert finalize(browser, token, page=began) == PENDING
    assert b"You may close this tab" in confirm(path, began).content
    assert finalize(browser, token, page=began)["isVerified"] is True


def test_of_the_codes_that_a_link_showed_the_last_one_works(api, browser):
    began = Client()
    token = started_by_page(began, api)["token"]
    path = link_sent()
    shown = [re.search(r"shown-code\">(\d{6})", confirm(path).content.decode())[1] for _ in range(2)]
    answers = [call(began, "magic-link/code", token, {"verificationCode": code}).json() for code in shown]
    assert [answer["isVerified"] for answer in answers] == [shown[0] == shown[1], True]


def test_where_an_sdk_waits_the_address_must_be_typed_and_ten_wrong_ones_end_the_link(api, browser):
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path = link_sent()
    for number in range(10):
        answer = confirm(path, email=f"{number}@acme.example")
        assert answer.status_code == (200 if number < 9 else 410)
        # What was typed is there to be mended.
        assert (f'value="{number}@acme.example"'.encode() in answer.content) == (number < 9)
    assert finalize(browser, token) == PENDING
    assert Client().get(path).status_code == 410
    assert Challenge.objects.get().verified_at is None


@pytest.mark.parametrize(("mode", "status"), [("NEW_TAB", 200), ("ORIGINAL_TAB", 303)])
def test_the_tenant_says_which_tab_goes_on(api, browser, switched_on, mode, status):
    switched_on.magic_link_mode = mode
    switched_on.save()
    person = Client()
    token = started_by_page(person, api)["token"]
    answer = confirm(link_sent(), person)
    assert answer.status_code == status
    if mode == "ORIGINAL_TAB":
        path = answer["Location"].removeprefix("http://localhost:8000")
        page = person.get(path, headers=TOP)
        assert page.status_code == 200
        assert b'"linkConfirmed": true' in page.content
        assert Client().get(path, headers=TOP).status_code == 403
        token = path.partition("token=")[2].partition("&")[0]
    assert finalize(browser, token, page=person)["isVerified"] is True


def test_in_another_browser_no_tab_goes_on(api, browser, switched_on):
    switched_on.magic_link_mode = "ORIGINAL_TAB"
    switched_on.save()
    started_by_page(Client(), api)
    assert confirm(link_sent(), Client()).status_code == 200


# -- the hosted page's own calls -------------------------------------------------------------------


def test_the_page_enrols_an_address_and_learns_whether_the_message_left(api, browser):
    http, tracked = Client(), track(api)
    http.get(path_of(tracked), headers=TOP)
    started = call(http, "magic-link", tracked["token"], {"email": EMAIL}).json()
    assert call(http, "delivery", tracked["token"], started).json() == {"status": "waiting"}
    Message.objects.update(status="failed")
    assert call(http, "delivery", tracked["token"], started).json() == {"status": "failed"}
    Message.objects.update(status="sent")
    assert call(http, "delivery", tracked["token"], started).json() == {"status": "sent"}
    Message.objects.update(delivery="undelivered")
    assert call(http, "delivery", tracked["token"], started).json() == {"status": "failed"}
    other = track(api, "mallory")
    http.get(path_of(other), headers=TOP)
    assert call(http, "delivery", other["token"], started).json() == {"status": "waiting"}


def test_a_code_of_nobody_is_a_wrong_guess_and_limited(api, browser):
    began = Client()
    token = started_by_page(began, api)["token"]
    answers = [call(began, "magic-link/code", token, {"verificationCode": "123456"}).json() for _ in range(6)]
    assert [answer["failureReason"] for answer in answers] == ["CODE_INVALID_OR_EXPIRED"] * 5 + [
        "MAX_ATTEMPTS_EXCEEDED"
    ]
    confirm(link_sent(), began)
    assert finalize(browser, token, page=began)["failureReason"] == "MAX_ATTEMPTS_EXCEEDED"
    before = everything_stored()
    assert finalize(browser, token, page=began) == PENDING
    assert everything_stored() == before


def test_the_message_has_a_link_and_no_code(api, browser):
    ok(browser("POST", "challenge/email-magic-link", token=enrolled(api)["token"]))
    payload = json.loads(Message.objects.get().payload)
    assert payload["url"] in payload["text"]
    assert payload["url"] in payload["html"]
    assert payload["subject"] == "Your Acme verification link"
    assert "code" not in payload
    assert payload["about"]["verificationMethod"] == "EMAIL_MAGIC_LINK"


def test_the_page_speaks_and_looks_like_the_tenant_and_says_where_help_is(api, browser, acme):
    acme.support_url = "https://acme.example/help"
    acme.save()
    Wording.objects.create(tenant=acme, texts={"en": {"link.is-this-you": "Hello, you?"}})
    Theme.objects.create(tenant=acme, tokens={"primaryColor": "#0a5c36"})
    ok(browser("POST", "challenge/email-magic-link", token=enrolled(api)["token"]))
    page = Client().get(link_sent()).content.decode()
    assert "<h1>Hello, you?</h1>" in page
    assert f'href="/challenge/theme/{acme.pk}/css/' in page
    assert 'href="https://acme.example/help"' in page
    assert f"<bdi>{ids.reference(Action.objects.get().pk)}</bdi>" in page


def test_who_presses_without_an_address_takes_the_sdks_link_from_nobody(api, browser, settings):
    token = enrolled(api)["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path = link_sent()
    for typed in ["", " "] * settings.LINK_TRIES:
        assert confirm(path, email=typed).status_code == 200
    assert finalize(browser, token) == PENDING
    assert b"You may close this tab" in confirm(path, email=EMAIL).content
    assert finalize(browser, token)["isVerified"] is True
