"""The tenant's settings, its API keys, its members and methods, and the code that is asked for again."""

import json
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import AuditEvent
from authenticators import available
from authenticators.models import AuthenticatorConfiguration
from authsignal_portal.models import ApiKey, Membership, Tenant
from authsignal_portal.sms_countries import HIGH_RISK
from authsignal_portal.vocabulary import DEVICE_METHODS, OPT_IN_METHODS, KeyKind, Role, VerificationMethod
from tests import make
from tests.conftest import advance_clock
from tests.portal.form import Form
from tests.portal.staff import LOGIN, PASSWORD, Staff, code_of, make_staff, signed_in

KEYS, MEMBERS = "/portal/authsignal_portal/apikey/", "/portal/authsignal_portal/membership/"
METHODS = "/portal/authenticators/authenticatorconfiguration/"
CONFIGURED = "authenticator_configuration:updated"


def events(tenant: Tenant, tag: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(tenant_id=tenant.pk, tag=tag))


# -- API keys ------------------------------------------------------------------------------------


def shown_key(answer) -> str:
    found = re.search(r">(as_[sm]k_[0-9A-Za-z_]+)</output>", answer.content.decode())
    assert found
    return found[1]


def test_a_new_key_is_shown_once_and_works(acme, admin):
    secret = shown_key(admin.client.post(KEYS + "add/", {"kind": "server"}))
    answer = Client().get("/v1/users?username=x", headers={"Authorization": make.basic(secret)})
    assert answer.status_code == 200
    assert secret not in admin.client.get(KEYS).content.decode()
    assert secret not in str(admin.client.session.items())
    [event] = events(acme, "api_key:created")
    key = ApiKey.objects.get()
    assert (event.actor, event.data) == (str(admin.user.pk), {"api_key": key.pk, "kind": "server"})


def test_a_revoked_key_stops_working(acme, admin):
    secret = make.make_key(acme)
    key = ApiKey.objects.get()
    page = admin.client.get(f"{KEYS}{key.pk}/revoke/")
    assert b"cannot be brought back" in page.content
    assert ApiKey.objects.get().revoked_at is None
    assert admin.client.post(f"{KEYS}{key.pk}/revoke/").status_code == 302
    answer = Client().get("/v1/users?username=x", headers={"Authorization": make.basic(secret)})
    assert answer.status_code == 401
    assert len(events(acme, "api_key:revoked")) == 1
    admin.client.post(f"{KEYS}{key.pk}/revoke/")
    assert len(events(acme, "api_key:revoked")) == 1


def test_there_is_no_key_of_a_name_that_cannot_be_stored(admin):
    assert admin.client.get(f"{KEYS}%00/revoke/").status_code == 404
    assert admin.client.post(f"{KEYS}%00/revoke/").status_code == 404


def test_two_keys_of_a_kind_are_enough(acme, admin):
    for _ in range(2):
        ApiKey.create(tenant=acme, kind=KeyKind.SERVER)
    answer = admin.client.post(KEYS + "add/", {"kind": "server"})
    assert b"Revoke the one that is no longer used first" in answer.content
    assert ApiKey.objects.count() == 2
    shown_key(admin.client.post(KEYS + "add/", {"kind": "management"}))


# -- a code again --------------------------------------------------------------------------------


def test_after_five_minutes_a_code_is_asked_for_again(acme, admin):
    advance_clock(5 * 60)
    assert admin.client.get(KEYS + "add/").content.count(b'name="code"') == 1
    answer = admin.client.post(KEYS + "add/", {"kind": "server"})
    assert b"Enter the code that your authenticator app shows now." in answer.content
    assert not ApiKey.objects.exists()
    shown_key(admin.client.post(KEYS + "add/", {"kind": "server", "code": code_of(admin.device)}))
    # It counts for the next five minutes.
    assert b'name="code"' not in admin.client.get(KEYS + "add/").content


