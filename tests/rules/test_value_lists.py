"""A tenant's value lists: what may stand on them, their versions, and the past."""

import random
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from authsignal_portal import clock
from authsignal_portal.models import Tenant
from rules import value_lists
from rules.default_lists import OFAC_COUNTRIES
from rules.list_items import MAX_ITEMS
from rules.models import ValueList, ValueListItem
from rules.types import COUNTRY, IP, NUMBER, TEXT
from rules.value_lists import OFAC_ALIAS, NewItem, add, create, lists_of, past, put, read, remove
from tests import make


def version_of(tenant: Tenant) -> int:
    return Tenant.objects.get(pk=tenant.pk).value_lists_version


def held(tenant: Tenant, alias: str, version: int | None = None) -> list[str]:
    lists = read(tenant.pk, version or version_of(tenant))
    return sorted(str(value) for value, _expires in lists[alias].items)


def put_values(value_list: ValueList, *values: str) -> None:
    put(value_list, [NewItem(value) for value in values])


@pytest.fixture
def blocked(acme):
    return create(acme, "Blocked")


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("Blocked e-mails", "blocked-e-mails"),
        ("  VIP -- users! ", "vip-users"),
        ("Länder (gesperrt)", "lander-gesperrt"),
        ("2026/27", "2026-27"),
        ("ΑΒΓ x", "x"),
    ],
)
def test_the_alias_is_the_name_in_small_letters_with_hyphens(acme, name, alias):
    assert create(acme, name).alias == alias


@pytest.mark.parametrize("name", ["!!!", "名簿", "Blocked", "BLOCKED!", "OFAC countries"])
def test_a_name_without_letters_or_with_an_alias_that_is_taken_is_refused(acme, blocked, name):
    with pytest.raises(ValidationError):
        create(acme, name)
    assert ValueList.objects.count() == 1


def test_two_tenants_may_have_lists_of_one_name(blocked, globex):
    other = create(globex, "Blocked")
    put_values(other, "x")
    assert held(globex, "blocked") == ["x"]
    assert held(blocked.tenant, "blocked") == []


def test_a_tenant_has_no_more_lists_than_it_may(acme, monkeypatch):
    monkeypatch.setattr(value_lists, "MAX_LISTS", 2)
    create(acme, "a")
    create(acme, "b")
    with pytest.raises(ValidationError, match="at most 2 lists"):
        create(acme, "c")


# -- putting and taking off ----------------------------------------------------------------------


def test_a_value_is_on_the_list_once_and_the_last_word_counts(blocked):
    assert put(blocked, [NewItem("a", "one"), NewItem(" a ", "two"), NewItem("b")]).new == (
        NewItem("a", "two"),
        NewItem("b"),
    )
    change = put(blocked, [NewItem("a", "three"), NewItem("b"), NewItem("c")])
    assert (change.new, change.changed, change.same) == ((NewItem("c"),), (NewItem("a", "three"),), 1)
    assert sorted(value_lists.current(blocked).values_list("value", "note")) == [("a", "three"), ("b", ""), ("c", "")]


def test_what_is_there_already_makes_no_new_version(blocked):
    put_values(blocked, "a")
    before, rows = version_of(blocked.tenant), ValueListItem.objects.count()
    put_values(blocked, "a")
    assert remove(blocked, ["b"]) == value_lists.remove_expired(blocked) == 0
    assert (version_of(blocked.tenant), ValueListItem.objects.count()) == (before, rows)


def test_one_wrong_value_keeps_all_out(blocked):
    before = version_of(blocked.tenant)
    with pytest.raises(ValidationError):
        put(blocked, [NewItem("a"), NewItem("")])
    assert not ValueListItem.objects.exists()
    assert version_of(blocked.tenant) == before


def test_numbers_that_are_equal_are_one_item(acme):
    numbers = create(acme, "Numbers", item_type="number")
    assert add(numbers, [NewItem("2.50"), NewItem("02.5"), NewItem("-0.0"), NewItem("0")]) == 2
    assert held(acme, "numbers") == ["0", "2.5"]
    assert remove(numbers, ["2.5"]) == 1
    assert read(acme.pk, version_of(acme))["numbers"].holds(NUMBER, 0.0, None) is True


