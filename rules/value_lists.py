"""A tenant's value lists: read for decisions, kept by version, and changed."""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import BooleanField, CharField, F, Func, Q, QuerySet, Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authsignal_portal import clock
from authsignal_portal.models import Tenant
from rules.default_lists import OFAC_COUNTRIES
from rules.list_items import MAX_ITEMS as MAX_ITEMS
from rules.list_items import NewItem as NewItem
from rules.list_items import alias_of, cleaned_item, number
from rules.lists import Lists
from rules.lists import ValueList as Values
from rules.models import ValueList, ValueListItem
from rules.types import NUMBER, TEXT, Kind

MAX_LISTS: Final = 100
# Tenants whose lists a process keeps, and the items of all of these: some 150 bytes each.
MAX_KEPT: Final = 512
MAX_ITEMS_KEPT: Final = 500_000
NO_LONGER_THERE: Final = gettext_lazy("Somebody changed or removed this value after you opened it. Look at it again.")
# The list behind ip.countryCodeInOfacList. Until a tenant changes it, it holds the shipped countries.
OFAC_ALIAS: Final = "ofac-countries"
_OFAC: Final = Values(tuple((code, None) for code in OFAC_COUNTRIES))

# None in place of a list that is off or not there.
_kept: dict[uuid.UUID, tuple[int, dict[str, Values | None]]] = {}


def lists_of(tenant_id: uuid.UUID, version: int, aliases: Iterable[str]) -> Lists:
    """Of the tenant's lists, as they were at a version of them, that of the OFAC and those with these aliases.

    What was not asked for since the version changed is read, with two queries.
    """
    found: dict[str, Values | None] = {}
    kept = _kept.get(tenant_id)
    if kept and kept[0] == version:
        found = kept[1]
    wanted = {OFAC_ALIAS, *aliases}
    unread = wanted - found.keys()
    if unread:
        rows = ValueList.objects.filter(tenant_id=tenant_id, alias__in=unread)
        lists = _filled(rows, version, lambda one: one.is_active)
        # Another thread may look at what was kept: it is never changed.
        found = {**found, **{alias: lists.get(alias) for alias in unread}}
        _keep(tenant_id, version, found)
    return {alias: one for alias in wanted if (one := found[alias]) is not None}


def _keep(tenant_id: uuid.UUID, version: int, found: dict[str, Values | None]) -> None:
    _kept.pop(tenant_id, None)
    _kept[tenant_id] = (version, found)
    items = {ident: sum(1 + one.size for one in lists.values() if one) for ident, (_, lists) in _kept.copy().items()}
    # The tenant that was read last stays, however much it has: it would be read again with each action.
    for ident in list(items)[:-1]:
        if len(items) <= MAX_KEPT and sum(items.values()) <= MAX_ITEMS_KEPT:
            return
        _kept.pop(ident, None)
        del items[ident]


def read(tenant_id: uuid.UUID, version: int) -> Lists:
    """All of the tenant's lists as they were at a version of them, without keeping them."""
    return _filled(ValueList.objects.filter(tenant_id=tenant_id), version, lambda one: one.is_active)


def past(tenant_id: uuid.UUID, version: int, *, at: float | None, missing: Collection[str] = ()) -> Lists:
    """The lists as a decision saw them, for its explanation.

    It was made at a version of the lists, `at` a second since 1970, and found `missing` those that were off or gone
    then. A list that was deleted since is gone here too, also where another one has its alias today.
    """
    there = ValueList.objects.filter(tenant_id=tenant_id)
    if at is not None:
        there = there.filter(created_at__lte=datetime.fromtimestamp(at, UTC))
    lists = _filled(there, version, lambda one: one.alias not in missing)
    return {alias: one for alias, one in lists.items() if alias not in missing}


