"""The page of app attestation: which apps count, with keys that are never shown; and what the user's page tells."""

import pytest

from audit.models import AuditEvent
from authenticators.models import AttestedApps, AuthenticatorConfiguration
from authsignal_portal.vocabulary import DEVICE_METHODS, Role
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.phone_makers import CERTIFICATE, PlayConsole, text
from tests.portal.staff import signed_in
from tests.portal.test_portal_settings import switches

PAGE = "/portal/authenticators/attestedapps/"
METHODS = "/portal/authenticators/authenticatorconfiguration/"
FINGERPRINT = ":".join(f"{byte:02X}" for byte in CERTIFICATE)
APPLE = {"team_id": "ACME123456", "bundle_ids": "com.acme.bank\ncom.acme.bank-beta"}
CONSOLE, OTHER = PlayConsole(), PlayConsole()
KEYS = {"decryption_key": CONSOLE.decryption_key, "verification_key": CONSOLE.verification_key}
GOOGLE = {"package_name": "com.acme.bank", "certificate_digests": FINGERPRINT} | KEYS
NO_KEYS = dict.fromkeys(KEYS, "")


def stored() -> AttestedApps:
    return AttestedApps.objects.select_related("tenant").get()


def test_the_tenants_apps_are_named_and_their_keys_never_shown(acme, admin):
    assert admin.client.post(PAGE, APPLE | GOOGLE).status_code == 302
    row = stored()
    assert (row.tenant, row.team_id, row.bundle_ids) == (acme, "ACME123456", ["com.acme.bank", "com.acme.bank-beta"])
    assert (row.package_name, row.certificate_digests) == ("com.acme.bank", [CERTIFICATE.hex()])
    assert {"decryption_key": row.decryption_key, "verification_key": row.verification_key} == KEYS
    assert CONSOLE.decryption_key.encode() not in bytes(row.decryption_key_sealed)
    assert row.allows_development is False
    [event] = AuditEvent.objects.filter(tag="attested_apps:updated")
    assert set(event.data) == {"row", "fields"}
    shown = admin.client.get(PAGE).content.decode()
    assert "com.acme.bank-beta" in shown
    assert CONSOLE.decryption_key not in shown
    assert CONSOLE.verification_key not in shown


def test_keys_are_kept_where_none_are_entered_and_replaced_as_a_pair(admin):
    admin.client.post(PAGE, GOOGLE)
    assert admin.client.post(PAGE, GOOGLE | NO_KEYS | {"certificate_digests": ""}).status_code == 302
    assert (stored().decryption_key, stored().certificate_digests) == (CONSOLE.decryption_key, [])
    half = GOOGLE | NO_KEYS | {"decryption_key": OTHER.decryption_key}
    assert b"Enter both keys" in admin.client.post(PAGE, half).content
    assert stored().decryption_key == CONSOLE.decryption_key
    whole = half | {"verification_key": OTHER.verification_key}
    assert admin.client.post(PAGE, whole).status_code == 302
    assert (stored().decryption_key, stored().verification_key) == (OTHER.decryption_key, OTHER.verification_key)


def test_another_app_needs_its_own_keys_and_none_keeps_none(admin):
    admin.client.post(PAGE, GOOGLE)
    another = GOOGLE | NO_KEYS | {"package_name": "com.acme.other"}
    assert b"Enter both keys" in admin.client.post(PAGE, another).content
    assert stored().package_name == "com.acme.bank"
    assert admin.client.post(PAGE, APPLE | {"package_name": ""}).status_code == 302
    row = stored()
    assert (row.decryption_key_sealed, row.verification_key_sealed, row.certificate_digests) == (None, None, [])


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (APPLE | {"team_id": "acme"}, "ten letters and digits"),
        (APPLE | {"team_id": ""}, "Give both the team ID"),
        (APPLE | {"bundle_ids": ""}, "Give both the team ID"),
        (APPLE | {"bundle_ids": "com.acme.*"}, "no bundle ID"),
        (APPLE | {"bundle_ids": "\n".join(f"com.acme.app{n}" for n in range(21))}, "At most 20"),
        (GOOGLE | {"package_name": "bank"}, "no package name"),
        (GOOGLE | {"certificate_digests": "AB:CD"}, "no SHA-256 fingerprint"),
        (GOOGLE | NO_KEYS, "Enter both keys"),
        (GOOGLE | {"decryption_key": "x"}, "not the key as the Play Console gives it"),
        (GOOGLE | {"decryption_key": text(bytes(16))}, "not the key as the Play Console gives it"),
        (GOOGLE | {"verification_key": CONSOLE.decryption_key}, "not the key as the Play Console gives it"),
    ],
)
def test_what_no_app_could_have_is_refused(admin, form, told):
    answer = admin.client.post(PAGE, form)
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert not AttestedApps.objects.exists()


