"""Receipts: signed with the proof, and verified with public keys alone."""

import base64
import io
import json
from hashlib import sha256

import pytest
import rfc8785
from django.core.management import CommandError, call_command
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.webauthn import AuthenticatorData, CollectedClientData

from actions import receipts
from actions.models import Action, Receipt
from authsignal_portal import clock, tokens
from authsignal_portal.models import SigningKey
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api import test_id_tokens, test_identity_checks
from tests.api.reading import MOMENT, code_sent, ok, refused
from tests.api.test_dynamic_linking import TEXT, options, prove, track
from tests.api.test_dynamic_linking import passkey as passkey
from tests.api.test_dynamic_linking import pay as pay
from tests.api.test_dynamic_linking import phone as phone
from tests.api.test_id_tokens import account as account
from tests.api.test_id_tokens import issuer as issuer
from tests.api.test_identity_checks import adapter as adapter
from tests.api.test_identity_checks import person as person
from tests.linked import CUSTOM
from tests.portal.conftest import admin as admin
from tests.portal.test_portal_messages import seen
from tests.soft_authenticator import from_b64url


def validate(api, token):
    return ok(api("POST", "validate", {"token": token}))


@pytest.fixture
def jwks(browser, acme):
    return ok(browser("GET", f"public/{acme.pk}/.well-known/jwks"))


@pytest.fixture
def by_code(api, pay):
    """The validation of a transaction that a code by email proved."""
    tracked = ok(track(api, idempotencyKey="k"))
    given = {"userId": "alice", "action": "pay", "idempotencyKey": "k", "email": "a@b.example"}
    challenge = ok(api("POST", "challenge", given))["challengeId"]
    ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    return validate(api, tracked["token"])


@pytest.fixture
def by_passkey(api, browser, passkey, pay):
    tracked = ok(track(api, idempotencyKey="k"))
    ok(prove(browser, passkey, options(browser, tracked["token"]), tracked["token"]))
    return validate(api, tracked["token"])


@pytest.fixture(params=[M.OIDC_PROVIDER, M.VERIFF])
def vouched(request, browser, client):
    """A method by which Alice is proved by somebody else's word, and how she proves an action by it."""
    if request.param == M.OIDC_PROVIDER:
        issuer = request.getfixturevalue("account")

        def by_token(token):
            begun = test_id_tokens.begin(browser, token)
            assert test_id_tokens.verify(browser, token, begun, issuer.token(begun["nonce"]))["isVerified"]

        return request.param, by_token
    adapter = request.getfixturevalue("person")

    def by_check(token):
        test_identity_checks.begin(browser, token)
        assert test_identity_checks.told(adapter.tell(client, adapter.result())) == "proved"

    return request.param, by_check


def claims_of(jws):
    return json.loads(from_b64url(jws.split(".")[1]))


def test_a_receipt_says_who_confirmed_what_how_and_when(by_code, jwks, acme):
    claims = receipts.verify(by_code["receipt"], jwks)
    assert MOMENT.fullmatch(claims.pop("time"))
    assert claims == {
        "tenant": str(acme.pk),
        "user": "alice",
        "action": "pay",
        "idempotencyKey": "k",
        "method": "EMAIL_OTP",
        "transaction": CUSTOM | {"text": TEXT},
        "hash": by_code["transaction"]["hash"],
        "covered": [],
    }
    header = json.loads(from_b64url(by_code["receipt"].split(".")[0]))
    assert header == {"alg": "ES256", "kid": jwks["keys"][0]["kid"], "typ": "authsignal-receipt+jws"}


def test_there_is_one_receipt_and_only_for_what_is_proved_now(api, pay, by_code):
    assert "receipt" not in validate(api, ok(track(api))["token"])
    token = ok(track(api, idempotencyKey="k"))["token"]
    assert validate(api, token)["receipt"] == by_code["receipt"]
    ok(api("PATCH", "users/alice/actions/pay/k", {"state": "BLOCK"}))
    assert "receipt" not in validate(api, token)
    assert Receipt.objects.count() == 1


def test_a_second_proof_that_the_backend_asked_for_makes_a_new_receipt(api, browser, passkey, by_passkey, jwks):
    ok(api("PATCH", "users/alice/actions/pay/k", {"state": "CHALLENGE_REQUIRED"}))
    token = ok(track(api, idempotencyKey="k"))["token"]
    assert "receipt" not in validate(api, token)
    ok(prove(browser, passkey, options(browser, token), token))
    receipt = validate(api, token)["receipt"]
    assert receipt != by_passkey["receipt"]
    assert receipts.verify(receipt, jwks)["hash"] == by_passkey["transaction"]["hash"]


