"""What the portal says of rules before they act, and of outcomes afterwards."""

import re
from html import unescape

from actions import flow
from actions.models import Action
from audit import log
from authsignal_portal.vocabulary import Role
from tests import make
from tests.portal.staff import signed_in

LARGE = {">": [{"var": "custom.amount"}, 2000]}
LARGER = {">": [{"var": "custom.amount"}, 5000]}


def text_of(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def track(tenant, **attributes):
    tracked = flow.track(tenant=tenant, user_id="alice", action_code="pay", attributes=attributes, actor=log.SYSTEM)
    return Action.objects.get(pk=tracked.action_id)


def pay(acme):
    make.make_point(acme, "amount", "number")
    return make.make_action(acme, "pay", "ALLOW")


# -- before ----------------------------------------------------------------------------------------


def test_a_rule_that_an_earlier_one_covers_is_found_with_an_action_that_shows_it(admin, acme):
    configuration = pay(acme)
    make.make_rule(configuration, LARGE, "CHALLENGE", name="Large", priority=0)
    make.make_rule(configuration, LARGER, "BLOCK", name="Larger", priority=1)
    for page in ("rules", "publish"):
        if page == "publish":
            configuration.rules.filter(name="Large").update(description="Above 2,000")
            configuration.save_draft()
        text = text_of(admin.client.get(f"/portal/rules/actionconfiguration/{configuration.pk}/{page}/"))
        assert "What stands out in these rules" in text, page
        assert "Larger : " in text
        assert "“Large”" in text
        assert "An action that shows it" in text


def test_the_action_that_shows_it_has_only_what_the_rules_ask_for(admin, acme):
    configuration = pay(acme)
    verified = {"==": [{"var": "user.hasPreviouslyVerified"}, True]}
    make.make_rule(configuration, verified, "ALLOW", name="Verified", priority=0)
    make.make_rule(configuration, LARGE, "CHALLENGE", name="Large", priority=1)
    make.make_rule(configuration, LARGER, "BLOCK", name="Larger", priority=2)
    text = text_of(admin.client.get(f"/portal/rules/actionconfiguration/{configuration.pk}/rules/"))
    shown = text.partition("An action that shows it")[2].partition("Whatever else")[0]
    assert "amount" in shown
    assert "verified" not in shown


def test_of_a_rule_that_never_fires_no_action_is_shown(admin, acme):
    configuration = pay(acme)
    clash = {"and": [{">": [{"var": "custom.amount"}, 10]}, {"<": [{"var": "custom.amount"}, 5]}]}
    make.make_rule(configuration, clash, "BLOCK", name="Clash")
    text = text_of(admin.client.get(f"/portal/rules/actionconfiguration/{configuration.pk}/rules/"))
    assert "This rule can never fire" in text
    assert "An action that shows it" not in text


def test_of_sound_rules_nothing_is_said(admin, acme):
    configuration = pay(acme)
    make.make_rule(configuration, LARGER, "BLOCK", name="Larger", priority=0)
    make.make_rule(configuration, LARGE, "CHALLENGE", name="Large", priority=1)
    text = text_of(admin.client.get(f"/portal/rules/actionconfiguration/{configuration.pk}/rules/"))
    assert "What stands out" not in text


def test_a_condition_on_what_was_never_sent_is_found(admin, acme):
    configuration = pay(acme)
    make.make_rule(configuration, LARGE, "CHALLENGE", name="Large")
    track(acme, custom={"amuont": 3000})
    text = text_of(admin.client.get(f"/portal/rules/actionconfiguration/{configuration.pk}/rules/"))
    assert "amount" in text
    assert "What stands out in these rules" in text


# -- afterwards ------------------------------------------------------------------------------------


def test_the_page_of_an_action_says_what_would_have_changed_its_outcome(admin, acme):
    configuration = pay(acme)
    make.make_rule(configuration, LARGE, "CHALLENGE", name="Large")
    action = track(acme, custom={"amount": 3000})
    text = text_of(admin.client.get(f"/portal/actions/action/{action.pk}/change/"))
    assert "What would have changed the outcome" in text
    assert "Allow if amount is at most 2,000 (it was 3,000)" in text


def test_pages_say_that_time_was_too_short(admin, acme, monkeypatch):
    configuration = pay(acme)
    make.make_rule(configuration, LARGE, "CHALLENGE", name="Large")
    action = track(acme, custom={"amount": 3000})
    pages = [
        f"/portal/actions/action/{action.pk}/change/",
        f"/portal/rules/actionconfiguration/{configuration.pk}/rules/",
    ]
    short = "Not all questions were settled in time"
    assert not any(short in text_of(admin.client.get(page)) for page in pages)
    monkeypatch.setattr("rules.findings.BUDGET_SECONDS", 0)
    monkeypatch.setattr("rules.counterfactual.search._SECONDS", 0)
    assert all(short in text_of(admin.client.get(page)) for page in pages)


def test_an_allowed_action_could_not_have_come_out_better(admin, acme):
    configuration = pay(acme)
    make.make_rule(configuration, LARGE, "CHALLENGE", name="Large")
    action = track(acme, custom={"amount": 3})
    text = text_of(admin.client.get(f"/portal/actions/action/{action.pk}/change/"))
    assert "What would have changed the outcome" not in text


def test_contact_details_stay_hidden_from_who_may_not_see_them(acme):
    configuration = pay(acme)
    make.make_rule(configuration, {"==": [{"var": "user.email"}, "alice@secret.example"]}, "BLOCK", name="Alice")
    action = track(acme, email="alice@secret.example")
    page = f"/portal/actions/action/{action.pk}/change/"
    hidden = text_of(signed_in(acme, Role.ANALYST).client.get(page)).partition("What would have changed")[2]
    assert "Email address is another one (it was a" in hidden
    assert "alice@secret.example" not in hidden
    assert "alice@secret.example" in text_of(signed_in(acme, Role.SUPPORT).client.get(page))


def test_no_end_user_is_told_a_threshold(acme, client):
    """Whatever a challenged user's app or page receives is the same for two thresholds."""
    configuration = pay(acme)
    rule = make.make_rule(configuration, LARGE, "CHALLENGE", name="Large")
    answers = []
    for threshold in (2000, 2500):
        rule.conditions = {">": [{"var": "custom.amount"}, threshold]}
        rule.save()
        configuration.changed()
        tracked = flow.track(
            tenant=acme, user_id="alice", action_code="pay", attributes={"custom": {"amount": 3000}}, actor=log.SYSTEM
        )
        answer = client.post(
            "/challenge/api/state", {}, content_type="application/json",
            headers={"Authorization": f"Bearer {tracked.token}"},
        )  # fmt: skip
        body = answer.json()
        body.pop("expiresIn", None)
        body.pop("now", None)
        body.pop("returnUrl", None)
        answers.append((answer.status_code, body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
