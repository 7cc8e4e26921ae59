"""Signing in elsewhere from the hosted page: out with PKCE and state, back in the same browser, once."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from actions import one_browser
from actions.models import Action
from authenticators import id_tokens, issuers
from authenticators.models import Authenticator, Challenge, IdentityProvider
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.api.reading import ok, refused
from tests.api.test_device_credentials import track
from tests.api.test_id_tokens import account, issuer, use
from tests.issuer import CLIENT

FIXTURES = (account, issuer)
STRANGER = "s" * 43


class Page:
    """The hosted page at top level in one browser."""

    def __init__(self, http, token, browser="b" * 43):
        self.http, self.token, self.browser = http, token, browser
        http.cookies[one_browser.BROWSER_COOKIE] = browser

    def call(self, path, body=None, *, embedded="no"):
        answer = self.http.post(
            f"/challenge/api/{path}",
            body or {},
            "application/json",
            headers={"Authorization": f"Bearer {self.token}", one_browser.EMBEDDED_HEADER: embedded},
        )
        answer.body = answer.json()
        return answer

    def leave(self, **more):
        return ok(self.call("authorize", {"verificationMethod": M.OIDC_PROVIDER, **more}))["url"]

    def come_back(self, given, browser=None, to=None):
        """To where it was to come back, or to another provider's address."""
        self.http.cookies[one_browser.BROWSER_COOKIE] = browser or self.browser
        return self.http.get(
            urlsplit(to or id_tokens.redirect_uri(IdentityProvider.objects.earliest("created_at"))).path, given
        )


def landed(answer):
    """What the address of the hosted page says, once somebody is back."""
    assert answer.status_code == 303, answer.content
    parts = urlsplit(answer["Location"])
    assert parts.path == "/challenge"
    assert answer["Referrer-Policy"] == "no-referrer"
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


@pytest.fixture
def page(api, client, account):
    return Page(client, track(api))


def state_of(api, token):
    return ok(api("POST", "validate", {"token": token}))["state"]


