"""What a hosted page shows of an action: its state, what can prove it, what can be added, where to go after."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import phonenumbers
from django.conf import settings

from actions import (
    app_enrolment,
    devices,
    leaving,
    linking,
    own_codes,
    own_methods,
    passkey_offer,
    proofs,
    proving,
    states,
)
from actions.client_auth import ClientContext
from authenticators import available, contact, credentials, enrolment, handed_over, locks, several
from authenticators.enrolment import CONTACT_FIELD
from authenticators.guesses import Lock
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser, Message
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import (
    ID_TOKENS,
    IDENTITY_CHECKS,
    ActionState,
    Scope,
    TokenPurpose,
    VerificationMethod,
)
from authsignal_portal.wire import iso, present

M = VerificationMethod
# Recovery codes come with the first method that is enrolled; they are not chosen.
ENROLLABLE = (
    M.PASSKEY,
    M.SECURITY_KEY,
    M.AUTHENTICATOR_APP,
    M.EMAIL_OTP,
    M.EMAIL_MAGIC_LINK,
    M.SMS,
    M.WHATSAPP,
    *ID_TOKENS,
    *IDENTITY_CHECKS,
)
# Of several of one method.
LABELS_SHOWN = 3


def describe(context: ClientContext, token: str, *, agent: str = "") -> dict[str, Any]:
    """The page's whole view of an action, as JSON. `expiresIn` is in seconds, `now` in milliseconds.

    `agent`: the browser's user agent, where that matters.
    """
    user, facts, tenant = context.user, context.facts, context.tenant
    enrolled = available.enrolled(user)
    is_new = available.is_new(user, enrolled)
    codes, permitted = own_codes.told(context, is_enrolled=bool(enrolled)), may_enrol(context, is_new=is_new)
    enrollable = _enrollable(context, enrolled, permitted, is_new=is_new)
    possible = {one["method"] for one in enrollable}
    prompt = passkey_offer.prompt(context, enrolled, possible=possible, agent=agent)
    return present(
        {
            "state": context.action.state,
            "isEnrolled": bool(enrolled),
            "isNew": is_new,
            "canEnrol": bool(permitted),
            "expiresIn": int((context.token.expires_at - context.now).total_seconds()),
            "message": (shown := linking.transaction_shown(context.action)).text or None,
            "isLinked": shown.is_linked,
            "remember": _remember(context),
            "seesDevices": context.may(Scope.UPDATE),
            "methods": _methods(context, enrolled, is_new=is_new, has_codes=bool(codes.get("remaining"))),
            "enrollable": enrollable,
            "prompt": prompt or None,
            "passkeys": _passkeys(context),
            "enrolledCount": user.authenticators.exclude(verified_at=None).count(),
            "recoveryCodes": codes,
            "settings": facts.redirect_to_settings,
            "vouched": is_vouched(context),
            "now": int(context.now.timestamp() * 1000),
            "hideSuccess": tenant.hide_success_screen_on_enrollment,
            "returnUrl": leaving.return_url(tenant, facts, token),
            # The same without the token: what a page may keep.
            "backUrl": leaving.checked_target(tenant, facts),
            "resendWait": settings.RESEND_WAIT_SECONDS,
            "sent": _sent(context) or None,
        }
    )


def _sent(context: ClientContext) -> dict[str, bool]:
    """By method, and by `METHOD:id` of the authenticator that it went to, of what waits for an answer here: whether its
    message could be sent. Of one method the newest is waited for. A code for another action is not among these."""
    rows = Challenge.objects.filter(tenant=context.tenant, action_id=context.action.pk).exclude(last_sent_at=None)
    still_open = rows.filter(verified_at=None, failed_at=None, expires_at__gt=context.now)
    messages = Message.objects.filter(challenge__in=still_open).select_related("challenge")
    told: dict[str, dict[str, bool]] = {}
    for one in messages.order_by("challenge__created_at", "created_at"):
        if challenge := one.challenge:
            one_of = challenge.authenticator_id
            names = (challenge.method, *([f"{challenge.method}:{one_of}"] if one_of else []))
            told[challenge.method] = dict.fromkeys(names, not handed_over.is_refused(one))
    return {name: was_sent for names in told.values() for name, was_sent in names.items()}


def _remember(context: ClientContext) -> int | None:
    """For how many days this device may be remembered now."""
    may = devices.may_remember(context.action, context.facts, now=context.now)
    return context.tenant.remember_device_days if may else None


def is_vouched(context: ClientContext) -> bool:
    """Whether the settings need no proof first: the customer's backend says that this is the user."""
    scopes = {Scope.ADD, Scope.UPDATE, Scope.REMOVE}
    is_track = context.token.purpose == TokenPurpose.TRACK
    return context.facts.redirect_to_settings and is_track and not scopes.isdisjoint(context.token.scopes)