def test_a_wrong_code_changes_nothing_and_is_in_the_log(acme, admin):
    make.make_key(acme)
    key = ApiKey.objects.get()
    advance_clock(6 * 60)
    answer = admin.client.post(f"{KEYS}{key.pk}/revoke/", {"code": "000000"})
    assert b"This code is wrong" in answer.content
    assert ApiKey.objects.get().revoked_at is None
    assert events(acme, "staff:refused")[0].data == {"reason": "code"}


def test_wrong_codes_are_limited_here_too(acme, admin):
    advance_clock(6 * 60)
    for _ in range(5):
        admin.client.post(KEYS + "add/", {"kind": "server", "code": "000000"})
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    answer = admin.client.post(KEYS + "add/", {"kind": "server", "code": code_of(admin.device)})
    assert b"Too many tries" in answer.content
    assert not ApiKey.objects.exists()


def test_settings_that_did_not_change_need_no_code(acme, admin):
    advance_clock(6 * 60)
    path = f"/portal/authsignal_portal/tenant/{acme.pk}/change/"
    form = tenant_form(acme)
    assert admin.client.post(path, form).status_code == 302
    assert b"Enter the code" in admin.client.post(path, form | {"name": "Other"}).content


# -- the tenant ----------------------------------------------------------------------------------


def tenant_form(tenant: Tenant) -> dict[str, str]:
    return {
        "name": tenant.name,
        "app_origins": "\r\n".join(tenant.app_origins),
        "time_zone": tenant.time_zone,
        "unconfigured_action": tenant.unconfigured_action,
        "default_passkey_action": tenant.default_passkey_action,
        "notify_users": "on",
        "allow_deleting_user_authenticators": "on",
        "remember_device_days": tenant.remember_device_days,
        "token_duration_in_minutes": str(tenant.token_duration_in_minutes),
        "otp_duration_in_minutes": str(tenant.otp_duration_in_minutes),
        "rp_id": tenant.rp_id,
        "blocked_sms_countries": "\r\n".join(sorted(tenant.refused_sms_countries)),
    }


def test_the_settings_are_saved_and_the_log_names_the_fields_only(acme, admin):
    path = f"/portal/authsignal_portal/tenant/{acme.pk}/change/"
    form = tenant_form(acme) | {
        "name": "Acme Pay",
        "app_origins": "https://Pay.acme.example/\r\n\r\n http://localhost:3000 ",
        "blocked_sms_countries": "NZ\nAU",
    }
    assert admin.client.post(path, form).status_code == 302
    acme.refresh_from_db()
    assert acme.app_origins == ["https://pay.acme.example", "http://localhost:3000"]
    assert acme.blocked_sms_countries == ["NZ", "AU"]
    [event] = events(acme, "tenant:updated")
    assert event.data == {"row": str(acme.pk), "fields": ["name", "app_origins", "blocked_sms_countries"]}


def test_the_shipped_countries_are_shown_and_followed_until_they_are_changed(acme, admin):
    path = f"/portal/authsignal_portal/tenant/{acme.pk}/change/"
    shown = admin.client.get(path).context["adminform"].form["blocked_sms_countries"].value()
    assert set(shown.split()) == HIGH_RISK
    for given, stored in (("\r\n".join(sorted(HIGH_RISK)), None), ("", []), ("NZ", ["NZ"])):
        assert admin.client.post(path, tenant_form(acme) | {"blocked_sms_countries": given}).status_code == 302
        acme.refresh_from_db()
        assert acme.blocked_sms_countries == stored
    assert acme.refused_sms_countries == {"NZ"}