def test_a_list_is_filled_to_its_last_place_and_no_further(blocked):
    everything = [NewItem(f"v{number}", "note") for number in range(MAX_ITEMS)]
    assert add(blocked, everything) == MAX_ITEMS
    with pytest.raises(ValidationError, match="at most 50,000 values"):
        put_values(blocked, "one more")
    assert len(put(blocked, [NewItem("v7", "changed")]).changed) == 1
    assert add(blocked, everything) == 0
    remove(blocked, ["v7"])
    put_values(blocked, "one more")
    assert value_lists.current(blocked).count() == MAX_ITEMS


def test_a_list_that_is_gone_takes_nothing(blocked):
    stale = ValueList.objects.get(pk=blocked.pk)
    value_lists.delete(blocked)
    for change in (lambda: put_values(stale, "a"), lambda: remove(stale, ["a"])):
        with pytest.raises(ValidationError, match="This list was deleted"):
            change()


# -- versions ------------------------------------------------------------------------------------


def test_each_version_has_its_own_contents_for_good(acme, blocked):
    """Random changes; afterwards every version is read again as it was."""
    seen = {}
    chance = random.Random(1)
    for _step in range(40):
        value = chance.choice("abcdef")
        if chance.random() < 0.6:
            put(blocked, [NewItem(value, note=str(chance.random()))])
        else:
            remove(blocked, [value])
        seen[version_of(acme)] = held(acme, "blocked")
    for version, contents in seen.items():
        assert held(acme, "blocked", version) == contents


def test_the_kept_lists_follow_the_version_and_are_read_once(acme, blocked):
    put_values(blocked, "a")
    version = version_of(acme)
    with CaptureQueriesContext(connection) as first:
        lists_of(acme.pk, version, ["blocked"])
    with CaptureQueriesContext(connection) as second:
        assert lists_of(acme.pk, version, ["blocked"])["blocked"].holds(TEXT, "a", None) is True
    assert (bool(first), len(second)) == (True, 0)
    put_values(blocked, "b")
    assert lists_of(acme.pk, version_of(acme), ["blocked"])["blocked"].holds(TEXT, "b", None) is True
    # Whoever read the older version in this moment still gets that one.
    assert lists_of(acme.pk, version, ["blocked"])["blocked"].holds(TEXT, "b", None) is False


def test_only_the_lists_that_are_asked_for_are_read(acme, blocked):
    large = create(acme, "Large")
    put_values(large, *map(str, range(50)))
    put_values(blocked, "a")
    version = version_of(acme)
    assert set(lists_of(acme.pk, version, [])) == {OFAC_ALIAS}
    assert set(lists_of(acme.pk, version, ["blocked", "gone"])) == {OFAC_ALIAS, "blocked"}
    assert large.alias not in value_lists._kept[acme.pk][1]
    assert lists_of(acme.pk, version, [large.alias])[large.alias].size == 50
    with CaptureQueriesContext(connection) as queries:
        assert set(lists_of(acme.pk, version, ["blocked", "gone", large.alias])) == {OFAC_ALIAS, "blocked", large.alias}
    assert len(queries) == 0


def test_a_process_keeps_so_many_items_and_of_the_last_tenant_all(acme, globex, blocked, monkeypatch):
    monkeypatch.setattr(value_lists, "MAX_ITEMS_KEPT", 30)
    monkeypatch.setattr(value_lists, "_kept", {})
    put_values(blocked, *map(str, range(50)))
    lists_of(acme.pk, version_of(acme), ["blocked"])
    assert list(value_lists._kept) == [acme.pk]
    lists_of(globex.pk, version_of(globex), [])
    assert list(value_lists._kept) == [globex.pk]


def test_a_tenant_that_is_saved_does_not_turn_the_version_back(acme, blocked):
    stale = Tenant.objects.get(pk=acme.pk)
    put_values(blocked, "a")
    after = version_of(acme)
    stale.name = "Other"
    stale.save()
    assert version_of(acme) == after
    assert Tenant.objects.get(pk=acme.pk).name == "Other"


