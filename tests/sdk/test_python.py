"""The server through the authsignal package of PyPI 4.1.0, unmodified.

It has no calls for challenges, claims or queries; what it has is asked here as its own live tests ask it.
"""

import re
import uuid
from typing import Any

import pytest
from authsignal.client import ApiException, AuthsignalClient

# The test database is made only where a test asks for it, and the live server lives on it.
pytestmark = pytest.mark.django_db

UNAUTHORIZED = "The request is unauthorized. Check that your API key and region base URL are correctly configured."
JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")

ODD_IDS = [
    pytest.param("a b", id="space"),
    pytest.param("jane+tag@example.com", id="at and plus"),
    pytest.param("auth0|5f7c8ec7", id="bar"),
    pytest.param("us-east-1:23ea", id="colon"),
    pytest.param("Zoë ü 名前", id="beyond ASCII"),
    pytest.param("path/with/slashes", id="slashes"),
]


@pytest.fixture
def client(live: Any) -> AuthsignalClient:
    return AuthsignalClient(live.api_secret_key, api_url=live.api_url)


@pytest.fixture
def user_id() -> str:
    return f"user-{uuid.uuid4()}"


def enroll_sms(client: AuthsignalClient, user_id: str) -> dict[str, Any]:
    attributes = {"verificationMethod": "SMS", "phoneNumber": "+64270000000"}
    return client.enroll_verified_authenticator(user_id, attributes)


def test_an_enrolled_user_is_enrolled(client, user_id):
    enrolled = enroll_sms(client, user_id)
    assert enrolled["authenticator"]["user_id"] == user_id
    assert enrolled["authenticator"]["verification_method"] == "SMS"
    user = client.get_user(user_id)
    assert user["is_enrolled"] is True
    assert user["phone_number"] == "+64270000000"
    assert "email" not in user


@pytest.mark.parametrize("action", ["Login", "signIn", "python-sdk-test"])
def test_tracking_challenges_an_enrolled_user(client, user_id, action):
    enroll_sms(client, user_id)
    tracked = client.track(user_id, action)
    assert tracked["state"] == "CHALLENGE_REQUIRED"
    assert tracked["is_enrolled"] is True
    assert JWT.fullmatch(tracked["token"])
    assert "?" in tracked["url"]
    assert tracked["idempotency_key"]
    assert tracked["allowed_verification_methods"]


def test_attributes_in_snake_case_are_ignored_and_do_no_harm(client, user_id):
    enroll_sms(client, user_id)
    attributes = {
        "redirect_url": "https://www.example.com/",
        "ip_address": "203.0.113.10",
        "user_agent": "Mozilla",
    }
    assert client.track(user_id, "Login", attributes)["state"] == "CHALLENGE_REQUIRED"


def test_a_token_validates_to_its_own_action_and_not_before_the_challenge(client, user_id):
    enroll_sms(client, user_id)
    tracked = client.track(user_id, "Login")
    validated = client.validate_challenge({"token": tracked["token"]})
    assert validated["is_valid"] is False
    assert validated["state"] == "CHALLENGE_REQUIRED"
    assert validated["user_id"] == user_id
    assert validated["action"] == "Login"
    assert validated["idempotency_key"] == tracked["idempotency_key"]


def test_a_token_does_not_validate_for_another_user(client, user_id):
    token = client.track(user_id, "Login")["token"]
    validated = client.validate_challenge({"token": token, "userId": f"user-{uuid.uuid4()}"})
    assert validated["is_valid"] is False
    assert validated["error"] == "User is invalid."


def test_a_garbled_token_is_not_valid_and_no_server_error(client):
    assert client.validate_challenge({"token": "garbage"})["is_valid"] is False