def test_who_may_only_read_is_told_what_holds_and_not_how_it_is_kept(acme):
    reader = signed_in(acme, Role.READ_ONLY)
    page = reader.client.get(f"/portal/authsignal_portal/tenant/{acme.pk}/change/").content.decode()
    assert "As shipped: Afghanistan, Algeria" in page
    assert "NULL" not in page
    assert acme.relying_party_id in page
    assert ">Off<" in page
    assert "close_small" not in page
    Tenant.objects.filter(pk=acme.pk).update(blocked_sms_countries=["CU"])
    assert "Cuba" in reader.client.get(f"/portal/authsignal_portal/tenant/{acme.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"app_origins": "https://ok.example\njavascript:alert(1)"}, "only http and https"),
        ({"app_origins": "https://app.example/path"}, "is not an origin"),
        ({"token_duration_in_minutes": "61"}, "less than or equal to 60"),
        ({"rp_id": "https://example.com"}, "host name in small letters"),
        ({"blocked_sms_countries": "New Zealand"}, "two capital letters"),
        ({"time_zone": "Europe/Atlantis"}, "not one of the available choices"),
        ({"name": ""}, "required"),
        ({"name": "a\0b"}, "Null characters"),
    ],
)
def test_wrong_settings_are_refused_at_their_field(acme, admin, wrong, told):
    answer = admin.client.post(f"/portal/authsignal_portal/tenant/{acme.pk}/change/", tenant_form(acme) | wrong)
    assert told in answer.content.decode()
    assert Tenant.objects.get(pk=acme.pk).name == "Acme"
    assert not events(acme, "tenant:updated")


def test_the_time_zone_is_chosen_by_name(acme, admin):
    path = f"/portal/authsignal_portal/tenant/{acme.pk}/change/"
    assert re.search(r'<option value="UTC" selected>', admin.client.get(path).content.decode())
    assert admin.client.post(path, tenant_form(acme) | {"time_zone": "Pacific/Auckland"}).status_code == 302
    assert Tenant.objects.get(pk=acme.pk).time_zone == "Pacific/Auckland"
    [event] = events(acme, "tenant:updated")
    assert event.data["fields"] == ["time_zone"]


def test_a_zone_that_the_choices_lack_stays_as_it_is(acme, admin):
    Tenant.objects.filter(pk=acme.pk).update(time_zone="NZ")
    path = f"/portal/authsignal_portal/tenant/{acme.pk}/change/"
    acme.refresh_from_db()
    assert admin.client.post(path, tenant_form(acme) | {"name": "Other"}).status_code == 302
    assert Tenant.objects.get(pk=acme.pk).time_zone == "NZ"


# -- members -------------------------------------------------------------------------------------


def add_member(staff: Staff, email: str, role: Role = Role.SUPPORT):
    return staff.client.post(MEMBERS + "add/", {"email": email, "role": role})


def link_in(answer) -> str:
    found = re.search(r"/portal/invite/[\w-]+/[\w-]+/", answer.content.decode())
    assert found
    return found[0]


def fresh_email() -> str:
    return make_staff(None).email.replace("staff-", "new-")


def test_an_invited_member_sets_a_password_enrols_an_app_and_is_in(acme, admin):
    email = fresh_email()
    link = link_in(add_member(admin, email.upper()))
    browser = Client()
    page = browser.get(link, follow=True)
    assert b"Choose your password" in page.content
    browser.post(page.redirect_chain[-1][0], {"new_password1": PASSWORD, "new_password2": PASSWORD})
    browser.post(LOGIN, {"email": email, "password": PASSWORD})
    browser.get(LOGIN)
    browser.post(LOGIN, {"code": code_of(TOTPDevice.objects.get(user__username=email))})
    assert browser.get("/portal/").status_code == 200
    assert Membership.objects.get(user__username=email).role == Role.SUPPORT
    spent = Client().get(link, follow=True).content
    assert b"used before or has run out" in spent
    assert b"This link no longer works" in spent