def test_who_may_only_read_sees_no_button_and_changes_nothing(acme):
    reader = signed_in(acme, Role.READ_ONLY)
    assert b'type="submit" class="portal-button primary"' not in reader.client.get(PAGE).content
    assert reader.client.post(PAGE, APPLE).status_code == 403
    assert not AttestedApps.objects.exists()


# -- the methods ---------------------------------------------------------------------------------


def test_attestations_are_asked_for_once_apps_are_named(acme, admin):
    form = switches() | {f"{method}-require_app_attestation": "on" for method in DEVICE_METHODS}
    form |= {"IN_APP-app_attestation_failure_mode": "ALLOW_WITH_WARNING"}
    answer = admin.client.post(METHODS, form)
    assert b"Name your apps under App attestation first" in answer.content
    assert admin.client.post(PAGE, {"team_id": ""}).status_code == 302
    assert b"Name your apps under App attestation first" in admin.client.post(METHODS, form).content
    admin.client.post(PAGE, APPLE)
    assert admin.client.post(METHODS, form).status_code == 302
    rows = AuthenticatorConfiguration.objects.filter(tenant=acme, require_app_attestation=True)
    assert {row.method: row.blocks_unattested for row in rows} == {M.PUSH: True, M.QR_CODE: True, M.IN_APP: False}


def ask(acme, method, **row):
    return AuthenticatorConfiguration.objects.create(tenant=acme, method=method, require_app_attestation=True, **row)


def test_the_last_app_stays_named_while_a_method_takes_attested_apps_only(acme, admin):
    nothing = {"team_id": "", "package_name": ""}
    admin.client.post(PAGE, APPLE | GOOGLE)
    row = ask(acme, M.PUSH)
    ask(acme, M.QR_CODE, app_attestation_failure_mode="ALLOW_WITH_WARNING")
    ask(acme, M.IN_APP, is_active=False)
    answer = admin.client.post(PAGE, nothing)
    assert "Only attested apps may enrol for Push. " in answer.content.decode()
    assert (stored().team_id, stored().package_name) == (APPLE["team_id"], GOOGLE["package_name"])
    assert admin.client.post(PAGE, APPLE).status_code == 302
    row.is_active = False
    row.save()
    assert admin.client.post(PAGE, nothing).status_code == 302
    assert (stored().team_id, stored().package_name) == ("", "")


@pytest.mark.parametrize(
    ("row", "sent", "is_saved"),
    [
        ({"is_active": False}, {}, True),
        (
            {"app_attestation_failure_mode": "ALLOW_WITH_WARNING"},
            {"app_attestation_failure_mode": "ALLOW_WITH_WARNING"},
            True,
        ),
        ({"app_attestation_failure_mode": "ALLOW_WITH_WARNING"}, {}, False),
        ({"is_active": False}, {"is_active": "on"}, False),
        ({}, {}, False),
    ],
)
def test_without_apps_what_refuses_nobody_keeps_no_other_setting_from_being_saved(acme, admin, row, sent, is_saved):
    kept = ask(acme, M.PUSH, **row)
    form = {name: value for name, value in switches().items() if kept.is_active or name != "PUSH-is_active"}
    form |= {"PUSH-require_app_attestation": "on", "SMS-is_hidden_to_user": "on"}
    answer = admin.client.post(METHODS, form | {f"PUSH-{name}": value for name, value in sent.items()})
    assert answer.status_code == (302 if is_saved else 200)
    assert AuthenticatorConfiguration.objects.filter(method=M.SMS, is_hidden_to_user=True).exists() is is_saved


# -- the user's page -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"attestation": "APP_ATTEST", "attestation_outcome": "ATTESTED"}, ">attested<"),
        ({"attestation": "APP_ATTEST", "attestation_outcome": "ATTESTED_WITH_KEY"}, ">attested, with its key<"),
        (
            {"attestation": "PLAY_INTEGRITY", "attestation_outcome": "FAILED", "attestation_failure": "wrong_device"},
            "device integrity",
        ),
        ({}, ">not attested<"),
    ],
)
def test_the_users_page_tells_what_the_app_showed(acme, admin, row, told):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.PUSH, require_app_attestation=True)
    user = make.make_user(acme, "alice")
    make.make_authenticator(user, M.PUSH, device_platform="IOS", **row)
    assert told in admin.client.get(f"/portal/authenticators/enduser/{user.pk}/change/").content.decode()


def test_where_nobody_asks_for_attestations_the_users_page_does_not_miss_them(acme, admin):
    user = make.make_user(acme, "alice")
    make.make_authenticator(user, M.PUSH, device_platform="IOS")
    # As one was stored of a tenant that had named no app.
    failed = {"attestation_outcome": "FAILED", "attestation_failure": "not_set_up"}
    make.make_authenticator(user, M.QR_CODE, device_platform="IOS", attestation="APP_ATTEST", **failed)
    shown = admin.client.get(f"/portal/authenticators/enduser/{user.pk}/change/").content.decode()
    assert ">not attested<" not in shown
    assert "attestation failed" not in shown
