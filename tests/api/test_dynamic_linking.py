"""Dynamic linking: a proof is for one amount, one currency, one payee and one text (RTS Art. 5 (1) (a)–(d))."""

import json
from hashlib import sha256

import pytest
import rfc8785

from actions import linking, receipts
from actions.models import Action, ActionFacts
from authenticators.models import Challenge, Message
from authenticators.transactions import Transaction
from authsignal_portal import tokens
from tests import make
from tests.api.reading import code_sent, everything_stored, ok, refused
from tests.device import DeviceKey
from tests.linked import CUSTOM, link
from tests.soft_authenticator import SoftAuthenticator, from_b64url

PASSKEY = "user-authenticators/passkey"
TEXT = "Pay 1000 EUR to Bob Miller"
CANONICAL = f'{{"amount":1000,"currency":"EUR","payee":"Bob Miller","text":"{TEXT}"}}'


@pytest.fixture
def pay(acme):
    return link(acme)


@pytest.fixture
def phone():
    return SoftAuthenticator(origin=make.APP_ORIGIN)


@pytest.fixture
def passkey(api, browser, phone, acme):
    """A passkey that Alice has already."""
    make.make_action(acme, "login", "CHALLENGE")
    token = ok(api("POST", "users/alice/actions/login", {}))["token"]
    begun = ok(browser("POST", f"{PASSKEY}/registration-options", {}, token=token))
    sent = {"registrationCredential": phone.create(begun["options"]), "challengeId": begun["challengeId"]}
    ok(browser("POST", PASSKEY, sent, token=token))
    return phone


def track(api, custom=CUSTOM, action="pay", **body):
    return api("POST", f"users/alice/actions/{action}", {"custom": custom, **body})


def linked_to(api, custom=CUSTOM, **body):
    """What an action is linked to, as validate tells it."""
    return ok(api("POST", "validate", {"token": ok(track(api, custom, **body))["token"]}))["transaction"]


# -- what is hashed ------------------------------------------------------------------------------


def test_the_transaction_is_told_with_the_hash_of_its_canonical_form(api, pay):
    assert linked_to(api) == CUSTOM | {"text": TEXT, "hash": sha256(CANONICAL.encode()).hexdigest()}


def test_what_was_tracked_is_frozen_with_the_action(api, pay):
    tracked = ok(track(api, idempotencyKey="k"))
    pay.message = "Send {{action.amount}} {{action.currency}} to {{action.payee}}"
    pay.save()
    assert ok(track(api, idempotencyKey="k"))["idempotencyKey"] == "k"
    facts = ActionFacts.objects.get()
    assert (facts.transaction, facts.message) == (CANONICAL, TEXT)
    assert ok(api("POST", "validate", {"token": tracked["token"]}))["transaction"]["text"] == TEXT


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1001},
        {"amount": 1000.01},
        {"amount": "1000"},
        {"currency": "EUX"},
        {"currency": "eur"},
        {"payee": "Bob Milier"},
        {"payee": "Bob Mıller"},
        {"payee": "Bob  Miller"},
        {"payee": "bob Miller"},
    ],
)
def test_another_amount_currency_or_payee_is_another_transaction_and_never_the_same_action(api, pay, change):
    before = linked_to(api, idempotencyKey="k")
    stored = everything_stored(without="last_used")
    refused(track(api, CUSTOM | change, idempotencyKey="k"), 409, "conflict")
    assert everything_stored(without="last_used") == stored
    assert linked_to(api, CUSTOM | change)["hash"] != before["hash"]


