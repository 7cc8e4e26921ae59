"""The log: what it may hold, that it is written with what it tells, and that the application cannot change it."""

import json
import os
import subprocess
import sys
import uuid

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from audit import log
from audit.events import ALLOWED_DATA, Tag
from audit.models import AuditEvent
from authsignal_portal import clock, embedded

FORBIDDEN = [
    "UPDATE audit_auditevent SET tag = 'action:tracked'",
    "DELETE FROM audit_auditevent",
    "TRUNCATE audit_auditevent",
    "ALTER TABLE audit_auditevent ADD COLUMN x int",
    "DROP TABLE audit_auditevent",
    "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
    "INSERT INTO test_clock (offset_seconds) VALUES (60)",
    "UPDATE rules_policyversion SET rules = '[]'",
    "UPDATE rules_publication SET version = 1",
    "CREATE TABLE mine (x int)",
    "SET ROLE authsignal_owner",
]


@pytest.fixture
def as_application(server):
    """A connection with the role that the running application uses."""
    url = server.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as application:
        yield application


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_application_role_cannot_change_the_log_nor_the_clock(as_application, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_application.execute(statement)


def test_the_application_role_cannot_grant_itself_more(as_application):
    # PostgreSQL answers with a warning that nothing was granted.
    as_application.execute("GRANT UPDATE, DELETE, TRUNCATE ON audit_auditevent TO authsignal_app")
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        held = as_application.execute("SELECT has_table_privilege('audit_auditevent', %s)", [right]).fetchone()
        assert held == (False,)


def test_the_application_role_can_append_and_read(as_application, live):
    live("POST", "users/alice/actions/Login")
    found = as_application.execute(
        "SELECT count(*) FROM audit_auditevent WHERE tenant_id = %s AND actor_kind = 'api_key'", [live.tenant.pk]
    ).fetchone()
    assert found[0] == 3  # the action's configuration, the user, the action


def test_the_server_really_runs_as_the_application_role(as_application):
    assert as_application.execute("SELECT current_user").fetchone()[0] == embedded.APP_ROLE


def test_grant_app_role_refuses_to_run_as_the_application_role(server):
    done = subprocess.run(
        [sys.executable, "manage.py", "grant_app_role"],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "owner" in done.stderr


@pytest.mark.django_db
def test_an_event_refuses_what_the_log_must_not_keep():
    for field in ("email", "phone_number", "ip_address", "user_agent", "custom", "user_id", "code"):
        assert field not in ALLOWED_DATA
        with pytest.raises(ValueError, match=field):
            log.record(Tag.USER_UPDATED, tenant_id=uuid.uuid4(), **{field: "x"})
    with pytest.raises(ValueError, match="too long"):
        log.record(Tag.USER_UPDATED, tenant_id=uuid.uuid4(), reason="x" * 201)


@pytest.mark.django_db
def test_an_event_goes_with_the_transaction_that_it_tells_of():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        log.record(Tag.USER_CREATED, tenant_id=uuid.uuid4())
        raise ZeroDivisionError
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("tag", "'user:deleted'"),
        ("actor", "'somebody else'"),
        ("at", "at + interval '1 microsecond'"),
        ("data", """'{"reason": "other"}'"""),
        ("tenant_id", "'6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1'"),
        ("subject", "NULL"),
    ],
)
def test_a_changed_event_no_longer_has_its_leaf_hash(column, value):
    row = log.record(Tag.USER_CREATED, tenant_id=uuid.uuid4(), subject=uuid.uuid4(), actor=log.api_key("k"), reason="x")
    row.refresh_from_db()
    assert log.stored_hash(row) == bytes(row.leaf_hash)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_auditevent SET {column} = {value}")
    row.refresh_from_db()
    assert log.stored_hash(row) != bytes(row.leaf_hash)


def test_track_writes_the_hash_that_its_event_has(live):
    live("POST", "users/alice/actions/Login")
    for row in AuditEvent.objects.filter(tenant_id=live.tenant.pk):
        assert log.stored_hash(row) == bytes(row.leaf_hash)


CANARY = "kanarienvogel"


def test_no_address_text_or_value_of_a_user_reaches_the_log(live):
    email, user = f"{CANARY}@example.com", f"{CANARY}-user@example.com"
    body = {
        "email": email,
        "phoneNumber": "+64270000123",
        "username": CANARY,
        "ipAddress": "203.0.113.77",
        "userAgent": f"Mozilla/5.0 {CANARY}",
        "deviceId": CANARY,
        "custom": {"note": CANARY},
        "idempotencyKey": f"key-{CANARY}",
    }
    tracked = live("POST", f"users/{user}/actions/Login", body)[1]
    live("PATCH", f"users/{user}", {"displayName": CANARY, "custom": {"name": CANARY}})
    live("POST", "client/challenge/email-otp", token=tracked["token"])
    code = live.code(email)
    verified = live("POST", "client/verify/email-otp", {"verificationCode": code}, token=tracked["token"])[1]
    assert verified["isVerified"]
    live("PATCH", f"users/{user}/devices/{CANARY}", {"rememberedUntil": None})
    live("DELETE", f"users/{user}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT json_agg(e)::text FROM audit_auditevent e WHERE tenant_id = %s", [live.tenant.pk])
        text = cursor.fetchone()[0].lower()
    assert len(json.loads(text)) > 8
    for secret in (CANARY, "203.0.113.77", "64270000123", "example.com"):
        assert secret not in text


def test_deleting_a_user_leaves_the_log_and_nothing_else(live):
    live("POST", "users/bob/actions/Login", {"email": "bob@example.com"})
    before = AuditEvent.objects.filter(tenant_id=live.tenant.pk).count()
    assert live("DELETE", "users/bob") == (200, {"success": True})
    assert AuditEvent.objects.filter(tenant_id=live.tenant.pk).count() == before + 1
    assert live("GET", "users/bob/actions") == (200, [])
    assert live("GET", "users/bob")[1]["isEnrolled"] is False


@pytest.mark.django_db
def test_the_database_clock_is_one_for_all(advance):
    before = clock.now()
    advance(3600)
    assert (clock.now() - before).total_seconds() >= 3600


def test_grants_can_be_repeated(server, django_db_blocker):
    with django_db_blocker.unblock(), open(os.devnull, "w") as nowhere:
        call_command("grant_app_role", stderr=nowhere)
