"""Client API of pages that wait for an app on the user's phone: by push, or with a QR code."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import device_answers as answers
from actions import device_inputs as inputs
from actions import device_waiting
from actions.client_views import ClientView, EitherView, seen
from actions.device_waiting import Delivery, Outcome
from authenticators.methods import push
from authenticators.models import Challenge
from authsignal_portal import limits
from authsignal_portal.errors import AuthsignalError, Unavailable
from authsignal_portal.wire import epoch, iso, present


def outcome_output(outcome: Outcome) -> dict[str, Any]:
    return present(
        {
            "isVerified": outcome.is_verified,
            "isConsumed": outcome.is_consumed,
            "accessToken": outcome.access_token,
        }
    )


def delivery_output(delivery: Delivery) -> dict[str, Any]:
    refusal = None if delivery.is_taken else Unavailable.code
    return present({"userAuthenticatorId": str(delivery.authenticator_id), "errorCode": refusal})


class StartPushView(ClientView):
    @extend_schema(operation_id="clientChallengePush", request=inputs.PushInput, responses={200: answers.Pushed})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.PushInput)
        challenge = device_waiting.start_push(
            self.context,
            action=given.get("action", ""),
            authenticator_id=given.get("userAuthenticatorId", ""),
        )
        answer = {
            "challengeId": challenge.pk,
            "verificationCode": push.number_of(challenge) or None,
            "expiresAt": epoch(challenge.expires_at),
            "deliveryResults": [delivery_output(one) for one in device_waiting.deliveries(challenge)] or None,
        }
        return Response(present(answer))


class VerifyPushView(ClientView):
    @extend_schema(operation_id="clientVerifyPush", request=inputs.OutcomeInput, responses={200: answers.PushOutcome})
    def post(self, request: Request) -> Response:
        challenge_id = self.parsed(inputs.OutcomeInput)["challengeId"]
        return Response(outcome_output(device_waiting.push_outcome(self.context, challenge_id)))


class StartQrView(EitherView):
    @extend_schema(operation_id="clientChallengeQrCode", request=inputs.QrInput, responses={200: answers.QrShown})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.QrInput)
        challenge, device_code = device_waiting.start_qr(
            self.tenant,
            self.context,
            action=given.get("action", ""),
            custom=given.get("custom", {}),
            seen=seen(request._request),
            lifetime_seconds=settings.QR_CHALLENGE_SECONDS,
        )
        return Response(
            {"challengeId": challenge.pk, "expiresAt": iso(challenge.expires_at), "deviceCode": device_code}
        )


class VerifyQrView(EitherView):
    @extend_schema(operation_id="clientVerifyQrCode", request=inputs.QrOutcomeInput, responses={200: answers.QrOutcome})
    def post(self, request: Request) -> Response:
        challenge = self._shown()
        # Before the outcome is told: it brings its token once.
        limits.qr_poll(challenge.pk)
        outcome = device_waiting.outcome(challenge)
        return Response({"isClaimed": outcome.is_claimed} | outcome_output(outcome))

    def _shown(self) -> Challenge:
        """A call that knows a code's secret counts for that code, any other as calls without a token do."""
        try:
            given = self.parsed(inputs.QrOutcomeInput)
            return device_waiting.qr_shown(self.tenant, given["challengeId"], given["deviceCode"])
        except AuthsignalError:
            if self.context is None:
                super().count()
            raise

    def count(self) -> None:
        """Of a POST once it is known for what."""
        if self.request.method != "POST":
            super().count()
