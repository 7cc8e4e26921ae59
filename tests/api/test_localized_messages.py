"""The contextual message in each language: which one a user reads, and that it is the one a proof is bound to."""

import pytest
from django.test import Client

from actions import receipts
from actions.models import ActionFacts
from authenticators.models import AuthenticatorConfiguration, EndUser, Message
from authenticators.transactions import Transaction
from authsignal_portal.vocabulary import VerificationMethod as M
from rules.models import ActionConfiguration
from tests import make
from tests.actions.test_hosted import TOP, call, path_of, state_of
from tests.api.reading import ok, refused
from tests.api.test_device_credentials import enrol
from tests.api.test_magic_link import EMAIL, link_sent
from tests.api.test_push import ask, pending
from tests.api.test_qr_code import ANSWER, claim, show
from tests.api.test_receipts import jwks as jwks
from tests.device import DeviceKey
from tests.linked import CUSTOM, link

GERMAN = "Zahlen Sie {{action.amount}} {{action.currency}} an {{action.payee}}"
FRENCH = "Payez {{action.amount}} {{action.currency}} à {{action.payee}}"
DEFAULT, DE, FR = "Pay 1000 EUR to Bob Miller", "Zahlen Sie 1000 EUR an Bob Miller", "Payez 1000 EUR à Bob Miller"


def hash_of(text):
    return Transaction(amount=1000, currency="EUR", payee="Bob Miller", text=text).hash


@pytest.fixture
def pay(acme):
    return link(acme, localized_messages={"de": GERMAN, "fr": FRENCH})


def track(api, custom=CUSTOM, **body):
    return ok(api("POST", "users/alice/actions/pay", {"custom": custom, **body}))


def linked_to(api, tracked):
    return ok(api("POST", "validate", {"token": tracked["token"]}))["transaction"]


# -- which text ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "user", "text"),
    [
        (None, None, DEFAULT),
        ("de", None, DE),
        (None, "de", DE),
        ("fr", "de", FR),
        ("de-AT", None, DE),
        ("DE_at", None, DE),
        # What we do not speak is passed over; what we speak and nobody wrote a text for is in the default one.
        ("ja", "de", DE),
        ("it", "de", DEFAULT),
        ("fr-ca", "de", DEFAULT),
        ("ja", None, DEFAULT),
        ("../de", None, DEFAULT),
    ],
)
@pytest.mark.parametrize("is_linked", [True, False])
def test_the_text_is_in_the_language_of_the_request_then_of_the_user_then_the_default_one(
    api, acme, app, user, text, is_linked
):
    link(acme, localized_messages={"de": GERMAN, "fr": FRENCH}, dynamic_linking=is_linked)
    make.make_user(acme, "alice", **({"locale": user} if user else {}))
    tracked = track(api, **({"locale": app} if app else {}))
    facts = ActionFacts.objects.get()
    assert (facts.message, facts.transaction_hash) == (text, hash_of(text) if is_linked else "")
    assert state_of(Client(), tracked["token"])["message"] == text
    if is_linked:
        assert linked_to(api, tracked) == CUSTOM | {"text": text, "hash": hash_of(text)}


def test_a_challenge_by_the_server_has_the_text_of_its_locale(api, pay):
    given = {"userId": "alice", "action": "pay", "email": EMAIL, "custom": CUSTOM, "locale": "fr"}
    ok(api("POST", "challenge", given))
    assert ActionFacts.objects.get().message == FR


def test_another_language_is_another_transaction_but_not_for_the_same_key(api, pay):
    first = linked_to(api, track(api, idempotencyKey="k", locale="de"))
    assert linked_to(api, track(api, idempotencyKey="k", locale="fr")) == first
    assert linked_to(api, track(api, locale="fr"))["hash"] == hash_of(FR) != first["hash"]


# -- what cannot be written ----------------------------------------------------------------------


def test_a_text_without_its_value_refuses_the_challenge_and_no_other_language_steps_in(api, pay):
    pay.localized_messages["de"] = GERMAN + " von {{user.iban}}"
    pay.save()
    told = refused(api("POST", "users/alice/actions/pay", {"custom": CUSTOM, "locale": "de"}), 400, "invalid_request")
    assert told.endswith("missing: user.custom.iban.")
    assert not ActionFacts.objects.exists()
    assert linked_to(api, track(api, locale="fr"))["text"] == FR


def test_without_dynamic_linking_such_a_text_is_not_shown_and_no_other_either(api, acme):
    texts = {"de": "Für {{user.firstName}}"}
    make.make_action(acme, "pay", "CHALLENGE", message="Pay {{action.amount}}", localized_messages=texts)
    track(api, locale="de")
    assert ActionFacts.objects.get().message == ""


