"""Identity checks: begun at an adapter, decided by its signed word, once; and words that do not count."""

import json
import time
from datetime import timedelta
from ipaddress import ip_network

import pytest
from werkzeug import Response

from actions.models import Action
from audit.models import AuditEvent
from authenticators import identity_checks, subjects
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, IdentityProvider
from authsignal_portal import outbound
from authsignal_portal.vocabulary import IDENTITY_CHECKS
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.adapter import SECRET, Adapter, sign
from tests.api.reading import everything_stored, ok, refused
from tests.api.test_device_credentials import track
from tests.linked import CUSTOM, link

WAITING = {"isVerified": False, "isConsumed": False}
OVER = {"isVerified": False, "isConsumed": True}


@pytest.fixture
def adapter(acme, httpserver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    made = Adapter(httpserver)
    use(acme, made)
    return made


def use(tenant, adapter, method=M.VERIFF):
    make.make_configuration(tenant, method, is_active=True)
    row = IdentityProvider(tenant=tenant, method=method, url=adapter.url)
    row.secret = SECRET
    row.save(force_insert=True)
    return row


@pytest.fixture
def person(acme, adapter):
    """Alice is enrolled: the adapter calls her person-1."""
    [index] = subjects.indexes(acme, "person-1")
    alice = make.make_user(acme)
    make.make_authenticator(alice, M.VERIFF, subject="person-1", subject_index=index, is_default=True)
    return adapter


def begin(browser, token, method=M.VERIFF, path="challenge"):
    return ok(browser("POST", f"{path}/identity-check", {"verificationMethod": method}, token=token))


def poll(browser, token, begun):
    return ok(browser("POST", "verify/identity-check", {"challengeId": begun["challengeId"]}, token=token))


def state(api, token):
    return ok(api("POST", "validate", {"token": token}))["state"]


def told(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["result"]


# -- right words ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", IDENTITY_CHECKS)
def test_a_person_is_enrolled_and_recognised(acme, api, browser, client, httpserver, settings, method):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    adapter = Adapter(httpserver)
    use(acme, adapter, method)
    token = track(api, action="enrol")
    begun = begin(browser, token, method, "user-authenticators")
    assert begun["url"] == "https://vendor.example/session-1"
    [asked] = adapter.begun
    assert (asked["userId"], asked["purpose"], asked["verificationMethod"]) == ("alice", "enrol", method)
    assert "subject" not in asked
    assert poll(browser, token, begun) == WAITING
    assert told(adapter.tell(client, adapter.result())) == "proved"
    made = poll(browser, token, begun)
    assert (made["isVerified"], made["userAuthenticator"]["verificationMethod"]) == (True, method)
    assert "person-1" not in everything_stored()
    again = track(api)
    begun = begin(browser, again, method)
    assert adapter.begun[-1]["subject"] == "person-1"
    assert told(adapter.tell(client, adapter.result())) == "proved"
    outcome = poll(browser, again, begun)
    assert set(outcome) == {"isVerified", "isConsumed", "accessToken"}
    validated = ok(api("POST", "validate", {"token": outcome["accessToken"]}))
    assert (validated["isValid"], validated["verificationMethod"]) == (True, method)
    assert validated.get("veriffSessionId") == ("session-2" if method == M.VERIFF else None)
    assert poll(browser, again, begun) == {"isVerified": True, "isConsumed": True}
    assert AuditEvent.objects.filter(tag="challenge:verified", data__method=method).count() == 2


def test_the_adapter_is_told_which_documents_the_tenant_takes(acme, api, browser, person):
    AuthenticatorConfiguration.objects.filter(tenant=acme, method=M.VERIFF).update(document_types=["passport"])
    begin(browser, track(api))
    assert person.begun[-1]["documentTypes"] == ["passport"]


def test_what_is_declined_fails_the_action_for_good(api, browser, client, person):
    token = track(api)
    begun = begin(browser, token)
    assert told(person.tell(client, person.result("declined", subject=None))) == "declined"
    assert poll(browser, token, begun) == OVER
    assert state(api, token) == "CHALLENGE_FAILED"
    assert person.tell(client, person.result()).status_code == 409
    assert state(api, token) == "CHALLENGE_FAILED"
    assert AuditEvent.objects.filter(tag="challenge:declined").count() == 1


def test_a_resubmission_is_counted_and_the_fifth_is_the_last(api, browser, client, person):
    token = track(api)
    begun = begin(browser, token)
    for count in range(1, 6):
        assert poll(browser, token, begun) == WAITING
        assert told(person.tell(client, person.result("resubmission"))) == "resubmission"
        assert Challenge.objects.get().attempts == count
    assert poll(browser, token, begun) == OVER
    assert person.tell(client, person.result()).status_code == 409
    assert state(api, token) == "CHALLENGE_REQUIRED"


def test_a_check_under_way_is_gone_on_with(api, browser, person):
    token = track(api)
    assert begin(browser, token) == begin(browser, token)
    assert len(person.begun) == 1


def test_a_check_that_is_being_begun_is_not_begun_again(api, browser, client, person):
    token = track(api)
    first = begin(browser, token)
    kept = bytes(Challenge.objects.get().session_sealed)
    Challenge.objects.update(session_sealed=None)
    answer = browser("POST", "challenge/identity-check", {"verificationMethod": M.VERIFF}, token=token)
    refused(answer, 429, "too_many_requests")
    assert answer["Retry-After"] == "3"
    Challenge.objects.update(session_sealed=kept)
    assert begin(browser, token) == first
    assert len(person.begun) == 1
    assert told(person.tell(client, person.result())) == "proved"


def test_a_beginning_that_nobody_ended_is_begun_anew(api, browser, person):
    token = track(api)
    first = begin(browser, token)
    begun_at = Challenge.objects.get().created_at - timedelta(seconds=outbound.TOTAL_SECONDS + 2)
    Challenge.objects.update(session_sealed=None, created_at=begun_at)
    assert begin(browser, token)["challengeId"] != first["challengeId"]
    assert Challenge.objects.get(pk=first["challengeId"]).failed_at is not None


def test_the_adapter_can_show_what_is_confirmed_and_who_began_it(acme, api, browser, client, person):
    link(acme)
    client.defaults["HTTP_USER_AGENT"] = "Jo's browser"
    token = track(api, action="pay", custom=CUSTOM, ipAddress="8.8.8.8", userAgent="the backend's word")
    begin(browser, token)
    asked = person.begun[0]
    assert (asked["ipAddress"], asked["userAgent"]) == ("127.0.0.1", "Jo's browser")
    assert asked["message"] == "Pay 1000 EUR to Bob Miller"
    begin(browser, track(api))
    assert "message" not in person.begun[1]


def test_a_terminal_has_no_address(api, browser, person):
    person.answer = Response('{"sessionId": "palm-1"}', 200)
    assert set(begin(browser, track(api))) == {"challengeId", "expiresAt"}


# -- words that do not count ---------------------------------------------------------------------


def test_what_is_not_signed_by_the_adapter_now_is_refused(api, browser, client, person):
    token = track(api)
    begin(browser, token)
    body, now = person.result(), int(time.time())
    right = sign(body, now)
    wrong = [
        person.tell(client, body, secret="somebody else's secret"),
        person.tell(client, body, at=now - 301),
        person.tell(client, body, at=now + 330),
        person.tell(client, body, header=""),
        person.tell(client, body, header=right.replace("v2=", "v1=")),
        person.tell(client, body, header=right.replace(f"t={now}", f"t={now - 1}")),
        person.tell(client, body, header=right.split(",")[0]),
        person.tell(client, body, header=right.split(",")[1]),
        person.tell(client, body.replace(b"approved", b"declined"), header=right),
        client.post("/callbacks/identity/" + "0" * 64, body, "application/json", headers={"X-Signature-V2": right}),
        client.post("/callbacks/identity/%00", body, "application/json", headers={"X-Signature-V2": right}),
    ]
    assert {answer.status_code for answer in wrong} == {403}
    assert {answer.content for answer in wrong} == {b""}
    assert state(api, token) == "CHALLENGE_REQUIRED"
    assert Challenge.objects.get().attempts == 0
    assert told(person.tell(client, body, header=f"t={now},v2=AAAA,{right.split(',')[1]}")) == "proved"


def test_a_result_that_is_told_again_changes_nothing(api, browser, client, person):
    token = track(api)
    begin(browser, token)
    body = person.result("resubmission")
    assert told(person.tell(client, body)) == "resubmission"
    assert told(person.tell(client, body)) == "known"
    assert Challenge.objects.get().attempts == 1
    right = person.result()
    assert told(person.tell(client, right)) == "proved"
    before = everything_stored()
    assert told(person.tell(client, right)) == "known"
    assert person.tell(client, person.result("declined")).status_code == 409
    assert everything_stored() == before
    assert Action.objects.get().state == "CHALLENGE_SUCCEEDED"


def test_a_result_that_is_faster_than_the_session_is_to_be_told_again(api, browser, client, person):
    token = track(api)
    begin(browser, token)
    kept = bytes(Challenge.objects.get().session_sealed)
    Challenge.objects.update(session_sealed=None)
    body = person.result()
    before = everything_stored()
    answer = person.tell(client, body)
    assert (answer.status_code, answer.json()["errorCode"]) == (503, "unavailable")
    assert "Tell it again" in answer.json()["errorDescription"]
    assert everything_stored() == before
    Challenge.objects.update(session_sealed=kept)
    assert told(person.tell(client, body)) == "proved"


def test_another_person_or_session_proves_nothing(api, browser, client, person):
    token = track(api)
    begun = begin(browser, token)
    assert told(person.tell(client, person.result(sessionId="session-9"))) == "refused"
    assert Challenge.objects.get().attempts == 0
    assert told(person.tell(client, person.result(subject="person-2"))) == "refused"
    assert Challenge.objects.get().attempts == 1
    assert poll(browser, token, begun) == WAITING
    assert state(api, token) == "CHALLENGE_REQUIRED"


def test_a_result_for_another_challenge_is_refused(api, browser, client, person):
    first, second = track(api), track(api, action="second")
    begin(browser, first)
    begin(browser, second)
    assert person.tell(client, person.result(number=0), number=1).status_code == 400
    assert told(person.tell(client, person.result(number=0), number=0)) == "proved"
    assert state(api, second) == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize(
    "changed",
    [
        {"decision": "maybe"},
        {"decision": None},
        {"decision": ["approved"]},
        {"sessionId": None},
        {"sessionId": 1},
        {"sessionId": "a\nb"},
        {"subject": None},
        {"subject": ""},
        {"subject": "x" * 256},
    ],
)
def test_a_result_of_another_shape_is_refused(api, browser, client, person, changed):
    begin(browser, track(api))
    assert person.tell(client, person.result(**changed)).status_code == 400
    assert Challenge.objects.get().verified_at is None


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"[" * 9999, b'{"type":"identity_check.decided"}', b"\xff"]
)
def test_a_result_that_is_no_result_is_refused(api, browser, client, person, body):
    begin(browser, track(api))
    assert person.tell(client, body).status_code == 400


