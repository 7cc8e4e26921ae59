"""A tenant's value lists: read for decisions, kept by version, and changed."""

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from authsignal_portal import clock
from authsignal_portal.models import Tenant
from rules.default_lists import OFAC_COUNTRIES
from rules.lists import Lists
from rules.lists import ValueList as Values
from rules.models import ValueList, ValueListItem
from rules.types import NUMBER, TEXT, Kind

MAX_LISTS: Final = 100
MAX_ITEMS: Final = 50_000
MAX_KEPT: Final = 512
# The list behind ip.countryCodeInOfacList. Until a tenant changes it, it holds the shipped countries.
OFAC_ALIAS: Final = "ofac-countries"
_OFAC: Final = Values(tuple((code, None) for code in OFAC_COUNTRIES))
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")

_kept: dict[uuid.UUID, tuple[int, Lists]] = {}


def lists_of(tenant_id: uuid.UUID, version: int) -> Lists:
    """The tenant's lists by alias, as they were at a version of them. One query the first time."""
    kept = _kept.get(tenant_id)
    if kept and kept[0] == version:
        return kept[1]
    lists = read(tenant_id, version)
    if len(_kept) >= MAX_KEPT:
        _kept.clear()
    _kept[tenant_id] = (version, lists)
    return lists


def read(tenant_id: uuid.UUID, version: int) -> Lists:
    """The same, without keeping it: for the past."""
    found: dict[str, list[tuple[Any, float | None]]] = {}
    kinds = {}
    for one in ValueList.objects.filter(tenant_id=tenant_id, is_active=True):
        found[one.alias], kinds[one.alias] = [], one.item_type
    then = Q(added_version__lte=version) & (Q(removed_version=None) | Q(removed_version__gt=version))
    rows = ValueListItem.objects.filter(then, value_list__tenant_id=tenant_id, value_list__is_active=True)
    for alias, value, expires_at in rows.values_list("value_list__alias", "value", "expires_at").iterator():
        item = number(value) if kinds[alias] == ValueList.ItemType.NUMBER else value
        found[alias].append((item, expires_at.timestamp() if expires_at else None))
    lists = {alias: Values(tuple(items)) for alias, items in found.items()}
    return {OFAC_ALIAS: _OFAC} | lists


def kinds_of(tenant: Tenant) -> dict[str, Kind]:
    """The aliases that rules may name, each with the kind of its items."""
    kinds = {ValueList.ItemType.STRING: TEXT, ValueList.ItemType.NUMBER: NUMBER}
    rows = ValueList.objects.filter(tenant=tenant).values_list("alias", "item_type")
    return {OFAC_ALIAS: TEXT} | {alias: kinds[ValueList.ItemType(kind)] for alias, kind in rows}


def number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


# -- changing ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewItem:
    value: str
    note: str = ""
    expires_at: datetime | None = None


def alias_of(name: str) -> str:
    """Lower case, with hyphens for all that is no letter or digit (wire: value list)."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:100]


@transaction.atomic
def create(tenant: Tenant, name: str, *, item_type: str = "string", description: str = "") -> ValueList:
    """Raises ValidationError."""
    alias = alias_of(name)
    if not alias:
        raise ValidationError({"name": _("Use at least one letter or digit.")})
    if ValueList.objects.filter(tenant=tenant, alias=alias).exists() or alias == OFAC_ALIAS:
        raise ValidationError({"name": _("There is a list with the alias %(alias)s already.") % {"alias": alias}})
    if ValueList.objects.filter(tenant=tenant).count() >= MAX_LISTS:
        raise ValidationError(_("A tenant has at most %(number)s lists.") % {"number": MAX_LISTS})
    made = ValueList.objects.create(tenant=tenant, name=name, alias=alias, item_type=item_type, description=description)
    new_version(tenant)
    return made


@transaction.atomic
def ensure_ofac(tenant: Tenant) -> ValueList:
    """The tenant's own copy of the shipped list of embargoed countries."""
    made, is_new = ValueList.objects.get_or_create(
        tenant=tenant,
        alias=OFAC_ALIAS,
        defaults={"name": "OFAC countries", "description": _("Behind the data point “IP country is embargoed”.")},
    )
    if is_new:
        add(made, [NewItem(code, note=str(_("shipped"))) for code in OFAC_COUNTRIES])
    return made


@transaction.atomic
def add(value_list: ValueList, items: Sequence[NewItem], *, author_id: int | None = None) -> int:
    """Put values on a list; one that is there gets the new note and expiry. Returns how many are new.

    All or nothing. Raises ValidationError naming what is wrong with which value.
    """
    wanted = {cleaned(value_list, item.value): item for item in items}
    version = new_version(value_list.tenant)
    there = _current(value_list).filter(value__in=wanted)
    known = set(there.values_list("value", flat=True))
    there.update(removed_version=version)
    if _current(value_list).count() + len(wanted) > MAX_ITEMS:
        raise ValidationError(_("A list holds at most %(number)s values.") % {"number": f"{MAX_ITEMS:,}"})
    ValueListItem.objects.bulk_create(
        ValueListItem(
            value_list=value_list,
            value=value,
            note=item.note,
            expires_at=item.expires_at,
            author_id=author_id,
            added_version=version,
        )
        for value, item in wanted.items()
    )
    return len(set(wanted) - known)


@transaction.atomic
def remove(value_list: ValueList, values: Iterable[str]) -> int:
    """Take values off a list. Returns how many were on it."""
    version = new_version(value_list.tenant)
    return _current(value_list).filter(value__in=list(values)).update(removed_version=version)


def _current(value_list: ValueList) -> QuerySet[ValueListItem]:
    return ValueListItem.objects.filter(value_list=value_list, removed_version=None)


def current(value_list: ValueList) -> QuerySet[ValueListItem]:
    """What is on the list now, newest first; expired items too."""
    return _current(value_list)


def cleaned(value_list: ValueList, value: str) -> str:
    """The value as the list keeps it. Raises ValidationError."""
    text = value.strip()
    if not text or len(text) > 512 or not text.isprintable():
        raise ValidationError(_("Write 1 to 512 printable characters, not “%(value)s”.") % {"value": value[:60]})
    if value_list.item_type == ValueList.ItemType.NUMBER and not _NUMBER.fullmatch(text):
        raise ValidationError(_("“%(value)s” is no number such as 12 or 2.5.") % {"value": text[:60]})
    return text


def new_version(tenant: Tenant) -> int:
    """Call inside the transaction of a change: from its commit on, decisions are made with the lists as they are."""
    Tenant.objects.filter(pk=tenant.pk).update(value_lists_version=F("value_lists_version") + 1)
    tenant.refresh_from_db(fields=["value_lists_version"])
    return tenant.value_lists_version


def now_expired(item: ValueListItem, now: datetime | None = None) -> bool:
    return item.expires_at is not None and item.expires_at <= (now or clock.now())