@pytest.mark.parametrize(
    "body",
    [
        '{"custom":{"payee":"Bob Miller","currency":"EUR","amount":1000},"idempotencyKey":"k"}',
        '{"custom":{"amount":1e3,"currency":"EUR","payee":"Bob Miller"},"idempotencyKey":"k"}',
        '{"custom":{"amount":1000.0,"currency":"EUR","payee":"Bob\\u0020Miller"},"idempotencyKey":"k"}',
    ],
)
def test_order_of_keys_and_the_spelling_of_a_number_make_no_other_transaction(api, pay, client, body):
    before = linked_to(api, idempotencyKey="k")
    headers = {"Authorization": make.basic(api.secret)}
    again = client.post("/v1/users/alice/actions/pay", body, "application/json", headers=headers)
    assert again.status_code == 200, again.content
    assert Action.objects.count() == 1
    new = client.post(
        "/v1/users/alice/actions/pay", body.replace('"k"', '"new"'), "application/json", headers=headers
    ).json()
    assert ok(api("POST", "validate", {"token": new["token"]}))["transaction"] == before


def test_a_server_challenge_under_the_same_key_does_not_take_other_values(api, pay):
    ok(track(api, idempotencyKey="k"))
    given = {"userId": "alice", "action": "pay", "idempotencyKey": "k", "email": "a@b.example"}
    refused(api("POST", "challenge", given | {"custom": CUSTOM | {"amount": 1}}), 409, "conflict")
    ok(api("POST", "challenge", given | {"custom": CUSTOM}))


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("custom", "missing"),
    [
        ({}, ["custom.amount", "custom.currency", "custom.payee", "user.custom.iban"]),
        ({"amount": 1, "currency": "EUR"}, ["custom.payee"]),
        ({"amount": 1, "currency": "EUR", "payee": ""}, ["custom.payee"]),
        ({"amount": None, "currency": "EUR", "payee": "Bob"}, ["custom.amount"]),
        (CUSTOM, ["user.custom.iban"]),
    ],
)
def test_a_text_that_cannot_be_written_refuses_the_challenge_and_says_what_is_missing(api, acme, custom, missing):
    deciding(acme, "CHALLENGE")
    stored = everything_stored()
    told = refused(track(api, custom), 400, "invalid_request")
    for name in missing:
        assert name in told
    assert everything_stored() == stored


def deciding(acme, outcome):
    configuration = link(acme)
    configuration.default_outcome = outcome
    configuration.message += " from {{user.iban}}"
    configuration.save()
    configuration.refreshed()


@pytest.mark.parametrize("outcome", ["ALLOW", "BLOCK", "REVIEW"])
@pytest.mark.parametrize("custom", [CUSTOM, {}, CUSTOM | {"payee": "https://evil.example"}])
def test_a_decision_that_asks_for_no_proof_stands_without_its_transaction(api, acme, browser, outcome, custom):
    deciding(acme, outcome)
    tracked = ok(track(api, custom, idempotencyKey="k"))
    state = "REVIEW_REQUIRED" if outcome == "REVIEW" else outcome
    assert (tracked["state"], ok(track(api, custom, idempotencyKey="k"))["state"]) == (state, state)
    facts = ActionFacts.objects.get()
    assert (facts.message, facts.transaction, facts.transaction_hash) == ("", "", "")
    assert "transaction" not in api("POST", "validate", {"token": tracked["token"]}).body
    told = refused(api("PATCH", "users/alice/actions/pay/k", {"state": "CHALLENGE_REQUIRED"}), 400, "invalid_request")
    assert facts.trace["notLinked"] in told
    assert Action.objects.get().state == state


def test_where_unenrolled_users_are_let_through_a_challenge_still_needs_its_transaction(api, acme):
    deciding(acme, "CHALLENGE")
    acme.let_unenrolled_users_through = True
    acme.save()
    refused(track(api), 400, "invalid_request")


