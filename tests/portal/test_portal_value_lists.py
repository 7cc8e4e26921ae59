"""Value lists in the portal: making them, what stands on them, files in and out, and values from actions and users."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from actions import flow
from actions.models import Action, ActionFacts, Device
from audit import log
from audit.models import AuditEvent
from authenticators.models import EndUser
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Role
from rules import value_list_import, value_lists
from rules.models import Rule, ValueList, ValueListItem
from rules.value_lists import NewItem, put
from tests import make
from tests.conftest import advance_clock
from tests.portal.staff import code_of, signed_in

LISTS = "/portal/rules/valuelist/"
BLOCKED = {"in": [{"var": "user.email"}, {"var": "lists.blocked"}]}
CANARY = "<script>canary()</script>"
HOME = "203.0.113.10"


@pytest.fixture
def blocked(acme) -> ValueList:
    return value_lists.create(acme, "Blocked")


@pytest.fixture
def numbers(acme) -> ValueList:
    return value_lists.create(acme, "Numbers", item_type="number")


def at(value_list: ValueList, *path: object) -> str:
    return LISTS + "/".join(str(part) for part in (value_list.pk, *path)) + "/"


def words(answer) -> str:
    html = unescape(answer.content.decode())
    main = html[html.index("<main") :]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def held(value_list: ValueList) -> dict[str, tuple[str, datetime | None]]:
    rows = value_lists.current(value_list).values_list("value", "note", "expires_at")
    return {value: (note, expires_at) for value, note, expires_at in rows}


def events(tenant: Tenant, tag: str) -> list[dict]:
    rows = AuditEvent.objects.filter(tenant_id=tenant.pk, tag=f"value_list:{tag}").order_by("id")
    return [row.data for row in rows]


def wait_an_hour(staff) -> None:
    """And a bit; looking around, so that the session stays."""
    for _step in range(3):
        advance_clock(1201)
        assert staff.client.get("/portal/").status_code == 200


def values_form(*values: str, **more: str) -> dict[str, str]:
    return {"values": "\r\n".join(values), "note": "", "expires": "never"} | more


# -- the lists -----------------------------------------------------------------------------------


def test_a_list_is_made_with_an_alias_that_stays_when_it_is_renamed(acme, admin):
    answer = admin.client.post(LISTS + "add/", {"name": "Blocked e-mails", "item_type": "string"}, follow=True)
    assert "Rules name it by its alias blocked-e-mails." in words(answer)
    made = ValueList.objects.get()
    assert (made.alias, made.tenant, made.is_active) == ("blocked-e-mails", acme, True)
    admin.client.post(at(made, "change"), {"name": "Banned", "description": "why", "is_active": "on"})
    made.refresh_from_db()
    assert (made.name, made.alias, made.description) == ("Banned", "blocked-e-mails", "why")
    assert "The alias stays blocked-e-mails" in words(admin.client.get(at(made, "change")))
    ids = {"row": str(made.pk), "value_list": "blocked-e-mails"}
    assert events(acme, "created") == [ids]
    assert events(acme, "updated") == [ids | {"fields": ["name", "description"]}]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "This field is required"),
        ("!!!", "Use at least one letter from a to z, or a digit."),
        ("blocked!", "There is a list with the alias blocked already."),
        ("OFAC countries", "There is a list with the alias ofac-countries already."),
        ("x" * 65, "at most 64 characters"),
        ("a\0b", "Null characters"),
    ],
)
def test_a_name_that_does_not_do_is_refused_at_its_field(acme, admin, blocked, name, told):
    assert told in words(admin.client.post(LISTS + "add/", {"name": name, "item_type": "string"}))
    assert ValueList.objects.count() == 1
    assert not events(acme, "created")


def test_what_a_list_holds_is_chosen_once(admin, blocked):
    form = {"name": "Blocked", "is_active": "on", "item_type": "number", "alias": "other"}
    admin.client.post(at(blocked, "change"), form)
    blocked.refresh_from_db()
    assert (blocked.item_type, blocked.alias) == ("string", "blocked")


def test_the_lists_show_how_much_is_on_them_and_which_rules_use_them(acme, admin, blocked, numbers):
    put(blocked, [NewItem("a"), NewItem("b")])
    value_lists.remove(blocked, ["a"])
    pay = make.make_action(acme, "pay")
    make.make_rule(pay, BLOCKED, name="Keep out")
    pay.rules.create(name="Keep out more", conditions=BLOCKED, priority=1)
    pay.save_draft()
    told = words(admin.client.get(LISTS))
    assert "Blocked blocked Texts 1 Keep out pay Keep out more pay · not published yet" in told
    assert "Numbers numbers Numbers 0 –" in told
    assert "ofac-countries Texts 3 CU, IR, KP –" in told
    Rule.objects.all().delete()
    pay.save_draft()
    assert "Keep out pay · until the draft is published" in words(admin.client.get(at(blocked, "items")))


def test_a_list_that_a_rule_uses_is_not_deleted(acme, admin, blocked):
    put(blocked, [NewItem("a")])
    rule = make.make_rule(make.make_action(acme, "pay"), BLOCKED, name="Keep out")
    answer = admin.client.post(at(blocked, "delete"), {"post": "yes"}, follow=True)
    assert "It is used by Keep out (pay). Change that first." in words(answer)
    # In force, though the draft no longer has it.
    rule.conditions = {"==": [{"var": "ip.isAnonymous"}, True]}
    rule.save()
    rule.configuration.save_draft()
    answer = admin.client.post(at(blocked, "delete"), {"post": "yes"}, follow=True)
    assert "It is used by" in words(answer)
    # In a draft only.
    rule.configuration.publish()
    rule.conditions, rule.is_active = BLOCKED, False
    rule.save()
    rule.configuration.save_draft()
    answer = admin.client.post(at(blocked, "delete"), {"post": "yes"}, follow=True)
    assert "It is used by" in words(answer)
    assert not events(acme, "deleted")
    rule.delete()
    rule.configuration.save_draft()
    assert admin.client.post(at(blocked, "delete"), {"post": "yes"}).status_code == 302
    assert not ValueList.objects.exists()
    assert not ValueListItem.objects.exists()
    assert [event["value_list"] for event in events(acme, "deleted")] == ["blocked"]


def test_deleting_or_switching_off_wants_a_fresh_code(acme, admin, blocked):
    advance_clock(6 * 60)
    admin.client.post(at(blocked, "delete"), {"post": "yes"})
    off = {"name": "Blocked"}
    assert "Enter the code" in words(admin.client.post(at(blocked, "change"), off))
    assert ValueList.objects.get().is_active
    assert admin.client.post(at(blocked, "change"), {"name": "Other", "is_active": "on"}).status_code == 302
    before = Tenant.objects.get(pk=acme.pk).value_lists_version
    assert admin.client.post(at(blocked, "change"), off | {"code": code_of(admin.device)}).status_code == 302
    assert not ValueList.objects.get().is_active
    assert Tenant.objects.get(pk=acme.pk).value_lists_version == before + 1
    told = words(admin.client.get(at(blocked, "items")))
    assert "This list is off: a condition that asks for it cannot be decided." in told
    assert admin.client.post(at(blocked, "delete"), {"post": "yes"}).status_code == 302
    assert not ValueList.objects.exists()


def test_the_embargoed_countries_are_made_ones_own_once(acme, admin):
    assert admin.client.get(LISTS + "ofac/").status_code == 302
    assert not ValueList.objects.exists()
    for _time in range(2):
        answer = admin.client.post(LISTS + "ofac/", follow=True)
        assert "CU shipped" in words(answer)
    assert sorted(held(ValueList.objects.get())) == ["CU", "IR", "KP"]
    assert [event["count"] for event in events(acme, "created")] == [3]
    assert "Make it yours" not in words(admin.client.get(LISTS))
    make.make_rule(make.make_action(acme, "pay"), {"==": [{"var": "ip.countryCodeInOfacList"}, True]}, name="Embargo")
    own = ValueList.objects.get()
    told = words(admin.client.get(at(own, "items")))
    assert "Embargo pay" in told
    assert "Delete the list to have the shipped one back." in told
    admin.client.post(at(own, "delete"), {"post": "yes"})
    assert "Make it yours" in words(admin.client.get(LISTS))


# -- what stands on a list -----------------------------------------------------------------------


def test_values_are_added_with_note_and_expiry_and_the_log_has_none_of_it(acme, admin, blocked):
    form = values_form("a@b.example", "", " c@d.example ", "a@b.example", note="fraud ring", expires="1d")
    answer = admin.client.post(at(blocked, "items"), form, follow=True)
    assert "2 values added." in words(answer)
    assert set(held(blocked)) == {"a@b.example", "c@d.example"}
    [(note, expires_at)] = set(held(blocked).values())
    assert note == "fraud ring"
    assert abs(expires_at - clock.now() - timedelta(days=1)) < timedelta(minutes=1)
    answer = admin.client.post(at(blocked, "items"), values_form("a@b.example", "e@f.example"), follow=True)
    assert "1 value added. 1 got another note or expiry." in words(answer)
    answer = admin.client.post(at(blocked, "items"), values_form("a@b.example"), follow=True)
    assert "0 values added. 1 was there already." in words(answer)
    ids = {"row": str(blocked.pk), "value_list": "blocked"}
    assert events(acme, "items_added") == [ids | {"count": 2, "changed": 0}, ids | {"count": 1, "changed": 1}]
    told = words(admin.client.get(at(blocked, "items")))
    assert re.search(r"c@d\.example fraud ring in 23 hours, \d+ minutes .* UTC .* " + re.escape(admin.email), told)
    assert "Put values on the list blocked: 2 new, 0 changed" in words(admin.client.get("/portal/audit/auditevent/"))


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (values_form(), "This field is required"),
        (values_form("ok", "10.0.0.1/8"), 'Write "10.0.0.0/8"'),
        (values_form("ok", "x" * 513), "Write 1 to 512 printable characters"),
        (values_form("ok", "a\u200bb"), "printable"),
        (values_form("ok", note="x" * 201), "at most 200 characters"),
        (values_form("ok", expires="forever"), "Select a valid choice"),
        (values_form("ok", expires="day"), "Choose the last day on which it counts."),
        (values_form("ok", expires="day", until="2020-01-01"), "Choose a day that is not over yet."),
        (values_form("ok", expires="day", until="9999-12-31"), "Choose a day that is not over yet."),
        (values_form("ok", expires="day", until="soon"), "Enter a valid date."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_added(acme, admin, blocked, form, told):
    answer = admin.client.post(at(blocked, "items"), form)
    assert told in words(answer)
    assert words(answer).count(told) == 1
    assert not ValueListItem.objects.exists()
    assert not events(acme, "items_added")


def test_a_list_of_numbers_takes_numbers_only(admin, numbers):
    answer = admin.client.post(at(numbers, "items"), values_form("12", "twelve"))
    assert "Write “twelve” as a number, such as 12 or 2.5." in words(answer)
    admin.client.post(at(numbers, "items"), values_form("12", "2.50"))
    assert set(held(numbers)) == {"12", "2.5"}


def test_how_to_write_a_value_is_told_by_what_the_list_holds(admin, blocked, numbers):
    assert "an email address with its capitals" in words(admin.client.get(at(blocked, "items")))
    told = words(admin.client.get(at(numbers, "items")))
    assert "email" not in told[told.index("Values, one per line") :]


def test_of_an_empty_list_that_is_off_one_thing_is_said(admin, blocked):
    assert "is false for every value" in words(admin.client.get(at(blocked, "items")))
    ValueList.objects.update(is_active=False)
    told = words(admin.client.get(at(blocked, "items")))
    assert "a condition that asks for it cannot be decided" in told
    assert "Nothing on this list yet." in told
    assert "is false" not in told


def test_the_last_day_counts_to_its_end(admin, blocked):
    tomorrow = clock.now().astimezone(UTC).date() + timedelta(days=1)
    admin.client.post(at(blocked, "items"), values_form("a", expires="day", until=tomorrow.isoformat()))
    [(_note, expires_at)] = held(blocked).values()
    assert expires_at == datetime.combine(tomorrow + timedelta(days=1), datetime.min.time(), UTC)


def test_values_are_found_by_part_of_value_or_note_and_come_in_pages(admin, blocked):
    put(blocked, [NewItem(f"user-{number:03}", note="even" if number % 2 == 0 else "") for number in range(120)])
    first = words(admin.client.get(at(blocked, "items")))
    assert "120 values" in first
    assert "Page 1 of 3" in first
    assert ("user-119" in first, "user-069" in first) == (True, False)
    assert "user-000" in words(admin.client.get(at(blocked, "items") + "?p=3"))
    assert "user-000" in words(admin.client.get(at(blocked, "items") + "?p=99"))
    assert "Page 1 of 2" in words(admin.client.get(at(blocked, "items") + "?q=EVEN"))
    found = words(admin.client.get(at(blocked, "items") + "?q=R-07"))
    assert ("user-070" in found, "user-080" in found) == (True, False)
    for nothing in ("%25", "%00", "_", "nowhere"):
        assert "No value and no note holds this." in words(admin.client.get(at(blocked, "items") + f"?q={nothing}"))


def test_note_and_expiry_are_edited(acme, admin, blocked):
    expiry = clock.now() + timedelta(days=3)
    put(blocked, [NewItem("a", "old", expiry)])
    item = ValueListItem.objects.get()
    path = at(blocked, "items", item.pk)
    page = admin.client.get(path)
    assert 'value="kept"' in page.content.decode()
    assert 'value="old"' in page.content.decode()
    assert admin.client.post(path, {"note": "new", "expires": "kept", "value": "other"}).status_code == 302
    assert held(blocked) == {"a": ("new", expiry)}
    now = value_lists.current(blocked).get()
    assert (now.author_id, now.pk != item.pk) == (admin.user.pk, True)
    admin.client.post(at(blocked, "items", now.pk), {"note": "", "expires": "never"})
    assert held(blocked) == {"a": ("", None)}
    assert [(event["count"], event["changed"]) for event in events(acme, "items_added")] == [(0, 1), (0, 1)]


def test_a_value_that_somebody_changed_meanwhile_is_not_overwritten_nor_brought_back(acme, admin, blocked):
    put(blocked, [NewItem("a", "first")])
    item = ValueListItem.objects.get()
    put(blocked, [NewItem("a", "theirs")])
    answer = admin.client.post(at(blocked, "items", item.pk), {"note": "mine", "expires": "never"}, follow=True)
    assert "Somebody changed or removed this value" in words(answer)
    assert held(blocked) == {"a": ("theirs", None)}
    value_lists.remove(blocked, ["a"])
    for path in (at(blocked, "items", item.pk), at(blocked, "items", item.pk, "remove")):
        assert "Somebody changed or removed this value" in words(admin.client.post(path, follow=True))
    assert held(blocked) == {}


def test_a_value_is_removed_after_a_question(acme, admin, blocked):
    put(blocked, [NewItem("a"), NewItem("b")])
    item = ValueListItem.objects.get(value="a")
    path = at(blocked, "items", item.pk, "remove")
    assert "Remove a" in words(admin.client.get(path))
    assert set(held(blocked)) == {"a", "b"}
    assert admin.client.post(path).status_code == 302
    assert set(held(blocked)) == {"b"}
    assert events(acme, "items_removed") == [{"row": str(blocked.pk), "value_list": "blocked", "count": 1}]


def test_removing_a_value_wants_a_fresh_code(admin, blocked):
    put(blocked, [NewItem("a")])
    advance_clock(6 * 60)
    path = at(blocked, "items", ValueListItem.objects.get().pk, "remove")
    assert "Enter the code" in words(admin.client.post(path))
    assert set(held(blocked)) == {"a"}


def test_expired_values_are_marked_and_removed_together(acme, admin, blocked):
    soon = clock.now() + timedelta(hours=1)
    put(blocked, [NewItem("old", expires_at=soon), NewItem("older", expires_at=soon), NewItem("young")])
    assert "Expired" not in words(admin.client.get(at(blocked, "items")))
    wait_an_hour(admin)
    told = words(admin.client.get(at(blocked, "items")))
    assert told.count("Expired") == 2
    assert "Remove 2 expired …" in told
    asked = words(admin.client.get(at(blocked, "items", "expired")))
    assert "2 values of “Blocked” have expired and are removed" in asked
    admin.client.post(at(blocked, "items", "expired"), {"code": code_of(admin.device)})
    assert set(held(blocked)) == {"young"}
    assert events(acme, "items_removed")[0]["count"] == 2
    admin.client.post(at(blocked, "items", "expired"), {"code": code_of(admin.device)})
    assert len(events(acme, "items_removed")) == 1


def test_whatever_stands_on_a_list_is_text(acme, admin):
    value_list = value_lists.create(acme, f"{CANARY}x", description=CANARY)
    put(value_list, [NewItem(CANARY, CANARY)])
    item = ValueListItem.objects.get()
    pages = (["items"], ["items", item.pk], ["items", item.pk, "remove"], ["import"], ["change"], ["delete"])
    for path in (LISTS, *(at(value_list, *page) for page in pages)):
        assert CANARY not in admin.client.get(path).content.decode(), path


def test_more_than_a_form_takes_is_refused_with_a_page(admin, blocked):
    answer = admin.client.post(at(blocked, "items"), values_form(*[f"user-{number}" for number in range(10_000)]))
    assert answer.status_code == 400
    assert b"larger than 64 KB" in answer.content
    assert not ValueListItem.objects.exists()


# -- files ---------------------------------------------------------------------------------------


def chosen(staff, value_list: ValueList, text: str | bytes):
    content = text.encode() if isinstance(text, str) else text
    return staff.client.post(at(value_list, "import"), {"file": SimpleUploadedFile("list.csv", content)})


def confirmed(staff, value_list: ValueList, answer):
    found = re.search(r'name="fingerprint" value="([0-9a-f]{64})"', answer.content.decode())
    assert found, words(answer)
    return staff.client.post(at(value_list, "import"), {"fingerprint": found[1]}, follow=True)


def test_a_file_is_looked_at_and_then_imported(acme, admin, blocked):
    put(blocked, [NewItem("same", "n"), NewItem("changed", "old")])
    answer = chosen(
        admin, blocked, "value,note,expires_at\nsame,n,\nchanged,new,\n'=new,,2020-01-31\n'=new,,2020-01-31\n"
    )
    told = words(answer)
    for line in ("New values 1", "Another note or expiry 1", "There already 1", "Repeated lines 1", "Wrong lines 0"):
        assert line in told
    assert "One value of the file has expired already." in told
    assert set(held(blocked)) == {"same", "changed"}
    assert not events(acme, "items_added")
    told = words(confirmed(admin, blocked, answer))
    assert "1 value added. 1 got another note or expiry. 1 was there already." in told
    assert held(blocked) == {
        "same": ("n", None),
        "changed": ("new", None),
        "=new": ("", datetime(2020, 2, 1, tzinfo=UTC)),
    }
    assert [(event["count"], event["changed"]) for event in events(acme, "items_added")] == [(1, 1)]
    assert value_lists.current(blocked).get(value="=new").author_id == admin.user.pk


def test_one_wrong_line_and_nothing_is_imported(acme, admin, blocked):
    answer = chosen(admin, blocked, "a\nb,,never\n10.0.0.1/8\na,other\n")
    told = words(answer)
    assert "3 lines are wrong: nothing was imported" in told
    assert "Line 2 Write “never” as a day or a time" in told
    assert 'Line 3 Write "10.0.0.0/8"' in told
    assert "Line 4 Line 1 has the same value, and says otherwise." in told
    assert 'name="fingerprint"' not in answer.content.decode()
    assert held(blocked) == {}
    # Nor by a request that skips the look.
    content = b"a\nb,,never\n"
    here = type("Here", (), {"tenant": acme, "user": admin.user})
    fingerprint = value_list_import.keep(here, blocked, content)
    admin.client.post(at(blocked, "import"), {"fingerprint": fingerprint})
    assert held(blocked) == {}


def test_many_wrong_lines_are_told_as_far_as_a_page_goes(admin, blocked):
    lines = "".join(f"x{number},,tomorrow {number}\n" for number in range(60))
    told = words(chosen(admin, blocked, "value,note,expires_at\n" + lines))
    assert "60 lines are wrong" in told
    assert "Line 51 " in told
    assert "And 10 more." in told


def test_lines_that_follow_each_other_and_are_wrong_alike_are_told_together(admin, blocked):
    told = words(chosen(admin, blocked, "value\n" + ",x\n" * 60 + "a\n,x\n"))
    assert "61 lines are wrong" in told
    assert "Lines 2 to 61 " in told
    assert "Line 63 " in told
    assert "more." not in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"value,note\n\n,,\n", "The file holds no values"),
        ("ü".encode("latin-1"), "Line 1 is not UTF-8."),
        (b"x" * (2 * 1024 * 1024 + 1), "The file is larger than 2 MB. Import it in parts."),
        (b"x" * (4 * 1024 * 1024), "The file is larger than 2 MB. Import it in parts."),
        (b"".join(b"%d\n" % number for number in range(50_001)), "The file has more than 50,000 values"),
    ],
    ids=["empty", "only names", "latin-1", "a byte too large", "far too large", "too many"],
)
def test_a_file_that_cannot_be_imported_says_why(admin, blocked, content, told):
    answer = chosen(admin, blocked, content)
    assert told in words(answer)
    assert 'name="fingerprint"' not in answer.content.decode()


def test_no_file_at_all_is_asked_for(admin, blocked):
    assert "Choose a file." in words(admin.client.post(at(blocked, "import"), {}))


def test_a_file_with_which_the_list_would_hold_too_much_is_refused_at_the_look(admin, blocked):
    put(blocked, [NewItem(str(number)) for number in range(50_000)])
    told = words(chosen(admin, blocked, "one more"))
    assert "A list holds at most 50,000 values." in told


def test_what_was_looked_at_is_what_is_imported(acme, admin, blocked, numbers):
    first = chosen(admin, blocked, "first")
    chosen(admin, blocked, "second")
    assert "The file waited too long, or you chose another one since." in words(confirmed(admin, blocked, first))
    # Neither by a colleague, nor into another list.
    latest = chosen(admin, blocked, "third")
    assert "waited too long" in words(confirmed(signed_in(acme), blocked, latest))
    assert "waited too long" in words(confirmed(admin, numbers, latest))
    assert held(blocked) == held(numbers) == {}
    assert "1 value added." in words(confirmed(admin, blocked, latest))
    assert set(held(blocked)) == {"third"}


def test_a_file_waits_sealed_and_not_for_ever(acme, admin, blocked):
    chosen(admin, blocked, "a@b.example")
    redis = value_list_import._redis()
    [name] = redis.keys(f"value_list_import:{blocked.pk}:*")
    assert b"a@b.example" not in redis.get(name)
    assert 0 < redis.ttl(name) <= 15 * 60
    redis.delete(name)
    fingerprint = hashlib.sha256(b"a@b.example").hexdigest()
    answer = admin.client.post(at(blocked, "import"), {"fingerprint": fingerprint})
    assert "waited too long" in words(answer)


def test_uploads_never_touch_the_disk():
    assert settings.FILE_UPLOAD_HANDLERS == ["django.core.files.uploadhandler.MemoryFileUploadHandler"]


def test_a_list_is_exported_and_comes_back_as_it_was(acme, admin, blocked, globex):
    soon = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    put(blocked, [NewItem("=1+1", "-note"), NewItem("ü, 🦊", "", soon), NewItem("'quoted"), NewItem("gone")])
    value_lists.remove(blocked, ["gone"])
    answer = admin.client.get(at(blocked, "items", "export"))
    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="blocked.csv"'
    assert "no-store" in answer["Cache-Control"]
    content = b"".join(answer.streaming_content)
    assert events(acme, "exported") == [{"row": str(blocked.pk), "value_list": "blocked", "count": 3}]
    assert content.decode("utf-8-sig") == (
        '"value","note","expires_at"\r\n'
        '"\'=1+1","\'-note",""\r\n'
        '"ü, 🦊","","2030-01-02T03:04:05.000678+00:00"\r\n'
        '"\'quoted","",""\r\n'
    )
    other = value_lists.create(acme, "Copy")
    confirmed(admin, other, chosen(admin, other, content))
    assert held(other) == held(blocked)


# -- values of actions and users -----------------------------------------------------------------


@pytest.fixture
def action(acme) -> Action:
    make.make_point(acme, "amount", "number")
    tracked = flow.track(
        tenant=acme,
        user_id="alice",
        action_code="pay",
        attributes={
            "ipAddress": HOME,
            "deviceId": "laptop",
            "email": "alice@mail.example",
            "phoneNumber": "+6421555010",
            "custom": {"amount": 12.50, "iban": "NL00 BANK", "first": True, "tags": ["a"], "lines": "a\nb",
                       "walletAddress": "0xabc", "spaced": " a ", "huge": 10**40},
        },
        actor=log.SYSTEM,
    )  # fmt: skip
    EndUser.objects.update(custom={"tier": "gold", "limit": 5})
    return Action.objects.select_related("user").get(pk=tracked.action_id)


def of(action: Action) -> str:
    return f"/portal/actions/action/{action.pk}/list/"


def offered(answer) -> dict[str, str]:
    html = unescape(answer.content.decode())
    found = re.findall(r'<a href="\?value=([^"]+)"[^>]*><small>[^<]*</small> ([^<]*)</a>', html)
    return dict(found)


def test_every_value_of_an_action_that_a_list_can_hold_is_offered(admin, action):
    assert offered(admin.client.get(of(action))) == {
        "user.userId": "alice",
        "user.email": "alice@mail.example",
        "user.emailDomain": "mail.example",
        "user.phoneNumber": "+6421555010",
        "ip.address": HOME,
        "device.id": "laptop",
        "crypto.walletAddress": "0xabc",
        "custom.amount": "12.5",
        "custom.iban": "NL00 BANK",
        "custom.walletAddress": "0xabc",
    }
    assert "Add to a list …" in words(admin.client.get(f"/portal/actions/action/{action.pk}/change/"))


def test_every_value_of_a_user_is_offered(admin, action):
    device = Device.objects.get()
    path = f"/portal/authenticators/enduser/{action.user_id}/"
    assert offered(admin.client.get(path + "list/")) == {
        "user.userId": "alice",
        "user.email": "alice@mail.example",
        "user.phoneNumber": "+6421555010",
        f"device.{device.pk}": "laptop",
        "user.custom.tier": "gold",
        "user.custom.limit": "5",
    }
    assert "Add to a list …" in words(admin.client.get(path + "change/"))


def test_a_value_goes_onto_a_list_that_holds_its_type(acme, admin, action, blocked, numbers):
    page = admin.client.get(of(action) + "?value=user.email")
    assert "Put “alice@mail.example” on a list" in words(page)
    assert "Numbers" not in words(page)[words(page).index("Put “") :]
    form = {"value_list": str(blocked.pk), "note": "mule", "expires": "7d"}
    answer = admin.client.post(of(action) + "?value=user.email", form, follow=True)
    assert "“alice@mail.example” is on the list “Blocked”." in words(answer)
    [(value, (note, expires_at))] = held(blocked).items()
    assert (value, note) == ("alice@mail.example", "mule")
    assert abs(expires_at - clock.now() - timedelta(days=7)) < timedelta(minutes=1)
    # In the log with the user and the action; on the action's page in its timeline.
    event = AuditEvent.objects.get(tag="value_list:items_added")
    assert (event.subject, event.action_id) == (action.user.pseudonym, action.pk)
    assert "alice@mail.example" not in str(event.data)
    assert "Put values on the list blocked: 1 new, 0 changed" in words(answer)
    # A number, onto the list of numbers only.
    wrong = admin.client.post(of(action) + "?value=custom.amount", {"value_list": str(blocked.pk), "expires": "never"})
    assert "Select a valid choice" in words(wrong)
    admin.client.post(of(action) + "?value=custom.amount", {"value_list": str(numbers.pk), "expires": "never"})
    assert set(held(numbers)) == {"12.5"}
    assert set(held(blocked)) == {"alice@mail.example"}


def test_a_users_device_goes_onto_a_list(admin, action, blocked):
    path = f"/portal/authenticators/enduser/{action.user_id}/list/?value=device.{Device.objects.get().pk}"
    admin.client.post(path, {"value_list": str(blocked.pk), "expires": "never"})
    assert set(held(blocked)) == {"laptop"}
    event = AuditEvent.objects.get(tag="value_list:items_added")
    assert (event.subject, event.action_id) == (action.user.pseudonym, None)


@pytest.mark.parametrize(
    "key", ["custom.first", "custom.tags", "user.custom.tier", "time.at", "nothing", "custom.lines"]
)
def test_what_is_not_offered_is_not_found(admin, action, blocked, key):
    form = {"value_list": str(blocked.pk), "expires": "never"}
    assert admin.client.get(f"{of(action)}?value={key}").status_code == 404
    assert admin.client.post(f"{of(action)}?value={key}", form).status_code == 404


def test_without_a_list_of_the_type_the_page_says_so(admin, action, blocked):
    told = words(admin.client.get(of(action) + "?value=custom.amount"))
    assert "There is no list that holds this type of value." in told


def test_contacts_are_offered_only_to_those_who_may_see_them(acme, action, blocked):
    analyst = signed_in(acme, Role.ANALYST).client
    page = analyst.get(of(action))
    assert "user.email" not in offered(page)
    assert "offered to those who may see them in full" in words(page)
    form = {"value_list": str(blocked.pk), "expires": "never"}
    assert analyst.post(of(action) + "?value=user.phoneNumber", form).status_code == 404
    assert analyst.post(of(action) + "?value=device.id", form).status_code == 302
    assert set(held(blocked)) == {"laptop"}


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.READ_ONLY])
def test_only_those_who_configure_rules_put_values_on_lists(acme, action, blocked, role):
    client = signed_in(acme, role).client
    for path in (of(action), f"/portal/authenticators/enduser/{action.user_id}/list/"):
        assert client.get(path).status_code == 403
    assert "Add to a list" not in words(client.get(f"/portal/actions/action/{action.pk}/change/"))
    assert "Add to a list" not in words(client.get(f"/portal/authenticators/enduser/{action.user_id}/change/"))
    page = words(client.get(at(blocked, "items")))
    assert ("Add values" in page, "Import" in page, "Settings" in page) == (False, False, False)
    assert client.post(at(blocked, "items"), values_form("x")).status_code == 403


def test_an_action_whose_facts_are_gone_still_has_its_user(admin, action):
    ActionFacts.objects.all().delete()
    assert offered(admin.client.get(of(action))) == {"user.userId": "alice"}


# -- old decisions -------------------------------------------------------------------------------


ON_LIST = {"in": [{"var": "device.id"}, {"var": "lists.blocked"}]}


@pytest.fixture
def pay(acme, blocked):
    """An action whose rule asks for the list, on which the device d stands for an hour."""
    configuration = make.make_action(acme, "pay", "ALLOW")
    make.make_rule(configuration, ON_LIST, "BLOCK", name="Keep out")
    put(blocked, [NewItem("d", expires_at=clock.now() + timedelta(hours=1))])
    return configuration


def tracked(tenant: Tenant, device: str = "d") -> Action:
    answer = flow.track(
        tenant=tenant, user_id="alice", action_code="pay", attributes={"deviceId": device}, actor=log.SYSTEM
    )
    return Action.objects.get(pk=answer.action_id)


def explained(staff, action: Action) -> str:
    """The verdict of the rule's one condition, and what is said of it."""
    told = words(staff.client.get(f"/portal/actions/action/{action.pk}/change/"))
    found = re.search(r"Keep out Block (.*?) (true|false|unknown) Device ID is on the list \S+ (.*?) Otherwise", told)
    assert found, told
    return (
        f"{found[1]}: {found[2]}: {found[3]}".replace("check_circle ", "").replace("cancel ", "").replace("help ", "")
    )


