"""QR codes over the WebSocket: the same codes as over REST, told as they change; and who may open one."""

import json
import secrets

import pytest
from django.conf import settings as configured

from actions import socket_places
from actions.models import Action, ActionFacts
from actions.one_browser import BROWSER_COOKIE
from authenticators import news
from authenticators.models import Challenge, EndUser
from authsignal_portal import crypto, limits, redis_client
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import ok, refused
from tests.api.socket_page import line_of
from tests.api.test_device_credentials import enrol, track
from tests.api.test_qr_code import ANSWER, answer, claim
from tests.api.test_switched_off import leave
from tests.device import DeviceKey
from tests.portal.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600.0
ORIGIN = "https://app.acme.example"


@pytest.fixture(autouse=True)
def told_by_word_alone(settings):
    """What a test waits for must come at once, and not by looking."""
    settings.SOCKET_LOOKS_EVERY_SECONDS = HOUR


@pytest.fixture
def acme(transactional_db):
    return make.make_tenant("Acme", app_origins=[ORIGIN])


@pytest.fixture
def line(acme, told_by_word_alone):
    with line_of(acme) as line:
        yield line


@pytest.fixture
def key(api, browser):
    made = DeviceKey()
    enrol(api, browser, made, "qr-code")
    return made


@pytest.mark.parametrize("known", [True, False])
def test_a_code_is_scanned_and_approved_and_the_page_is_told(api, browser, key, line, known):
    page = line.open(track(api) if known else "", **{"User-Agent": "Till/1", "Origin": ORIGIN})
    assert page.opened == "authsignal-ws"
    shown = page.show(custom={"till": "4"})
    assert shown == {
        "challengeId": shown["challengeId"],
        "challengeType": "QR_CODE",
        "expiresAt": shown["expiresAt"],
        "state": "unclaimed",
    }
    told = claim(browser, key, shown)
    assert (told["userAgent"], told["ipAddress"], told["actionCode"]) == ("Till/1", "198.51.100.7", "login")
    assert page.told() == ("STATE_CHANGE", {"challengeId": shown["challengeId"], "state": "claimed"})
    assert answer(browser, key, shown) == {"isVerified": True}
    kind, approved = page.told()
    token = approved.pop("accessToken")
    assert (kind, approved) == ("STATE_CHANGE", {"challengeId": shown["challengeId"], "state": "approved"})
    validated = ok(api("POST", "validate", {"token": token}))
    assert (validated["isValid"], validated["userId"], validated["verificationMethod"]) == (True, "alice", M.QR_CODE)


def test_a_rejected_code_is_told_and_fails_the_action(api, browser, key, line):
    token = track(api)
    page = line.open(token)
    shown = page.show()
    claim(browser, key, shown)
    assert page.state() == (shown["challengeId"], "claimed")
    answer(browser, key, shown, approved=False)
    assert page.state() == (shown["challengeId"], "rejected")
    assert ok(api("POST", "validate", {"token": token}))["state"] == "CHALLENGE_FAILED"


def test_where_the_rules_refuse_who_scanned_it_the_page_is_told_so(acme, browser, key, line):
    make.make_action(acme, "kiosk", "BLOCK")
    page = line.open()
    shown = page.show("kiosk")
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_request")
    assert page.state() == (shown["challengeId"], "rejected")


def test_a_new_code_ends_the_one_before_unless_somebody_has_scanned_it(browser, key, line):
    page = line.open()
    first, second = page.show(), page.show()
    refused(browser("POST", f"{ANSWER}/claim", key.claim(first["challengeId"])), 400, "invalid_request")
    claim(browser, key, second)
    assert page.state() == (second["challengeId"], "claimed")
    third = page.show()
    answer(browser, key, second)
    assert page.state() == (second["challengeId"], "approved")
    claim(browser, key, third)
    assert page.state() == (third["challengeId"], "claimed")


