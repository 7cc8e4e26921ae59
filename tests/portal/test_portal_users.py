"""Finding users and helping those who are locked out."""

import re
from datetime import timedelta
from html import unescape

import pytest

from actions.models import Device
from audit.models import AuditEvent
from authenticators import guesses
from authenticators.models import Authenticator, GuessCount
from authsignal_portal import clock
from authsignal_portal.vocabulary import Role, VerificationMethod
from tests import make
from tests.conftest import advance_clock
from tests.device import DeviceKey
from tests.portal.staff import code_of, signed_in

USERS = "/portal/authenticators/enduser/"


@pytest.fixture
def support(acme):
    return signed_in(acme, Role.SUPPORT)


@pytest.fixture
def alice(acme):
    return make.make_user(
        acme, "alice", email="Alice@Example.com", phone_number="+64 21 555 010", custom={"tier": "gold"}
    )


def found(client, asked: str) -> list[str]:
    html = client.get(USERS, {"q": asked}).content.decode()
    return [unescape(text) for text in re.findall(r'/change/">([^<]+)</a>', html)]


def test_custom_data_is_told_in_words(acme, support):
    user = make.make_user(
        acme, "alice", custom={"branches": ["Hutt", "Kapiti"], "roles": [], "isStaff": False, "n": 3000}
    )
    html = support.client.get(f"{USERS}{user.pk}/change/").content.decode()
    told = dict(re.findall(r"<dt>(branches|roles|isStaff|n)</dt><dd>([^<]*?)\s*</dd>", html))
    assert told == {"branches": "Hutt, Kapiti", "roles": "none", "isStaff": "no", "n": "3,000"}


def test_the_list_says_how_many_of_a_method_a_user_has(acme, support, alice):
    for _number in range(2):
        make.make_authenticator(alice, "PUSH")
    assert "Push (2)" in support.client.get(USERS).content.decode()


@pytest.mark.parametrize(
    ("locale", "told"),
    [("de-AT", "German (Austria)"), ("it", "Italian"), ("qq-ZZ", "qq-ZZ"), ("sr_Latn", "Serbian (Latin)"), ("-", "-")],
)
def test_the_language_is_told_by_its_name(support, alice, locale, told):
    alice.locale = locale
    alice.save()
    html = support.client.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert f"<dt>Language</dt><dd>{told}" in html


@pytest.mark.parametrize(
    ("asked", "users"),
    [
        ("alice", ["alice", "alice-2"]),
        ("ali", ["alice", "alice-2"]),
        ("ALICE", []),
        ("alice@example.com", ["alice"]),
        ("ALICE@example.COM", ["alice"]),
        ("alice@example", []),
        ("+6421555010", ["alice"]),
        ("+64 (21) 555-010", ["alice"]),
        ("6421555010", ["alice"]),
        ("%", ["%x"]),
        ("a\0b", []),
        ("'; DROP TABLE x; --", []),
    ],
)
def test_users_are_found_by_the_start_of_their_id_or_a_whole_address(acme, support, alice, asked, users):
    for user_id in ("alice-2", "bob", "%x"):
        make.make_user(acme, user_id)
    assert found(support.client, asked) == users


def test_the_list_has_pages(acme, support):
    for number in range(60):
        make.make_user(acme, f"user {number:02d}&é")
    first = support.client.get(USERS).content.decode()
    after = re.search(r'href="(\?after=[^"]+)"', first)
    second = support.client.get(USERS + unescape(after[1])).content.decode()
    ids = re.findall(r'/change/">([^<]+)</a>', first) + re.findall(r'/change/">([^<]+)</a>', second)
    assert len(ids) == len(set(ids)) == 60


def test_the_page_shows_who_the_user_is(support, alice):
    make.make_authenticator(
        alice, VerificationMethod.PASSKEY, name="alice", credential_id="x", rp_id="localhost", label="<On> my phone"
    )
    html = support.client.get(f"{USERS}{alice.pk}/change/").content.decode()
    for text in ("Alice@Example.com", "+64 21 555 010", "gold", "Passkey", "&lt;On&gt; my phone", str(alice.pseudonym)):
        assert text in html


def test_an_authenticator_is_removed_after_asking(acme, support, alice):
    row = make.make_authenticator(alice, contact="alice@example.com")
    path = f"{USERS}{alice.pk}/authenticators/{row.pk}/remove/"
    assert b"Make sure that you are talking to the person themselves" in support.client.get(path).content
    assert Authenticator.objects.exists()
    assert support.client.post(path).status_code == 302
    assert not Authenticator.objects.exists()
    event = AuditEvent.objects.get(tag="authenticator:removed")
    assert (event.actor_kind, event.actor, event.subject) == ("staff", str(support.user.pk), alice.pseudonym)
    assert event.data == {"authenticator": str(row.pk), "method": "EMAIL_OTP"}
    assert support.client.post(path).status_code == 404


def test_removing_needs_a_fresh_code(support, alice):
    row = make.make_authenticator(alice, contact="alice@example.com")
    path = f"{USERS}{alice.pk}/authenticators/{row.pk}/remove/"
    advance_clock(6 * 60)
    support.client.post(path)
    assert Authenticator.objects.exists()
    support.client.post(path, {"code": code_of(support.device)})
    assert not Authenticator.objects.exists()


def test_another_users_authenticator_is_not_removed_through_this_one(acme, support, alice):
    row = make.make_authenticator(make.make_user(acme, "bob"), contact="bob@example.com")
    assert support.client.post(f"{USERS}{alice.pk}/authenticators/{row.pk}/remove/").status_code == 404
    assert Authenticator.objects.exists()


