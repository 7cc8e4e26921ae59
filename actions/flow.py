"""The order of steps by which an action is tracked: the only way from a request to a stored decision.

What follows from a decision is in `consequences`, from a proof in `proofs`; how a user proves in `proving` (client) and
`server_challenges` (server), what a token proves in `validation`.
"""

import json
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from actions import claims, consequences, store, track_request, user_columns, velocity, weighing
from actions.models import ENTITY_COLUMNS, PRIVATE, ActionFacts
from actions.store import Known
from actions.track_request import Track, fixed_part
from actions.tracked import Tracked, answer
from audit import log
from audit.events import Tag
from authenticators import challenges
from authsignal_portal import crypto
from authsignal_portal.errors import (
    Conflict,
    InvalidConfiguration,
    TooManyRequests,
    Unavailable,
)
from authsignal_portal.ids import uuid7
from authsignal_portal.models import Tenant, default_outcome
from authsignal_portal.vocabulary import (
    ActionState,
    Outcome,
    UnconfiguredAction,
    VerificationMethod,
)
from rules import policies
from rules.engine import Decision, Policy
from rules.models import ActionConfiguration
from rules.velocity import Asked

ATTEMPTS = 20


def track(
    *,
    tenant: Tenant,
    user_id: str,
    action_code: str,
    attributes: Mapping[str, Any],
    actor: log.Actor,
    begun_by_client: bool = False,
    in_default_text: bool = False,
) -> Tracked:
    """Decide what the user may do now, store the decision with all that led to it, and return it.

    `attributes` has the wire's names (wire: track request). The same key again returns the stored decision.
    Raises InvalidRequest, InvalidConfiguration, Conflict (same key, other body), TooManyRequests, Unavailable.
    """
    request = track_request.checked(
        tenant,
        user_id,
        action_code,
        attributes,
        actor,
        begun_by_client=begun_by_client,
        in_default_text=in_default_text,
    )
    challenge_id = request.sent.get("challengeId")
    return _track_proved(request, challenge_id) if challenge_id else _track(request)


def _track(request: Track) -> Tracked:
    for _attempt in range(ATTEMPTS):
        asked = _expected(request)
        known = weighing.read(request, asked)
        if known.action_id:
            return _again(request, known)
        configuration_id, policy = _policy(request, known)
        if policy.velocities != asked:
            # The rules changed since this process last saw them, and ask for other counts.
            continue
        try:
            return _decide_and_store(request, known, configuration_id, policy)
        except IntegrityError:
            # Another request stored this action or this user first, or deleted the user: look again.
            continue
    raise Unavailable("The same action is being tracked many times at once. Try again.")


def _expected(request: Track) -> tuple[Asked, ...]:
    """What the rules, as far as this process knows them, ask of the past."""
    policy = policies.last_seen(request.tenant.pk, request.action_code)
    return policy.velocities if policy else ()


@transaction.atomic
def _track_proved(request: Track, challenge_id: str) -> Tracked:
    """Track an action for which a verified challenge counts: both, or neither. Raises Unauthorized."""
    # Held first: the same request sent twice waits here, and finds what the other one stored.
    challenge = claims.locked(tenant=request.tenant, challenge_id=challenge_id)
    known = weighing.read(request)
    if known.action_id and challenge.claimed_at and challenge.action_id == known.action_id:
        return _again(request, known)
    claims.check_claimable(challenge, request.user_id)
    claims.check_bound(challenge, action_code=request.action_code, action_id=known.action_id)
    tracked = _track(request)
    return replace(tracked, state=claims.attach(challenge, tracked.action_id))


def _policy(request: Track, known: Known) -> tuple[uuid.UUID, Policy]:
    """The compiled rules; an action code that nobody configured is created as the tenant wants it."""
    if known.configuration_id and known.version:
        policy = policies.policy_of(known.configuration_id, known.version, request.action_code)
        policies.remember(request.tenant.pk, request.action_code, known.configuration_id)
        return known.configuration_id, policy
    wanted = request.tenant.unconfigured_action
    if wanted == UnconfiguredAction.REJECT:
        raise InvalidConfiguration(f"The action {request.action_code} is not configured. Create it in the portal.")
    with transaction.atomic():
        made, is_new = ActionConfiguration.ensure(
            tenant=request.tenant, action_code=request.action_code, default_outcome=default_outcome(wanted)
        )
        if is_new:
            log.record(
                Tag.ACTION_CONFIGURATION_CREATED,
                tenant_id=request.tenant.pk,
                actor=request.actor,
                at=known.now,
                action_code=request.action_code,
                row=str(made.pk),
            )
    return made.pk, policies.policy_of(made.pk, made.version, request.action_code)


