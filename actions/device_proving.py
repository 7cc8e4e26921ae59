"""How a user proves themselves with an app on their device: push, QR code, in the app.

The device has no token and signs; the page that waits for it is `device_waiting`'s. Each transaction locks in the order
user, guess count, challenge, authenticator.
"""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import Q

from actions import ceremonies, device_waiting, linking, proofs, proving, states
from actions.client_auth import ClientContext
from actions.models import Action
from actions.verifying import Verified
from authenticators import available, challenges, device_challenges, device_credentials, device_keys, news
from authenticators.app_attestation import examining
from authenticators.challenges import Attempt
from authenticators.device_credentials import Device
from authenticators.device_keys import Signed
from authenticators.methods import push
from authenticators.models import Authenticator, Challenge, EndUser
from authsignal_portal import clock
from authsignal_portal.errors import InvalidRequest, RefusedCredential
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS, VerificationMethod

Purpose = Challenge.Purpose
M = VerificationMethod


# -- enrolling -----------------------------------------------------------------------------------


def enrol(context: ClientContext, methods: Sequence[VerificationMethod], device: Device) -> Authenticator:
    """Enrol the device for these methods, all or none; returns the credential of the first.

    Raises InvalidRequest where its key is another user's, what `check_may_enrol` raises, and what `check_attested`
    raises where only attested apps enrol.
    """
    with transaction.atomic():
        known = device_credentials.hold(context.user, device.public_key)
        context.lock()
        for method in methods:
            proving.check_may_enrol(context, method, adds=method not in known)
        standing = examining.examine(
            context.user,
            device.attestation,
            platform=device.platform,
            public_key=device.public_key,
            idempotency_key=context.token.idempotency_key,
            now=clock.now(),
        )
        new = [method for method in methods if method not in known]
        rows = [
            device_credentials.enrol(
                context.user,
                method,
                device,
                standing=standing,
                action_id=context.action.pk,
                # One device is one thing that happened, whatever it is for.
                tells=method in new[:1],
            )
            for method in methods
        ]
    return rows[0]


def enrollable(context: ClientContext) -> list[VerificationMethod]:
    """For apps from before the methods were told apart: all that the tenant uses."""
    active = available.active_methods(context.tenant)
    return [method for method in DEVICE_METHODS if method in active] or [M.PUSH]


# -- the device ----------------------------------------------------------------------------------


def credential(tenant: Tenant, method: VerificationMethod, public_key: bytes) -> Authenticator:
    """Raises RefusedCredential."""
    row = device_credentials.find(tenant, method, public_key)
    if row is None:
        raise RefusedCredential
    return row


def answer(challenge_id: str, signed: Signed) -> Attempt:
    """The device approves or declines. Raises InvalidRequest, InvalidConfiguration; a wrong answer is an Attempt."""
    device = signed.credential
    method = VerificationMethod(device.method)
    with transaction.atomic():
        device.user.lock(gone=RefusedCredential())
        challenge = device_waiting.named(device.tenant, method, challenge_id)
        action = _action_of(challenge, device.user)
        proofs.check_permitted(action, method)
        _check_numbered(challenge, signed)
        attempt = challenges.finish(
            tenant=device.tenant, user=device.user, method=method, challenge=challenge, answer=signed
        )
        _follow(action, attempt, challenge)
        news.owed(challenge)
    return attempt


def _action_of(challenge: Challenge, user: EndUser) -> Action:
    """The challenge's action, if both are this user's. Raises InvalidRequest."""
    rows = Action.objects.select_related("user", "tenant", "facts").filter(pk__in=[challenge.action_id], user=user)
    action = rows.first() if challenge.user_id == user.pk else None
    if action is None:
        raise InvalidRequest("challengeId names no challenge.")
    return action


def _check_numbered(challenge: Challenge, signed: Signed) -> None:
    """An app that does not ask for the page's number is told so, and nobody is charged with a guess. To the mobile SDKs
    any 200 is a success, so that it would show an approval that was none. Raises InvalidRequest.
    """
    is_asked = challenge.method == M.PUSH and push.number_of(challenge) and challenge.is_open(clock.now())
    if is_asked and signed.approved and not signed.number:
        raise InvalidRequest("verificationCode is the number on the page.")


def _follow(action: Action, attempt: Attempt, challenge: Challenge) -> None:
    """What an answer leads to, in the transaction that judged it."""
    if attempt.proof:
        proofs.record(action, action.facts, attempt.proof, may_enrol=False)
        return
    proofs.refused(action.pk)
    if attempt.declined:
        proofs.declined(action, VerificationMethod(challenge.method))
    device_challenges.end_when_exhausted(challenge)


