"""Signing in to the portal: two factors, few tries, short sessions."""

import base64
import re
import secrets
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import AuditEvent
from authsignal_portal import limits
from authsignal_portal.models import Membership
from tests.conftest import advance_clock
from tests.portal.staff import LOGIN, PASSWORD, Staff, code_of, make_staff, signed_in

HOME = "/portal/"


def password(staff, text=PASSWORD, **headers):
    return staff.client.post(LOGIN, {"email": staff.email, "password": text}, **headers)


def is_in(client) -> bool:
    return client.get(HOME).status_code == 200


def tags(tenant) -> list[str]:
    return list(AuditEvent.objects.filter(tenant_id=tenant.pk, tag__startswith="staff:").values_list("tag", flat=True))


def test_every_page_leads_to_the_sign_in_page(acme, client):
    answer = client.get("/portal/rules/actionconfiguration/")
    assert answer.status_code == 302
    assert answer["Location"] == "/portal/login/?next=/portal/rules/actionconfiguration/"


def test_both_factors_open_the_portal(acme, globex):
    staff = make_staff(acme)
    Membership.objects.create(user=staff.user, tenant=globex, role="READ_ONLY")
    staff.sign_in()
    assert is_in(staff.client)
    assert tags(acme) == tags(globex) == ["staff:signed_in"]


def test_a_password_alone_opens_nothing(acme):
    staff = make_staff(acme)
    assert password(staff).status_code == 302
    assert not is_in(staff.client)
    assert "_auth_user_id" not in staff.client.session


def test_a_session_without_a_second_factor_opens_nothing(acme, client):
    client.force_login(make_staff(acme).user)
    assert not is_in(client)


def test_capitals_in_the_address_do_not_matter(acme):
    staff = make_staff(acme)
    staff.client.post(LOGIN, {"email": f" {staff.email.upper()} ", "password": PASSWORD})
    assert staff.client.post(LOGIN, {"code": staff.code()}).status_code == 302
    assert is_in(staff.client)


@pytest.mark.parametrize("case", ["unknown", "wrong", "not staff", "inactive"])
def test_every_refused_password_gets_the_same_answer(acme, case):
    staff = make_staff(acme)
    User.objects.filter(pk=staff.user.pk).update(is_staff=case != "not staff", is_active=case != "inactive")
    email = "nobody@example.com" if case == "unknown" else staff.email
    answer = staff.client.post(
        LOGIN, {"email": email, "password": "wrong" if case == "wrong" else PASSWORD + "x" * (case == "unknown")}
    )
    assert b"The email address or the password is wrong." in answer.content
    assert AuditEvent.objects.filter(tag="staff:refused").exists()
    assert email not in str(list(AuditEvent.objects.values("data", "actor")))


def test_a_refused_password_is_in_the_log_of_the_tenant(acme):
    staff = make_staff(acme)
    password(staff, "wrong")
    event = AuditEvent.objects.get(tenant_id=acme.pk, tag="staff:refused")
    assert (event.actor, event.data) == (str(staff.user.pk), {"reason": "password"})


@pytest.mark.parametrize("code", ["", "000000", "abcdef", "１２３４５６", "+12345", "1" * 32])
def test_a_wrong_code_opens_nothing(acme, code):
    staff = make_staff(acme)
    password(staff)
    assert staff.client.post(LOGIN, {"code": code}).status_code == 200
    assert not is_in(staff.client)


def test_a_code_works_once(acme):
    staff = make_staff(acme)
    code = staff.code()
    password(staff)
    staff.client.post(LOGIN, {"code": code})
    other = Client()
    other.post(LOGIN, {"email": staff.email, "password": PASSWORD})
    answer = other.post(LOGIN, {"code": code})
    assert b"was used before" in answer.content
    assert not is_in(other)


def test_another_persons_code_opens_nothing(acme):
    alice, mallory = make_staff(acme), make_staff(acme)
    password(alice)
    alice.client.post(LOGIN, {"code": mallory.code()})
    assert not is_in(alice.client)


def test_five_wrong_passwords_stop_the_account_even_for_the_right_one(acme):
    staff, other = make_staff(acme), make_staff(acme)
    for _ in range(django_settings.STAFF_TRIES_PER_ACCOUNT):
        password(staff, "wrong")
    assert b"Too many tries" in password(staff).content
    assert password(other).status_code == 302


def test_five_wrong_codes_stop_the_account(acme):
    staff = make_staff(acme)
    password(staff)
    for _ in range(django_settings.STAFF_TRIES_PER_ACCOUNT):
        staff.client.post(LOGIN, {"code": "000000"})
    assert b"Too many tries" in staff.client.post(LOGIN, {"code": staff.code()}).content
    assert not is_in(staff.client)


