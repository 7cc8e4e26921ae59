"""The pages of backtests: who may begin one, what is said of it, and that tenants are kept apart."""

from typing import Any

import pytest
from kombu.exceptions import OperationalError

from actions import backtest, tasks
from actions.models import Action, Backtest
from audit.models import AuditEvent
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Role
from rules.models import ActionConfiguration, Rule
from tests.actions.past import make_pay, track
from tests.portal.staff import Staff, signed_in
from tests.rules.cases import compare

# A backtest reads on a connection of its own; where none is run, a test need not commit.
pytestmark = pytest.mark.django_db(transaction=True)
not_run = pytest.mark.django_db(transaction=False)
LIST = "/portal/actions/backtest"


@pytest.fixture
def admin(acme: Tenant) -> Staff:
    return signed_in(acme)


@pytest.fixture
def pay(acme: Tenant) -> ActionConfiguration:
    """Three actions that were allowed, and a draft that does not like two of them."""
    configuration = make_pay(acme)
    track(acme, "ann", custom={"amount": 9}, email="ann@acme.example")
    track(acme, "bob", custom={"amount": 9}, email="bob@acme.example")
    track(acme, "eve", custom={"amount": 1})
    Rule.objects.create(
        configuration=configuration,
        name="Large <amount>",
        priority=1,
        outcome="CHALLENGE",
        conditions={"and": [compare(">", "custom.amount", 2), compare("endsWith", "user.email", "@acme.example")]},
    )
    configuration.save_draft()
    return configuration


def new(configuration: ActionConfiguration) -> str:
    return f"/portal/backtests/new/?configuration={configuration.pk}"


def begin(staff: Staff, configuration: ActionConfiguration, **form: Any) -> Any:
    return staff.client.post(new(configuration), {"days": "30", **form})


def page_of(staff: Staff, made: Backtest, path: str = "change") -> str:
    answer = staff.client.get(f"{LIST}/{made.pk}/{path}/")
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def test_a_backtest_is_begun_with_a_click_and_its_report_read(admin, pay):
    answer = begin(admin, pay, days="7")
    made = Backtest.objects.get()
    assert answer.headers["Location"] == f"{LIST}/{made.pk}/change/"
    assert (made.status, made.days, made.author_id) == ("done", 7, admin.user.pk)
    page = page_of(admin, made)
    assert "What came out, and what would have" in page
    assert "Large &lt;amount&gt;" in page
    assert admin.email in page
    assert "66.7 %" in page
    assert page_of(admin, made).count('class="changed"') == 1
    assert "version 2" in page


def test_that_some_are_let_through_is_said_with_the_challenges(acme, admin, pay):
    begin(admin, pay)
    text = "Challenges are also counted for users who have nothing to prove with"
    assert text not in page_of(admin, Backtest.objects.get())
    acme.let_unenrolled_users_through = True
    acme.save()
    assert text in page_of(admin, Backtest.objects.get())


def test_it_is_recorded_who_began_it(admin, pay):
    begin(admin, pay)
    event = AuditEvent.objects.get(tag="backtest:started")
    made = Backtest.objects.get()
    assert event.actor == str(admin.user.pk)
    assert event.data == {"row": str(made.pk), "action_code": "pay", "version": 2, "days": 30}
    page = admin.client.get("/portal/audit/auditevent/").content.decode()
    assert "Tried the draft rules of pay on the last 30 days" in page


@not_run
@pytest.mark.parametrize("days", ["", "0", "8", "91", "x"])
def test_only_days_that_are_offered_can_be_asked_for(admin, pay, days):
    assert begin(admin, pay, days=days).status_code == 200
    assert not Backtest.objects.exists()


@not_run
def test_while_one_runs_another_cannot_begin(admin, pay):
    running = backtest.begin(pay, days=7, author_id=None)
    page = begin(admin, pay).content.decode()
    assert "One backtest runs at a time." in page
    assert f"{LIST}/{running.pk}/change/" in page
    assert Backtest.objects.count() == 1


