"""Each template fires where it is meant to, and not where it is not."""

from typing import Any

import pytest

from authsignal_portal.vocabulary import VerificationMethod
from rules import condition_tree
from rules.drawing import draw
from rules.engine import RuleSpec, compile_policy, decide
from rules.facts import DeviceFacts, Facts, IpFacts, UserFacts
from rules.sentence import sentence
from rules.templates import BY_SLUG, TEMPLATES, Template


def facts(**known: Any) -> Facts:
    """A user at home on a device that they have used before, and what is different this time."""
    usual = {
        "ip": IpFacts(is_anonymous=False, is_unrecognized=False, atypical_travel=False, impossible_travel=False),
        "device": DeviceFacts(id="laptop", is_new=False),
        "user": UserFacts(user_id="alice", phone_country="NZ", phone_line_type="MOBILE"),
        "custom": {"withdrawalAmount": 100, "isNewDestination": False},
        "velocity": {
            "failedChallenges.user.any.1h": 0, "count.user.this.24h": 1,
            "count.phoneNumber.this.1h": 1, "count.address.this.1h": 1,
        },
    }  # fmt: skip
    return Facts(action_code="any", **usual | known)


NEW, NAMELESS = DeviceFacts(id="other", is_new=True), DeviceFacts()
HOME = IpFacts(is_anonymous=False, is_unrecognized=False, atypical_travel=False, impossible_travel=False)
TOR = IpFacts(is_anonymous=True, is_unrecognized=True, atypical_travel=False, impossible_travel=False)
FAR = IpFacts(is_anonymous=False, is_unrecognized=True, atypical_travel=True, impossible_travel=True)
FIRES: dict[str, list[Facts]] = {
    "account-takeover": [
        facts(device=NEW, ip=TOR), facts(device=NEW, ip=FAR),
        facts(device=NEW, velocity={"failedChallenges.user.any.1h": 3}), facts(device=NAMELESS, ip=TOR),
    ],
    "new-device": [facts(device=NEW), facts(device=NAMELESS)],
    "impossible-travel": [facts(ip=FAR)],
    "contact-change": [facts(ip=TOR), facts(device=NEW), facts(device=NAMELESS)],
    "withdrawal": [
        facts(custom={"withdrawalAmount": 2001, "isNewDestination": False}),
        facts(custom={"withdrawalAmount": 5, "isNewDestination": True}),
        facts(velocity={"count.user.this.24h": 5}), facts(custom={}),
    ],
    "sms-cost": [
        facts(user=UserFacts(user_id="alice", phone_country="GB", phone_line_type="PREMIUM_RATE")),
        facts(user=UserFacts(user_id="alice", phone_country="TJ", phone_line_type="MOBILE")),
        facts(velocity={"count.phoneNumber.this.1h": 5}), facts(velocity={"count.address.this.1h": 5}),
    ],
}  # fmt: skip
SPARES: dict[str, list[Facts]] = {
    "account-takeover": [facts(), facts(ip=TOR), facts(device=NEW), facts(device=NAMELESS)],
    "new-device": [facts(), facts(ip=FAR)],
    "impossible-travel": [facts(), facts(ip=TOR), facts(ip=IpFacts())],
    "contact-change": [facts()],
    "withdrawal": [facts(), facts(custom={"withdrawalAmount": 2000, "isNewDestination": False}, device=NEW)],
    "sms-cost": [facts(), facts(user=UserFacts(user_id="alice"))],
}


def fires(template: Template, known: Facts) -> bool:
    rule = RuleSpec(
        rule_id="rule", name=template.name, priority=0, outcome=template.outcome, conditions=template.conditions,
        when_unknown=template.when_unknown,
    )  # fmt: skip
    policy = compile_policy("any", "ALLOW", rules=[rule], custom_points=template.points)
    assert policy.rules[0].problems == ()
    return decide(known.to_json(), policy).outcome == template.outcome


@pytest.mark.parametrize(("slug", "known"), [(slug, one) for slug, listed in FIRES.items() for one in listed])
def test_a_template_fires(slug, known):
    assert fires(BY_SLUG[slug], known)


@pytest.mark.parametrize(("slug", "known"), [(slug, one) for slug, listed in SPARES.items() for one in listed])
def test_a_template_lets_through(slug, known):
    assert not fires(BY_SLUG[slug], known)


def test_every_template_is_tried_both_ways():
    assert list(FIRES) == list(SPARES) == [template.slug for template in TEMPLATES]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.slug)
def test_a_template_can_be_saved_drawn_and_told(template):
    condition_tree.check(template.conditions, custom_points=template.points)
    assert draw(template.conditions, custom_points=template.points) is not None
    assert "cannot be read" not in sentence(template.conditions, custom_points=template.points)
    assert len(template.name) <= 100
    assert len(template.description) <= 500
    assert all(len(point.description) <= 200 for point in template.points)
    assert set(template.verification_methods) <= set(VerificationMethod)
