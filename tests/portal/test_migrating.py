"""Migrations may take as long as they need; requests may not."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import pre_migrate


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
