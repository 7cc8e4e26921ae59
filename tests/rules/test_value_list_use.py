"""Which rules name a list."""

import pytest

from rules.value_list_use import Use, named, uses
from tests import make

BLOCKED = {"in": [{"var": "user.email"}, {"var": "lists.blocked"}]}
OTHER = {"==": [{"var": "user.email"}, "a@b.example"]}


@pytest.mark.parametrize(
    ("conditions", "aliases"),
    [
        (BLOCKED, {"blocked"}),
        (
            {"and": [OTHER, {"!": [{"or": [BLOCKED, {"in": [{"var": "user.x"}, {"var": "lists.b"}]}]}]}]},
            {"blocked", "b"},
        ),
        ({"no such thing": [[[{"var": "lists.deep"}]]]}, {"deep"}),
        ({"==": [{"var": "ip.countryCodeInOfacList"}, True]}, {"ofac-countries"}),
        (OTHER, set()),
        ({}, set()),
        (None, set()),
    ],
)
def test_conditions_name_lists_wherever_they_stand(conditions, aliases):
    assert named(conditions) == aliases


def test_rules_in_force_and_rules_of_a_draft_are_told_apart(acme, globex):
    pay = make.make_action(acme, "pay")
    both = make.make_rule(pay, BLOCKED, name="both", is_active=False)
    gone = make.make_rule(pay, BLOCKED, name="gone", priority=1)
    gone_id = str(gone.pk)
    gone.delete()
    new = pay.rules.create(name="new", conditions=BLOCKED, priority=2)
    pay.save_draft()
    make.make_rule(make.make_action(globex, "pay"), BLOCKED, name="theirs")
    assert uses(acme) == {
        "blocked": [
            Use(str(both.pk), "both", "pay", in_draft=True, in_force=True),
            Use(str(new.pk), "new", "pay", in_draft=True, in_force=False),
            Use(gone_id, "gone", "pay", in_draft=False, in_force=True),
        ]
    }
    pay.publish()
    assert [use.name for use in uses(acme)["blocked"]] == ["both", "new"]
