"""The hosted pages over HTTP: headers, one browser, what the page is told, where it sends people."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from actions.models import Action, ActionFacts
from actions.proofs import access_token
from audit.models import AuditEvent
from authenticators.methods import recovery_code
from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser, GuessCount, Message
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod as M
from rules.models import ActionConfiguration
from tests import make
from tests.conftest import Api

TOP = {"Sec-Fetch-Dest": "document"}
FRAME = {"Sec-Fetch-Dest": "iframe"}
COOKIE = "__Host-ch"


def track(api: Api, user: str = "alice", action: str = "signIn", **attributes: Any) -> dict[str, Any]:
    answer = api("POST", f"users/{user}/actions/{action}", attributes)
    assert answer.status_code == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def path_of(tracked: dict[str, Any]) -> str:
    return "/challenge?" + tracked["url"].partition("?")[2]


def call(http: Client, name: str, token: str, body: Any = None, *, embedded: bool = False) -> Any:
    return http.post(
        f"/challenge/api/{name}",
        json.dumps(body or {}),
        "application/json",
        headers={"Authorization": f"Bearer {token}", "X-Challenge-Embedded": "yes" if embedded else "no"},
    )


def state_of(http: Client, token: str) -> dict[str, Any]:
    answer = call(http, "state", token)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def policy(answer: Any) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";")]
    return {name: value for name, _space, value in parts if name}


def config_of(answer: Any) -> dict[str, Any]:
    found = re.search(r'<script id="challenge-config" type="application/json">(.*?)</script>', answer.content.decode())
    assert found
    config: dict[str, Any] = json.loads(found[1])
    return config


# -- headers -------------------------------------------------------------------------------------


def test_the_page_may_be_framed_by_exactly_the_origins_of_the_tokens_tenant(api: Api, client: Client) -> None:
    answer = client.get(path_of(track(api)) + "&mode=popup", headers=FRAME)
    assert answer.status_code == 200
    assert policy(answer)["frame-ancestors"] == make.APP_ORIGIN
    assert "X-Frame-Options" not in answer


def test_another_tenants_page_names_its_own_origins_only(globex: Tenant, client: Client) -> None:
    answer = client.get(path_of(track(Api(client, make.make_key(globex)))))
    assert policy(answer)["frame-ancestors"] == "https://globex.example"


def test_a_tenant_without_origins_is_framed_by_nobody(db: None, client: Client) -> None:
    bare = make.make_tenant("Bare", app_origins=[])
    answer = client.get(path_of(track(Api(client, make.make_key(bare)))))
    assert policy(answer)["frame-ancestors"] == "'none'"
    assert answer["X-Frame-Options"] == "DENY"


def test_scripts_and_styles_need_the_nonce_and_trusted_types(api: Api, client: Client) -> None:
    answer = client.get(path_of(track(api)))
    sent = policy(answer)
    nonce = sent["style-src"].strip("'").removeprefix("nonce-")
    assert set(sent["script-src"].split()) == {f"'nonce-{nonce}'", "'strict-dynamic'"}
    assert sent["default-src"] == sent["form-action"] == sent["base-uri"] == sent["object-src"] == "'none'"
    assert sent["connect-src"] == "'self'"
    assert sent["require-trusted-types-for"] == "'script'"
    assert sent["trusted-types"] == "'none'"
    html = answer.content.decode()
    tags = re.findall(r"<(?:script(?! id)|link rel=\"stylesheet\")[^>]*>", html)
    assert len(tags) == 3
    assert all(f'nonce="{nonce}"' in tag for tag in tags)
    assert "style=" not in html
    assert " onclick" not in html


def test_the_nonce_is_never_the_same(api: Api, client: Client) -> None:
    where = path_of(track(api))
    assert policy(client.get(where))["style-src"] != policy(client.get(where))["style-src"]


def test_nothing_of_the_page_is_cached_indexed_or_referred_to(api: Api, client: Client) -> None:
    answer = client.get(path_of(track(api)))
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert "publickey-credentials-get=(self)" in answer["Permissions-Policy"]
    assert "camera=()" in answer["Permissions-Policy"]


def test_the_token_is_not_written_into_the_page(api: Api, client: Client) -> None:
    tracked = track(api)
    assert tracked["token"].encode() not in client.get(path_of(tracked)).content


def test_no_other_page_may_be_framed(client: Client, db: None) -> None:
    for where in ("/v1/users", "/v1/client/init", "/challenge/api/state", "/nowhere"):
        answer = client.get(where)
        assert answer["X-Frame-Options"] == "DENY", where
        assert policy(answer)["frame-ancestors"] == "'none'", where


def test_what_the_tenant_is_called_cannot_become_markup(db: None, client: Client) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    tenant = make.make_tenant(name)
    html = client.get(path_of(track(Api(client, make.make_key(tenant))))).content.decode()
    assert "<img src=x" not in html
    assert config_of(client.get(path_of(track(Api(client, make.make_key(tenant))))))["tenant"] == name


# -- tokens that do not open it ------------------------------------------------------------------


@pytest.mark.parametrize("token", ["garbled", "a.b.c", "é", "x" * 9000, "%00"])
def test_a_garbled_token_shows_the_expired_screen_and_is_never_framed(token: str, client: Client, db: None) -> None:
    answer = client.get("/challenge", {"token": token, "mode": "popup"}, headers=FRAME)
    assert answer.status_code == 410
    assert "This page has expired" in answer.content.decode()
    assert policy(answer)["frame-ancestors"] == "'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert COOKIE not in answer.cookies


def test_no_token_at_all_says_how_to_go_on(client: Client, db: None) -> None:
    answer = client.get("/challenge")
    assert answer.status_code == 410
    assert config_of(answer)["problem"] == "missing"


def test_an_expired_token_leads_back_to_the_app(api: Api, client: Client, advance: Callable[[float], None]) -> None:
    tracked = track(api, redirectUrl=f"{make.APP_ORIGIN}/back?x=1")
    advance(11 * 60)
    answer = client.get(path_of(tracked), headers=TOP)
    assert answer.status_code == 410
    assert "This page has expired" in answer.content.decode()
    assert policy(answer)["frame-ancestors"] == make.APP_ORIGIN
    assert config_of(answer)["returnUrl"] == f"{make.APP_ORIGIN}/back?x=1&token={tracked['token']}"
    assert call(client, "state", tracked["token"]).json()["errorCode"] == "expired_token"


def test_a_deleted_users_link_is_expired(api: Api, client: Client) -> None:
    tracked = track(api)
    api("DELETE", "users/alice")
    assert client.get(path_of(tracked)).status_code == 410


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_only_reading_is_offered(method: str, api: Api, client: Client) -> None:
    assert getattr(client, method)(path_of(track(api))).status_code == 405


# -- one browser ---------------------------------------------------------------------------------


def test_reading_the_page_twenty_times_changes_nothing(api: Api, client: Client) -> None:
    tracked = track(api)
    for _scan in range(20):
        scanner = Client()
        assert scanner.get(path_of(tracked), headers=TOP).status_code == 200
        assert scanner.head(path_of(tracked), headers=TOP).status_code == 200
    assert ActionFacts.objects.get().browser_hash == ""
    client.get(path_of(tracked), headers=TOP)
    assert state_of(client, tracked["token"])["state"] == "CHALLENGE_REQUIRED"


def test_the_first_browser_is_remembered_by_a_host_cookie(api: Api, client: Client) -> None:
    tracked = track(api)
    cookie = client.get(path_of(tracked), headers=TOP).cookies[COOKIE]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""
    assert cookie["max-age"] == 600
    state_of(client, tracked["token"])
    stored = ActionFacts.objects.get().browser_hash
    assert stored
    assert cookie.value not in stored


def test_a_second_browser_is_refused_and_told_why(api: Api, client: Client) -> None:
    tracked, second = track(api), Client()
    client.get(path_of(tracked), headers=TOP)
    state_of(client, tracked["token"])
    answer = second.get(path_of(tracked), headers=TOP)
    assert answer.status_code == 403
    assert "Opened in another browser" in answer.content.decode()
    refused = call(second, "state", tracked["token"])
    assert (refused.status_code, refused.json()["errorCode"]) == (403, "opened_elsewhere")
    assert call(second, "finish", tracked["token"]).status_code == 403
    assert state_of(client, tracked["token"])["state"] == "CHALLENGE_REQUIRED"
    assert client.get(path_of(tracked), headers=TOP).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("user-authenticators/totp", {}),
        ("user-authenticators/email-otp", {"email": "mallory@example.com"}),
        ("challenge/email-otp", {}),
        ("init", {}),
        ("verify/totp", {"verificationCode": "123456"}),
        ("verify/email-magic-link/finalize", {}),
        ("user-authenticators/passkey/registration-options", {}),
        ("user-authenticators/push", {"publicKey": "x", "deviceName": "y", "devicePlatform": "ios"}),
    ],
)
def test_the_client_api_too_is_for_the_browser_that_opened_the_page(
    path: str, body: Any, api: Api, client: Client
) -> None:
    """Whoever learnt the address would else go on beside the user, and add a method of theirs once the user proved."""
    tracked, second = track(api, scope="add:authenticators"), Client()

    def called(http: Client) -> tuple[int, str]:
        bearer = {"Authorization": f"Bearer {tracked['token']}"}
        answer = http.post(f"/v1/client/{path}", json.dumps(body), "application/json", headers=bearer)
        return answer.status_code, answer.json().get("errorCode", "")

    client.get(path_of(tracked), headers=TOP)
    state_of(client, tracked["token"])
    assert called(second) == (403, "opened_elsewhere")
    assert called(client) != (403, "opened_elsewhere")


def test_what_an_app_got_for_a_proof_is_its_own(api: Api, client: Client) -> None:
    """It has no cookie of ours: the app is another site, or no browser."""
    tracked = track(api)
    client.get(path_of(tracked), headers=TOP)
    state_of(client, tracked["token"])
    token = access_token(Action.objects.select_related("tenant", "user").get(), now=clock.now())
    answer = Client().get("/v1/client/user-authenticators", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_nobody_is_framed_where_nobody_may_frame(api: Api, acme: Tenant, client: Client) -> None:
    acme.app_origins = []
    acme.save()
    tracked, second = track(api), Client()
    assert call(second, "state", tracked["token"], embedded=True).status_code == 200
    client.get(path_of(tracked), headers=TOP)
    state_of(client, tracked["token"])
    assert call(second, "state", tracked["token"], embedded=True).status_code == 403


def test_a_second_browser_that_says_it_is_framed_is_refused_too(api: Api, client: Client) -> None:
    tracked, second = track(api), Client()
    client.get(path_of(tracked), headers=TOP)
    state_of(client, tracked["token"])
    assert second.get(path_of(tracked), headers=FRAME).status_code == 403
    for name in ("state", "finish", "recovery-code"):
        answer = call(second, name, tracked["token"], embedded=True)
        assert (answer.status_code, answer.json()["errorCode"]) == (403, "opened_elsewhere")
    assert call(client, "state", tracked["token"], embedded=True).status_code == 200


def test_one_browser_keeps_its_cookie_over_several_verifications(api: Api, client: Client) -> None:
    first, second = track(api), track(api)
    client.get(path_of(first), headers=TOP)
    before = client.cookies[COOKIE].value
    client.get(path_of(second), headers=TOP)
    assert client.cookies[COOKIE].value == before
    state_of(client, first["token"])
    state_of(client, second["token"])


def test_a_frame_gets_no_cookie_and_is_not_bound(api: Api, client: Client) -> None:
    tracked = track(api)
    answer = client.get(path_of(tracked) + "&mode=popup", headers=FRAME)
    assert COOKIE not in answer.cookies
    assert call(client, "state", tracked["token"], embedded=True).status_code == 200
    assert ActionFacts.objects.get().bound_browser == ""


def test_a_window_that_helps_a_frame_out_does_not_shut_it_out(api: Api, client: Client) -> None:
    """On another site the frame has no cookie; the window, at top level, has one."""
    tracked, frame = track(api), Client()
    assert frame.get(path_of(tracked) + "&mode=popup", headers=FRAME).status_code == 200
    assert call(frame, "state", tracked["token"], embedded=True).status_code == 200
    assert client.get(path_of(tracked) + "&mode=continue", headers=TOP).status_code == 200
    assert COOKIE in client.cookies
    assert state_of(client, tracked["token"])["state"] == "CHALLENGE_REQUIRED"
    assert call(frame, "state", tracked["token"], embedded=True).status_code == 200
    assert call(frame, "finish", tracked["token"], embedded=True).status_code == 200
    assert frame.get(path_of(tracked) + "&mode=popup", headers=FRAME).status_code == 200


# -- what the page is told -----------------------------------------------------------------------


@pytest.mark.parametrize(("past", "times"), [(None, 1), (timedelta(days=-1), 1), (timedelta(days=1), 0)])
def test_whether_a_user_is_new_is_asked_once_and_not_of_who_is_enrolled(
    api: Api, acme: Tenant, client: Client, past: timedelta | None, times: int
) -> None:
    user = make.make_user(acme, "alice", email="alice@example.com")
    if past is not None:
        make.make_authenticator(user, M.EMAIL_OTP, contact="alice@example.com", expires_at=clock.now() + past)
    token = track(api)["token"]
    with CaptureQueriesContext(connection) as asked:
        assert state_of(client, token)["isNew"] is (past is None)
    ever = re.compile(
        r'SELECT 1 AS "a" FROM "authenticators_authenticator" WHERE \("authenticators_authenticator"."user_id" = \S+ '
        r'AND NOT \("authenticators_authenticator"."verified_at" IS NULL\)\)'
    )
    assert sum(bool(ever.search(query["sql"])) for query in asked) == times


def test_the_state_lists_what_is_enrolled_and_permitted_with_masked_addresses(
    api: Api, acme: Tenant, client: Client
) -> None:
    user = make.make_user(acme, "alice", email="alice@example.com")
    make.make_authenticator(user, M.EMAIL_OTP, contact="alice@example.com", is_default=True)
    make.make_authenticator(user, M.SMS, contact="+64215550123")
    make.make_action(acme, "signIn", "CHALLENGE", verification_methods=["EMAIL_OTP", "PASSKEY", "RECOVERY_CODE"])
    recovery_code.replace_all(user)
    state = state_of(client, track(api)["token"])
    assert state["methods"] == [
        {"method": "EMAIL_OTP", "target": "a•••@example.com", "isDefault": True},
        {"method": "RECOVERY_CODE", "isDefault": False},
    ]
    assert (state["isEnrolled"], state["isNew"]) == (True, False)
    assert state["canEnrol"] is False
    assert state["recoveryCodes"] == {
        "enabled": True,
        "remaining": 10,
        "mayMake": False,
        "isLow": False,
        "wasUsed": False,
    }
    assert 590 <= state["expiresIn"] <= 600
    assert "alice@example.com" not in json.dumps(state)


def test_a_new_user_may_enrol_and_is_offered_the_address_on_file(api: Api, client: Client) -> None:
    state = state_of(client, track(api, email="bob@example.com")["token"])
    assert (state["isEnrolled"], state["isNew"]) == (False, True)
    assert state["canEnrol"] is True
    assert {item["method"]: item.get("target") for item in state["enrollable"]} == {
        "PASSKEY": None,
        "SECURITY_KEY": None,
        "AUTHENTICATOR_APP": None,
        "EMAIL_OTP": "b•••@example.com",
        "SMS": None,
    }
    assert [item["method"] for item in state["methods"]] == ["EMAIL_OTP"]
    assert state["recoveryCodes"] == {"enabled": True, "mayMake": False, "isLow": False, "wasUsed": False}


def test_an_address_on_file_is_asked_for_where_the_tenant_wants_it(api: Api, acme: Tenant, client: Client) -> None:
    row = AuthenticatorConfiguration.objects.create(tenant=acme, method=M.EMAIL_OTP, asks_for_address=True)
    sent = track(api, email="bob@example.com")
    state = state_of(client, sent["token"])
    assert [item.get("target") for item in state["enrollable"] if item["method"] == "EMAIL_OTP"] == [None]
    assert state["methods"] == []
    row.is_editable_by_user = False
    row.save()
    assert [item["method"] for item in state_of(client, sent["token"])["methods"]] == ["EMAIL_OTP"]


def test_what_the_tenant_switched_off_or_hides_is_not_offered(api: Api, acme: Tenant, client: Client) -> None:
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SMS, is_active=False)
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.EMAIL_OTP, is_hidden_to_user=True)
    state = state_of(client, track(api)["token"])
    assert [item["method"] for item in state["enrollable"]] == ["PASSKEY", "SECURITY_KEY", "AUTHENTICATOR_APP"]


# -- the offer of a passkey ----------------------------------------------------------------------


def proved(api: Api, acme: Tenant, *, enrol: bool = True) -> str:
    """The token of a user who has an authenticator app, and used it a moment ago."""
    tracked = track(api)
    user = acme.users.get(user_id="alice")
    if enrol and not user.authenticators.exists():
        make.make_authenticator(user, M.AUTHENTICATOR_APP, secret="JBSWY3DPEHPK3PXP")
    action = Action.objects.latest("created_at")
    Action.objects.filter(pk=action.pk).update(state="CHALLENGE_SUCCEEDED", state_updated_at=clock.now())
    make.make_challenge(user, method=M.AUTHENTICATOR_APP, action_id=action.pk, verified_at=clock.now())
    return str(tracked["token"])


def test_a_passkey_is_offered_to_a_user_who_has_something_else(api: Api, acme: Tenant, client: Client) -> None:
    assert "prompt" not in state_of(client, proved(api, acme, enrol=False))
    assert state_of(client, proved(api, acme))["prompt"] == ["PASSKEY"]
    configured = make.make_configuration(acme, M.PASSKEY, recovery_methods=["SMS"])
    assert "prompt" not in state_of(client, proved(api, acme))
    configured.recovery_methods, configured.disable_enrollment_prompt = [], True
    configured.save()
    assert "prompt" not in state_of(client, proved(api, acme))
    action = ActionConfiguration.objects.get(tenant=acme, action_code="signIn")
    always = {"!": {"missing": ["user.userId"]}}
    make.make_rule(action, always, prompt_to_enroll_verification_methods=["PASSKEY"])
    assert state_of(client, proved(api, acme))["prompt"] == ["PASSKEY"]


MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"


@pytest.mark.parametrize(
    ("made", "offered"),
    [
        ({}, True),
        ({"device_id": "laptop"}, False),
        ({"device_id": "phone"}, True),
        ({"backed_up": True}, True),
        ({"backed_up": True, "user_agent": MAC}, False),
        ({"backed_up": True, "user_agent": IPHONE}, False),
        ({"backed_up": True, "user_agent": WINDOWS}, True),
        ({"backed_up": False, "user_agent": MAC}, True),
        ({"backed_up": True, "user_agent": MAC, "rp_id": "old.example"}, True),
    ],
)
def test_a_passkey_is_offered_until_there_is_one_on_this_device(
    api: Api, acme: Tenant, client: Client, made: dict[str, Any], offered: bool
) -> None:
    token = proved(api, acme)
    ActionFacts.objects.update(device_id="laptop")
    fields = {"rp_id": "localhost", **made}
    make.make_authenticator(acme.users.get(user_id="alice"), M.PASSKEY, credential_id="c", **fields)
    client.defaults["HTTP_USER_AGENT"] = MAC
    assert (state_of(client, token).get("prompt") == ["PASSKEY"]) is offered


def test_whoever_has_nothing_but_passkeys_is_offered_no_further_one(api: Api, acme: Tenant, client: Client) -> None:
    token = proved(api, acme, enrol=False)
    make.make_authenticator(acme.users.get(user_id="alice"), M.PASSKEY, credential_id="c", rp_id="localhost")
    assert "prompt" not in state_of(client, token)


def test_not_now_lasts_as_long_as_the_tenant_says(api: Api, acme: Tenant, client: Client) -> None:
    assert call(client, "not-now", proved(api, acme)).json() == {}
    assert state_of(client, proved(api, acme))["prompt"] == ["PASSKEY"]
    make.make_configuration(acme, M.PASSKEY, enrollment_prompt_days=7)
    assert "prompt" not in state_of(client, proved(api, acme))
    user = acme.users.get(user_id="alice")
    user.passkey_prompt_dismissed_at = clock.now() - timedelta(days=7, seconds=1)
    user.save()
    assert state_of(client, proved(api, acme))["prompt"] == ["PASSKEY"]


def test_which_passkeys_there_are_is_told_to_a_proved_user_only(api: Api, acme: Tenant, client: Client) -> None:
    token = proved(api, acme)
    user = acme.users.get(user_id="alice")
    make.make_authenticator(user, M.PASSKEY, credential_id="mine", rp_id="localhost")
    make.make_authenticator(user, M.PASSKEY, credential_id="elsewhere", rp_id="old.example")
    told = state_of(client, token)["passkeys"]
    assert (told["rpId"], told["credentialIds"]) == ("localhost", ["mine"])
    assert base64.urlsafe_b64decode(told["userId"] + "==").decode() == user.pk.hex
    assert "passkeys" not in state_of(client, track(api)["token"])


def test_the_contextual_message_and_settings_are_passed_on(api: Api, acme: Tenant, client: Client) -> None:
    make.make_action(acme, "pay", "CHALLENGE", message="Pay {{action.amount}} to {{action.payee}}")
    tracked = track(api, action="pay", custom={"amount": 20, "payee": "Jane"}, redirectToSettings=True)
    state = state_of(client, tracked["token"])
    assert state["message"] == "Pay 20 to Jane"
    assert state["settings"] is True


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic abc"}])
def test_no_call_works_without_the_users_token(sent: dict[str, str], client: Client, db: None) -> None:
    for name in ("state", "qr", "recovery-code", "recovery-codes", "not-now", "finish"):
        answer = client.post(f"/challenge/api/{name}", "{}", "application/json", headers=sent)
        assert (answer.status_code, answer.json()["errorCode"]) == (401, "expired_token")


def test_the_server_key_is_no_users_token(api: Api, client: Client) -> None:
    sent = {"Authorization": make.basic(api.secret)}
    assert client.post("/challenge/api/state", "{}", "application/json", headers=sent).status_code == 401


# -- leaving -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/done", "/done?token="),
        ("/done?a=b%20c&d", "/done?a=b%20c&d&token="),
        ("/done?", "/done?token="),
        ("/done?a=1#part", "/done?a=1&token="),
        ("/done?token=evil", "/done?token="),
        ("/done?a=1&token=evil&%74oken=evil&token&b=token#part", "/done?a=1&b=token&token="),
        # To some frameworks both are one name.
        ("/done?tokens=1&Token=2", "/done?tokens=1&token="),
    ],
)
def test_the_token_is_appended_to_whatever_query_the_target_has(
    target: str, expected: str, api: Api, client: Client
) -> None:
    tracked = track(api, redirectUrl=make.APP_ORIGIN + target)
    answer = call(client, "finish", tracked["token"]).json()
    assert answer["token"] == tracked["token"]
    fragment = "#part" if "#" in target else ""
    assert answer["redirectUrl"] == make.APP_ORIGIN + expected + tracked["token"] + fragment


def test_quitting_returns_a_token_that_validates_as_still_to_be_done(api: Api, client: Client) -> None:
    token = call(client, "finish", track(api)["token"]).json()["token"]
    checked = api("POST", "validate", {"token": token}).body
    assert (checked["isValid"], checked["state"]) == (False, "CHALLENGE_REQUIRED")


def only_sms(acme: Tenant, **user: Any) -> Any:
    """A user, and an action that allows nothing but a text message."""
    make.make_action(acme, "pay", "CHALLENGE", verification_methods=["SMS"])
    return make.make_user(acme, "alice", **user)


def finished(api: Api, client: Client, tracked: dict[str, Any]) -> str:
    """What the app learns from the token that leaving the page hands back."""
    answer = call(client, "finish", tracked["token"], {})
    assert answer.status_code == 200, answer.content
    return str(api("POST", "validate", {"token": answer.json()["token"]}).body["state"])


def test_where_no_method_is_left_the_app_learns_of_a_failure(api: Api, acme: Tenant, client: Client) -> None:
    make.make_authenticator(only_sms(acme), M.PASSKEY, credential_id="c" * 40, rp_id="acme.example", public_key=b"k")
    tracked = track(api, action="pay")
    assert tracked["state"] == "CHALLENGE_REQUIRED"
    assert finished(api, client, tracked) == "CHALLENGE_FAILED"
    [event] = AuditEvent.objects.filter(tag="action:state_changed")
    assert (event.data["to_state"], event.data["reason"]) == ("CHALLENGE_FAILED", "no method left")
    assert state_of(client, tracked["token"])["state"] == "CHALLENGE_FAILED"
    assert finished(api, client, tracked) == "CHALLENGE_FAILED"
    assert AuditEvent.objects.filter(tag="action:state_changed").count() == 1


def enrolled_and_locked(user: EndUser) -> dict[str, Any]:
    make.make_authenticator(user, M.SMS, contact="+64215550123")
    GuessCount.objects.create(
        tenant=user.tenant, subject=f"user:{user.pk}", method=M.SMS, consecutive=50, disabled_at=clock.now()
    )
    return {}


def on_file(user: EndUser) -> dict[str, Any]:
    user.tenant.first_enrolment_needs_scope = True
    user.tenant.save()
    return {"phoneNumber": "+64215550123"}


def nothing_yet(user: EndUser) -> dict[str, Any]:
    return {}


def something_to_add_to(user: EndUser) -> dict[str, Any]:
    make.make_authenticator(user, M.AUTHENTICATOR_APP, secret="JBSWY3DPEHPK3PXP")
    return {"scope": "add:authenticators"}


def settings_only(user: EndUser) -> dict[str, Any]:
    make.make_authenticator(user, M.AUTHENTICATOR_APP, secret="JBSWY3DPEHPK3PXP")
    return {"scope": "remove:authenticators", "redirectToSettings": True}


@pytest.mark.parametrize("having", [enrolled_and_locked, on_file, nothing_yet, something_to_add_to, settings_only])
def test_quitting_fails_nothing_while_there_is_a_way(api: Api, acme: Tenant, client: Client, having: Any) -> None:
    more = having(only_sms(acme))
    assert finished(api, client, track(api, action="pay", **more)) == "CHALLENGE_REQUIRED"


def test_a_decision_that_asks_for_no_proof_stands(api: Api, acme: Tenant, client: Client) -> None:
    make.make_action(acme, "pay", "REVIEW", verification_methods=["SMS"])
    make.make_authenticator(make.make_user(acme, "alice"), M.AUTHENTICATOR_APP, secret="JBSWY3DPEHPK3PXP")
    assert finished(api, client, track(api, action="pay")) == "REVIEW_REQUIRED"


def test_a_target_that_the_tenant_no_longer_allows_is_not_redirected_to(api: Api, acme: Tenant, client: Client) -> None:
    tracked = track(api, redirectUrl=f"{make.APP_ORIGIN}/done")
    acme.app_origins = ["https://new.acme.example"]
    acme.save()
    assert "redirectUrl" not in call(client, "finish", tracked["token"]).json()
    assert "returnUrl" not in state_of(client, tracked["token"])


def returned_to(api: Api, client: Client, url: str, *states: str) -> str:
    """Where the user goes back to, without the token, after their page was opened with each of these."""
    tracked = track(api, redirectUrl=url)
    for state in states:
        # As Auth0 writes it: behind the address that it was given.
        assert client.get(f"{tracked['url']}&state={state}").status_code == 200
    answer = call(client, "finish", tracked["token"]).json()
    assert state_of(client, tracked["token"])["returnUrl"] == answer["redirectUrl"]
    return str(answer["redirectUrl"]).replace(f"token={tracked['token']}", "").rstrip("?&")


LOGIN = "hKFo2SBx-y_z.9~"


@pytest.mark.parametrize(
    ("url", "back"),
    [
        ("/continue", f"/continue?state={LOGIN}"),
        ("/continue?a=b%20c&d", f"/continue?a=b%20c&d&state={LOGIN}"),
    ],
)
def test_a_login_that_hands_its_user_on_has_its_state_back(api: Api, client: Client, url: str, back: str) -> None:
    assert returned_to(api, client, make.APP_ORIGIN + url, LOGIN) == make.APP_ORIGIN + back


def test_a_state_that_the_app_wrote_itself_or_that_came_first_stays(api: Api, client: Client) -> None:
    mine = f"{make.APP_ORIGIN}/done?State=mine"
    assert returned_to(api, client, mine, LOGIN) == mine
    assert returned_to(api, client, f"{make.APP_ORIGIN}/done", LOGIN, "evil") == f"{make.APP_ORIGIN}/done?state={LOGIN}"


@pytest.mark.parametrize("state", ["", "x" * 513, "a%26token=evil", "a%23b", "a%0Ab", "%C3%A9", "a b"])
def test_what_is_no_state_is_not_handed_back(api: Api, client: Client, state: str) -> None:
    assert returned_to(api, client, f"{make.APP_ORIGIN}/done", state) == f"{make.APP_ORIGIN}/done"


def test_without_a_target_there_is_none(api: Api, client: Client) -> None:
    assert set(call(client, "finish", track(api)["token"]).json()) == {"token"}


def test_a_native_scheme_on_the_list_gets_exactly_the_callback_its_sdk_parses(api: Api, client: Client) -> None:
    token = track(api)["token"]
    answer = call(client, "finish", token, {"nativeScheme": "authsignal"}).json()
    assert answer["redirectUrl"] == f"authsignal://auth?token={token}"


@pytest.mark.parametrize("scheme", ["javascript", "evil", "https", "authsignal:"])
def test_any_other_scheme_gets_no_token(scheme: str, api: Api, client: Client) -> None:
    tracked = track(api)
    assert call(client, "finish", tracked["token"], {"nativeScheme": scheme}).status_code == 400
    page = client.get("/challenge", {"token": tracked["token"], "nativeScheme": scheme})
    assert config_of(page)["nativeScheme"] == ""


# -- QR and recovery codes -----------------------------------------------------------------------


def test_the_qr_code_is_drawn_here(api: Api, client: Client) -> None:
    token = track(api)["token"]
    uri = "otpauth://totp/Acme:alice?secret=JBSWY3DPEHPK3PXP&issuer=Acme"
    image = call(client, "qr", token, {"uri": uri}).json()["image"]
    assert image.startswith("data:image/svg+xml")
    for wrong in ("https://evil.example", "otpauth://totp/" + "x" * 3000, "otpauth://totp/" + "🙂" * 1000, ""):
        assert call(client, "qr", token, {"uri": wrong}).status_code == 400


def test_recovery_codes_are_made_after_a_proof_only_and_work_once(api: Api, acme: Tenant, client: Client) -> None:
    user = make.make_user(acme, "alice")
    make.make_authenticator(user, M.EMAIL_OTP, contact="alice@example.com")
    tracked = track(api)
    assert call(client, "recovery-codes", tracked["token"]).status_code == 403
    action = Action.objects.get()
    make.make_challenge(user, action_id=action.pk, verified_at=clock.now())
    proved = access_token(action, now=clock.now())
    codes = call(client, "recovery-codes", proved).json()["recoveryCodes"]
    assert len(set(codes)) == 10
    wrong = call(client, "recovery-code", tracked["token"], {"verificationCode": "A" * 24}).json()
    assert wrong == {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
    again = track(api)
    right = call(client, "recovery-code", again["token"], {"verificationCode": codes[0].lower()}).json()
    assert right["isVerified"] is True
    checked = api("POST", "validate", {"token": right["accessToken"]}).body
    assert (checked["state"], checked["verificationMethod"]) == ("CHALLENGE_SUCCEEDED", "RECOVERY_CODE")
    third = track(api)
    assert call(client, "recovery-code", third["token"], {"verificationCode": codes[0]}).json()["isVerified"] is False


# -- language ------------------------------------------------------------------------------------


def test_the_page_says_which_language_it_is_in(api: Api, client: Client) -> None:
    answer = client.get(path_of(track(api, locale="xx-YY")))
    assert answer["Content-Language"] == "en"
    assert '<html lang="en" dir="ltr">' in answer.content.decode()


@pytest.mark.parametrize(
    ("of_action", "of_user", "of_page", "spoken"),
    [
        ("fr", "de", "it", "fr"),
        ("tlh", None, "it", "it"),
        (None, "nl-BE", "it", "nl"),
        (None, None, "it", "it"),
        (None, "tlh", "tlh", "en"),
    ],
)
def test_a_page_and_its_messages_speak_one_language(
    api: Api, client: Client, of_action: str | None, of_user: str | None, of_page: str, spoken: str
) -> None:
    api("PATCH", "users/alice", {"email": "alice@example.com", "locale": of_user or ""})
    tracked = track(api, **({"locale": of_action} if of_action else {}))
    page = client.get(path_of(tracked), headers={"Accept-Language": of_page})
    assert page["Content-Language"] == spoken
    asked = {"Authorization": f"Bearer {tracked['token']}", "Accept-Language": page["Content-Language"]}
    sent = client.post("/v1/client/challenge/email-otp", "{}", "application/json", headers=asked)
    assert sent.status_code == 200
    with translation.override(spoken):
        subject = translation.gettext("Your %(name)s verification code") % {"name": "Acme"}
    message = json.loads(Message.objects.select_related("tenant").get().payload)
    assert (message["subject"], message["about"]["locale"]) == (subject, of_action or of_user or spoken)


def test_the_phone_form_offers_no_country_that_gets_no_sms(api: Api, acme: Tenant, client: Client) -> None:
    acme.blocked_sms_countries = ["NZ"]
    acme.save()
    countries = config_of(client.get(path_of(track(api))))["countries"].split(",")
    assert [one for one in countries if one.startswith("NZ")] == []
    assert {"GB44/0", "US1/1", "IT39"} <= set(countries)


# -- several of a method -------------------------------------------------------------------------


def test_of_several_each_is_offered_masked_the_one_that_is_meant_first(api: Api, acme: Tenant, client: Client) -> None:
    make.make_configuration(acme, "SMS", allows_several=True)
    user = make.make_user(acme, "alice")
    numbers = ("+64215550123", "+64215550456", "+64215559123")
    rows = [make.make_authenticator(user, M.SMS, contact=number) for number in numbers]
    Authenticator.objects.filter(pk=rows[1].pk).update(is_default=True, label="Work")
    state = state_of(client, track(api)["token"])
    shown = [one for one in state["methods"] if one["method"] == "SMS"]
    assert [(one["id"], one["target"], one.get("label")) for one in shown] == [
        (str(rows[1].pk), "•••• 456", "Work"),
        (str(rows[0].pk), "•••• 123", None),
        (str(rows[2].pk), "•••• 123", None),
    ]
    assert ["addedAt" in one for one in shown] == [False, True, True]
    assert "+6421555" not in json.dumps(state)


def test_a_further_one_is_offered_as_long_as_there_is_room(
    api: Api, acme: Tenant, client: Client, settings: Any
) -> None:
    settings.AUTHENTICATORS_PER_METHOD = 2
    user = make.make_user(acme, "alice")
    make.make_authenticator(user, M.SMS, contact="+64215550123")

    def replaces() -> bool | None:
        state = state_of(client, track(api, redirectToSettings=True, scope="add:authenticators")["token"])
        return next((one["replaces"] for one in state["enrollable"] if one["method"] == "SMS"), None)

    assert replaces() is True
    row = make.make_configuration(acme, "SMS", allows_several=True)
    assert replaces() is False
    make.make_authenticator(user, M.SMS, contact="+64215550456")
    assert replaces() is None
    row.allows_several = False
    row.save()
    assert replaces() is None


def test_what_was_sent_to_one_number_was_not_sent_to_another(api: Api, acme: Tenant, client: Client) -> None:
    user = make.make_user(acme, "alice")
    rows = [make.make_authenticator(user, M.SMS, contact=number) for number in ("+64215550123", "+64215550456")]
    token = track(api)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"userAuthenticatorId": str(rows[1].pk)}
    client.post("/v1/client/challenge/sms", json.dumps(body), "application/json", headers=headers)
    assert state_of(client, token)["sent"] == {"SMS": True, f"SMS:{rows[1].pk}": True}
