"""Client API for push, QR codes and in-app proofs: what pages call that wait, and what the apps call that answer.

An app has no token: it says which key it holds and signs. Only enrolling takes the user's token.
"""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import device_answers as answers
from actions import device_inputs as inputs
from actions import device_proving
from actions.client_api import ClientView, EitherView, seen
from actions.device_proving import Outcome
from authenticators import device_challenges, device_credentials, device_keys
from authenticators.challenges import Attempt
from authenticators.device_credentials import Device
from authenticators.device_keys import Signed
from authenticators.methods import push
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge
from authsignal_portal import clock
from authsignal_portal.errors import ExpiredToken, InvalidCredential, InvalidRequest
from authsignal_portal.vocabulary import DEVICE_METHODS, DevicePlatform, VerificationMethod
from authsignal_portal.wire import epoch, iso, present

M = VerificationMethod
SIGNATURE_HEADER = "X-Authsignal-Signature"


# -- shapes --------------------------------------------------------------------------------------


def credential_output(row: Authenticator) -> dict[str, Any]:
    return present(
        {
            "userAuthenticatorId": str(row.pk),
            "userId": row.user.user_id,
            "verifiedAt": iso(row.verified_at),
            "lastVerifiedAt": iso(row.last_verified_at),
            "expiresAt": iso(row.expires_at),
        }
    )


def answer_output(attempt: Attempt) -> dict[str, Any]:
    failure = attempt.failure.value if attempt.failure else None
    return present({"isVerified": attempt.proof is not None, "failureReason": failure})


def outcome_output(outcome: Outcome) -> dict[str, Any]:
    return present(
        {
            "isVerified": outcome.is_verified,
            "isConsumed": outcome.is_consumed,
            "accessToken": outcome.access_token,
        }
    )


def device_of(given: dict[str, Any]) -> Device:
    return Device(
        public_key=device_keys.read_key(given["publicKey"]),
        name=given.get("deviceName", ""),
        platform=DevicePlatform(given["devicePlatform"].upper()),
        push_token=given.get("pushToken", ""),
        attestation=(given.get("performAttestation") or {}).get("provider", ""),
    )


# -- the pages that wait -------------------------------------------------------------------------


class StartPushView(ClientView):
    @extend_schema(operation_id="clientChallengePush", request=inputs.PushInput, responses={200: answers.Pushed})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.PushInput)
        challenge = device_proving.start_push(
            self.context,
            action=given.get("action", ""),
            authenticator_id=given.get("userAuthenticatorId", ""),
        )
        number = push.number_of(challenge) or None
        expires_at = epoch(challenge.expires_at)
        return Response(present({"challengeId": challenge.pk, "verificationCode": number, "expiresAt": expires_at}))


class VerifyPushView(ClientView):
    @extend_schema(operation_id="clientVerifyPush", request=inputs.OutcomeInput, responses={200: answers.PushOutcome})
    def post(self, request: Request) -> Response:
        challenge_id = self.parsed(inputs.OutcomeInput)["challengeId"]
        return Response(outcome_output(device_proving.push_outcome(self.context, challenge_id)))


class StartQrView(EitherView):
    @extend_schema(operation_id="clientChallengeQrCode", request=inputs.QrInput, responses={200: answers.QrShown})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.QrInput)
        challenge, device_code = device_proving.start_qr(
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
        given = self.parsed(inputs.QrOutcomeInput)
        outcome = device_proving.qr_outcome(self.tenant, given["challengeId"], given["deviceCode"])
        return Response({"isClaimed": outcome.is_claimed} | outcome_output(outcome))


# -- the app: its credential ---------------------------------------------------------------------


class DeviceView(EitherView):
    """An app's call for one method. `methods` has more than one for apps from before these were told apart."""

    methods: ClassVar[tuple[VerificationMethod, ...]] = ()

    def found(self, public_key: bytes) -> list[Authenticator]:
        rows = [device_credentials.find(self.tenant, method, public_key) for method in self.methods]
        return [row for row in rows if row]

    def asking(self) -> Authenticator:
        """The credential that the query names. Raises InvalidRequest, InvalidCredential."""
        rows = self.found(device_keys.read_key_in_query(self.request._request.GET.get("publicKey", "")))
        if not rows:
            raise InvalidCredential
        return rows[0]


class CredentialView(DeviceView):
    """GET: whether it is still enrolled. POST: enrol it, or bring it up to date."""

    def get(self, request: Request) -> Response:
        return Response(credential_output(self.asking()))

    def post(self, request: Request) -> Response:
        context = self.context
        if context is None:
            raise ExpiredToken
        device = device_of(self.parsed(inputs.DeviceInput))
        methods = self.methods if len(self.methods) == 1 else device_proving.enrollable(context)
        return Response(credential_output(device_proving.enrol(context, methods, device)))


class RemoveView(DeviceView):
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.SignedInput)
        rows = self.found(device_keys.read_key(given["publicKey"]))
        answer = {"removedAuthenticatorId": str(rows[0].pk)} if rows else {}
        for row in rows:
            device_credentials.remove(row, given["signature"])
        return Response(answer)


