"""What users may do with their own methods on the settings page, and what the tenant keeps them from."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEvent
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser, Message
from authsignal_portal import clock
from authsignal_portal.wire import iso
from tests import make
from tests.api.reading import code_sent
from tests.conftest import Api

OTP_URI = "otpauth://totp/Acme:jo?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
APPLE = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15"
)
EVERYTHING = "add:authenticators update:authenticators remove:authenticators"


@pytest.fixture
def enrolled(api: Api) -> Api:
    """jo has an email address, which is the default, and an authenticator app."""
    api("POST", "users/jo/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "jo@example.com"})
    api("POST", "users/jo/authenticators", {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": OTP_URI})
    return api


def token(api: Api, scope: str = EVERYTHING, user: str = "jo") -> str:
    body = {"scope": scope, "redirectToSettings": True}
    return str(api("POST", f"users/{user}/actions/settings", body).body["token"])


def call(client: Client, name: str, bearer: str, method: str = "", **more: Any) -> Any:
    given = more | ({"id": str(Authenticator.objects.get(method=method).pk)} if method else {})
    headers = {"Authorization": f"Bearer {bearer}", "X-Challenge-Embedded": "yes"}
    return client.post(f"/challenge/api/{name}", json.dumps(given), "application/json", headers=headers)


def left() -> list[str]:
    return list(Authenticator.objects.order_by("created_at").values_list("method", flat=True))


def test_a_method_is_removed_and_the_default_passes_on(enrolled: Api, client: Client) -> None:
    bearer = token(enrolled)
    assert call(client, "remove-method", bearer, "EMAIL_OTP").status_code == 200
    assert left() == ["AUTHENTICATOR_APP"]
    assert Authenticator.objects.get().is_default
    removed = AuditEvent.objects.get(tag="authenticator:removed")
    assert removed.actor_kind == "user"


def test_the_last_one_stays_unless_the_tenant_lets_it_go(enrolled: Api, client: Client, acme: Any) -> None:
    bearer = token(enrolled)
    call(client, "remove-method", bearer, "EMAIL_OTP")
    last = shown(client, bearer, "AUTHENTICATOR_APP")
    assert (last["may"], last["isLast"]) == (["rename"], True)
    assert call(client, "remove-method", bearer, "AUTHENTICATOR_APP").status_code == 403
    acme.allow_disabling_mfa = True
    acme.save()
    assert call(client, "remove-method", bearer, "AUTHENTICATOR_APP").status_code == 200
    assert left() == []


def test_one_that_no_longer_works_lets_no_other_go(enrolled: Api, client: Client) -> None:
    bearer = token(enrolled)
    make.make_authenticator(EndUser.objects.get(), "PUSH", expires_at=clock.now() - timedelta(minutes=1))
    assert shown(client, bearer, "EMAIL_OTP")["may"] == ["remove", "rename"]
    assert call(client, "remove-method", bearer, "EMAIL_OTP").status_code == 200
    app, expired = shown(client, bearer, "AUTHENTICATOR_APP"), shown(client, bearer, "PUSH")
    assert (app["isLast"], app["isExpired"], app["may"]) == (True, False, ["rename"])
    assert (expired["isLast"], expired["isExpired"], expired["may"]) == (False, True, ["remove", "rename"])
    assert call(client, "remove-method", bearer, "AUTHENTICATOR_APP").status_code == 403
    assert call(client, "remove-method", bearer, "PUSH").status_code == 200
    assert left() == ["AUTHENTICATOR_APP"]


def switched_off(tenant: Any) -> None:
    AuthenticatorConfiguration.objects.create(tenant=tenant, method="EMAIL_OTP", is_active=False)


def beside_a_passkey_of_another_domain(tenant: Any) -> None:
    EndUser.objects.get().authenticators.filter(method="EMAIL_OTP").delete()
    make.make_authenticator(EndUser.objects.get(), "PASSKEY", credential_id="x", rp_id="former.example")


@pytest.mark.parametrize("without", [switched_off, beside_a_passkey_of_another_domain])
def test_what_can_prove_nobody_now_lets_no_other_go(enrolled: Api, client: Client, acme: Any, without: Any) -> None:
    without(acme)
    bearer = token(enrolled)
    app = shown(client, bearer, "AUTHENTICATOR_APP")
    assert (app["isLast"], app["may"]) == (True, ["prefer", "rename"] if not app["isDefault"] else ["rename"])
    assert call(client, "remove-method", bearer, "AUTHENTICATOR_APP").status_code == 403
    other = next(method for method in left() if method != "AUTHENTICATOR_APP")
    assert shown(client, bearer, other)["isExpired"] is False
    assert call(client, "remove-method", bearer, other).status_code == 200
    assert left() == ["AUTHENTICATOR_APP"]


def test_a_number_that_gets_whatsapp_alone_lets_others_go(api: Api, client: Client, acme: Any) -> None:
    api("POST", "users/jo/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64211234567"})
    make.make_configuration(acme, "WHATSAPP")
    make.make_configuration(acme, "SMS", is_active=False)
    make.make_authenticator(EndUser.objects.get(), "PASSKEY", credential_id="x", rp_id="localhost")
    assert call(client, "remove-method", token(api), "PASSKEY").status_code == 200
    assert left() == ["SMS"]


def test_where_the_tenant_wants_it_nothing_is_removed(enrolled: Api, client: Client, acme: Any) -> None:
    acme.allow_deleting_user_authenticators = False
    acme.save()
    bearer = token(enrolled)
    assert shown(client, bearer, "AUTHENTICATOR_APP")["may"] == ["prefer", "rename"]
    assert call(client, "remove-method", bearer, "EMAIL_OTP").status_code == 403
    assert len(left()) == 2


@pytest.mark.parametrize("scope", ["read:authenticators", "add:authenticators update:authenticators"])
def test_removing_takes_its_own_word_or_a_proof(enrolled: Api, client: Client, scope: str) -> None:
    assert call(client, "remove-method", token(enrolled, scope), "EMAIL_OTP").status_code == 403
    assert len(left()) == 2


@pytest.mark.parametrize(
    ("scope", "offered"),
    [("update:authenticators", ["AUTHENTICATOR_APP", "EMAIL_OTP"]), ("remove:authenticators", None)],
)
def test_the_page_offers_to_change_what_the_user_has_where_the_word_is_for_that(
    enrolled: Api, client: Client, scope: str, offered: list[str] | None
) -> None:
    state = call(client, "state", token(enrolled, scope)).json()
    assert state["canEnrol"] is (offered is not None)
    listed = [one["method"] for one in state["enrollable"]]
    if offered:
        assert (sorted(listed), all(one["replaces"] for one in state["enrollable"])) == (offered, True)
    else:
        assert "PASSKEY" in listed, "after a proof"


def test_nobody_removes_anothers(enrolled: Api, client: Client) -> None:
    enrolled("POST", "users/eve/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64215550123"})
    bearer = token(enrolled, user="eve")
    assert call(client, "remove-method", bearer, "EMAIL_OTP").status_code == 404
    assert call(client, "prefer-method", bearer, "EMAIL_OTP").status_code == 404
    assert call(client, "rename-method", bearer, "EMAIL_OTP", newLabel="mine").status_code == 404
    assert len(left()) == 3


def test_another_becomes_the_default(enrolled: Api, client: Client) -> None:
    assert call(client, "prefer-method", token(enrolled, "add:authenticators"), "AUTHENTICATOR_APP").status_code == 403
    assert call(client, "prefer-method", token(enrolled), "AUTHENTICATOR_APP").status_code == 200
    assert list(Authenticator.objects.filter(is_default=True).values_list("method", flat=True)) == ["AUTHENTICATOR_APP"]


# -- what tells them apart -----------------------------------------------------------------------


def test_each_is_told_with_who_made_it_and_when_it_was_used(enrolled: Api, client: Client) -> None:
    user, used = EndUser.objects.get(), clock.now() - timedelta(days=2)
    fields = {"aaguid": APPLE, "user_agent": SAFARI, "name": "jo@example.com", "last_verified_at": used}
    make.make_authenticator(user, "PASSKEY", credential_id="c" * 40, **fields)
    told = shown(client, token(enrolled), "PASSKEY")
    assert (told["detail"], told["madeOn"], told["lastUsedAt"]) == ("Apple Passwords", "Safari · Mac OS", iso(used))
    assert told["createdAt"] == iso(Authenticator.objects.get(method="PASSKEY").created_at)
    app = shown(client, token(enrolled), "AUTHENTICATOR_APP")
    assert not {"detail", "madeOn", "lastUsedAt"} & set(app)


def make_phone(user: EndUser, key: bytes, *methods: str) -> None:
    for method in methods or ("IN_APP", "QR_CODE", "PUSH"):
        make.make_authenticator(user, method, public_key=key, name="Jo’s phone", device_platform="IOS")


def test_one_phone_is_one_row_that_is_named_preferred_and_removed_as_one(enrolled: Api, client: Client) -> None:
    user = EndUser.objects.get()
    make_phone(user, b"one")
    make_phone(user, b"other", "PUSH")
    bearer = token(enrolled)
    first, _second = (one for one in call(client, "methods", bearer).json()["methods"] if one["method"] == "PUSH")
    assert (first["detail"], first["madeOn"]) == ("Jo’s phone", "iOS")
    for name, more in (("rename-method", {"newLabel": "Red"}), ("prefer-method", {})):
        assert call(client, name, bearer, id=first["id"], **more).status_code == 200
    phone = user.authenticators.filter(public_key=b"one")
    assert {(row.method, row.label, row.is_default) for row in phone} == {
        ("PUSH", "Red", True),
        ("QR_CODE", "Red", False),
        ("IN_APP", "Red", False),
    }
    assert call(client, "remove-method", bearer, id=str(phone.get(method="IN_APP").pk)).status_code == 200
    assert (phone.all().count(), user.authenticators.get(method="PUSH").label) == (0, "")
    assert user.authenticators.filter(is_default=True).count() == 1
    assert Message.objects.filter(notice__startswith="removed").count() == 1


def test_a_phone_that_goes_as_one_leaves_a_default_behind(enrolled: Api, client: Client) -> None:
    user = EndUser.objects.get()
    make_phone(user, b"one", "PUSH", "QR_CODE")
    # The phone is the oldest, and the default: the first of its rows that goes makes the other one the default.
    user.authenticators.update(is_default=False)
    user.authenticators.filter(public_key=b"one").update(created_at=clock.now() - timedelta(days=9))
    user.authenticators.filter(method="PUSH").update(is_default=True)
    assert call(client, "remove-method", token(enrolled), "PUSH").status_code == 200
    assert sorted(user.authenticators.values_list("method", "is_default")) == [
        ("AUTHENTICATOR_APP", False),
        ("EMAIL_OTP", True),
    ]


def test_one_phone_is_the_last_whatever_it_is_for(enrolled: Api, client: Client) -> None:
    user = EndUser.objects.get()
    user.authenticators.all().delete()
    make_phone(user, b"one")
    bearer = token(enrolled)
    [phone] = call(client, "methods", bearer).json()["methods"]
    assert (phone["may"], phone["isLast"]) == (["rename"], True)
    assert call(client, "remove-method", bearer, id=phone["id"]).status_code == 403
    assert user.authenticators.count() == 3


@pytest.mark.parametrize(
    ("scope", "told"),
    [("read:authenticators", "j•••@example.com"), ("update:authenticators", "jo@example.com")],
)
def test_whoever_may_change_nothing_learns_no_address(enrolled: Api, client: Client, scope: str, told: str) -> None:
    bearer = token(enrolled, scope)
    enrolled("POST", "users/jo/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64215550123"})
    assert shown(client, bearer, "EMAIL_OTP")["detail"] == told
    assert shown(client, bearer, "SMS")["detail"] == ("+64215550123" if told == "jo@example.com" else "•••• 123")


# -- naming --------------------------------------------------------------------------------------


def shown(client: Client, bearer: str, method: str) -> dict[str, Any]:
    """What the settings show of it."""
    found = call(client, "methods", bearer).json()["methods"]
    return next(one for one in found if one["method"] == method)


def test_a_method_is_called_what_its_user_calls_it(enrolled: Api, client: Client) -> None:
    bearer = token(enrolled)
    assert call(client, "rename-method", bearer, "EMAIL_OTP", newLabel="  Work\u00a0\n mail ").status_code == 200
    assert shown(client, bearer, "EMAIL_OTP")["label"] == "Work mail"
    offered = {one["method"]: one for one in call(client, "state", bearer).json()["methods"]}
    assert (offered["EMAIL_OTP"]["label"], offered["EMAIL_OTP"]["target"]) == ("Work mail", "j•••@example.com")
    assert "label" not in offered["AUTHENTICATOR_APP"]
    event = AuditEvent.objects.get(tag="authenticator:renamed")
    assert (event.actor_kind, set(event.data)) == ("user", {"authenticator", "method"})
    assert b"Work mail" not in enrolled("GET", "users/jo/authenticators").content
    assert call(client, "rename-method", bearer, "EMAIL_OTP", newLabel="Work mail").status_code == 200
    assert AuditEvent.objects.filter(tag="authenticator:renamed").count() == 1
    call(client, "rename-method", bearer, "EMAIL_OTP", newLabel="")
    assert "label" not in shown(client, bearer, "EMAIL_OTP")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("e\u0301", "\u00e9"),
        ("a\u202eb\u200bc\u2066d", "abcd"),
        ("\u202e\u200b ", ""),
        ("<b>&amp;", "<b>&amp;"),
        ("é" * 64, "é" * 64),
    ],
)
def test_a_name_is_one_line_of_what_can_be_seen(enrolled: Api, client: Client, given: str, kept: str) -> None:
    bearer = token(enrolled)
    assert call(client, "rename-method", bearer, "EMAIL_OTP", newLabel=given).status_code == 200
    assert Authenticator.objects.get(method="EMAIL_OTP").label == kept


@pytest.mark.parametrize("label", ["a" * 65, "a" * 256, 7, None])
def test_what_is_no_name_is_refused(enrolled: Api, client: Client, label: Any) -> None:
    assert call(client, "rename-method", token(enrolled), "EMAIL_OTP", newLabel=label).status_code == 400
    assert not Authenticator.objects.exclude(label="").exists()


@pytest.mark.parametrize("scope", ["read:authenticators", "add:authenticators remove:authenticators"])
def test_naming_takes_its_own_word_or_a_proof(enrolled: Api, client: Client, scope: str) -> None:
    bearer = token(enrolled, scope)
    assert "rename" not in shown(client, bearer, "EMAIL_OTP")["may"]
    assert call(client, "rename-method", bearer, "EMAIL_OTP", newLabel="mine").status_code == 403
    assert not Authenticator.objects.exclude(label="").exists()


def test_of_several_that_can_prove_it_each_is_told_by_its_name(enrolled: Api, client: Client) -> None:
    user = EndUser.objects.get()
    for number, label in enumerate(("Laptop", "", "Phone")):
        make.make_authenticator(user, "PASSKEY", credential_id=str(number) * 40, label=label)
    for label, is_default in (("Old", False), ("New", True)):
        make.make_authenticator(user, "SMS", contact=f"+6421555{len(label)}123", label=label, is_default=is_default)
    methods = call(client, "state", token(enrolled)).json()["methods"]
    told = [(one["method"], one.get("label")) for one in methods if one["method"] in ("PASSKEY", "SMS")]
    assert told == [("PASSKEY", "Laptop, Phone"), ("SMS", "New"), ("SMS", "Old")]


# -- the address on file -------------------------------------------------------------------------


@pytest.fixture
def on_file(api: Api, acme: Any) -> Api:
    """jo has an authenticator app; the address that the backend gave is not theirs to change."""
    api("POST", "users/jo/authenticators", {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": OTP_URI})
    api("PATCH", "users/jo", {"email": "jo@example.com"})
    make.make_configuration(acme, "EMAIL_OTP", is_editable_by_user=False)
    return api


def offered(client: Client, bearer: str) -> dict[str, Any]:
    found = call(client, "state", bearer).json()["enrollable"]
    return {one["method"]: one for one in found}.get("EMAIL_OTP", {})


def test_the_address_on_file_is_added_to_what_is_there_without_being_typed(on_file: Api, client: Client) -> None:
    bearer = token(on_file, "add:authenticators")
    known = offered(client, bearer)
    assert (known["target"], known["editable"]) == ("j•••@example.com", False)
    assert call(client, "enrol-on-file", bearer, verificationMethod="EMAIL_OTP").status_code == 200
    headers = {"Authorization": f"Bearer {bearer}"}
    body = json.dumps({"verificationCode": code_sent()})
    answer = client.post("/v1/client/verify/email-otp", body, "application/json", headers=headers)
    assert answer.json()["isVerified"] is True
    assert Authenticator.objects.select_related("tenant").get(method="EMAIL_OTP").contact == "jo@example.com"
    # There is nothing to add by it any more.
    assert offered(client, bearer) == {}


def answered(client: Client, bearer: str, code: str) -> Any:
    headers, body = {"Authorization": f"Bearer {bearer}"}, json.dumps({"verificationCode": code})
    return client.post("/v1/client/verify/email-otp", body, "application/json", headers=headers)


def test_an_address_that_is_no_more_on_file_is_not_enrolled(on_file: Api, client: Client) -> None:
    bearer = token(on_file, "add:authenticators")
    assert call(client, "enrol-on-file", bearer, verificationMethod="EMAIL_OTP").status_code == 200
    code = code_sent()
    on_file("PATCH", "users/jo", {"email": "new@example.com"})
    assert answered(client, bearer, code).json().get("isVerified") is False
    assert left() == ["AUTHENTICATOR_APP", "EMAIL_OTP"]
    assert Authenticator.objects.get(method="EMAIL_OTP").verified_at is None


def test_an_address_that_users_may_not_choose_any_more_is_not_enrolled(on_file: Api, client: Client) -> None:
    AuthenticatorConfiguration.objects.update(is_editable_by_user=True)
    bearer, mine = token(on_file, "add:authenticators"), json.dumps({"email": "mine@example.com"})
    headers = {"Authorization": f"Bearer {bearer}"}
    began = client.post("/v1/client/user-authenticators/email-otp", mine, "application/json", headers=headers)
    assert began.status_code == 200
    AuthenticatorConfiguration.objects.update(is_editable_by_user=False)
    assert answered(client, bearer, code_sent()).status_code == 403
    assert Authenticator.objects.get(method="EMAIL_OTP").verified_at is None


def test_where_the_tenant_wants_it_typed_the_address_on_file_is_not_sent_to(on_file: Api, client: Client) -> None:
    AuthenticatorConfiguration.objects.update(is_editable_by_user=True, asks_for_address=True)
    bearer = token(on_file, "add:authenticators")
    assert call(client, "enrol-on-file", bearer, verificationMethod="EMAIL_OTP").status_code == 400
    assert not Message.objects.exists()


def test_the_address_on_file_is_for_whoever_may_add_it(on_file: Api, client: Client) -> None:
    bearer = token(on_file, "update:authenticators")
    assert "target" not in offered(client, bearer)
    assert call(client, "enrol-on-file", bearer, verificationMethod="EMAIL_OTP").status_code == 403
    added = token(on_file, "add:authenticators")
    for method, status in (("SMS", 400), ("PASSKEY", 400), ("", 400)):
        assert call(client, "enrol-on-file", added, verificationMethod=method).status_code == status
    assert not Challenge.objects.exists()


# -- the settings --------------------------------------------------------------------------------


def test_the_settings_need_no_proof_where_the_backend_vouches(enrolled: Api, client: Client) -> None:
    assert call(client, "state", token(enrolled)).json()["vouched"] is True
    assert call(client, "state", token(enrolled, "read:authenticators")).json()["vouched"] is False
    tracked = enrolled("POST", "users/jo/actions/pay", {"scope": EVERYTHING}).body
    assert call(client, "state", tracked["token"]).json()["vouched"] is False


@pytest.mark.parametrize(("scope", "may"), [("add:authenticators", False), ("update:authenticators", True)])
def test_new_recovery_codes_are_offered_to_whom_they_are_given(
    enrolled: Api, client: Client, scope: str, may: bool
) -> None:
    bearer = token(enrolled, scope)
    assert call(client, "state", bearer).json()["recoveryCodes"]["mayMake"] is may
    assert (call(client, "recovery-codes", bearer).status_code == 200) is may


def test_where_there_are_no_recovery_codes_none_are_offered(enrolled: Api, client: Client, acme: Any) -> None:
    make.make_configuration(acme, "RECOVERY_CODE", is_active=False)
    bearer = token(enrolled)
    assert call(client, "state", bearer).json()["recoveryCodes"] == {
        "enabled": False,
        "mayMake": False,
        "isLow": False,
        "wasUsed": False,
    }
    assert call(client, "recovery-codes", bearer).status_code == 400


def test_an_expired_page_leads_back_at_once_where_the_tenant_wants_it(api: Api, client: Client, acme: Any) -> None:
    tracked = api("POST", "users/jo/actions/signIn", {}).body
    assert b'"redirectExpired": false' in client.get("/challenge", {"token": tracked["token"]}).content
    acme.redirect_on_session_expiry = True
    acme.save()
    assert b'"redirectExpired": true' in client.get("/challenge", {"token": tracked["token"]}).content