def test_a_challenge_that_an_app_begins_needs_its_transaction_whatever_the_rules_say(api, acme):
    deciding(acme, "ALLOW")
    given = {"action": "pay", "userId": "alice", "email": "a@b.example", "custom": CUSTOM}
    refused(api("POST", "challenge", given), 400, "invalid_request")
    assert not Action.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": True},
        {"amount": -1},
        {"amount": "-1"},
        {"amount": "1e3"},
        {"amount": "1,000"},
        {"amount": "١٠٠"},
        {"amount": " 5"},
        {"amount": "05"},
        {"amount": 2**53},
        {"amount": 1e21},
        {"amount": [5]},
        {"currency": "€"},
        {"currency": "ЕUR"},
        {"currency": 5},
        {"currency": "99"},
        {"payee": 5},
        {"payee": "  "},
        {"payee": "x" * 141},
        {"payee": "Bob\u202eelliM"},
        {"payee": "Bob\u200bMiller"},
        {"payee": "Bоb Miller"},  # a Cyrillic o
        {"payee": "Bob Miller\u0301"},
        {"payee": "https://evil.example"},
        {"payee": "www.evil.example"},
        {"payee": "evil.example/x"},
        {"payee": "bit.ly/3xAbc now"},
        {"payee": "Bob (EVIL.Example:8080/x)"},
        {"payee": "evil.example?x"},
        {"payee": "bücher.xn--p1ai#x"},
        {"payee": "evil.भारत/x"},
        {"payee": "বাংলা.বাংলা/x"},
        {"payee": "evil.example./x"},
        {"payee": "evil.example:/x"},
        {"payee": "192.0.2.7/x"},
        {"payee": "evil.example:80"},
        {"payee": "WWW2.evil.example"},
        {"payee": "mailto:x@evil.example"},
        {"payee": "Tel:+1900123"},
        {"payee": "Gooɡle"},  # U+0261
    ],
)
def test_what_the_payer_could_not_read_rightly_is_refused(api, pay, wrong):
    refused(track(api, CUSTOM | wrong), 400, "invalid_request")
    assert not Action.objects.exists()


@pytest.mark.parametrize(
    "payee", ["Booking.com", "St. Gallen / Bern", "Dr. A. Meier/Sons", "A/B", "Nr. 1.2/3", "Nr. 1.2.3/4", "Co.: B"]
)
def test_a_name_with_points_and_strokes_is_no_link(api, pay, payee):
    assert linked_to(api, CUSTOM | {"payee": payee})["payee"] == payee


def test_a_payee_that_passes_wholly_for_latin_letters_is_shown_with_its_alphabet(api, pay):
    linked = linked_to(api, CUSTOM | {"payee": "\u0410\u0440\u0440\u04cf\u0435"})
    assert linked["text"] == "Pay 1000 EUR to \u0410\u0440\u0440\u04cf\u0435 [Cyrillic]"
    assert linked["payee"] == "\u0410\u0440\u0440\u04cf\u0435"


def test_so_is_every_other_text_in_the_message(api, pay):
    pay.message = "Pay {{action.amount}} {{action.currency}} to {{action.payee}} at {{action.bank}}"
    pay.save()
    linked = linked_to(api, CUSTOM | {"bank": "\u0410\u0440\u0440\u04cf\u0435"})
    assert linked["text"] == "Pay 1000 EUR to Bob Miller at \u0410\u0440\u0440\u04cf\u0435 [Cyrillic]"


def test_a_challenge_without_its_user_and_transaction_does_not_begin(api, browser, pay):
    refused(api("POST", "challenge", {"action": "pay", "email": "a@b.example"}), 400, "invalid_request")
    refused(api("POST", "challenge", {"action": "pay", "userId": "a", "email": "a@b.example"}), 400, "invalid_request")
    refused(browser("POST", "challenge", {"action": "pay"}), 400, "invalid_request")
    assert not Challenge.objects.exists()
    assert not Message.objects.exists()


def test_a_proof_that_was_begun_before_the_transaction_was_known_does_not_count(api, acme):
    given = {"action": "pay", "email": "a@b.example"}
    challenge = ok(api("POST", "challenge", given))["challengeId"]
    ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    link(acme)
    assert ok(track(api, challengeId=challenge))["state"] == "CHALLENGE_REQUIRED"