def asked(page, **more):
    """What the address says that the browser is sent to."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.leave(**more)).query).items()}


def test_the_address_asks_for_a_code_bound_to_a_verifier_and_a_nonce(page, account, acme, settings):
    query = asked(page)
    assert query.pop("state").startswith(Challenge.objects.get().pk)
    assert len(query.pop("nonce")) == len(query.pop("code_challenge")) == 43
    assert query == {
        "response_type": "code",
        "scope": "openid",
        "client_id": CLIENT,
        "redirect_uri": f"{settings.PUBLIC_URL}/challenge/callback/{acme.pk.hex}/oidc_provider",
        "code_challenge_method": "S256",
        "max_age": "0",
        "prompt": "login",
    }


def test_a_session_that_stands_does_not_answer(api, page, account):
    back = landed(page.come_back(account.sign_in(page.leave(), auth_time=int(time.time()) - 3600)))
    assert (back["returned"], state_of(api, page.token)) == ("failed", "CHALLENGE_REQUIRED")
    again = Page(page.http, back["token"])
    assert landed(again.come_back(account.sign_in(again.leave())))["returned"] == "verified"


def test_where_the_tenant_does_not_ask_for_a_new_sign_in_it_does(page, account):
    IdentityProvider.objects.update(asks_anew=False)
    assert {"max_age", "prompt"}.isdisjoint(asked(page))
    standing = account.sign_in(page.leave(), auth_time=int(time.time()) - 3600)
    assert landed(page.come_back(standing))["returned"] == "verified"


@pytest.mark.parametrize(
    ("method", "listed", "prompt"),
    [
        (M.OIDC_PROVIDER, ["none", "login"], {"max_age": "0", "prompt": "login"}),
        (M.OIDC_PROVIDER, ["none"], {"max_age": "0"}),
        (M.GOOGLE_ID_TOKEN, None, {"prompt": "select_account"}),
        (M.APPLE_ID_TOKEN, None, {}),
    ],
)
def test_an_issuer_is_asked_for_what_it_knows(api, client, acme, issuer, method, listed, prompt):
    use(acme, issuer, method)
    issuer.described |= {"prompt_values_supported": listed} if listed else {}
    query = asked(Page(client, track(api)), verificationMethod=method, enrol=True)
    assert {name: query[name] for name in ("max_age", "prompt") if name in query} == prompt


def test_who_signs_in_is_proved_and_goes_on(api, page, account):
    back = landed(page.come_back(account.sign_in(page.leave(mode="continue", nativeScheme="authsignal"))))
    assert back.pop("token") != page.token
    assert back == {"returned": "verified", "use": M.OIDC_PROVIDER, "mode": "continue", "nativeScheme": "authsignal"}
    assert state_of(api, page.token) == "CHALLENGE_SUCCEEDED"
    assert Action.objects.get().authenticator_id == Authenticator.objects.get().pk


def test_an_account_is_connected_by_signing_in(api, client, acme, issuer):
    use(acme, issuer)
    page = Page(client, track(api))
    back = landed(page.come_back(issuer.sign_in(page.leave(enrol=True))))
    assert back["returned"] == "enrolled"
    assert ok(api("GET", "users/alice"))["enrolledVerificationMethods"] == [M.OIDC_PROVIDER]
    told = ok(Page(client, back["token"]).call("state"))
    assert told["methods"] == [{"method": M.OIDC_PROVIDER, "name": "Acme Staff", "isDefault": False}]


@pytest.mark.parametrize("in_body", [False, True])
def test_a_confidential_client_shows_its_secret_where_the_issuer_wants_it(page, account, in_body):
    row = IdentityProvider.objects.select_related("tenant").get()
    row.secret = account.secret = "a secret: of ours"
    row.save()
    if in_body:
        account.described["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    else:
        account.is_client = lambda request: (
            (request.authorization.username, request.authorization.password)
            == (
                CLIENT,
                "a%20secret%3A%20of%20ours",
            )
        )
    assert landed(page.come_back(account.sign_in(page.leave())))["returned"] == "verified"


def test_another_account_proves_nothing_and_can_try_again(api, page, account):
    back = landed(page.come_back(account.sign_in(page.leave(), sub="jo-2")))
    assert (back["returned"], back["use"]) == ("failed", M.OIDC_PROVIDER)
    assert state_of(api, page.token) == "CHALLENGE_REQUIRED"
    again = Page(page.http, back["token"])
    assert landed(again.come_back(account.sign_in(again.leave())))["returned"] == "verified"


def test_who_says_no_comes_back_and_the_state_is_spent(api, page, account):
    given = account.sign_in(page.leave())
    refusal = {"error": "access_denied", "state": given["state"]}
    assert landed(page.come_back(refusal))["returned"] == "failed"
    assert page.come_back(given).status_code == 410
    assert state_of(api, page.token) == "CHALLENGE_REQUIRED"


def test_an_answer_counts_once(page, account):
    given = account.sign_in(page.leave())
    assert page.come_back(given).status_code == 303
    assert page.come_back(given).status_code == 410
    assert account.asked.count("/token") == 1


def test_only_the_browser_that_left_comes_back(api, page, account):
    given = account.sign_in(page.leave())
    for browser in (STRANGER, "x"):
        assert page.come_back(given, browser).status_code == 403
    del page.http.cookies[one_browser.BROWSER_COOKIE]
    there = urlsplit(id_tokens.redirect_uri(IdentityProvider.objects.get())).path
    assert page.http.get(there, given).status_code == 403
    assert account.asked.count("/token") == 0
    assert state_of(api, page.token) == "CHALLENGE_REQUIRED"
    assert landed(page.come_back(given))["returned"] == "verified"


def test_a_state_that_is_not_whole_leads_nowhere(page, account):
    state = account.sign_in(page.leave())["state"]
    ident, secret = state.split(".")
    halves = (ident, f"{ident}.", f".{secret}", f"{ident}.{secret[:-1]}", f"{'0' * 64}.{secret}")
    for wrong in ("", *halves, "\0", "x" * 999):
        assert page.come_back({"code": "code-0", "state": wrong}).status_code == 410
    assert account.asked.count("/token") == 0


def test_the_answer_of_another_issuer_is_not_taken(page, account):
    given = account.sign_in(page.leave()) | {"iss": "https://evil.example"}
    assert landed(page.come_back(given))["returned"] == "failed"
    assert account.asked.count("/token") == 0


def test_an_issuer_that_always_names_itself_is_not_nameless(api, page, account):
    account.described["authorization_response_iss_parameter_supported"] = True
    issuers.DIRECTORY.forget()
    assert landed(page.come_back(account.sign_in(page.leave())))["returned"] == "failed"
    assert account.asked.count("/token") == 0
    named = account.sign_in(page.leave()) | {"iss": account.name}
    assert landed(page.come_back(named))["returned"] == "verified"


def test_a_code_that_comes_to_anothers_address_is_not_exchanged(api, client, acme, globex, page, account):
    """Mix-up: a tenant's own provider leads the browser on to another one's, with the redirect URI of that one."""
    theirs = use(globex, account)
    mine = IdentityProvider.objects.get(tenant=acme)
    elsewhere = [
        id_tokens.redirect_uri(theirs),
        id_tokens.redirect_uri(mine).replace("oidc_provider", "google_id_token"),
        id_tokens.redirect_uri(mine).replace("oidc_provider", "OIDC_PROVIDER"),
        id_tokens.redirect_uri(mine).replace(acme.pk.hex, str(acme.pk)),
    ]
    for there in elsewhere:
        given = account.sign_in(page.leave())
        assert landed(page.come_back(given, to=there))["returned"] == "failed"
        assert page.come_back(given).status_code == 410
    assert account.asked.count("/token") == 0
    assert state_of(api, page.token) == "CHALLENGE_REQUIRED"


def test_a_code_of_another_challenge_brings_nothing(api, client, page, account):
    other = account.sign_in(page.leave())
    newer = account.sign_in(page.leave())
    assert landed(page.come_back({"code": other["code"], "state": newer["state"]}))["returned"] == "failed"
    assert state_of(api, page.token) == "CHALLENGE_REQUIRED"


def test_a_frame_cannot_leave(page):
    body = {"verificationMethod": M.OIDC_PROVIDER}
    refused(page.call("authorize", body, embedded="yes"), 400, "invalid_request")
    page.call("state")
    refused(page.call("authorize", body, embedded="yes"), 400, "invalid_request")


def test_the_window_that_helps_a_frame_out_leaves_and_alone_comes_back(api, page, account):
    ok(page.call("state", embedded="yes"))
    given = account.sign_in(page.leave())
    assert page.come_back(given, STRANGER).status_code == 403
    assert landed(page.come_back(given))["returned"] == "verified"
    assert state_of(api, page.token) == "CHALLENGE_SUCCEEDED"


def test_a_browser_without_cookies_cannot_leave(api, client, account):
    page = Page(client, track(api))
    del client.cookies[one_browser.BROWSER_COOKIE]
    refused(page.call("authorize", {"verificationMethod": M.OIDC_PROVIDER}), 400, "invalid_request")


def test_an_issuer_that_is_down_is_told_before_anybody_leaves(page, account):
    account.is_down = True
    issuers.DIRECTORY.forget()
    refused(page.call("authorize", {"verificationMethod": M.OIDC_PROVIDER}), 503, "unavailable")
    assert not Challenge.objects.exists()


def test_a_token_endpoint_that_answers_nonsense_proves_nothing(api, page, account):
    given = account.sign_in(page.leave())
    account.codes.clear()
    assert landed(page.come_back(given))["returned"] == "failed"
    assert state_of(api, page.token) == "CHALLENGE_REQUIRED"


def test_what_comes_back_is_worth_no_more_and_lives_no_longer(api, client, page, account):
    back = landed(page.come_back(account.sign_in(page.leave(), sub="jo-2")))
    before, after = (ok(Page(client, token).call("state")) for token in (page.token, back["token"]))
    assert abs(before["expiresIn"] - after["expiresIn"]) <= 2
    assert not after["canEnrol"]
