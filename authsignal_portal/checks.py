"""System checks: what must be right before the service may run.

Errors are `authsignal.E…`, warnings `authsignal.W…`. `manage.py check --deploy --database default` runs all
of them; `refuse_unsafe_start` runs those for errors whenever a server or a worker starts.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from celery.signals import worker_init
from cryptography import x509
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from authsignal_portal.sender_services import REPORT_PASSWORD_CHARS, SERVICES

# What `authenticators.messaging` can send with, by channel; it stands above this module.
PROVIDERS = {
    "EMAIL": {"builtin", "smtp", *SERVICES, "none"},
    "SMS": {"builtin", "twilio", "none"},
    "WHATSAPP": {"builtin", "twilio", "none"},
    "PUSH": {"builtin", "web-push", "none"},
}
SECRET_KEY_CHARS = 50
SECRET_KEY_DIFFERENT_CHARS = 5
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@register(Tags.security)
def settings_check(**_kwargs: Any) -> list[CheckMessage]:
    return [*_messages(), *_secrets(), *_addresses(), *_attestation()]


@register(Tags.database)
def clock_check(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    return list(_clock()) if databases else []


@register(Tags.security, deploy=True)
def deployment_check(**_kwargs: Any) -> list[CheckMessage]:
    return [*_redis(), *_clear_text_mail(), *_proxy()]


def refuse_unsafe_start() -> None:
    """Raises ImproperlyConfigured with every error found. A database that is away is none: it may return."""
    found = settings_check()
    try:
        found += clock_check(databases=["default"])
    except DatabaseError:
        pass
    finally:
        connection.close()
    if found:
        raise ImproperlyConfigured("\n".join(f"{message.id}: {message.msg} {message.hint or ''}" for message in found))


@worker_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _stop_unsafe_worker(**_kwargs: Any) -> None:
    try:
        refuse_unsafe_start()
    except ImproperlyConfigured as error:
        raise SystemExit(f"The worker does not start. {error}") from None


# -- messages ------------------------------------------------------------------------------------


def _messages() -> Iterator[CheckMessage]:
    for channel, name in settings.MESSAGE_PROVIDERS.items():
        yield from _provider(channel, name)
    if settings.PRODUCTION and settings.OUTBOX_FILE:
        yield Error(
            "OUTBOX_FILE is set in production.",
            hint="It holds one-time codes in clear and belongs to the built-in provider. Unset it.",
            id="authsignal.E002",
        )
    if "twilio" in settings.MESSAGE_PROVIDERS.values():
        yield from _twilio()
    if settings.MESSAGE_PROVIDERS["EMAIL"] in SERVICES:
        yield from _sender_service(settings.MESSAGE_PROVIDERS["EMAIL"])


def _provider(channel: str, name: str) -> Iterator[CheckMessage]:
    known = PROVIDERS[channel]
    if name not in known:
        yield Error(
            f"{channel}_PROVIDER is {name!r}.",
            hint=f"Set it to one of: {', '.join(sorted(known))}.",
            id="authsignal.E003",
        )
    elif name == "builtin" and settings.PRODUCTION:
        yield Error(
            f"{channel}_PROVIDER is the built-in one in production.",
            hint="It sends nothing: it writes codes in clear to a file. Set another provider.",
            id="authsignal.E001",
        )


def _sender_service(key: str) -> Iterator[CheckMessage]:
    service = SERVICES[key]
    wanted = ["EMAIL_SERVICE_SECRET", *(["EMAIL_SERVICE_ACCOUNT"] if service.account_needed else [])]
    if missing := [name for name in wanted if not getattr(settings, name)]:
        yield Error(
            f"Email goes through {service.name}, but nothing is given for {', '.join(missing)}.",
            hint="Set them, or set EMAIL_PROVIDER to another provider.",
            id="authsignal.E012",
        )
    if settings.EMAIL_SERVICE_REGION and settings.EMAIL_SERVICE_REGION not in service.apis:
        regions = ", ".join(filter(None, service.apis))
        yield Error(
            f"{service.name} has no region {settings.EMAIL_SERVICE_REGION!r} (EMAIL_SERVICE_REGION).",
            hint=f"Set it to one of: {regions}." if regions else "Unset it: this service has one address.",
            id="authsignal.E013",
        )
    if not service.signature and 0 < len(settings.EMAIL_SERVICE_REPORT_SECRET) < REPORT_PASSWORD_CHARS:
        yield Error(
            f"EMAIL_SERVICE_REPORT_SECRET has less than {REPORT_PASSWORD_CHARS} characters.",
            hint="It is a password that anybody may try. Make up a longer one.",
            id="authsignal.E014",
        )


def _twilio() -> Iterator[CheckMessage]:
    missing = [name for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN") if not getattr(settings, name)]
    sms = settings.MESSAGE_PROVIDERS["SMS"] == "twilio"
    if sms and not (settings.TWILIO_FROM or settings.TWILIO_MESSAGING_SERVICE_SID):
        missing.append("TWILIO_FROM (or TWILIO_MESSAGING_SERVICE_SID)")
    if missing:
        yield Error(
            f"Messages go through Twilio, but nothing is given for {', '.join(missing)}.",
            hint="Set them, or set SMS_PROVIDER and WHATSAPP_PROVIDER to none: then only tenants with a provider of "
            "their own send.",
            id="authsignal.E004",
        )
    if settings.MESSAGE_PROVIDERS.get("WHATSAPP") == "twilio" and not settings.TWILIO_WHATSAPP_FROM:
        yield Error(
            "WhatsApp goes through Twilio, but nothing is given for TWILIO_WHATSAPP_FROM.",
            hint="Set it, or set WHATSAPP_PROVIDER to none.",
            id="authsignal.E011",
        )
    base = urlsplit(settings.TWILIO_BASE_URL)
    if settings.TWILIO_BASE_URL and base.scheme != "https" and base.hostname not in LOOPBACK:
        yield Error(
            "TWILIO_BASE_URL is not https.",
            hint="The account's token and the codes would travel in clear. Only a loopback one may.",
            id="authsignal.E005",
        )


# -- secrets -------------------------------------------------------------------------------------


def _secrets() -> Iterator[CheckMessage]:
    for key in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        if len(key) < SECRET_KEY_CHARS or len(set(key)) < SECRET_KEY_DIFFERENT_CHARS:
            yield Error(
                "SECRET_KEY (or one of its fallbacks) is too short or too regular.",
                hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(64))'",
                id="authsignal.E006",
            )
    if set(settings.MASTER_KEYS.values()) & set(settings.PEPPERS.values()):
        yield Error(
            "AUTHSIGNAL_MASTER_KEYS and AUTHSIGNAL_PEPPERS share a key.",
            hint="Each key needs 32 random bytes of its own: openssl rand -base64 32",
            id="authsignal.E007",
        )


# -- addresses, clock, neighbours ----------------------------------------------------------------


def _addresses() -> Iterator[CheckMessage]:
    if settings.PRODUCTION and urlsplit(settings.PUBLIC_URL).scheme != "https":
        yield Error(
            "PUBLIC_URL is not https in production.",
            hint="Give the address at which people reach this server through TLS, such as https://auth.example.com.",
            id="authsignal.E008",
        )
    if settings.PRODUCTION and any("*" in host or host.startswith(".") for host in settings.ALLOWED_HOSTS):
        yield Error(
            "ALLOWED_HOSTS accepts any name.",
            hint="List the names by which this server is reached; it defaults to the host of PUBLIC_URL.",
            id="authsignal.E009",
        )


def _attestation() -> Iterator[CheckMessage]:
    try:
        x509.load_pem_x509_certificates(settings.APP_ATTEST_ROOT.encode())
    except ValueError:
        yield Error(
            "APP_ATTEST_ROOT holds no certificate.",
            hint="Give certificates in PEM, or unset it: Apple's own root is then trusted.",
            id="authsignal.E015",
        )


def _clock() -> Iterator[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('test_clock')")
        if cursor.fetchone()[0] is None:  # not migrated yet
            return
        cursor.execute("SELECT coalesce(sum(abs(offset_seconds)), 0) FROM test_clock")
        moved = cursor.fetchone()[0]
    if moved and settings.ENVIRONMENT != "test":
        yield Error(
            "The database clock is moved: the table test_clock is not empty.",
            hint="Expiry would be judged by a wrong time. As the owner role: DELETE FROM test_clock.",
            id="authsignal.E010",
        )


def _redis() -> Iterator[CheckMessage]:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        yield checks.Warning(
            f"Redis does not answer at REDIS_URL ({type(error).__name__}).",
            hint="Nothing is lost without it, but requests are not limited and messages are not sent.",
            id="authsignal.W001",
        )


def _clear_text_mail() -> Iterator[CheckMessage]:
    encrypted = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    smtp = settings.MESSAGE_PROVIDERS["EMAIL"] == "smtp"
    if settings.PRODUCTION and smtp and not encrypted and settings.EMAIL_HOST not in LOOPBACK:
        yield checks.Warning(
            "Email leaves this machine without TLS, codes included.",
            hint="Use smtp+tls:// or smtp+ssl:// in EMAIL_URL.",
            id="authsignal.W002",
        )


def _proxy() -> Iterator[CheckMessage]:
    if settings.PRODUCTION and not settings.TRUSTED_PROXIES:
        yield checks.Warning(
            "No proxy is trusted: whoever connects to this server is taken for the caller.",
            hint="Behind a proxy set TRUSTED_PROXIES=1 and BEHIND_TLS_PROXY=yes. Else all callers have the address of "
            "the proxy, and one of them uses up the limits of all.",
            id="authsignal.W003",
        )
