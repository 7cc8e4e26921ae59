"""`manage.py create_tenant`: one JSON object on standard output, keys shown once, nothing secret at rest."""

import hashlib
import hmac
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.models import AuditEvent
from authsignal_portal.models import ApiKey, Tenant
from authsignal_portal.vocabulary import KeyKind
from tests import make

ROOT = Path(__file__).resolve().parents[2]


def create(*arguments):
    out, err = StringIO(), StringIO()
    call_command("create_tenant", *arguments, stdout=out, stderr=err)
    assert err.getvalue() == ""
    return json.loads(out.getvalue())


def call(client, secret):
    return client.get("/v1/users/alice", headers={"Authorization": make.basic(secret)}).status_code


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_it_prints_three_things_and_the_key_works(client, db, flags):
    made = create("Acme", *flags)
    assert list(made) == ["tenantId", "apiSecretKey", "managementSecret"]
    assert Tenant.objects.get().pk.hex == made["tenantId"].replace("-", "")
    assert call(client, made["apiSecretKey"]) == 200
    assert call(client, made["managementSecret"]) == 401
    assert call(client, made["tenantId"]) == 401


def test_origins_are_kept_in_one_spelling(db):
    create("Acme", "--origin", "https://App.acme.example:443/", "--origin", "http://localhost:8009")
    assert Tenant.objects.get().app_origins == ["https://app.acme.example", "http://localhost:8009"]


@pytest.mark.parametrize(
    "origin",
    ["app.acme.example", "https://app.acme.example/path", "*", "javascript:alert(1)", "", "https://u@a.example"],
)
def test_a_wrong_origin_is_refused_and_nothing_is_made(db, origin):
    with pytest.raises(CommandError) as error:
        create("Acme", "--origin", "https://good.example", "--origin", origin)
    assert "https" in str(error.value) or "URL" in str(error.value) or "blank" in str(error.value)
    assert not Tenant.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_a_wrong_name_is_refused(db, name):
    with pytest.raises(CommandError):
        create(name)
    assert not Tenant.objects.exists()


def test_keys_are_longer_than_a_hash_block_and_never_the_same(db):
    made = [create("Acme") for _ in range(3)]
    keys = [each[name] for each in made for name in ("apiSecretKey", "managementSecret")]
    assert len(set(keys)) == 6
    assert all(len(key.encode()) > 64 for key in keys)
    assert all(key.startswith("as_sk_") for key in (each["apiSecretKey"] for each in made))
    assert len({each["tenantId"] for each in made}) == 3


def dump():
    """Every byte that the database holds, as text and as hex."""
    parts = []
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{name}" t')
            parts += [row[0] for row in cursor.fetchall()]
    return "\n".join(parts)


def test_no_key_stands_in_the_database(client, db):
    made = create("Acme")
    assert call(client, made["apiSecretKey"]) == 200
    held = dump()
    for secret in (made["apiSecretKey"], made["managementSecret"]):
        raw = secret.encode()
        for form in (secret, secret[-70:], raw.hex(), hashlib.sha256(raw).hexdigest(), hashlib.sha1(raw).hexdigest()):
            assert form not in held
        # Only the id, by which the row is found.
        assert secret.split("_")[2] in held


def test_what_is_kept_signs_webhooks_exactly_as_the_key_itself(db):
    """An SDK checks with the key; for keys longer than a block, HMAC hashes them first (RFC 2104 §2)."""
    secret = create("Acme")["apiSecretKey"]
    key = ApiKey.objects.select_related("tenant").get(kind=KeyKind.SERVER)
    kept = key.tenant.unseal(key.signing_secret, "api_key", key.pk)
    for message in (b"", b"1700000000.{}", b"x" * 1000):
        assert hmac.digest(kept, message, "sha256") == hmac.digest(secret.encode(), message, "sha256")
    assert ApiKey.objects.get(kind=KeyKind.MANAGEMENT).signing_secret is None


def test_it_is_on_record_without_the_secrets(db):
    made = create("Acme")
    events = list(AuditEvent.objects.order_by("id"))
    assert [event.tag for event in events] == ["tenant:created", "api_key:created", "api_key:created"]
    assert {str(event.tenant_id) for event in events} == {made["tenantId"]}
    assert made["apiSecretKey"] not in json.dumps([event.data for event in events])


def test_as_a_program_it_prints_that_object_and_nothing_else(server, transactional_db):
    """In a process of its own, as the application's database role, beside a running server."""
    command = [sys.executable, "manage.py", "create_tenant", "Globex", "--origin", "http://localhost:4000", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=server.environment, capture_output=True, text=True, timeout=60, check=True
    )
    made = json.loads(done.stdout)
    assert done.stdout == json.dumps(made) + "\n"
    assert set(made) == {"tenantId", "apiSecretKey", "managementSecret"}
    failed = subprocess.run(
        [*command[:4], "--origin", "nonsense"],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert failed.returncode != 0
    assert failed.stdout == ""
    assert "Traceback" not in failed.stderr
    assert "nonsense" in failed.stderr
