"""Enrolling an app by a QR code: a hosted page invites it, and it calls the mobile endpoint with the invitation.

An invitation is a bearer token for that one call. The app is judged as the token's holder would be, at that moment:
a further authenticator needs the backend's word or a fresh proof.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from actions import device_proving, proving
from actions.client_auth import ClientContext
from actions.models import Action
from authenticators import app_invitations, available
from authenticators.device_credentials import Device
from authenticators.models import AppInvitation, Authenticator, AuthenticatorConfiguration, EndUser
from authsignal_portal import clock, limits
from authsignal_portal.api import mark_tenant
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import ExpiredToken, InvalidConfiguration
from authsignal_portal.models import Tenant
from authsignal_portal.tokens import ClientToken
from authsignal_portal.vocabulary import ActionState, TokenPurpose, VerificationMethod

# `Authorization: Bearer app.<tenant id>.<code>`
SCHEME = "app"


@dataclass(frozen=True, slots=True)
class InvitedContext(ClientContext):
    """What the invitation's token may do, as far as enrolling goes."""

    invitation: AppInvitation


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation as the page shows it. `link` opens the app on this server with the code in its fragment."""

    row: AppInvitation
    code: str
    link: str


# -- inviting ------------------------------------------------------------------------------------


def offered(context: ClientContext) -> list[VerificationMethod]:
    """What the web app would be enrolled for. While the action waits for a proof, only if it could be one."""
    waiting = context.action.state == ActionState.CHALLENGE_REQUIRED
    methods = _allowed(context.user)
    proves = any(method in context.facts.allowed_methods for method in methods)
    return methods if proves or not waiting else []


def _allowed(user: EndUser) -> list[VerificationMethod]:
    return [
        method
        for method in available.web_app_methods(user.tenant)
        if available.can_recover(user, AuthenticatorConfiguration.of(user.tenant, method))
    ]


def invite(context: ClientContext) -> Invited:
    """Raises Forbidden, InvalidConfiguration, InvalidRequest, ExpiredToken."""
    with proving.one_at_a_time(context):
        methods = offered(context)
        if not methods:
            raise InvalidConfiguration("The web app is not offered for enrolment.")
        for method in methods:
            # Whether there is room is judged when its key is known: it may be one that is there already.
            proving.check_may_enrol(context, method, adds=False)
        row, code = app_invitations.issue(context.user, context.action.pk, context.token)
    return Invited(row, app_invitations.grouped(code), app_link(context.tenant, f"enrol={code}"))


def app_link(tenant: Tenant, fragment: str) -> str:
    """Into the web app; what follows # is sent to no server and stands in no log."""
    return f"{settings.PUBLIC_URL}/app/{tenant.pk}/#{fragment}"


def scannable(user: EndUser, challenge_id: str) -> str:
    """What a QR code challenge shows: its id, as the SDKs read it; a link where all that can answer is the web app."""
    if available.only_web_apps(user, VerificationMethod.QR_CODE):
        return app_link(user.tenant, f"scan={challenge_id}")
    return challenge_id


# -- enrolling -----------------------------------------------------------------------------------


class InvitedApp(BaseAuthentication):
    """An invitation as bearer token of a POST; where there is none the next class decides.

    `request.auth` is its context.
    """

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authenticate(self, request: Request) -> tuple[None, InvitedContext] | None:
        kind, _space, text = request._request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        scheme, _dot, rest = text.strip().partition(".")
        if request.method != "POST" or kind.lower() != "bearer" or scheme != SCHEME:
            return None
        limits.requests_by_address(client_ip(request._request))
        tenant_id, _dot, code = rest.partition(".")
        try:
            tenant = Tenant.objects.filter(pk=UUID(tenant_id)).first()
        except ValueError:
            tenant = None
        invitation = app_invitations.find(tenant, code) if tenant else None
        if tenant is None or invitation is None:
            raise ExpiredToken
        mark_tenant(request, tenant)
        return None, _context(invitation)


def _context(invitation: AppInvitation) -> InvitedContext:
    rows = Action.objects.select_related("user__tenant", "tenant", "facts").annotate(clock=clock.Now())
    action = rows.filter(pk=invitation.action_id, tenant=invitation.tenant_id, user=invitation.user_id).first()
    if action is None:
        raise ExpiredToken
    token = ClientToken(
        tenant=action.tenant,
        user_id=action.user.user_id,
        action_id=action.pk,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        purpose=TokenPurpose(invitation.token_purpose),
        scopes=frozenset(invitation.token_scope.split()),
        issued_at=invitation.token_issued_at,
        expires_at=invitation.expires_at,
    )
    return InvitedContext(token, action, action.clock, invitation)


@transaction.atomic
def enrol(context: InvitedContext, device: Device) -> Authenticator:
    """For all that the web app is offered for, or nothing; the invitation is spent with it.

    Raises ExpiredToken when another app was faster, and what `device_proving.enrol` raises.
    """
    methods = _allowed(context.user)
    if not methods:
        raise InvalidConfiguration("The web app is not offered for enrolment.")
    row = device_proving.enrol(context, methods, device)
    # The user is locked by now, and stays so until this is decided.
    if not app_invitations.use(context.invitation, row):
        raise ExpiredToken
    return row