@pytest.fixture
def no_redis(key, settings):
    kept = (redis_client.quick, socket_places._take, limits._limiter)
    for client in kept:
        client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1"
    yield
    for client in kept:
        client.cache_clear()


def test_without_redis_what_becomes_of_a_code_is_found_by_looking(acme, browser, key, settings, no_redis):
    settings.SOCKET_LOOKS_EVERY_SECONDS = 0.1
    with line_of(acme) as line:
        page = line.open()
        shown = page.show()
        claim(browser, key, shown)
        assert page.state() == (shown["challengeId"], "claimed")
        answer(browser, key, shown)
        assert page.state() == (shown["challengeId"], "approved")


def test_word_of_nothing_and_of_anothers_code_tells_a_page_nothing(browser, key, line):
    page, other = line.open(), line.open()
    shown, others = page.show(), other.show()
    news.tell(shown["challengeId"])
    news.tell("x")
    claim(browser, key, others)
    assert other.state() == (others["challengeId"], "claimed")
    claim(browser, key, shown)
    assert page.state() == (shown["challengeId"], "claimed")


def test_a_code_that_no_page_shows_any_more_is_over_and_one_that_was_scanned_is_not(browser, key, line):
    page, left = line.open(), line.open()
    shown, scanned = page.show(), left.show()
    claim(browser, key, scanned)
    assert left.state() == (scanned["challengeId"], "claimed")
    for each in (page, left):
        each.leave()
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_request")
    assert answer(browser, key, scanned) == {"isVerified": True}


def test_a_code_runs_out_after_ten_minutes_by_the_databases_clock(browser, key, line, settings, advance):
    page = line.open()
    shown = page.show()
    settings.SOCKET_IDLE_SECONDS = 0
    advance(601)
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_request")
    news.tell(shown["challengeId"])
    # Nothing is waited for any more.
    assert page.told() == ("close", 1000)


def test_a_page_is_told_that_the_method_was_switched_off(acme, browser, key, settings):
    settings.SOCKET_LOOKS_EVERY_SECONDS = 0.1
    with line_of(acme) as line:
        page = line.open()
        shown = page.show()
        claim(browser, key, shown)
        assert page.state() == (shown["challengeId"], "claimed")
        leave(signed_in(acme), M.EMAIL_OTP)
        assert page.state() == (shown["challengeId"], "rejected")
        page.send(create())
        assert page.told() == ("close", 1008)


def test_a_user_who_is_deleted_while_deciding_counts_as_a_no(browser, key, line):
    page = line.open()
    shown = page.show()
    claim(browser, key, shown)
    assert page.state() == (shown["challengeId"], "claimed")
    Challenge.objects.all().delete()
    news.tell(shown["challengeId"])
    assert page.state() == (shown["challengeId"], "rejected")


# -- the handshake -------------------------------------------------------------------------------


def test_only_a_valid_credential_opens_a_socket(api, acme, globex, line, advance):
    token, tenant = f"x.authsignal.token.{track(api)}", f"x.authsignal.tenant.{acme.pk}"
    head, _dot, _signature = token.rpartition(".")
    for offered in (
        [],
        ["authsignal-ws"],
        [tenant],
        ["authsignal-ws", tenant, token],
        ["authsignal-ws", f"x.authsignal.tenant.{globex.pk}", tenant],
        ["authsignal-ws", "x.authsignal.tenant."],
        ["authsignal-ws", "x.authsignal.tenant.00000000-0000-4000-8000-000000000000"],
        ["authsignal-ws", "x.authsignal.token."],
        ["authsignal-ws", f"{head}.AAAA"],
    ):
        assert line.open(offered=offered).status == 401, offered
    gone = track(api, "bob")
    EndUser.objects.get(user_id="bob").delete()
    assert line.open(gone).status == 401
    assert line.open(offered=["authsignal-ws", token]).opened == "authsignal-ws"
    advance(601)
    assert line.open(offered=["authsignal-ws", token]).status == 401