def _filled(rows: QuerySet[ValueList], version: int, is_on: Callable[[ValueList], bool]) -> Lists:
    found = {one.pk: one for one in rows}
    items: dict[uuid.UUID, list[tuple[Any, float | None]]] = {pk: [] for pk, one in found.items() if is_on(one)}
    then = Q(added_version__lte=version) & (Q(removed_version=None) | Q(removed_version__gt=version))
    stored = ValueListItem.objects.filter(then, value_list__in=items)
    for pk, value, expires_at in stored.values_list("value_list_id", "value", "expires_at").iterator():
        item = number(value) if found[pk].item_type == ValueList.ItemType.NUMBER else value
        items[pk].append((item, expires_at.timestamp() if expires_at else None))
    lists = {found[pk].alias: Values(tuple(its)) for pk, its in items.items()}
    return lists if _has_own_ofac(found.values(), version) else {**lists, OFAC_ALIAS: _OFAC}


def _has_own_ofac(lists: Iterable[ValueList], version: int) -> bool:
    """Whether the shipped list had been made the tenant's own, which puts values on it, by that version."""
    own = [one for one in lists if one.alias == OFAC_ALIAS]
    return bool(own) and ValueListItem.objects.filter(value_list=own[0], added_version__lte=version).exists()


def kinds_of(tenant: Tenant) -> dict[str, Kind]:
    """The aliases that rules may name, each with the kind of its items."""
    kinds = {ValueList.ItemType.STRING: TEXT, ValueList.ItemType.NUMBER: NUMBER}
    rows = ValueList.objects.filter(tenant=tenant).values_list("alias", "item_type")
    return {OFAC_ALIAS: TEXT} | {alias: kinds[ValueList.ItemType(kind)] for alias, kind in rows}


# -- changing ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What putting values on a list comes to: the new ones, those that get another note or expiry, those there so."""

    new: tuple[NewItem, ...] = ()
    changed: tuple[NewItem, ...] = ()
    same: int = 0


@transaction.atomic
def create(tenant: Tenant, name: str, *, item_type: str = "string", description: str = "") -> ValueList:
    """Raises ValidationError."""
    alias = free_alias(tenant, name)
    new_version(tenant)
    return ValueList.objects.create(tenant=tenant, name=name, alias=alias, item_type=item_type, description=description)


def free_alias(tenant: Tenant, name: str) -> str:
    """The alias of a new list; call inside the transaction that makes it. Raises ValidationError."""
    alias = alias_of(name)
    if not alias:
        raise ValidationError({"name": _("Use at least one letter from a to z, or a digit.")})
    _hold(tenant.pk)
    if ValueList.objects.filter(tenant=tenant, alias=alias).exists() or alias == OFAC_ALIAS:
        raise ValidationError({"name": _("There is a list with the alias %(alias)s already.") % {"alias": alias}})
    if ValueList.objects.filter(tenant=tenant).count() >= MAX_LISTS:
        raise ValidationError({"name": _("A tenant has at most %(number)s lists.") % {"number": MAX_LISTS}})
    return alias


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


def compare(value_list: ValueList, items: Sequence[NewItem]) -> Change:
    """What `put` would do. Of a value that comes twice the last one counts. Raises ValidationError."""
    if len(items) > MAX_ITEMS:
        raise _too_many()
    wanted = {one.value: one for one in (cleaned_item(item, value_list.item_type) for item in items)}
    there = {
        value: (note, expires_at)
        for value, note, expires_at in _current(value_list)
        .filter(_is_one_of(wanted))
        .values_list("value", "note", "expires_at")
    }
    new = tuple(one for value, one in wanted.items() if value not in there)
    if new and _current(value_list).count() + len(new) > MAX_ITEMS:
        raise _too_many()
    known = [one for value, one in wanted.items() if value in there]
    changed = tuple(one for one in known if there[one.value] != (one.note, one.expires_at))
    return Change(new, changed, len(known) - len(changed))


def _too_many() -> ValidationError:
    return ValidationError(_("A list holds at most %(number)s values.") % {"number": f"{MAX_ITEMS:,}"})


