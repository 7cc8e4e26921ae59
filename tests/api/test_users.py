"""Users through the Server API: look-up, update, query, removal."""

from urllib.parse import quote

import pytest

from actions.models import Action
from authenticators.models import EndUser
from authsignal_portal.vocabulary import OPT_IN_METHODS, VerificationMethod
from tests.api.reading import everything_stored, ok, refused, tags

NOBODY = {"isEnrolled": False, "emailVerified": False, "phoneNumberVerified": False}


def test_a_user_nobody_knows_is_one_who_is_not_enrolled(api):
    assert ok(api("GET", "users/nobody")) == NOBODY
    assert not EndUser.objects.exists()


def test_what_was_never_set_is_absent(api):
    ok(api("PATCH", "users/alice", {}))
    user = ok(api("GET", "users/alice"))
    assert user.pop("allowedVerificationMethods") == [m for m in VerificationMethod if m not in OPT_IN_METHODS]
    assert user == {"userId": "alice"} | NOBODY


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_an_update_creates_the_user_and_returns_their_attributes(api, method):
    given = {
        "email": "Alice@Acme.example",
        "phoneNumber": "+64 27 123-4567",
        "username": "alice",
        "displayName": "Älice 🦊",
        "locale": "en-NZ",
        "custom": {"tier": "gold", "age": 33, "vip": True, "tags": ["a", "b"], "score": 1.5},
        "defaultVerificationMethod": "SMS",
    }
    answer = ok(api(method, "users/alice", given))
    stored = given | {"phoneNumber": "+64271234567", "emailVerified": False, "phoneNumberVerified": False}
    assert answer == stored
    user = ok(api("GET", "users/alice"))
    assert {name: user[name] for name in stored} == stored
    assert user["isEnrolled"] is False
    assert user["userId"] == "alice"
    assert tags() == ["user:created", "user:updated"]


def test_an_update_leaves_alone_what_is_absent_null_or_empty(api):
    ok(api("PATCH", "users/alice", {"email": "a@b.example", "username": "al", "displayName": "Al", "custom": {"a": 1}}))
    before = ok(api("GET", "users/alice"))
    same = {
        "email": "",
        "username": "",
        "displayName": None,
        "custom": {},
        "locale": "",
        "defaultVerificationMethod": "",
    }
    ok(api("PATCH", "users/alice", same))
    ok(api("POST", "users/alice"))
    assert ok(api("GET", "users/alice")) == before


def test_custom_merges_by_key_and_null_takes_a_key_away(api):
    ok(api("PATCH", "users/alice", {"custom": {"a": 1, "b": "two", "c": [True]}}))
    answer = ok(api("PATCH", "users/alice", {"custom": {"a": 2, "b": None, "d": "new"}}))
    assert answer["custom"] == {"a": 2, "c": [True], "d": "new"}
    assert "custom" not in ok(api("PATCH", "users/alice", {"custom": {"a": None, "c": None, "d": None}}))


def test_a_new_address_is_not_verified_and_the_same_one_stays_so(api):
    ok(api("PATCH", "users/alice", {"email": "a@b.example", "emailVerified": True, "phoneNumber": "+6427000000"}))
    ok(api("PATCH", "users/alice", {"phoneNumberVerified": True}))
    same = ok(api("PATCH", "users/alice", {"email": "A@b.example", "phoneNumber": "+64 27 000 000"}))
    assert (same["emailVerified"], same["phoneNumberVerified"]) == (True, True)
    other = ok(api("PATCH", "users/alice", {"email": "other@b.example", "phoneNumber": "+6427000001"}))
    assert (other["emailVerified"], other["phoneNumberVerified"]) == (False, False)
    said = ok(api("PATCH", "users/alice", {"email": "third@b.example", "emailVerified": True}))
    assert said["emailVerified"] is True


def test_a_tracked_address_is_not_verified_either(api):
    ok(api("PATCH", "users/alice", {"email": "a@b.example", "emailVerified": True}))
    ok(api("POST", "users/alice/actions/Login", {"email": "a@b.example", "username": "al"}))
    assert ok(api("GET", "users/alice"))["emailVerified"] is True
    ok(api("POST", "users/alice/actions/Login", {"email": "new@b.example"}))
    user = ok(api("GET", "users/alice"))
    assert (user["email"], user["emailVerified"], user["username"]) == ("new@b.example", False, "al")


@pytest.mark.parametrize("phone", ["+64270000000", "+6427000000", "+6427123456", "1234567890", "9876543210"])
def test_phone_numbers_are_taken_leniently(api, phone):
    assert ok(api("PATCH", "users/alice", {"phoneNumber": phone}))["phoneNumber"] == phone


@pytest.mark.parametrize(
    "body",
    [
        {"email": "not an address"},
        {"email": "a@"},
        {"email": "a" * 300 + "@b.example"},
        {"email": ["a@b.example"]},
        {"emailVerified": "yes"},
        {"emailVerified": 1},
        {"phoneNumber": "12"},
        {"phoneNumber": 64270000000},
        {"username": 5},
        {"username": "x" * 256},
        {"custom": [1]},
        {"custom": {"a": {"b": 1}}},
        {"custom": {"a": [[1]]}},
        {"custom": {"": 1}},
        {"custom": {"x" * 65: 1}},
        {"custom": {f"k{n}": 1 for n in range(51)}},
        {"custom": {"a": "x" * 17_000}},
        {"defaultVerificationMethod": "PUSH_BUTTON"},
    ],
)
def test_a_wrong_update_is_refused_and_creates_nobody(api, body):
    description = refused(api("PATCH", "users/alice", {"displayName": "Al", **body}), 400, "invalid_request")
    assert next(iter(body)) in description
    assert not EndUser.objects.exists()
    assert tags() == []