def test_only_the_tenants_own_origins_open_a_socket_from_a_page(api, globex, line):
    for origin in (
        "https://globex.example",
        "null",
        "https://evil.example",
        "",
        f"{ORIGIN}.evil.example",
        f"{ORIGIN}/",
    ):
        for token in ("", track(api)):
            assert line.open(token, Origin=origin).status == 403, origin
    for token in ("", track(api)):
        assert line.open(token, Origin=ORIGIN).opened
    # No page: a kiosk's own program.
    assert line.open().opened


def test_a_credential_is_for_its_own_tenants_socket_and_codes(globex, globex_api, browser, key, line):
    theirs = "https://globex.example"
    by_id = ["authsignal-ws", f"x.authsignal.tenant.{globex.pk}"]
    by_token = ["authsignal-ws", f"x.authsignal.token.{track(globex_api)}"]
    for offered in (by_id, by_token):
        assert line.open(offered=offered, Origin=ORIGIN).status == 403
        shown = line.open(offered=offered, Origin=theirs).show()
        told = browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"]))
        assert refused(told, 400, "invalid_request") == "challengeId names no challenge."


def test_a_proxys_word_on_the_address_counts_and_nobody_elses(browser, key, line, settings):
    settings.TRUSTED_PROXIES = 1
    page = line.open(**{"X-Forwarded-For": "203.0.113.9", "X_Forwarded_For": "203.0.113.1"})
    assert claim(browser, key, page.show())["ipAddress"] == "203.0.113.9"


# -- bounds --------------------------------------------------------------------------------------


def test_a_user_an_address_and_a_tenant_have_so_many_sockets_and_places_come_back(api, line, settings):
    settings.SOCKETS_PER_USER, settings.SOCKETS_PER_ADDRESS, settings.SOCKETS_PER_TENANT = 2, 3, 5
    token, other = track(api), track(api, "bob")
    mine = [line.open(token) for _each in range(2)]
    assert [page.opened for page in mine] == ["authsignal-ws"] * 2
    # Of the user, whichever token they come with.
    assert line.open(token).status == line.open(track(api)).status == 429
    assert line.open(other).opened
    mine[0].leave()
    assert line.open(token).opened
    assert [bool(line.open().opened) for _each in range(3)] == [True, True, False]
    # Five of the tenant's are open now; it is full for everybody.
    assert line.open(other).status == line.open(address="203.0.113.77").status == 429


def test_an_address_has_no_more_than_its_places_without_a_token(line, settings):
    settings.SOCKETS_PER_ADDRESS = 2
    assert [bool(line.open().opened) for _each in range(3)] == [True, True, False]
    assert line.open(address="203.0.113.77").opened


def test_a_machine_has_one_address_whichever_it_takes_and_whichever_tenant_it_names(line, globex, settings):
    settings.SOCKETS_PER_ADDRESS = 2
    of_globex = ["authsignal-ws", f"x.authsignal.tenant.{globex.pk}"]
    network = f"2001:db8:7:{secrets.token_hex(2)}:"
    assert line.open(address=f"{network}:1").opened
    assert line.open(address=f"{network}ffff:a:b:c", offered=of_globex).opened
    assert (
        line.open(address=f"{network}:2").status == line.open(address=f"{network}:1", offered=of_globex).status == 429
    )
    assert line.open(address="2001:db8:8::1").opened


def test_pages_that_know_no_user_leave_half_of_a_tenants_places_to_users(api, line, settings):
    settings.SOCKETS_PER_TENANT = 4
    nameless = [line.open(address=f"203.0.113.{host}") for host in (1, 2, 3)]
    assert [page.status for page in nameless] == [None, None, 429]
    assert [line.open(track(api)).opened for _each in range(2)] == ["authsignal-ws"] * 2
    nameless[0].leave()
    assert line.open(address="203.0.113.3").opened


def test_no_tenant_fills_all_that_a_process_holds():
    assert configured.SOCKETS_PER_TENANT < configured.SOCKETS_PER_PROCESS


