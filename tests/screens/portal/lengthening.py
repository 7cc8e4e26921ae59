"""Names as people have them and as somebody types them who means no good: long, without a space, from right to left."""

from typing import Any

from actions.models import Action
from authenticators.models import AttestedApps, Authenticator, EndUser, IdentityProvider, Message, MessageProvider
from authsignal_portal.models import Tenant, Wording
from rules import value_lists
from rules.models import ActionConfiguration, CustomDataPoint, Rule, ValueList
from tests import make

LONG = "A name that somebody wrote without thinking of anybody who must read it, ever, on whatever screen there is"
UNBROKEN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
RIGHT_TO_LEFT = "الاسم الذي كتبه أحدهم من اليمين إلى اليسار 👩🏽🇳🇿🎉"
EMAIL = "an.extraordinarily.long.local.part.that.goes.on@a-department.of-an-equally-long-company.example.co.nz"
CODE, POINT = "a" * 64, "p" * 64
URL = f"https://{'hooks-' * 9}pay.example/{UNBROKEN.lower().replace('ä', 'ae')}/" + "part/" * 20


def lengthen(tenant: Tenant, made: dict[str, Any]) -> None:
    """Everything that somebody else named gets a name that does not fit."""
    Tenant.objects.filter(pk=tenant.pk).update(name=f"{RIGHT_TO_LEFT} {UNBROKEN}"[:100], app_origins=[URL[:255]])
    _rules(tenant, made)
    _user(made)
    _lists(tenant, made)
    _settings(tenant)


def _rules(tenant: Tenant, made: dict[str, Any]) -> None:
    transfer: ActionConfiguration = made["transfer"]
    # As long as a name can be, before anything is made of it.
    texts = {"de": (UNBROKEN * 7)[:500], "pl": f"{LONG} {{{{action.{POINT}}}}}", "it": RIGHT_TO_LEFT}
    ActionConfiguration.objects.filter(pk=transfer.pk).update(
        action_code=CODE, display_name=LONG[:64], message=(LONG + " ") * 4, localized_messages=texts
    )
    Action.objects.filter(tenant=tenant, action_code=transfer.action_code).update(action_code=CODE)
    Action.objects.filter(pk=made["action"].pk).update(idempotency_key="k" * 255)
    CustomDataPoint.objects.filter(tenant=tenant, name="tags").update(description=UNBROKEN * 2)
    make.make_point(tenant, POINT, "text")
    Rule.objects.filter(pk=made["nested"].pk).update(name=LONG[:100], description=UNBROKEN * 3)
    Rule.objects.filter(pk=made["rule"].pk).update(name=UNBROKEN)
    compared = {"and": [{"==": [{"var": f"custom.{POINT}"}, UNBROKEN * 2]}, {"==": [{"var": "user.userId"}, LONG]}]}
    make.make_rule(transfer, compared, name=RIGHT_TO_LEFT, priority=8, description=RIGHT_TO_LEFT * 3)
    transfer.refresh_from_db()
    transfer.save_draft(note=f"{UNBROKEN} {LONG}"[:200])
    Rule.objects.filter(configuration=transfer, priority=8).update(outcome="BLOCK", description=LONG)
    transfer.save_draft(note=RIGHT_TO_LEFT)


def _user(made: dict[str, Any]) -> None:
    user: EndUser = made["user"]
    user.user_id, user.display_name, user.username = UNBROKEN * 3, RIGHT_TO_LEFT * 3, LONG * 2
    user.email, user.custom = EMAIL, {"n" * 64: UNBROKEN * 2, "segments": [LONG, UNBROKEN, RIGHT_TO_LEFT]}
    user.save()
    for row in Authenticator.objects.filter(user=user).exclude(name=""):
        row.name = (UNBROKEN * 3)[:255]
        row.save(update_fields=["name"])
    made["device"].device_id = (UNBROKEN * 4)[:255]
    made["device"].save()
    Message.objects.filter(user=user, status="failed").update(error=(UNBROKEN * 4)[:255])
    others = EndUser.objects.filter(tenant=user.tenant).exclude(pk=user.pk).order_by("user_id")
    for other, name in zip(others, (RIGHT_TO_LEFT, LONG * 2), strict=False):
        EndUser.objects.filter(pk=other.pk).update(user_id=name)


def _lists(tenant: Tenant, made: dict[str, Any]) -> None:
    ValueList.objects.filter(pk=made["list"].pk).update(name=UNBROKEN[:64], description=LONG)
    value_lists.create(tenant, f"VIP {RIGHT_TO_LEFT}"[:64], description=RIGHT_TO_LEFT)
    items = [value_lists.NewItem((UNBROKEN * 6)[:400], UNBROKEN * 2), value_lists.NewItem(LONG, RIGHT_TO_LEFT)]
    value_lists.put(made["list"], items)
    made["item"] = value_lists.current(made["list"]).get(value=items[0].value)


def _settings(tenant: Tenant) -> None:
    MessageProvider.objects.filter(tenant=tenant, kind="webhook").update(url=URL)
    MessageProvider.objects.filter(tenant=tenant, kind="smtp").update(host="mail." * 40 + "example", sender=EMAIL)
    IdentityProvider.objects.filter(tenant=tenant).exclude(url="").update(url=URL)
    IdentityProvider.objects.filter(tenant=tenant).exclude(issuer="").update(
        name=RIGHT_TO_LEFT, issuer=URL[:255], client_ids=["c" * 255]
    )
    names = {"package_name": "nz." + "a" * 252, "bundle_ids": ["b" * 155] * 20, "certificate_digests": ["3f" * 32] * 20}
    AttestedApps.objects.filter(tenant=tenant).update(**names)
    Wording.objects.filter(tenant=tenant).update(messages={"en": {"email-otp.body": f"{LONG} " * 15 + "{code}"}})