def test_such_a_proof_is_claimed_for_a_token_that_proves_nothing_yet(api, acme):
    challenge = ok(api("POST", "challenge", {"action": "pay", "email": "a@b.example", "custom": CUSTOM}))["challengeId"]
    ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    link(acme)
    token = ok(api("POST", "claim", {"challengeId": challenge, "userId": "alice"}))["token"]
    answer = ok(api("POST", "validate", {"token": token}))
    assert (answer["isValid"], answer["state"]) == (False, "CHALLENGE_REQUIRED")


# -- every challenge -----------------------------------------------------------------------------


def begin_email(api, browser, token):
    ok(browser("POST", "user-authenticators/email-otp", {"email": "a@b.example"}, token=token))


def begin_sms(api, browser, token):
    ok(browser("POST", "user-authenticators/sms", {"phoneNumber": "+6421000000"}, token=token))


def begin_app(api, browser, token):
    ok(browser("POST", "user-authenticators/totp", token=token))


def begin_passkey(api, browser, token):
    ok(browser("POST", f"{PASSKEY}/registration-options", {}, token=token))


def begin_by_server(api, browser, token):
    key = Action.objects.get(action_code="pay").idempotency_key
    given = {"userId": "alice", "action": "pay", "idempotencyKey": key, "email": "a@b.example"}
    ok(api("POST", "challenge", given))


@pytest.mark.parametrize("begin", [begin_email, begin_sms, begin_app, begin_passkey, begin_by_server])
def test_every_challenge_row_carries_the_transaction_and_its_hash(api, browser, pay, begin):
    begin(api, browser, ok(track(api))["token"])
    row = Challenge.objects.get()
    assert (row.transaction, row.transaction_hash) == (CANONICAL, sha256(CANONICAL.encode()).hexdigest())


@pytest.mark.parametrize("begin", [begin_email, begin_sms, begin_by_server])
def test_the_message_with_the_code_tells_amount_and_payee(api, browser, pay, begin):
    begin(api, browser, ok(track(api))["token"])
    payload = json.loads(Message.objects.select_related("tenant").get().payload)
    assert payload["code"] in payload["text"]
    for part in ("1000 EUR", "Bob Miller"):
        assert part in payload["text"]
        assert part in payload.get("html", part)


def test_a_code_sent_again_tells_them_too(api, pay, settings):
    settings.RESEND_WAIT_SECONDS = 0
    key = ok(track(api))["idempotencyKey"]
    given = {"userId": "alice", "action": "pay", "idempotencyKey": key, "email": "a@b.example"}
    challenge = ok(api("POST", "challenge", given))["challengeId"]
    ok(api("POST", "challenge", {"challengeId": challenge}))
    newest = Message.objects.select_related("tenant").latest("created_at")
    assert "1000 EUR to Bob Miller" in json.loads(newest.payload)["text"]


def test_the_page_shows_the_text_from_the_row(api, pay, client):
    token = ok(track(api))["token"]
    headers = {"Authorization": f"Bearer {token}"}
    state = client.post("/challenge/api/state", "{}", "application/json", headers=headers).json()
    assert state["message"] == TEXT


# -- passkeys ------------------------------------------------------------------------------------


def options(browser, token):
    return ok(browser("POST", f"{PASSKEY}/authentication-options", {}, token=token))


def prove(browser, phone, begun, token, **of):
    sent = {"authenticationCredential": phone.get(begun["options"], **of), "challengeId": begun["challengeId"]}
    return browser("POST", "verify/passkey", sent, token=token)


def test_a_passkey_signs_the_transaction_and_no_challenge_twice(api, browser, passkey, pay):
    token = ok(track(api))["token"]
    first, second = options(browser, token), options(browser, token)
    assert first["options"]["challenge"] != second["options"]["challenge"]
    row = Challenge.objects.get(pk=first["challengeId"])
    expected = sha256(bytes(row.transaction_nonce) + sha256(CANONICAL.encode()).digest()).digest()
    assert from_b64url(first["options"]["challenge"]) == expected
    assert ok(prove(browser, passkey, first, token))["isVerified"] is True
    assert ok(api("POST", "validate", {"token": token}))["state"] == "CHALLENGE_SUCCEEDED"
    assert not prove(browser, passkey, first, token).body.get("isVerified")


