"""What is known of a request to track, and what the rules make of it. Stores nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from actions import gather, store, track_request, velocity
from actions.gather import Contacts
from actions.store import Known
from actions.track_request import Track, entity_key
from audit import log
from authsignal_portal.models import Tenant
from rules import value_lists
from rules.engine import Decision, Policy, decide
from rules.lists import Lists
from rules.velocity import Asked

# Whose value may stand only in the user's row.
LATE_SCOPES = ("phoneNumber", "emailDomain")


def read(request: Track, asked: tuple[Asked, ...] = (), around: velocity.Entities | None = None) -> Known:
    return store.read(
        tenant_id=request.tenant.pk,
        user_id=request.user_id,
        idempotency_key=request.key,
        device_id=request.sent.get("deviceId", ""),
        address=request.address,
        challenge_cap=settings.NEW_CHALLENGES_PER_10_MINUTES + 1,
        asked=asked,
        around=around or request.around,
    )


def _entities(request: Track, in_clear: Contacts) -> velocity.Entities:
    """With what is stored of the user, where the request did not say it."""
    around = request.around
    return replace(
        around,
        phone_key=around.phone_key or entity_key(request.tenant, "phone", in_clear.phone_number),
        email_domain_key=around.email_domain_key
        or entity_key(request.tenant, "email domain", gather.domain_of(in_clear.email)),
    )


def _past(request: Track, known: Known, policy: Policy, around: velocity.Entities) -> Sequence[Any]:
    """What the past gave for each count; read again where it goes by what was only found in the first reading."""
    scopes = {one.velocity.scope for one in policy.velocities}
    if any(scope in scopes and around.key(scope) != request.around.key(scope) for scope in LATE_SCOPES):
        return read(request, policy.velocities, around).velocities
    return known.velocities


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is known of a request, as JSON and as the rules are given it, and what they make of it."""

    in_clear: Contacts
    around: velocity.Entities
    lists: Lists
    past: Sequence[Any]
    facts: dict[str, Any]
    decision: Decision


def weighed(request: Track, known: Known, policy: Policy) -> Weighed:
    in_clear = gather.contacts(request.tenant, known, dict(request.sent))
    around = _entities(request, in_clear)
    lists = value_lists.lists_of(request.tenant.pk, known.value_lists_version, policy.lists)
    past = _past(request, known, policy, around)
    counts = velocity.values(policy.velocities, past, around, request.sent.get("custom") or {})
    facts = gather.gather(
        tenant=request.tenant,
        known=known,
        user_id=request.user_id,
        action_code=request.action_code,
        sent=dict(request.sent),
        intel=request.intel,
        in_clear=in_clear,
        lists=lists,
        velocity=counts,
    ).to_json()
    return Weighed(in_clear, around, lists, past, facts, decide(facts, policy, lists))


def dry_run(
    *,
    tenant: Tenant,
    user_id: str,
    action_code: str,
    attributes: Mapping[str, Any],
    policy: Policy,
    actor: log.Actor,
    with_stored_contacts: bool,
) -> Weighed:
    """What these rules would decide now, in force or not. Stores nothing, sends nothing.

    Without the stored contacts, the user has only the email address and phone number that `attributes` bring.
    Raises InvalidRequest.
    """
    request = track_request.checked(tenant, user_id, action_code, attributes, actor, begun_by_client=False)
    known = read(request, policy.velocities)
    if not with_stored_contacts:
        known = replace(known, email_sealed=None, phone_number_sealed=None)
    return weighed(request, known, policy)
