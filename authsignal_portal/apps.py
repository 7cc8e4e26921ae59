"""App configuration of the ground floor."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "authsignal_portal"
    verbose_name = "Settings"

    def ready(self) -> None:
        from authsignal_portal import checks  # noqa: F401  (registers the system checks)
