import uuid

from tests import make


def test_a_new_action_code_is_challenged(api):
    answer = api("POST", "users/alice/actions/Login")
    assert answer.status_code == 200, answer.body
    assert answer.body["state"] == "CHALLENGE_REQUIRED"
    assert answer.body["isEnrolled"] is False
    assert "?token=" in answer.body["url"]
    assert answer.body["allowedVerificationMethods"]


def test_wrong_key_is_told_in_the_words_that_the_sdks_compare(api):
    answer = api("GET", "users/alice", Authorization=make.basic("nope"))
    assert answer.status_code == 401
    assert answer.body == {
        "error": "unauthorized",
        "errorCode": "unauthorized",
        "errorDescription": "The request is unauthorized. "
        "Check that your API key and region base URL are correctly configured.",
    }


def test_track_takes_few_statements(api, django_assert_max_num_queries):
    api("POST", "users/alice/actions/Login", {"ipAddress": "203.0.113.10"})
    with django_assert_max_num_queries(6):
        api(
            "POST",
            f"users/{uuid.uuid4()}/actions/Login",
            {"ipAddress": "203.0.113.10", "deviceId": "d", "email": "a@b.c"},
        )
