"""Tenants kept apart, and roles kept to what they may do."""

import re

import pytest

from authsignal_portal.models import ApiKey, Membership, Tenant
from authsignal_portal.vocabulary import Role
from rules.models import ActionConfiguration, CustomDataPoint, Rule, ValueList
from tests.portal.furnished import Furnished, everything, furnish
from tests.portal.staff import signed_in

HIDDEN, SHOWN = "qwhidden", "zxshown"


@pytest.fixture
def theirs(acme: Tenant) -> Furnished:
    return furnish(acme, HIDDEN)


@pytest.fixture
def ours(globex: Tenant) -> Furnished:
    return furnish(globex, SHOWN)


def text_of(answer) -> str:
    """Of a page, or of a file that is handed out piece by piece."""
    return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()


def test_no_page_shows_anything_of_another_tenant(theirs, ours):
    client = signed_in(ours.tenant).client
    for path in [*theirs.pages, *theirs.lists]:
        answer = client.get(path)
        asked_for = set(re.findall(HIDDEN + r"[\w@.-]*", path))
        found = set(re.findall(HIDDEN + r"[\w@.-]*", text_of(answer)))
        # A search box shows again what was typed into it.
        assert found <= asked_for, path
        assert answer.status_code in (200, 302, 400, 403, 404), path


def test_pages_of_another_tenants_objects_answer_as_for_objects_that_do_not_exist(theirs, ours):
    client = signed_in(ours.tenant).client
    for path in theirs.pages:
        answer = client.get(path)
        gone = client.get(
            re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "0b0b0b0b-0000-4000-8000-000000000000", path)
        )
        assert (answer.status_code, answer.get("Location")) == (gone.status_code, gone.get("Location")), path


def test_the_same_pages_show_a_member_their_own_things(theirs, ours):
    client = signed_in(theirs.tenant).client
    seen = [path for path in theirs.pages if HIDDEN in text_of(client.get(path))]
    assert len(seen) >= 21
    lists = [path for path in theirs.lists if HIDDEN in text_of(client.get(path))]
    assert len(lists) >= 10


def test_no_post_changes_anything_of_another_tenant(theirs, ours):
    client = signed_in(ours.tenant).client
    before = everything()
    for path in theirs.pages:
        for body in (
            {},
            {"post": "yes"},
            {"name": "x", "outcome": "ALLOW", "node": "0..g"},
            {"role": "READ_ONLY"},
            {"move": f"{theirs.rule.pk}:down"},
            {"values": "x", "expires": "never", "note": ""},
            {"value_list": str(ours.value_list.pk), "expires": "never"},
            {"fingerprint": "0" * 64},
            {"draft_version": "3"},
        ):
            client.post(path, body)
    assert everything() == before


def test_nobody_signed_out_reaches_any_page(theirs, client):
    for path in [*theirs.pages, *theirs.lists]:
        answer = client.get(path)
        assert HIDDEN not in text_of(answer), path
        assert answer.status_code in (302, 404), path


def test_a_rule_cannot_be_moved_to_another_tenants_action(theirs, ours):
    client = signed_in(ours.tenant).client
    path = f"/portal/rules/rule/{ours.rule.pk}/change/?configuration={theirs.configuration.pk}"
    client.post(path, {"name": "x", "outcome": "ALLOW", "configuration": str(theirs.configuration.pk), "node": "0..g"})
    assert Rule.objects.get(pk=ours.rule.pk).configuration_id == ours.configuration.pk
    assert Rule.objects.filter(configuration=theirs.configuration).count() == 1


def test_nothing_can_be_put_on_another_tenants_list(theirs, ours):
    client = signed_in(ours.tenant).client
    form = {"value_list": str(theirs.value_list.pk), "expires": "never"}
    for path in (
        f"/portal/actions/action/{ours.action.pk}/list/",
        f"/portal/authenticators/enduser/{ours.user.pk}/list/",
    ):
        assert b"Select a valid choice" in client.post(path, form).content
        assert HIDDEN not in client.get(path).content.decode()
    assert not theirs.value_list.items.exclude(pk=theirs.item.pk).exists()


def test_an_item_is_reached_through_its_own_list_only(theirs, ours):
    client = signed_in(ours.tenant).client
    path = f"/portal/rules/valuelist/{ours.value_list.pk}/items/{theirs.item.pk}/"
    for one in (path, path + "remove/"):
        assert client.get(one).status_code == 404
        assert client.post(one, {"expires": "never"}).status_code == 404
    theirs.item.refresh_from_db()
    assert theirs.item.removed_version is None


def test_an_order_naming_another_tenants_rules_is_refused(theirs, ours):
    client = signed_in(ours.tenant).client
    body = {f"place-{theirs.rule.pk}": "5", "draft_version": str(ours.configuration.draft_version)}
    client.post(f"/portal/rules/actionconfiguration/{ours.configuration.pk}/order/", body)
    assert Rule.objects.get(pk=theirs.rule.pk).priority == 0


