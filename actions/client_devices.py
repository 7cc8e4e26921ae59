"""Client API of apps with device keys: enrolling one, finding it again, renewing and removing it.

An app has no token: it says which key it holds and signs. Only enrolling takes the user's token.
"""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import app_enrolment, device_proving
from actions import device_answers as answers
from actions import device_inputs as inputs
from actions.app_enrolment import InvitedApp, InvitedContext
from actions.client_views import EitherView
from authenticators import device_credentials, device_keys, labels
from authenticators.app_attestation.evidence import Attestation, Provider
from authenticators.device_credentials import Device
from authenticators.models import Authenticator
from authsignal_portal.errors import ExpiredToken, InvalidCredential
from authsignal_portal.vocabulary import DEVICE_METHODS, DevicePlatform, VerificationMethod
from authsignal_portal.wire import iso, present

M = VerificationMethod
SIGNATURE_HEADER = "X-Authsignal-Signature"
# As there is room for: the composed form of some letters is longer than what was sent.
MAX_NAME = 255


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


def device_of(given: dict[str, Any]) -> Device:
    attestation = given.get("performAttestation")
    return Device(
        public_key=device_keys.read_key(given["publicKey"]),
        name=labels.one_line(given.get("deviceName", ""))[:MAX_NAME],
        platform=DevicePlatform(given["devicePlatform"].upper()),
        push_token=given.get("pushToken", ""),
        attestation=attestation_of(attestation) if attestation else None,
    )


def attestation_of(given: dict[str, Any]) -> Attestation:
    return Attestation(Provider(given["provider"]), given["token"], given.get("keyId", ""))


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
    """Takes the app's credentials away, expired ones too."""

    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.SignedInput)
        key = device_keys.read_key(given["publicKey"])
        rows = [row for method in self.methods if (row := device_credentials.stored(self.tenant, method, key))]
        answer = {"removedAuthenticatorId": str(rows[0].pk)} if rows else {}
        told = set()
        for row in rows:
            device_credentials.remove(row, given["signature"], tells=row.user_id not in told)
            told.add(row.user_id)
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
        # Whoever sends none is told none: it is the address of the user's phone.
        answer = credential_output(row) | present({"pushToken": given.get("pushToken") or None})
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


class RemovePushView(RemoveView):
    methods = (M.PUSH,)

    @extend_schema(
        operation_id="clientRemovePushCredential", request=inputs.SignedInput, responses={200: answers.Removed}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class RemoveQrView(RemoveView):
    methods = (M.QR_CODE,)

    @extend_schema(
        operation_id="clientRemoveQrCodeCredential", request=inputs.SignedInput, responses={200: answers.Removed}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class RemoveInAppView(RemoveView):
    methods = (M.IN_APP,)

    @extend_schema(
        operation_id="clientRemoveInAppCredential", request=inputs.SignedInput, responses={200: answers.Removed}
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


# -- apps from before the methods were told apart ------------------------------------------------
# One key for everything: enrolled for each method that the tenant uses, found by the method of what it answers.


class LegacyCredentialView(CredentialView):
    """An app that was invited by a QR code enrols here too, without a token of its user."""

    methods = DEVICE_METHODS
    schema = None
    authentication_classes = [InvitedApp, *CredentialView.authentication_classes]

    def post(self, request: Request) -> Response:
        if not isinstance(self.context, InvitedContext):
            return super().post(request)
        device = device_of(self.parsed(inputs.DeviceInput))
        return Response(credential_output(app_enrolment.enrol(self.context, device)))


class LegacyRemoveView(RemoveView):
    methods = DEVICE_METHODS
    schema = None
