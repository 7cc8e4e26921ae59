"""Codes that the customer's backend sends and checks itself, with or without knowing the user yet."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from actions import claims, gather, joining, languages, linking, proofs, replays, shared_data, states, track_request
from actions.ip_intel import parse_address
from actions.models import Action
from audit import log
from authenticators import available, challenges, codes, enrolment, handed_over, routing, several, starting
from authenticators.codes import Way
from authenticators.models import Challenge, EndUser
from authenticators.serializers import EMAIL, PHONE
from authenticators.starting import Origin
from authsignal_portal import clock, tokens
from authsignal_portal.errors import InvalidConfiguration, InvalidRequest, Unauthorized
from authsignal_portal.json_body import checked_id
from authsignal_portal.models import ApiKey, Tenant
from authsignal_portal.vocabulary import Scope, SmsChannel, TokenPurpose, VerificationMethod
from authsignal_portal.wire import epoch, present

M = VerificationMethod
# In the context of a challenge that was begun for its user: the backend says that the address is theirs.
FOR_USER = "forUser"
TRACKED = ("idempotencyKey", "locale", "deviceId", "ipAddress", "userAgent", "custom", "scope")


def start(tenant: Tenant, given: Mapping[str, Any], *, actor: log.Actor) -> dict[str, Any]:
    """Send a code. `given` has the wire's names. Raises InvalidRequest, InvalidConfiguration, TooManyRequests,
    Unavailable (the customer's own sender did not take the message)."""
    sent = {name: value for name, value in given.items() if value not in (None, "")}
    parse_address(sent.get("ipAddress"))
    if "challengeId" in sent:
        challenge = _resend(tenant, sent)
    elif "userId" in sent:
        challenge = _start(tenant, sent, actor)
    else:
        challenge = _start_for_nobody(tenant, sent)
    handed_over.check(challenge)
    return {
        "challengeId": challenge.pk,
        "idempotencyKey": challenge.idempotency_key,
        "expiresAt": epoch(challenge.expires_at),
    }


@transaction.atomic
def _resend(tenant: Tenant, sent: Mapping[str, Any]) -> Challenge:
    try:
        challenge = claims.locked(tenant=tenant, challenge_id=sent["challengeId"])
    except Unauthorized as error:
        raise InvalidRequest(error.description) from error
    now = clock.now()
    is_code = challenge.contact_sealed and challenge.purpose == Challenge.Purpose.AUTHENTICATE
    if not challenge.is_open(now) or not is_code:
        raise InvalidRequest("The challenge has ended. Begin a new one.")
    _open_action(challenge)
    if sent.get("smsChannel") == SmsChannel.WHATSAPP:
        _check_whatsapp(tenant)
    codes.send(challenge, now=now, locale=sent.get("locale"), way=_way(sent))
    return challenge


@transaction.atomic
def _start_for_nobody(tenant: Tenant, sent: Mapping[str, Any]) -> Challenge:
    """The user is not known yet: the action begins when the challenge is claimed."""
    action_code, method = _action_code(sent), _method(tenant, sent)
    linking.check_needs_none(tenant, action_code)
    key = checked_id(sent.get("idempotencyKey") or str(uuid.uuid4()), "idempotencyKey")
    return starting.start_code(
        tenant=tenant,
        user=None,
        method=method,
        to=_address(method, sent, None),
        origin=Origin(None, action_code, key, _about(sent)),
        locale=sent.get("locale"),
        way=_way(sent),
        scope=sent.get("scope", ""),
        context={name: sent[name] for name in TRACKED if name in sent and name not in ("idempotencyKey", "scope")},
    )


def _start(tenant: Tenant, sent: Mapping[str, Any], actor: log.Actor) -> Challenge:
    action_code, method = _action_code(sent), _method(tenant, sent)
    with transaction.atomic():
        action = joining.join(
            tenant=tenant,
            user_id=sent["userId"],
            action_code=action_code,
            attributes={name: sent[name] for name in TRACKED if name in sent},
            actor=actor,
        )
        challenge = None if action.state in states.CLOSED_TO_PROOF else _send(action, method, sent)
    # Once it is committed: that the rules refused stays on record.
    proofs.check_open(action)
    assert challenge is not None
    return challenge


def _send(action: Action, method: VerificationMethod, sent: Mapping[str, Any]) -> Challenge:
    user = action.user
    linking.transaction_of(action.facts)
    if method not in action.facts.allowed_methods:
        raise InvalidConfiguration(f"{method} is not permitted for this action.")
    to = _address(method, sent, user)
    return starting.start_code(
        tenant=action.tenant,
        user=user,
        method=method,
        to=to,
        origin=Origin(
            action.pk,
            action.action_code,
            action.idempotency_key,
            about=_about({"locale": languages.locale_of(action.facts), **sent}),
            variables=shared_data.forwarded(action),
            transaction=action.facts.transaction,
            transaction_hash=action.facts.transaction_hash,
        ),
        authenticator=_authenticator_at(user, method, to),
        locale=sent.get("locale") or languages.language_of(action.facts, page=""),
        way=_way(sent),
        scope=sent.get("scope", ""),
        context={FOR_USER: True},
    )


def _about(sent: Mapping[str, Any]) -> dict[str, str]:
    """What the customer's own sender is told back of the request."""
    known = gather.asker(user_agent=sent.get("userAgent"), ip_address=sent.get("ipAddress"))
    return known | ({"locale": str(sent["locale"])} if sent.get("locale") else {})


def _way(sent: Mapping[str, Any]) -> Way:
    return Way(sms_channel=sent.get("smsChannel", ""))


def _action_code(sent: Mapping[str, Any]) -> str:
    code = str(sent.get("action", ""))
    if not track_request.is_action_code(code):
        raise InvalidRequest("action is required: 1 to 64 letters, digits, hyphens and underscores.")
    return code


def _method(tenant: Tenant, sent: Mapping[str, Any]) -> VerificationMethod:
    method = VerificationMethod(sent.get("verificationMethod") or _likely_method(tenant, sent))
    if method == M.WHATSAPP or sent.get("smsChannel") == SmsChannel.WHATSAPP:
        _check_whatsapp(tenant)
    if method not in available.active_methods(tenant):
        raise InvalidConfiguration(f"{method} is not active for this tenant.")
    return method


def _check_whatsapp(tenant: Tenant) -> None:
    if not routing.uses_whatsapp(tenant):
        raise InvalidConfiguration("WhatsApp is not configured for this tenant.")


def _likely_method(tenant: Tenant, sent: Mapping[str, Any]) -> VerificationMethod:
    """What the given address is for, else what the user has enrolled, else what is on file."""
    if "email" in sent or "phoneNumber" in sent:
        return M.EMAIL_OTP if "email" in sent else M.SMS
    user = EndUser.objects.filter(tenant=tenant, user_id=sent.get("userId", "")).first()
    if user is None:
        return M.SMS
    enrolled = user.authenticators.filter(method__in=(M.EMAIL_OTP, M.SMS, M.WHATSAPP)).exclude(verified_at=None)
    preferred = enrolled.order_by("-is_default", "created_at").values_list("method", flat=True).first()
    return VerificationMethod(preferred or (M.EMAIL_OTP if user.email_index else M.SMS))


def _address(method: VerificationMethod, sent: Mapping[str, Any], user: EndUser | None) -> str:
    """The explicit destination, else the user's enrolled one, else the one on file."""
    name = enrolment.contact_name(method)
    if name in sent:
        return enrolment.clean_contact(method, sent[name])
    if user:
        row = several.held(user, method).first()
        found = row.contact if row else enrolment.addresses(user).get(method)
        if found:
            return str(found)
    raise InvalidRequest(f"{name} is required: the user has none.")


def _authenticator_at(user: EndUser, method: VerificationMethod, to: str) -> Any:
    return user.proved_at(to).filter(method=method).first()


def verify(key: ApiKey, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Judge a code; returns the answer and whether it is the repeated answer to a repeated request."""
    tenant, request = key.tenant, replays.name(key, "verify", given)
    with transaction.atomic():
        challenge = challenges.by_id(tenant, given["challengeId"])
        if challenge.user:
            challenge.user.lock()
        is_code = challenge.code_hash != "" or challenge.verified_at is not None
        # What enrols is judged by the Client API, which knows what its user may enrol by now.
        if challenge.purpose != Challenge.Purpose.AUTHENTICATE or not is_code:
            raise InvalidRequest("challengeId belongs to another kind of challenge.")
        action = _open_action(challenge)
        method = VerificationMethod(challenge.method)
        attempt = challenges.finish(
            tenant=tenant,
            user=challenge.user,
            method=method,
            challenge=challenge,
            answer=given["verificationCode"],
        )
        if attempt.proof is None:
            before = replays.kept(tenant, request)
            if before:
                return before, True
            proofs.refused(challenge.action_id)
            return _refused(attempt), False
        proof = attempt.proof
        if action and _counts(proof.challenge, action):
            proofs.record(action, action.facts, proof, may_enrol=claims.may_enrol(challenge, action.user))
        answer = _verified(proof.challenge)
        replays.keep(tenant, request, answer)
        return answer, False


def _counts(challenge: Challenge, action: Action) -> bool:
    """Whether it proves its user. One that was claimed before it was proved is judged as if it were claimed now."""
    was_named = bool(challenge.context.get(FOR_USER))
    return challenge.claimed_at is None or was_named or claims.proves_unbound(challenge, action)


def _open_action(challenge: Challenge) -> Action | None:
    """The challenge's action, if it has one. Raises InvalidRequest where somebody decided before the answer came."""
    if challenge.action_id is None:
        return None
    action = Action.objects.select_related("user", "tenant", "facts").filter(pk=challenge.action_id).first()
    if action is None:  # deleted with its user, since the challenge was looked up
        raise InvalidRequest("challengeId names no challenge.")
    if challenge.verified_at is None:
        proofs.check_open(action)
    return action


def _refused(attempt: challenges.Attempt) -> dict[str, Any]:
    assert attempt.failure is not None
    return {"isVerified": False, "failureReason": attempt.failure.value}


def _verified(challenge: Challenge) -> dict[str, Any]:
    return present(
        {
            "isVerified": True,
            "email": challenge.contact if challenge.method in EMAIL else None,
            "phoneNumber": challenge.contact if challenge.method in PHONE else None,
            "verificationMethod": challenge.method,
        }
    )


def claim(key: ApiKey, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Bind a challenge to a user and return a client token. Once. Raises Unauthorized, InvalidRequest."""
    tenant, request = key.tenant, replays.name(key, "claim", given)
    user_id = checked_id(given["userId"], "userId")
    with transaction.atomic():
        challenge = claims.locked(tenant=tenant, challenge_id=given["challengeId"])
        before = replays.kept(tenant, request) if challenge.claimed_at else None
        if before:
            return before, True
        claims.check_claimable(challenge, user_id, unverified_too=bool(given.get("skipVerificationCheck")))
        claims.take(challenge)
        theirs = challenge.user is not None
        action = _action_of(challenge, user_id, log.api_key(key.pk))
        if action.state not in states.CLOSED_TO_PROOF:
            stands = challenge.verified_at is not None and not claims.is_overtaken(challenge, action)
            counts = stands and (theirs or claims.proves_unbound(challenge, action))
            answer = {"token": _token(challenge, action, counts=counts), "verificationMethod": challenge.method}
            replays.keep(tenant, request, answer)
    # Once it is committed: the challenge is spent, and that the rules refused stays on record.
    proofs.check_open(action)
    return answer, False


def _action_of(challenge: Challenge, user_id: str, actor: log.Actor) -> Action:
    """The challenge's action; one that began without a user begins now, with the rules' decision."""
    if challenge.action_id:
        return Action.objects.select_related("user", "tenant", "facts").get(pk=challenge.action_id)
    attributes = {**challenge.context, "idempotencyKey": challenge.idempotency_key}
    action = joining.join(
        tenant=challenge.tenant,
        user_id=user_id,
        action_code=challenge.action_code,
        attributes=attributes,
        actor=actor,
    )
    claims.bind(challenge, action)
    return action


def _token(challenge: Challenge, action: Action, *, counts: bool) -> str:
    """An access token for a proof that counts; else a token with which the user can still prove themselves."""
    now = clock.now()
    if counts:
        may_adopt = claims.may_enrol(challenge, action.user)
        proofs.record(action, action.facts, proofs.of_challenge(challenge), may_enrol=may_adopt)
        return proofs.access_token(action, now=now, since=challenge.verified_at)
    return tokens.mint(
        tenant=action.tenant,
        purpose=TokenPurpose.TRACK,
        action_id=action.pk,
        user_id=action.user.user_id,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        scope=challenge.scope or Scope.READ.value,
        now=now,
    )


def live(tenant: Tenant, query: Mapping[str, Any]) -> Challenge | None:
    """The newest open challenge that carries a code and fits the query."""
    rows = Challenge.objects.filter(tenant=tenant, verified_at=None, failed_at=None, expires_at__gt=clock.Now())
    rows = rows.filter(purpose=Challenge.Purpose.AUTHENTICATE).exclude(contact_sealed=None)
    if query.get("challengeId"):
        rows = rows.filter(pk=query["challengeId"])
    elif query.get("userId"):
        rows = rows.filter(user__user_id=query["userId"])
    else:
        raise InvalidRequest("Give challengeId, or userId.")
    if query.get("action"):
        rows = rows.filter(action_code=query["action"])
    if query.get("verificationMethod"):
        rows = rows.filter(method=query["verificationMethod"])
    return rows.select_related("tenant", "user").order_by("-created_at").first()
