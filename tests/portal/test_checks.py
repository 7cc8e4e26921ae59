"""The system checks: each mistake is told, a good configuration is clean, and nothing unsafe starts."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from authsignal_portal import checks, embedded
from authsignal_portal.models import TestClock

ROOT = Path(__file__).resolve().parents[2]

GOOD: dict[str, Any] = {
    "ENVIRONMENT": "production",
    "PRODUCTION": True,
    "PUBLIC_URL": "https://auth.example.com",
    "ALLOWED_HOSTS": ["auth.example.com"],
    "SECRET_KEY": "".join(map(chr, range(48, 123))),
    "SECRET_KEY_FALLBACKS": [],
    "MASTER_KEYS": {"m1": b"m" * 32},
    "PEPPERS": {"p1": b"p" * 32},
    "OUTBOX_FILE": "",
    "MESSAGE_PROVIDERS": {"EMAIL": "smtp", "SMS": "twilio"},
    "EMAIL_HOST": "mail.example.com",
    "EMAIL_USE_TLS": True,
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_FROM": "+15005550006",
    "TWILIO_MESSAGING_SERVICE_SID": "",
    "TWILIO_BASE_URL": "",
    "TRUSTED_PROXIES": 1,
}


# Its own mail server, without TLS, is nobody's business then.
BY_MAILGUN: dict[str, Any] = {
    "MESSAGE_PROVIDERS": {"EMAIL": "mailgun", "SMS": "twilio"},
    "EMAIL_SERVICE_SECRET": "key",
    "EMAIL_SERVICE_REGION": "eu",
    "EMAIL_USE_TLS": False,
}
BY_POSTMARK = BY_MAILGUN | {"MESSAGE_PROVIDERS": {"EMAIL": "postmark", "SMS": "twilio"}, "EMAIL_SERVICE_REGION": ""}


def found(settings: Any, **mistake: Any) -> list[str | None]:
    for name, value in (GOOD | mistake).items():
        setattr(settings, name, value)
    return [message.id for message in [*checks.settings_check(), *checks.deployment_check()]]


def test_a_good_configuration_is_clean(settings):
    assert found(settings) == []


@pytest.mark.parametrize(
    ("mistake", "ident"),
    [
        ({"MESSAGE_PROVIDERS": {"EMAIL": "builtin", "SMS": "twilio"}}, "E001"),
        ({"MESSAGE_PROVIDERS": {"EMAIL": "smtp", "SMS": "builtin"}}, "E001"),
        ({"OUTBOX_FILE": "/tmp/outbox.jsonl"}, "E002"),
        ({"MESSAGE_PROVIDERS": {"EMAIL": "twilio", "SMS": "twilio"}}, "E003"),
        ({"TWILIO_ACCOUNT_SID": ""}, "E004"),
        ({"TWILIO_AUTH_TOKEN": ""}, "E004"),
        ({"TWILIO_FROM": ""}, "E004"),
        ({"TWILIO_BASE_URL": "http://relay.example.com"}, "E005"),
        ({"SECRET_KEY": "short"}, "E006"),
        ({"SECRET_KEY": "a" * 80}, "E006"),
        ({"SECRET_KEY_FALLBACKS": ["short"]}, "E006"),
        ({"PEPPERS": {"p1": b"m" * 32}}, "E007"),
        ({"PUBLIC_URL": "http://auth.example.com"}, "E008"),
        ({"ALLOWED_HOSTS": ["*"]}, "E009"),
        ({"ALLOWED_HOSTS": [".example.com"]}, "E009"),
        (BY_MAILGUN | {"EMAIL_SERVICE_SECRET": ""}, "E012"),
        (BY_MAILGUN | {"MESSAGE_PROVIDERS": {"EMAIL": "mailjet", "SMS": "twilio"}, "EMAIL_SERVICE_REGION": ""}, "E012"),
        (BY_MAILGUN | {"EMAIL_SERVICE_REGION": "mars"}, "E013"),
        (BY_POSTMARK | {"EMAIL_SERVICE_REGION": "eu"}, "E013"),
        (BY_POSTMARK | {"EMAIL_SERVICE_REPORT_SECRET": "short"}, "E014"),
        ({"REDIS_URL": "unix:///nowhere/valkey.sock"}, "W001"),
        ({"EMAIL_USE_TLS": False}, "W002"),
        ({"TRUSTED_PROXIES": 0}, "W003"),
    ],
)
def test_each_mistake_is_told(settings, mistake, ident):
    assert found(settings, **mistake) == [f"authsignal.{ident}"]


@pytest.mark.parametrize(
    "variant",
    [
        BY_MAILGUN | {"EMAIL_SERVICE_REPORT_SECRET": "key"},
        BY_MAILGUN | {"EMAIL_SERVICE_REGION": ""},
        {"TWILIO_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": "MG1"},
        {"TWILIO_BASE_URL": "http://127.0.0.1:4010"},
        {"MESSAGE_PROVIDERS": {"EMAIL": "none", "SMS": "none"}, "TWILIO_ACCOUNT_SID": "", "TWILIO_FROM": ""},
        {"EMAIL_USE_TLS": False, "EMAIL_HOST": "localhost"},
        {"PRODUCTION": False, "MESSAGE_PROVIDERS": {"EMAIL": "builtin", "SMS": "builtin"}, "OUTBOX_FILE": "/x"},
        {"PRODUCTION": False, "PUBLIC_URL": "http://localhost:8000"},
    ],
)
def test_what_is_allowed_is_not_told_of(settings, variant):
    assert found(settings, **variant) == []


@pytest.mark.django_db
def test_a_moved_clock_is_an_error_except_in_tests(settings):
    TestClock.objects.create(offset_seconds=5)
    assert checks.clock_check(databases=["default"]) == []
    settings.ENVIRONMENT = "demo"
    (error,) = checks.clock_check(databases=["default"])
    assert error.id == "authsignal.E010"
    assert checks.clock_check() == []


@pytest.mark.parametrize(
    "root", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_root_of_app_attest_that_is_none_is_an_error(settings, root):
    settings.APP_ATTEST_ROOT = root
    assert "authsignal.E015" in [error.id for error in checks.settings_check()]


@pytest.mark.django_db
def test_offsets_that_cancel_out_are_a_moved_clock_too(settings):
    settings.ENVIRONMENT = "production"
    TestClock.objects.create(offset_seconds=5)
    TestClock.objects.create(offset_seconds=-5)
    assert checks.clock_check(databases=["default"])


@pytest.mark.django_db(transaction=True)
def test_an_unsafe_start_is_refused_with_every_reason(settings):
    found(settings, SECRET_KEY="short", PUBLIC_URL="http://auth.example.com")
    with pytest.raises(ImproperlyConfigured, match=r"(?s)E006.*E008"):
        checks.refuse_unsafe_start()


# -- as processes --


@pytest.fixture
def production(django_db_setup: None, django_db_blocker: Any, tmp_path: Path) -> dict[str, str]:
    """The environment of a well configured production server on the test database."""
    with django_db_blocker.unblock():
        call_command("grant_app_role", stderr=io.StringIO())
        database = connection.settings_dict["NAME"]
    keys = ("PATH", "HOME", "REDIS_URL")
    return {name: os.environ[name] for name in keys if name in os.environ} | {
        "AUTHSIGNAL_ENV": "production",
        "DJANGO_SETTINGS_MODULE": "authsignal_portal.settings",
        "DATABASE_URL": os.environ["DATABASE_URL"].replace(f"/{embedded.DATABASE}?", f"/{database}?"),
        "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "AUTHSIGNAL_MASTER_KEYS": "m1:" + "bW1t" * 10 + "bW0=",
        "AUTHSIGNAL_PEPPERS": "p1:" + "cHBw" * 10 + "cHA=",
        "PUBLIC_URL": "https://auth.example.com",
        "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_AUTH_TOKEN": "token",
        "TWILIO_FROM": "+15005550006",
        "STATIC_ROOT": str(tmp_path),
        "TRUSTED_PROXIES": "1",
        "BEHIND_TLS_PROXY": "yes",
    }


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_check_deploy_is_clean_in_production(production):
    done = run(production, "manage.py", "check", "--deploy", "--database", "default", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_a_value_may_stand_in_a_file_which_ends_with_a_line_break(production, tmp_path):
    (tmp_path / "url").write_text("https://mfa.example.com\r\n")
    del production["PUBLIC_URL"]
    told = "from django.conf import settings; print([settings.PUBLIC_URL, *settings.ALLOWED_HOSTS])"
    done = run(production | {"PUBLIC_URL_FILE": str(tmp_path / "url")}, "-c", told)
    assert done.stdout == "['https://mfa.example.com', 'mfa.example.com']\n", done.stderr


def test_a_deployment_without_senders_of_its_own_starts(production):
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"):
        del production[name]
    done = run(production | {"SMS_PROVIDER": "none", "EMAIL_PROVIDER": "none"}, "-c", "import authsignal_portal.wsgi")
    assert done.returncode == 0, done.stderr


def test_check_deploy_fails_with_the_built_in_provider(production):
    done = run(production | {"SMS_PROVIDER": "builtin"}, "manage.py", "check", "--deploy")
    assert done.returncode != 0
    assert "authsignal.E001" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import authsignal_portal.wsgi"],
        ["-m", "celery", "-A", "authsignal_portal", "worker", "-P", "threads", "-c", "1"],
    ],
    ids=["web", "worker"],
)
def test_production_refuses_to_start_with_the_built_in_provider(production, command):
    done = run(production | {"EMAIL_PROVIDER": "builtin"}, *command)
    assert done.returncode != 0
    assert "authsignal.E001" in done.stderr
