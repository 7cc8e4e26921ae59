"""The builder of a rule with what is beside it: the rows after a button, and a trial of them."""

from dataclasses import dataclass
from typing import Any, Protocol, cast

from django.http import HttpRequest
from django.utils.translation import gettext as _

from authsignal_portal import clock
from authsignal_portal.access import Access
from authsignal_portal.models import Tenant
from rules import sample
from rules.builder import Builder
from rules.buttons import Refused, press
from rules.engine import MATCH
from rules.fields import Fields
from rules.following import suited
from rules.forms import Garbled, Group, read_fields, walk
from rules.models import ActionConfiguration
from rules.own import Own
from rules.rule_form import custom_points_of
from rules.trial import Case, PastAction, Tried, tried
from rules.value_lists import kinds_of, lists_of

SAMPLE = "sample"


class Past(Protocol):
    """Where stored actions come from. They belong to another app, which gives the page of rules this part."""

    def recent(self, here: Access, action_code: str) -> list[PastAction]: ...

    def case(self, here: Access, ident: str) -> Case | None: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """What the panel beside the rows shows. `values` are the fields of a sample; `tried` is None without a case."""

    source: str
    values: list[sample.Value]
    tried: Tried | None
    problem: str = ""


def own_of(tenant: Tenant) -> Own:
    codes = ActionConfiguration.objects.filter(tenant=tenant).order_by("action_code")
    return Own(
        points=tuple(custom_points_of(tenant)),
        lists=kinds_of(tenant),
        codes=tuple(codes.values_list("action_code", flat=True)),
    )


def pressed(request: HttpRequest, own: Own) -> Builder:
    """The builder after the button that was pressed."""
    try:
        root = read_fields(cast(Any, request.POST))
        before = read_fields(cast(Any, request.POST))
    except Garbled as garbled:
        return Builder(Group(0), own=own, refusal=str(garbled))
    # What belongs to the rows as they were sent, before a button makes new ones of the same numbers.
    was = {node.ident: request.POST.get(f"n{node.ident}-was", "") for node, _up in walk(root)}
    suited(root, own, was)
    suited(before, own, was)
    focus, refusal = "", ""
    try:
        focus = press(root, request.POST.get("builder", ""))
    except Refused as refused:
        root, refusal = before, str(refused)
    return Builder(root, own=own, focus=focus, refusal=refusal)


def try_out(builder: Builder, sent: Fields, here: Access, past: Past) -> Trial:
    """Try the rows on what the page asks for, and give each row its verdict."""
    source = str(sent.get("try", ""))
    values = sample.values(builder.root, sent, builder.own.points) if source == SAMPLE else []
    found = _case(source, values, here, past)
    if found is None:
        gone = _("That action is not there any more. Choose another.") if source else ""
        return Trial(source, values, None, gone)
    fires_on_unknown = sent.get("when_unknown", "") == MATCH and sent.get("outcome", "") != "ALLOW"
    made = tried(builder.written, found, custom_points=builder.own.points, fires_on_unknown=fires_on_unknown)
    builder.verdicts = made.rows
    return Trial(source, values, made)


def _case(source: str, values: list[sample.Value], here: Access, past: Past) -> Case | None:
    if source != SAMPLE:
        return past.case(here, source) if source else None
    lists = lists_of(here.tenant.pk, here.tenant.value_lists_version, kinds_of(here.tenant))
    return sample.case(values, now=clock.now().timestamp(), lists=lists)
