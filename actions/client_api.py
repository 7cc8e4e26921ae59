"""Client API: what the browser and mobile SDKs call with a user's token, or with the tenant's id alone."""

from typing import Any, cast

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import ceremonies, device_waiting, proofs, proving, track_request
from actions import client_answers as answers
from actions import client_inputs as inputs
from actions.client_auth import ClientContext, ClientToken, OptionalClientToken
from actions.ip_intel import InvalidAddress, parse_address
from authenticators import available
from authenticators import serializers as shapes
from authenticators.app_attestation import nonces
from authenticators.challenges import Way
from authenticators.models import Authenticator
from authsignal_portal import limits, tokens
from authsignal_portal.api import JsonView, TenantId, check_origin
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import ExpiredToken, InvalidCredential, InvalidRequest, NotFound, Unauthorized
from authsignal_portal.json_body import checked_id
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Scope, VerificationMethod
from authsignal_portal.wire import iso, present

M = VerificationMethod
CHALLENGE_COOKIE, COOKIE_PATH = "as_challenge", "/v1/client/"
MAX_USER_AGENT = 4000


class ClientView(JsonView):
    """An endpoint for one user's token; `self.context` is what the token stands for."""

    authentication_classes = [ClientToken]

    @property
    def context(self) -> ClientContext:
        return cast(ClientContext, self.request.auth)


class EitherView(JsonView):
    """An endpoint for a user's token or the tenant's id."""

    authentication_classes = [OptionalClientToken, TenantId]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.auth is None:
            raise ExpiredToken
        if self.context is None:
            self.count()

    def count(self) -> None:
        """A call without a token. Raises TooManyRequests."""
        limits.without_token(self.tenant.pk, client_ip(self.request._request))

    @property
    def context(self) -> ClientContext | None:
        return self.request.auth if isinstance(self.request.auth, ClientContext) else None

    @property
    def tenant(self) -> Tenant:
        return tenant_of(self.request)


def tenant_of(request: Request) -> Tenant:
    """Of a caller who is known by a token or by the tenant's id."""
    caller = request.auth
    return caller.tenant if isinstance(caller, ClientContext) else cast(Tenant, caller)


class WithCookies(JsonView):
    """An endpoint that browsers call with their cookies: for pages of the tenant's app origins alone."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_origin(request._request, tenant_of(request))


def verified_output(verified: proving.Verified) -> dict[str, Any]:
    """`userAuthenticator` comes with the answer that completed an enrolment, and only then."""
    return present(
        {
            "isVerified": verified.is_verified,
            "accessToken": verified.access_token,
            "failureReason": verified.failure.value if verified.failure else None,
            "userAuthenticator": shapes.client_authenticator(verified.authenticator, in_clear=True)
            if verified.enrolled and verified.authenticator
            else None,
        }
    )


def started_output(started: proving.Started, user_id: str) -> dict[str, Any]:
    return {
        "userAuthenticatorId": str(started.authenticator.pk),
        "userId": user_id,
        "challengeId": started.challenge.pk,
    }


# -- the session ---------------------------------------------------------------------------------


class BeginView(EitherView):
    """A challenge before the user is known; with a user's token, a nonce for attestation.

    With the token of an action that is linked to its transaction it is that action's, and an app signs both.
    """

    @extend_schema(operation_id="clientChallenge", request=inputs.BeginInput, responses={200: answers.Begun})
    def post(self, request: Request) -> Response:
        challenge = self.begin()
        # With a user's token, what an attestation of their app is made over; the challenge itself is for whoever comes.
        nonce = nonces.issue(self.context.user) if self.context else bytes(challenge.nonce or b"").hex()
        return Response({"challengeId": challenge.pk, "nonce": nonce})

    def begin(self) -> Any:
        given = self.parsed(inputs.BeginInput)
        context = self.context
        action, key = given.get("action") or "", given.get("idempotencyKey") or ""
        if context and context.facts.transaction_hash and action in ("", context.action.action_code):
            return device_waiting.start_in_app(context)
        if action and not track_request.is_action_code(action):
            raise InvalidRequest("action must have 1 to 64 letters, digits, hyphens and underscores.")
        if key:
            checked_id(key, "idempotencyKey")
        if context:
            return ceremonies.begin_for(context, action_code=action, idempotency_key=key)
        return ceremonies.begin_by_client(self.tenant, action_code=action, idempotency_key=key)


class BeginWebView(WithCookies, BeginView):
    """The same, remembered in a cookie for a browser that sends cookies."""

    authentication_classes = [TenantId]

    @extend_schema(operation_id="clientChallengeWeb", request=inputs.BeginInput, responses={200: answers.CodeSent})
    def post(self, request: Request) -> Response:
        challenge = self.begin()
        response = Response({"challengeId": challenge.pk})
        response.set_cookie(
            CHALLENGE_COOKIE,
            signing.dumps(challenge.pk, salt=CHALLENGE_COOKIE),
            max_age=settings.PROOF_FRESH_SECONDS,
            httponly=True,
            secure=True,
            samesite="None",
            path=COOKIE_PATH,
        )
        return response


def challenge_in_cookie(request: HttpRequest) -> str | None:
    """The challenge that this browser began; None where it began none, or too long ago."""
    try:
        named: str = signing.loads(
            request.COOKIES.get(CHALLENGE_COOKIE, ""), salt=CHALLENGE_COOKIE, max_age=settings.PROOF_FRESH_SECONDS
        )
    except signing.BadSignature:
        return None
    return named


class InitView(ClientView):
    """What a page of the app's own can ask its user for: authsignal-react offers each method that is listed here."""

    @extend_schema(operation_id="clientInit", request=None, responses={200: answers.Init})
    def post(self, request: Request) -> Response:
        context, first = self.context, self.context.facts.default_method
        enrolled = available.enrolled(context.user)
        is_new = available.is_new(context.user, enrolled)
        usable = proving.challengeable(context.user, enrolled, is_new=is_new)
        permitted = proofs.permitted(context.action)
        methods = [method for method in usable if method in permitted]
        user = present({"email": context.user.email, "phoneNumber": context.user.phone_number})
        if not context.may(Scope.UPDATE):
            user = shapes.masked(user)
        options = {
            "token": request._request.META["HTTP_AUTHORIZATION"].partition(" ")[2].strip(),
            "user": user,
            "verificationMethods": methods,
            "defaultVerificationMethod": first if first in methods else None,
        }
        return Response({"challengeOptions": present(options)})


