"""Email through the API of a sender service: of a tenant's account there, or of the deployment's."""

from dataclasses import dataclass
from typing import Self

from django.conf import settings

from authenticators.messaging import sender_api
from authenticators.messaging.base import Outgoing
from authenticators.models import MessageProvider
from authsignal_portal.sender_services import SERVICES, ServiceAccount
from authsignal_portal.vocabulary import Channel


@dataclass(frozen=True, slots=True)
class SenderServiceMail:
    """`service` is a key of `SERVICES`."""

    service: str
    account: ServiceAccount | None = None
    channels = frozenset({Channel.EMAIL})

    @classmethod
    def of(cls, row: MessageProvider) -> Self:
        return cls(row.service, ServiceAccount(row.secret or "", row.account, row.region, row.sender))

    def send(self, message: Outgoing) -> str:
        return sender_api.hand_over(message, SERVICES[self.service], self.account or deployments())


def deployments() -> ServiceAccount:
    return ServiceAccount(
        secret=settings.EMAIL_SERVICE_SECRET,
        name=settings.EMAIL_SERVICE_ACCOUNT,
        region=settings.EMAIL_SERVICE_REGION,
        sender=settings.DEFAULT_FROM_EMAIL,
    )