def test_a_passkeys_receipt_is_verified_by_a_library_that_we_do_not_use(by_passkey):
    claims = claims_of(by_passkey["receipt"])
    linked = sha256(rfc8785.dumps(claims["transaction"])).digest()
    assert linked.hex() == claims["hash"]
    proof = {name: from_b64url(text) for name, text in claims["webauthn"].items() if name != "rpId"}
    client_data = CollectedClientData(proof["clientDataJSON"])
    assert client_data.challenge == sha256(proof["nonce"] + linked).digest()
    authenticator_data = AuthenticatorData(proof["authenticatorData"])
    assert authenticator_data.rp_id_hash == sha256(claims["webauthn"]["rpId"].encode()).digest()
    assert authenticator_data.is_user_verified()
    key = CoseKey.parse(cbor.decode(proof["publicKey"]))
    key.verify(proof["authenticatorData"] + client_data.hash, proof["signature"])


def test_the_command_verifies_without_a_database(by_passkey, jwks, tmp_path, django_db_blocker):
    (tmp_path / "receipt.jws").write_text(by_passkey["receipt"] + "\n")
    (tmp_path / "jwks.json").write_text(json.dumps(jwks))
    out = io.StringIO()
    files = (str(tmp_path / "receipt.jws"), "--jwks", str(tmp_path / "jwks.json"))
    with django_db_blocker.block():
        call_command("verify_receipt", *files, stdout=out)
    assert "VALID" in out.getvalue()
    assert TEXT in out.getvalue()
    (tmp_path / "receipt.jws").write_text(flipped(by_passkey["receipt"]))
    with django_db_blocker.block(), pytest.raises(CommandError, match="NOT VALID"):
        call_command("verify_receipt", *files, stdout=out)
    (tmp_path / "jwks.json").write_text("{")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_receipt", *files, stdout=out)


def flipped(jws):
    """With another amount in it."""
    head, payload, signature = jws.split(".")
    text = from_b64url(payload).replace(b'"amount":1000,', b'"amount":9000,')
    return ".".join([head, base64.urlsafe_b64encode(text).rstrip(b"=").decode(), signature])


@pytest.mark.parametrize(
    "broken",
    [
        flipped,
        lambda jws: jws[:-6] + "AAAAAA",
        lambda jws: jws.rsplit(".", 1)[0] + ".",
        lambda jws: "",
        lambda jws: "a.b.c",
        lambda jws: "x" * 100_000,
    ],
)
def test_a_receipt_that_was_touched_is_refused(by_code, jwks, broken):
    with pytest.raises(receipts.InvalidReceipt):
        receipts.verify(broken(by_code["receipt"]), jwks)


@pytest.mark.parametrize("keys", [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}, {"keys": 5}])
def test_without_the_right_public_key_nothing_is_valid(by_code, keys):
    with pytest.raises(receipts.InvalidReceipt):
        receipts.verify(by_code["receipt"], keys)


def test_another_tenants_keys_verify_nothing(by_code, globex):
    with pytest.raises(receipts.InvalidReceipt):
        receipts.verify(by_code["receipt"], tokens.public_jwks(globex))


def test_a_receipt_outlives_the_key_that_signs_now(by_code, acme):
    SigningKey.create(tenant=acme)
    assert receipts.verify(by_code["receipt"], tokens.public_jwks(acme))["user"] == "alice"


def resigned(acme, jws, change):
    claims = claims_of(jws)
    change(claims)
    return tokens.sign(acme.pk, rfc8785.dumps(claims), kind=receipts.TYPE)


def with_amount(claims):
    """Another amount, and all hashes to match: as somebody with the server's key would forge it."""
    claims["transaction"]["amount"] = 9000
    claims["hash"] = sha256(rfc8785.dumps(claims["transaction"])).hexdigest()


def with_payee(claims):
    claims["transaction"]["payee"] = "Eve"
    claims["hash"] = sha256(rfc8785.dumps(claims["transaction"])).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        with_amount,
        with_payee,
        lambda claims: claims.update(hash="0" * 64),
        lambda claims: claims["transaction"].update(currency="USD"),
        lambda claims: claims.pop("webauthn"),
        lambda claims: claims.update(webauthn={}),
        lambda claims: claims["webauthn"].update(nonce="A" * 43),
        lambda claims: claims["webauthn"].update(signature="MEUCIQ"),
        lambda claims: claims["webauthn"].update(rpId="evil.example"),
        lambda claims: claims.pop("transaction"),
        lambda claims: claims.update(transaction=5),
    ],
)
def test_not_even_the_servers_own_key_can_change_what_a_passkey_signed(by_passkey, acme, jwks, change):
    same = resigned(acme, by_passkey["receipt"], lambda claims: None)
    assert receipts.verify(same, jwks)["method"] == "PASSKEY"
    with pytest.raises(receipts.InvalidReceipt):
        receipts.verify(resigned(acme, by_passkey["receipt"], change), jwks)