def test_a_process_has_so_many_sockets(line, settings):
    settings.SOCKETS_PER_PROCESS = 1
    page = line.open()
    assert line.open().status == 503
    page.leave()
    assert line.open().opened


def test_codes_without_a_token_count_against_the_address_as_over_rest(line, settings):
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = 3
    page = line.open(address=f"2001:db8:9:{secrets.token_hex(2)}::1")
    page.show()
    page.show()
    page.send({"type": "CREATE_CHALLENGE", "data": {"challengeType": "QR_CODE", "actionCode": "login"}})
    assert page.told() == ("close", 1008)


def test_a_socket_asks_for_so_many_codes_a_minute(api, line, settings):
    settings.SOCKET_CODES_PER_MINUTE = 2
    page = line.open(track(api))
    page.show()
    page.show()
    page.send({"type": "CREATE_CHALLENGE", "data": {"challengeType": "QR_CODE"}})
    assert page.told() == ("close", 1008)


def create(**data):
    return json.dumps({"type": "CREATE_CHALLENGE", "data": {"challengeType": "QR_CODE", "actionCode": "login", **data}})


def test_what_is_no_request_for_a_code_closes_the_socket(api, line):
    nested: object = 1
    for _level in range(30):
        nested = [nested]
    cases = {
        1003: [{"bytes": create().encode()}],
        1009: [{"text": create(custom={"a": "x" * 65_536})}, {"text": " " * 65_537}, {"text": "€" * 22_000}],
        1008: [
            {"text": text}
            for text in (
                "",
                "no json",
                "[]",
                "{}",
                json.dumps({"type": "CREATE_CHALLENGE"}),
                json.dumps({"type": "PING", "data": {}}),
                create(challengeType="PUSH"),
                create(actionCode=""),
                create(actionCode="a b"),
                create(actionCode=7),
                create(custom=[1]),
                create(custom={"a": {"b": 1}}),
                create(custom={"a": nested}),
                create(custom={"a": "x" * 20_000}),
                create(custom={"a": "\x00"}),
            )
        ],
    }
    for code, events in cases.items():
        for event in events:
            page = line.open()
            page.hear(**event)
            assert page.told() == ("close", code), event
            page.running.result(10)
    assert not Challenge.objects.exists()


def test_a_token_shows_codes_of_its_own_action_while_it_lives(api, line, advance):
    page = line.open(track(api))
    page.send(create(actionCode="payout"))
    assert page.told() == ("close", 1008)
    page = line.open(track(api))
    page.show()
    advance(601)
    page.send(create())
    assert page.told() == ("close", 1008)


def test_once_the_page_was_opened_a_socket_is_for_the_browser_that_opened_it(api, line):
    token = track(api)
    early = line.open(token)
    ActionFacts.objects.update(browser_hash=crypto.keyed_hash("browser", "b" * 43))
    early.send(create())
    assert early.told() == ("close", 1008)
    assert line.open(token).status == 403
    assert line.open(token, Cookie=f"{BROWSER_COOKIE}={'c' * 43}").status == 403
    line.open(token, Cookie=f"{BROWSER_COOKIE}={'b' * 43}").show()


def test_a_socket_that_waits_for_nothing_is_closed_and_one_that_waits_is_kept_alive(browser, key, line, settings):
    settings.SOCKET_IDLE_SECONDS, settings.SOCKET_BEAT_SECONDS = 0.2, 0.05
    assert line.open().told() == ("close", 1000)
    page = line.open()
    shown = page.show()
    assert [page.told(pings=True) for _beat in range(8)] == [("PING", None)] * 8
    claim(browser, key, shown)
    assert page.state() == (shown["challengeId"], "claimed")
    answer(browser, key, shown)
    assert page.state() == (shown["challengeId"], "approved")
    assert page.told() == ("close", 1000)
    assert Action.objects.get(action_code="login").state == "CHALLENGE_SUCCEEDED"