class UserAuthenticatorsView(EitherView):
    """For a user's token. The browser SDK asks with the tenant's id too, after a sign-in with cookies: no token has
    expired then, and the page must not be told so."""

    @extend_schema(
        operation_id="clientUserAuthenticators",
        responses=answers.UserAuthenticator(many=True),
        auth=[{"ClientToken": []}],  # type: ignore[list-item]
    )
    def get(self, request: Request) -> Response:
        if self.context is None:
            raise Unauthorized("The list of authenticators needs a user's token.")
        rows = self.context.user.authenticators.exclude(verified_at=None).select_related("user", "tenant")
        in_clear = self.context.may(Scope.UPDATE)
        return Response([shapes.client_authenticator(row, in_clear=in_clear) for row in rows])


class AuthenticatorsView(ClientView):
    @extend_schema(operation_id="clientAuthenticators", responses=answers.AuthenticatorConfiguration(many=True))
    def get(self, request: Request) -> Response:
        return Response(shapes.configurations(self.context.tenant))


class JwksView(JsonView):
    """The tenant's public keys; no authentication, cacheable."""

    authentication_classes = []

    @extend_schema(operation_id="jwks", responses=answers.Jwks, auth=[])
    def get(self, request: Request, tenant_id: str) -> Response:
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("No such tenant.")
        return Response(tokens.public_jwks(tenant))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code == 200:
            answer.headers["Cache-Control"] = "public, max-age=300"
        return answer


# -- codes ---------------------------------------------------------------------------------------


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
        return Response(verified_output(proving.verify_code(self.context, self.method, code)))


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
            verified_output(proving.verify_totp(self.context, self.parsed(inputs.CodeInput)["verificationCode"]))
        )


def seen(request: HttpRequest) -> dict[str, str]:
    """The caller's own address and agent, as far as they can be told."""
    agent = request.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT]
    try:
        address = parse_address(client_ip(request))
    except InvalidAddress:
        address = None
    return {"userAgent": agent} | ({"ipAddress": address} if address else {})


# -- passkeys ------------------------------------------------------------------------------------


class RegistrationOptionsView(ClientView):
    @extend_schema(
        operation_id="clientPasskeyRegistrationOptions",
        request=inputs.RegistrationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.RegistrationOptionsInput)
        ceremony = ceremonies.start_passkey_registration(
            self.context,
            username=given.get("username", ""),
            display_name=given.get("displayName", ""),
            attachment=given.get("authenticatorAttachment", ""),
            user_agent=request._request.META.get("HTTP_USER_AGENT", ""),
        )
        return Response({"challengeId": ceremony.challenge.pk, "options": ceremony.options})


