"""The calls that only the hosted page makes: its state, QR codes, recovery codes and the end; and what each call is."""

from typing import Any, cast

import segno
from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import (
    app_enrolment,
    dead_ends,
    device_waiting,
    hosted_state,
    leaving,
    one_browser,
    proving,
    verifying,
)
from actions.client_auth import ClientContext, ClientToken
from actions.client_views import seen, verified_output
from actions.qr_picture import MAX_OTP_URI, picture, secret_in
from authenticators.models import EndUser
from authsignal_portal import clock
from authsignal_portal.api import JsonView
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.fields import Text
from authsignal_portal.wire import present

# So long before its end a QR code gives way to the next: nobody scans one that is over.
QR_OVERLAP_SECONDS = 5


class CodeInput(serializers.Serializer[Any]):
    verificationCode = Text(max_length=64, required=True, allow_blank=True)


class OtpUriInput(serializers.Serializer[Any]):
    uri = Text(max_length=MAX_OTP_URI, required=True)


class FinishInput(serializers.Serializer[Any]):
    nativeScheme = Text(max_length=32)


class HostedView(JsonView):
    """A call by the page itself, on this origin, for one user's token."""

    authentication_classes = [ClientToken]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        one_browser.bind(request._request, self.context.tenant, self.context.facts)

    @property
    def context(self) -> ClientContext:
        return cast(ClientContext, self.request.auth)

    @property
    def token(self) -> str:
        """The bearer token itself."""
        return str(self.request._request.META["HTTP_AUTHORIZATION"]).partition(" ")[2].strip()


class StateView(HostedView):
    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        agent = seen(request._request)["userAgent"]
        return Response(hosted_state.describe(self.context, self.token, agent=agent))


class QrView(HostedView):
    """An otpauth:// URI as a picture; drawn here, so that no secret leaves for an image service."""

    @extend_schema(request=OtpUriInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        uri = self.parsed(OtpUriInput)["uri"]
        secret_in(uri)
        try:
            return Response({"image": picture(uri)})
        except segno.DataOverflowError as error:
            raise InvalidRequest("uri is too long for a QR code.") from error


class QrChallengeView(HostedView):
    """A QR code challenge as a picture. The page shows the next one before this one is over."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        challenge, device_code = device_waiting.start_qr(
            self.context.tenant,
            self.context,
            action="",
            custom={},
            seen=seen(request._request),
            lifetime_seconds=settings.QR_RENEWED_AFTER_SECONDS,
        )
        return Response(
            {
                "challengeId": challenge.pk,
                "deviceCode": device_code,
                "image": picture(app_enrolment.scannable(self.context.user, challenge.pk)),
                "renewAfter": settings.QR_RENEWED_AFTER_SECONDS - QR_OVERLAP_SECONDS,
            }
        )


class RecoveryCodeView(HostedView):
    @extend_schema(request=CodeInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        code = self.parsed(CodeInput)["verificationCode"]
        return Response(verified_output(verifying.verify_recovery_code(self.context, code)))


class RecoveryCodesView(HostedView):
    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        return Response({"recoveryCodes": proving.new_recovery_codes(self.context)})


class NotNowView(HostedView):
    """The user does not want a passkey now: they are left in peace for as long as the tenant says."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        EndUser.objects.filter(pk=self.context.user.pk).update(passkey_prompt_dismissed_at=clock.Now())
        return Response({})


class FinishView(HostedView):
    """What the page hands back, however it ended: the token, and where to go. `/validate` tells what it is worth.

    Called also where the user can do nothing, so that the app learns of it whether or not they come back.
    """

    @extend_schema(request=FinishInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        scheme = self.parsed(FinishInput).get("nativeScheme")
        if scheme and scheme not in leaving.NATIVE_SCHEMES:
            raise InvalidRequest(f"nativeScheme {scheme} is not allowed.")
        dead_ends.close(self.context)
        url = f"{scheme}://auth?token={self.token}" if scheme else None
        url = url or leaving.return_url(self.context.tenant, self.context.facts, self.token)
        return Response(present({"token": self.token, "redirectUrl": url}))