def test_new_objects_belong_to_the_tenant_that_is_shown(acme, globex):
    staff = signed_in(acme)
    Membership.objects.create(user=staff.user, tenant=globex, role=Role.ADMIN)
    staff.client.post("/portal/tenants/", {"tenant": str(globex.pk)})
    form = {"tenant": str(acme.pk)}
    staff.client.post("/portal/rules/actionconfiguration/add/", form | {"action_code": "a", "default_outcome": "ALLOW"})
    staff.client.post(
        "/portal/rules/customdatapoint/add/", form | {"name": "x", "data_type": "text", "model_type": "action"}
    )
    staff.client.post("/portal/rules/valuelist/add/", form | {"name": "Trusted", "item_type": "string"})
    staff.client.post("/portal/rules/valuelist/ofac/", form)
    staff.client.post("/portal/authsignal_portal/apikey/add/", form | {"kind": "server"})
    assert {one.tenant for one in ValueList.objects.all()} == {globex}
    assert ActionConfiguration.objects.get().tenant == globex
    assert CustomDataPoint.objects.get().tenant == globex
    assert ApiKey.objects.get().tenant == globex


def test_the_tenant_that_is_shown_hides_the_others_of_the_same_person(theirs, ours):
    staff = signed_in(ours.tenant)
    Membership.objects.create(user=staff.user, tenant=theirs.tenant, role=Role.ADMIN)
    staff.client.post("/portal/tenants/", {"tenant": str(ours.tenant.pk)})
    assert HIDDEN not in staff.client.get(f"/portal/rules/rule/{theirs.rule.pk}/change/", follow=True).content.decode()
    staff.client.post("/portal/tenants/", {"tenant": str(theirs.tenant.pk)})
    assert HIDDEN in staff.client.get(f"/portal/rules/rule/{theirs.rule.pk}/change/").content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/portal/authsignal_portal/apikey/?key_hash__startswith=t1",
        "/portal/authsignal_portal/apikey/?tenant__name__startswith=A",
        "/portal/rules/actionconfiguration/?tenant__data_key__isnull=0",
        "/portal/authsignal_portal/membership/?user__password__startswith=m",
    ],
)
def test_the_address_bar_asks_no_questions_of_columns(admin, path):
    assert admin.client.get(path).status_code in (302, 400)


# -- roles ---------------------------------------------------------------------------------------

ALL = set(Role)
CONFIGURE, SUPPORT, ADMINISTER = {Role.ADMIN, Role.ANALYST}, {Role.ADMIN, Role.SUPPORT}, {Role.ADMIN}


