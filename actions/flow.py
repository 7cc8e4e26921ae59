"""The order of steps: track an action, validate a token, change a state.

The only way from a request to a decision, stored or only looked at. What a proof causes is in `proofs`, how a user
proves is in `proving` (client) and `server_challenges` (server).
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from actions import claims, gather, ip_intel, linking, messages, states, store, velocity
from actions.gather import Contacts
from actions.ip_intel import parse_address
from actions.models import ENTITY_COLUMNS, PRIVATE, Action, ActionFacts
from actions.store import Known
from audit import log
from audit.events import Tag
from authenticators import available, challenges, contact, identity_checks
from authenticators.transactions import Transaction
from authsignal_portal import clock, crypto, origins, tokens
from authsignal_portal.errors import (
    Conflict,
    ExpiredToken,
    InvalidConfiguration,
    InvalidRequest,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from authsignal_portal.ids import uuid7
from authsignal_portal.json_body import checked_id
from authsignal_portal.models import Tenant, default_outcome
from authsignal_portal.vocabulary import (
    OUTCOME_STATE,
    ActionState,
    Outcome,
    Scope,
    TokenPurpose,
    UnconfiguredAction,
    VerificationMethod,
)
from rules import policies, value_lists
from rules.engine import Decision, Policy, decide
from rules.lists import Lists
from rules.models import ACTION_CODE, ActionConfiguration
from rules.velocity import Asked

ATTEMPTS = 20
CODE = re.compile(ACTION_CODE)
# What may not differ when an idempotency key is used again.
FINGERPRINTED = ("custom", "email", "phoneNumber", "redirectUrl", "scope")


@dataclass(frozen=True, slots=True)
class Tracked:
    """The answer to `track`: a new decision, or the stored one for a key that was used before."""

    action_id: uuid.UUID
    idempotency_key: str
    state: ActionState
    url: str
    token: str
    enrolled_methods: list[VerificationMethod]
    allowed_methods: list[VerificationMethod]
    default_method: str | None
    rule_ids: list[str]

    @property
    def is_enrolled(self) -> bool:
        return bool(self.enrolled_methods)


@dataclass(frozen=True, slots=True)
class Track:
    """One request to track, checked and normalised."""

    tenant: Tenant
    user_id: str
    action_code: str
    sent: Mapping[str, Any]
    key: str
    address: str | None
    fingerprint: str
    # An instance that a client began is a challenge in any case: the rules can only refuse it.
    begun_by_client: bool
    actor: log.Actor
    intel: ip_intel.IpIntel
    around: velocity.Entities


def is_action_code(text: str) -> bool:
    return CODE.fullmatch(text) is not None


def track(
    *,
    tenant: Tenant,
    user_id: str,
    action_code: str,
    attributes: Mapping[str, Any],
    actor: log.Actor,
    begun_by_client: bool = False,
) -> Tracked:
    """Decide what the user may do now, store the decision with all that led to it, and return it.

    `attributes` has the wire's names (wire: track request). The same key again returns the stored decision.
    Raises InvalidRequest, InvalidConfiguration, Conflict (same key, other body), TooManyRequests, Unavailable.
    """
    request = _checked(tenant, user_id, action_code, attributes, actor, begun_by_client=begun_by_client)
    challenge_id = request.sent.get("challengeId")
    return _track_proved(request, challenge_id) if challenge_id else _track(request)


def _track(request: Track) -> Tracked:
    for _attempt in range(ATTEMPTS):
        asked = _expected(request)
        known = _read(request, asked)
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
    known = _read(request)
    if known.action_id and challenge.claimed_at and challenge.action_id == known.action_id:
        return _again(request, known)
    claims.check_claimable(challenge, request.user_id)
    claims.check_bound(challenge, action_code=request.action_code, action_id=known.action_id)
    tracked = _track(request)
    return replace(tracked, state=claims.attach(challenge, tracked.action_id))


def _checked(
    tenant: Tenant,
    user_id: str,
    action_code: str,
    attributes: Mapping[str, Any],
    actor: log.Actor,
    *,
    begun_by_client: bool,
) -> Track:
    sent = {name: value for name, value in attributes.items() if value not in (None, "")}
    checked_id(user_id, "userId")
    if not is_action_code(action_code):
        raise InvalidRequest("action must have 1 to 64 letters, digits, hyphens and underscores.")
    if sent.get("redirectUrl"):
        try:
            origins.check_redirect(sent["redirectUrl"], allowed=tenant.app_origins, development=not settings.PRODUCTION)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
    if "email" in sent:
        sent["email"] = contact.clean_email(sent["email"])
    if "phoneNumber" in sent:
        sent["phoneNumber"] = contact.clean_phone(sent["phoneNumber"])
    key = checked_id(sent["idempotencyKey"], "idempotencyKey") if "idempotencyKey" in sent else str(uuid.uuid4())
    intel = ip_intel.lookup(parse_address(sent.get("ipAddress")))
    return Track(
        tenant=tenant,
        user_id=user_id,
        action_code=action_code,
        sent=sent,
        key=key,
        address=intel.address,
        fingerprint=crypto.keyed_hash("track", _fixed(sent)),
        begun_by_client=begun_by_client,
        actor=actor,
        intel=intel,
        around=_around(tenant, action_code, sent, intel),
    )


def _around(tenant: Tenant, action_code: str, sent: Mapping[str, Any], intel: ip_intel.IpIntel) -> velocity.Entities:
    return velocity.Entities(
        action_code=action_code,
        device_key=_key(tenant, "device", sent.get("deviceId")),
        address_key=_key(tenant, "address", intel.address),
        phone_key=_key(tenant, "phone", sent.get("phoneNumber")),
        email_domain_key=_key(tenant, "email domain", gather.domain_of(sent.get("email"))),
        country_code=intel.country_code,
    )


def _key(tenant: Tenant, kind: str, value: str | None) -> int | None:
    return tenant.entity_key(kind, value) if value else None


def _fixed(sent: Mapping[str, Any]) -> str:
    """The part of a request that its idempotency key stands for."""
    held = {name: sent[name] for name in FINGERPRINTED if name in sent}
    if "custom" in held:
        held["custom"] = {name: _same_number(value) for name, value in held["custom"].items()}
    return json.dumps(held, sort_keys=True, separators=(",", ":"))


def _same_number(value: Any) -> Any:
    """1e3 and 1000.0 are the number 1000, however it was written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read(request: Track, asked: tuple[Asked, ...] = (), around: velocity.Entities | None = None) -> Known:
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


