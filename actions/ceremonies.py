"""WebAuthn through the Client API, step by step: passkeys and security keys.

A *ceremony* is WebAuthn's word for what browser, authenticator and user do with one challenge. A passkey's challenge
is named by its id; a security key's has no id on the wire and is found through the challenge in its client data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from actions import joining, linking, states
from actions.client_auth import ClientContext
from actions.models import Action
from actions.proofs import check_active, check_open, check_permitted, permitted
from actions.proving import account_name, check_may_enrol, one_at_a_time, origin_of
from actions.verifying import Verified, accepted, finish
from audit import log
from authenticators import challenges, credentials, starting, webauthn
from authenticators.methods import passkey
from authenticators.models import Challenge, EndUser
from authenticators.starting import Origin
from authsignal_portal import clock
from authsignal_portal.errors import Forbidden, InvalidConfiguration, InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Scope, VerificationMethod

Purpose = Challenge.Purpose
M = VerificationMethod
# Of a challenge that was begun for an action, and not for whatever comes.
NAMED = "isNamed"
RESIDENT_KEY: dict[VerificationMethod, webauthn.ResidentKey] = {
    M.PASSKEY: "required",
    # A key has little room, and a second factor is asked of a user who is known.
    M.SECURITY_KEY: "discouraged",
}


@dataclass(frozen=True, slots=True)
class Ceremony:
    """WebAuthn options for the client, and the challenge they belong to."""

    challenge: Challenge
    options: dict[str, Any]


def _registration(
    context: ClientContext, challenge: Challenge, *, user_name: str, display_name: str, attachment: str
) -> Ceremony:
    method, user = VerificationMethod(challenge.method), context.user
    asked = credentials.policy(context.tenant, method)
    try:
        options = webauthn.registration_options(
            rp_id=asked.rp_id,
            rp_name=context.tenant.name,
            user_handle=credentials.handle_of(user, method),
            user_name=user_name,
            user_display_name=display_name or user.display_name or user_name,
            exclude_credentials=credentials.descriptors(user, method),
            challenge=bytes(challenge.nonce or b""),
            authenticator_attachment=asked.attachment or attachment or None,
            timeout_ms=settings.PASSKEY_CHALLENGE_SECONDS * 1000,
            resident_key=RESIDENT_KEY[method],
            user_verification=asked.user_verification,
            hints=asked.hints,
        )
    except webauthn.WebAuthnError as error:
        raise InvalidRequest(f"authenticatorAttachment: {error.detail}") from error
    return Ceremony(challenge, options)


def _authentication(tenant: Tenant, challenge: Challenge, user: EndUser | None) -> Ceremony:
    method = VerificationMethod(challenge.method)
    asked = credentials.policy(tenant, method)
    options = webauthn.authentication_options(
        rp_id=asked.rp_id,
        challenge=bytes(challenge.nonce or b""),
        allow_credentials=credentials.descriptors(user, method) if user else [],
        user_verification=asked.user_verification,
        timeout_ms=settings.PASSKEY_CHALLENGE_SECONDS * 1000,
        hints=asked.hints,
    )
    return Ceremony(challenge, options)


# -- passkeys ------------------------------------------------------------------------------------


def start_passkey_registration(
    context: ClientContext,
    *,
    username: str,
    display_name: str,
    attachment: str,
    user_agent: str,
) -> Ceremony:
    """Options for making a passkey. `attachment` counts where the tenant has set none. Raises InvalidRequest."""
    user = context.user
    with one_at_a_time(context):
        check_may_enrol(context, M.PASSKEY)
        challenge = starting.start_nonce(
            tenant=context.tenant,
            user=user,
            origin=origin_of(context.action),
            purpose=Purpose.ENROL,
            # An email address that stands in for a name is not kept: addresses rest sealed.
            context={
                "username": username or user.username or "",
                "displayName": display_name or user.display_name or "",
                "userAgent": user_agent,
                "deviceId": context.facts.device_id,
            },
        )
        name = username or account_name(context)
        return _registration(context, challenge, user_name=name, display_name=display_name, attachment=attachment)


def finish_passkey_registration(
    context: ClientContext, challenge_id: str, credential: Any, *, is_conditional: bool, device_id: str
) -> Verified:
    """Store the passkey that was made. Of a conditional create, which asks nobody, no proof comes of it.

    `device_id`: what the app calls the device; it counts where the backend has named none.

    Raises Forbidden for a conditional create without a fresh proof or the scope: it must follow a sign-in.
    """
    with one_at_a_time(context):
        challenge = challenges.by_id(context.tenant, challenge_id)
        named = (challenge.action_id, challenge.method, challenge.purpose)
        if named != (context.action.pk, M.PASSKEY, Purpose.ENROL):
            raise InvalidRequest("challengeId belongs to another step.")
        if is_conditional and not context.may(Scope.ADD):
            raise Forbidden("A passkey is created without asking only after a completed challenge.")
        answer = passkey.ConditionalCreate(credential) if is_conditional else credential
        verified = finish(context, M.PASSKEY, challenge, answer)
        made = verified.authenticator
        if made and not made.device_id and device_id:
            made.device_id = device_id
            made.save(update_fields=["device_id"])
        return verified


@transaction.atomic
def begin_by_client(tenant: Tenant, *, action_code: str, idempotency_key: str) -> Challenge:
    """A challenge before the user is known; its action comes into being when they are.

    Where none is named it is the tenant's for passkeys, unless an app signs it beside a token (`check_begun_for`).
    """
    code = action_code or tenant.default_passkey_action
    linking.check_needs_none(tenant, code)
    return starting.start_nonce(
        tenant=tenant,
        user=None,
        origin=Origin(None, code, idempotency_key),
        purpose=Purpose.AUTHENTICATE,
        context={NAMED: True} if action_code or idempotency_key else {},
        lifetime_seconds=settings.PROOF_FRESH_SECONDS,
    )


def begin_for(context: ClientContext, *, action_code: str, idempotency_key: str) -> Challenge:
    """The same for the token's user alone: for the token's action, or for another that is named and begins later."""
    own = origin_of(context.action)
    is_own = action_code in ("", own.action_code) and idempotency_key in ("", own.idempotency_key)
    code = action_code or own.action_code
    with one_at_a_time(context):
        if not is_own:
            linking.check_needs_none(context.tenant, code)
        return starting.start_nonce(
            tenant=context.tenant,
            user=context.user,
            origin=own if is_own else Origin(None, code, idempotency_key),
            purpose=Purpose.AUTHENTICATE,
            context={NAMED: True},
            lifetime_seconds=settings.PROOF_FRESH_SECONDS,
        )


def check_begun_for(challenge: Challenge, action: Action) -> None:
    """A signature counts for the action that it was begun for; one that was begun for none, as apps of older SDKs do,
    for the action of the token that it comes with. Raises InvalidRequest.
    """
    another = challenge.action_id not in (None, action.pk)
    if challenge.context.get(NAMED):
        another |= challenge.action_code != action.action_code
        another |= challenge.idempotency_key not in ("", action.idempotency_key)
    if another:
        raise InvalidRequest("challengeId belongs to another action.")


def start_passkey_authentication(tenant: Tenant, context: ClientContext | None, challenge_id: str | None) -> Ceremony:
    """Options for a known user's passkeys, or for any discoverable one."""
    if context:
        with one_at_a_time(context):
            check_permitted(context.action, M.PASSKEY)
            challenge = starting.start_nonce(
                tenant=tenant, user=context.user, origin=origin_of(context.action), purpose=Purpose.AUTHENTICATE
            )
    elif challenge_id:
        challenge = _begun(tenant, challenge_id)
    else:
        challenge = begin_by_client(tenant, action_code="", idempotency_key="")
    return _authentication(tenant, challenge, context.user if context else None)


