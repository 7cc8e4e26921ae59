"""Portal page that puts a value of an action or of a user on a value list.

For those who may configure rules: what stands on a list decides as a rule does. Email addresses and phone numbers are
offered only to those who may see them in full, since everybody sees what is on a list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from actions.models import Action, ActionFacts, Device
from authenticators.models import EndUser
from authsignal_portal import access
from authsignal_portal.access import Access, Right
from authsignal_portal.tenant_admin import TenantAdmin
from rules import value_list_items
from rules.list_items import NewItem, cleaned
from rules.models import ValueList
from rules.registry import DATA_POINTS
from rules.value_list_form import OneValueForm

RIGHT: Final = Right.CONFIGURE
# Of what is known of an action, what lists are made of.
POINTS: Final = (
    "user.userId",
    "user.email",
    "user.emailDomain",
    "user.phoneNumber",
    "user.username",
    "ip.address",
    "ip.countryCode",
    "ip.asn",
    "ip.organization",
    "device.id",
    "card.bin",
    "card.issuerCountry",
    "card.issuerName",
    "crypto.walletAddress",
    "crypto.assetCode",
)
CONTACTS: Final = {"user.email", "user.phoneNumber"}
DEVICES: Final = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that may be put on a list. Its key is the data point's, so that no value stands in an address."""

    key: str
    label: str
    value: str
    item_type: str


def of_action(action: Action, facts: ActionFacts | None, here: Access) -> list[Candidate]:
    known: dict[str, Any] = facts.opened() if facts else {"user": {"userId": action.user.user_id}}
    points = (DATA_POINTS[key] for key in POINTS if _may_see(key, here))
    return [
        *_there(_candidate(point.key, point.label, point.read(known)) for point in points),
        *_custom("custom.", known.get("custom", {})),
        *_custom("user.custom.", known["user"].get("custom", {})),
    ]


def of_user(user: EndUser, here: Access) -> list[Candidate]:
    values = {
        "user.userId": user.user_id,
        "user.email": user.email,
        "user.phoneNumber": user.phone_number,
        "user.username": user.username,
    }
    points = [_candidate(key, DATA_POINTS[key].label, value) for key, value in values.items() if _may_see(key, here)]
    devices = [
        _candidate(f"device.{device.pk}", str(_("Device ID")), device.device_id)
        for device in Device.objects.filter(user=user)[:DEVICES]
    ]
    return [*_there([*points, *devices]), *_custom("user.custom.", user.custom or {})]


def _may_see(key: str, here: Access) -> bool:
    return key not in CONTACTS or here.may(Right.SUPPORT)


def _custom(prefix: str, custom: Mapping[str, Any]) -> list[Candidate]:
    return _there(_candidate(prefix + name, name, value) for name, value in custom.items())


def _there(candidates: Iterable[Candidate | None]) -> list[Candidate]:
    return [one for one in candidates if one is not None]


def _candidate(key: str, label: str, value: object) -> Candidate | None:
    """None for what no list can hold as it is: nothing, a choice of several, a text with a line break."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    item_type = ValueList.ItemType.STRING if isinstance(value, str) else ValueList.ItemType.NUMBER
    text = value if isinstance(value, str) else format(Decimal(repr(value)), "f")
    try:
        kept = cleaned(text, item_type)
    except ValidationError:
        return None
    if isinstance(value, str) and kept != value:
        return None
    return Candidate(key, label, kept, item_type)


def answer(
    page: TenantAdmin,
    request: HttpRequest,
    candidates: list[Candidate],
    *,
    back: str,
    about: Mapping[str, Any],
    crumbs: list[tuple[str, Any]],
) -> HttpResponse:
    """Choose a value and a list, and put the one on the other. `about` is what the log says it comes from."""
    here = access.must(request)
    if not here.may(RIGHT):
        raise PermissionDenied
    chosen = _chosen(candidates, request.GET.get("value", ""))
    posted = request.POST if request.method == "POST" else None
    form = OneValueForm(posted, tenant=here.tenant, item_type=chosen.item_type, now=here.now) if chosen else None
    if chosen and form and form.is_valid() and _put(request, here, chosen, form, about):
        return redirect(back)
    return page.page(
        request,
        "portal/list_addition.html",
        title=_("Add to a list"),
        crumbs=crumbs,
        candidates=candidates,
        chosen=chosen,
        form=form,
        has_lists=bool(form and form.fields["value_list"].queryset.exists()),  # type: ignore[attr-defined]
        sees_contacts=here.may(Right.SUPPORT),
        back=back,
    )


def _chosen(candidates: list[Candidate], key: str) -> Candidate | None:
    """The first one where none is asked for. Raises Http404 where there is no such one."""
    if not key:
        return candidates[0] if candidates else None
    for one in candidates:
        if one.key == key:
            return one
    raise Http404


def _put(request: HttpRequest, here: Access, chosen: Candidate, form: OneValueForm, about: Mapping[str, Any]) -> bool:
    given = form.cleaned_data
    try:
        item = NewItem(chosen.value, given["note"], given["expires_at"])
        value_list_items.put(here, given["value_list"], [item], **about)
    except ValidationError as error:
        form.add_error("value_list", error.messages)
        return False
    messages.success(
        request, _("“%(value)s” is on the list “%(list)s”.") % {"value": chosen.value, "list": given["value_list"]}
    )
    return True