def _entities(request: Track, in_clear: Contacts) -> velocity.Entities:
    """With what is stored of the user, where the request did not say it."""
    around = request.around
    return replace(
        around,
        phone_key=around.phone_key or _key(request.tenant, "phone", in_clear.phone_number),
        email_domain_key=around.email_domain_key
        or _key(request.tenant, "email domain", gather.domain_of(in_clear.email)),
    )


def _past(request: Track, known: Known, policy: Policy, around: velocity.Entities) -> Sequence[Any]:
    """What the past gave for each count; read again where it goes by what was only found in the first reading."""
    scopes = {one.velocity.scope for one in policy.velocities}
    if any(scope in scopes and around.key(scope) != request.around.key(scope) for scope in LATE_SCOPES):
        return _read(request, policy.velocities, around).velocities
    return known.velocities


# Whose value may stand only in the user's row.
LATE_SCOPES = ("phoneNumber", "emailDomain")


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is known of a request, as JSON and as the rules are given it, and what they make of it."""

    in_clear: Contacts
    around: velocity.Entities
    lists: Lists
    past: Sequence[Any]
    facts: dict[str, Any]
    decision: Decision


def _weighed(request: Track, known: Known, policy: Policy) -> Weighed:
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

    Without the stored contacts, the user has only the e-mail address and phone number that `attributes` bring.
    Raises InvalidRequest.
    """
    request = _checked(tenant, user_id, action_code, attributes, actor, begun_by_client=False)
    known = _read(request, policy.velocities)
    if not with_stored_contacts:
        known = replace(known, email_sealed=None, phone_number_sealed=None)
    return _weighed(request, known, policy)


