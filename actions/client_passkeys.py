"""Client API: passkeys."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import ceremonies, verifying
from actions import client_answers as answers
from actions import client_inputs as inputs
from actions.client_views import (
    CHALLENGE_COOKIE,
    COOKIE_PATH,
    ClientView,
    EitherView,
    WithCookies,
    challenge_in_cookie,
    seen,
    verified_output,
)
from authenticators.models import Authenticator
from authsignal_portal.errors import ExpiredToken, InvalidCredential
from authsignal_portal.vocabulary import VerificationMethod
from authsignal_portal.wire import iso, present

M = VerificationMethod


class RegistrationOptionsView(ClientView):
    @extend_schema(
        operation_id="clientPasskeyRegistrationOptions",
        request=inputs.RegistrationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.RegistrationOptionsInput)
        ceremony = ceremonies.start_passkey_registration(
            self.context,
            username=given.get("username", ""),
            display_name=given.get("displayName", ""),
            attachment=given.get("authenticatorAttachment", ""),
            user_agent=request._request.META.get("HTTP_USER_AGENT", ""),
        )
        return Response({"challengeId": ceremony.challenge.pk, "options": ceremony.options})


class RegistrationOptionsWebView(WithCookies, RegistrationOptionsView):
    @extend_schema(
        operation_id="clientPasskeyRegistrationOptionsWeb",
        request=inputs.RegistrationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class PasskeyView(EitherView):
    """POST: register a passkey. GET: whether one of the given credentials is still known."""

    @extend_schema(
        operation_id="clientRegisterPasskey",
        request=inputs.RegistrationInput,
        responses={200: answers.RegisteredPasskey},
    )
    def post(self, request: Request) -> Response:
        context = self.context
        if context is None:
            raise ExpiredToken
        given = self.parsed(inputs.RegistrationInput)
        verified = ceremonies.finish_passkey_registration(
            context,
            given["challengeId"],
            given["registrationCredential"],
            is_conditional=bool(given.get("conditionalCreate")),
            device_id=given.get("deviceId", ""),
        )
        answer = verified_output(verified) | {"userId": context.user.user_id}
        if verified.authenticator:
            answer |= {
                "userAuthenticatorId": str(verified.authenticator.pk),
                "credentialId": verified.authenticator.credential_id,
            }
        return Response(answer)

    @extend_schema(
        operation_id="clientKnownPasskey", parameters=[inputs.KnownPasskeyQuery], responses=answers.KnownPasskey
    )
    def get(self, request: Request) -> Response:
        query = request._request.GET
        named = (query.get("credentialIds") or query.get("credentialId") or "")[:16_000].split(",")
        rows = Authenticator.objects.filter(
            tenant=self.tenant,
            method=M.PASSKEY,
            credential_id__in=[name for name in named[:50] if name.isascii() and "\x00" not in name],
        )
        found = rows.exclude(verified_at=None).first()
        if found is None:
            raise InvalidCredential
        return Response({"credentialId": found.credential_id, "verifiedAt": iso(found.verified_at)})


class AuthenticationOptionsView(EitherView):
    @extend_schema(
        operation_id="clientPasskeyAuthenticationOptions",
        request=inputs.AuthenticationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        challenge_id = self.parsed(inputs.AuthenticationOptionsInput).get("challengeId") or self.challenge_in_cookie()
        ceremony = ceremonies.start_passkey_authentication(self.tenant, self.context, challenge_id)
        return Response({"challengeId": ceremony.challenge.pk, "options": ceremony.options})

    def challenge_in_cookie(self) -> str | None:
        return None


class AuthenticationOptionsWebView(WithCookies, AuthenticationOptionsView):
    @extend_schema(
        operation_id="clientPasskeyAuthenticationOptionsWeb",
        request=inputs.AuthenticationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        return super().post(request)

    def challenge_in_cookie(self) -> str | None:
        """One that was used counts as none: the browser keeps its cookie for longer than one sign-in takes."""
        named = challenge_in_cookie(self.request._request)
        return named if named and ceremonies.is_begun(self.tenant, named) else None


def owner_output(verified: verifying.Verified) -> dict[str, Any]:
    """Whose passkey it was: by the names that it was made with, else those of the user."""
    user, row = verified.user, verified.authenticator
    if user is None or row is None:
        return {}
    # What an imported one is called is no user name.
    own = "" if row.is_imported else row.name
    return present(
        {
            "userId": user.user_id,
            "userAuthenticatorId": str(row.pk),
            "username": own or user.username,
            "userDisplayName": row.display_name or user.display_name,
        }
    )


class VerifyPasskeyView(EitherView):
    @extend_schema(
        operation_id="clientVerifyPasskey", request=inputs.AssertionInput, responses={200: answers.VerifiedPasskey}
    )
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.AssertionInput)
        verified = ceremonies.verify_passkey(
            self.tenant,
            self.context,
            challenge_id=given["challengeId"],
            credential=given["authenticationCredential"],
            seen=seen(request._request) | {"deviceId": given.get("deviceId", "")},
        )
        response = Response(verified_output(verified) | owner_output(verified))
        if verified.is_verified and challenge_in_cookie(request._request) == given["challengeId"]:
            response.delete_cookie(CHALLENGE_COOKIE, path=COOKIE_PATH, samesite="None")
        return response
