"""Drafts, publishing and going back: what decides, who did it, and what the pages say of it."""

import re
import threading
import uuid
from html import unescape
from typing import Any

import pytest
from django.db import connection, transaction

from actions.models import Action
from audit.models import AuditEvent
from authsignal_portal.models import Membership
from authsignal_portal.vocabulary import Role
from rules import publishing
from rules.models import ActionConfiguration, CustomDataPoint, PolicyVersion, Publication, Rule
from tests import make
from tests.conftest import advance_clock
from tests.portal.furnished import everything
from tests.portal.staff import code_of, publication, signed_in
from tests.portal.test_portal_rules import Page
from tests.races.volley import wait_until_waiting

LIST = "/portal/rules/actionconfiguration/"
TOR, HOME = "185.220.101.1", "203.0.113.10"
ANONYMOUS = {"and": [{"==": [{"var": "ip.isAnonymous"}, True]}]}
ORDINARY = {"and": [{"==": [{"var": "ip.isAnonymous"}, False]}]}
LARGE = {"and": [{">": [{"var": "custom.amount"}, 2000]}]}


@pytest.fixture
def withdraw(acme) -> ActionConfiguration:
    make.make_point(acme, "amount", "number")
    return make.make_action(acme, "withdraw", "ALLOW")


@pytest.fixture
def anonymous(withdraw) -> Rule:
    """In force, as version 2."""
    return make.make_rule(withdraw, ANONYMOUS, "BLOCK", name="Anonymous")


def of(configuration: ActionConfiguration, page: str = "rules") -> str:
    return f"{LIST}{configuration.pk}/{page}/"


def rule_page(admin, rule: Rule) -> Page:
    return Page(admin.client, f"/portal/rules/rule/{rule.pk}/change/")


def edit(admin, rule: Rule, **fields: Any) -> None:
    page = rule_page(admin, rule).fill(**fields).press("_save")
    assert page.answer.status_code == 302, page.html


def add(admin, configuration: ActionConfiguration, name: str, **fields: Any) -> Rule:
    page = Page(admin.client, f"/portal/rules/rule/add/?configuration={configuration.pk}")
    page.fill(n1__point="ip.isAnonymous", n1__operator="==", n1__value="true")
    page.fill(name=name, **fields).press("_save")
    assert page.answer.status_code == 302, page.html
    return Rule.objects.get(configuration=configuration, name=name)


def delete(admin, rule: Rule) -> None:
    assert admin.client.post(f"/portal/rules/rule/{rule.pk}/delete/", {"post": "yes"}).status_code == 302


def revert(admin, configuration: ActionConfiguration, number: int) -> Any:
    path = of(configuration, f"versions/{number}")
    shown = re.search(r'name="draft_version" value="(\d+)"', admin.client.get(path).content.decode())
    assert shown, "there is nothing to revert to"
    return admin.client.post(f"{path}revert/", {"draft_version": shown[1]})


