"""A user's devices: remembered after a proof, listed, and forgotten again, from whichever page or API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from actions.models import Action, ActionFacts, Device
from audit import log
from audit.events import Tag
from authenticators import challenges
from authenticators.models import EndUser
from authsignal_portal import clock, user_agent
from authsignal_portal.errors import Forbidden, InvalidRequest, NotFound
from authsignal_portal.vocabulary import ActionState

MAX_LISTED = 50
# Of the names of systems.
PHONES = ("iPhone", "iOS", "Android")
# Among how many of a user's newest actions a device's browser is looked for.
LOOKED_AT = 200


def may_remember(action: Action, facts: ActionFacts, *, now: datetime) -> bool:
    """Whether this action's device may be remembered now: the tenant wants it, and the action was proved just now."""
    since = now - timedelta(seconds=settings.PROOF_FRESH_SECONDS)
    proved = action.state == ActionState.CHALLENGE_SUCCEEDED and action.state_updated_at >= since
    wanted = proved and action.tenant.remember_devices and bool(facts.device_id)
    return wanted and challenges.stand(action.user, action.pk, since=action.counts_from(since))


@transaction.atomic
def remember(action: Action, facts: ActionFacts, *, now: datetime) -> datetime:
    """Remember the device that the action was tracked with; returns until when. Raises Forbidden, InvalidRequest."""
    action.user.lock()
    action.refresh_from_db(fields=["state", "state_updated_at", "decided_at"])
    if not may_remember(action, facts, now=now):
        raise Forbidden("A device is remembered only right after a completed challenge, where the app offers it.")
    until = now + timedelta(days=action.tenant.remember_device_days)
    device = Device.objects.filter(user=action.user, device_id=facts.device_id, invalidated_at=None).first()
    if device is None:
        raise InvalidRequest("This device was forgotten meanwhile.")
    Device.objects.filter(pk=device.pk).update(remembered_until=until)
    _record(Tag.DEVICE_UPDATED, device, action.user, log.user(action.user.pseudonym), "remembered_until")
    return until


@transaction.atomic
def invalidate(device: Device, user: EndUser, *, actor: log.Actor) -> Device:
    """Forget a device: it counts as new, and a later proof does not bring its memory back. Raises NotFound."""
    user.lock()
    device.invalidated_at, device.remembered_until = clock.now(), None
    fields = ["invalidated_at", "remembered_until"]
    if not Device.objects.filter(pk=device.pk).update(**{name: getattr(device, name) for name in fields}):
        raise NotFound("No such device.")
    _record(Tag.DEVICE_INVALIDATED, device, user, actor, *fields)
    return device


def _record(tag: Tag, device: Device, user: EndUser, actor: log.Actor, *fields: str) -> None:
    log.record(
        tag, tenant_id=user.tenant_id, actor=actor, subject=user.pseudonym, row=str(device.pk), fields=list(fields)
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A device for its owner. `name` is empty where its browser is not known any more."""

    device: Device
    name: str
    is_this: bool
    is_remembered: bool

    @property
    def is_phone(self) -> bool:
        return any(system in self.name for system in PHONES)


def listed(user: EndUser, *, this: str, now: datetime) -> list[Listed]:
    """The user's devices that count, newest proof first. `this` is the id of the device in use."""
    rows = list(Device.objects.filter(user=user, invalidated_at=None)[:MAX_LISTED])
    rows.sort(key=lambda row: (bool(row.authenticated_at), row.authenticated_at or row.created_at), reverse=True)
    names = names_of(user, {row.device_id for row in rows})
    return [
        Listed(
            device=row,
            name=names.get(row.device_id, ""),
            is_this=bool(this) and row.device_id == this,
            is_remembered=row.remembered_until is not None and row.remembered_until > now,
        )
        for row in rows
    ]


def names_of(user: EndUser, wanted: Iterable[str]) -> dict[str, str]:
    """`Chrome · Windows`, by what the newest action with each device said."""
    newest = Action.objects.filter(user=user).order_by("-created_at").values("pk")[:LOOKED_AT]
    rows = ActionFacts.objects.filter(pk__in=newest, device_id__in=list(wanted)).exclude(user_agent="")
    named: dict[str, str] = {}
    for device_id, agent in rows.order_by("action__created_at").values_list("device_id", "user_agent"):
        named[device_id] = user_agent.named(agent)
    return named