def test_a_result_that_comes_too_late_is_refused(api, browser, client, person):
    token = track(api)
    begin(browser, token)
    Challenge.objects.update(expires_at="2020-01-01T00:00Z")
    assert person.tell(client, person.result()).status_code == 409
    assert state(api, token) == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize("closed", ["BLOCK", "REVIEW_REQUIRED", "CHALLENGE_FAILED"])
def test_a_result_moves_no_action_that_somebody_closed(api, browser, client, person, closed):
    begin(browser, track(api))
    Action.objects.update(state=closed)
    assert person.tell(client, person.result()).status_code == 409
    assert Action.objects.get().state == closed


def test_a_person_belongs_to_one_user(api, browser, client, person):
    token = track(api, "bob")
    begun = begin(browser, token, path="user-authenticators")
    assert told(person.tell(client, person.result())) == "refused"
    assert poll(browser, token, begun) == WAITING
    assert Authenticator.objects.exclude(verified_at=None).count() == 1


def test_another_tenants_adapter_and_page_have_no_word(globex, api, browser, client, globex_api, person):
    row = use(globex, person)
    row.secret = "globex shares another secret with it"
    row.save()
    mine, theirs = track(api), track(globex_api, "bob")
    begun = begin(browser, mine)
    body = person.result()
    assert person.tell(client, body, secret="globex shares another secret with it").status_code == 403
    refused(
        browser("POST", "verify/identity-check", {"challengeId": begun["challengeId"]}, token=theirs),
        400,
        "invalid_request",
    )


