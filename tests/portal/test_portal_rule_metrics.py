"""The pages of what an action's rules did and of what they rest on."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings
from django.template.loader import render_to_string

from actions import liveness, metrics_page, rule_metrics, tasks
from actions.models import Action, Counting, RuleHour
from actions.rule_metrics import DAYS, hour_of
from actions.rule_numbers import SUMMED
from authsignal_portal import clock
from authsignal_portal.vocabulary import ActionState, Role
from rules.models import ActionConfiguration
from tests import make
from tests.actions.test_liveness import AMOUNT, tracked_many
from tests.actions.test_rule_metrics import TOR, track
from tests.portal.staff import signed_in


@pytest.fixture
def pay(acme) -> ActionConfiguration:
    make.make_point(acme, "amount", "number")
    return make.make_action(acme, "pay", "ALLOW")


def page(staff, configuration, rule=None) -> str:
    """What a reader sees: the text of the page, spaces made one."""
    path = f"/portal/rules/actionconfiguration/{configuration.pk}/metrics/{f'{rule.pk}/' if rule else ''}"
    answer = staff.client.get(path)
    assert answer.status_code == 200
    return text_of(answer.content.decode())


def text_of(html: str) -> str:
    main = html.partition('id="main"')[2] or html
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))


def hour(configuration, rule, *, days_ago=0, **numbers) -> None:
    at = hour_of(clock.now()) - timedelta(days=days_ago)
    fired = [name for name in numbers if name.startswith(("fired_", "shadow_")) and numbers[name]]
    values = dict.fromkeys(SUMMED, 0) | {"tracked": 1000, "last_fired_at": at if fired else None} | numbers
    RuleHour.objects.create(configuration=configuration, rule_id=rule.pk, hour=at, **values)


def test_what_was_tracked_and_passed_is_on_the_page_once_it_was_counted(admin, acme, pay):
    rule = make.make_rule(pay, TOR, name="IP is anonymous")
    for number in range(24):
        action = track(acme, ip="185.220.101.1" if number % 2 else "203.0.113.10")
        if number % 4 == 1:
            Action.objects.filter(pk=action.pk).update(state=ActionState.CHALLENGE_SUCCEEDED)
    assert "Nothing has been counted yet" in page(admin, pay)
    tasks.count_rules()
    text = page(admin, pay)
    assert "Nothing has been counted yet" not in text
    assert "IP is anonymous Challenge 12 50 % of 24 12 Challenge 100 % 6 of 12 (too few to say) 0 %" in text
    text = page(admin, pay, rule)
    assert "It caused 12 Passed since 6 of 12 (too few to say)" in text
    assert "24 12 12 12 6 0" in text


def test_the_worker_is_told_to_count_every_five_minutes():
    (entry,) = [one for one in settings.CELERY_BEAT_SCHEDULE.values() if one["task"] == tasks.count_rules.name]
    assert entry["schedule"] == 300


def test_a_rate_has_an_interval_from_twenty_challenges_on(admin, pay):
    few, many = (make.make_rule(pay, TOR, name=name, priority=place) for place, name in enumerate(["Few", "Many"]))
    hour(pay, few, challenged=19, passed=10, decided=19, fired_challenge=19)
    hour(pay, many, challenged=200, passed=164, passed_at_once=120, decided=200, fired_challenge=200)
    text = page(admin, pay)
    assert "10 of 19 (too few to say)" in text
    assert "82 % (76–87 %)" in text
    text = page(admin, pay, many)
    assert "Passed since 82 % (76–87 %)" in text
    assert "Passed at once 60 % (53–67 %)" in text


@pytest.mark.parametrize(
    ("first", "text"),
    [(DAYS - 1, f"Never fired in {DAYS} days"), (DAYS + 20, f"Never fired in {DAYS} days"), (4, "Has not fired yet")],
)
def test_a_rule_that_never_fired_says_so(admin, pay, first, text):
    rule = make.make_rule(pay, TOR)
    hour(pay, rule, days_ago=first)
    hour(pay, rule)
    assert text in page(admin, pay)
    assert text in page(admin, pay, rule)
    hour(pay, rule, days_ago=1, fired_block=1)
    assert text not in page(admin, pay)


def test_a_rule_that_last_fired_before_the_window_never_fired_in_it_and_tells_when_it_did(admin, pay):
    rule = make.make_rule(pay, TOR)
    hour(pay, rule, days_ago=DAYS + 5, fired_block=1)
    hour(pay, rule)
    text = page(admin, pay)
    assert f"Never fired in {DAYS} days" in text
    assert f"{clock.now() - timedelta(days=DAYS + 5):%b}" in text


def test_a_rule_without_any_action_says_nothing_of_itself(admin, pay):
    make.make_rule(pay, TOR)
    assert "ever fired" not in page(admin, pay)


def test_a_shadow_rule_shows_what_was_decided_without_it(admin, pay):
    rule = make.make_rule(pay, TOR, "BLOCK", name="Stricter", is_shadow=True)
    hour(pay, rule, shadow_allow=60, shadow_challenge=40, shadow_challenged=40, shadow_passed=30)
    text = page(admin, pay)
    assert "Stricter Block Shadow would have: 100 10 % of 1000 – shadow: Allow 60 % Challenge 40 % – " in text
    text = page(admin, pay, rule)
    assert "Would have fired, by day" in text
    assert "Allow 60 (60 %) Challenge 40 (40 %)" in text
    assert "Of those, passed 75 % (59–86 %)" in text
    assert "Fired, by day" not in text


def test_a_rule_that_is_often_undecided_points_to_what_is_sent(admin, pay):
    rule, other = make.make_rule(pay, AMOUNT), make.make_rule(pay, TOR, priority=1)
    hour(pay, rule, unknown=51)
    hour(pay, other, unknown=50)
    assert "This rule is often undecided" in page(admin, pay, rule)
    assert "This rule is often undecided" not in page(admin, pay, other)


def test_rules_are_shown_as_they_are_in_force_and_with_what_they_are_not(admin, pay):
    renamed, off, deleted = (make.make_rule(pay, TOR, name=name, priority=place)
                             for place, name in enumerate(["As before", "Switched off", "Thrown away"]))  # fmt: skip
    off.is_active = False
    off.save()
    pay.changed()
    renamed.name = "Not yet"
    renamed.save()
    deleted.delete()
    pay.save_draft()
    make.Rule.objects.create(configuration=pay, conditions=TOR, name="Only drafted", priority=9)
    text = page(admin, pay)
    assert "As before Challenge –" in text
    assert "Not yet" not in text
    assert "Switched off Challenge Not in force" in text
    assert "Only drafted Challenge Not in force" in text
    assert "Thrown away Challenge Deleted" in text


def test_each_day_is_a_bar_and_a_row(admin, pay):
    rule = make.make_rule(pay, TOR)
    hour(pay, rule, fired_challenge=30, fired_block=10, decided=30)
    hour(pay, rule, days_ago=3, fired_challenge=20, decided=20)
    path = f"/portal/rules/actionconfiguration/{pay.pk}/metrics/{rule.pk}/"
    html = admin.client.get(path).content.decode()
    assert html.count("<rect ") == 3
    assert 'class="BLOCK"' in html
    assert "Most on one day: 40." in html
    rows = html.partition('id="days"')[2]
    assert rows.count("<tr>") == 3
    assert " style=" not in html


@pytest.mark.parametrize("role", list(Role))
def test_every_member_may_read(acme, pay, role):
    rule = make.make_rule(pay, TOR, name="IP is anonymous")
    staff = signed_in(acme, role)
    assert "IP is anonymous" in page(staff, pay)
    assert "looked at" in page(staff, pay, rule).lower()


def test_a_rule_is_found_under_its_own_action_and_tenant_only(admin, acme, globex, pay):
    other = make.make_rule(make.make_action(acme, "withdraw"), TOR)
    theirs = make.make_action(globex, "pay")
    their_rule = make.make_rule(theirs, TOR)
    base = "/portal/rules/actionconfiguration"
    gone = "0b0b0b0b-0000-4000-8000-000000000000"
    for path in (f"{pay.pk}/metrics/{other.pk}", f"{pay.pk}/metrics/{their_rule.pk}", f"{pay.pk}/metrics/{gone}",
                 f"{theirs.pk}/metrics", f"{theirs.pk}/metrics/{their_rule.pk}", f"{gone}/metrics"):  # fmt: skip
        assert admin.client.get(f"{base}/{path}/").status_code == 404, path


def test_the_list_of_actions_leads_to_what_their_rules_did(admin, pay):
    html = admin.client.get("/portal/rules/actionconfiguration/").content.decode()
    assert f'href="/portal/rules/actionconfiguration/{pay.pk}/metrics/"' in html


# -- how far the counting is ---------------------------------------------------------------------


def test_numbers_that_are_not_complete_say_so(admin, acme, pay):
    make.make_rule(pay, TOR)
    track(acme)
    rule_metrics.count_due()
    overdue, behind = "Newer actions wait to be counted", "are still being counted"
    assert overdue not in page(admin, pay)
    assert behind not in page(admin, pay)
    Counting.objects.update(until=clock.now() - timedelta(minutes=16))
    assert overdue in page(admin, pay)
    Counting.objects.update(settled=clock.now() - timedelta(days=5))
    assert behind in page(admin, pay)
    Action.objects.all().delete()
    assert overdue not in page(admin, pay)


# -- what the backend sends ----------------------------------------------------------------------


def test_a_data_point_that_was_renamed_shows_on_the_page_and_on_the_dashboard(admin, acme, pay):
    make.make_rule(pay, AMOUNT, name="Large amount")
    tracked_many(acme, 30, {"custom": {"amount": 3}})
    tracked_many(acme, 30, {"custom": {"amount": 4}})
    assert "Every data point that the rules ask for arrives, and varies." in page(admin, pay)
    assert "does not arrive" not in admin.client.get("/portal/").content.decode()
    tracked_many(acme, 120, {"custom": {"amount_value": 4}})
    text = page(admin, pay)
    assert "amount custom.amount Stopped arriving Last at" in text
    assert "missing from the 120 actions since." in text
    assert "Large amount It cannot fire." in text
    assert "no data point stands for it: amount_value ." in text
    dashboard = text_of(admin.client.get("/portal/").content.decode())
    assert "“custom.amount” last came with pay at" in dashboard
    assert "missing from the 120 actions since. Rules: Large amount. What that means for pay" in dashboard


def test_the_dashboard_names_a_few_alarms_and_counts_the_rest(admin, acme, pay):
    names = [f"name{number}" for number in range(8)]
    for place, name in enumerate(names):
        make.make_point(acme, name, "number")
        make.make_rule(pay, {">": [{"var": f"custom.{name}"}, 1]}, priority=place)
    tracked_many(acme, 20, {"custom": dict.fromkeys(names, 1)})
    tracked_many(acme, 100, {})
    dashboard = text_of(admin.client.get("/portal/").content.decode())
    assert "name4" in dashboard
    assert "name5" not in dashboard
    assert "And 3 more." in dashboard


def test_the_dashboard_and_the_page_do_without_what_takes_too_long(admin, acme, pay, monkeypatch):
    make.make_rule(pay, AMOUNT)
    monkeypatch.setattr(liveness, "ARRIVED", "SELECT pg_sleep(5)")
    monkeypatch.setattr(liveness, "LONGEST", "50ms")
    assert "could not be looked up in time" in admin.client.get("/portal/").content.decode()
    assert "could not be read in time" in page(admin, pay)


def test_what_a_backend_sent_is_shown_as_text(admin, acme, pay):
    make.make_point(acme, "note", "text")
    make.make_rule(pay, {"==": [{"var": "custom.note"}, "x"]}, name="<b>Note</b>")
    tracked_many(acme, 120, {"custom": {"note": "<script>alert(1)</script>", "<img src=x>": 1}})
    html = admin.client.get(f"/portal/rules/actionconfiguration/{pay.pk}/metrics/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    for raw in ("<script>alert", "<img src=x>", "<b>Note"):
        assert raw not in html


# -- for the list of rules -----------------------------------------------------------------------


def test_a_rule_in_a_list_tells_its_numbers_in_a_line(pay):
    live, shadow, silent, unseen = (make.make_rule(pay, TOR, priority=place, is_shadow=place == 1)
                                    for place in range(4))  # fmt: skip
    hour(pay, live, fired_challenge=40, challenged=40, passed=30, decided=40, unknown=200)
    hour(pay, shadow, shadow_allow=7)
    hour(pay, silent, days_ago=DAYS - 1)
    lines = metrics_page.lines(pay, clock.now())
    shown = {one: text_of(render_to_string("portal/rule_numbers.html", {"line": lines[one.pk]})).strip()
             for one in (live, shadow, silent, unseen)}  # fmt: skip
    assert shown[live] == (
        "Fired 40 times in 30 days (4.0 % of actions). 75 % of its challenges were passed. Undecided in 20 % Day by day"
    )
    assert shown[shadow] == "As a shadow rule it would have fired 7 times in 30 days. Day by day"
    assert shown[silent] == "Never fired in 30 days Day by day"
    assert shown[unseen] == ""