def _begun(tenant: Tenant, challenge_id: str) -> Challenge:
    challenge = challenges.by_id(tenant, challenge_id)
    if not _waits_for_anybody(challenge):
        raise InvalidRequest("challengeId names no open challenge. Begin a new one.")
    return challenge


def is_begun(tenant: Tenant, challenge_id: str) -> bool:
    """Whether a challenge of this tenant that began before anybody was known still waits for an answer."""
    found = Challenge.objects.filter(tenant=tenant, pk=challenge_id).first()
    return found is not None and _waits_for_anybody(found)


def _waits_for_anybody(challenge: Challenge) -> bool:
    return challenge.user_id is None and challenge.nonce is not None and challenge.is_open(clock.now())


def verify_passkey(
    tenant: Tenant,
    context: ClientContext | None,
    *,
    challenge_id: str,
    credential: Any,
    seen: Mapping[str, str],
) -> Verified:
    """Judge an assertion. Without a token the credential tells who the user is, and the rules run then.

    `seen` is what the rules may know of the caller: deviceId, and the ipAddress and userAgent of this very request.
    """
    challenge = challenges.by_id(tenant, challenge_id)
    if challenge.method != M.PASSKEY or challenge.purpose != Purpose.AUTHENTICATE:
        raise InvalidRequest("challengeId belongs to another step.")
    if challenge.user_id is None:
        return _sign_in(tenant, challenge, credential, seen)
    if context is None or challenge.action_id != context.action.pk:
        raise InvalidRequest("challengeId belongs to another action.")
    with one_at_a_time(context):
        return finish(context, M.PASSKEY, challenge, credential)