# -- authority and limits ------------------------------------------------------------------------


def test_who_has_enrolled_meanwhile_needs_the_backends_word(api, browser, client, acme, adapter):
    token = track(api)
    begin(browser, token, path="user-authenticators")
    make.make_authenticator(Action.objects.get().user, M.EMAIL_OTP, contact="jo@example.com")
    assert adapter.tell(client, adapter.result()).status_code == 409
    assert not Authenticator.objects.filter(method=M.VERIFF).exclude(verified_at=None).exists()


def test_what_was_granted_when_it_began_still_holds(api, browser, client, person):
    make.make_authenticator(make.make_user(person_tenant(), "bob"), M.EMAIL_OTP, contact="bo@example.com")
    refused(
        browser(
            "POST",
            "user-authenticators/identity-check",
            {"verificationMethod": M.VERIFF},
            token=track(api, "bob"),
        ),
        403,
        "invalid_request",
    )
    token = track(api, "bob", "more", scope="add:authenticators")
    begun = begin(browser, token, path="user-authenticators")
    assert told(person.tell(client, person.result(subject="person-2"))) == "proved"
    assert poll(browser, token, begun)["isVerified"]


def person_tenant():
    return IdentityProvider.objects.select_related("tenant").get().tenant


def test_checks_are_bounded_by_user_and_time(api, browser, person, settings):
    settings.IDENTITY_CHECKS_PER_HOUR = 2
    for number in range(2):
        begin(browser, track(api, action=f"pay-{number}"))
    body = {"verificationMethod": M.VERIFF}
    answer = browser("POST", "challenge/identity-check", body, token=track(api, action="pay-3"))
    refused(answer, 429, "too_many_requests")
    assert 3500 < int(answer["Retry-After"]) <= 3601
    assert len(person.begun) == 2