@pytest.mark.parametrize("change", [{"amount": 1}, {"currency": "USD"}, {"payee": "Eve"}])
def test_what_was_signed_for_one_transaction_proves_no_other(api, browser, passkey, pay, change):
    small, large = ok(track(api, CUSTOM | change))["token"], ok(track(api))["token"]
    ours, theirs = options(browser, small), options(browser, large)
    signed = passkey.get(ours["options"])
    sent = {"authenticationCredential": signed, "challengeId": theirs["challengeId"]}
    assert not browser("POST", "verify/passkey", sent, token=large).body.get("isVerified")
    sent["challengeId"] = ours["challengeId"]
    refused(browser("POST", "verify/passkey", sent, token=large), 400, "invalid_request")
    assert not Action.objects.filter(action_code="pay", state="CHALLENGE_SUCCEEDED").exists()


def other(**change):
    return Transaction(**({"text": TEXT} | CUSTOM | change))


@pytest.mark.parametrize("change", [{"amount": 1}, {"currency": "USD"}, {"payee": "Eve"}, {"text": "Pay 1 EUR to Eve"}])
def test_a_transaction_that_was_changed_after_its_challenge_began_is_not_proved(api, browser, passkey, pay, change):
    token = ok(track(api))["token"]
    begun = options(browser, token)
    facts = ActionFacts.objects.filter(action__action_code="pay")
    facts.update(transaction=other(**change).canonical)
    refused(prove(browser, passkey, begun, token), 409, "conflict")
    assert ok_or_error(api, token)["error"]
    facts.update(transaction_hash=other(**change).hash)
    refused(prove(browser, passkey, begun, token), 400, "invalid_request")
    facts.update(transaction=CANONICAL, transaction_hash=other().hash)
    assert ok(prove(browser, passkey, begun, token))["isVerified"] is True


def ok_or_error(api, token):
    answer = api("POST", "validate", {"token": token})
    assert answer.status_code == 200
    assert answer.body["isValid"] is False
    return answer.body


def test_no_challenge_begins_for_a_transaction_that_was_altered(api, browser, passkey, pay):
    token = ok(track(api))["token"]
    ActionFacts.objects.filter(action__action_code="pay").update(transaction=other(amount=1).canonical)
    refused(browser("POST", f"{PASSKEY}/authentication-options", {}, token=token), 409, "conflict")


# -- the user's own app -------------------------------------------------------------------------


@pytest.fixture
def app(api, browser, acme):
    """Alice's app, whose key stands for push, QR codes and in-app proofs."""
    make.make_action(acme, "login", "CHALLENGE")
    token = ok(api("POST", "users/alice/actions/login", {"scope": "add:authenticators"}))["token"]
    key = DeviceKey()
    for method in ("push", "qr-code", "in-app"):
        ok(browser("POST", f"user-authenticators/{method}", key.enrolment(), token=token))
    return key


def by_push(browser, app, token):
    asked = ok(browser("POST", "challenge/push", {}, token=token))
    ok(
        browser(
            "POST", "user-authenticators/push/challenge", app.answer(asked["challengeId"], asked["verificationCode"])
        )
    )
    return asked["challengeId"]


def by_qr(browser, app, token):
    shown = ok(browser("POST", "challenge/qr-code", {"action": "pay"}, token=token))["challengeId"]
    ok(browser("POST", "user-authenticators/qr-code/challenge/claim", app.claim(shown)))
    ok(browser("POST", "user-authenticators/qr-code/challenge", app.answer(shown)))
    return shown


def in_app(browser, app, token):
    begun = ok(browser("POST", "challenge", {"action": "pay"}, token=token))["challengeId"]
    ok(browser("POST", "verify/in-app", app.claim(begun), token=token))
    return begun


