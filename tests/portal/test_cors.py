"""Who may call the Client API from a page: the app origins of the tenant that the token proves, and nobody else."""

import pytest

from tests import make

HOME = make.APP_ORIGIN
GLOBEX = "https://globex.example"
ALLOW = "Access-Control-Allow-Origin"
STRANGERS = [
    "https://evil.example",
    "null",
    "",
    "*",
    "https://app.acme.example.evil.example",
    "https://evil-app.acme.example",
    "https://app.acme.example:444",
    "https://app.acme.example:443",
    "http://app.acme.example",
    "https://app.acme.exampl",
    "https://app.acme.examplee",
    "https://sub.app.acme.example",
    "https://acme.example",
    "https://APP.acme.example",
    "https://app.acme.example/",
    "https://app.acme.example/path",
    "https://app.acme.example#",
    "https://app.acme.example, https://evil.example",
    "https://app.acme.example\t",
    "app.acme.example",
    "//app.acme.example",
    "file://",
    "https://app.acme.example%00",
    "chrome-extension://app.acme.example",
    "x" * 5000,
]
PATHS = ["challenge/email-otp", "verify/passkey", "user-authenticators", "nothing/at/all", ""]


def preflight(client, origin, path="challenge/email-otp", method="POST"):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,x-authsignal-version",
    }
    return client.options(f"/v1/client/{path}", headers=headers)


@pytest.fixture
def token(api):
    return api("POST", "users/alice/actions/login", {"email": "a@b.example"}).body["token"]


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_is_answered_without_credentials_for_any_tenants_origin(client, acme, globex, path):
    for origin in (HOME, GLOBEX):
        answer = preflight(client, origin, path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer[ALLOW] == origin
        assert set(answer["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "PATCH", "OPTIONS"}
        allowed = {name.lower() for name in answer["Access-Control-Allow-Headers"].split(", ")}
        assert {"authorization", "content-type", "x-authsignal-version", "x-authsignal-sdk"} <= allowed
        assert int(answer["Access-Control-Max-Age"]) >= 60
        assert "Origin" in answer["Vary"]


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_stranger_gets_neither_a_preflight_nor_an_answer_to_read(client, acme, token, origin):
    assert ALLOW not in preflight(client, origin)
    answer = client.get("/v1/client/authenticators", headers={"Authorization": f"Bearer {token}", "Origin": origin})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert "Origin" in answer["Vary"]


def test_an_answer_can_be_read_on_the_tokens_tenants_origins_only(client, acme, globex, token):
    def call(origin):
        return client.get("/v1/client/authenticators", headers={"Authorization": f"Bearer {token}", "Origin": origin})

    assert call(HOME)[ALLOW] == HOME
    assert call(HOME)["Access-Control-Allow-Credentials"] == "true"
    assert ALLOW not in call(GLOBEX)


def test_with_a_tenant_id_alone_it_is_that_tenants_list(client, acme, globex):
    for tenant, readable in ((acme, HOME), (globex, GLOBEX)):
        for origin in (HOME, GLOBEX):
            headers = {"Authorization": make.basic(str(tenant.pk)), "Origin": origin}
            answer = client.post("/v1/client/challenge", content_type="application/json", headers=headers)
            assert answer.status_code == 200
            assert answer.headers.get(ALLOW) == (origin if origin == readable else None)


def test_refusals_can_be_read_too(client, api, token):
    headers = {"Authorization": f"Bearer {token}", "Origin": HOME}
    for path, body, status in [
        ("verify/totp", "{}", 400),
        ("verify/totp", "{", 400),
        ("nothing", "{}", 404),
        ("verify/passkey", '{"challengeId":"x","authenticationCredential":{}}', 400),
    ]:
        answer = client.post(f"/v1/client/{path}", body, content_type="application/json", headers=headers)
        assert (answer.status_code, answer[ALLOW]) == (status, HOME), path


def test_a_page_can_read_that_its_token_expired(client, token, advance):
    """Otherwise the SDK would see a network error, and not ask for a new token."""
    advance(601)
    answer = client.get("/v1/client/authenticators", headers={"Authorization": f"Bearer {token}", "Origin": HOME})
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "expired_token")
    assert answer[ALLOW] == HOME


def test_nothing_can_be_read_where_no_tenant_is_proved(client, acme):
    for header in ("", "Bearer x.y.z", "Basic x", make.basic("no")):
        answer = client.get("/v1/client/authenticators", headers={"Authorization": header, "Origin": HOME})
        assert answer.status_code == 401
        assert ALLOW not in answer


def test_the_server_api_is_not_for_pages(client, api):
    headers = {"Authorization": make.basic(api.secret), "Origin": HOME, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = client.generic(method, "/v1/users/alice", headers=headers)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert client.options("/v1/users/alice", headers={"Origin": HOME}).status_code == 401


def test_an_origin_that_was_taken_off_the_list_is_a_stranger_at_once(client, acme, token):
    acme.app_origins = []
    acme.save()
    assert ALLOW not in preflight(client, HOME)
    answer = client.get("/v1/client/authenticators", headers={"Authorization": f"Bearer {token}", "Origin": HOME})
    assert ALLOW not in answer


def test_a_preflight_changes_nothing_and_costs_one_statement(client, acme, django_assert_num_queries):
    with django_assert_num_queries(1):
        preflight(client, HOME)
    with django_assert_num_queries(0):
        preflight(client, "x" * 5000)
