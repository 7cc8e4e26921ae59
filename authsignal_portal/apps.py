"""App configuration of the ground floor."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


class PortalConfig(AppConfig):
    name = "authsignal_portal"
    verbose_name = "Settings"

    def ready(self) -> None:
        from authsignal_portal import checks  # noqa: F401  (registers the system checks)

        pre_migrate.connect(take_time, sender=self)
        post_migrate.connect(hurry, sender=self)


def take_time(*, using: str, **_signal: Any) -> None:
    """A migration may change or index a large table; how long a statement may take is meant for requests."""
    with connections[using].cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")


def hurry(*, using: str, **_signal: Any) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute("RESET statement_timeout")