@transaction.atomic
def put(value_list: ValueList, items: Sequence[NewItem], *, author_id: int | None = None) -> Change:
    """Put values on a list; one that is there gets the new note and expiry.

    All or nothing. Raises ValidationError naming what is wrong with which value.
    """
    _hold_list(value_list)
    change = compare(value_list, items)
    if not change.new and not change.changed:
        return change
    version = new_version(value_list.tenant)
    put_on = (*change.new, *change.changed)
    _current(value_list).filter(_is_one_of(one.value for one in change.changed)).update(removed_version=version)
    columns = [list(column) for column in zip(*((one.value, one.note, one.expires_at) for one in put_on), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [value_list.pk, author_id, version, *columns])
    return change


def add(value_list: ValueList, items: Sequence[NewItem], *, author_id: int | None = None) -> int:
    """As `put`, but tells only how many values are new."""
    return len(put(value_list, items, author_id=author_id).new)


def check_there(item: ValueListItem) -> None:
    """Call inside the transaction of a change to an item. Raises ValidationError where it is no longer as shown."""
    _hold_list(item.value_list)
    if not _current(item.value_list).filter(pk=item.pk).exists():
        raise ValidationError(NO_LONGER_THERE)


@transaction.atomic
def remove(value_list: ValueList, values: Iterable[str]) -> int:
    """Take values off a list. Returns how many were on it. Raises ValidationError where the list is gone."""
    return _take_off(value_list, _is_one_of(values))


@transaction.atomic
def remove_expired(value_list: ValueList) -> int:
    """Take off what has expired. Returns how many. Raises ValidationError where the list is gone."""
    return _take_off(value_list, Q(expires_at__lte=clock.Now()))


def _take_off(value_list: ValueList, which: Q | Func) -> int:
    _hold_list(value_list)
    rows = _current(value_list).filter(which)
    return rows.update(removed_version=new_version(value_list.tenant)) if rows.exists() else 0


@transaction.atomic
def delete(value_list: ValueList) -> None:
    """With all that is or was on it."""
    new_version(value_list.tenant)
    value_list.delete()


# All values in one parameter: a statement takes 65,535 of them, and is slow long before.
_INSERT: Final = """
INSERT INTO rules_valuelistitem (value_list_id, author_id, added_version, value, note, expires_at)
SELECT %s::uuid, %s::bigint, %s::integer, * FROM unnest(%s::varchar[], %s::varchar[], %s::timestamptz[])
"""


class _IsOneOf(Func):
    template = "(%(expressions)s::varchar[]))"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def _is_one_of(values: Iterable[str]) -> _IsOneOf:
    return _IsOneOf(F("value"), Value(list(values), output_field=ArrayField(CharField())))


def _current(value_list: ValueList) -> QuerySet[ValueListItem]:
    return ValueListItem.objects.filter(value_list=value_list, removed_version=None)


def current(value_list: ValueList) -> QuerySet[ValueListItem]:
    """What is on the list now, newest first; expired items too."""
    return _current(value_list)


def _hold(tenant_id: uuid.UUID) -> None:
    """From here to the end of the transaction, other changes to the tenant's lists wait."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)


def _hold_list(value_list: ValueList) -> None:
    """Raises ValidationError where the list is gone."""
    _hold(value_list.tenant_id)
    if not ValueList.objects.filter(pk=value_list.pk).exists():
        raise ValidationError(_("This list was deleted."))


def new_version(tenant: Tenant) -> int:
    """Call inside the transaction of a change, before it: from its commit on, decisions are made with the new lists.

    The tenant's row is locked until then, so that no two changes have one version, and whoever reads a version finds
    all of its change.
    """
    Tenant.objects.filter(pk=tenant.pk).update(value_lists_version=F("value_lists_version") + 1)
    tenant.refresh_from_db(fields=["value_lists_version"])
    return tenant.value_lists_version


def now_expired(item: ValueListItem, now: datetime | None = None) -> bool:
    return item.expires_at is not None and item.expires_at <= (now or clock.now())