def doors(made: Furnished) -> list[tuple[str, dict[str, str], set[Role]]]:
    """Path, what is posted, and who may."""
    rules, settings = "/portal/rules", "/portal/authsignal_portal"
    user = f"/portal/authenticators/enduser/{made.user.pk}"
    lists = f"{rules}/valuelist/{made.value_list.pk}"
    provider = f"/portal/authenticators/messageprovider/{made.provider.pk}"
    return [
        (f"{rules}/actionconfiguration/add/", {"action_code": "new", "default_outcome": "ALLOW"}, CONFIGURE),
        (f"{rules}/actionconfiguration/{made.configuration.pk}/change/", {"default_outcome": "BLOCK"}, CONFIGURE),
        (f"{rules}/actionconfiguration/{made.configuration.pk}/messages/", {"message": "m"}, CONFIGURE),
        (f"{rules}/actionconfiguration/{made.configuration.pk}/order/", {f"place-{made.rule.pk}": "1"}, CONFIGURE),
        (f"{rules}/actionconfiguration/{made.configuration.pk}/publish/", {"draft_version": "3"}, CONFIGURE),
        (f"{rules}/actionconfiguration/{made.configuration.pk}/discard/", {"draft_version": "3"}, CONFIGURE),
        (f"{rules}/actionconfiguration/{made.configuration.pk}/versions/1/revert/", {"draft_version": "3"}, CONFIGURE),
        (f"{rules}/rule/add/?configuration={made.configuration.pk}", {"name": "n"}, CONFIGURE),
        (f"{rules}/rule/{made.rule.pk}/change/", {"name": "n"}, CONFIGURE),
        (f"{rules}/rule/{made.rule.pk}/delete/", {"post": "yes"}, CONFIGURE),
        (f"{rules}/rule/sentence/", {"node": "0..g", "builder": "add:0", "try": str(made.action.pk)}, CONFIGURE),
        (f"{rules}/rule/points/", {"name": "m", "data_type": "text", "model_type": "action"}, CONFIGURE),
        (f"{rules}/rule/template/", {"configuration": str(made.configuration.pk), "template": "withdrawal"}, CONFIGURE),
        (f"{rules}/customdatapoint/add/", {"name": "n", "data_type": "text", "model_type": "action"}, CONFIGURE),
        (f"{rules}/customdatapoint/{made.point.pk}/change/", {"data_type": "text"}, CONFIGURE),
        ("/portal/test-action/", {"action_code": "a", "user_id": "u"}, CONFIGURE),
        (f"{rules}/valuelist/add/", {"name": "n", "item_type": "string"}, CONFIGURE),
        (f"{rules}/valuelist/ofac/", {}, CONFIGURE),
        (f"{lists}/change/", {"name": "n", "is_active": "on"}, CONFIGURE),
        (f"{lists}/items/", {"values": "x", "expires": "never"}, CONFIGURE),
        (f"{lists}/items/{made.item.pk}/", {"note": "n", "expires": "never"}, CONFIGURE),
        (f"{lists}/items/expired/", {}, CONFIGURE),
        (f"{lists}/import/", {"fingerprint": "0"}, CONFIGURE),
        (f"/portal/actions/action/{made.action.pk}/list/", {"expires": "never"}, CONFIGURE),
        (f"{user}/list/", {"expires": "never"}, CONFIGURE),
        (f"{user}/unlock/", {}, SUPPORT),
        (f"{user}/authenticators/{made.authenticator.pk}/remove/", {}, SUPPORT),
        (f"{user}/devices/{made.device.pk}/invalidate/", {}, SUPPORT),
        (f"{settings}/tenant/{made.tenant.pk}/change/", {"name": "n"}, ADMINISTER),
        (f"{settings}/apikey/add/", {"kind": "server"}, ADMINISTER),
        (f"{settings}/apikey/{made.key.pk}/revoke/", {}, ADMINISTER),
        (f"{settings}/membership/add/", {"email": "n@example.com", "role": "ADMIN"}, ADMINISTER),
        (f"{settings}/membership/{made.membership.pk}/change/", {"role": "ADMIN"}, ADMINISTER),
        (f"{settings}/membership/{made.membership.pk}/remove/", {}, ADMINISTER),
        ("/portal/authenticators/authenticatorconfiguration/", {"SMS-is_active": "on"}, ADMINISTER),
        ("/portal/authenticators/messageprovider/add/webhook/", {"url": "https://8.8.8.8/"}, ADMINISTER),
        (f"{provider}/change/", {"url": "https://8.8.8.8/"}, ADMINISTER),
        (f"{provider}/test/", {}, ADMINISTER),
        (f"{provider}/remove/", {}, ADMINISTER),
        (f"{lists}/items/{made.item.pk}/remove/", {}, CONFIGURE),
        (f"{lists}/delete/", {"post": "yes"}, CONFIGURE),
    ]


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_its_own_doors_only(theirs, role):
    client = signed_in(theirs.tenant, role).client
    for path, body, roles in doors(theirs):
        before = everything()
        answer = client.post(path, body)
        if role in roles:
            assert answer.status_code in (200, 302), (role, path, answer.status_code)
        else:
            assert answer.status_code == 403, (role, path, answer.status_code)
            assert everything() == before


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_look(theirs, role):
    client = signed_in(theirs.tenant, role).client
    for path in [
        theirs.pages[1],
        theirs.pages[5],
        theirs.pages[12],
        theirs.pages[18],
        "/portal/",
        "/portal/audit/auditevent/",
    ]:
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("role", list(Role))
def test_no_page_breaks_for_who_may_do_less(theirs, role):
    client = signed_in(theirs.tenant, role).client
    for path in [*theirs.pages, *theirs.lists]:
        assert client.get(path).status_code < 500, path


@pytest.mark.parametrize(
    ("role", "shown"), [(Role.SUPPORT, True), (Role.ADMIN, True), (Role.ANALYST, False), (Role.READ_ONLY, False)]
)
def test_addresses_of_users_are_shown_in_full_to_those_who_help_them(theirs, role, shown):
    client = signed_in(theirs.tenant, role).client
    for path in (theirs.pages[12], theirs.pages[18], f"/portal/authenticators/enduser/?q={HIDDEN}-"):
        assert (f"{HIDDEN}@example.com" in client.get(path).content.decode()) is shown, path


def test_deleting_is_left_to_pages_that_know_what_follows(theirs):
    client = signed_in(theirs.tenant).client
    before = everything()
    for path in theirs.pages:
        if path.endswith("/delete/") and not any(
            f"/{one}/" in path for one in ("rule", "customdatapoint", "valuelist")
        ):
            assert client.post(path, {"post": "yes"}).status_code == 403, path
    assert everything() == before


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/portal/authsignal_portal/apikey/add/", 403, "Your role does not allow this"),
        ("/portal/nowhere/", 404, "There is nothing at this address"),
        (
            "/portal/authenticators/enduser/of/0b0b0b0b-0000-4000-8000-000000000000/",
            404,
            "There is nothing at this address",
        ),
    ],
)
def test_what_is_refused_is_refused_with_a_page(acme, path, status, text):
    answer = signed_in(acme, Role.READ_ONLY).client.get(path)
    assert answer.status_code == status
    assert text in answer.content.decode()
