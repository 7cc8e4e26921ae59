"""Authenticators through the Server API: enrol what was verified elsewhere, list, remove, import."""

import base64
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fido2 import cbor

from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser
from authsignal_portal.vocabulary import OPT_IN_METHODS
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import MOMENT, UUID, ok, refused, tags
from tests.soft_authenticator import SoftAuthenticator, b64url

OTP_URI = "otpauth://totp/Acme:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme"
ALL = [method for method in M if method not in OPT_IN_METHODS]


def passkey_body(**changes):
    device = SoftAuthenticator(origin="https://app.acme.example")
    device.create({"rp": {"id": "localhost"}, "user": {"id": b64url(b"handle")}, "challenge": "c"})
    passkey = device.passkeys[0]
    return {
        "verificationMethod": "PASSKEY",
        "credentialId": b64url(passkey.credential_id),
        "credentialPublicKey": b64url(passkey.cose_key),
        "name": "Laptop",
    } | changes


def rsa_key(algorithm, bits):
    """As COSE has it (RFC 8230 §4): of any length, and for any hash."""
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key().public_numbers()
    n, e = (number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (numbers.n, numbers.e))
    return b64url(cbor.encode({1: 3, 3: algorithm, -1: n, -2: e}))


def test_an_rsa_key_of_today_is_enrolled(api):
    body = passkey_body(credentialPublicKey=rsa_key(-257, 2048))
    assert ok(api("POST", "users/alice/authenticators", body))["authenticator"]["verificationMethod"] == "PASSKEY"


@pytest.mark.parametrize("phone", ["+64270000000", "+6427000000", "+6427123456", "1234567890", "9876543210"])
def test_a_phone_number_is_enrolled_whatever_its_format(api, phone):
    answer = ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": phone}))
    made = answer["authenticator"]
    assert MOMENT.fullmatch(made.pop("createdAt"))
    assert MOMENT.fullmatch(made.pop("verifiedAt"))
    assert UUID.fullmatch(made.pop("userAuthenticatorId"))
    assert made == {"userId": "alice", "verificationMethod": "SMS", "phoneNumber": phone, "isDefault": True}
    assert len(answer["recoveryCodes"]) == 10
    user = ok(api("GET", "users/alice"))
    assert (user["isEnrolled"], user["enrolledVerificationMethods"]) == (True, ["SMS"])
    assert (user["phoneNumber"], user["phoneNumberVerified"]) == (phone, True)


