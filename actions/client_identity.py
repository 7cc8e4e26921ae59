"""Client API: ID tokens and identity checks. The SDKs have no call for either; these are this server's own."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import client_answers as answers
from actions import federated, identity_proving
from actions.client_views import ClientView, seen, verified_output
from authenticators import serializers as shapes
from authenticators.id_tokens import MAX_TOKEN
from authenticators.models import Challenge
from authsignal_portal import limits
from authsignal_portal.fields import Text
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, VerificationMethod
from authsignal_portal.wire import iso, present

Purpose = Challenge.Purpose


class IdTokenMethodInput(serializers.Serializer[Any]):
    verificationMethod = serializers.ChoiceField([method.value for method in ID_TOKENS])


class IdTokenInput(serializers.Serializer[Any]):
    challengeId = Text(max_length=128, required=True)
    idToken = Text(max_length=MAX_TOKEN, required=True)


class IdentityCheckInput(serializers.Serializer[Any]):
    verificationMethod = serializers.ChoiceField([method.value for method in IDENTITY_CHECKS])


class IdentityCheckPoll(serializers.Serializer[Any]):
    challengeId = Text(max_length=128, required=True)


class StartedIdToken(serializers.Serializer[Any]):
    challengeId = serializers.CharField()
    nonce = serializers.CharField(help_text="What the ID token must carry, letter by letter.")
    expiresAt = serializers.DateTimeField()


class StartedCheck(serializers.Serializer[Any]):
    challengeId = serializers.CharField()
    url = serializers.CharField(required=False, help_text="Where the user goes; absent for a terminal.")
    expiresAt = serializers.DateTimeField()


class CheckOutcome(answers.VerifiedProof):
    isConsumed = serializers.BooleanField()


class StartIdTokenView(ClientView):
    purpose = Purpose.AUTHENTICATE

    @extend_schema(operation_id="clientChallengeIdToken", request=IdTokenMethodInput, responses={200: StartedIdToken})
    def post(self, request: Request) -> Response:
        method = VerificationMethod(self.parsed(IdTokenMethodInput)["verificationMethod"])
        begun = federated.start(self.context, method, self.purpose)
        challenge = begun.challenge
        return Response({"challengeId": challenge.pk, "nonce": begun.nonce, "expiresAt": iso(challenge.expires_at)})


class EnrolIdTokenView(StartIdTokenView):
    purpose = Purpose.ENROL

    @extend_schema(operation_id="clientEnrollIdToken", request=IdTokenMethodInput, responses={200: StartedIdToken})
    def post(self, request: Request) -> Response:
        return super().post(request)


class VerifyIdTokenView(ClientView):
    @extend_schema(operation_id="clientVerifyIdToken", request=IdTokenInput, responses={200: answers.VerifiedProof})
    def post(self, request: Request) -> Response:
        given = self.parsed(IdTokenInput)
        return Response(verified_output(federated.verify(self.context, given["challengeId"], given["idToken"])))


class StartCheckView(ClientView):
    purpose = Purpose.AUTHENTICATE

    @extend_schema(
        operation_id="clientChallengeIdentityCheck", request=IdentityCheckInput, responses={200: StartedCheck}
    )
    def post(self, request: Request) -> Response:
        method = VerificationMethod(self.parsed(IdentityCheckInput)["verificationMethod"])
        begun = identity_proving.start(self.context, method, self.purpose, seen(request._request))
        shown = {"challengeId": begun.challenge.pk, "url": begun.session.url or None}
        return Response(present(shown | {"expiresAt": iso(begun.challenge.expires_at)}))


class EnrolCheckView(StartCheckView):
    purpose = Purpose.ENROL

    @extend_schema(operation_id="clientEnrollIdentityCheck", request=IdentityCheckInput, responses={200: StartedCheck})
    def post(self, request: Request) -> Response:
        return super().post(request)


class VerifyCheckView(ClientView):
    """What came of an identity check. Meant to be asked every second or two until it is over."""

    @extend_schema(operation_id="clientVerifyIdentityCheck", request=IdentityCheckPoll, responses={200: CheckOutcome})
    def post(self, request: Request) -> Response:
        limits.link_poll(self.context.action.pk)
        told = identity_proving.outcome(self.context, self.parsed(IdentityCheckPoll)["challengeId"])
        enrolled = shapes.client_authenticator(told.enrolled, in_clear=True) if told.enrolled else None
        return Response(
            present(
                {
                    "isVerified": told.is_verified,
                    "isConsumed": told.is_consumed,
                    "accessToken": told.access_token,
                    "userAuthenticator": enrolled,
                }
            )
        )