def test_it_is_on_record_who_set_a_password_and_an_app_and_in_each_tenant_that_they_belong_to(acme, globex, admin):
    email = fresh_email()
    browser = Client()
    page = browser.get(link_in(add_member(admin, email)), follow=True)
    user = User.objects.get(username=email)
    Membership.objects.create(user=user, tenant=globex)
    browser.post(page.redirect_chain[-1][0], {"new_password1": PASSWORD, "new_password2": PASSWORD})
    browser.post(LOGIN, {"email": email, "password": PASSWORD})
    browser.get(LOGIN)
    browser.post(LOGIN, {"code": code_of(TOTPDevice.objects.get(user=user))})
    for tenant in (acme, globex):
        done = AuditEvent.objects.filter(tenant_id=tenant.pk, tag="member:changed", actor=str(user.pk)).order_by("id")
        assert [one.data for one in done] == [{"fields": ["password"]}, {"fields": ["authenticator_app"]}]


def test_the_log_has_no_address_of_a_member(acme, admin):
    email = fresh_email()
    add_member(admin, email)
    user = User.objects.get(username=email)
    [event] = events(acme, "member:changed")
    assert event.data == {"row": str(user.pk), "role": "SUPPORT"}


def test_a_weak_password_is_refused_by_the_invitation(acme, admin):
    email = fresh_email()
    browser = Client()
    page = browser.get(link_in(add_member(admin, email)), follow=True)
    browser.post(page.redirect_chain[-1][0], {"new_password1": "short", "new_password2": "short"})
    assert not User.objects.get(username=email).has_usable_password()


def test_an_account_of_another_tenant_cannot_be_added_nor_its_invitation_be_had(acme, globex, admin):
    email = fresh_email()
    add_member(signed_in(globex), email)
    answer = add_member(admin, email)
    assert b"cannot be added here" in answer.content
    assert not Membership.objects.filter(tenant=acme, user__username=email).exists()


def test_an_account_of_a_tenant_that_one_administers_can_be_added(acme, globex):
    staff = signed_in(acme)
    Membership.objects.create(user=staff.user, tenant=globex, role=Role.ADMIN)
    other = make_staff(globex)
    assert add_member(staff, other.email).status_code == 302
    assert Membership.objects.filter(tenant=acme, user=other.user).exists()


def test_an_invitation_is_not_given_out_for_an_account_that_belongs_elsewhere_too(acme, globex, admin):
    email = fresh_email()
    add_member(admin, email)
    membership = Membership.objects.get(user__username=email)
    assert admin.client.get(f"{MEMBERS}{membership.pk}/link/").status_code == 200
    Membership.objects.create(user=membership.user, tenant=globex)
    assert admin.client.get(f"{MEMBERS}{membership.pk}/link/").status_code == 404


def test_a_new_invitation_replaces_nothing_that_was_used(acme, admin):
    email = fresh_email()
    add_member(admin, email)
    membership = Membership.objects.get(user__username=email)
    link = link_in(admin.client.post(f"{MEMBERS}{membership.pk}/link/"))
    assert b"Choose your password" in Client().get(link, follow=True).content
    membership.user.set_password(PASSWORD)
    membership.user.save()
    assert admin.client.post(f"{MEMBERS}{membership.pk}/link/").status_code == 404


def test_somebody_is_not_a_member_twice(acme, admin):
    assert b"a member already" in add_member(admin, admin.email).content


def test_the_last_administrator_stays(acme, admin):
    mine = Membership.objects.get(user=admin.user)
    answer = admin.client.post(f"{MEMBERS}{mine.pk}/change/", {"role": Role.SUPPORT})
    assert b"give somebody else that role first" in answer.content
    admin.client.post(f"{MEMBERS}{mine.pk}/remove/")
    assert Membership.objects.get(pk=mine.pk).role == Role.ADMIN
    make_staff(acme)
    assert admin.client.post(f"{MEMBERS}{mine.pk}/change/", {"role": Role.SUPPORT}).status_code == 302
    assert Membership.objects.get(pk=mine.pk).role == Role.SUPPORT


def test_a_removed_member_is_out_at_once(acme, admin):
    other = signed_in(acme, Role.ANALYST)
    membership = Membership.objects.get(user=other.user)
    admin.client.post(f"{MEMBERS}{membership.pk}/remove/")
    assert other.client.get("/portal/").status_code == 302
    assert events(acme, "member:changed")[-1].data["reason"] == "removed"


