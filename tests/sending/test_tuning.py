"""What a tenant tunes: below the hard caps, checked, and shown on the pages of the portal."""

import pytest

from audit.models import AuditEvent
from authenticators import guard, sending, sending_counts, sending_shown
from authenticators.models import AuthenticatorConfiguration, Message, SendingPause, SendingPolicy
from authsignal_portal import clock
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, Role
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.authenticators.owing import advance
from tests.portal.staff import signed_in
from tests.portal.test_portal_settings import CHOSEN
from tests.races import scenes
from tests.races.desk import sent_code

METHODS = "/portal/authenticators/authenticatorconfiguration/"
SENDING = "/portal/authenticators/sendingpause/"
# Those of somebody else need more than a switch.
OURS = [method for method in M if method not in (*ID_TOKENS, *IDENTITY_CHECKS)]
ALL_ON = CHOSEN | {f"{method}-{flag}": "on" for method in OURS for flag in ("is_active", "is_editable_by_user")}
ALL_ON |= {"SMS-sms_channel": "DEFAULT", "EMAIL_MAGIC_LINK-magic_link_mode": "NEW_TAB"}


@pytest.fixture
def admin(acme):
    return signed_in(acme)


def tune(tenant, method=M.SMS, **fields):
    AuthenticatorConfiguration.objects.update_or_create(tenant=tenant, method=method, defaults=fields)


# -- codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [6, 10])
def test_a_code_has_as_many_digits_as_the_tenant_wants(desk, digits):
    tune(desk.tenant, code_length=digits)
    tracked = scenes.enrolled(desk, M.SMS)
    started = desk("POST", "client/challenge/sms", token=tracked.token)[1]
    code = sent_code(started["challengeId"])
    assert len(code) == digits
    tune(desk.tenant, code_length=6)
    for answer, verified in ((code[:-1], False), (code + "0", False), (code, True)):
        body = {"verificationCode": answer}
        assert desk("POST", "client/verify/sms", body, token=tracked.token)[1]["isVerified"] is verified
    assert scenes.evaluated() == 0


def test_no_code_has_fewer_than_six_digits_whatever_was_once_allowed(desk):
    tune(desk.tenant, code_length=4)
    tracked = scenes.enrolled(desk, M.SMS)
    assert len(sent_code(desk("POST", "client/challenge/sms", token=tracked.token)[1]["challengeId"])) == 6


def test_a_tenants_limit_holds_beside_the_hard_caps(desk):
    tune(desk.tenant, verify_limit=2, verify_minutes=60)
    tracked = scenes.enrolled(desk, M.SMS)
    code = scenes.coded(scenes.waiting(tracked, M.SMS))
    for number in range(1, 4):
        desk("POST", "client/verify/sms", {"verificationCode": scenes.wrong(code, number)}, token=tracked.token)
    assert scenes.evaluated() == 2
    tune(desk.tenant, verify_limit=100, verify_minutes=1)
    other = scenes.enrolled(desk, M.SMS, contact="+64279876543")
    for _round in range(3):
        for _challenge in range(2):
            challenge = scenes.waiting(other, M.SMS)
            code = scenes.coded(challenge)
            for number in range(1, 6):
                guess = {"challengeId": challenge.pk, "verificationCode": scenes.wrong(code, number)}
                desk("POST", "verify", guess)
        # After ten running the method rests for a quarter of an hour.
        desk.clock.advance(16 * 60)
    assert scenes.evaluated() == 2 + 20


def test_a_tenants_sending_limit_holds(desk):
    tune(desk.tenant, send_limit=2, send_minutes=30)
    tracked = scenes.enrolled(desk, M.SMS)
    statuses = []
    for _time in range(3):
        statuses.append(desk("POST", "client/challenge/sms", token=tracked.token)[0])
        desk.clock.advance(60)
    assert statuses == [200, 200, 429]


# -- the budget ----------------------------------------------------------------------------------


