"""The hosted pages' calls about what users prove themselves with: what there is, to name, prefer and remove it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import own_methods
from actions.hosted_calls import HostedView
from authsignal_portal.fields import Text
from authsignal_portal.wire import iso, present


class MethodInput(serializers.Serializer[Any]):
    id = Text(max_length=36, required=True)


class RenameInput(MethodInput):
    """An empty name takes the one that was given away."""

    newLabel = Text(required=True, allow_blank=True)


class ListMethodsView(HostedView):
    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        return Response({"methods": [method_output(one) for one in own_methods.listed(self.context)]})


class RenameMethodView(HostedView):
    @extend_schema(request=RenameInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        given = self.parsed(RenameInput)
        own_methods.rename(self.context, given["id"], given["newLabel"])
        return Response({})


class RemoveMethodView(HostedView):
    @extend_schema(request=MethodInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        own_methods.remove(self.context, self.parsed(MethodInput)["id"])
        return Response({})


class PreferMethodView(HostedView):
    @extend_schema(request=MethodInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        own_methods.prefer(self.context, self.parsed(MethodInput)["id"])
        return Response({})


def method_output(one: own_methods.Listed) -> dict[str, Any]:
    return present(
        {
            "id": str(one.row.pk),
            "method": one.row.method,
            "name": one.name or None,
            "label": one.label or None,
            "detail": one.detail or None,
            "madeOn": one.made_on or None,
            "createdAt": iso(one.created_at),
            "lastUsedAt": iso(one.last_used_at),
            "isDefault": one.is_default,
            "isExpired": one.is_expired,
            "may": sorted(one.may),
            "isLast": one.is_last,
        }
    )
