"""The hosted pages' calls about a user's devices: to remember one, and to forget it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import devices, own_methods
from actions.hosted_calls import HostedView
from actions.models import Device
from audit import log
from authsignal_portal.errors import NotFound
from authsignal_portal.fields import Count
from authsignal_portal.wire import iso, present


class DeviceInput(serializers.Serializer[Any]):
    id = Count(max_value=2**63 - 1)


class RememberDeviceView(HostedView):
    """Only with a proof of this very action, given just now."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        context = self.context
        return Response({"rememberedUntil": iso(devices.remember(context.action, context.facts, now=context.now))})


class ListDevicesView(HostedView):
    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        context = self.context
        own_methods.check_devices(context)
        found = devices.listed(context.user, this=context.facts.device_id, now=context.now)
        return Response({"devices": [device_output(one) for one in found]})


class ForgetDeviceView(HostedView):
    @extend_schema(request=DeviceInput, responses={200: dict})
    def post(self, request: Request) -> Response:
        own_methods.check_devices(self.context)
        user = self.context.user
        device = Device.objects.filter(pk=self.parsed(DeviceInput).get("id", 0), user=user, invalidated_at=None).first()
        if device is None:
            raise NotFound("No such device.")
        devices.invalidate(device, user, actor=log.user(user.pseudonym))
        return Response({})


def device_output(one: devices.Listed) -> dict[str, Any]:
    return present(
        {
            "id": one.device.pk,
            "name": one.name or None,
            "isThis": one.is_this,
            "isRemembered": one.is_remembered,
            "createdAt": iso(one.device.created_at),
            "authenticatedAt": iso(one.device.authenticated_at),
        }
    )