FIRED, RESTED = "Decided check_circle: true: It was d", "Did not fire cancel: false: It was d"
UNKNOWN = "Did not fire help: unknown: There is no value list"


def test_an_old_decision_is_explained_by_what_stood_on_the_list_then(acme, admin, blocked, pay):
    before = tracked(acme)
    assert before.outcome == "BLOCK"
    value_lists.remove(blocked, ["d"])
    between = tracked(acme)
    put(blocked, [NewItem("d")])
    assert (explained(admin, before), explained(admin, between)) == (FIRED, RESTED)


def test_an_item_that_expired_since_still_matched_then(acme, admin, blocked, pay):
    before = tracked(acme)
    wait_an_hour(admin)
    after = tracked(acme)
    assert (before.outcome, after.outcome) == ("BLOCK", "ALLOW")
    assert (explained(admin, before), explained(admin, after)) == (FIRED, RESTED)
    value_lists.remove_expired(blocked)
    assert (explained(admin, before), explained(admin, after)) == (FIRED, RESTED)


def test_a_list_that_was_switched_off_or_on_since_was_as_it_was(acme, admin, blocked, pay):
    on = tracked(acme)
    admin.client.post(at(blocked, "change"), {"name": "Blocked"})
    off = tracked(acme)
    assert (on.outcome, off.outcome) == ("BLOCK", "ALLOW")
    for _state in range(2):
        assert explained(admin, on) == FIRED
        assert explained(admin, off).startswith(UNKNOWN)
        admin.client.post(at(blocked, "change"), {"name": "Blocked", "is_active": "on"})


