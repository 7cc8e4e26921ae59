"""The pages of what happened: the list of actions, and one action with why it came out as it did."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from actions import linking, list_page
from actions.models import Action, ActionFacts, Receipt
from actions.other_outcomes import better
from audit.models import AuditEvent
from audit.words import lines
from authenticators import contact, message_list
from authenticators.models import Authenticator, Message
from authsignal_portal import access, countries, ids, tokens, user_agent, words
from authsignal_portal.access import Access, Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.widgets import dress, of_days
from rules import policies, value_lists
from rules.choice_words import told
from rules.engine import Decision, Policy, RuleSpec, explain_facts
from rules.lists import Circumstances, Lists
from rules.models import ActionConfiguration, PolicyVersion
from rules.registry import DATA_POINTS, lookup
from rules.trace import ConditionTrace
from rules.velocity import PREFIX, parse

PAGE_SIZE = 50
DAYS_SHOWN = 90
# A filter that matches hardly anything must not read a table of millions to its end.
LONGEST_QUERY = "5s"
MAX_EVENTS = 200
CONTACTS = {"user.email", "user.phoneNumber"}


class ActivityFilter(forms.Form):
    """What the list can be narrowed down to; anything that cannot be read is left out, but for a reference."""

    user = forms.CharField(label=_("User ID"), required=False, max_length=255)
    reference = forms.CharField(label=_("Reference"), required=False, max_length=32)
    action = forms.ChoiceField(label=_("Action"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Any")), *words.STATES.items()])
    outcome = forms.ChoiceField(label=_("Outcome"), required=False, choices=[("", _("Any")), *words.OUTCOMES.items()])
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Mapping[str, Any], here: Access) -> None:
        first = (here.now - timedelta(days=DAYS_SHOWN)).date().isoformat()
        super().__init__({"since": first, **{name: data.get(name) for name in data}})
        codes = ActionConfiguration.objects.filter(tenant=here.tenant).values_list("action_code", flat=True)
        self.fields["action"].choices = [("", _("Any")), *((code, code) for code in codes)]  # type: ignore[attr-defined]
        dress(self)

    def narrow(self, rows: QuerySet[Action]) -> QuerySet[Action]:
        self.is_valid()
        given, reference = self.cleaned_data, str(self.data.get("reference") or "").strip()
        plain = {"action": "action_code", "state": "state", "outcome": "outcome", "user": "user__user_id"}
        rows = rows.filter(**{column: given[name] for name, column in plain.items() if given.get(name)})
        # It is one action's, whose day it says itself.
        return rows.filter(**_referred(reference) if reference else of_days("created_at", given))


def _referred(text: str) -> dict[str, Any]:
    """Nothing is found where it is no reference: a typing error must not show everything."""
    try:
        return {"pk__range": ids.referred(text)}
    except ValueError:
        return {"pk__in": []}


class ActivityPage(TenantAdmin):
    may_change = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user", "facts")

    # -- the list ---------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        form = ActivityFilter(request.GET, here)
        rows = form.narrow(self.get_queryset(request)).defer("facts__facts", "facts__trace", "facts__private_sealed")
        found = page_of(rows, request.GET.get("before", ""))
        older = ""
        if found is not None and len(found) > PAGE_SIZE:
            query = request.GET.copy()
            query["before"] = mark(found[PAGE_SIZE - 1])
            older = query.urlencode()
        return self.page(
            request,
            "portal/activity.html",
            title=_("Activity"),
            cl=True,
            filter=form,
            actions=[listed(row) for row in (found or [])[:PAGE_SIZE]],
            too_slow=found is None,
            older=older,
            is_first=not request.GET.get("before"),
            narrowed=any(value for name, value in request.GET.items() if name != "before"),
        )

    # -- one action -------------------------------------------------------------------------------

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:action_pk>/list/", wrap(self.add_to_list), name="actions_action_list"),
            path("<uuid:action_pk>/receipt/", wrap(self.receipt), name="actions_action_receipt"),
            path("<uuid:action_pk>/receipt/keys/", wrap(self.receipt_keys), name="actions_action_receipt_keys"),
            *super().get_urls(),
        ]

    def receipt(self, request: HttpRequest, action_pk: Any) -> HttpResponse:
        """The signed receipt as a file, for `manage.py verify_receipt` or any other verifier."""
        action: Action = self.found(request, str(action_pk))
        kept = Receipt.objects.filter(pk=action.pk).first()
        if kept is None:
            raise Http404
        return _file(kept.jws, f"receipt-{action.pk}.jws", "application/jose")

    def receipt_keys(self, request: HttpRequest, action_pk: Any) -> HttpResponse:
        """The public keys that the receipt can be verified with."""
        action: Action = self.found(request, str(action_pk))
        keys = json.dumps(tokens.public_jwks(access.must(request).tenant), indent=2)
        return _file(keys, f"receipt-keys-{action.tenant_id}.json", "application/jwk-set+json")

    def add_to_list(self, request: HttpRequest, action_pk: Any) -> HttpResponse:
        action: Action = self.found(request, str(action_pk))
        facts = ActionFacts.objects.filter(pk=action.pk).first()
        back = reverse("portal:actions_action_change", args=[action.pk])
        return list_page.answer(
            self,
            request,
            list_page.of_action(action, facts, access.must(request)),
            back=back,
            about={"subject": action.user.pseudonym, "action_id": action.pk},
            crumbs=[(reverse("portal:actions_action_changelist"), _("Activity")), (back, action.action_code)],
        )

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        action = self.get_object(request, object_id)
        if action is None:
            return super().change_view(request, object_id, form_url, extra_context)
        here = access.must(request)
        facts = ActionFacts.objects.filter(pk=action.pk).first()
        events = AuditEvent.objects.filter(tenant_id=here.tenant.pk, action_id=action.pk).order_by("id")[:MAX_EVENTS]
        return self.page(
            request,
            "portal/action.html",
            title=action.action_code,
            action=action,
            shown=listed(action),
            reference=ids.reference(action.pk),
            facts=facts,
            agent=user_agent.described(facts.user_agent if facts else ""),
            verdict=verdict(facts, here) if facts else None,
            values=values(facts, here) if facts else [],
            authenticator=Authenticator.objects.filter(pk=action.authenticator_id, user=action.user).first()
            if action.authenticator_id
            else None,
            allowed=[words.method(name) for name in facts.allowed_methods] if facts else [],
            timeline=lines(events, here.tenant),
            messages_sent=messages_of(action),
            linked=linking.transaction_shown(action) if facts and facts.transaction_hash else None,
            has_receipt=Receipt.objects.filter(pk=action.pk).exists(),
            may_list=here.may(list_page.RIGHT),
        )


def _file(text: str, name: str, kind: str) -> HttpResponse:
    return HttpResponse(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def listed(action: Action) -> dict[str, Any]:
    return {
        "action": action,
        "state": words.STATES.get(action.state, action.state),
        "outcome": words.OUTCOMES.get(action.outcome, action.outcome),
        "method": words.method(action.verification_method),
        "country": countries.name(action.country_code or ""),
    }


def page_of(rows: QuerySet[Action], before: str) -> list[Action] | None:
    """Newest first, one more than a page; None where finding them would take too long. `before` is a `mark`."""
    moment, ident = read_mark(before)
    if moment is not None:
        rows = rows.filter(Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=ident))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST_QUERY}'")
            return list(rows.order_by("-created_at", "-pk")[: PAGE_SIZE + 1])
    except OperationalError:
        return None


def mark(action: Action) -> str:
    return f"{action.created_at.isoformat()}_{action.pk}"


def read_mark(text: str) -> tuple[datetime | None, uuid.UUID | None]:
    moment, _underscore, ident = text.replace(" ", "+").partition("_")
    try:
        read = datetime.fromisoformat(moment)
        return (read if read.tzinfo else None), uuid.UUID(ident)
    except ValueError:
        return None, None


def messages_of(action: Action) -> list[message_list.Line]:
    rows = Message.objects.filter(user=action.user, action_id=action.pk).select_related("challenge")
    return message_list.lines(rows.order_by("created_at")[:MAX_EVENTS])


# -- why -----------------------------------------------------------------------------------------


def verdict(facts: ActionFacts, here: Access) -> dict[str, Any]:
    """Every active rule as it was then, with what came of each of its conditions."""
    kept = PolicyVersion.objects.filter(
        configuration_id=facts.configuration_id,
        version=facts.policy_version,
        configuration__tenant=here.tenant,
    ).first()
    if kept is None:
        return {"kept": False, "rules": []}
    specs = sorted((spec for spec in policies.specs(kept) if spec.is_active), key=lambda spec: spec.priority)
    points = policies.custom_points(kept)
    matched = {str(rule) for rule in facts.matched_rules}
    now = ActionConfiguration.objects.filter(pk=facts.configuration_id, tenant=here.tenant).first()
    known = facts.opened()
    around = circumstances(facts, here.tenant)
    rules = [_explained(spec, facts, explain_facts(spec, known, custom_points=points, around=around), matched, here)
             for spec in specs]  # fmt: skip
    return {
        "kept": True,
        "rules": rules,
        "default": words.OUTCOMES.get(kept.default_outcome, kept.default_outcome),
        "default_outcome": kept.default_outcome,
        "by_default": facts.priority_rule_id is None,
        "version": kept.version,
        "is_current": now is not None and now.version == kept.version,
        "configuration": now,
        "better": better(facts, kept, around, here),
    }


def draft_told(
    draft: PolicyVersion, policy: Policy, decision: Decision, known: dict[str, Any], *, lists: Lists, here: Access
) -> dict[str, Any]:
    """What rules that are not in force make of facts, in the form of `verdict`."""
    points, around = policies.custom_points(draft), Circumstances(known.get("time", {}).get("at"), lists)
    return {
        "kept": True,
        "is_current": True,
        "version": draft.version,
        "outcome": decision.outcome,
        "label": words.OUTCOMES[decision.outcome],
        "rules": [
            {
                "spec": rule.spec,
                "outcome": words.OUTCOMES[rule.spec.outcome],
                "verdict": decision.verdicts[rule.spec.rule_id],
                "fired": rule.spec.rule_id in decision.matched,
                "shadowed": rule.spec.rule_id in decision.shadowed,
                "decided": rule.spec.rule_id == decision.priority_rule_id,
                "tree": for_eyes(explain_facts(rule.spec, known, custom_points=points, around=around), here),
            }
            for rule in policy.rules
        ],
        "default": words.OUTCOMES[draft.default_outcome],
        "default_outcome": draft.default_outcome,
        "by_default": decision.priority_rule_id is None,
    }


def circumstances(facts: ActionFacts, tenant: Tenant) -> Circumstances:
    """The moment of the action, and the value lists of then."""
    at, trace = facts.facts.get("time", {}).get("at"), facts.trace
    lists = value_lists.past(tenant.pk, trace.get("lists", 0), at=at, missing=trace.get("missingLists", ()))
    return Circumstances(at, lists)


def _explained(
    spec: RuleSpec, facts: ActionFacts, tree: ConditionTrace, matched: set[str], here: Access
) -> dict[str, Any]:
    return {
        "spec": spec,
        "outcome": words.OUTCOMES.get(spec.outcome, spec.outcome),
        "verdict": facts.trace.get("verdicts", {}).get(spec.rule_id, tree.verdict),
        "fired": spec.rule_id in matched,
        "shadowed": spec.rule_id in {str(rule) for rule in facts.shadow_rules},
        "decided": str(facts.priority_rule_id) == spec.rule_id,
        "tree": for_eyes(tree, here),
    }


def for_eyes(tree: ConditionTrace, here: Access) -> ConditionTrace:
    """Contact details in full only for those who may see them."""
    children = tuple(for_eyes(child, here) for child in tree.children)
    if tree.data_point in CONTACTS and isinstance(tree.actual, str) and not here.may(Right.SUPPORT):
        # The reason may quote the value.
        return replace(tree, children=children, actual=contact.mask(tree.actual), reason="")
    return replace(tree, children=children)


def values(facts: ActionFacts, here: Access) -> list[tuple[str, list[dict[str, Any]]]]:
    """Every data point with its value at the time, by category; what was not known says so."""
    known = facts.opened()
    groups: dict[str, list[dict[str, Any]]] = {}
    for point in [*DATA_POINTS.values(), *(lookup(PREFIX + name, {}) for name in _plain(known.get("velocity", {})))]:
        value = point.read(known)
        if point.key in CONTACTS and isinstance(value, str) and not here.may(Right.SUPPORT):
            value = contact.mask(value)
        row = {"label": point.label, "missing": value is None, "value": told(point.key, value)}
        groups.setdefault(point.category, []).append(row)
    sent = [
        *((f"custom.{name}", name, value) for name, value in known["custom"].items()),
        *((f"user.custom.{name}", name, value) for name, value in known["user"]["custom"].items()),
    ]
    custom = [{"label": name, "missing": value is None, "value": told(key, value)} for key, name, value in sent]
    return [*groups.items(), (str(_("Custom")), custom)] if custom else list(groups.items())


def _plain(velocities: Mapping[str, Any]) -> list[str]:
    """Those over no custom data point: that one may be gone."""
    return [name for name in velocities if not parse(PREFIX + name).field]