def test_no_tenant_is_allowed_more_than_the_operator_says(acme, settings):
    settings.SMS_PER_DAY_AT_MOST, settings.SMS_COST_PER_DAY_AT_MOST = 50, 7
    caps = sending.caps_of(SendingPolicy(tenant=acme, messages_per_day=5000, cost_per_day=10**9))
    assert (caps.budget_messages, caps.budget_cost) == (50, 70_000)


# -- the pages -----------------------------------------------------------------------------------


def test_limits_are_tuned_on_the_page_of_the_methods(acme, admin):
    given = {"SMS-verify_limit": "3", "SMS-verify_minutes": "5", "SMS-code_length": "8"}
    assert admin.client.post(METHODS, ALL_ON | given).status_code == 302
    row = AuthenticatorConfiguration.objects.get(tenant=acme, method=M.SMS)
    assert (row.verify_limit, row.verify_minutes, row.code_length, row.send_limit) == (3, 5, 8, None)


def test_a_link_has_no_digits_and_whatsapp_has(admin):
    page = admin.client.get(METHODS).content.decode()
    for name, is_there in (
        ("WHATSAPP-code_length", True),
        ("EMAIL_MAGIC_LINK-code_length", False),
        ("EMAIL_MAGIC_LINK-send_limit", True),
        ("PUSH-send_limit", False),
    ):
        assert (f'name="{name}"' in page) is is_there


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"SMS-code_length": "5"}, "greater than or equal to 6"),
        ({"SMS-code_length": "11"}, "less than or equal to 10"),
        ({"SMS-verify_limit": "3"}, "or neither"),
        ({"SMS-verify_limit": "11", "SMS-verify_minutes": "5"}, "No more than 10"),
        ({"EMAIL_OTP-send_limit": "13", "EMAIL_OTP-send_minutes": "10"}, "No more than 12"),
        ({"SMS-send_limit": "2", "SMS-send_minutes": "1441"}, "less than or equal to 1440"),
    ],
)
def test_what_is_out_of_bounds_is_told_and_not_saved(acme, admin, given, told):
    answer = admin.client.post(METHODS, ALL_ON | given)
    assert told in answer.content.decode()
    assert not AuthenticatorConfiguration.objects.filter(tenant=acme, code_length__isnull=False).exists()


def paused(tenant, **fields):
    now = clock.now()
    values = {"country": "NZ", "prefix": "+6421123", "started_at": now, "settled": 5, "proven": 0}
    until = now + sending.LOOKS_BACK
    return SendingPause.objects.create(tenant=tenant, scope="prefix:x", until=until, **(values | fields))


