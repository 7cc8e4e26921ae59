"""App configuration of the authenticators."""

from django.apps import AppConfig


class AuthenticatorsConfig(AppConfig):
    name = "authenticators"
    verbose_name = "Users and authenticators"
