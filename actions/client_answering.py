"""Client API of apps with device keys: what an app is asked, and its answers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import device_answers as answers
from actions import device_inputs as inputs
from actions import device_proving, linking, shared_data
from actions.client_devices import DeviceView
from actions.client_views import seen
from actions.models import Action
from actions.serializers import transaction_output
from authenticators import device_challenges, device_keys
from authenticators.challenges import Attempt
from authenticators.device_keys import Signed
from authenticators.methods import push
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge
from authsignal_portal import clock
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.vocabulary import VerificationMethod
from authsignal_portal.wire import epoch, present
from rules.models import ActionConfiguration

M = VerificationMethod
SIGNATURE_HEADER = "X-Authsignal-Signature"


def answer_output(attempt: Attempt) -> dict[str, Any]:
    failure = attempt.failure.value if attempt.failure else None
    return present({"isVerified": attempt.proof is not None, "failureReason": failure})


def shown_output(action: Action) -> dict[str, Any]:
    """What the user decides on: the text, with dynamic linking the transaction, and the data that is public."""
    linked = linking.transaction_of(action.facts)
    told = {
        "message": linking.transaction_shown(action).text or None,
        "transaction": transaction_output(linked) if linked else None,
    }
    return present(told) | shared_data.public(action)


class AnswerView(DeviceView):
    """Approve or decline."""

    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.AnswerInput)
        method = self.method_of(given["challengeId"])
        device = device_proving.credential(self.tenant, method, device_keys.read_key(given["publicKey"]))
        signed = Signed(
            device,
            given["signature"],
            given["approved"],
            given.get("verificationCode", ""),
            given.get("transactionHash", ""),
        )
        return Response(answer_output(device_proving.answer(given["challengeId"], signed)))

    def method_of(self, challenge_id: str) -> VerificationMethod:
        return self.methods[0]


class PendingPushView(AnswerView):
    """GET: what waits for an answer of this device. POST: the answer."""

    methods = (M.PUSH,)

    @extend_schema(operation_id="clientPushChallenge", parameters=[inputs.KeyQuery], responses=answers.Pending)
    def get(self, request: Request) -> Response:
        device = self.asking()
        is_signed = self._check_signature(device)
        challenge = device_challenges.pending(device)
        shown = {"userAuthenticatorId": str(device.pk)}
        return Response(shown | self._pending(challenge, is_signed=is_signed) if challenge else shown)

    def _check_signature(self, device: Authenticator) -> bool:
        """Whether the question is signed. A wrong signature is refused; a missing one where the tenant wants one."""
        signature = self.request.headers.get(SIGNATURE_HEADER, "")[: inputs.MAX_SIGNATURE]
        if signature:
            device_keys.check_signed(device, signature, device_keys.lookup_messages(device, clock.now()))
            return True
        if AuthenticatorConfiguration.of(self.tenant, M.PUSH).require_signature:
            raise InvalidRequest(f"Sign the message of push/challenge/sign and send it as {SIGNATURE_HEADER}.")
        return False

    def _pending(self, challenge: Challenge, *, is_signed: bool) -> dict[str, Any]:
        action = device_proving.action_of(challenge)
        facts = action.facts
        shown = present(
            {
                "challengeId": challenge.pk,
                "userId": action.user.user_id,
                "actionCode": action.action_code,
                "actionName": ActionConfiguration.name_of(action.tenant, action.action_code),
                "idempotencyKey": action.idempotency_key,
                "deviceId": facts.device_id or None,
                "userAgent": facts.user_agent or None,
                "ipAddress": facts.ip_address,
                "expiresAt": epoch(challenge.expires_at),
                "numberMatching": bool(push.number_of(challenge)),
            }
        )
        return shown | (shown_output(action) if is_signed else {})

    @extend_schema(operation_id="clientAnswerPush", request=inputs.AnswerInput, responses={200: answers.Answered})
    def post(self, request: Request) -> Response:
        return super().post(request)


class SignLookupView(DeviceView):
    methods = (M.PUSH,)

    @extend_schema(
        operation_id="clientSignPushChallenge",
        parameters=[inputs.KeyQuery],
        request=None,
        responses={200: answers.ToSign},
    )
    def post(self, request: Request) -> Response:
        return Response({"message": device_keys.lookup_messages(self.asking(), clock.now())[0]})


class ClaimQrView(DeviceView):
    methods = (M.QR_CODE,)

    @extend_schema(operation_id="clientClaimQrCode", request=inputs.ClaimQrInput, responses={200: answers.Scanned})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.ClaimQrInput)
        device = device_proving.credential(self.tenant, M.QR_CODE, device_keys.read_key(given["publicKey"]))
        challenge, action = device_proving.claim(
            given["challengeId"], device, given["signature"], by_link=given.get("byLink", False)
        )
        shown = present(
            {
                "success": True,
                "ipAddress": challenge.context.get("ipAddress"),
                "userAgent": challenge.context.get("userAgent") or None,
                "actionCode": action.action_code,
                "actionName": ActionConfiguration.name_of(action.tenant, action.action_code),
                "idempotencyKey": action.idempotency_key,
            }
        )
        return Response(shown | shown_output(action))


class AnswerQrView(AnswerView):
    methods = (M.QR_CODE,)

    @extend_schema(operation_id="clientAnswerQrCode", request=inputs.AnswerInput, responses={200: answers.Answered})
    def post(self, request: Request) -> Response:
        return super().post(request)


class VerifyInAppView(DeviceView):
    methods = (M.IN_APP,)

    @extend_schema(operation_id="clientVerifyInApp", request=inputs.ScanInput, responses={200: answers.VerifiedInApp})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.ScanInput)
        device = device_proving.credential(self.tenant, M.IN_APP, device_keys.read_key(given["publicKey"]))
        verified = device_proving.verify_in_app(
            self.tenant,
            self.context,
            challenge_id=given["challengeId"],
            signed=Signed(device, given["signature"]),
            seen=seen(request._request),
        )
        if verified.user is None or verified.access_token is None:
            raise InvalidRequest("signature is not one of this key over an open challenge. Begin a new one.")
        return Response(
            present(
                {
                    "token": verified.access_token,
                    "userId": verified.user.user_id,
                    "userAuthenticatorId": str(device.pk),
                    "username": verified.user.username,
                }
            )
        )


# -- apps from before the methods were told apart ------------------------------------------------


class LegacyChallengeView(PendingPushView):
    schema = None

    def method_of(self, challenge_id: str) -> VerificationMethod:
        named = Challenge.objects.filter(pk=challenge_id, tenant=self.tenant, method=M.QR_CODE)
        return M.QR_CODE if named.exists() else M.PUSH


class LegacyClaimView(ClaimQrView):
    schema = None


class LegacyVerifyView(VerifyInAppView):
    schema = None
