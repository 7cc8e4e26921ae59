"""Migrations may take as long as they need and hold up nobody; what was meant before is meant afterwards."""

from importlib import import_module
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.db import connection
from django.db.migrations import AddIndex, RunSQL
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import pre_migrate

from authsignal_portal.models import Tenant
from tests import make


def longest_statement() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_a_statement_of_a_migration_is_not_ended_as_one_of_a_request_is() -> None:
    seen = []

    def look(**_signal: Any) -> None:
        seen.append(longest_statement())

    assert longest_statement() == "15s"
    pre_migrate.connect(look)
    try:
        call_command("migrate", verbosity=0)
    finally:
        pre_migrate.disconnect(look)
    # The last app's signal comes before the first migration.
    assert seen[-1] == "0"
    assert longest_statement() == "15s"


@pytest.mark.django_db
def test_a_tenant_that_had_the_shipped_list_of_countries_has_it_still() -> None:
    [moved] = [one for one in migration("authsignal_portal", "0007_support_url").operations if isinstance(one, RunSQL)]
    shipped, own = make.make_tenant(), make.make_tenant()
    Tenant.objects.filter(pk=shipped.pk).update(blocked_sms_countries=[])
    Tenant.objects.filter(pk=own.pk).update(blocked_sms_countries=["NZ"])
    with connection.cursor() as cursor:
        cursor.execute(moved.sql)
    assert Tenant.objects.get(pk=shipped.pk).blocked_sms_countries is None
    assert Tenant.objects.get(pk=own.pk).blocked_sms_countries == ["NZ"]


def test_an_index_that_a_new_version_brings_lets_messages_be_written_while_it_is_built() -> None:
    """`0011` is the last of the version before."""
    names = [name for app, name in MigrationLoader(None).disk_migrations if app == "authenticators" and name > "0012"]
    modules = [migration("authenticators", name) for name in names]
    made = [(module, one) for module in modules for one in module.operations]
    indexes = [(module, one) for module, one in made if isinstance(one, AddIndex) and one.model_name == "message"]
    assert indexes
    for module, one in indexes:
        assert isinstance(one, AddIndexConcurrently)
        assert not module.atomic


def migration(app: str, name: str) -> Any:
    return import_module(f"{app}.migrations.{name}").Migration