# -- off, gone, and the past ---------------------------------------------------------------------


def test_a_list_that_is_off_is_not_there(acme, blocked):
    ValueList.objects.filter(pk=blocked.pk).update(is_active=False)
    value_lists.new_version(acme)
    assert "blocked" not in read(acme.pk, version_of(acme))


def test_the_past_has_a_list_that_was_on_then_and_lacks_one_that_was_off(acme, blocked):
    put_values(blocked, "a")
    version, at = version_of(acme), clock.now().timestamp()
    ValueList.objects.filter(pk=blocked.pk).update(is_active=False)
    assert past(acme.pk, version, at=at)["blocked"].holds(TEXT, "a", at) is True
    assert "blocked" not in past(acme.pk, version, at=at, missing=["blocked"])
    ValueList.objects.filter(pk=blocked.pk).update(is_active=True)
    assert "blocked" not in past(acme.pk, version, at=at, missing=["blocked"])


def test_a_list_that_was_deleted_is_gone_from_the_past_also_when_there_is_another_of_its_name(acme, blocked):
    version, at = version_of(acme), clock.now().timestamp()
    value_lists.delete(blocked)
    assert "blocked" not in past(acme.pk, version, at=at)
    ValueList.objects.filter(pk=create(acme, "Blocked").pk).update(created_at=clock.now() + timedelta(seconds=1))
    assert "blocked" not in past(acme.pk, version, at=at)


# -- the embargoed countries ---------------------------------------------------------------------


def embargoed(tenant: Tenant, country: str, version: int | None = None) -> bool | None:
    lists = read(tenant.pk, version or version_of(tenant))
    return lists[OFAC_ALIAS].holds(COUNTRY, country, None) if OFAC_ALIAS in lists else None


def test_the_shipped_countries_hold_until_the_tenant_has_their_own(acme, globex):
    assert [embargoed(acme, code) for code in (*OFAC_COUNTRIES, "NZ")] == [True, True, True, False]
    own = value_lists.ensure_ofac(acme)
    assert value_lists.ensure_ofac(acme) == own
    remove(own, ["CU"])
    put_values(own, "nz")
    assert [embargoed(acme, code) for code in ("CU", "IR", "NZ")] == [False, True, True]
    assert [embargoed(globex, code) for code in ("CU", "NZ")] == [True, False]


def test_a_version_from_before_a_tenants_own_countries_has_the_shipped_ones(acme):
    """Also for the request that read its version just before they were made, and looks them up just after."""
    before = version_of(acme)
    remove(value_lists.ensure_ofac(acme), OFAC_COUNTRIES)
    assert embargoed(acme, "IR") is False
    assert embargoed(acme, "IR", before) is True


def test_ones_own_countries_that_are_off_are_not_replaced_by_the_shipped_ones(acme):
    own = value_lists.ensure_ofac(acme)
    ValueList.objects.filter(pk=own.pk).update(is_active=False)
    assert embargoed(acme, "IR") is None
    value_lists.delete(own)
    assert embargoed(acme, "IR") is True


def test_addresses_and_ranges_stand_on_one_list_of_texts(acme, blocked):
    put_values(blocked, "203.0.113.0/24", "2001:db8::1", "::ffff:192.0.2.7", "nobody")
    lists = read(acme.pk, version_of(acme))
    found = {address: lists["blocked"].holds(IP, address, None) for address in [(4, 0xCB007105), (4, 0xC0000207)]}
    assert set(found.values()) == {True}


def test_the_kinds_that_rules_may_name(acme, blocked):
    make_numbers = create(acme, "Numbers", item_type="number")
    assert value_lists.kinds_of(acme) == {"blocked": TEXT, make_numbers.alias: NUMBER, OFAC_ALIAS: TEXT}


def test_a_new_tenant_begins_with_a_version(db):
    assert make.make_tenant("New").value_lists_version == 1
