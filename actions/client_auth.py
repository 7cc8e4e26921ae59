"""Client API authentication: a bearer token that is bound to one action instance."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from actions import languages, one_browser, states
from actions.models import Action, ActionFacts
from authenticators import challenges
from authenticators.models import EndUser
from authsignal_portal import clock, limits, tokens
from authsignal_portal.api import mark_tenant
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import ExpiredToken
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState, Scope, TokenPurpose


@dataclass(frozen=True, slots=True)
class ClientContext:
    """Who calls, for which action instance, and since when they may."""

    token: tokens.ClientToken
    action: Action
    now: datetime
    # What the caller's page or browser speaks, where that is known.
    page_language: str = field(default="", kw_only=True)

    @property
    def language(self) -> str:
        return languages.language_of(self.facts, page=self.page_language)

    @property
    def tenant(self) -> Tenant:
        return self.action.tenant

    @property
    def user(self) -> EndUser:
        return self.action.user

    @property
    def facts(self) -> ActionFacts:
        return self.action.facts

    def lock(self) -> None:
        """Let all else that would change the user wait until the transaction ends, and see the action's state as it is
        then. Raises ExpiredToken: a deleted user's tokens are dead."""
        self.user.lock(gone=ExpiredToken())
        self.action.refresh_from_db(fields=["state", "state_updated_at", "decided_at"])

    @property
    def has_fresh_proof(self) -> bool:
        """Whether this action was proved in the last ten minutes; both its tokens share in it.

        Asked anew each time: it ends at once with the authenticator that it was proved with, or when the backend
        sets the action's state. A code to an address that is not the user's is none.
        """
        since = self.now - timedelta(seconds=settings.PROOF_FRESH_SECONDS)
        succeeded = self.action.state == ActionState.CHALLENGE_SUCCEEDED
        by_state = succeeded and self.action.state_updated_at >= since
        by_token = self.token.purpose == TokenPurpose.ACCESS and self.token.issued_at >= since
        proved = (by_state or by_token) and not self.is_closed and not self._is_overtaken
        return proved and challenges.stand(self.user, self.action.pk, since=self.action.counts_from(since))

    @property
    def _is_overtaken(self) -> bool:
        """Whether the token's proof is from before somebody set the state. Tokens tell whole seconds."""
        proved_at = self.token.issued_at + timedelta(seconds=1)
        return self.token.purpose == TokenPurpose.ACCESS and self.action.is_decided_since(proved_at)

    @property
    def is_closed(self) -> bool:
        """Whether somebody decided: then it is open to nothing that its tokens or its proofs would allow."""
        return self.action.state in states.CLOSED_TO_PROOF

    def may(self, scope: Scope) -> bool:
        """Whether the customer's backend granted the scope, or a fresh proof stands for it."""
        granted = self.token.purpose == TokenPurpose.TRACK and scope in self.token.scopes
        return (granted and not self.is_closed) or self.has_fresh_proof


def read_context(text: object, *, page_language: str = "") -> ClientContext:
    """The context of a token that is valid now. Raises ExpiredToken."""
    return _context(tokens.read(text), page_language)


def _context(token: tokens.ClientToken, page_language: str) -> ClientContext:
    rows = Action.objects.select_related("user__tenant", "tenant", "facts").annotate(clock=clock.Now())
    action = rows.filter(pk=token.action_id, tenant=token.tenant).first()
    if action is None or action.user.user_id != token.user_id or token.expires_at <= action.clock:
        raise ExpiredToken
    return ClientContext(token, action, action.clock, page_language=page_language)


def check_browser(request: HttpRequest, context: ClientContext) -> None:
    """A token that stood in an address is of the browser that opened the page with it. Raises OpenedElsewhere."""
    if context.token.purpose == TokenPurpose.TRACK:
        one_browser.check(request, context.facts)


class ClientToken(BaseAuthentication):
    """`Authorization: Bearer <token>`. `request.auth` is the ClientContext."""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authenticate(self, request: Request) -> tuple[None, ClientContext]:
        scheme, _space, text = request._request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            raise ExpiredToken
        token = tokens.read(text.strip())
        # Known before expiry is judged, so that a page on another origin can read that its token expired.
        mark_tenant(request, token.tenant)
        context = _context(token, translation.get_language_from_request(request._request))
        check_browser(request._request, context)
        limits.requests_by_user(context.user.pk, client_ip(request._request))
        return None, context


class OptionalClientToken(ClientToken):
    """As ClientToken where a bearer token is sent; otherwise the next authentication class decides."""

    def authenticate(self, request: Request) -> tuple[None, ClientContext] | None:  # type: ignore[override]
        scheme = request._request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0]
        return super().authenticate(request) if scheme.lower() == "bearer" else None
