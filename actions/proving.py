"""How a user proves themselves through the Client API, step by step.

Each function takes the caller's context; each transaction locks in the order user, guess count, challenge,
authenticator.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from actions import flow, linking, proofs, states
from actions.client_auth import ClientContext
from actions.models import Action
from audit import log
from authenticators import available, challenges, contact, enrolment, webauthn
from authenticators.challenges import Attempt, Origin
from authenticators.methods import passkey, totp
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal import clock
from authsignal_portal.errors import ExpiredToken, Forbidden, InvalidConfiguration, InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import FailureReason, Scope, VerificationMethod

Purpose = Challenge.Purpose
M = VerificationMethod


@dataclass(frozen=True, slots=True)
class Verified:
    """What the client is told. `enrolled` is the authenticator that this answer completed."""

    access_token: str | None
    failure: FailureReason | None = None
    authenticator: Authenticator | None = None
    enrolled: bool = False
    user: EndUser | None = None

    @property
    def is_verified(self) -> bool:
        return self.access_token is not None


@dataclass(frozen=True, slots=True)
class Started:
    """A pending enrolment and its challenge."""

    authenticator: Authenticator
    challenge: Challenge
    secret: str = ""
    uri: str = ""


@contextmanager
def _one_at_a_time(context: ClientContext) -> Iterator[None]:
    """A transaction that nothing else changes the user in. Raises ExpiredToken: a deleted user's tokens are dead."""
    with transaction.atomic():
        context.user.lock(gone=ExpiredToken())
        yield


def origin_of(action: Action) -> Origin:
    facts = action.facts
    linking.transaction_of(facts)
    return Origin(action.pk, action.action_code, action.idempotency_key, facts.transaction, facts.transaction_hash)


def check_active(tenant: Tenant, method: VerificationMethod) -> None:
    if method not in available.active_methods(tenant):
        raise InvalidConfiguration(f"{method} is not active for this tenant.")


def check_permitted(context: ClientContext, method: VerificationMethod) -> None:
    proofs.check_open(context.action)
    if method not in context.facts.allowed_methods:
        raise InvalidConfiguration(f"{method} is not permitted for this action.")


def check_may_enrol(context: ClientContext, method: VerificationMethod) -> None:
    """A first authenticator needs no proof; a further one needs the backend's word or a fresh proof."""
    proofs.check_open(context.action)
    check_active(context.tenant, method)
    if available.enrolled(context.user):
        if not context.may(Scope.ADD):
            raise Forbidden("Adding an authenticator needs a completed challenge, or the scope add:authenticators.")
    elif context.tenant.first_enrolment_needs_scope and not context.may(Scope.ADD):
        raise Forbidden("A first authenticator needs the scope add:authenticators here.")
    if _configuration(context.tenant, method).is_hidden_to_user:
        raise InvalidConfiguration(f"{method} is not offered for enrolment.")


def _configuration(tenant: Tenant, method: VerificationMethod) -> AuthenticatorConfiguration:
    rows = AuthenticatorConfiguration.objects.filter(tenant=tenant, method=method)
    return rows.first() or AuthenticatorConfiguration(tenant=tenant, method=method)


def _check_address(context: ClientContext, method: VerificationMethod, to: str) -> None:
    """Where users may not change their address, only the one that the backend gave can be enrolled."""
    on_file = getattr(context.user, enrolment.CONTACT_FIELD[method])
    if on_file is None or _configuration(context.tenant, method).is_editable_by_user:
        return
    if contact.index(context.tenant.pk, to) != contact.index(context.tenant.pk, on_file):
        raise Forbidden("This address cannot be changed here.")


# -- codes by email and SMS ----------------------------------------------------------------------


def start_code(context: ClientContext, method: VerificationMethod) -> Challenge:
    """Send a code to the enrolled address; with nothing enrolled at all, to the address on file."""
    with _one_at_a_time(context):
        check_permitted(context, method)
        authenticator = _enrolled_by(context.user, method)
        to = authenticator.contact if authenticator else _address_on_file(context.user, method)
        return challenges.start_code(
            tenant=context.tenant,
            user=context.user,
            method=method,
            to=to,
            origin=origin_of(context.action),
            authenticator=authenticator,
            locale=context.facts.locale or context.user.locale,
        )


