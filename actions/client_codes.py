"""Client API: codes by email, SMS and authenticator apps."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import client_answers as answers
from actions import client_inputs as inputs
from actions import proving, verifying
from actions.client_views import (
    ClientView,
    started_output,
    verified_output,
)
from authenticators.codes import Way
from authsignal_portal.vocabulary import VerificationMethod

M = VerificationMethod


class EnrolEmailView(ClientView):
    @extend_schema(
        operation_id="clientEnrollEmail", request=inputs.EmailInput, responses={200: answers.StartedEnrolment}
    )
    def post(self, request: Request) -> Response:
        started = proving.enrol_code(self.context, M.EMAIL_OTP, self.parsed(inputs.EmailInput)["email"])
        return Response(started_output(started, self.context.user.user_id))


class EnrolSmsView(ClientView):
    @extend_schema(operation_id="clientEnrollSms", request=inputs.PhoneInput, responses={200: answers.StartedEnrolment})
    def post(self, request: Request) -> Response:
        started = proving.enrol_code(self.context, M.SMS, self.parsed(inputs.PhoneInput)["phoneNumber"])
        return Response(started_output(started, self.context.user.user_id))


class StartCodeView(ClientView):
    method: VerificationMethod = M.EMAIL_OTP

    @extend_schema(
        operation_id="clientChallengeEmail", request=inputs.OneOfSeveralInput, responses={200: answers.CodeSent}
    )
    def post(self, request: Request) -> Response:
        which = self.parsed(inputs.OneOfSeveralInput).get("userAuthenticatorId", "")
        return Response({"challengeId": proving.start_code(self.context, self.method, which=which).pk})


class StartSmsView(StartCodeView):
    method = M.SMS

    @extend_schema(operation_id="clientChallengeSms", request=inputs.SmsInput, responses={200: answers.CodeSent})
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.SmsInput)
        way, which = Way(sms_channel=given.get("smsChannel", "")), given.get("userAuthenticatorId", "")
        return Response({"challengeId": proving.start_code(self.context, self.method, way, which=which).pk})


class VerifyCodeView(ClientView):
    method: VerificationMethod = M.EMAIL_OTP

    @extend_schema(operation_id="clientVerifyEmail", request=inputs.CodeInput, responses={200: answers.VerifiedProof})
    def post(self, request: Request) -> Response:
        code = self.parsed(inputs.CodeInput)["verificationCode"]
        return Response(verified_output(verifying.verify_code(self.context, self.method, code)))


class VerifySmsView(VerifyCodeView):
    method = M.SMS

    @extend_schema(operation_id="clientVerifySms", request=inputs.CodeInput, responses={200: answers.VerifiedProof})
    def post(self, request: Request) -> Response:
        return super().post(request)


class EnrolTotpView(ClientView):
    @extend_schema(operation_id="clientEnrollTotp", request=None, responses={200: answers.StartedTotp})
    def post(self, request: Request) -> Response:
        started = proving.enrol_totp(self.context)
        return Response(
            {
                "userAuthenticatorId": str(started.authenticator.pk),
                "userId": self.context.user.user_id,
                "uri": started.uri,
                "secret": started.secret,
            }
        )


class VerifyTotpView(ClientView):
    @extend_schema(operation_id="clientVerifyTotp", request=inputs.CodeInput, responses={200: answers.VerifiedProof})
    def post(self, request: Request) -> Response:
        return Response(
            verified_output(verifying.verify_totp(self.context, self.parsed(inputs.CodeInput)["verificationCode"]))
        )
