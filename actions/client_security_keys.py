"""Client API for security keys. Options and credentials travel bare: no wrapper, no challenge id."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import ceremonies
from actions import client_answers as answers
from actions.ceremonies import Purpose
from actions.client_views import ClientView, verified_output
from authsignal_portal.api import body_of
from authsignal_portal.fields import Text


class SecurityKeyAnswer(serializers.Serializer[Any]):
    """RegistrationResponseJSON or AuthenticationResponseJSON of WebAuthn, for the description."""

    id = Text(max_length=1400)
    rawId = Text(max_length=1400)
    type = Text(max_length=32)
    response = serializers.DictField(required=False)


class Registered(answers.VerifiedProof):
    userId = serializers.CharField()
    userAuthenticatorId = serializers.UUIDField(required=False)


class KeyRegistrationOptionsView(ClientView):
    @extend_schema(operation_id="clientSecurityKeyRegistrationOptions", request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        agent = request._request.META.get("HTTP_USER_AGENT", "")
        return Response(ceremonies.start_security_key_registration(self.context, user_agent=agent).options)


class KeyAuthenticationOptionsView(ClientView):
    @extend_schema(operation_id="clientSecurityKeyAuthenticationOptions", request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        return Response(ceremonies.start_security_key_authentication(self.context).options)


class RegisterKeyView(ClientView):
    @extend_schema(operation_id="clientRegisterSecurityKey", request=SecurityKeyAnswer, responses={200: Registered})
    def post(self, request: Request) -> Response:
        verified = ceremonies.finish_security_key(self.context, Purpose.ENROL, body_of(request))
        answer = verified_output(verified) | {"userId": self.context.user.user_id}
        if verified.authenticator:
            answer["userAuthenticatorId"] = str(verified.authenticator.pk)
        return Response(answer)


class VerifyKeyView(ClientView):
    @extend_schema(
        operation_id="clientVerifySecurityKey", request=SecurityKeyAnswer, responses={200: answers.VerifiedProof}
    )
    def post(self, request: Request) -> Response:
        verified = ceremonies.finish_security_key(self.context, Purpose.AUTHENTICATE, body_of(request))
        return Response(verified_output(verified))