def test_who_was_here_before_gets_in_while_others_try_the_account(acme):
    """Anybody can try passwords for an account; that must not keep its owner out."""
    staff = make_staff(acme).sign_in()
    staff.client.post("/portal/logout/")
    stranger = Staff(staff.user, Client())
    for _ in range(django_settings.STAFF_TRIES_PER_ACCOUNT):
        password(stranger, "wrong")
    assert b"Too many tries" in password(stranger).content
    staff.sign_in()
    assert is_in(staff.client)


def test_a_browser_that_is_known_has_as_many_tries_and_no_more(acme):
    staff = make_staff(acme).sign_in()
    staff.client.post("/portal/logout/")
    for _ in range(django_settings.STAFF_TRIES_PER_ACCOUNT):
        password(staff, "wrong")
    assert b"Too many tries" in password(staff).content
    # And takes none from where its owner comes unknown.
    assert password(Staff(staff.user, Client())).status_code == 302


@pytest.mark.parametrize("kept", ["another account's", "altered", "half"])
def test_no_other_cookie_makes_a_browser_known(acme, kept):
    staff, other = make_staff(acme).sign_in(), make_staff(acme)
    other.sign_in()
    own, theirs = staff.client.cookies["known"].value, other.client.cookies["known"].value
    stranger = Staff(staff.user, Client())
    for number in range(django_settings.STAFF_TRIES_PER_ACCOUNT + 1):
        forged = {"another account's": theirs, "altered": f"x{number}{own}", "half": own.rpartition(":")[0]}[kept]
        stranger.client.cookies["known"] = forged
        refused = password(stranger, "wrong")
    assert b"Too many tries" in refused.content


