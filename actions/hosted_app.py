"""The hosted pages' calls about this server's web app: invite it, and see whether it came."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import app_enrolment
from actions.hosted_calls import HostedView
from actions.qr_picture import picture
from authenticators.models import AppInvitation


class InvitationInput(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class InviteAppView(HostedView):
    """A code to scan, to open on this very phone, or to type. It is not told again."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        context = self.context
        invited = app_enrolment.invite(context)
        return Response(
            {
                "id": str(invited.row.pk),
                "link": invited.link,
                "code": invited.code,
                "image": picture(invited.link),
                "expiresIn": int((invited.row.expires_at - context.now).total_seconds()),
            }
        )


class InvitationView(HostedView):
    """Whether the app has come, and which: the user shall see it if it is not theirs.

    An invitation that is over by another one counts as over, not as used.
    """

    @extend_schema(request=InvitationInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        wanted = self.parsed(InvitationInput)["id"]
        context = self.context
        rows = AppInvitation.objects.select_related("authenticator")
        row = rows.filter(pk=wanted, action_id=context.action.pk, user=context.user.pk).first()
        is_used = row is not None and row.used_at is not None
        is_over = not is_used and (row is None or row.expires_at <= context.now)
        made = row.authenticator if row else None
        shown = {"name": made.name, "platform": made.device_platform} if made else {}
        return Response({"isUsed": is_used, "isOver": is_over} | shown)