def _decide_and_store(request: Track, known: Known, configuration_id: uuid.UUID, policy: Policy) -> Tracked:
    weighed = _weighed(request, known, policy)
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
    state = _first_state(request, known, outcome)
    shown, trace["notLinked"] = _message(known, facts, is_challenge=_is_challenge(outcome, state))
    allowed, default_method = _methods(request.tenant, known, policy, decision)
    action_id = uuid7()
    user_pk = known.user_pk or uuid.uuid4()
    user = _user_columns(request, known, in_clear, user_pk)
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
        "prompt": _prompt(known, policy, decision),
        "redirect_url": request.sent.get("redirectUrl", ""),
        "redirect_to_settings": bool(request.sent.get("redirectToSettings")),
        "locale_sent": request.sent.get("locale", ""),
        **shown,
    }
    changed = known.user_pk is not None and _changed(user, known)
    left = _left_behind(request.tenant, known, user) if changed else []
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
    return _answer(request, known, action_id, state, allowed, default_method, list(decision.matched))


def _is_challenge(outcome: Outcome, state: ActionState) -> bool:
    """Whether anything may be proved for it: also where an unenrolled user is let through, the rules wanted a proof."""
    return outcome == Outcome.CHALLENGE or state == ActionState.CHALLENGE_REQUIRED


def _message(known: Known, facts: Mapping[str, Any], *, is_challenge: bool) -> tuple[dict[str, str], str]:
    """What the user is shown, with dynamic linking the transaction that it is bound to, and else why it is not.

    Raises InvalidRequest: a challenge needs its transaction, to the byte; another decision stands without it.
    """
    action, user = facts["custom"], facts["user"]["custom"]
    if not known.dynamic_linking:
        shown = messages.render(known.message or "", action=action, user=user)
        return {"message": shown, "transaction": "", "transaction_hash": ""}, ""
    points = (known.amount_data_point or "", known.currency_data_point or "", known.payee_data_point or "")
    try:
        linked = linking.transaction(linking.Linking(known.message or "", *points), action=action, user=user)
    except InvalidRequest as problem:
        if is_challenge:
            raise
        return {"message": "", "transaction": "", "transaction_hash": ""}, problem.description
    return {"message": linked.text, "transaction": linked.canonical, "transaction_hash": linked.hash}, ""


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


def _first_state(request: Track, known: Known, outcome: Outcome) -> ActionState:
    if request.begun_by_client and outcome in (Outcome.ALLOW, Outcome.CHALLENGE):
        return ActionState.CHALLENGE_REQUIRED
    if outcome == Outcome.CHALLENGE and request.tenant.let_unenrolled_users_through and not known.was_enrolled:
        return ActionState.ALLOW
    return OUTCOME_STATE[outcome]


def _methods(
    tenant: Tenant, known: Known, policy: Policy, decision: Decision
) -> tuple[list[VerificationMethod], str | None]:
    """What may prove this action: the deciding rule's list, else the action's, else all; of it what is active."""
    rule = policy.rule(decision.priority_rule_id) if decision.priority_rule_id else None
    listed = (rule.verification_methods if rule else ()) or known.action_methods
    active = available.active(tenant, known.switched or [])
    allowed = [method for method in active if not listed or method in listed]
    wishes = (
        rule.default_verification_method if rule else None,
        known.action_default,
        known.user_default,
        known.enrolled_default,
    )
    return allowed, next((wish for wish in wishes if wish and wish in allowed), None)


def _prompt(known: Known, policy: Policy, decision: Decision) -> list[str]:
    """What to ask the user to set up after the proof: as the deciding rule says, else as the action says."""
    rule = policy.rule(decision.priority_rule_id) if decision.priority_rule_id else None
    return list((rule.prompt_to_enroll_verification_methods if rule else ()) or known.action_prompt or ())


def _user_columns(request: Track, known: Known, in_clear: Contacts, user_pk: uuid.UUID) -> dict[str, Any]:
    """What of the user's row this request sets; the statement leaves everything else as it is by then."""
    email_sealed, email_index, email_same = _contact(
        request, "email", in_clear.email, user_pk, known.email_sealed, known.email_index
    )
    phone_sealed, phone_index, phone_same = _contact(
        request,
        "phoneNumber",
        in_clear.phone_number,
        user_pk,
        known.phone_number_sealed,
        known.phone_number_index,
    )
    return {
        "email_sealed": email_sealed,
        "email_index": email_index,
        "email_new": not email_same,
        "phone_sealed": phone_sealed,
        "phone_index": phone_index,
        "phone_new": not phone_same,
        "username_sent": request.sent.get("username"),
        "user_locale_sent": request.sent.get("locale"),
    }