class RegistrationOptionsWebView(WithCookies, RegistrationOptionsView):
    @extend_schema(
        operation_id="clientPasskeyRegistrationOptionsWeb",
        request=inputs.RegistrationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class PasskeyView(EitherView):
    """POST: register a passkey. GET: whether one of the given credentials is still known."""

    @extend_schema(
        operation_id="clientRegisterPasskey",
        request=inputs.RegistrationInput,
        responses={200: answers.RegisteredPasskey},
    )
    def post(self, request: Request) -> Response:
        context = self.context
        if context is None:
            raise ExpiredToken
        given = self.parsed(inputs.RegistrationInput)
        verified = ceremonies.finish_passkey_registration(
            context,
            given["challengeId"],
            given["registrationCredential"],
            is_conditional=bool(given.get("conditionalCreate")),
            device_id=given.get("deviceId", ""),
        )
        answer = verified_output(verified) | {"userId": context.user.user_id}
        if verified.authenticator:
            answer |= {
                "userAuthenticatorId": str(verified.authenticator.pk),
                "credentialId": verified.authenticator.credential_id,
            }
        return Response(answer)

    @extend_schema(
        operation_id="clientKnownPasskey", parameters=[inputs.KnownPasskeyQuery], responses=answers.KnownPasskey
    )
    def get(self, request: Request) -> Response:
        query = request._request.GET
        named = (query.get("credentialIds") or query.get("credentialId") or "")[:16_000].split(",")
        rows = Authenticator.objects.filter(
            tenant=self.tenant,
            method=M.PASSKEY,
            credential_id__in=[name for name in named[:50] if name.isascii() and "\x00" not in name],
        )
        found = rows.exclude(verified_at=None).first()
        if found is None:
            raise InvalidCredential
        return Response({"credentialId": found.credential_id, "verifiedAt": iso(found.verified_at)})


class AuthenticationOptionsView(EitherView):
    @extend_schema(
        operation_id="clientPasskeyAuthenticationOptions",
        request=inputs.AuthenticationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        challenge_id = self.parsed(inputs.AuthenticationOptionsInput).get("challengeId") or self.challenge_in_cookie()
        ceremony = ceremonies.start_passkey_authentication(self.tenant, self.context, challenge_id)
        return Response({"challengeId": ceremony.challenge.pk, "options": ceremony.options})

    def challenge_in_cookie(self) -> str | None:
        return None


class AuthenticationOptionsWebView(WithCookies, AuthenticationOptionsView):
    @extend_schema(
        operation_id="clientPasskeyAuthenticationOptionsWeb",
        request=inputs.AuthenticationOptionsInput,
        responses={200: answers.Ceremony},
    )
    def post(self, request: Request) -> Response:
        return super().post(request)

    def challenge_in_cookie(self) -> str | None:
        """One that was used counts as none: the browser keeps its cookie for longer than one sign-in takes."""
        named = challenge_in_cookie(self.request._request)
        return named if named and ceremonies.is_begun(self.tenant, named) else None


def owner_output(verified: proving.Verified) -> dict[str, Any]:
    """Whose passkey it was: by the names that it was made with, else those of the user."""
    user, row = verified.user, verified.authenticator
    if user is None or row is None:
        return {}
    # What an imported one is called is no user name.
    own = "" if row.is_imported else row.name
    return present(
        {
            "userId": user.user_id,
            "userAuthenticatorId": str(row.pk),
            "username": own or user.username,
            "userDisplayName": row.display_name or user.display_name,
        }
    )


class VerifyPasskeyView(EitherView):
    @extend_schema(
        operation_id="clientVerifyPasskey", request=inputs.AssertionInput, responses={200: answers.VerifiedPasskey}
    )
    def post(self, request: Request) -> Response:
        given = self.parsed(inputs.AssertionInput)
        verified = ceremonies.verify_passkey(
            self.tenant,
            self.context,
            challenge_id=given["challengeId"],
            credential=given["authenticationCredential"],
            seen=seen(request._request) | {"deviceId": given.get("deviceId", "")},
        )
        response = Response(verified_output(verified) | owner_output(verified))
        if verified.is_verified and challenge_in_cookie(request._request) == given["challengeId"]:
            response.delete_cookie(CHALLENGE_COOKIE, path=COOKIE_PATH, samesite="None")
        return response


class NothingHere(EitherView):
    """Any other path of the Client API: authenticated first, then not found."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        raise NotFound

    post = put = patch = delete = get