# -- methods -------------------------------------------------------------------------------------


CHOSEN = {"SMS-sms_channel": "DEFAULT", "EMAIL_MAGIC_LINK-magic_link_mode": "NEW_TAB"} | {
    f"{method}-app_attestation_failure_mode": "BLOCK" for method in DEVICE_METHODS
}


def switches(**off: bool) -> dict[str, str]:
    names = [name for name in VerificationMethod if name not in OPT_IN_METHODS]
    form = {f"{name}-is_active": "on" for name in names if name not in off} | {"PUSH-number_matching": "on"}
    names = ["EMAIL_OTP", "EMAIL_MAGIC_LINK", "SMS", "WHATSAPP"]
    return form | {f"{name}-is_editable_by_user": "on" for name in names} | CHOSEN


def test_a_missing_row_means_active_but_for_what_is_wanted_expressly(acme, admin):
    page = admin.client.get(METHODS).content.decode()
    active = re.findall(r'name="(\w+)-is_active"[^>]*\schecked[\s>]', page)
    assert active == [name for name in VerificationMethod if name not in OPT_IN_METHODS]


def test_a_method_that_is_wanted_expressly_is_switched_on(acme, admin):
    form = switches() | {"WHATSAPP-is_active": "on", "SMS-sms_channel": "WHATSAPP"}
    assert admin.client.post(METHODS, form).status_code == 302
    assert "WHATSAPP" in available.active_methods(acme)
    assert "EMAIL_MAGIC_LINK" not in available.active_methods(acme)
    changed = {
        event.data["method"]: event.data["fields"] for event in events(acme, "authenticator_configuration:updated")
    }
    assert changed == {"SMS": ["sms_channel"], "WHATSAPP": ["is_active"]}


def test_a_method_is_switched_off_for_real(acme, admin):
    assert admin.client.post(METHODS, switches(SMS=True)).status_code == 302
    assert "SMS" not in available.active_methods(acme)
    [event] = events(acme, "authenticator_configuration:updated")
    assert event.data == {"method": "SMS", "fields": ["is_active"]}


def test_how_devices_are_asked_is_set_per_method(acme, admin):
    form = switches() | {"PUSH-require_signature": "on", "QR_CODE-credential_days": "30"}
    del form["PUSH-number_matching"]
    assert b"a compatibility mode" in admin.client.get(METHODS).content
    assert admin.client.post(METHODS, form).status_code == 302
    push, qr = (AuthenticatorConfiguration.objects.get(method=method) for method in ("PUSH", "QR_CODE"))
    assert (push.number_matching, push.require_signature, push.credential_days) == (False, True, None)
    assert (qr.credential_days, qr.number_matching) == (30, True)
    assert admin.client.post(METHODS, switches() | {"QR_CODE-credential_days": "0"}).status_code == 200


def test_something_to_prove_oneself_with_stays_active(acme, admin):
    form = {"RECOVERY_CODE-is_active": "on"} | CHOSEN
    assert b"Leave at least one method active" in admin.client.post(METHODS, form).content
    assert len(available.active_methods(acme)) == len(set(VerificationMethod) - OPT_IN_METHODS)