def _enrolled_by(user: EndUser, method: VerificationMethod) -> Authenticator | None:
    rows = user.authenticators.filter(method=method).exclude(verified_at=None).select_related("tenant")
    return rows.order_by("-is_default", "created_at").first()


def _address_on_file(user: EndUser, method: VerificationMethod) -> str:
    address = getattr(user, enrolment.CONTACT_FIELD[method])
    if address is None or available.enrolled(user):
        raise InvalidRequest(f"The user has no {method} authenticator.")
    return str(address)


def enrol_code(context: ClientContext, method: VerificationMethod, to: str) -> Started:
    """A pending address, to which the first code is sent."""
    with _one_at_a_time(context):
        check_may_enrol(context, method)
        to = contact.clean_email(to) if method == M.EMAIL_OTP else contact.clean_phone(to)
        _check_address(context, method, to)
        pending = enrolment.begin(context.user, method, to=to)
        challenge = challenges.start_code(
            tenant=context.tenant,
            user=context.user,
            method=method,
            to=to,
            origin=origin_of(context.action),
            purpose=Purpose.ENROL,
            authenticator=pending,
            locale=context.facts.locale or context.user.locale,
        )
        return Started(pending, challenge)


def verify_code(context: ClientContext, method: VerificationMethod, answer: Any) -> Verified:
    """Judge the answer to the action's newest challenge by this method."""
    with _one_at_a_time(context):
        challenge = challenges.of_action(context.tenant, context.action.pk, method).first()
        return _finish(context, method, challenge, answer)


# -- authenticator app ---------------------------------------------------------------------------


def enrol_totp(context: ClientContext) -> Started:
    """A pending authenticator app with a fresh secret; one that was pending is replaced."""
    with _one_at_a_time(context):
        check_may_enrol(context, M.AUTHENTICATOR_APP)
        secret = totp.new_secret()
        pending = enrolment.begin(context.user, M.AUTHENTICATOR_APP, secret=secret)
        challenge = challenges.start_silent(
            user=context.user,
            method=M.AUTHENTICATOR_APP,
            origin=origin_of(context.action),
            purpose=Purpose.ENROL,
            authenticator=pending,
        )
    user = context.user
    account = user.email or user.username or user.user_id
    return Started(pending, challenge, secret, totp.key_uri(secret=secret, issuer=context.tenant.name, account=account))


def verify_totp(context: ClientContext, answer: Any) -> Verified:
    """Judge a code from an authenticator app: one that is being enrolled, else the enrolled one."""
    with _one_at_a_time(context):
        return _finish(context, M.AUTHENTICATOR_APP, _silent(context, M.AUTHENTICATOR_APP), answer)


def verify_recovery_code(context: ClientContext, answer: Any) -> Verified:
    with _one_at_a_time(context):
        return _finish(context, M.RECOVERY_CODE, _silent(context, M.RECOVERY_CODE), answer)


def _silent(context: ClientContext, method: VerificationMethod) -> Challenge | None:
    """The open challenge of a method that sends nothing, or a new one."""
    newest = challenges.of_action(context.tenant, context.action.pk, method).first()
    if newest and newest.is_open(context.now):
        return newest
    authenticator = _enrolled_by(context.user, method)
    if authenticator is None and method == M.AUTHENTICATOR_APP:
        return None
    check_permitted(context, method)
    return challenges.start_silent(
        user=context.user,
        method=method,
        origin=origin_of(context.action),
        purpose=Purpose.AUTHENTICATE,
        authenticator=authenticator,
    )