def test_earlier_backtests_are_listed_newest_first(admin, pay):
    begin(admin, pay, days="7")
    begin(admin, pay, days="90")
    page = admin.client.get(new(pay)).content.decode()
    newest, oldest = Backtest.objects.all()
    assert page.index(str(newest.pk)) < page.index(str(oldest.pk))
    assert newest.days == 90


def test_a_sampled_action_is_shown_as_it_was_and_as_it_would_be(admin, pay):
    begin(admin, pay)
    made = Backtest.objects.get()
    first = made.report["samples"][0]["actions"][0]["id"]
    page = page_of(admin, made, f"actions/{first}")
    assert "With the draft" in page
    assert "ends with" in page
    assert "bob@acme.example" in page
    assert page.index('id="then">Before') < page.index("With the draft")


def test_contact_details_in_a_trace_are_for_those_who_may_see_them(acme, pay):
    analyst = signed_in(acme, Role.ANALYST)
    begin(analyst, pay)
    made = Backtest.objects.get()
    page = page_of(analyst, made, f"actions/{made.report['samples'][0]['actions'][0]['id']}")
    assert "bob@acme.example" not in page
    assert "With the draft" in page


def test_the_trace_of_a_sample_shows_the_velocity_that_the_draft_was_told(admin, acme, pay):
    Rule.objects.filter(configuration=pay).update(
        conditions=compare(">=", "velocity.users.emailDomain.any.1d", 2), outcome="BLOCK"
    )
    pay.save_draft()
    begin(admin, pay)
    made = Backtest.objects.get()
    (cell,) = made.report["samples"]
    assert [one["velocity"] for one in cell["actions"]] == [{"users.emailDomain.any.1d": 2}]
    page = page_of(admin, made, f"actions/{cell['actions'][0]['id']}")
    assert "Different users in actions of any kind with the email domain in 1 day" in page
    assert page.count('class="portal-badge BLOCK"') >= 2


def test_only_sampled_actions_have_a_page_and_those_deleted_since_are_left_out(admin, pay):
    begin(admin, pay)
    made = Backtest.objects.get()
    other = Action.objects.get(user__user_id="eve")
    assert admin.client.get(f"{LIST}/{made.pk}/actions/{other.pk}/").status_code == 404
    sampled = [one["id"] for one in made.report["samples"][0]["actions"]]
    Action.objects.filter(pk=sampled[0]).delete()
    assert admin.client.get(f"{LIST}/{made.pk}/actions/{sampled[0]}/").status_code == 404
    page = page_of(admin, made)
    assert sampled[0] not in page
    assert sampled[1] in page
    Action.objects.all().delete()
    assert "They have been deleted since." in page_of(admin, made)


def test_a_rule_that_is_gone_is_named_without_a_link(admin, pay):
    begin(admin, pay)
    rule = Rule.objects.get()
    made = Backtest.objects.get()
    assert f"/portal/rules/rule/{rule.pk}/change/" in page_of(admin, made)
    rule.delete()
    assert f"/portal/rules/rule/{rule.pk}/change/" not in page_of(admin, made)
    assert "Large &lt;amount&gt;" in page_of(admin, made)


@not_run
def test_progress_is_told_to_the_pages_script(admin, pay):
    made = backtest.begin(pay, days=7, author_id=None)

    def told() -> Any:
        answer = admin.client.get(f"{LIST}/{made.pk}/progress/")
        assert "no-store" in answer.headers["Cache-Control"]
        return answer.json()

    assert told() == {"percent": 0, "text": "Waiting for its turn …", "status": "queued"}
    Backtest.objects.filter(pk=made.pk).update(status="running")
    assert told()["text"] == "Looking for the actions …"
    Backtest.objects.filter(pk=made.pk).update(done=1, total=3)
    assert told() == {"percent": 33, "text": "33 % done", "status": "running"}
    Backtest.objects.filter(pk=made.pk).update(cancel_requested=True)
    assert told()["text"] == "Stopping …"


def test_one_that_nobody_takes_up_says_so_and_another_can_begin(admin, pay, advance):
    made = backtest.begin(pay, days=7, author_id=None)
    assert "Waiting for its turn" in page_of(admin, made)
    advance(121)
    assert "No worker has taken it up yet." in page_of(admin, made)
    # It still may: it has failed only once somebody begins another.
    assert admin.client.get(f"{LIST}/{made.pk}/progress/").json()["status"] == "queued"
    begin(admin, pay)
    assert "No worker took it up." in page_of(admin, made)
    assert [one.status for one in Backtest.objects.all()] == ["done", "failed"]