def test_a_locked_user_is_unlocked_for_real(acme, support, alice):
    row = guesses.lock(tenant=acme, subject=f"user:{alice.pk}", method="SMS").row
    GuessCount.objects.filter(pk=row.pk).update(consecutive=50, disabled_at=clock.now())
    html = support.client.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert "is locked after 50 wrong answers in a row" in html
    assert not guesses.lock(tenant=acme, subject=f"user:{alice.pk}", method="SMS").admits("authenticate")
    assert support.client.post(f"{USERS}{alice.pk}/unlock/").status_code == 302
    assert guesses.lock(tenant=acme, subject=f"user:{alice.pk}", method="SMS").admits("authenticate")
    event = AuditEvent.objects.get(tag="method:unlocked")
    assert (event.subject, event.data) == (alice.pseudonym, {"method": "SMS"})


def test_unlocking_covers_the_addresses_on_file(acme, support, alice):
    subject = f"contact:{alice.email_index}"
    row = guesses.lock(tenant=acme, subject=subject, method="EMAIL_OTP").row
    GuessCount.objects.filter(pk=row.pk).update(consecutive=10, paused_until=clock.now().replace(year=2999))
    assert "is paused until" in support.client.get(f"{USERS}{alice.pk}/change/").content.decode()
    support.client.post(f"{USERS}{alice.pk}/unlock/")
    assert guesses.lock(tenant=acme, subject=subject, method="EMAIL_OTP").admits("authenticate")


def test_a_device_is_invalidated(acme, support, alice):
    now = clock.now()
    device = Device.objects.create(
        tenant=acme, user=alice, device_id="laptop", authenticated_at=now, remembered_until=now + timedelta(days=9)
    )
    assert "remembered until" in support.client.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert support.client.post(f"{USERS}{alice.pk}/devices/{device.pk}/invalidate/").status_code == 302
    device.refresh_from_db()
    assert (device.invalidated_at is not None, device.remembered_until) == (True, None)
    event = AuditEvent.objects.get(tag="device:invalidated")
    assert event.data == {"row": str(device.pk), "fields": ["invalidated_at", "remembered_until"]}


def test_the_logs_link_by_pseudonym_leads_to_the_user(support, alice):
    answer = support.client.get(f"{USERS}of/{alice.pseudonym}/")
    assert answer["Location"] == f"{USERS}{alice.pk}/change/"


def test_nothing_of_a_user_is_changed_by_a_post_to_their_page(support, alice):
    assert support.client.post(
        f"{USERS}{alice.pk}/change/", {"user_id": "mallory", "email": "m@example.com"}
    ).status_code in (200, 403)
    alice.refresh_from_db()
    assert alice.user_id == "alice"


def test_a_device_is_shown_with_what_it_is_and_can_be_removed(acme, support, alice):
    fields = {"public_key": DeviceKey().spki, "name": "Jo's phone", "device_platform": "IOS"}
    row = make.make_authenticator(alice, VerificationMethod.PUSH, **fields)
    page = unescape(support.client.get(f"{USERS}{alice.pk}/change/").content.decode())
    assert re.search(r"Push <small>Jo's phone</small> <small>iOS</small>", page)
    assert support.client.post(f"{USERS}{alice.pk}/authenticators/{row.pk}/remove/").status_code == 302
    assert not Authenticator.objects.exists()


def test_a_device_past_its_time_is_shown_as_that(acme, support, alice):
    make.make_authenticator(alice, VerificationMethod.PUSH, public_key=DeviceKey().spki, expires_at=clock.now())
    assert "expired" in support.client.get(f"{USERS}{alice.pk}/change/").content.decode()


def test_a_users_passkeys_and_devices_are_told_apart(acme, support, alice):
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    synced = {"credential_id": "a", "rp_id": "x", "aaguid": "fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "backed_up": True}
    bound = {"credential_id": "b", "rp_id": "x", "backup_eligible": False, "clone_suspected_at": clock.now()}
    make.make_authenticator(alice, VerificationMethod.PASSKEY, name="alice@example.com", user_agent=agent, **synced)
    make.make_authenticator(alice, VerificationMethod.PASSKEY, name="alice@example.com", **bound)
    Device.objects.create(
        tenant=acme, user=alice, device_id="d-1", authenticated_at=clock.now(), last_verification_method="SMS"
    )
    page = unescape(support.client.get(f"{USERS}{alice.pk}/change/").content.decode())
    assert re.search(r"<small>(iCloud Keychain|Apple Passwords)</small> <small>Chrome 120 on Linux</small>", page)
    assert re.search(r">synced<.*>on one device<.*>copy suspected ", page, re.DOTALL)
    assert "alice@example.com</small>" not in page
    assert re.search(r"d-1</code>.*last verified .*\(Code by SMS\)", page)


def test_several_of_a_method_are_told_apart_here_and_in_the_log(acme, support, alice):
    numbers = ["+64215550123", "+64215550456"]
    rows = [make.make_authenticator(alice, VerificationMethod.SMS, contact=number) for number in numbers]
    page = support.client.get(f"{USERS}{alice.pk}/change/").content.decode()
    for number, row in zip(numbers, rows, strict=True):
        assert f"<small>{number}</small> <small><code>#{str(row.pk)[:8]}</code></small>" in page
    path = f"{USERS}{alice.pk}/authenticators/{rows[0].pk}/remove/"
    assert "SMS · +64215550123" in support.client.get(path).content.decode()
    support.client.post(path)
    assert [row.pk for row in Authenticator.objects.all()] == [rows[1].pk]
    assert f"#{str(rows[0].pk)[:8]}" in support.client.get("/portal/audit/auditevent/").content.decode()