def _finish(context: ClientContext, method: VerificationMethod, challenge: Challenge | None, answer: Any) -> Verified:
    """Judge, with the user locked: what was allowed when the challenge began need not be so any more."""
    if challenge and challenge.purpose == Purpose.AUTHENTICATE:
        check_permitted(context, method)
    if challenge and challenge.is_open(context.now):
        _check_authority(context, challenge)
    attempt = challenges.finish(
        tenant=context.tenant, user=context.user, method=method, challenge=challenge, answer=answer
    )
    if challenge and attempt.proof is None:
        proofs.refused(context.action.pk)
    return _accepted(context.action, attempt, may_adopt=_may_adopt(context, attempt))


def _may_adopt(context: ClientContext, attempt: Attempt) -> bool:
    """Whether a proved address becomes an authenticator: it must still be the one on file."""
    user, challenge = context.user, attempt.proof and attempt.proof.challenge
    still_on_file = challenge and challenge.contact_index in (user.email_index, user.phone_number_index)
    return bool(still_on_file) and (context.may(Scope.ADD) or not context.tenant.first_enrolment_needs_scope)


def _check_authority(context: ClientContext, challenge: Challenge) -> None:
    """Another method may have been enrolled since: then this one is not the user's first, nor its address enough."""
    if challenge.purpose == Purpose.ENROL:
        check_may_enrol(context, VerificationMethod(challenge.method))
        return
    if challenge.contact_sealed is None or challenge.authenticator_id is not None:
        return
    if available.enrolled(context.user) and not context.may(Scope.ADD):
        raise InvalidRequest(f"The user has no {challenge.method} authenticator.")


def _accepted(action: Action, attempt: Attempt, *, may_adopt: bool) -> Verified:
    """What a judged answer comes to; inside the transaction that judged it."""
    if attempt.proof is None:
        return Verified(None, attempt.failure)
    now = attempt.proof.challenge.verified_at
    assert now is not None
    proofs.record(action, action.facts, attempt.proof, may_enrol=may_adopt)
    token = proofs.access_token(action, now=now)
    return Verified(token, authenticator=attempt.proof.authenticator, enrolled=attempt.proof.enrolled, user=action.user)


# -- recovery codes ------------------------------------------------------------------------------


def new_recovery_codes(context: ClientContext) -> list[str]:
    """A fresh set, shown once; for an enrolled user with a fresh proof."""
    with _one_at_a_time(context):
        proofs.check_open(context.action)
        check_active(context.tenant, M.RECOVERY_CODE)
        if not available.enrolled(context.user):
            raise InvalidRequest("Recovery codes need an enrolled authenticator first.")
        if not context.may(Scope.UPDATE):
            raise Forbidden("Recovery codes need a completed challenge first.")
        return enrolment.new_recovery_codes(context.user, actor=log.user(context.user.pseudonym), now=context.now)


# -- passkeys ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ceremony:
    """WebAuthn options for the client, and the challenge they belong to."""

    challenge: Challenge
    options: dict[str, Any]


def start_passkey_registration(
    context: ClientContext,
    *,
    username: str,
    display_name: str,
    attachment: str | None,
    user_agent: str,
) -> Ceremony:
    user = context.user
    name = username or user.username or user.email or user.user_id
    with _one_at_a_time(context):
        check_may_enrol(context, M.PASSKEY)
        challenge = challenges.start_nonce(
            tenant=context.tenant,
            user=user,
            origin=origin_of(context.action),
            purpose=Purpose.ENROL,
            # An email address that stands in for a name is not kept: addresses rest sealed.
            context={
                "username": username or user.username or "",
                "userAgent": user_agent,
                "deviceId": context.facts.device_id,
            },
        )
    try:
        options = webauthn.registration_options(
            rp_id=context.tenant.relying_party_id,
            rp_name=context.tenant.name,
            user_handle=passkey.handle_of(user),
            user_name=name,
            user_display_name=display_name or user.display_name or name,
            exclude_credentials=passkey.descriptors(user),
            challenge=bytes(challenge.nonce or b""),
            authenticator_attachment=attachment,
            timeout_ms=settings.PASSKEY_CHALLENGE_SECONDS * 1000,
        )
    except webauthn.WebAuthnError as error:
        raise InvalidRequest(f"authenticatorAttachment: {error.detail}") from error
    return Ceremony(challenge, options)


