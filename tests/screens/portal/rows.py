"""Rows as a tenant in full swing has them: many of what comes by itself, one of each kind of what staff sets up."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from actions import backtest as backtests_of
from actions.models import Action, ActionFacts, Backtest, Device, Receipt
from audit import log
from audit.events import Tag
from authenticators import guard
from authenticators.models import (
    AttestedApps,
    AuthenticatorConfiguration,
    EndUser,
    GuessCount,
    IdentityProvider,
    Message,
    MessageProvider,
    SendingCount,
    SendingPause,
    SendingPolicy,
)
from authsignal_portal import clock, wording
from authsignal_portal.ids import uuid7
from authsignal_portal.models import Tenant, Theme, Wording
from authsignal_portal.vocabulary import ActionState, DevicePlatform, Outcome, VerificationMethod
from rules import value_lists
from rules.engine import OUTCOMES
from rules.models import ActionConfiguration, PolicyVersion, Publication
from tests import make

M = VerificationMethod
# More than a page of any list.
MANY = 64
NAMES = ("ava", "ben", "chloe", "daniel", "ella", "finn", "grace", "hugo")
STATES = (
    (Outcome.ALLOW, ActionState.ALLOW),
    (Outcome.CHALLENGE, ActionState.CHALLENGE_SUCCEEDED),
    (Outcome.CHALLENGE, ActionState.CHALLENGE_FAILED),
    (Outcome.REVIEW, ActionState.REVIEW_REQUIRED),
    (Outcome.BLOCK, ActionState.BLOCK),
    (Outcome.CHALLENGE, ActionState.CHALLENGE_REQUIRED),
)
DESTINATIONS = {"NZ": (412, 398, 0), "AU": (96, 90, 1), "GB": (14, 11, 0), "LT": (220, 3, 181), "ID": (35, 0, 35)}


# -- what comes by itself ------------------------------------------------------------------------


def past(tenant: Tenant) -> None:
    """More than a page of the log."""
    for number in reversed(range(1, MANY)):
        log.record(Tag.STAFF_SIGNED_IN, tenant_id=tenant.pk, at=clock.now() - timedelta(hours=7 * number))


def crowd(tenant: Tenant, made: dict[str, Any]) -> None:
    """So many users, actions and values that their lists have a second page."""
    users = [EndUser(tenant=tenant, user_id=f"{NAMES[n % 8]}.{1000 + 37 * n}") for n in range(MANY)]
    EndUser.objects.bulk_create(users)
    known = made["action"].facts
    actions = [_action(made["action"], user, number) for number, user in enumerate(users)]
    Action.objects.bulk_create(actions)
    ActionFacts.objects.bulk_create(_copies(known, actions))
    items = [value_lists.NewItem(f"{name}@mail{n}.example", "Chargeback") for n in range(8) for name in NAMES]
    value_lists.put(made["list"], items)


def _action(like: Action, user: EndUser, number: int) -> Action:
    outcome, state = STATES[number % len(STATES)]
    at = clock.now() - timedelta(minutes=97 * number)
    return Action(
        id=uuid7(),
        tenant=like.tenant,
        user=user,
        action_code=["signIn", "adaptive-mfa-transfer"][number % 2],
        idempotency_key=f"order-{number}",
        outcome=outcome,
        state=state,
        created_at=at,
        state_updated_at=at,
        country_code=["NZ", "AU", ""][number % 3],
    )


def _copies(known: ActionFacts, actions: Iterable[Action]) -> list[ActionFacts]:
    names = [field.attname for field in ActionFacts._meta.concrete_fields if not field.primary_key]
    # What is sealed belongs to its own row.
    values = {name: getattr(known, name) for name in names} | {"private_sealed": None}
    return [ActionFacts(action=action, **values) for action in actions]


def versions(configuration: ActionConfiguration, *, author: int) -> None:
    """More than a page of them, the newest in force, a few of the others once."""
    last = configuration.published()
    numbers = range(last.version + 1, last.version + MANY)
    PolicyVersion.objects.bulk_create(
        PolicyVersion(
            configuration=configuration,
            version=number,
            default_outcome=last.default_outcome,
            rules=[{**rule, "outcome": _outcome(number)} for rule in last.rules],
            custom_points=last.custom_points,
            author_id=author,
            note="Rule “Large payout” changed",
        )
        for number in numbers
    )
    for number in numbers[-3:]:
        Publication.objects.create(configuration=configuration, version=number, author_id=author)
    configuration.rules.update(outcome=_outcome(numbers[-1]))
    configuration.version = configuration.draft_version = numbers[-1]
    configuration.save(update_fields=["version", "draft_version"])


def _outcome(version: int) -> str:
    return ["REVIEW", "BLOCK"][version % 2]


def receipt(action: Action) -> None:
    """It is offered as a file; nobody reads this one."""
    Receipt.objects.create(action=action, jws="e30.e30.e30", created_at=clock.now())
    Action.objects.filter(pk=action.pk).update(
        state=ActionState.CHALLENGE_SUCCEEDED, verification_method=M.PASSKEY, state_updated_at=clock.now()
    )


# -- whom the help desk sees ---------------------------------------------------------------------


def help_desk(tenant: Tenant, made: dict[str, Any]) -> None:
    """A user with methods of every kind, devices, messages that arrived or did not, and two methods locked."""
    user: EndUser = made["user"]
    user.username, user.display_name, user.locale = "alice", "Alice Ngata", "mi-NZ"
    user.email, user.phone_number, user.email_verified = "person0@example.com", "+64215550123", True
    user.custom = {"tier": "gold", "branches": ["Wellington", "Hutt"], "isStaff": False}
    user.save()
    now = clock.now()
    made["authenticator"] = make.make_authenticator(user, M.SMS, contact="+64215550123", last_verified_at=now)
    make.make_authenticator(user, M.SMS, contact="+64215550456", label="Work phone")
    make.make_authenticator(user, M.AUTHENTICATOR_APP, name="Aegis")
    _phones(user)
    make.make_authenticator(user, M.SECURITY_KEY, name="YubiKey 5", credential_id="key", verified_at=None)
    _lock(user)
    _devices(user)
    _messages(made["action"])
    about = {"tenant_id": tenant.pk, "subject": user.pseudonym, "action_id": made["action"].pk}
    log.record(Tag.MESSAGE_UNDELIVERED, **about, channel="SMS")


def _phones(user: EndUser) -> None:
    """Attested, not, and one that failed and has expired."""
    android, ios = DevicePlatform.ANDROID, DevicePlatform.IOS
    failed = {"attestation": "PLAY_INTEGRITY", "attestation_outcome": "FAILED", "attestation_failure": "wrong_device"}
    make.make_authenticator(
        user, M.PUSH, name="Pixel 9", device_platform=android, expires_at=clock.now(), **failed, public_key=b"1"
    )
    attested = {"attestation": "APP_ATTEST", "attestation_outcome": "ATTESTED", "public_key": b"2"}
    make.make_authenticator(user, M.PUSH, name="Alice's iPhone", device_platform=ios, **attested)
    make.make_authenticator(user, M.PUSH, name="Fairphone", device_platform=android, public_key=b"3")


def _lock(user: EndUser) -> None:
    about = {"tenant": user.tenant, "subject": f"user:{user.pk}"}
    now = clock.now()
    GuessCount.objects.create(**about, method=M.SMS, consecutive=10, disabled_at=now)
    GuessCount.objects.create(**about, method=M.RECOVERY_CODE, consecutive=4, paused_until=now + timedelta(minutes=9))


def _devices(user: EndUser) -> None:
    now = clock.now()
    rows = (
        ("phone", {"authenticated_at": now, "remembered_until": now + timedelta(days=21)}),
        ("old-laptop", {"invalidated_at": now}),
        ("kiosk-in-the-branch", {}),
    )
    for name, fields in rows:
        Device.objects.create(tenant=user.tenant, user=user, device_id=name, **fields)


def _messages(action: Action) -> None:
    about = {"tenant": action.tenant, "user": action.user, "action_id": action.pk, "deadline_at": clock.now()}
    for fields in (
        {"channel": "SMS", "status": "sent", "delivery": "delivered"},
        {"channel": "SMS", "status": "sent", "delivery": "undelivered", "delivery_code": "30005"},
        {"channel": "WHATSAPP", "status": "failed", "error": "the template is not approved", "attempts": 3},
        {"channel": "EMAIL", "status": "sent", "notice": "method_added"},
        {"channel": "EMAIL", "status": "cancelled"},
    ):
        Message.objects.create(**about, **fields)


# -- what staff sets up --------------------------------------------------------------------------


def settings(tenant: Tenant) -> None:
    _providers(tenant)
    _sending(tenant)
    AuthenticatorConfiguration.objects.create(
        tenant=tenant, method=M.SMS, verify_limit=3, verify_minutes=5, send_limit=2, send_minutes=10, code_length=8
    )
    AuthenticatorConfiguration.objects.create(tenant=tenant, method=M.OIDC_PROVIDER)
    AuthenticatorConfiguration.objects.create(
        tenant=tenant, method=M.PUSH, require_app_attestation=True, app_attestation_failure_mode="ALLOW_WITH_WARNING"
    )
    apps = AttestedApps(tenant=tenant, team_id="ACME123456", bundle_ids=["nz.acme.bank", "nz.acme.bank-beta"])
    apps.package_name, apps.certificate_digests = "nz.acme.bank", ["3f" * 32]
    apps.decryption_key = apps.verification_key = "kept and never shown"
    apps.save()
    Theme.objects.create(tenant=tenant, tokens={"primaryColor": "#0a7d33", "darkMode": {"primaryColor": "#7fd6a5"}})
    first = next(iter(wording.points()))
    texts = {"en": {first: "Confirm it is you"}}
    Wording.objects.create(tenant=tenant, texts=texts, messages={"en": {"sms.text": "{code} is your code for {name}."}})


def _providers(tenant: Tenant) -> None:
    kinds = MessageProvider.Kind
    about: dict[str, Any] = {"tenant": tenant}
    MessageProvider.objects.create(
        **about, channel="SMS", kind=kinds.TWILIO, position=2, account="AC" + "3f" * 16, sender="+6448880100"
    )
    MessageProvider.objects.create(
        **about, channel="WHATSAPP", kind=kinds.TWILIO, account="AC" + "3f" * 16, sender="+6448880100", is_active=False
    )
    MessageProvider.objects.create(
        **about,
        channel="EMAIL",
        kind=kinds.SMTP,
        position=2,
        host="mail.acme.example",
        port=587,
        sender="Acme <no-reply@acme.example>",
    )
    IdentityProvider.objects.create(**about, method=M.VERIFF, url="https://checks.acme.example/begin")
    IdentityProvider.objects.create(
        **about, method=M.OIDC_PROVIDER, name="Acme Staff", issuer="https://login.acme.example", client_ids=["acme-web"]
    )


def _sending(tenant: Tenant) -> None:
    now = clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    SendingPolicy.objects.create(tenant=tenant, messages_per_day=900, prices={"NZ": 850, "AU": 620})
    for country, (sends, proofs, refusals) in DESTINATIONS.items():
        counted = {"sends": sends, "proofs": proofs, "refusals": refusals, "cost": 850 * sends}
        for days, share in ((0, 1), (3, 2)):
            SendingCount.objects.create(
                tenant=tenant,
                scope=guard.destination_scope(country),
                start=today - timedelta(days=days),
                **{name: number // share for name, number in counted.items()},
            )
    SendingCount.objects.create(tenant=tenant, scope="budget", start=today, sends=777, cost=660_450)
    until = now + timedelta(hours=5)
    for country, prefix in (("LT", "+37067155"), ("ID", "")):
        SendingPause.objects.create(
            tenant=tenant, scope=f"{country}{prefix}", country=country, prefix=prefix, started_at=now, until=until,
            settled=220, proven=3,
        )  # fmt: skip


# -- backtests -----------------------------------------------------------------------------------

EMPTY_REPORT: dict[str, Any] = {
    "actions": 0,
    "changed": 0,
    "users": 0,
    "notKept": 12,
    "challenges": {"before": 0, "after": 0},
    "messages": {"sent": 0, "challenged": 0, "days": 30},
    "matrix": {before: dict.fromkeys(OUTCOMES, 0) for before in OUTCOMES},
    "rules": [],
    "days": 30,
    "series": [],
    "recounted": [],
    "missingLists": [],
    "samples": [],
}


def backtest(configuration: ActionConfiguration, status: str, **fields: Any) -> Backtest:
    """One that is over or stands still: no worker knows of it, and none seems to have died of it."""
    made = backtests_of.begin(configuration, days=30, author_id=fields.pop("author_id", None))
    lives = clock.now() + timedelta(days=1)
    Backtest.objects.filter(pk=made.pk).update(status=status, progress_at=lives, **fields)
    made.refresh_from_db()
    return made


def backtests(configuration: ActionConfiguration, *, author: int) -> dict[str, Any]:
    """One of each end; the last is open."""
    done = backtests_of.begin(configuration, days=90, author_id=author)
    backtests_of.run(done.pk)
    done.refresh_from_db()
    told = {"author_id": author}
    late = "It was cut off before it was done. Start it again."
    made = {
        "done": done,
        "failed": backtest(configuration, "failed", error=late, **told),
        "cancelled": backtest(configuration, "cancelled", **told),
        "running": backtest(configuration, "running", done=412_000, total=1_000_000, **told),
    }
    return made | {"sample": _sample(done)}


def _sample(done: Backtest) -> str:
    """An action of its report that comes out otherwise."""
    assert done.report, done.error
    return str(next(one["id"] for cell in done.report["samples"] for one in cell["actions"]))