def _sign_in(tenant: Tenant, challenge: Challenge, credential: Any, seen: Mapping[str, str]) -> Verified:
    """The user is known only now: their action begins with the rules' decision, and the proof may then count.

    Where the rules refuse, or do not permit a passkey, that is stored, the challenge is used up, and InvalidRequest or
    InvalidConfiguration is raised.
    """
    check_active(tenant, M.PASSKEY)
    with transaction.atomic():
        owner = passkey.owner(tenant, credential)
        if owner:
            owner.lock()
        attempt = challenges.finish(tenant=tenant, user=None, method=M.PASSKEY, challenge=challenge, answer=credential)
        if attempt.proof is None or attempt.proof.authenticator is None:
            return Verified(None, attempt.failure)
        action = begin_action(challenge, attempt.proof.authenticator.user, seen)
        counts = action.state not in states.CLOSED_TO_PROOF and M.PASSKEY in permitted(action)
        verified = accepted(action, attempt, may_adopt=False) if counts else Verified(None)
    check_open(action)
    if not counts:
        raise InvalidConfiguration(f"{M.PASSKEY} is not permitted for this action.")
    return verified


def begin_action(challenge: Challenge, user: EndUser, seen: Mapping[str, Any]) -> Action:
    attributes = dict(seen)
    if challenge.idempotency_key:
        attributes["idempotencyKey"] = challenge.idempotency_key
    action = joining.join(
        tenant=challenge.tenant,
        user_id=user.user_id,
        action_code=challenge.action_code,
        attributes=attributes,
        actor=log.user(user.pseudonym),
        # What it is bound to, and its page may have shown, was written before anybody's language was known.
        in_default_text=bool(challenge.transaction_hash),
    )
    Challenge.objects.filter(pk=challenge.pk).update(user=user, action_id=action.pk)
    return action


# -- security keys -------------------------------------------------------------------------------


def start_security_key_registration(context: ClientContext, *, user_agent: str) -> Ceremony:
    """Options for registering a security key; an earlier attempt that waits is dropped."""
    with one_at_a_time(context):
        check_may_enrol(context, M.SECURITY_KEY)
        name = account_name(context)
        remembered = {"username": context.user.username or "", "userAgent": user_agent}
        challenge = _only_one(context, Purpose.ENROL, remembered)
        return _registration(context, challenge, user_name=name, display_name="", attachment="cross-platform")


def start_security_key_authentication(context: ClientContext) -> Ceremony:
    """Options for the user's security keys; an earlier attempt that waits is dropped. Raises InvalidRequest."""
    with one_at_a_time(context):
        check_permitted(context.action, M.SECURITY_KEY)
        if not credentials.of_user(context.user, M.SECURITY_KEY):
            raise InvalidRequest("The user has no SECURITY_KEY authenticator.")
        return _authentication(context.tenant, _only_one(context, Purpose.AUTHENTICATE, {}), context.user)


def _only_one(context: ClientContext, purpose: Challenge.Purpose, remembered: dict[str, Any]) -> Challenge:
    earlier = challenges.of_action(context.tenant, context.action.pk, M.SECURITY_KEY)
    challenges.withdraw(earlier.filter(purpose=purpose))
    return starting.start_nonce(
        tenant=context.tenant,
        user=context.user,
        origin=origin_of(context.action),
        purpose=purpose,
        method=M.SECURITY_KEY,
        context=remembered,
    )


def finish_security_key(context: ClientContext, purpose: Challenge.Purpose, credential: Any) -> Verified:
    """Judge what a security key made or signed for this action's open challenge of this very ceremony."""
    with one_at_a_time(context):
        return finish(context, M.SECURITY_KEY, _answered(context, purpose, credential), credential)


def _answered(context: ClientContext, purpose: Challenge.Purpose, credential: Any) -> Challenge | None:
    """The challenge that the client data names, which proves nothing yet; None where it is not this action's."""
    try:
        nonce = webauthn.challenge_of(credential)
    except webauthn.WebAuthnError:
        return None
    named = challenges.by_nonce(context.tenant, context.action.pk, M.SECURITY_KEY, nonce)
    return named.filter(purpose=purpose).first()