class PushCredentialView(CredentialView):
    methods = (M.PUSH,)

    @extend_schema(operation_id="clientPushCredential", parameters=[inputs.KeyQuery], responses=answers.Credential)
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        operation_id="clientAddPushCredential", request=inputs.DeviceInput, responses={200: answers.Credential}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)

    @extend_schema(
        operation_id="clientUpdatePushCredential", request=inputs.RenewalInput, responses={200: answers.Renewed}
    )
    def patch(self, request: Request) -> Response:
        given = self.parsed(inputs.RenewalInput)
        row = device_credentials.renew(
            device_proving.credential(self.tenant, M.PUSH, device_keys.read_key(given["publicKey"])),
            given["challengeId"],
            given["signature"],
            push_token=given.get("pushToken", ""),
            reset_expiry=given.get("resetExpiry", False),
        )
        answer = credential_output(row) | present({"pushToken": row.push_token})
        del answer["verifiedAt"]
        return Response(answer)


class SignRenewalView(DeviceView):
    methods = (M.PUSH,)

    @extend_schema(
        operation_id="clientSignPushCredential",
        parameters=[inputs.KeyQuery],
        request=None,
        responses={200: answers.RenewalToSign},
    )
    def post(self, request: Request) -> Response:
        challenge = device_credentials.begin_renewal(self.asking())
        message = device_keys.renewal_message(bytes(challenge.nonce or b""))
        return Response({"challengeId": challenge.pk, "message": message})


class QrCredentialView(CredentialView):
    methods = (M.QR_CODE,)

    @extend_schema(operation_id="clientQrCodeCredential", parameters=[inputs.KeyQuery], responses=answers.Credential)
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        operation_id="clientAddQrCodeCredential", request=inputs.DeviceInput, responses={200: answers.Credential}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class InAppCredentialView(CredentialView):
    methods = (M.IN_APP,)

    @extend_schema(operation_id="clientInAppCredential", parameters=[inputs.KeyQuery], responses=answers.Credential)
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        operation_id="clientAddInAppCredential", request=inputs.DeviceInput, responses={200: answers.Credential}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


def removal(name: str, *methods: VerificationMethod) -> type[RemoveView]:
    """The view that removes credentials of these methods."""

    class View(RemoveView):
        @extend_schema(operation_id=name, request=inputs.SignedInput, responses={200: answers.Removed})
        def post(self, request: Request) -> Response:
            return super().post(request)

    View.methods = methods
    View.__name__ = View.__qualname__ = name[0].upper() + name[1:] + "View"
    return View


RemovePushView = removal("clientRemovePushCredential", M.PUSH)
RemoveQrView = removal("clientRemoveQrCodeCredential", M.QR_CODE)
RemoveInAppView = removal("clientRemoveInAppCredential", M.IN_APP)


# -- the app: what it is asked -------------------------------------------------------------------


class AnswerView(DeviceView):
    """Approve or decline."""

    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.AnswerInput)
        method = self.method_of(given["challengeId"])
        device = device_proving.credential(self.tenant, method, device_keys.read_key(given["publicKey"]))
        signed = Signed(device, given["signature"], given["approved"], given.get("verificationCode", ""))
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
                "idempotencyKey": action.idempotency_key,
                "deviceId": facts.device_id or None,
                "userAgent": facts.user_agent or None,
                "ipAddress": facts.ip_address,
                "expiresAt": epoch(challenge.expires_at),
            }
        )
        return shown | (device_proving.public_data(action) if is_signed else {})

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

    @extend_schema(operation_id="clientClaimQrCode", request=inputs.ScanInput, responses={200: answers.Scanned})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.ScanInput)
        device = device_proving.credential(self.tenant, M.QR_CODE, device_keys.read_key(given["publicKey"]))
        challenge, action = device_proving.claim(given["challengeId"], device, given["signature"])
        shown = present(
            {
                "success": True,
                "ipAddress": challenge.context.get("ipAddress"),
                "userAgent": challenge.context.get("userAgent") or None,
                "actionCode": action.action_code,
                "idempotencyKey": action.idempotency_key,
            }
        )
        return Response(shown | device_proving.public_data(action))


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
# One key for everything: enrolled for each method that the tenant uses, found by the method of what it answers.


class LegacyCredentialView(CredentialView):
    methods = DEVICE_METHODS
    schema = None


class LegacyRemoveView(RemoveView):
    methods = DEVICE_METHODS
    schema = None


class LegacyChallengeView(PendingPushView):
    schema = None

    def method_of(self, challenge_id: str) -> VerificationMethod:
        named = Challenge.objects.filter(pk=challenge_id, tenant=self.tenant, method=M.QR_CODE)
        return M.QR_CODE if named.exists() else M.PUSH


class LegacyClaimView(ClaimQrView):
    schema = None


class LegacyVerifyView(VerifyInAppView):
    schema = None