def test_an_email_address_is_enrolled_and_verified(api):
    body = {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example", "phoneNumber": None, "isDefault": False}
    made = ok(api("POST", "users/alice/authenticators", body))["authenticator"]
    assert (made["verificationMethod"], made["email"]) == ("EMAIL_OTP", "a@acme.example")
    user = ok(api("GET", "users/alice"))
    assert (user["email"], user["emailVerified"]) == ("a@acme.example", True)


def test_the_older_name_of_the_method_is_taken(api):
    made = ok(api("POST", "users/alice/authenticators", {"oobChannel": "SMS", "phoneNumber": "+6427000000"}))
    assert made["authenticator"]["verificationMethod"] == "SMS"


def test_an_authenticator_app_is_enrolled_by_its_uri_and_its_secret_never_comes_back(api):
    answer = api("POST", "users/alice/authenticators", {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": OTP_URI})
    assert ok(answer)["authenticator"]["verificationMethod"] == "AUTHENTICATOR_APP"
    assert b"JBSWY3DPEHPK3PXP" not in answer.content + api("GET", "users/alice/authenticators").content


def test_a_passkey_is_enrolled_by_its_public_key(api):
    body = passkey_body(counter=5)
    made = ok(api("POST", "users/alice/authenticators", body))["authenticator"]
    credential = made["webauthnCredential"]
    assert credential["credentialId"] == body["credentialId"]
    assert {"name", "deviceId", "verifiedAt"} <= set(credential)
    assert Authenticator.objects.get().sign_count == 5


def test_a_passkey_says_who_made_it_and_where(api, acme):
    agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
    make.make_authenticator(
        make.make_user(acme),
        M.PASSKEY,
        credential_id=b64url(secrets.token_bytes(32)),
        rp_id="localhost",
        aaguid="ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4",
        user_agent=f"{agent} Safari/537.36",
        backup_eligible=True,
        backed_up=True,
        attachment="platform",
    )
    (found,) = ok(api("GET", "users/alice/authenticators"))
    credential = found["webauthnCredential"]
    assert credential["aaguidMapping"]["name"] == "Google Password Manager"
    assert {"svgIconLight", "svgIconDark"} <= set(credential["aaguidMapping"])
    assert credential["parsedUserAgent"]["browser"]["name"] == "Chrome"
    assert credential["parsedUserAgent"]["browser"]["major"] == "126"
    assert (credential["credentialDeviceType"], credential["credentialBackedUp"]) == ("multiDevice", True)


def test_enrol_list_delete_list(api):
    made = ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    (found,) = ok(api("GET", "users/alice/authenticators"))
    assert found == made["authenticator"]
    assert ok(api("DELETE", f"users/alice/authenticators/{found['userAuthenticatorId']}")) == {"success": True}
    assert ok(api("GET", "users/alice/authenticators")) == []
    user = ok(api("GET", "users/alice"))
    assert user["isEnrolled"] is False
    assert "enrolledVerificationMethods" not in user
    assert tags()[-3:] == ["authenticator:removed", "user:notified", "recovery_codes:ended"]


def test_recovery_codes_come_with_the_first_authenticator_only(api):
    first = ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    second = ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@b.example"}))
    assert len(set(first["recoveryCodes"])) == 10
    assert "recoveryCodes" not in second


def test_a_tenant_without_recovery_codes_gives_none(api, acme):
    acme.disable_recovery_codes = True
    acme.save()
    made = ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    assert "recoveryCodes" not in made


def test_one_authenticator_is_the_default(api):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    body = {"verificationMethod": "EMAIL_OTP", "email": "a@b.example", "isDefault": True}
    ok(api("POST", "users/alice/authenticators", body))
    found = {each["verificationMethod"]: each["isDefault"] for each in ok(api("GET", "users/alice/authenticators"))}
    assert found == {"SMS": False, "EMAIL_OTP": True}
    assert ok(api("POST", "users/alice/actions/Login"))["defaultVerificationMethod"] == "EMAIL_OTP"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verificationMethod": ""},
        {"verificationMethod": "SMS"},
        {"verificationMethod": "SMS", "phoneNumber": "123"},
        {"verificationMethod": "SMS", "email": "a@b.example"},
        {"verificationMethod": "EMAIL_OTP"},
        {"verificationMethod": "EMAIL_OTP", "email": "nobody"},
        {"verificationMethod": "RECOVERY_CODE"},
        {"verificationMethod": "TELEPATHY"},
        {"verificationMethod": ["SMS"]},
        {"verificationMethod": "AUTHENTICATOR_APP"},
        {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": "otpauth://hotp/x?secret=JBSWY3DPEHPK3PXP"},
        {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": "otpauth://totp/x?secret=A"},
        {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": "otpauth://totp/x?secret=!!!!"},
        {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": OTP_URI + "&digits=8"},
        {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": "http://["},
        {"verificationMethod": "PASSKEY"},
        {"verificationMethod": "PASSKEY", "credentialId": "AAAA", "credentialPublicKey": "AAAA"},
        {"verificationMethod": "PASSKEY", "credentialId": "*", "credentialPublicKey": "*"},
        passkey_body(counter=-1),
        passkey_body(counter=2**32),
        passkey_body(counter="1"),
        passkey_body(credentialPublicKey=base64.urlsafe_b64encode(b"\xa1\x01\x02").decode()),
        passkey_body(credentialPublicKey=rsa_key(-257, 1024)),
        passkey_body(credentialPublicKey=rsa_key(-65535, 2048)),  # RSASSA-PKCS1-v1_5 with SHA-1
    ],
)
def test_what_cannot_be_enrolled_is_refused_and_creates_nobody(api, body):
    refused(api("POST", "users/alice/authenticators", body), 400, "invalid_request")
    assert not EndUser.objects.exists()
    assert tags() == []


def test_a_credential_is_enrolled_once_in_a_tenant(api):
    body = passkey_body()
    ok(api("POST", "users/alice/authenticators", body))
    refused(api("POST", "users/bob/authenticators", body), 409, "conflict")
    assert list(EndUser.objects.values_list("user_id", flat=True)) == ["alice"]


@pytest.mark.parametrize("ident", ["6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1", "unknown", "%00", "x" * 300, "1"])
def test_deleting_an_unknown_authenticator_is_404(api, ident):
    refused(api("DELETE", f"users/alice/authenticators/{ident}"), 404, "not_found")


def test_another_users_authenticator_is_404_and_stays(api):
    made = ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    ident = made["authenticator"]["userAuthenticatorId"]
    refused(api("DELETE", f"users/bob/authenticators/{ident}"), 404, "not_found")
    assert len(ok(api("GET", "users/alice/authenticators"))) == 1


def test_pending_authenticators_are_not_listed(api, acme):
    make.make_authenticator(make.make_user(acme), M.EMAIL_OTP, verified_at=None, contact="a@b.example")
    assert ok(api("GET", "users/alice/authenticators")) == []
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False


# -- the tenant's methods ------------------------------------------------------------------------


def test_every_method_is_active_until_it_is_switched_off_but_for_those_to_switch_on(api, acme):
    listed = ok(api("GET", "authenticators"))
    assert [each["verificationMethod"] for each in listed] == list(M)
    assert [each["verificationMethod"] for each in listed if each["isActive"]] == ALL
    assert all(each["authenticatorId"] for each in listed)
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SMS, is_active=False)
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.WHATSAPP)
    now = [method for method in M if (method in ALL and method != M.SMS) or method == M.WHATSAPP]
    assert [each["verificationMethod"] for each in ok(api("GET", "authenticators")) if each["isActive"]] == now
    assert ok(api("POST", "users/alice/actions/Login"))["allowedVerificationMethods"] == now


def test_what_can_no_longer_be_challenged_is_no_enrolment(api, acme):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    off = AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SMS, is_active=False)
    for answer in (api("GET", "users/alice"), api("POST", "users/alice/actions/Login")):
        assert ok(answer)["isEnrolled"] is False
        assert "enrolledVerificationMethods" not in answer.body
    off.delete()
    assert ok(api("GET", "users/alice"))["isEnrolled"] is True


# -- import --------------------------------------------------------------------------------------


def test_each_imported_passkey_succeeds_or_fails_by_itself(api):
    good, twice = passkey_body(userId="a", transports=["internal"], name=None), passkey_body(userId="b")
    bad = [
        twice,
        passkey_body(userId="c", credentialPublicKey="AAAA"),
        passkey_body(),
        passkey_body(userId="d", verificationMethod="SMS"),
        passkey_body(userId="x\tx"),
        "text",
        None,
    ]
    answer = ok(api("POST", "users/authenticators", {"authenticators": [good, twice, *bad]}))
    assert (answer["total"], answer["succeeded"], answer["failed"]) == (9, 2, 7)
    assert all(set(each) == {"userId", "credentialId", "errorCode", "errorDescription"} for each in answer["failures"])
    assert answer["failures"][0]["errorCode"] == "conflict"
    assert {each["errorCode"] for each in answer["failures"][1:]} == {"invalid_request"}
    assert sorted(EndUser.objects.values_list("user_id", flat=True)) == ["a", "b"]
    assert ok(api("GET", "users/a"))["enrolledVerificationMethods"] == ["PASSKEY"]


@pytest.mark.parametrize("items", [None, [], {}, "x", [{}] * 1001])
def test_an_import_is_a_list_of_one_to_a_thousand(api, items):
    refused(api("POST", "users/authenticators", {"authenticators": items}), 400, "invalid_request")


def test_an_import_may_be_larger_than_other_requests(api):
    items = [{"userId": f"user-{number}", "credentialId": "A" * 200} for number in range(500)]
    answer = ok(api("POST", "users/authenticators", {"authenticators": items}))
    assert answer["failed"] == 500