def test_a_first_passkey_that_is_enrolled_for_the_payment_says_so(api, browser, phone, pay, jwks):
    token = ok(track(api))["token"]
    base = "user-authenticators/passkey"
    begun = ok(browser("POST", f"{base}/registration-options", {}, token=token))
    sent = {"registrationCredential": phone.create(begun["options"]), "challengeId": begun["challengeId"]}
    ok(browser("POST", base, sent, token=token))
    claims = receipts.verify(validate(api, token)["receipt"], jwks)
    assert (claims["enrolled"], claims["method"], "webauthn" in claims) == (True, "PASSKEY", False)


def test_what_somebody_else_vouches_for_is_covered_by_no_key_of_the_users(api, browser, client, pay, jwks, vouched):
    """An ID token and an identity check prove a linked action; the receipt says that no key of the user's signed it."""
    method, prove_it = vouched
    tracked = ok(track(api))
    prove_it(tracked["token"])
    told = validate(api, tracked["token"])
    assert (told["isValid"], told["state"]) == (True, "CHALLENGE_SUCCEEDED")
    assert told["transaction"]["text"] == TEXT
    claims = receipts.verify(told["receipt"], jwks)
    assert (claims["method"], claims["covered"], claims["hash"]) == (method, [], told["transaction"]["hash"])
    assert not {"webauthn", "device"} & set(claims)


def test_a_receipt_is_no_token_and_a_token_is_no_receipt(api, browser, by_code, jwks):
    assert validate_raw(api, by_code["receipt"])["isValid"] is False
    refused(browser("GET", "user-authenticators", token=by_code["receipt"]), 401, "expired_token")
    token = ok(track(api, idempotencyKey="k"))["token"]
    with pytest.raises(receipts.InvalidReceipt, match="no receipt"):
        receipts.verify(token, jwks)


def validate_raw(api, token):
    return api("POST", "validate", {"token": token}).body


# -- the portal ----------------------------------------------------------------------------------


def test_receipt_and_public_keys_are_downloaded_from_the_actions_page(by_code, admin, acme):
    page = f"/portal/actions/action/{Action.objects.get().pk}/"
    html = admin.client.get(f"{page}change/").content.decode()
    assert by_code["transaction"]["hash"] in html
    answers = [admin.client.get(page + name) for name in ("receipt/", "receipt/keys/")]
    assert all("attachment" in answer["Content-Disposition"] for answer in answers)
    receipt, keys = (answer.content.decode() for answer in answers)
    assert receipts.verify(receipt, json.loads(keys))["user"] == "alice"
    assert f"{page}receipt/" in html


def test_an_action_without_a_proof_has_no_receipt_and_another_tenants_has_none_to_show(api, pay, admin, globex):
    ok(track(api))
    assert admin.client.get(f"/portal/actions/action/{Action.objects.get().pk}/receipt/").status_code == 404
    user = make.make_user(globex)
    theirs = Action.objects.create(
        tenant=globex, user=user, action_code="pay", idempotency_key="k", state="CHALLENGE_SUCCEEDED", outcome="ALLOW"
    )
    Receipt.objects.create(action=theirs, jws="x", created_at=clock.now())
    for name in ("receipt/", "receipt/keys/"):
        assert admin.client.get(f"/portal/actions/action/{theirs.pk}/{name}").status_code == 404


SETTINGS = {
    "dynamic_linking": "on",
    "message": "Pay {{action.sum}} {{ action.cur }} to {{action.to}}",
    "amount_data_point": "sum",
    "currency_data_point": "cur",
    "payee_data_point": "to",
}


def test_the_switch_is_set_on_the_page_of_the_actions_messages(api, acme, admin):
    configuration = make.make_action(acme, "wire", "CHALLENGE")
    path = f"/portal/rules/actionconfiguration/{configuration.pk}/messages/"
    assert admin.client.post(path, SETTINGS | {"seen": seen(admin.client, path)}).status_code == 302
    token = ok(track(api, {"sum": "5.00", "cur": "EUR", "to": "Bob"}, action="wire"))["token"]
    assert validate(api, token)["transaction"]["text"] == "Pay 5.00 EUR to Bob"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"payee_data_point": ""}, "Write it: dynamic linking needs the amount, the currency and the payee."),
        ({"amount_data_point": "a b"}, "Use letters, digits"),
        ({"message": ""}, "{{action.sum}}"),
        ({"message": "Pay {{action.sum}} to {{action.to}}"}, "{{action.cur}}"),
    ],
)
def test_a_switch_without_all_it_needs_is_refused(acme, admin, change, told):
    configuration = make.make_action(acme, "wire", "ALLOW")
    path = f"/portal/rules/actionconfiguration/{configuration.pk}/messages/"
    answer = admin.client.post(path, SETTINGS | change | {"seen": seen(admin.client, path)})
    assert answer.status_code == 200
    assert told in answer.content.decode()
    configuration.refresh_from_db()
    assert configuration.dynamic_linking is False