def finish_passkey_registration(context: ClientContext, challenge_id: str, credential: Any) -> Verified:
    with _one_at_a_time(context):
        challenge = challenges.by_id(context.tenant, challenge_id)
        named = (challenge.action_id, challenge.method, challenge.purpose)
        if named != (context.action.pk, M.PASSKEY, Purpose.ENROL):
            raise InvalidRequest("challengeId belongs to another step.")
        return _finish(context, M.PASSKEY, challenge, credential)


@transaction.atomic
def begin_by_client(tenant: Tenant, *, action_code: str, idempotency_key: str) -> Challenge:
    """A challenge before the user is known; its action comes into being when they are."""
    linking.check_needs_none(tenant, action_code)
    return challenges.start_nonce(
        tenant=tenant,
        user=None,
        origin=Origin(None, action_code, idempotency_key),
        purpose=Purpose.AUTHENTICATE,
        lifetime_seconds=settings.PROOF_FRESH_SECONDS,
    )


def start_passkey_authentication(tenant: Tenant, context: ClientContext | None, challenge_id: str | None) -> Ceremony:
    """Options for a known user's passkeys, or for any discoverable one."""
    if context:
        with _one_at_a_time(context):
            check_permitted(context, M.PASSKEY)
            challenge = challenges.start_nonce(
                tenant=tenant, user=context.user, origin=origin_of(context.action), purpose=Purpose.AUTHENTICATE
            )
    elif challenge_id:
        challenge = _begun(tenant, challenge_id)
    else:
        challenge = begin_by_client(tenant, action_code=tenant.default_passkey_action, idempotency_key="")
    options = webauthn.authentication_options(
        rp_id=tenant.relying_party_id,
        challenge=bytes(challenge.nonce or b""),
        allow_credentials=passkey.descriptors(context.user) if context else [],
        user_verification="required",
        timeout_ms=settings.PASSKEY_CHALLENGE_SECONDS * 1000,
    )
    return Ceremony(challenge, options)


def _begun(tenant: Tenant, challenge_id: str) -> Challenge:
    challenge = challenges.by_id(tenant, challenge_id)
    if challenge.user_id or challenge.nonce is None or not challenge.is_open(clock.now()):
        raise InvalidRequest("challengeId names no open challenge. Begin a new one.")
    return challenge


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
    with _one_at_a_time(context):
        return _finish(context, M.PASSKEY, challenge, credential)


def _sign_in(tenant: Tenant, challenge: Challenge, credential: Any, seen: Mapping[str, str]) -> Verified:
    """The user is known only now: their action begins with the rules' decision, and the proof may then count.

    Where the rules refuse, that is stored, the challenge is used up, and InvalidRequest is raised.
    """
    check_active(tenant, M.PASSKEY)
    with transaction.atomic():
        owner = passkey.owner(tenant, credential)
        if owner:
            owner.lock()
        attempt = challenges.finish(tenant=tenant, user=None, method=M.PASSKEY, challenge=challenge, answer=credential)
        if attempt.proof is None or attempt.proof.authenticator is None:
            return Verified(None, attempt.failure)
        action = _begin_action(challenge, attempt.proof.authenticator.user, seen)
        is_open = action.state not in states.CLOSED_TO_PROOF
        verified = _accepted(action, attempt, may_adopt=False) if is_open else Verified(None)
    proofs.check_open(action)
    return verified


def _begin_action(challenge: Challenge, user: EndUser, seen: Mapping[str, str]) -> Action:
    attributes = dict(seen)
    if challenge.idempotency_key:
        attributes["idempotencyKey"] = challenge.idempotency_key
    action = flow.join(
        tenant=challenge.tenant,
        user_id=user.user_id,
        action_code=challenge.action_code,
        attributes=attributes,
        actor=log.user(user.pseudonym),
    )
    Challenge.objects.filter(pk=challenge.pk).update(user=user, action_id=action.pk)
    return action