def claim(
    challenge_id: str, device: Authenticator, signature: str, *, by_link: bool = False
) -> tuple[Challenge, Action]:
    """The device has scanned a QR code. Where nobody was known before, the user's action begins, as the rules decide.

    Raises InvalidRequest: not signed, not open, scanned by another device, for another transaction than the action's,
    or refused by the rules, which is stored; or a code without a user that came as a link: anybody who knows the
    tenant's id can begin one and send it around.
    """
    device_keys.check_signed(device, signature, [challenge_id])
    with transaction.atomic():
        device.user.lock(gone=RefusedCredential())
        challenge = _locked(device.tenant, challenge_id)
        now = clock.now()
        if challenge.user_id not in (None, device.user_id):
            raise InvalidRequest("challengeId names no challenge.")
        if by_link and challenge.user_id is None:
            raise InvalidRequest("Scan this code in the app.")
        if not challenge.is_open(now) or challenge.authenticator_id not in (None, device.pk):
            raise InvalidRequest("This code was scanned already, or is too old. Scan the one that is shown now.")
        action = _claimed_action(challenge, device)
        linking.check_same(action.facts, challenge.transaction_hash)
        if challenge.authenticator_id is None and not device_challenges.claim(
            challenge, device, proving.origin_of(action), now
        ):
            raise InvalidRequest("This code was scanned already. Scan the one that is shown now.")
        if action.state in states.CLOSED_TO_PROOF or M.QR_CODE not in proofs.permitted(action):
            Challenge.objects.filter(pk=challenge.pk, verified_at=None).update(failed_at=now)
        news.owed(challenge)
    proofs.check_permitted(action, M.QR_CODE)
    return challenge, action


def _locked(tenant: Tenant, challenge_id: str) -> Challenge:
    rows = Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user")
    found = rows.filter(pk=challenge_id, tenant=tenant, method=M.QR_CODE, purpose=Purpose.AUTHENTICATE).first()
    if found is None:
        raise InvalidRequest("challengeId names no challenge.")
    return found


def _claimed_action(challenge: Challenge, device: Authenticator) -> Action:
    if challenge.action_id:
        return _action_of(challenge, device.user)
    return ceremonies.begin_action(challenge, device.user, {k: v for k, v in challenge.context.items() if v})


def verify_in_app(
    tenant: Tenant, context: ClientContext | None, *, challenge_id: str, signed: Signed, seen: Mapping[str, str]
) -> Verified:
    """Judge a signature over a challenge that was begun before anybody was known. With a token it counts for that
    token's action; without, the credential tells who the user is, and the rules run now.

    Raises InvalidRequest, InvalidConfiguration, RefusedCredential.
    """
    device = signed.credential
    if context and device.user_id != context.user.pk:
        raise RefusedCredential
    proofs.check_active(tenant, M.IN_APP)
    with transaction.atomic():
        device.user.lock(gone=RefusedCredential())
        if context:
            proofs.check_permitted(context.action, M.IN_APP)
        challenge = _taken(tenant, challenge_id, device.user)
        if context:
            ceremonies.check_begun_for(challenge, context.action)
        attempt = challenges.finish(
            tenant=tenant, user=device.user, method=M.IN_APP, challenge=challenge, answer=signed
        )
        if attempt.proof is None:
            return Verified(None, attempt.failure)
        action = _proved_action(context, challenge, device, seen)
        if action.state in states.CLOSED_TO_PROOF or M.IN_APP not in proofs.permitted(action):
            token = None
        else:
            proofs.record(action, action.facts, attempt.proof, may_enrol=False)
            token = proofs.access_token(action, now=clock.now())
    if token is None:
        proofs.check_permitted(action, M.IN_APP)
    return Verified(token, authenticator=attempt.proof.authenticator, user=action.user)


def _taken(tenant: Tenant, challenge_id: str, user: EndUser) -> Challenge:
    """A challenge that was begun for whatever method comes becomes one of this method, while nobody has used it."""
    begun = Challenge.objects.filter(pk=challenge_id, tenant=tenant, purpose=Purpose.AUTHENTICATE)
    begun = begun.filter(Q(user=None) | Q(user=user))
    waiting = begun.filter(method=M.PASSKEY, verified_at=None, failed_at=None).exclude(nonce=None)
    waiting.filter(Q(user=None) | Q(**{f"context__{ceremonies.NAMED}": True})).update(method=M.IN_APP)
    challenge = begun.filter(method=M.IN_APP).select_related("tenant", "user").first()
    if challenge is None:
        raise InvalidRequest("challengeId names no open challenge. Begin a new one.")
    return challenge


def _proved_action(
    context: ClientContext | None, challenge: Challenge, device: Authenticator, seen: Mapping[str, str]
) -> Action:
    if context is None:
        return ceremonies.begin_action(challenge, device.user, seen)
    Challenge.objects.filter(pk=challenge.pk).update(user=context.user, action_id=context.action.pk)
    return context.action


# -- what the device is told ---------------------------------------------------------------------


def action_of(challenge: Challenge) -> Action:
    """What a push is about. Raises InvalidRequest when it is gone."""
    assert challenge.user is not None
    return _action_of(challenge, challenge.user)