def test_where_the_queue_is_away_it_has_failed_at_once(admin, pay, monkeypatch):
    def away(*_given: Any) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.run_backtest, "delay", away)
    begin(admin, pay)
    made = Backtest.objects.get()
    assert made.status == "failed"
    assert "The queue of the workers could not be reached." in page_of(admin, made)


@not_run
def test_it_is_cancelled_by_a_click(admin, pay):
    made = backtest.begin(pay, days=7, author_id=None)
    assert admin.client.get(f"{LIST}/{made.pk}/cancel/").status_code == 302
    made.refresh_from_db()
    assert made.status == "queued"
    admin.client.post(f"{LIST}/{made.pk}/cancel/")
    made.refresh_from_db()
    assert made.status == "cancelled"
    assert "It was cancelled." in page_of(admin, made)


def test_an_empty_history_says_so(admin, acme, pay):
    Action.objects.all().delete()
    begin(admin, pay)
    assert "There was no action to decide again" in page_of(admin, Backtest.objects.get())


# -- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.READ_ONLY])
def test_others_may_read_a_report_but_neither_begin_nor_end_one(acme, pay, role):
    staff = signed_in(acme, role)
    made = backtest.begin(pay, days=7, author_id=None)
    assert begin(staff, pay).status_code == 403
    assert staff.client.post(f"{LIST}/{made.pk}/cancel/").status_code == 403
    assert "Cancel" not in page_of(staff, made)
    assert "Start the backtest" not in staff.client.get(new(pay)).content.decode()
    backtest.run(made.pk)
    assert "By rule" in page_of(staff, made)


def test_another_tenants_backtests_answer_as_if_there_were_none(admin, globex, acme, pay):
    theirs = make_pay(globex)
    track(globex, "zed", custom={"amount": 9})
    Rule.objects.create(
        configuration=theirs, name="Theirs", priority=1, outcome="BLOCK", conditions=compare(">", "custom.amount", 2)
    )
    theirs.save_draft()
    made = backtest.begin(theirs, days=7, author_id=None)
    action = Action.objects.get(tenant=globex)
    for path in ("change", "progress", "cancel", f"actions/{action.pk}", "history", "delete"):
        answers = [admin.client.get(f"{LIST}/{pk}/{path}/") for pk in (made.pk, theirs.pk)]
        assert {answer.status_code for answer in answers} <= {302, 403, 404}, path
        assert answers[0].status_code == answers[1].status_code, path
        assert str(made.pk) not in answers[0].content.decode()
    admin.client.post(f"{LIST}/{made.pk}/cancel/")
    assert admin.client.get(new(theirs)).status_code == 404
    assert begin(admin, theirs).status_code == 404
    made.refresh_from_db()
    assert (made.status, made.cancel_requested) == ("queued", False)
    backtest.run(made.pk)
    begin(admin, pay)
    mine = Backtest.objects.get(tenant=acme)
    assert admin.client.get(f"{LIST}/{mine.pk}/actions/{action.pk}/").status_code == 404
    assert "Theirs" not in page_of(admin, mine)
    assert str(made.pk) not in admin.client.get(new(pay)).content.decode()


@not_run
@pytest.mark.parametrize("query", ["", "?configuration=", "?configuration=x"])
def test_without_an_action_there_is_nothing_to_begin(admin, query):
    assert admin.client.get(f"/portal/backtests/new/{query}").status_code == 404


@not_run
def test_nobody_signed_out_sees_any_of_it(client, pay):
    made = backtest.begin(pay, days=7, author_id=None)
    for path in (new(pay), f"{LIST}/{made.pk}/change/", f"{LIST}/{made.pk}/progress/", f"{LIST}/"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/portal/login/")


@not_run
def test_there_is_no_list_of_all(admin):
    assert admin.client.get(f"{LIST}/").headers["Location"] == "/portal/rules/actionconfiguration/"