@pytest.mark.parametrize("prove_by", [by_push, by_qr, in_app])
def test_what_an_app_signs_is_made_of_the_transaction_and_of_no_other(api, browser, acme, app, pay, prove_by):
    signed = []
    for _time in range(2):
        token = ok(track(api))["token"]
        signed.append(prove_by(browser, app, token))
        answer = ok(api("POST", "validate", {"token": token}))
        assert answer["state"] == "CHALLENGE_SUCCEEDED"
        claims = receipts.verify(answer["receipt"], tokens.public_jwks(acme))
        assert claims["covered"] == ["transaction"]
        nonce = from_b64url(claims["device"]["nonce"])
        assert signed[-1] == sha256(nonce + sha256(CANONICAL.encode()).digest()).hexdigest()
        for forged in ({"nonce": "A" * 43}, {"signature": app.sign("other")}, {"challengeId": "0" * 64}):
            with pytest.raises(receipts.InvalidReceipt, match="did not sign"):
                receipts.verify(resigned(acme, claims, device=claims["device"] | forged), tokens.public_jwks(acme))
    assert len(set(signed)) == 2


def resigned(acme, claims, **change):
    return tokens.sign(acme.pk, rfc8785.dumps(claims | change), kind=receipts.TYPE)


def test_a_receipt_that_claims_that_more_was_signed_than_was_is_refused(api, browser, acme, app, pay):
    token = ok(track(api))["token"]
    by_push(browser, app, token)
    receipt = ok(api("POST", "validate", {"token": token}))["receipt"]
    claims = receipts.verify(receipt, tokens.public_jwks(acme))
    for wrong in ({"covered": ["transaction", "approval"]}, {"device": None}, {"method": "SMS"}):
        with pytest.raises(receipts.InvalidReceipt):
            receipts.verify(resigned(acme, claims, **wrong), tokens.public_jwks(acme))


def test_an_apps_challenge_for_one_transaction_proves_no_other(api, browser, app, pay):
    small, large = ok(track(api, CUSTOM | {"amount": 1}))["token"], ok(track(api))["token"]
    begun = ok(browser("POST", "challenge", {}, token=small))["challengeId"]
    refused(browser("POST", "verify/in-app", app.claim(begun), token=large), 400, "invalid_request")
    assert api("POST", "validate", {"token": large}).body["state"] == "CHALLENGE_REQUIRED"
    ok(browser("POST", "verify/in-app", app.claim(begun), token=small))


# -- without it ----------------------------------------------------------------------------------


def test_without_the_switch_a_message_is_shown_only_where_it_can_be_written(api, acme):
    make.make_action(acme, "pay", "CHALLENGE", message="Pay {{action.amount}} to {{action.payee}}")
    token = ok(track(api, {"amount": 1e3, "payee": "B\u043eb"}))["token"]
    assert "transaction" not in ok(api("POST", "validate", {"token": token}))
    ok(track(api, {"amount": 5}))
    assert {facts.message for facts in ActionFacts.objects.all()} == {"Pay 1000 to B\u043eb", ""}


@pytest.mark.parametrize("switch", [True, False])
def test_the_switch_costs_no_statement(transactional_db, api, acme, switch, django_assert_num_queries):
    link(acme, dynamic_linking=switch)
    ok(track(api))
    with django_assert_num_queries(3):
        ok(track(api))


def test_other_screens_can_ask_what_to_show(api, acme, pay):
    make.make_action(acme, "chat", "CHALLENGE", message="Talk to {{action.payee}}")
    ok(track(api, CUSTOM | {"amount": 12.5}))
    ok(track(api, action="chat"))
    linked = linking.transaction_shown(Action.objects.get(action_code="pay"))
    assert (linked.amount, linked.currency, linked.payee) == ("12.5", "EUR", "Bob Miller")
    assert (linked.text, linked.is_linked) == ("Pay 12.5 EUR to Bob Miller", True)
    plain = linking.transaction_shown(Action.objects.get(action_code="chat"))
    assert (plain.text, plain.amount, plain.is_linked) == ("Talk to Bob Miller", "", False)
