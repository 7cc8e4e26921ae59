"""Server API: users and their authenticators."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit import log
from authenticators import answers, enrolment, id_tokens, users
from authenticators import serializers as shapes
from authenticators.models import Authenticator
from authsignal_portal.api import ServerView, body_of, checked
from authsignal_portal.errors import AuthsignalError, InvalidRequest, NotFound
from authsignal_portal.json_body import BatchJSONParser, checked_id

DEFAULT_LIMIT = 20
BATCH = 1000
DONE = {"success": True}


class UsersView(ServerView):
    @extend_schema(operation_id="queryUsers", parameters=[shapes.UsersQuery], responses=answers.FoundUsers)
    def get(self, request: Request) -> Response:
        known = shapes.UsersQuery().fields
        asked = {name: text for name, text in request.query_params.dict().items() if text and name in known}
        for name, text in asked.items():
            checked_id(text, name, 4096)
        given = checked(shapes.UsersQuery, asked)
        limit = given.get("limit", DEFAULT_LIMIT)
        vouched = id_tokens.look_up(self.tenant, given["token"]) if given.get("token") else None
        found = list(users.query(self.tenant, given, vouched)[: limit + 1])
        answer: dict[str, Any] = {"users": [shapes.found_user(user) for user in found[:limit]]}
        if vouched:
            answer["tokenPayload"] = vouched.claims
        if len(found) > limit:
            answer["lastEvaluatedUserId"] = found[limit - 1].user_id
        return Response(answer)


class UserView(ServerView):
    @extend_schema(operation_id="getUser", responses=answers.User)
    def get(self, request: Request, user_id: str) -> Response:
        return Response(shapes.user_output(users.find(self.tenant, user_id)))

    @extend_schema(operation_id="updateUser", request=shapes.UserInput, responses=answers.UserAttributes)
    def patch(self, request: Request, user_id: str) -> Response:
        given = self.parsed(shapes.UserInput)
        user = users.update(self.tenant, user_id, given, actor=log.api_key(self.key.pk))
        return Response(shapes.attributes(user))

    @extend_schema(exclude=True)
    def post(self, request: Request, user_id: str) -> Response:
        """Java and Ruby update a user by POST."""
        return self.patch(request, user_id)

    @extend_schema(operation_id="deleteUser", request=None, responses={200: answers.Done})
    def delete(self, request: Request, user_id: str) -> Response:
        users.delete(self.tenant, checked_id(user_id, "userId"), actor=log.api_key(self.key.pk))
        return Response(DONE)


class UserAuthenticatorsView(ServerView):
    @extend_schema(operation_id="getAuthenticators", responses=answers.UserAuthenticator(many=True))
    def get(self, request: Request, user_id: str) -> Response:
        rows = Authenticator.objects.select_related("user", "tenant").exclude(verified_at=None)
        mine = rows.filter(tenant=self.tenant, user__user_id=checked_id(user_id, "userId"))
        return Response([shapes.authenticator_output(row) for row in mine])

    @extend_schema(
        operation_id="enrollVerifiedAuthenticator", request=shapes.EnrolInput, responses={200: answers.Enrolled}
    )
    def post(self, request: Request, user_id: str) -> Response:
        given = self.parsed(shapes.EnrolInput)
        given["verificationMethod"] = given.get("verificationMethod") or given.get("oobChannel")
        if not given["verificationMethod"]:
            raise InvalidRequest("verificationMethod is required.")
        actor = log.api_key(self.key.pk)
        checked_id(user_id, "userId")
        added = users.enrol(self.tenant, user_id, given, actor=actor)
        answer: dict[str, Any] = {"authenticator": shapes.authenticator_output(added.authenticator)}
        if added.recovery_codes:
            answer["recoveryCodes"] = added.recovery_codes
        return Response(answer)


class UserAuthenticatorView(ServerView):
    @extend_schema(operation_id="deleteAuthenticator", request=None, responses={200: answers.Done})
    def delete(self, request: Request, user_id: str, authenticator_id: str) -> Response:
        rows = Authenticator.objects.select_related("user", "tenant").filter(
            tenant=self.tenant, user__user_id=checked_id(user_id, "userId")
        )
        try:
            found = rows.filter(pk=uuid.UUID(authenticator_id)).first()
        except ValueError:
            found = None
        if found is None:
            raise NotFound("No such authenticator.")
        enrolment.remove(found, actor=log.api_key(self.key.pk))
        return Response(DONE)


class ImportView(ServerView):
    """Passkeys from another server, up to 1000 at once; each succeeds or fails by itself."""

    parser_classes = [BatchJSONParser]

    @extend_schema(operation_id="importPasskeys", request=shapes.ImportInput, responses={200: answers.Imported})
    def post(self, request: Request) -> Response:
        items = body_of(request).get("authenticators")
        if not isinstance(items, list) or not 1 <= len(items) <= BATCH:
            raise InvalidRequest(f"authenticators must be a list of 1 to {BATCH} items.")
        actor = log.api_key(self.key.pk)
        failures = [failure for item in items if (failure := self._import(item, actor))]
        return Response(
            {
                "total": len(items),
                "succeeded": len(items) - len(failures),
                "failed": len(failures),
                "failures": failures,
            }
        )

    def _import(self, item: Any, actor: log.Actor) -> dict[str, str] | None:
        given = item if isinstance(item, dict) else {}
        try:
            passkey = checked(shapes.ImportedPasskey, given)
            users.enrol(self.tenant, checked_id(passkey["userId"], "userId"), passkey, actor=actor, with_codes=False)
        except AuthsignalError as error:
            return {
                "userId": str(given.get("userId", "")),
                "credentialId": str(given.get("credentialId", "")),
                "errorCode": error.code,
                "errorDescription": error.description,
            }
        return None


class AuthenticatorsView(ServerView):
    @extend_schema(
        operation_id="getAuthenticatorConfigurations", responses=answers.AuthenticatorConfiguration(many=True)
    )
    def get(self, request: Request) -> Response:
        return Response(shapes.configurations(self.tenant))