def may_enrol(context: ClientContext, *, is_new: bool) -> list[VerificationMethod]:
    """By what the user may enrol now, as the Client API judges it; here only so that nothing is offered which it would
    refuse."""
    if context.action.state in states.CLOSED_TO_PROOF:
        return []
    if is_new and not context.tenant.first_enrolment_needs_scope:
        return list(M)
    # Asked once for all methods.
    held = [scope for scope in (Scope.ADD, Scope.UPDATE) if context.may(scope)]
    return [method for method in M if enrolment.is_granted(context.user, method, held.__contains__)]


def _methods(
    context: ClientContext, enrolled: list[VerificationMethod], *, is_new: bool, has_codes: bool
) -> list[dict[str, Any]]:
    """What can prove this action: permitted and enrolled; of who is new, an address on file.

    Recovery codes outlive what they were made for.
    """
    user, permitted = context.user, proofs.permitted(context.action)
    reached = several.reached(user, CONTACT_FIELD) if enrolled else {}
    targets, labels = _targets(user, reached, is_new=is_new), _labels(user) if enrolled else {}
    usable = proving.challengeable(user, enrolled, is_new=is_new)
    usable += [M.RECOVERY_CODE] if has_codes and not is_new else []
    first, providers = context.facts.default_method, own_methods.provider_names(user.tenant)
    closed = _closed(context, Challenge.Purpose.AUTHENTICATE)
    return [
        present(
            {
                "method": method,
                "target": targets.get(method),
                "name": providers.get(method),
                "label": labels.get(method),
                "isDefault": method == first and at == 0,
                **one,
                **closed.get(method, {}),
            }
        )
        for method in usable
        if method in permitted
        for at, one in enumerate(_each(reached.get(method, [])))
    ]


def _each(rows: list[Authenticator]) -> list[dict[str, Any]]:
    """What tells one from another, where the user has several and chooses; nothing of a single one."""
    if len(rows) <= 1:
        return [{}]
    masks = [contact.mask(row.contact) for row in rows]
    return [
        {
            "id": str(row.pk),
            "target": mask,
            "label": row.label or None,
            # Two may look alike.
            "addedAt": iso(row.created_at) if masks.count(mask) > 1 and not row.label else None,
        }
        for row, mask in zip(rows, masks, strict=True)
    ]


def _labels(user: EndUser) -> dict[str, str]:
    """By method, what its user calls what can prove it; where a code goes to one of several, that one's."""
    rows = reversed(several.in_order(user.authenticators.filter(Authenticator.usable())))
    labels: dict[str, list[str]] = {}
    for row in rows:
        known = [] if row.method in CONTACT_FIELD else labels.get(row.method, [])
        labels[row.method] = [row.label, *known] if row.label else known
    return {method: ", ".join(known[:LABELS_SHOWN]) for method, known in labels.items() if known}


def _closed(context: ClientContext, purpose: str) -> dict[str, dict[str, Any]]:
    """By method, after too many wrong answers: `lockedUntil`, in milliseconds, or that it is `disabled`."""
    found = locks.closed(context.user, context.action.pk, purpose=purpose, now=context.now)
    return {method: _told(lock) for method, lock in found.items()}


def _told(lock: Lock) -> dict[str, Any]:
    return {"lockedUntil": int(lock.until.timestamp() * 1000)} if lock.until else {"disabled": True}


def contacts_of(user: EndUser, enrolled: list[VerificationMethod], *, is_new: bool) -> Mapping[Any, str]:
    """Where a code can be sent, masked, by method; of who is new, the addresses on file."""
    return _targets(user, several.reached(user, CONTACT_FIELD) if enrolled else {}, is_new=is_new)


