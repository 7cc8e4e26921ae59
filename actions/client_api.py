"""Client API: its session, what a user can prove themselves with, and where there is nothing."""

from typing import Any

from django.conf import settings
from django.core import signing
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import ceremonies, device_waiting, proofs, proving, track_request
from actions import client_answers as answers
from actions import client_inputs as inputs
from actions.client_views import (
    CHALLENGE_COOKIE,
    COOKIE_PATH,
    ClientView,
    EitherView,
    WithCookies,
)
from authenticators import available
from authenticators import serializers as shapes
from authenticators.app_attestation import nonces
from authsignal_portal import tokens
from authsignal_portal.api import JsonView, TenantId
from authsignal_portal.errors import InvalidRequest, NotFound, Unauthorized
from authsignal_portal.json_body import checked_id
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Scope
from authsignal_portal.wire import present


class BeginView(EitherView):
    """A challenge before the user is known; with a user's token, a nonce for attestation.

    With the token of an action that is linked to its transaction it is that action's, and an app signs both.
    """

    @extend_schema(operation_id="clientChallenge", request=inputs.BeginInput, responses={200: answers.Begun})
    def post(self, request: Request) -> Response:
        challenge = self.begin()
        # With a user's token, what an attestation of their app is made over; the challenge itself is for whoever comes.
        nonce = nonces.issue(self.context.user) if self.context else bytes(challenge.nonce or b"").hex()
        return Response({"challengeId": challenge.pk, "nonce": nonce})

    def begin(self) -> Any:
        given = self.parsed(inputs.BeginInput)
        context = self.context
        action, key = given.get("action") or "", given.get("idempotencyKey") or ""
        if context and context.facts.transaction_hash and action in ("", context.action.action_code):
            return device_waiting.start_in_app(context)
        if action and not track_request.is_action_code(action):
            raise InvalidRequest("action must have 1 to 64 letters, digits, hyphens and underscores.")
        if key:
            checked_id(key, "idempotencyKey")
        if context:
            return ceremonies.begin_for(context, action_code=action, idempotency_key=key)
        return ceremonies.begin_by_client(self.tenant, action_code=action, idempotency_key=key)


class BeginWebView(WithCookies, BeginView):
    """The same, remembered in a cookie for a browser that sends cookies."""

    authentication_classes = [TenantId]

    @extend_schema(operation_id="clientChallengeWeb", request=inputs.BeginInput, responses={200: answers.CodeSent})
    def post(self, request: Request) -> Response:
        challenge = self.begin()
        response = Response({"challengeId": challenge.pk})
        response.set_cookie(
            CHALLENGE_COOKIE,
            signing.dumps(challenge.pk, salt=CHALLENGE_COOKIE),
            max_age=settings.PROOF_FRESH_SECONDS,
            httponly=True,
            secure=True,
            samesite="None",
            path=COOKIE_PATH,
        )
        return response


class InitView(ClientView):
    """What a page of the app's own can ask its user for: authsignal-react offers each method that is listed here."""

    @extend_schema(operation_id="clientInit", request=None, responses={200: answers.Init})
    def post(self, request: Request) -> Response:
        context, first = self.context, self.context.facts.default_method
        enrolled = available.enrolled(context.user)
        is_new = available.is_new(context.user, enrolled)
        usable = proving.challengeable(context.user, enrolled, is_new=is_new)
        permitted = proofs.permitted(context.action)
        methods = [method for method in usable if method in permitted]
        user = present({"email": context.user.email, "phoneNumber": context.user.phone_number})
        if not context.may(Scope.UPDATE):
            user = shapes.masked(user)
        options = {
            "token": request._request.META["HTTP_AUTHORIZATION"].partition(" ")[2].strip(),
            "user": user,
            "verificationMethods": methods,
            "defaultVerificationMethod": first if first in methods else None,
        }
        return Response({"challengeOptions": present(options)})


class UserAuthenticatorsView(EitherView):
    """For a user's token. The browser SDK asks with the tenant's id too, after a sign-in with cookies: no token has
    expired then, and the page must not be told so."""

    @extend_schema(
        operation_id="clientUserAuthenticators",
        responses=answers.UserAuthenticator(many=True),
        auth=[{"ClientToken": []}],  # type: ignore[list-item]
    )
    def get(self, request: Request) -> Response:
        if self.context is None:
            raise Unauthorized("The list of authenticators needs a user's token.")
        rows = self.context.user.authenticators.exclude(verified_at=None).select_related("user", "tenant")
        in_clear = self.context.may(Scope.UPDATE)
        return Response([shapes.client_authenticator(row, in_clear=in_clear) for row in rows])


class AuthenticatorsView(ClientView):
    @extend_schema(operation_id="clientAuthenticators", responses=answers.AuthenticatorConfiguration(many=True))
    def get(self, request: Request) -> Response:
        return Response(shapes.configurations(self.context.tenant))


class JwksView(JsonView):
    """The tenant's public keys; no authentication, cacheable."""

    authentication_classes = []

    @extend_schema(operation_id="jwks", responses=answers.Jwks, auth=[])
    def get(self, request: Request, tenant_id: str) -> Response:
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("No such tenant.")
        return Response(tokens.public_jwks(tenant))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code == 200:
            answer.headers["Cache-Control"] = "public, max-age=300"
        return answer


class NothingHere(EitherView):
    """Any other path of the Client API: authenticated first, then not found."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        raise NotFound

    post = put = patch = delete = get
