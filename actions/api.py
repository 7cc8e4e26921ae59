"""Server API: actions, challenges, devices."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import answers, devices, flow, manual_states, server_challenges, track_request, validation
from actions import serializers as shapes
from actions.models import Action, Device
from audit import log
from audit.events import Tag
from authsignal_portal import clock
from authsignal_portal.api import ServerView, body_of, checked
from authsignal_portal.errors import InvalidRequest, NotFound
from authsignal_portal.json_body import checked_id
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.wire import iso

LOOK_BACK = timedelta(days=30)
MAX_LISTED = 1000


class TrackView(ServerView):
    @extend_schema(operation_id="track", request=shapes.TrackInput, responses={200: answers.Tracked})
    def post(self, request: Request, user_id: str, action: str) -> Response:
        tracked = flow.track(
            tenant=self.tenant,
            user_id=user_id,
            action_code=action,
            attributes=self.parsed(shapes.TrackInput),
            actor=log.api_key(self.key.pk),
        )
        return Response(shapes.track_output(tracked))


class ActionView(ServerView):
    @extend_schema(operation_id="getAction", responses=answers.ActionInstance)
    def get(self, request: Request, user_id: str, action: str, key: str) -> Response:
        found = self._find(user_id, action, key)
        return Response(shapes.action_output(found, found.facts, shapes.matched_rules(found.facts)))

    @extend_schema(operation_id="updateAction", request=shapes.StateInput, responses=answers.ChangedState)
    def patch(self, request: Request, user_id: str, action: str, key: str) -> Response:
        state = ActionState(self.parsed(shapes.StateInput)["state"])
        changed = manual_states.update_state(self._find(user_id, action, key), state, actor=log.api_key(self.key.pk))
        return Response(
            {
                "userId": user_id,
                "action": action,
                "idempotencyKey": key,
                "state": changed.state,
                "stateUpdatedAt": iso(changed.state_updated_at),
            }
        )

    def _find(self, user_id: str, action: str, key: str) -> Action:
        checked_id(user_id, "userId")
        if not track_request.is_action_code(action):
            raise NotFound("No such action.")
        return manual_states.find(
            tenant=self.tenant,
            user_id=user_id,
            action_code=action,
            idempotency_key=checked_id(key, "idempotencyKey"),
        )


class UserActionsView(ServerView):
    @extend_schema(
        operation_id="queryUserActions",
        parameters=[shapes.UserActionsQuery],
        responses=answers.ListedAction(many=True),
    )
    def get(self, request: Request, user_id: str) -> Response:
        query = request.query_params
        rows = Action.objects.filter(tenant=self.tenant, user__user_id=checked_id(user_id, "userId"))
        rows = rows.filter(created_at__gte=self._since(query.get("fromDate", "")))
        if query.get("codes"):
            rows = rows.filter(action_code__in=clean(query["codes"], "codes").split(","))
        if query.get("state"):
            if query["state"] not in set(ActionState):
                raise InvalidRequest("state is not a state of an action.")
            rows = rows.filter(state=query["state"])
        newest = rows.select_related("facts").order_by("-created_at")[:MAX_LISTED]
        return Response([shapes.listed_action(row) for row in newest])

    def _since(self, text: str) -> datetime:
        """fromDate, but at most 30 days ago."""
        earliest = clock.now() - LOOK_BACK
        if not text:
            return earliest
        try:
            moment = parse_datetime(text.replace(" ", "+"))
            day = parse_date(text) if moment is None else None
        except ValueError:
            moment, day = None, None
        if moment is None and day is None:
            raise InvalidRequest("fromDate must be an ISO 8601 date or time.")
        if moment is None:
            assert day is not None
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        return max(moment, earliest)


def clean(text: str, name: str) -> str:
    return checked_id(text, name, 4096)


class ValidateView(ServerView):
    @extend_schema(operation_id="validateChallenge", request=shapes.ValidateInput, responses={200: answers.Validated})
    def post(self, request: Request) -> Response:
        given = self.parsed(shapes.ValidateInput)
        found = validation.validate(
            tenant=self.tenant,
            token=given.get("token"),
            user_id=given.get("userId"),
            action_code=given.get("action"),
        )
        return Response(shapes.validation_output(found))


class ChallengeView(ServerView):
    @extend_schema(operation_id="challenge", request=shapes.ChallengeInput, responses={200: answers.StartedChallenge})
    def post(self, request: Request) -> Response:
        given = self.parsed(shapes.ChallengeInput)
        return Response(server_challenges.start(self.tenant, given, actor=log.api_key(self.key.pk)))


class VerifyView(ServerView):
    @extend_schema(operation_id="verify", request=shapes.VerifyInput, responses={200: answers.VerifiedChallenge})
    def post(self, request: Request) -> Response:
        return replayable(*server_challenges.verify(self.key, self.parsed(shapes.VerifyInput)))


class ClaimView(ServerView):
    @extend_schema(operation_id="claim", request=shapes.ClaimInput, responses={200: answers.Claimed})
    def post(self, request: Request) -> Response:
        return replayable(*server_challenges.claim(self.key, self.parsed(shapes.ClaimInput)))


def replayable(answer: dict[str, Any], is_replay: bool) -> Response:
    return Response(answer, headers={"Idempotent-Replayed": "true"} if is_replay else None)


class ChallengesView(ServerView):
    """GET; two SDKs send a POST with a body instead."""

    @extend_schema(operation_id="getChallenge", parameters=[shapes.ChallengesQuery], responses=answers.LiveChallenge)
    def get(self, request: Request) -> Response:
        return live_challenge(self.tenant, checked(shapes.ChallengesQuery, request.query_params.dict()))

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        return live_challenge(self.tenant, self.parsed(shapes.ChallengesQuery))


class ChallengesAliasView(ServerView):
    """One of them to a path without its question mark."""

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        return live_challenge(self.tenant, self.parsed(shapes.ChallengesQuery))


def live_challenge(tenant: Tenant, query: dict[str, Any]) -> Response:
    challenge = server_challenges.live(tenant, query)
    return Response(shapes.live_challenge(challenge) if challenge else {})


class DevicesView(ServerView):
    @extend_schema(operation_id="getDevices", responses=answers.UserDevice(many=True))
    def get(self, request: Request, user_id: str) -> Response:
        rows = Device.objects.filter(tenant=self.tenant, user__user_id=checked_id(user_id, "userId"))
        return Response([shapes.device_output(row) for row in rows.select_related("user")[:MAX_LISTED]])


class DeviceView(ServerView):
    def find(self, user_id: str, device_id: str) -> Device:
        rows = Device.objects.select_related("user").filter(
            tenant=self.tenant,
            user__user_id=checked_id(user_id, "userId"),
            device_id=checked_id(device_id, "deviceId"),
        )
        found = rows.first()
        if found is None:
            raise NotFound("No such device.")
        return found

    def changed(self, request: Request, device: Device, tag: Tag, *fields: str) -> Response:
        with transaction.atomic():
            if not Device.objects.filter(pk=device.pk).update(**{field: getattr(device, field) for field in fields}):
                raise NotFound("No such device.")
            log.record(
                tag,
                tenant_id=self.tenant.pk,
                actor=log.api_key(self.key.pk),
                subject=device.user.pseudonym,
                row=str(device.pk),
                fields=list(fields),
            )
        return Response(shapes.device_output(device))

    @extend_schema(operation_id="updateDevice", request=shapes.RememberInput, responses=answers.UserDevice)
    def patch(self, request: Request, user_id: str, device_id: str) -> Response:
        device = self.find(user_id, device_id)
        parsed = shapes.RememberInput(data=body_of(request))
        if not parsed.is_valid():
            raise InvalidRequest("rememberedUntil must be an ISO 8601 time, or null.")
        device.remembered_until = parsed.validated_data["rememberedUntil"]
        return self.changed(request, device, Tag.DEVICE_UPDATED, "remembered_until")


class InvalidateDeviceView(DeviceView):
    http_method_names = ["post", "options"]

    @extend_schema(operation_id="invalidateDevice", request=None, responses={200: answers.UserDevice})
    def post(self, request: Request, user_id: str, device_id: str) -> Response:
        device = self.find(user_id, device_id)
        devices.invalidate(device, device.user, actor=log.api_key(self.key.pk))
        return Response(shapes.device_output(device))


class NothingHere(ServerView):
    """Any other path under the API: authenticated first, then not found."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        raise NotFound

    post = put = patch = delete = get