@pytest.mark.parametrize("state", ["REVIEW_REQUIRED", "BLOCK"])
def test_an_actions_state_can_be_set_and_is_shown_afterwards(client, user_id, state):
    enroll_sms(client, user_id)
    key = client.track(user_id, "Login")["idempotency_key"]
    assert client.update_action(user_id, "Login", key, {"state": state})["state"] == state
    action = client.get_action(user_id, "Login", key)
    assert action["state"] == state
    assert action["output"] is not None


def test_tracking_twice_with_one_key_gives_one_state_and_key(client, user_id):
    attributes = {"idempotencyKey": str(uuid.uuid4())}
    first, second = (client.track(user_id, "Login", attributes) for _ in range(2))
    assert first["state"] == second["state"]
    assert first["idempotency_key"] == second["idempotency_key"] == attributes["idempotencyKey"]


def test_a_user_reads_back_as_it_was_updated(client, user_id):
    attributes = {
        "email": f"{uuid.uuid4()}@example.com",
        "phoneNumber": "+6427123456",
        "username": f"name-{uuid.uuid4()}",
        "displayName": "Jane Smith",
        "custom": {"tier": "gold", "logins": 3},
    }
    updated = client.update_user(user_id, attributes)
    user = client.get_user(user_id)
    for answer in (updated, user):
        assert answer["email"] == attributes["email"]
        assert answer["phone_number"] == attributes["phoneNumber"]
        assert answer["username"] == attributes["username"]
        assert answer["display_name"] == attributes["displayName"]
        assert answer["custom"] == attributes["custom"]


def test_an_unknown_user_is_not_enrolled_and_has_no_email(client, user_id):
    user = client.get_user(user_id)
    assert user["is_enrolled"] is False
    assert "email" not in user


def test_a_deleted_user_is_not_enrolled(client, user_id):
    enroll_sms(client, user_id)
    client.delete_user(user_id)
    assert client.get_user(user_id)["is_enrolled"] is False


def test_an_authenticator_is_listed_until_it_is_deleted(client, user_id):
    enroll_sms(client, user_id)
    (authenticator,) = client.get_authenticators(user_id)
    assert authenticator["user_id"] == user_id
    assert authenticator["verification_method"] == "SMS"
    client.delete_authenticator(user_id, authenticator["user_authenticator_id"])
    assert client.get_authenticators(user_id) == []
    assert client.get_user(user_id)["is_enrolled"] is False


def test_deleting_an_unknown_authenticator_is_a_404(client, user_id):
    enroll_sms(client, user_id)
    with pytest.raises(ApiException) as raised:
        client.delete_authenticator(user_id, str(uuid.uuid4()))
    assert raised.value.status_code == 404
    assert raised.value.error_code == "not_found"


def test_a_wrong_secret_is_refused_in_the_words_that_the_sdks_compare(live):
    stranger = AuthsignalClient("not-the-secret", api_url=live.api_url)
    with pytest.raises(ApiException) as raised:
        stranger.get_user("anyone")
    assert raised.value.status_code == 401
    assert raised.value.error_code == "unauthorized"
    assert str(raised.value) == f"AuthsignalException: 401 - {UNAUTHORIZED}"


@pytest.mark.parametrize("odd", ODD_IDS)
def test_an_odd_user_id_works_everywhere(client, odd):
    user_id = f"{odd} {uuid.uuid4()}"
    enroll_sms(client, user_id)
    assert client.get_user(user_id)["is_enrolled"] is True
    tracked = client.track(user_id, "Login")
    assert client.validate_challenge({"token": tracked["token"]})["user_id"] == user_id
    assert client.get_action(user_id, "Login", tracked["idempotency_key"])["state"] == "CHALLENGE_REQUIRED"
    assert client.update_user(user_id, {"displayName": "Named"})["display_name"] == "Named"
    (authenticator,) = client.get_authenticators(user_id)
    client.delete_authenticator(user_id, authenticator["user_authenticator_id"])
    client.delete_user(user_id)
    assert client.get_user(user_id)["is_enrolled"] is False
