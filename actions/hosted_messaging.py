"""What only the hosted pages call about messages: a link of their own, what to enrol, and whether one left."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import proving, verifying
from actions.client_inputs import PhoneInput
from actions.client_messaging import asked_by
from actions.hosted_calls import CodeInput, HostedView
from authenticators import handed_over
from authenticators.enrolment import CONTACT_FIELD
from authenticators.models import Message
from authsignal_portal.fields import Text
from authsignal_portal.vocabulary import VerificationMethod
from authsignal_portal.wire import present

M = VerificationMethod
# One may be an accident; after the second nobody should be left waiting in silence.
TRIES_UNTIL_TOLD = 2


class LinkInput(serializers.Serializer[Any]):
    """With `email` to enrol it; without, to the address that is enrolled, or on file; of several, to the one named."""

    email = Text(max_length=254)
    userAuthenticatorId = Text(max_length=64)


class DeliveryInput(serializers.Serializer[Any]):
    challengeId = Text(max_length=128, required=True)


class LinkView(HostedView):
    @extend_schema(request=LinkInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        given, way = self.parsed(LinkInput), asked_by(request, is_hosted=True)
        if given.get("email"):
            challenge = proving.enrol_code(self.context, M.EMAIL_MAGIC_LINK, given["email"], way).challenge
        else:
            which = given.get("userAuthenticatorId", "")
            challenge = proving.start_code(self.context, M.EMAIL_MAGIC_LINK, way, which=which)
        return Response({"challengeId": challenge.pk})


class LinkCodeView(HostedView):
    """The code that the link showed in another browser, typed where the verification began."""

    @extend_schema(request=CodeInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        code = self.parsed(CodeInput)["verificationCode"]
        verified = verifying.verify_code(self.context, M.EMAIL_MAGIC_LINK, code)
        answer = {
            "isVerified": verified.is_verified,
            "accessToken": verified.access_token,
            "failureReason": verified.failure,
        }
        return Response(present(answer))


class WhatsAppView(HostedView):
    """Enrols a number that is only to get WhatsApp; the SDKs have no call for it."""

    @extend_schema(request=PhoneInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        started = proving.enrol_code(self.context, M.WHATSAPP, self.parsed(PhoneInput)["phoneNumber"])
        return Response({"challengeId": started.challenge.pk})


class OnFileInput(serializers.Serializer[Any]):
    verificationMethod = serializers.ChoiceField([method.value for method in CONTACT_FIELD])


class EnrolOnFileView(HostedView):
    """Sends to the address on file, to enrol it beside what the user has; the page knows it masked only."""

    @extend_schema(request=OnFileInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        method = M(self.parsed(OnFileInput)["verificationMethod"])
        challenge = proving.enrol_on_file(self.context, method, asked_by(request, is_hosted=True))
        return Response({"challengeId": challenge.pk})


class DeliveryView(HostedView):
    """Whether the newest message of a challenge could be sent: `waiting`, `sent` or `failed`.

    `failed` is also what every provider refused so far, though it is tried again.
    """

    @extend_schema(request=DeliveryInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        rows = Message.objects.filter(
            tenant=self.context.tenant,
            action_id=self.context.action.pk,
            challenge_id=self.parsed(DeliveryInput)["challengeId"],
        )
        return Response({"status": _status(rows.order_by("-created_at").first())})


def _status(message: Message | None) -> str:
    if message is None:
        return "waiting"
    if handed_over.is_refused(message, tries=TRIES_UNTIL_TOLD):
        return "failed"
    return "waiting" if message.status in handed_over.UNSENT else "sent"