def test_a_user_has_at_most_a_hundred_custom_values(api):
    for start in (0, 50):
        ok(api("PATCH", "users/alice", {"custom": {f"k{n}": n for n in range(start, start + 50)}}))
    refused(api("PATCH", "users/alice", {"custom": {"one more": 1}}), 400, "invalid_request")
    assert len(ok(api("GET", "users/alice"))["custom"]) == 100


def test_a_deleted_user_is_gone_with_all_that_was_theirs(api):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    token = ok(api("POST", "users/alice/actions/Login", {"deviceId": "d", "ipAddress": "203.0.113.10"}))["token"]
    assert ok(api("DELETE", "users/alice")) == {"success": True}
    assert ok(api("GET", "users/alice")) == NOBODY
    assert ok(api("GET", "users/alice/authenticators")) == []
    assert ok(api("GET", "users/alice/actions")) == []
    assert ok(api("GET", "users/alice/devices")) == []
    assert not Action.objects.exists()
    assert api("POST", "validate", {"token": token}).body["isValid"] is False
    assert tags()[-1] == "user:deleted"


def test_deleting_nobody_succeeds_and_leaves_no_trace(api):
    assert ok(api("DELETE", "users/nobody")) == {"success": True}
    assert tags() == []


def test_a_deleted_id_starts_as_somebody_new(api):
    ok(api("PATCH", "users/alice", {"username": "al"}))
    first = EndUser.objects.get().pseudonym
    ok(api("DELETE", "users/alice"))
    ok(api("POST", "users/alice/actions/Login"))
    assert EndUser.objects.get().pseudonym != first
    assert "username" not in ok(api("GET", "users/alice"))


# -- query ---------------------------------------------------------------------------------------


def test_users_are_found_by_exact_attributes_at_once(api):
    ok(api("PATCH", "users/alice", {"email": "a+b@acme.example", "phoneNumber": "+6427000000", "username": "alice"}))
    ok(api("PATCH", "users/bob", {"email": "bob@acme.example", "username": "alicea"}))
    expected = {
        "userId": "alice",
        "email": "a+b@acme.example",
        "emailVerified": False,
        "phoneNumber": "+6427000000",
        "phoneNumberVerified": False,
        "username": "alice",
    }
    for query in (
        "email=a%2Bb%40acme.example",
        "email=A%2BB@ACME.example",
        "phoneNumber=%2B6427000000",
        "username=alice",
        "username=alice&email=a%2Bb@acme.example&phoneNumber=",
        "username=alice&unknown=x&limit=&token=",
    ):
        assert ok(api("GET", f"users?{query}")) == {"users": [expected]}, query
    for query in ("email=a%2Bb@acme.exampl", "username=ALICE", "username=alice&email=bob@acme.example"):
        assert ok(api("GET", f"users?{query}")) == {"users": []}, query


def test_pages_follow_each_other_without_gap_or_repeat(api):
    names = [f"u{number:02}" for number in range(7)]
    for name in names:
        ok(api("PATCH", f"users/{name}", {"username": "same"}))
    seen, last, pages = [], "", 0
    while True:
        page = ok(api("GET", f"users?username=same&limit=3&lastEvaluatedUserId={last}"))
        seen += [user["userId"] for user in page["users"]]
        pages += 1
        if "lastEvaluatedUserId" not in page:
            break
        last = page["lastEvaluatedUserId"]
    assert (seen, pages) == (names, 3)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=5",
        "lastEvaluatedUserId=x",
        "token=abc",
        "email=",
        "username=x&limit=0",
        "username=x&limit=-1",
        "username=x&limit=many",
        "username=x&limit=1.5",
        "username=%00",
        "username=" + "x" * 300,
        "email=%0d%0a",
    ],
)
def test_a_query_without_a_usable_attribute_is_refused(api, query):
    refused(api("GET", f"users?{query}"), 400, "invalid_request")


@pytest.mark.parametrize(
    "odd",
    [
        "ada@ｅxample.com",
        "adminſ@acme.example",
        "straße@acme.example",
        "e\u0301@acme.example",
        "ada@ac\u00adme.example",  # soft hyphen
        "ada@ac\u200bme.example",
        "ad\u200da@acme.example",
        "ad\u034fa@acme.example",
        "ada@acme.example.",
        "ada@acme..example",
        "=?utf-8?q?ada?=@acme.example",
        "ada@xn--strae-oqa.example",  # straße, which older software takes for strasse
        "ada@xn--a.example",  # encodes nothing
    ],
)
def test_an_email_address_that_could_be_taken_for_another_is_refused_at_every_door(api, browser, odd):
    ok(api("PATCH", "users/alice", {"email": "admins@acme.example"}))
    token = ok(api("POST", "users/bob/actions/login"))["token"]
    before = everything_stored()
    for method, path, body in [
        ("PATCH", "users/bob", {"email": odd}),
        ("POST", "users/bob/actions/login", {"email": odd}),
        ("POST", "users/bob/authenticators", {"verificationMethod": "EMAIL_OTP", "email": odd}),
        ("POST", "challenge", {"action": "login", "verificationMethod": "EMAIL_OTP", "email": odd}),
        ("GET", f"users?email={quote(odd)}", None),
    ]:
        refused(api(method, path, body), 400, "invalid_request")
    refused(browser("POST", "user-authenticators/email-otp", {"email": odd}, token=token), 400, "invalid_request")
    assert everything_stored() == before