def _targets(user: EndUser, reached: Mapping[str, list[Authenticator]], *, is_new: bool) -> Mapping[Any, str]:
    if is_new:
        return {method: contact.mask(address) for method, address in proving.on_file(user).items()}
    return {method: contact.mask(rows[0].contact) for method, rows in reached.items()}


def _enrollable(
    context: ClientContext,
    enrolled: list[VerificationMethod],
    permitted: list[VerificationMethod],
    *,
    is_new: bool,
) -> list[dict[str, Any]]:
    """What the user may set up here, or may after a proof. While the action waits for one, only what would count."""
    rows = {row.method: row for row in AuthenticatorConfiguration.objects.filter(tenant=context.tenant)}
    waiting = context.action.state == ActionState.CHALLENGE_REQUIRED
    locked = {method for method, row in rows.items() if not row.is_editable_by_user}
    active = available.active_methods(context.tenant)
    on_file, held = _on_file(context, permitted, is_new=is_new)
    offered = permitted or list(M)
    providers, closed = own_methods.provider_names(context.tenant), _closed(context, Challenge.Purpose.ENROL)
    return [
        present(
            {
                "method": method,
                "target": on_file.get(method),
                "name": providers.get(method),
                "editable": method not in locked,
                "replaces": method in enrolled and not several.are_allowed(context.user, method),
                "showsDownload": (method in rows and rows[method].shows_app_download) or None,
                **closed.get(method, {}),
            }
        )
        for method in ENROLLABLE
        if method in active
        and method in offered
        and not (method in rows and rows[method].is_hidden_to_user)
        and not (method in rows and not available.can_recover(context.user, rows[method]))
        and (method in context.facts.allowed_methods or not waiting)
        and not (method in held and method in locked)
        and (method not in enrolled or several.has_room(context.user, method))
    ] + _web_app(context, offered)


def _on_file(
    context: ClientContext, permitted: list[VerificationMethod], *, is_new: bool
) -> tuple[dict[VerificationMethod, str], set[VerificationMethod]]:
    """Addresses on file that can be enrolled here, masked; and the methods by which the one on file is enrolled by now.

    An enrolled user is told of none before they may add to what they have.
    """
    user = context.user
    if not is_new and not permitted:
        return {}, set()
    rows = user.authenticators.filter(method__in=CONTACT_FIELD).exclude(verified_at=None).select_related("tenant")
    known = enrolment.addresses(user)
    held = {M(row.method) for row in rows if _is_known(row, known.get(M(row.method)))}
    return {method: contact.mask(to) for method, to in proving.on_file(user).items() if method not in held}, held


def _is_known(row: Authenticator, on_file: str | None) -> bool:
    return on_file is not None and contact.normal(on_file) == contact.normal(row.contact)


def _web_app(context: ClientContext, permitted: list[VerificationMethod]) -> list[dict[str, Any]]:
    """One entry, whatever the app is used for: by the first of it that can prove this action."""
    offered = [method for method in app_enrolment.offered(context) if method in permitted]
    proving = [method for method in offered if method in context.facts.allowed_methods]
    return [{"method": method, "editable": True, "replaces": False} for method in (proving or offered)[:1]]


def _passkeys(context: ClientContext) -> dict[str, Any] | None:
    """What the browser's password manager may keep of this user; told to nobody who has not proved to be them."""
    if not context.has_fresh_proof:
        return None
    rows = credentials.of_user(context.user, M.PASSKEY)
    return {
        "rpId": context.tenant.relying_party_id,
        "userId": credentials.encoded_id(credentials.handle_of(context.user, M.PASSKEY)),
        "credentialIds": [row.credential_id for row in rows],
    }


# -- telephone -----------------------------------------------------------------------------------


def countries(tenant: Tenant) -> list[tuple[str, int, str]]:
    """(region, calling code, national trunk prefix) of every country that gets SMS; of those that share a code the one
    that it is the code of comes first."""
    return [country for country in _all_countries() if country[0] not in tenant.refused_sms_countries]


@lru_cache(maxsize=1)
def _all_countries() -> list[tuple[str, int, str]]:
    found = [
        (
            region,
            phonenumbers.country_code_for_region(region),
            phonenumbers.ndd_prefix_for_region(region, True) or "",
        )
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    ]
    return sorted(found, key=lambda one: phonenumbers.region_code_for_country_code(one[1]) != one[0])