def test_the_page_shows_what_was_sent_answered_and_refused_and_which_pauses_run(acme, admin, globex):
    day = int(clock.now().timestamp() // guard.DAY) * guard.DAY
    charge = guard.Charge(guard.destination_scope("NZ"), day, guard.DAY)
    for _message in range(4):
        sending_counts.add(acme, [charge, guard.Charge("budget", day, guard.DAY)], price=850)
    sending_counts.credit(acme, [guard.Credit(charge.scope, day, gives_back=False)], price=850)
    sending_counts.refuse(acme, guard.destination_scope("LK"), day)
    paused(acme)
    [nz, lk] = sending_shown.destinations(acme, clock.now())
    assert (nz.country, nz.sends, nz.proofs, nz.proven_percent) == ("NZ", 4, 1, 25)
    assert (lk.country, lk.sends, lk.week_refusals) == ("LK", 0, 1)
    page = admin.client.get(SENDING).content.decode()
    for text in ("+6421123•••• New Zealand", "0 of 5", "0.34", "of 2,000", "End the pause"):
        assert text in page
    assert sending_shown.destinations(globex, clock.now()) == []
    assert "+6421123" not in signed_in(globex).client.get(SENDING).content.decode()


def test_staff_end_a_pause_and_it_is_on_record(acme, admin, globex):
    pause, foreign = paused(acme), paused(globex)
    assert admin.client.get(f"{SENDING}{pause.pk}/end/").status_code == 200
    assert SendingPause.objects.get(pk=pause.pk).until > clock.now()
    assert admin.client.post(f"{SENDING}{pause.pk}/end/").status_code == 302
    assert SendingPause.objects.get(pk=pause.pk).until <= clock.now()
    [event] = AuditEvent.objects.filter(tag="sending:pause_ended")
    assert (event.actor, event.data) == (str(admin.user.pk), {"kind": "prefix", "country": "NZ"})
    assert admin.client.post(f"{SENDING}{pause.pk}/end/").status_code == 404
    assert admin.client.post(f"{SENDING}{foreign.pk}/end/").status_code == 404


def test_only_administrators_change_limits_and_end_pauses(acme):
    pause, support = paused(acme), signed_in(acme, Role.SUPPORT)
    assert support.client.get(SENDING).status_code == 200
    assert support.client.post(SENDING, {"messages_per_day": "1"}).status_code == 403
    assert support.client.post(f"{SENDING}{pause.pk}/end/").status_code == 403
    assert not SendingPolicy.objects.exists()


def test_the_tenants_budget_and_prices_are_saved_and_the_log_names_the_fields(acme, admin):
    given = {"messages_per_day": "300", "cost_per_day": "12.50", "prices": "NZ 0.085\nAU 0.04", "refuses_voip": "on"}
    assert admin.client.post(SENDING, given).status_code == 302
    row = SendingPolicy.objects.get(tenant=acme)
    assert (row.messages_per_day, row.cost_per_day, row.prices) == (300, 125_000, {"NZ": 850, "AU": 400})
    assert row.refuses_voip
    assert AuditEvent.objects.get(tag="sending_policy:updated").data == {
        "fields": ["messages_per_day", "cost_per_day", "prices", "refuses_voip"]
    }
    page = admin.client.get(SENDING).content.decode()
    assert "NZ 0.085" in page
    advance(6 * 60)
    assert b"Enter the code" in admin.client.post(SENDING, given | {"messages_per_day": "9"}).content


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"messages_per_day": "100001"}, "At most 100,000"),
        ({"cost_per_day": "-1"}, "greater than or equal to 0"),
        ({"cost_per_day": "10000.01"}, "At most 10,000"),
        ({"prices": "NZ cheap"}, "two capital letters and a price"),
        ({"prices": "NZL 0.1"}, "two capital letters and a price"),
        ({"prices": "NZ nan"}, "two capital letters and a price"),
    ],
)
def test_a_budget_out_of_bounds_is_told_and_not_saved(acme, admin, given, told):
    assert told in admin.client.post(SENDING, given).content.decode()
    assert not SendingPolicy.objects.exists()


def test_internet_telephone_numbers_are_refused_where_the_tenant_says_so(desk):
    voip = {"action": "sign-up", "phoneNumber": "+445612345678", "verificationMethod": "SMS"}
    assert desk("POST", "challenge", voip)[0] == 200
    SendingPolicy.objects.create(tenant=desk.tenant, refuses_voip=True)
    status, body = desk("POST", "challenge", voip | {"phoneNumber": "+445612345679"})
    assert (status, "VoIP" in body["errorDescription"]) == (400, True)
    assert Message.objects.count() == 1


@pytest.mark.parametrize("number", ["+447012345678", "+449012345678", "+448451234567"])
def test_numbers_that_cost_the_caller_are_refused(desk, number):
    body = {"action": "sign-up", "phoneNumber": number, "verificationMethod": "SMS"}
    assert desk("POST", "challenge", body)[0] == 400


def test_a_hosted_page_asks_for_as_many_digits_as_the_code_has(desk):
    tune(desk.tenant, code_length=8)
    tracked = scenes.enrolled(desk, M.SMS)
    page = desk.http.get("/challenge", {"token": tracked.token}).content.decode()
    assert 'data-digits="8"' in page
    assert "We sent a 8\u2011digit code by text message" in page
    assert 'data-digits="6"' in page
    assert 'data-digits=""' not in page
