"""What holds for every answer of the Server API: routing, authentication, content type, the shape of refusals."""

import base64

import pytest
from django.utils import timezone

from authsignal_portal.models import ApiKey
from authsignal_portal.vocabulary import KeyKind
from tests import make
from tests.api.reading import ok, refused

WORDS = "The request is unauthorized. Check that your API key and region base URL are correctly configured."

PATHS = [
    ("GET", "users?email=a@b.c"),
    ("GET", "users/alice"),
    ("PATCH", "users/alice"),
    ("DELETE", "users/alice"),
    ("GET", "users/alice/authenticators"),
    ("POST", "users/alice/authenticators"),
    ("DELETE", "users/alice/authenticators/6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1"),
    ("POST", "users/authenticators"),
    ("GET", "authenticators"),
    ("POST", "users/alice/actions/Login"),
    ("GET", "users/alice/actions"),
    ("GET", "users/alice/actions/Login/key"),
    ("PATCH", "users/alice/actions/Login/key"),
    ("POST", "validate"),
    ("POST", "challenge"),
    ("POST", "verify"),
    ("POST", "claim"),
    ("GET", "challenges"),
    ("POST", "challengeschallengeId=x&action=y"),
    ("GET", "v1/challenges"),
    ("GET", "users/alice/devices"),
    ("PATCH", "users/alice/devices/d"),
    ("POST", "users/alice/devices/d/invalidate"),
]
NOWHERE = [
    "",
    "nothing",
    "users/",
    "users/x/actions/y/",
    "users/x/actions/",
    "users/x/actions//key",
    "users//actions/Login",
    "users//authenticators",
    "users/x/authenticators/",
    "users/x/devices/",
    "users/x/devices//invalidate",
    "validate/",
    "challenge/",
    "sessions/nothing",
    "two%0Alines",
]


def test_a_wrong_key_is_refused_before_anything_is_read(api):
    for method, path in PATHS:
        answer = api(method, path, {"userId": 5, "token": []}, Authorization=make.basic("wrong"))
        assert refused(answer, 401, "unauthorized") == WORDS, path


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_path_that_leads_nowhere_is_401_without_a_key_and_404_with_one(api, method):
    for path in NOWHERE:
        refused(api(method, path, Authorization="Basic x"), 401, "unauthorized")
        refused(api(method, path), 404, "not_found")


def test_the_bare_version_leads_nowhere_too(client, api):
    answer = client.get("/v1")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/json")
    answer = client.get("/v1", headers={"Authorization": make.basic(api.secret)})
    assert answer.json()["errorCode"] == "not_found"


def test_a_method_that_a_path_does_not_have_is_404(api):
    for method, path in [("PUT", "users/alice"), ("DELETE", "validate"), ("GET", "challengeschallengeId=x")]:
        refused(api(method, path), 404, "not_found")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic " + "A" * 2000,
        "Basic " + base64.b64encode(b"\xff\xfe:").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Bearer abc",
        "Digest username=x",
        "nothing",
        make.basic("as_sk_" + "a" * 12 + "_" + "b" * 70),
        make.basic("as_sk_" + "a" * 12 + "_" + "b" * 70 + "\n"),
        make.basic("as_sk_%00"),
    ],
)
def test_a_garbled_authorization_is_the_same_refusal(api, header):
    assert refused(api("GET", "users/alice", Authorization=header), 401, "unauthorized") == WORDS


def test_a_missing_authorization_is_the_same_refusal(client, db):
    answer = client.get("/v1/users/alice")
    assert answer.status_code == 401
    assert answer.json()["errorDescription"] == WORDS


def test_a_revoked_key_opens_nothing(api, acme):
    ApiKey.objects.filter(tenant=acme).update(revoked_at=timezone.now())
    refused(api("GET", "users/alice"), 401, "unauthorized")


def test_a_key_of_another_kind_opens_nothing(api, acme):
    management = make.make_key(acme, KeyKind.MANAGEMENT)
    refused(api("GET", "users/alice", Authorization=make.basic(management)), 401, "unauthorized")


def test_a_key_with_the_last_character_changed_opens_nothing(api):
    changed = api.secret[:-1] + ("a" if api.secret[-1] != "a" else "b")
    refused(api("GET", "users/alice", Authorization=make.basic(changed)), 401, "unauthorized")


def test_the_tenant_id_and_client_tokens_do_not_open_the_server_api(api, acme):
    token = ok(api("POST", "users/alice/actions/Login"))["token"]
    for header in (make.basic(str(acme.pk)), f"Bearer {token}", make.basic(token)):
        refused(api("GET", "users/alice", Authorization=header), 401, "unauthorized")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_taken_with_and_without_a_charset(client, api, content_type):
    headers = {"Authorization": make.basic(api.secret)}
    answer = client.generic("POST", "/v1/users/alice", '{"username":"al"}', content_type, headers=headers)
    assert answer.json()["username"] == "al"
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain", "application/x-www-form-urlencoded"])
def test_an_empty_body_is_an_empty_object(client, api, content_type):
    headers = {"Authorization": make.basic(api.secret)}
    answer = client.generic("POST", "/v1/users/alice/actions/Login", "", content_type, headers=headers)
    assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("accepted", ["text/html", "application/json; indent=4", "*/*", "application/xml;q=1", "%%"])
def test_the_answer_is_plain_json_whatever_the_caller_accepts(api, accepted):
    answer = api("GET", "users/alice?format=xml", Accept=accepted)
    assert ok(answer) == {"isEnrolled": False, "emailVerified": False, "phoneNumberVerified": False}
    assert b"\n" not in answer.content


def test_answers_are_not_cached_sniffed_framed_or_shared(api):
    for answer in (api("GET", "users/alice"), api("GET", "nothing"), api("GET", "users/alice", Authorization="x")):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer["X-Frame-Options"] == "DENY"


def test_unknown_fields_are_ignored_and_nulls_and_empty_texts_are_absent(api):
    body = {"user_agent": "x", "nested": {"a": [1]}, "email": None, "username": "", "redirectToSettings": None}
    body |= {"ipAddress": "", "deviceId": "", "scope": "", "challengeId": "", "custom": None, "crypto": {"asset": None}}
    ok(api("POST", "users/alice/actions/Login", body))
    user = ok(api("GET", "users/alice"))
    assert "username" not in user
    assert ok(api("GET", "users/alice/devices")) == []


def test_a_wrong_host_header_is_told_in_the_same_shape(client, api):
    answer = client.get("/v1/users/alice", headers={"Authorization": make.basic(api.secret), "Host": "evil.example"})
    answer.body = answer.json()
    refused(answer, 400, "invalid_request")


def test_a_failure_of_our_own_is_told_in_the_same_shape(client, api, acme):
    client.raise_request_exception = False
    acme.signing_keys.all().delete()
    refused(api("POST", "users/alice/actions/Login"), 500, "unexpected_error")