def test_a_password_alone_makes_no_browser_known(acme):
    staff = make_staff(acme)
    password(staff)
    assert "known" not in staff.client.cookies
    staff.sign_in()
    cookie = staff.client.cookies["known"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert staff.email not in cookie.value


def test_two_people_at_one_machine_are_known_both(acme):
    first, second = make_staff(acme).sign_in(), make_staff(acme)
    first.client.post("/portal/logout/")
    second.client = first.client
    second.sign_in().client.post("/portal/logout/")
    for staff in (first, second):
        for _ in range(django_settings.STAFF_TRIES_PER_ACCOUNT):
            password(Staff(staff.user, Client()), "wrong")
        assert password(staff).status_code == 302
        staff.client.post(LOGIN, {"restart": "yes"})


def test_a_right_password_forgives_the_wrong_ones_before(acme):
    staff = make_staff(acme)
    for _ in range(3):
        for _ in range(django_settings.STAFF_TRIES_PER_ACCOUNT - 1):
            password(staff, "wrong")
        assert password(staff).status_code == 302
        staff.client.post(LOGIN, {"restart": "yes"})


def test_one_address_has_only_so_many_tries(acme, settings):
    settings.STAFF_TRIES_PER_ADDRESS = 3
    # Another one in every run: tries are counted for fifteen minutes.
    address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    answers = [password(make_staff(acme), REMOTE_ADDR=address).status_code for _ in range(4)]
    assert answers == [302, 302, 302, 200]


def test_without_the_store_of_limits_nobody_signs_in(acme, settings):
    staff = make_staff(acme)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    limits._limiter.cache_clear()
    try:
        assert b"not available right now" in password(staff).content
    finally:
        limits._limiter.cache_clear()


def test_the_first_sign_in_enrols_an_app(acme):
    staff = make_staff(acme, app=False)
    password(staff)
    page = staff.client.get(LOGIN).content.decode()
    secret = re.search(r"<output[^>]*>([A-Z2-7 ]+)</output>", page)[1].replace(" ", "")
    assert base64.b32decode(secret) == staff.device.bin_key
    assert "data:image/svg+xml" in page
    assert staff.client.post(LOGIN, {"code": "000000"}).status_code == 200
    assert not is_in(staff.client)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert staff.client.post(LOGIN, {"code": staff.code()}).status_code == 302
    assert is_in(staff.client)
    assert staff.device.confirmed


def test_an_enrolment_that_somebody_else_began_is_not_continued(acme):
    staff = make_staff(acme, app=False)
    mallory = Client()
    mallory.post(LOGIN, {"email": staff.email, "password": PASSWORD})
    mallory.get(LOGIN)
    known_to_mallory = staff.device
    password(staff)
    staff.client.get(LOGIN)
    assert staff.device.pk != known_to_mallory.pk
    assert staff.device.key != known_to_mallory.key
    mallory.post(LOGIN, {"code": code_of(known_to_mallory)})
    assert not is_in(mallory)


def test_nobody_enrols_a_second_app_with_the_password_alone(acme):
    staff = make_staff(acme, app=False)
    mallory = Client()
    mallory.post(LOGIN, {"email": staff.email, "password": PASSWORD})
    mallory.get(LOGIN)
    began = staff.device
    password(staff)
    staff.client.get(LOGIN)
    staff.client.post(LOGIN, {"code": staff.code()})
    assert is_in(staff.client)
    mallory.post(LOGIN, {"code": code_of(began)})
    assert not is_in(mallory)
    assert TOTPDevice.objects.filter(user=staff.user).count() == 1


def test_a_recovery_code_of_the_operator_works_once(acme):
    staff = make_staff(acme)
    StaticDevice.objects.create(user=staff.user, confirmed=True).token_set.create(token="abcd2345")
    password(staff)
    staff.client.post(LOGIN, {"code": "ABCD-2345"})
    assert is_in(staff.client)
    again = Client()
    again.post(LOGIN, {"email": staff.email, "password": PASSWORD})
    again.post(LOGIN, {"code": "abcd2345"})
    assert not is_in(again)


def test_drift_of_an_app_is_followed_two_steps_and_no_further(acme):
    staff = make_staff(acme)
    TOTPDevice.objects.update(drift=9)
    password(staff)
    device = staff.device
    staff.client.post(LOGIN, {"code": f"{totp(device.bin_key, drift=9):06d}"})
    assert is_in(staff.client)
    assert staff.device.drift == 2


def test_a_superuser_without_a_membership_sees_nothing(acme, client):
    staff = make_staff(None)
    User.objects.filter(pk=staff.user.pk).update(is_superuser=True)
    password(staff)
    answer = staff.client.post(LOGIN, {"code": staff.code()}, follow=True)
    assert b"does not belong to any tenant" in answer.content
    assert not is_in(staff.client)


def test_a_member_who_is_removed_is_out_at_once(admin):
    Membership.objects.filter(user=admin.user).delete()
    assert not is_in(admin.client)


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_an_account_that_is_switched_off_is_out_at_once(admin, change):
    User.objects.filter(pk=admin.user.pk).update(**change)
    assert not is_in(admin.client)


def test_a_device_that_is_taken_away_ends_the_session(admin):
    admin.device.delete()
    assert not is_in(admin.client)


def test_half_an_hour_of_rest_ends_a_session(admin):
    advance_clock(29 * 60)
    assert is_in(admin.client)
    advance_clock(31 * 60)
    assert not is_in(admin.client)
    assert "_auth_user_id" not in admin.client.session


def test_twelve_hours_end_a_session_that_never_rests(admin):
    for _ in range(24):
        advance_clock(29 * 60)
        assert is_in(admin.client)
    advance_clock(25 * 60)
    assert not is_in(admin.client)


def test_the_first_step_is_forgotten_after_ten_minutes(acme):
    staff = make_staff(acme)
    password(staff)
    advance_clock(10 * 60)
    staff.client.post(LOGIN, {"code": staff.code()})
    assert not is_in(staff.client)


def test_a_changed_password_ends_the_first_step(acme):
    staff = make_staff(acme)
    password(staff)
    staff.user.set_password("another long password")
    staff.user.save()
    staff.client.post(LOGIN, {"code": staff.code()})
    assert not is_in(staff.client)


def test_signing_in_makes_a_new_session(acme):
    staff = make_staff(acme)
    staff.client.get(LOGIN)
    password(staff)
    before = staff.client.session.session_key
    staff.client.post(LOGIN, {"code": staff.code()})
    assert staff.client.session.session_key != before


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_after_signing_in_nobody_is_led_away(acme, target):
    staff = make_staff(acme)
    path = f"{LOGIN}?next={target}"
    staff.client.post(path, {"email": staff.email, "password": PASSWORD})
    assert staff.client.post(path, {"code": staff.code()})["Location"] == HOME


def test_after_signing_in_one_is_where_one_wanted_to_be(acme):
    staff = make_staff(acme)
    path = f"{LOGIN}?next=/portal/audit/auditevent/"
    staff.client.post(path, {"email": staff.email, "password": PASSWORD})
    assert staff.client.post(path, {"code": staff.code()})["Location"] == "/portal/audit/auditevent/"


def test_signing_out_clears_the_browser(admin):
    answer = admin.client.post("/portal/logout/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_in(admin.client)


def test_signing_out_needs_a_post(admin):
    admin.client.get("/portal/logout/")
    assert is_in(admin.client)


def test_a_password_can_be_changed_and_the_log_says_so(acme, admin):
    new = "entirely new passphrase"
    answer = admin.client.post(
        "/portal/password_change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    )
    assert answer.status_code == 302
    event = AuditEvent.objects.get(tenant_id=acme.pk, tag="member:changed")
    assert event.data == {"fields": ["password"]}
    assert is_in(admin.client)


def test_posts_without_a_csrf_token_are_refused(acme):
    staff = make_staff(acme)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(LOGIN, {"email": staff.email, "password": PASSWORD}).status_code == 403


def test_pages_are_not_kept_framed_or_run_by_anything_else(admin):
    answer = admin.client.get(HOME)
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/portal/search/?s=a", "/portal/search/?s=a&extended=1"])
def test_the_themes_search_is_not_there(admin, path):
    assert admin.client.get(path).status_code == 404


def test_staff_of_two_tenants_choose_which_they_see(acme, globex):
    staff = make_staff(acme)
    Membership.objects.create(user=staff.user, tenant=globex, role="ADMIN")
    staff.sign_in()
    assert b"Acme, the last 7 days." in staff.client.get(HOME).content
    staff.client.post("/portal/tenants/", {"tenant": str(globex.pk)})
    assert b"Globex, the last 7 days." in staff.client.get(HOME).content


@pytest.mark.parametrize("wanted", ["", "nonsense", "globex"])
def test_nobody_chooses_a_tenant_that_is_not_theirs(admin, globex, wanted):
    admin.client.post("/portal/tenants/", {"tenant": str(globex.pk) if wanted == "globex" else wanted})
    assert b"Acme, the last 7 days." in admin.client.get(HOME).content


def test_members_of_several_tenants_keep_their_own_role_in_each(acme, globex):
    staff = signed_in(acme)
    Membership.objects.create(user=staff.user, tenant=globex, role="READ_ONLY")
    staff.client.post("/portal/tenants/", {"tenant": str(globex.pk)})
    assert staff.client.get("/portal/rules/actionconfiguration/add/").status_code == 403


def test_who_has_a_session_does_not_guess_its_password(acme):
    staff = signed_in(acme)
    new = "another horse battery staple"

    def change(old):
        form = {"old_password": old, "new_password1": new, "new_password2": new}
        return staff.client.post("/portal/password_change/", form, follow=True).content.decode()

    for number in range(django_settings.STAFF_TRIES_PER_ACCOUNT):
        assert "Too many tries" not in change(f"guess {number}")
    assert "Too many tries" in change(PASSWORD)
    staff.user.refresh_from_db()
    assert staff.user.check_password(PASSWORD)


def test_a_right_password_is_changed_and_starts_the_count_again(acme):
    staff = signed_in(acme)
    old = PASSWORD
    for number in range(django_settings.STAFF_TRIES_PER_ACCOUNT + 1):
        new = f"another horse battery staple {number}"
        form = {"old_password": old, "new_password1": new, "new_password2": new}
        assert staff.client.post("/portal/password_change/", form).status_code == 302
        old = new
    staff.user.refresh_from_db()
    assert staff.user.check_password(old)


def test_a_new_password_that_is_refused_is_no_guess_and_a_guess_is_on_record(acme):
    staff = signed_in(acme)

    def change(old, new):
        form = {"old_password": old, "new_password1": new, "new_password2": new}
        return staff.client.post("/portal/password_change/", form, follow=True).content.decode()

    for _each in range(django_settings.STAFF_TRIES_PER_ACCOUNT + 1):
        assert "Too many tries" not in change(PASSWORD, "short")
    assert not AuditEvent.objects.filter(tag="staff:refused").exists()
    change("a guess", "entirely new passphrase")
    assert AuditEvent.objects.get(tag="staff:refused").data == {"reason": "password"}
    assert "Too many tries" not in change(PASSWORD, "entirely new passphrase")


def test_who_lost_the_app_enrols_another_after_an_operator_took_it_away(acme):
    staff, told = make_staff(acme), StringIO()
    call_command("addstatictoken", staff.email, stdout=told)
    staff.client.post(LOGIN, {"email": staff.email, "password": PASSWORD})
    assert staff.client.post(LOGIN, {"code": told.getvalue().strip()}).status_code == 302
    TOTPDevice.objects.filter(user__username=staff.email).delete()
    fresh = Client()
    fresh.post(LOGIN, {"email": staff.email, "password": PASSWORD})
    assert "Set up your authenticator app" in fresh.get(LOGIN).content.decode()