def _decide_and_store(request: Track, known: Known, configuration_id: uuid.UUID, policy: Policy) -> Tracked:
    weighed = weighing.weighed(request, known, policy)
    in_clear, around, lists = weighed.in_clear, weighed.around, weighed.lists
    facts, decision = weighed.facts, weighed.decision
    outcome = Outcome(decision.outcome)
    if outcome == Outcome.CHALLENGE and known.recent_challenges >= settings.NEW_CHALLENGES_PER_10_MINUTES:
        raise TooManyRequests("Too many challenges for this user.", resets_in=60)
    trace = {
        "verdicts": dict(decision.verdicts),
        "lists": known.value_lists_version,
        "caps": velocity.caps(policy.velocities, weighed.past, facts["velocity"]),
        "missingLists": [alias for alias in policy.lists if alias not in lists],
    }
    state = consequences.first_state(request, known, outcome)
    shown, trace["notLinked"] = consequences.message(
        request, known, facts, is_challenge=consequences.may_be_proved(outcome, state)
    )
    allowed, default_method = consequences.methods(request.tenant, known, policy, decision)
    action_id = uuid7()
    user_pk = known.user_pk or uuid.uuid4()
    user = user_columns.columns_of(request, known, in_clear, user_pk)
    values = {
        **user,
        "action_id": action_id,
        "tenant": request.tenant.pk,
        "user": request.user_id,
        "user_pk": user_pk,
        "pseudonym": known.pseudonym or uuid.uuid4(),
        "action": request.action_code,
        "key": request.key,
        "state": state.value,
        "outcome": outcome.value,
        "now": known.now,
        "fingerprint": request.fingerprint,
        "configuration_id": configuration_id,
        "policy_version": decision.policy_version,
        "address": request.address,
        "user_agent": request.sent.get("userAgent", "")[:1000],
        "device": request.sent.get("deviceId", ""),
        "country": around.country_code or "",
        "numbers": _numbers(facts["custom"]),
        **{name: getattr(around, name) for name in ENTITY_COLUMNS},
        **_what_was_known(request.tenant, facts, trace, action_id),
        "matched": list(decision.matched),
        "shadowed": list(decision.shadowed),
        "priority_rule": decision.priority_rule_id,
        "allowed": [method.value for method in allowed],
        "default_method": default_method or "",
        "prompt": consequences.prompt(known, policy, decision),
        "redirect_url": request.sent.get("redirectUrl", ""),
        "redirect_to_settings": bool(request.sent.get("redirectToSettings")),
        "locale_sent": request.sent.get("locale", ""),
        **shown,
    }
    changed = known.user_pk is not None and user_columns.changed(user, known)
    left = user_columns.left_behind(request.tenant, known, user) if changed else []
    with transaction.atomic() if left else _savepoint():
        store.write(
            values,
            _events(request, known, values, decision, changed=changed),
            new_user=known.user_pk is None,
            changed_user=changed,
            new_device=bool(values["device"]) and known.device_pk is None,
        )
        for address in left:
            challenges.end_at(user_pk, request.tenant.pk, address, known.now)
    return answer(request, known, action_id, state, allowed, default_method, list(decision.matched))


def _numbers(custom: Mapping[str, Any]) -> str | None:
    """What sums over past actions add up: kept with the action itself, whose row they read anyway."""
    found = {name: value for name, value in custom.items() if type(value) in (int, float)}
    return json.dumps(found) if found else None


def _what_was_known(
    tenant: Tenant, facts: dict[str, Any], trace: dict[str, Any], action_id: uuid.UUID
) -> dict[str, str | bytes | None]:
    """Facts and trace; the user's email and phone number stand apart in them, sealed."""
    user = dict(facts["user"])
    private = {name: user.pop(name) for name in PRIVATE if name in user}
    place = (ActionFacts._meta.db_table, "private_sealed", str(action_id))
    return {
        "facts": json.dumps(facts | {"user": user}),
        "trace": json.dumps({name: value for name, value in trace.items() if value or name == "verdicts"}),
        "private_sealed": tenant.seal(json.dumps(private), *place) if private else None,
    }


def _savepoint() -> AbstractContextManager[Any]:
    """The statement is atomic by itself; only inside a caller's transaction does a retry need a savepoint."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _events(
    request: Track, known: Known, values: Mapping[str, Any], decision: Decision, *, changed: bool
) -> list[log.Event]:
    def event(tag: Tag, action_id: uuid.UUID | None = None, **data: Any) -> log.Event:
        return log.event(
            tag,
            tenant_id=request.tenant.pk,
            actor=request.actor,
            at=known.now,
            subject=values["pseudonym"],
            action_id=action_id,
            data=data,
        )

    events = []
    if known.user_pk is None:
        events.append(event(Tag.USER_CREATED))
    elif changed:
        fields = [name for name in ("email", "phoneNumber", "username", "locale") if name in request.sent]
        events.append(event(Tag.USER_UPDATED, fields=fields))
    events.append(
        event(
            Tag.ACTION_TRACKED,
            values["action_id"],
            action_code=request.action_code,
            outcome=values["outcome"],
            to_state=values["state"],
            matched_rules=list(decision.matched),
            priority_rule=decision.priority_rule_id,
            version=decision.policy_version,
        )
    )
    return events


def _again(request: Track, known: Known) -> Tracked:
    """The stored decision, with a fresh token. Raises Conflict when the body is another one."""
    if not crypto.is_keyed_hash(known.fingerprint or "", "track", fixed_part(request.sent)):
        raise Conflict(
            f"The idempotencyKey {request.key} was used for this user and action with other custom data, email, "
            "phoneNumber, redirectUrl or scope. Use a new key for a new action."
        )
    assert known.action_id is not None
    return answer(
        request,
        known,
        known.action_id,
        ActionState(known.state or ""),
        [VerificationMethod(method) for method in known.allowed_methods or []],
        known.default_method,
        [str(rule) for rule in known.matched_rules or []],
    )