COLUMN = {"email": "email_sealed", "phoneNumber": "phone_number_sealed"}


def _contact(
    request: Track, name: str, text: str | None, user_pk: uuid.UUID, sealed: bytes | None, index: str | None
) -> tuple[bytes | None, str, bool]:
    """(sealed, index, unchanged) of an address or number."""
    if name not in request.sent or text is None:
        return sealed, index or "", True
    if index and index in contact.indexes(request.tenant.pk, text):
        return sealed, index, True
    place = ("authenticators_enduser", COLUMN[name], str(user_pk))
    return request.tenant.seal(text, *place), contact.index(request.tenant.pk, text), False


def _left_behind(tenant: Tenant, known: Known, columns: Mapping[str, Any]) -> list[str]:
    """The addresses on file in whose place others come."""
    before = gather.contacts(tenant, known, {})
    pairs = ((before.email, "email_new"), (before.phone_number, "phone_new"))
    return [address for address, is_new in pairs if address and columns[is_new]]


def _changed(columns: Mapping[str, Any], known: Known) -> bool:
    """Whether these columns differ from what is stored of the user."""
    return (
        columns["email_new"]
        or columns["phone_new"]
        or columns["username_sent"] not in (None, known.username)
        or columns["user_locale_sent"] not in (None, known.locale)
    )


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
    if not crypto.is_keyed_hash(known.fingerprint or "", "track", _fixed(request.sent)):
        raise Conflict(
            f"The idempotencyKey {request.key} was used for this user and action with other custom data, email, "
            "phoneNumber, redirectUrl or scope. Use a new key for a new action."
        )
    assert known.action_id is not None
    return _answer(
        request,
        known,
        known.action_id,
        ActionState(known.state or ""),
        [VerificationMethod(method) for method in known.allowed_methods or []],
        known.default_method,
        [str(rule) for rule in known.matched_rules or []],
    )


def _answer(
    request: Track,
    known: Known,
    action_id: uuid.UUID,
    state: ActionState,
    allowed: list[VerificationMethod],
    default_method: str | None,
    rule_ids: list[str],
) -> Tracked:
    token = tokens.mint(
        tenant=request.tenant,
        purpose=TokenPurpose.TRACK,
        action_id=action_id,
        user_id=request.user_id,
        action_code=request.action_code,
        idempotency_key=request.key,
        scope=request.sent.get("scope") or Scope.READ.value,
        now=known.now,
        username=request.sent.get("username") or known.username,
    )
    have = set(known.enrolled or []) & set(available.active(request.tenant, known.switched or []))
    return Tracked(
        action_id=action_id,
        idempotency_key=request.key,
        state=state,
        url=f"{settings.PUBLIC_URL}/challenge?token={token}",
        token=token,
        enrolled_methods=[method for method in VerificationMethod if method in have],
        allowed_methods=allowed,
        default_method=default_method or None,
        rule_ids=rule_ids,
    )


def join(*, tenant: Tenant, user_id: str, action_code: str, attributes: Mapping[str, Any], actor: log.Actor) -> Action:
    """The instance that a client or server challenge belongs to: the one with this key, else a new one, begun now.

    Call inside a transaction; returns with the user locked. Raises what `track` raises.
    """
    key = attributes.get("idempotencyKey")
    if key:
        rows = Action.objects.filter(tenant=tenant, user__user_id=user_id)
        named = rows.filter(action_code=action_code, idempotency_key=key).first()
        if named:
            held = claims.hold(named.pk)
            _check_same_custom(held, attributes)
            return held
    tracked = track(
        tenant=tenant,
        user_id=user_id,
        action_code=action_code,
        attributes=attributes,
        actor=actor,
        begun_by_client=True,
    )
    return claims.hold(tracked.action_id)


