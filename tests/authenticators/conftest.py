"""Fixtures of the sending tests."""

import datetime
import io
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import call_command
from django.db import connection

from authsignal_portal import celery_app
from tests.authenticators.owing import Postman, employ, forget_connections
from tests.authenticators.peers import NAME


@pytest.fixture
def postman(monkeypatch, settings) -> Postman:
    """A provider that carries everything, and keeps it."""
    return employ(monkeypatch, settings)


@pytest.fixture
def deaf_queue(tmp_path) -> Iterator[None]:
    """Celery as in production, with nobody at the other end."""
    before = {name: celery_app.conf[name] for name in ("task_always_eager", "broker_url")}
    celery_app.conf.update(task_always_eager=False, broker_url=f"redis+socket://{tmp_path}/nobody.sock")
    forget_connections()
    yield
    celery_app.conf.update(before)
    forget_connections()


def use_database(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


@pytest.fixture(scope="session")
def migrated_database(django_db_setup, django_db_blocker) -> Iterator[str]:
    """A second database, where no worker of the session's server sends what a test wants to send itself."""
    with django_db_blocker.unblock():
        usual = connection.settings_dict["NAME"]
        own = f"{usual}_sending"
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {own}")
            cursor.execute(f"CREATE DATABASE {own}")
        use_database(own)
        call_command("migrate", verbosity=0)
        call_command("grant_app_role", stderr=io.StringIO())
        use_database(usual)
        yield own
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {own} WITH (FORCE)")


@pytest.fixture
def own_database(migrated_database, django_db_blocker) -> Iterator[str]:
    """An empty database of our own, with transactions that really commit."""
    with django_db_blocker.unblock():
        usual = connection.settings_dict["NAME"]
        use_database(migrated_database)
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE authsignal_portal_tenant, audit_auditevent, test_clock CASCADE")
        yield migrated_database
        use_database(usual)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate of NAME: file with key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