def told(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return words(answer.content.decode())


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def state(configuration: ActionConfiguration) -> tuple[int, int]:
    """The version in force, and the newest."""
    configuration.refresh_from_db()
    return configuration.version, configuration.draft_version


def decided(api, address: str = TOR, **body: Any) -> Any:
    answer = api("POST", "users/alice/actions/withdraw", {"ipAddress": address} | body)
    assert answer.status_code == 200, answer.body
    return answer.body


def events(tag: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(tag=tag).order_by("id"))


# -- what decides --------------------------------------------------------------------------------


def test_a_change_decides_nothing_until_it_is_published_and_then_with_the_next_action(api, admin, withdraw):
    assert decided(api)["state"] == "ALLOW"
    rule = add(admin, withdraw, "Anonymous", outcome="BLOCK")
    assert decided(api)["state"] == "ALLOW"
    admin.publish(withdraw)
    answer = decided(api)
    assert (answer["state"], answer["ruleIds"]) == ("BLOCK", [str(rule.pk)])
    edit(admin, rule, outcome="REVIEW")
    assert decided(api)["state"] == "BLOCK"
    delete(admin, rule)
    assert decided(api)["state"] == "BLOCK"
    admin.publish(withdraw)
    assert decided(api)["state"] == "ALLOW"


def test_other_processes_decide_by_what_was_published_at_once(live):
    """The server's processes have the old policy compiled; the portal is used in this one."""
    admin = signed_in(live.tenant)
    withdraw = make.make_action(live.tenant, "withdraw", "ALLOW")

    def states() -> set[str]:
        found = [live("POST", "users/alice/actions/withdraw", {"ipAddress": TOR})[1]["state"] for _ in range(8)]
        return set(found)

    assert states() == {"ALLOW"}
    add(admin, withdraw, "Anonymous", outcome="BLOCK")
    assert states() == {"ALLOW"}
    admin.publish(withdraw)
    assert states() == {"BLOCK"}
    revert(admin, withdraw, 1)
    assert states() == {"BLOCK"}
    admin.publish(withdraw)
    assert states() == {"ALLOW"}


def test_a_shadow_rule_is_recorded_and_decides_nothing(api, acme, admin, withdraw, anonymous):
    shadow = add(admin, withdraw, "Tried first", outcome="REVIEW", is_shadow="on")
    order = {f"place-{shadow.pk}": "1", f"place-{anonymous.pk}": "2"}
    admin.client.post(of(withdraw, "order"), order)
    admin.publish(withdraw)
    answer = decided(api)
    assert (answer["state"], answer["ruleIds"]) == ("BLOCK", [str(anonymous.pk)])
    facts = Action.objects.latest("created_at").facts
    assert (facts.shadow_rules, facts.matched_rules) == ([shadow.pk], [anonymous.pk])
    assert facts.priority_rule_id == anonymous.pk
    page = told(admin.client, f"/portal/actions/action/{facts.pk}/change/")
    assert "Tried first Review Would have fired (shadow)" in page
    assert "Anonymous Block Decided" in page
    decided(api, HOME)
    page = told(admin.client, f"/portal/actions/action/{Action.objects.latest('created_at').pk}/change/")
    assert "Tried first Review Would not have fired (shadow)" in page
    assert "Otherwise Allow Decided" in page


def test_settings_act_at_once_and_leave_a_draft_a_draft(api, admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW")
    admin.client.post(of(withdraw, "change"), {"default_outcome": "CHALLENGE"})
    assert decided(api, HOME)["state"] == "CHALLENGE_REQUIRED"
    assert decided(api)["state"] == "BLOCK"
    assert "There are changes that are not in force yet" in told(admin.client, of(withdraw))
    admin.client.post("/portal/rules/customdatapoint/add/", {"name": "x", "data_type": "text", "model_type": "action"})
    assert decided(api)["state"] == "BLOCK"
    withdraw.refresh_from_db()
    assert {point["name"] for point in withdraw.published().custom_points} == {"amount", "x"}
    assert (withdraw.published().author_id, withdraw.published().note) == (admin.user.pk, "Data point “x” saved")
    admin.publish(withdraw)
    assert decided(api)["state"] == "REVIEW_REQUIRED"


def test_methods_and_the_prompt_of_a_rule_and_of_an_action_are_saved(admin, withdraw, anonymous):
    edit(admin, anonymous, prompt_to_enroll_verification_methods="PASSKEY", default_verification_method="PASSKEY")
    form = {"default_outcome": "ALLOW", "prompt_to_enroll_verification_methods": "PASSKEY", "message": ""}
    admin.client.post(of(withdraw, "change"), form)
    anonymous.refresh_from_db()
    withdraw.refresh_from_db()
    assert anonymous.prompt_to_enroll_verification_methods == ["PASSKEY"]
    assert withdraw.prompt_to_enroll_verification_methods == ["PASSKEY"]
    assert publishing.newest(withdraw).rules[0]["promptToEnrollVerificationMethods"] == ["PASSKEY"]
    assert "Ask to set up Was: as the action says → Is: Passkey" in told(admin.client, of(withdraw, "publish"))


# -- what is not in force yet --------------------------------------------------------------------


def test_the_list_says_what_became_of_each_rule(admin, withdraw, anonymous):
    gone = make.make_rule(withdraw, LARGE, name="Large", priority=1)
    make.make_rule(withdraw, LARGE, name="As it was", priority=2)
    assert "Version 4 is in force." in told(admin.client, of(withdraw))
    assert ">Draft<" not in admin.client.get(LIST).content.decode()
    edit(admin, anonymous, outcome="REVIEW")
    add(admin, withdraw, "Fresh", is_active=None)
    delete(admin, gone)
    page = told(admin.client, of(withdraw))
    assert "There are changes that are not in force yet 1 rule new, 1 rule changed, 1 rule removed." in page
    assert f"by {admin.email} : Rule “Large” deleted" in page
    assert "Until you publish them, version 4 decides" in page
    assert "Anonymous Review Changed IP is anonymous" in page
    assert "Fresh Challenge Off New" in page
    assert "As it was Challenge amount is greater than 2,000" in page
    assert "Large Will be removed amount is greater than 2,000" in page
    assert ">Draft<" in admin.client.get(LIST).content.decode()


def test_what_was_changed_and_changed_back_is_no_change(admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW")
    edit(admin, anonymous, outcome="BLOCK")
    assert state(withdraw) == (2, 4)
    assert "not in force yet" not in told(admin.client, of(withdraw))
    assert ">Draft<" not in admin.client.get(LIST).content.decode()
    assert "There is nothing to publish" in told(admin.client, of(withdraw, "publish"))
    answer = admin.client.post(of(withdraw, "publish"), {"draft_version": "4"})
    assert "There is nothing to publish" in words(answer.content.decode())
    assert state(withdraw) == (2, 4)


def test_the_page_of_the_changes_tells_old_and_new(admin, withdraw):
    nested = {"or": [*LARGE["and"], {"and": [*ANONYMOUS["and"], {"==": [{"var": "device.isNew"}, True]}]}]}
    rule = make.make_rule(withdraw, nested, name="Unusual")
    edit(admin, rule, name="Very unusual", n1__value="5000", when_unknown="match", is_shadow="on")
    page = told(admin.client, of(withdraw, "publish"))
    assert "Very unusual Changed Name Was: Unusual → Is: Very unusual" in page
    assert "Shadow Was: No → Is: Yes" in page
    assert "When data is missing Was: The rule does not fire → Is: The rule fires" in page
    assert "Fires when Was: amount is greater than 2,000, or (IP is anonymous, and Device is new)" in page
    assert "Removed: amount is greater than 2,000 + Added: amount is greater than 5,000" in page


def test_discarding_brings_back_what_is_in_force_and_keeps_the_draft_as_a_version(api, admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW", name="Other")
    made = add(admin, withdraw, "Fresh")
    before = anonymous.snapshot()
    answer = admin.client.post(of(withdraw, "discard"), {"draft_version": "4"}, follow=True)
    assert "It is kept as version 4." in words(answer.content.decode())
    assert "not in force yet" not in words(answer.content.decode())
    assert [rule.snapshot() for rule in withdraw.rules.all()] == [before]
    assert state(withdraw) == (2, 5)
    assert publishing.newest(withdraw).note == "Draft discarded"
    [event] = events("rules:draft_discarded")
    assert event.data == {"row": str(withdraw.pk), "action_code": "withdraw", "version": 2}
    assert decided(api)["state"] == "BLOCK"
    revert(admin, withdraw, 4)
    assert Rule.objects.get(name="Fresh").pk == made.pk


# -- publishing ----------------------------------------------------------------------------------


def test_publishing_is_recorded_with_who_and_which(admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW")
    admin.publish(withdraw)
    assert state(withdraw) == (3, 3)
    published = Publication.objects.filter(configuration=withdraw).first()
    assert (published.version, published.author_id) == (3, admin.user.pk)
    [event] = events("rules:published")
    assert (event.actor, event.data["version"]) == (str(admin.user.pk), 3)
    assert "Published version 3 of the rules of withdraw" in told(admin.client, "/portal/audit/auditevent/")


@pytest.mark.parametrize("seen", ["2", "4", "", "x", "3 "])
def test_only_the_draft_that_was_shown_is_published(admin, withdraw, anonymous, seen):
    edit(admin, anonymous, outcome="REVIEW")
    answer = admin.client.post(of(withdraw, "publish"), {"draft_version": seen})
    assert answer.status_code == 200
    assert state(withdraw) == (2, 3)
    assert not events("rules:published")


def test_who_publishes_what_somebody_changed_meanwhile_is_shown_the_new_difference(acme, admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW")
    seen = publication(admin.client, withdraw)
    edit(signed_in(acme, Role.ANALYST), anonymous, name="Theirs")
    page = words(admin.client.post(*seen).content.decode())
    assert "Somebody changed the rules after you opened this page." in page
    assert "Name Was: Anonymous → Is: Theirs" in page
    assert state(withdraw) == (2, 4)
    admin.publish(withdraw)
    assert state(withdraw) == (4, 4)


def test_publishing_twice_is_publishing_once(admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW")
    seen = publication(admin.client, withdraw)
    assert admin.client.post(*seen).status_code == 302
    assert "There is nothing to publish" in words(admin.client.post(*seen).content.decode())
    assert len(events("rules:published")) == 1
    assert Publication.objects.filter(configuration=withdraw, version=3).count() == 1


def test_publishing_asks_for_a_fresh_code_and_saving_does_not(admin, withdraw, anonymous):
    advance_clock(6 * 60)
    edit(admin, anonymous, outcome="ALLOW", is_active=None)
    seen = publication(admin.client, withdraw)
    assert 'name="code"' in admin.client.get(of(withdraw, "publish")).content.decode()
    assert admin.client.post(*seen).status_code == 200
    assert state(withdraw) == (2, 3)
    admin.publish(withdraw, code=code_of(admin.device))
    assert state(withdraw) == (3, 3)


@pytest.mark.parametrize(
    ("conditions", "fields", "problem"),
    [
        ({}, {}, "Add at least one condition"),
        ({"and": []}, {"is_shadow": True}, "Add at least one condition"),
        ({"and": [{"==": [{"var": "custom.gone"}, 1]}]}, {}, 'There is no data point "custom.gone"'),
        ({"and": [{"in": [{"var": "device.id"}, {"var": "lists.gone"}]}]}, {}, 'There is no value list "gone"'),
        ({"nonsense": []}, {"is_shadow": True}, "There is no operation"),
    ],
)
def test_a_rule_that_cannot_fire_keeps_the_draft_from_being_published(admin, withdraw, conditions, fields, problem):
    rule = Rule.objects.create(configuration=withdraw, name="Broken", conditions=conditions, **fields)
    withdraw.save_draft()
    page = admin.client.get(of(withdraw, "publish")).content.decode()
    assert "This draft cannot be published yet" in page
    assert f"Broken : {problem}" in words(page)
    assert 'name="draft_version"' not in page
    answer = admin.client.post(of(withdraw, "publish"), {"draft_version": "2"})
    assert "These rules cannot be published as they are." in words(answer.content.decode())
    assert state(withdraw) == (1, 2)
    rule.is_active = False
    rule.save()
    withdraw.save_draft()
    admin.publish(withdraw)
    assert state(withdraw) == (3, 3)


def test_rules_that_together_ask_too_much_of_the_past_are_not_published(admin, withdraw):
    def past(*minutes: int) -> dict[str, Any]:
        return {"or": [{">": [{"var": f"velocity.count.user.this.{number}m"}, 3]} for number in minutes]}

    for name, priority, minutes in (("Last", 9, [30]), ("Most", 1, range(1, 26)), ("Same", 5, [1, 2])):
        Rule.objects.create(configuration=withdraw, name=name, priority=priority, conditions=past(*minutes))
    withdraw.save_draft()
    page = told(admin.client, of(withdraw, "publish"))
    assert "Last : The active rules of an action together use at most 25 different velocities; with this rule" in page
    assert page.count("different velocities") == 1
    answer = admin.client.post(of(withdraw, "publish"), {"draft_version": "2"})
    assert "These rules cannot be published as they are." in words(answer.content.decode())
    Rule.objects.filter(name="Last").delete()
    withdraw.save_draft()
    admin.publish(withdraw)
    assert state(withdraw) == (3, 3)


def test_rules_with_too_many_conditions_together_cannot_be_published(admin, withdraw):
    conditions = {"or": [{"==": [{"var": "user.email"}, f"{number}"]} for number in range(199)]}
    for number in range(26):
        Rule.objects.create(configuration=withdraw, name=f"Rule {number}", priority=number, conditions=conditions)
    withdraw.save_draft()
    page = words(admin.client.get(of(withdraw, "publish")).content.decode())
    assert "Rule 25 : Up to and with this rule there are more than 5000 conditions and groups" in page
    assert "Rule 24 : Up to" not in page
    Rule.objects.get(name="Rule 3").delete()
    withdraw.save_draft()
    admin.publish(withdraw)
    assert state(withdraw) == (3, 3)


# -- versions ------------------------------------------------------------------------------------


def test_every_version_is_listed_with_who_when_why_and_how_long(acme, admin, withdraw, anonymous):
    other = signed_in(acme, Role.ANALYST)
    edit(other, anonymous, outcome="REVIEW")
    edit(admin, anonymous, outcome="CHALLENGE")
    admin.publish(withdraw)
    page = told(admin.client, of(withdraw, "versions"))
    rows = re.findall(
        r"(?=(\d+ (?:In force )?\d+ \w{3} 20\d\d \d\d:\d\d .*? (?:never|now|\d\d:\d\d) (?:with|what)))", page
    )
    assert [row.split()[0] for row in rows] == ["4", "3", "2", "1"]
    assert re.search(rf"^4 In force .* {admin.email} Rule “Anonymous” changed .* – now with$", rows[0])
    assert re.search(rf"^3 .* {other.email} Rule “Anonymous” changed never with$", rows[1])
    assert re.search(r"^2 .* – – .* – .* with$", rows[2])
    Membership.objects.filter(user=other.user).delete()
    assert other.email not in told(admin.client, of(withdraw, "versions"))


def test_versions_are_paged(admin, withdraw):
    PolicyVersion.objects.bulk_create(
        PolicyVersion(configuration=withdraw, version=number, default_outcome="ALLOW", rules=[], custom_points=[])
        for number in range(2, 122)
    )
    ActionConfiguration.objects.update(draft_version=121)
    seen, path = [], of(withdraw, "versions")
    for _page in range(3):
        html = admin.client.get(path).content.decode()
        seen += re.findall(r'data-label="Version"><span>(\d+)', html)
        older = re.search(r'href="(\?before=\d+)">Older', html)
        path = of(withdraw, "versions") + (older[1] if older else "")
    assert seen == [str(number) for number in range(121, 0, -1)]
    assert not older
    for before in ("x", "-1", "9" * 40, "²"):
        assert admin.client.get(of(withdraw, "versions"), {"before": before}).status_code == 200


def test_a_version_is_compared_with_the_one_before_and_with_what_is_in_force(admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW")
    edit(admin, anonymous, name="Renamed")
    page = told(admin.client, of(withdraw, "versions/4"))
    assert "What it changed from version 3" in page
    assert "Name Was: Anonymous → Is: Renamed" in page
    assert "Outcome" not in page
    page = told(admin.client, of(withdraw, "versions/4") + "?against=in-force")
    assert "What it would change from version 2, which is in force" in page
    assert "Outcome Was: Block → Is: Review" in page
    assert "What it began with rule It has no rules." in told(admin.client, of(withdraw, "versions/1"))
    for number in ("5", "0", "9" * 40):
        assert admin.client.get(of(withdraw, f"versions/{number}")).status_code == 404
        assert admin.client.post(of(withdraw, f"versions/{number}/revert")).status_code == 404


def test_reverting_makes_a_draft_of_what_was_with_the_same_ids(api, admin, withdraw, anonymous):
    large = make.make_rule(withdraw, LARGE, "REVIEW", name="Large", priority=1)
    before = [rule.snapshot() for rule in withdraw.rules.all()]
    seen = ActionConfiguration.objects.get(pk=withdraw.pk).draft_version
    admin.client.post(of(withdraw, "order"), {"move": f"{large.pk}:up", "draft_version": str(seen)})
    edit(admin, large, n1__value="1", is_shadow="on")
    delete(admin, anonymous)
    add(admin, withdraw, "Fresh", outcome="REVIEW")
    admin.publish(withdraw)
    assert decided(api)["state"] == "REVIEW_REQUIRED"
    answer = revert(admin, withdraw, 3)
    assert answer["Location"] == of(withdraw, "publish")
    assert [rule.snapshot() for rule in withdraw.rules.all()] == before
    assert state(withdraw) == (7, 8)
    assert publishing.newest(withdraw).rules == before
    assert publishing.newest(withdraw).note == "As in version 3"
    assert decided(api)["state"] == "REVIEW_REQUIRED"
    [event] = events("rules:reverted")
    assert event.data == {"row": str(withdraw.pk), "action_code": "withdraw", "version": 3}
    admin.publish(withdraw)
    answer = decided(api, custom={"amount": 3000})
    assert (answer["state"], set(answer["ruleIds"])) == ("BLOCK", {str(anonymous.pk), str(large.pk)})


def test_a_revert_keeps_the_settings_of_now_and_the_page_says_so(api, admin, withdraw, anonymous):
    admin.client.post(of(withdraw, "change"), {"default_outcome": "CHALLENGE"})
    edit(admin, anonymous, outcome="REVIEW")
    admin.publish(withdraw)
    page = told(admin.client, of(withdraw, "versions/2") + "?against=in-force")
    assert "Default outcome Was: Challenge → Is: Allow Settings are no part of a version" in page
    revert(admin, withdraw, 2)
    assert "Default outcome" not in told(admin.client, of(withdraw, "publish"))
    admin.publish(withdraw)
    assert decided(api)["state"] == "BLOCK"
    assert decided(api, HOME)["state"] == "CHALLENGE_REQUIRED"


def test_what_was_reverted_to_is_published_only_if_it_still_works(admin, withdraw):
    rule = make.make_rule(withdraw, LARGE, name="Large")
    delete(admin, rule)
    admin.publish(withdraw)
    point = CustomDataPoint.objects.get()
    admin.client.post(f"/portal/rules/customdatapoint/{point.pk}/delete/", {"post": "yes"})
    revert(admin, withdraw, 2)
    page = told(admin.client, of(withdraw, "publish"))
    assert 'Large : There is no data point "custom.amount"' in page
    admin.client.post(of(withdraw, "publish"), {"draft_version": str(state(withdraw)[1])})
    assert withdraw.published().rules == []


def test_there_is_nothing_to_revert_where_the_draft_is_the_same(admin, withdraw, anonymous):
    assert "Revert to this version" not in told(admin.client, of(withdraw, "versions/2"))
    path = of(withdraw, "versions/2/revert")
    answer = admin.client.post(path, {"draft_version": "2"}, follow=True)
    assert "The rules are the same as in version 2 already." in words(answer.content.decode())
    assert admin.client.get(path)["Location"] == of(withdraw, "versions/2")
    assert admin.client.get(of(withdraw, "discard"))["Location"] == of(withdraw)
    assert state(withdraw) == (2, 2)


@pytest.mark.parametrize("door", ["discard", "versions/1/revert"])
def test_a_draft_that_was_not_looked_at_is_not_replaced(admin, withdraw, anonymous, door):
    edit(admin, anonymous, outcome="REVIEW")
    answer = admin.client.post(of(withdraw, door), {"draft_version": "2"}, follow=True)
    assert "Somebody changed the rules" in words(answer.content.decode())
    assert state(withdraw) == (2, 3)
    assert Rule.objects.get().outcome == "REVIEW"


@pytest.mark.parametrize("wrong", [{"name": "x" * 101}, {"priority": 0}])
def test_a_revert_that_fails_midway_or_at_its_end_leaves_everything_as_it_was(
    transactional_db, admin, withdraw, anonymous, wrong
):
    other = anonymous.snapshot() | {"ruleId": str(uuid.uuid4()), "priority": 1}
    rules = [anonymous.snapshot() | {"outcome": "REVIEW"}, other | wrong]
    PolicyVersion.objects.create(
        configuration=withdraw, version=9, default_outcome="ALLOW", rules=rules, custom_points=[]
    )
    before = everything(), AuditEvent.objects.count()
    admin.client.raise_request_exception = False
    assert admin.client.post(of(withdraw, "versions/9/revert"), {"draft_version": "2"}).status_code == 500
    assert (everything(), AuditEvent.objects.count()) == before


# -- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.READ_ONLY])
def test_who_may_not_configure_sees_the_changes_and_cannot_publish_them(acme, admin, withdraw, anonymous, role):
    edit(admin, anonymous, outcome="REVIEW")
    looking = signed_in(acme, role).client
    page = looking.get(of(withdraw)).content.decode()
    assert "See the changes" in words(page)
    assert "Discard draft" not in page
    page = looking.get(of(withdraw, "publish")).content.decode()
    assert "Outcome Was: Block → Is: Review" in words(page)
    assert "<form method" not in page.partition('<div id="content"')[2]
    assert "Revert to this version" not in told(looking, of(withdraw, "versions/1"))
    for door in ("publish", "discard", "versions/1/revert"):
        assert looking.post(of(withdraw, door), {"draft_version": "3"}).status_code == 403
    assert state(withdraw) == (2, 3)


# -- at once -------------------------------------------------------------------------------------


def at_once(configuration: ActionConfiguration, *posts: Any, meanwhile: Any = None) -> list[Any]:
    """Each (client, path, body) posted while the configuration is locked; let go when all of them wait for it."""
    answers: list[Any] = [None] * len(posts)

    def run(number: int, client: Any, path: str, body: Any) -> None:
        try:
            answers[number] = client.post(path, body)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number, *post)) for number, post in enumerate(posts)]
    with transaction.atomic():
        ActionConfiguration.objects.select_for_update().get(pk=configuration.pk)
        for thread in threads:
            thread.start()
        wait_until_waiting(len(posts))
        if meanwhile:
            meanwhile()
    for thread in threads:
        thread.join(30)
    return answers


def test_who_publishes_while_somebody_saves_does_not_publish_what_they_did_not_see(
    transactional_db, acme, admin, withdraw, anonymous
):
    edit(admin, anonymous, outcome="REVIEW")

    def save() -> None:
        Rule.objects.filter(pk=anonymous.pk).update(outcome="ALLOW")
        ActionConfiguration.objects.get(pk=withdraw.pk).save_draft()

    [answer] = at_once(withdraw, (admin.client, *publication(admin.client, withdraw)), meanwhile=save)
    assert "Somebody changed the rules" in words(answer.content.decode())
    assert state(withdraw) == (2, 4)


def test_who_discards_what_somebody_publishes_meanwhile_discards_nothing(transactional_db, admin, withdraw, anonymous):
    edit(admin, anonymous, outcome="REVIEW")

    def publish() -> None:
        ActionConfiguration.objects.get(pk=withdraw.pk).publish()

    post = (admin.client, of(withdraw, "discard"), {"draft_version": "3"})
    [answer] = at_once(withdraw, post, meanwhile=publish)
    assert answer.status_code == 302
    assert state(withdraw) == (3, 3)
    assert Rule.objects.get().outcome == "REVIEW"


def test_two_who_save_at_once_make_two_versions(transactional_db, acme, admin, withdraw, anonymous):
    other = signed_in(acme, Role.ANALYST)
    second = make.make_rule(withdraw, LARGE, name="Large", priority=1)
    posts = []
    for staff, rule in ((admin, anonymous), (other, second)):
        page = rule_page(staff, rule).fill(outcome="REVIEW")
        names = {name for name, _value in page.form.fields}
        body = {name: [value for one, value in page.form.fields if one == name] for name in names}
        posts.append((staff.client, page.path, body))
    assert [answer.status_code for answer in at_once(withdraw, *posts)] == [302, 302]
    assert state(withdraw) == (3, 5)
    kept = PolicyVersion.objects.filter(configuration=withdraw, version__gt=3).order_by("version")
    assert {one.author_id for one in kept} == {admin.user.pk, other.user.pk}
    assert [rule["outcome"] for rule in publishing.newest(withdraw).rules] == ["REVIEW", "REVIEW"]
    assert publishing.newest(withdraw).rules == [rule.snapshot() for rule in withdraw.rules.all()]


def test_rules_whose_patterns_are_too_large_together_cannot_be_published(admin, withdraw):
    for number in range(11):
        conditions = {"matches": [{"var": "user.email"}, f"(a|aa){{600}}c{number}"]}
        Rule.objects.create(configuration=withdraw, name=f"Rule {number}", priority=number, conditions=conditions)
    withdraw.save_draft()
    page = words(admin.client.get(of(withdraw, "publish")).content.decode())
    first = next(number for number in range(11) if f"Rule {number} : Up to and with this rule the patterns are" in page)
    assert page.count("the patterns are too large together") == 1
    Rule.objects.filter(priority__gte=first).delete()
    withdraw.save_draft()
    admin.publish(withdraw)
    assert state(withdraw) == (3, 3)