def _check_same_custom(action: Action, attributes: Mapping[str, Any]) -> None:
    """A linked transaction is not asked for again with other values under the same key. Raises Conflict."""
    sent = attributes.get("custom")
    if sent and action.facts.transaction_hash and sent != action.facts.facts["custom"]:
        raise Conflict(f"The idempotencyKey {action.idempotency_key} was used with other custom data. Use a new key.")


# -- validate ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Validation:
    """What a token proves. `error` is set when it proves nothing."""

    action: Action | None = None
    error: str = ""
    # With dynamic linking: what the action is linked to, and once it was proved the receipt.
    transaction: Transaction | None = None
    receipt: str = ""
    veriff_session_id: str = ""

    @property
    def is_valid(self) -> bool:
        return self.action is not None and not self.error and self.action.state == ActionState.CHALLENGE_SUCCEEDED


def validate(*, tenant: Tenant, token: object, user_id: str | None, action_code: str | None) -> Validation:
    """Read a client token of this tenant. A read: repeatable until the token expires, never an exception."""
    try:
        claims_ = tokens.read(token)
    except ExpiredToken:
        return Validation(error="Token is invalid or expired.")
    if claims_.tenant.pk != tenant.pk or claims_.expires_at <= clock.now():
        return Validation(error="Token is invalid or expired.")
    rows = Action.objects.select_related("user", "facts", "receipt").defer(*LARGE)
    action = rows.filter(pk=claims_.action_id, tenant=tenant).first()
    if action is None or action.user.user_id != claims_.user_id:
        return Validation(error="Token is invalid or expired.")
    if user_id and user_id != claims_.user_id:
        return Validation(error="User is invalid.")
    if action_code and action_code != claims_.action_code:
        return Validation(error="Action is invalid.")
    return replace(_with_transaction(action), veriff_session_id=_veriff_session_id(action))


def _veriff_session_id(action: Action) -> str:
    if action.verification_method != VerificationMethod.VERIFF:
        return ""
    return identity_checks.session_id_of(action.tenant_id, action.pk, VerificationMethod.VERIFF)


# Of the facts, what validation does not look at.
LARGE = ("facts__facts", "facts__trace", "facts__private_sealed")


def _with_transaction(action: Action) -> Validation:
    facts = getattr(action, "facts", None)
    try:
        linked = linking.transaction_of(facts) if facts else None
    except linking.AlteredTransaction as problem:
        return Validation(error=problem.description)
    if linked is None:
        return Validation(action)
    receipt = getattr(action, "receipt", None)
    return Validation(action, transaction=linked, receipt=receipt.jws if receipt else "")


# -- state by the customer's backend or staff ----------------------------------------------------


def find(*, tenant: Tenant, user_id: str, action_code: str, idempotency_key: str) -> Action:
    """Raises NotFound."""
    found = Action.objects.select_related("user", "tenant", "facts").filter(
        tenant=tenant, user__user_id=user_id, action_code=action_code, idempotency_key=idempotency_key
    )
    action = found.first()
    if action is None:
        raise NotFound("No such action.")
    return action


@transaction.atomic
def update_state(action: Action, state: ActionState, *, actor: log.Actor) -> Action:
    """Set a state. Raises InvalidRequest for the one that only a proof can set, NotFound for an action that is gone."""
    locked = Action.objects.select_for_update(of=("self",)).select_related("user").filter(pk=action.pk).first()
    if locked is None:
        raise NotFound("No such action.")
    before = ActionState(locked.state)
    if not states.may_be_set(state):
        raise InvalidRequest("state: CHALLENGE_SUCCEEDED is set by a completed challenge only.")
    if before != state:
        linking.check_may_become(locked, state)
        now = clock.now()
        locked.state, locked.state_updated_at = state, now
        if state == ActionState.CHALLENGE_FAILED and locked.failed_at is None:
            locked.failed_at = now
        locked.save(update_fields=["state", "state_updated_at", "failed_at"])
        log.record(
            Tag.ACTION_STATE_CHANGED,
            tenant_id=locked.tenant_id,
            actor=actor,
            subject=locked.user.pseudonym,
            action_id=locked.pk,
            at=now,
            from_state=before.value,
            to_state=state.value,
        )
    return locked
