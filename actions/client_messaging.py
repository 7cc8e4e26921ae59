"""Client API: the link by email, and the code by WhatsApp."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import client_answers as answers
from actions import client_inputs as inputs
from actions import proving, verifying
from actions.client_codes import StartCodeView, VerifyCodeView
from actions.client_views import ClientView, seen, started_output, verified_output
from authenticators.codes import Way
from authenticators.links import Asker
from authsignal_portal import limits
from authsignal_portal.fields import Text
from authsignal_portal.vocabulary import VerificationMethod

M = VerificationMethod


def asked_by(request: Request, *, is_hosted: bool = False) -> Way:
    """A link that this very request asks for."""
    caller = seen(request._request)
    return Way(asker=Asker(is_hosted, caller["userAgent"], caller.get("ipAddress")))


class FinalizeInput(serializers.Serializer[object]):
    challengeId = Text(max_length=128)


class EnrolLinkView(ClientView):
    @extend_schema(
        operation_id="clientEnrollMagicLink", request=inputs.EmailInput, responses={200: answers.StartedEnrolment}
    )
    def post(self, request: Request) -> Response:
        email = self.parsed(inputs.EmailInput)["email"]
        started = proving.enrol_code(self.context, M.EMAIL_MAGIC_LINK, email, asked_by(request))
        return Response(started_output(started, self.context.user.user_id))


class StartLinkView(ClientView):
    @extend_schema(
        operation_id="clientChallengeMagicLink", request=inputs.OneOfSeveralInput, responses={200: answers.CodeSent}
    )
    def post(self, request: Request) -> Response:
        which = self.parsed(inputs.OneOfSeveralInput).get("userAuthenticatorId", "")
        challenge = proving.start_code(self.context, M.EMAIL_MAGIC_LINK, asked_by(request), which=which)
        return Response({"challengeId": challenge.pk})


class FinalizeLinkView(ClientView):
    """Whether the link was confirmed. The SDK asks every second until it was."""

    @extend_schema(
        operation_id="clientFinalizeMagicLink", request=FinalizeInput, responses={200: answers.VerifiedProof}
    )
    def post(self, request: Request) -> Response:
        limits.link_poll(self.context.action.pk)
        given = self.parsed(FinalizeInput)
        return Response(verified_output(verifying.finalize_link(self.context, given.get("challengeId", ""))))


class StartWhatsAppView(StartCodeView):
    method = M.WHATSAPP

    @extend_schema(
        operation_id="clientChallengeWhatsApp", request=inputs.OneOfSeveralInput, responses={200: answers.CodeSent}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class VerifyWhatsAppView(VerifyCodeView):
    method = M.WHATSAPP

    @extend_schema(
        operation_id="clientVerifyWhatsApp", request=inputs.CodeInput, responses={200: answers.VerifiedProof}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)
