"""A payment that is approved on the phone: the app is told what it is about, and the approval is for exactly that."""

import pytest

from actions import receipts
from actions.models import Action, ActionFacts
from authenticators.models import Challenge
from authenticators.transactions import Transaction
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import ok, refused
from tests.api.test_device_credentials import enrol
from tests.api.test_push import pending
from tests.api.test_qr_code import ANSWER, NOT_VERIFIED, claim, poll, show
from tests.api.test_receipts import jwks as jwks
from tests.device import DeviceKey
from tests.linked import CUSTOM, link

TEXT = "Pay 1000 EUR to Bob Miller"
TRANSACTION = Transaction(amount=1000, currency="EUR", payee="Bob Miller", text=TEXT)
TOLD = {**CUSTOM, "text": TEXT, "hash": TRANSACTION.hash}


@pytest.fixture
def key(api, browser):
    made = DeviceKey()
    enrol(api, browser, made, "qr-code")
    enrol(api, browser, made, "push")
    return made


@pytest.fixture
def pay(acme):
    return link(acme)


def track(api, **body):
    return ok(api("POST", "users/alice/actions/pay", {"custom": CUSTOM, **body}))["token"]


def approve(browser, key, shown, *, names=TRANSACTION.hash):
    """The answer of an app that says what it has shown."""
    return browser("POST", ANSWER, key.answer(shown["challengeId"]) | {"transactionHash": names})


def test_who_scans_the_code_is_told_the_payment_and_approves_it(api, browser, key, pay, jwks):
    token = track(api)
    shown = show(browser, token, action="pay")
    told = claim(browser, key, shown)
    assert (told["message"], told["transaction"]) == (TEXT, TOLD)
    # None of its data points is public: it is told because it is what is approved.
    assert "custom" not in told
    assert ok(approve(browser, key, shown)) == {"isVerified": True}
    validated = ok(api("POST", "validate", {"token": poll(browser, shown)["accessToken"]}))
    assert (validated["isValid"], validated["transaction"]) == (True, TOLD)
    read = receipts.verify(validated["receipt"], jwks)
    assert (read["method"], read["hash"]) == (M.QR_CODE, TRANSACTION.hash)


def test_an_app_that_knows_nothing_of_transactions_approves_as_before(api, browser, key, pay):
    shown = show(browser, track(api), action="pay")
    claim(browser, key, shown)
    assert ok(browser("POST", ANSWER, key.answer(shown["challengeId"]))) == {"isVerified": True}
    validated = ok(api("POST", "validate", {"token": poll(browser, shown)["accessToken"]}))
    assert validated["transaction"] == TOLD


def test_an_approval_of_another_transaction_than_the_stored_one_is_refused(api, browser, key, pay):
    shown = show(browser, track(api), action="pay")
    claim(browser, key, shown)
    for names in ("0" * 64, TRANSACTION.hash.upper(), TRANSACTION.hash[:-1], "x"):
        assert ok(approve(browser, key, shown, names=names)) == NOT_VERIFIED
    assert Action.objects.get(action_code="pay").state == "CHALLENGE_REQUIRED"
    assert ok(approve(browser, key, shown)) == {"isVerified": True}


def test_an_approval_for_an_action_without_a_transaction_names_none(api, browser, key, acme):
    shown = show(browser, track(api), action="pay")
    assert "transaction" not in claim(browser, key, shown)
    assert ok(approve(browser, key, shown)) == NOT_VERIFIED


def test_a_payment_that_was_altered_is_neither_told_nor_approved(api, browser, key, pay):
    other = Transaction(amount=9000, currency="EUR", payee="Bob Miller", text="Pay 9000 EUR to Bob Miller")
    token = track(api)
    before, shown = track(api), show(browser, token, action="pay")
    ActionFacts.objects.filter(transaction_hash=TRANSACTION.hash).update(transaction=other.canonical)
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 409, "conflict")
    refused(browser("POST", "challenge/qr-code", {"action": "pay"}, token=before), 409, "conflict")
    assert Challenge.objects.get(pk=shown["challengeId"]).authenticator_id is None


def test_a_payment_that_was_altered_after_the_scan_is_not_approved(api, browser, key, pay):
    shown = show(browser, track(api), action="pay")
    claim(browser, key, shown)
    other = Transaction(amount=9000, currency="EUR", payee="Bob Miller", text="Pay 9000 EUR to Bob Miller")
    facts = ActionFacts.objects.filter(transaction_hash=TRANSACTION.hash)
    facts.update(transaction=other.canonical, transaction_hash=other.hash)
    for names in (TRANSACTION.hash, other.hash, ""):
        assert approve(browser, key, shown, names=names).body.get("isVerified") is not True
    assert Action.objects.get(action_code="pay").state == "CHALLENGE_REQUIRED"


def test_a_shops_code_is_the_payment_of_whoever_scans_it(api, browser, key, pay, jwks):
    shown = show(browser, action="pay", custom=CUSTOM)
    assert claim(browser, key, shown)["transaction"] == TOLD
    assert ok(approve(browser, key, shown)) == {"isVerified": True}
    validated = ok(api("POST", "validate", {"token": poll(browser, shown)["accessToken"]}))
    assert (validated["userId"], validated["transaction"]) == ("alice", TOLD)
    assert receipts.verify(validated["receipt"], jwks)["user"] == "alice"


def test_a_shops_code_says_all_of_its_payment_or_is_not_shown(browser, pay):
    sent = {"action": "pay", "custom": {"amount": 1000, "currency": "EUR"}}
    assert "custom.payee" in refused(browser("POST", "challenge/qr-code", sent), 400, "invalid_request")
    assert not Challenge.objects.exists()


def test_a_shops_code_is_worth_nothing_once_its_action_is_linked_in_another_way(browser, key, pay):
    shown = show(browser, action="pay", custom=CUSTOM)
    pay.message = "Send {{action.amount}} {{action.currency}} to {{action.payee}}"
    pay.save()
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_request")
    assert not Action.objects.filter(action_code="pay").exists()
    assert Challenge.objects.get(pk=shown["challengeId"]).authenticator_id is None


def test_a_push_tells_the_payment_to_an_app_that_signs_its_question(api, browser, key, pay):
    asked = ok(browser("POST", "challenge/push", {}, token=track(api)))
    told = pending(browser, key)
    assert (told["message"], told["transaction"]) == (TEXT, TOLD)
    assert not {"message", "transaction"} & pending(browser, key, signed=False).keys()
    sent = key.answer(asked["challengeId"], asked["verificationCode"]) | {"transactionHash": TRANSACTION.hash}
    assert ok(browser("POST", "user-authenticators/push/challenge", sent)) == {"isVerified": True}


def test_a_message_that_is_linked_to_nothing_is_told_too(api, browser, key, acme):
    make.make_action(acme, "pay", "CHALLENGE", message="Sign in at till {{action.till}}")
    told = claim(browser, key, show(browser, track(api, custom={"till": 4}), action="pay"))
    assert told["message"] == "Sign in at till 4"
    assert "transaction" not in told