def test_of_a_list_that_was_deleted_the_explanation_says_that_it_is_gone(acme, admin, blocked, pay):
    before = tracked(acme)
    pay.rules.all().delete()
    pay.changed()
    admin.client.post(at(blocked, "delete"), {"post": "yes"})
    # What came of the rule is kept; which condition was true is not known any more, also beside a new list.
    assert explained(admin, before).startswith("Decided help: unknown: There is no value list")
    advance_clock(1)
    put(value_lists.create(acme, "Blocked"), [NewItem("e")])
    assert explained(admin, before).startswith("Decided help: unknown: There is no value list")


def test_the_countries_of_then(acme, admin):
    """Made one's own since, and edited: an older decision went by the shipped ones."""
    make.make_rule(
        make.make_action(acme, "pay", "ALLOW"),
        {"in": [{"var": "card.issuerCountry"}, {"var": "lists.ofac-countries"}]},
        "BLOCK",
        name="Embargo",
    )
    attributes = {"custom": {"cardIssuerCountry": "IR"}}
    answer = flow.track(tenant=acme, user_id="a", action_code="pay", attributes=attributes, actor=log.SYSTEM)
    admin.client.post(LISTS + "ofac/")
    value_lists.remove(ValueList.objects.get(), ["IR"])
    told = words(admin.client.get(f"/portal/actions/action/{answer.action_id}/change/"))
    assert re.search(r"Embargo Block Decided check_circle true", told), told
