"""The page of a rule, with the stored actions that a rule can be tried on."""

import uuid

from django.db.models import QuerySet
from django.utils.text import Truncator

from actions.activity_page import CONTACTS
from actions.models import Action, ActionFacts
from authsignal_portal import access, words
from authsignal_portal.access import Access, Right
from authsignal_portal.widgets import moment
from rules.lists import Circumstances
from rules.rule_page import RulePage
from rules.trial import Case, PastAction
from rules.value_lists import kinds_of, lists_of

LISTED = 20
# A code that hardly ever comes must not be looked for among millions of actions.
LOOKED_AT = 10_000


class PastRulePage(RulePage):
    def recent(self, here: Access, action_code: str) -> list[PastAction]:
        newest = Action.objects.filter(tenant=here.tenant).order_by("-created_at").values("pk")[:LOOKED_AT]
        rows = Action.objects.filter(pk__in=newest, facts__isnull=False).select_related("user").order_by("-created_at")
        same, others = rows.filter(action_code=action_code), rows.exclude(action_code=action_code)
        return [*_listed(same, is_of_code=True), *_listed(others, is_of_code=False)]

    def case(self, here: Access, ident: str) -> Case | None:
        """With the moment of the action, and the value lists of now."""
        rows = ActionFacts.objects.filter(action__tenant=here.tenant).select_related("action__tenant")
        facts = rows.filter(action__id=uuid.UUID(ident)).first() if access.is_uuid(ident) else None
        if facts is None:
            return None
        sees_contacts = here.may(Right.SUPPORT)
        lists = lists_of(here.tenant.pk, here.tenant.value_lists_version, kinds_of(here.tenant))
        return Case(
            facts.opened() if sees_contacts else facts.facts,
            Circumstances(facts.facts.get("time", {}).get("at"), lists),
            hidden=frozenset() if sees_contacts else frozenset(CONTACTS),
            caps=facts.trace.get("caps", {}),
        )


def _listed(rows: QuerySet[Action], *, is_of_code: bool) -> list[PastAction]:
    return [PastAction(str(row.pk), _label(row, is_of_code=is_of_code), is_of_code) for row in rows[:LISTED]]


def _label(row: Action, *, is_of_code: bool) -> str:
    who = Truncator(row.user.user_id).chars(40)
    parts = [moment(row.created_at), who, str(words.STATES.get(row.state, row.state))]
    return " · ".join(parts if is_of_code else [row.action_code, *parts])