def test_what_is_asked_of_passkeys_is_set_and_shown_again(acme, admin):
    android = "android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck"
    sent = {
        "PASSKEY-user_verification": "preferred",
        "PASSKEY-expected_origins": f" https://acme.example \n\n{android}",
        "PASSKEY-attachment": "platform",
        "PASSKEY-hints": ["client-device", "hybrid"],
        "PASSKEY-recovery_methods": ["EMAIL_OTP"],
        "PASSKEY-disable_enrollment_prompt": "on",
        "PASSKEY-enrollment_prompt_days": "30",
        "SECURITY_KEY-user_verification": "required",
    }
    assert admin.client.post(METHODS, switches() | sent).status_code == 302
    stored = AuthenticatorConfiguration.of(acme, VerificationMethod.PASSKEY)
    assert (stored.user_verification, stored.attachment, stored.hints) == (
        "preferred",
        "platform",
        ["client-device", "hybrid"],
    )
    assert (stored.expected_origins, stored.recovery_methods) == (["https://acme.example", android], ["EMAIL_OTP"])
    assert (stored.disable_enrollment_prompt, stored.enrollment_prompt_days) == (True, 30)
    assert AuthenticatorConfiguration.of(acme, VerificationMethod.SECURITY_KEY).user_verification == "required"
    shown = Form(admin.client.get(METHODS).content.decode(), "").fields
    for name, value in (("attachment", "platform"), ("enrollment_prompt_days", "30"), ("hints", "hybrid")):
        assert (f"PASSKEY-{name}", value) in shown
    changed = {event.data["method"]: set(event.data["fields"]) for event in events(acme, CONFIGURED)}
    assert set(changed) == {"PASSKEY", "SECURITY_KEY"}
    assert "expected_origins" in changed["PASSKEY"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expected_origins", "acme.example"),
        ("expected_origins", "https://acme.example/"),
        ("expected_origins", "https://ACME.example"),
        ("expected_origins", "android:apk-key-hash:short"),
        ("user_verification", "perhaps"),
        ("attachment", "moon"),
        ("hints", "telepathy"),
        ("recovery_methods", "PASSKEY"),
        ("enrollment_prompt_days", "-1"),
        ("enrollment_prompt_days", "soon"),
    ],
)
def test_what_means_nothing_is_not_set(acme, admin, name, value):
    answer = admin.client.post(METHODS, switches() | {f"PASSKEY-{name}": value})
    assert answer.status_code == 200
    assert b"portal-errors" in answer.content
    assert not AuthenticatorConfiguration.objects.exists()


# -- the log -------------------------------------------------------------------------------------