def test_what_was_begun_is_counted_whatever_became_of_it(api, browser, client, adapter, settings):
    settings.IDENTITY_CHECKS_PER_DAY = 3
    path, body = "user-authenticators/identity-check", {"verificationMethod": M.VERIFF}
    for number in range(3):
        begin(browser, track(api, action=f"enrol-{number}", scope="add:authenticators"), path="user-authenticators")
        assert told(adapter.tell(client, adapter.result(subject=f"person-{number}"))) == "proved"
    assert Authenticator.objects.count() == 1
    token = track(api, action="enrol-3", scope="add:authenticators")
    refused(browser("POST", path, body, token=token), 429, "too_many_requests")


@pytest.mark.parametrize(
    "answer",
    [
        Response("no", 500),
        Response("no", 302, {"Location": "https://elsewhere.example/"}),
        Response("no json", 200),
        Response("[]", 200),
        Response('{"url": "https://vendor.example/"}', 200),
        Response('{"sessionId": "1", "url": "javascript:alert(1)"}', 200),
        Response('{"sessionId": "1", "url": "http://vendor.example/"}', 200),
    ],
)
def test_an_adapter_that_does_not_answer_rightly_is_told_and_nothing_waits(api, browser, person, answer):
    person.answer = answer
    token = track(api)
    body = {"verificationMethod": M.VERIFF}
    refused(browser("POST", "challenge/identity-check", body, token=token), 503, "unavailable")
    assert Challenge.objects.get().failed_at is not None


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_adapter_that_is_out_of_service_is_left_alone_for_a_while(api, browser, person, monkeypatch, status):
    clock = iter((1000.0, 1000.0, 1014.9, 1015.0))
    monkeypatch.setattr(identity_checks.SILENT, "clock", lambda: next(clock))
    person.answer = Response("down", status)
    token = track(api)
    body = {"verificationMethod": M.VERIFF}
    for _time in range(2):
        refused(browser("POST", "challenge/identity-check", body, token=token), 503, "unavailable")
    assert len(person.begun) == Challenge.objects.count() == 1
    person.answer = None
    assert begin(browser, token)["url"]


def test_an_adapter_that_is_not_reached_is_left_alone_until_its_address_is_another(api, browser, person):
    there = person.url
    IdentityProvider.objects.update(url="http://127.0.0.1:9/")
    token = track(api)
    body = {"verificationMethod": M.VERIFF}
    for _time in range(2):
        refused(browser("POST", "challenge/identity-check", body, token=token), 503, "unavailable")
    assert Challenge.objects.count() == 1
    IdentityProvider.objects.update(url=there)
    assert begin(browser, token)["url"]


def test_what_an_adapter_refuses_one_person_stops_nobody_else(api, browser, acme, person):
    person.answer = Response("not this one", 422)
    body = {"verificationMethod": M.VERIFF}
    refused(browser("POST", "challenge/identity-check", body, token=track(api)), 503, "unavailable")
    person.answer = None
    assert begin(browser, track(api, "bob"), path="user-authenticators")["url"]


def test_the_vendors_address_is_sealed(api, browser, person):
    begin(browser, track(api))
    assert "vendor.example" not in everything_stored()
    assert json.loads(Challenge.objects.select_related("tenant").get().session)["id"] == "session-1"