@pytest.mark.parametrize("payee", ["Bob\u202eMiller", "B\u043eb Miller"])
def test_a_payee_that_misleads_is_refused_in_every_language(api, pay, payee):
    for locale in ("en", "de"):
        body = {"custom": CUSTOM | {"payee": payee}, "locale": locale}
        refused(api("POST", "users/alice/actions/pay", body), 400, "invalid_request")


# -- one text, wherever it goes ------------------------------------------------------------------


def switched(pay):
    """Everything by which the text would be another one if it were written again."""
    texts = {"de": f"Überweisen Sie {GERMAN}", "fr": f"{FRENCH} !"}
    ActionConfiguration.objects.filter(pk=pay.pk).update(localized_messages=texts, message="Something else")
    EndUser.objects.update(locale="fr")
    return {"Accept-Language": "fr"}


def test_who_switches_the_language_is_shown_what_the_challenge_is_bound_to(api, browser, pay, jwks):
    key = DeviceKey()
    enrol(api, browser, key, "push")
    tracked = track(api, locale="de")
    asked = ask(browser, tracked["token"])
    in_french = switched(pay)
    http = Client(headers=in_french)
    assert http.get(path_of(tracked), headers=TOP).status_code == 200
    assert state_of(http, tracked["token"])["message"] == DE
    told = pending(browser, key)
    assert (told["message"], told["transaction"]["text"], told["transaction"]["hash"]) == (DE, DE, hash_of(DE))
    answer = key.answer(asked["challengeId"], asked["verificationCode"]) | {"transactionHash": hash_of(DE)}
    ok(browser("POST", "user-authenticators/push/challenge", answer))
    receipt = receipts.verify(ok(api("POST", "validate", {"token": tracked["token"]}))["receipt"], jwks)
    assert (receipt["transaction"]["text"], receipt["hash"]) == (DE, hash_of(DE))


@pytest.fixture
def by_link(api, acme, pay):
    """A link that a hosted page has sent, to confirm a payment."""
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.EMAIL_MAGIC_LINK)
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_MAGIC_LINK", "email": EMAIL}))
    tracked, http = track(api, locale="de"), Client()
    assert http.get(path_of(tracked), headers=TOP).status_code == 200
    assert call(http, "magic-link", tracked["token"], {}).status_code == 200
    return link_sent()


def test_the_page_behind_a_link_shows_it_too(by_link, pay):
    ActionFacts.objects.update(message="Pay 1 EUR to Bob Miller")
    page = Client(headers=switched(pay)).get(by_link).content.decode()
    assert DE in page
    assert "Pay 1 EUR" not in page


def test_users_are_told_the_name_of_an_action_and_apps_its_code_too(api, browser, acme, pay, by_link):
    key = DeviceKey()
    enrol(api, browser, key, "push")
    ask(browser, track(api)["token"])
    assert "<dd>Pay</dd>" in Client().get(by_link).content.decode()
    ActionConfiguration.objects.filter(pk=pay.pk).update(display_name="Pay <a> bill")
    assert "<dd>Pay &lt;a&gt; bill</dd>" in Client().get(by_link).content.decode()
    told = pending(browser, key)
    assert (told["actionCode"], told["actionName"]) == ("pay", "Pay <a> bill")


def test_a_link_for_a_transaction_that_was_altered_confirms_nothing(by_link):
    other = Transaction(amount=9000, currency="EUR", payee="Bob Miller", text="Pay 9000 EUR to Bob Miller")
    ActionFacts.objects.update(transaction=other.canonical)
    assert Client().get(by_link).status_code == 410
    assert Client().post(by_link, {"nonce": "x"}).status_code == 410


def test_a_shops_code_says_its_default_text_whatever_language_its_scanner_speaks(api, browser, acme, pay):
    key = DeviceKey()
    enrol(api, browser, key, "qr-code")
    EndUser.objects.update(locale="de")
    shown = show(browser, action="pay", custom=CUSTOM)
    told = claim(browser, key, shown)
    assert (told["message"], told["transaction"]["hash"]) == (DEFAULT, hash_of(DEFAULT))
    answer = key.answer(shown["challengeId"]) | {"transactionHash": hash_of(DEFAULT)}
    assert ok(browser("POST", ANSWER, answer)) == {"isVerified": True}


def test_a_code_by_email_tells_amount_and_payee_of_the_same_transaction(api, pay):
    ok(api("POST", "challenge", {"userId": "alice", "action": "pay", "email": EMAIL, "custom": CUSTOM, "locale": "de"}))
    payload = Message.objects.select_related("tenant").get().payload
    assert "1000 EUR" in payload
    assert "Bob Miller" in payload