def test_a_change_that_fails_leaves_no_event(acme, admin):
    """The event and the change are one transaction: without the table of events nothing is changed."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditevent RENAME TO elsewhere")
    admin.client.raise_request_exception = False
    answer = admin.client.post(
        f"/portal/authsignal_portal/tenant/{acme.pk}/change/", tenant_form(acme) | {"name": "Changed"}
    )
    assert answer.status_code == 500
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO audit_auditevent")
    assert Tenant.objects.get(pk=acme.pk).name == "Acme"


def test_the_log_reads_in_words(acme, admin):
    admin.client.post(KEYS + "add/", {"kind": "server"})
    page = admin.client.get("/portal/audit/auditevent/").content.decode()
    assert "Made the server API key" in page
    assert "Signed in to the portal" in page
    assert admin.email in page


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("event=api_key:", "Made the server API key", "Signed in to the portal"),
        ("event=staff:", "Signed in to the portal", "Made the server API key"),
        ("by=system", "", "Signed in to the portal"),
        ("since=2999-01-01", "", "Signed in to the portal"),
        ("until=2000-01-01", "", "Signed in to the portal"),
        ("since=nonsense&event=nonsense&subject=x&before=x&until=9999-12-31", "Signed in to the portal", ""),
    ],
)
def test_the_log_can_be_narrowed_down(admin, query, shown, hidden):
    admin.client.post(KEYS + "add/", {"kind": "server"})
    page = admin.client.get(f"/portal/audit/auditevent/?{query}").content.decode()
    body = page[page.index('id="content"') :]
    assert shown in body
    assert not hidden or hidden not in body


def test_the_log_has_pages(acme, admin):
    for _ in range(60):
        make.make_key(acme)
        AuditEvent.objects.create(tenant_id=acme.pk, tag="tenant:updated", actor_kind="system", leaf_hash=b"x" * 32)
    first = admin.client.get("/portal/audit/auditevent/").content.decode()
    older = re.search(r'href="\?(before=\d+)"', first)
    assert older
    second = admin.client.get(f"/portal/audit/auditevent/?{older[1]}").content.decode()
    assert first.count("<tr>") == 51
    assert 10 < second.count("<tr>") < 51


def test_every_event_that_there_is_has_a_phrase():
    from audit.events import Tag
    from audit.words import PHRASES, phrase

    assert set(PHRASES) == set(Tag)
    for tag in Tag:
        assert "{" not in phrase(tag, {}), tag
    assert phrase("unheard:of", {}) == "unheard:of"


def test_nothing_of_the_log_is_run_as_html(acme, admin):
    AuditEvent.objects.create(
        tenant_id=acme.pk,
        tag="challenge:refused",
        actor_kind="api_key",
        actor="<b>canary</b>",
        data=json.loads('{"reason": "<i>canary</i>", "method": "<u>canary</u>"}'),
        leaf_hash=b"x" * 32,
    )
    page = admin.client.get("/portal/audit/auditevent/").content.decode()
    assert page.count("canary") == 3
    assert not re.search(r"<[biu]>canary", page)


def test_what_an_authenticator_app_and_a_vendor_are_told_is_set_per_method(acme, admin):
    form = switches() | {"AUTHENTICATOR_APP-issuer_name": "Acme: Pay", "VERIFF-document_types": "passport\r\nid-card"}
    assert b"Without a colon" in admin.client.post(METHODS, form).content
    assert admin.client.post(METHODS, form | {"AUTHENTICATOR_APP-issuer_name": "Acme Pay"}).status_code == 302
    app, veriff = (AuthenticatorConfiguration.objects.get(method=name) for name in ("AUTHENTICATOR_APP", "VERIFF"))
    assert (app.issuer_name, veriff.document_types) == ("Acme Pay", ["passport", "id-card"])


@pytest.mark.parametrize("address", ["http://example.com", "javascript:alert(1)", "https://", "mailto:", "tel:x"])
def test_users_are_sent_for_help_to_no_other_kind_of_address(acme, admin, address):
    form = tenant_form(acme) | {"support_url": address}
    path = f"/portal/authsignal_portal/tenant/{acme.pk}/change/"
    assert b"Write an address with https://" in admin.client.post(path, form).content
    assert admin.client.post(path, form | {"support_url": "mailto:help@acme.example"}).status_code == 302


def test_several_of_a_method_are_allowed_where_they_mean_something(acme, admin):
    page = admin.client.get(METHODS).content.decode()
    offered = set(re.findall(r'name="(\w+)-allows_several"', page))
    assert offered == {"AUTHENTICATOR_APP", "EMAIL_OTP", "EMAIL_MAGIC_LINK", "SMS", "WHATSAPP"}
    assert "they keep what they have" in page
    form = switches() | {"SMS-allows_several": "on", "EMAIL_OTP-warns_of_delay": "on"}
    assert admin.client.post(METHODS, form | {"AUTHENTICATOR_APP-shows_app_download": "on"}).status_code == 302
    sms, email, app = (
        AuthenticatorConfiguration.objects.get(method=name) for name in ("SMS", "EMAIL_OTP", "AUTHENTICATOR_APP")
    )
    assert (sms.allows_several, email.allows_several, email.warns_of_delay) == (True, False, True)
    assert (app.shows_app_download, app.allows_several) == (True, False)


def test_the_page_says_which_methods_nobody_is_offered_for_want_of_a_sender(acme, admin, settings):
    wanting = "it has no message provider yet"
    assert wanting not in admin.client.get(METHODS).content.decode()
    settings.MESSAGE_PROVIDERS = settings.MESSAGE_PROVIDERS | {"SMS": "none", "EMAIL": "none"}
    page = admin.client.get(METHODS).content.decode()
    cards = [card for card in page.split("<legend>")[1:] if wanting in card]
    assert [card.partition("</legend>")[0] for card in cards] == ["Code by email", "Link by email", "Code by SMS"]
