"""Emptying the database after a test that commits.

Django's flush gives every table new files and writes all content types and permissions anew, which costs more than
most tests. Here the few rows that a test leaves are deleted; only after one that leaves many are tables truncated.
"""

import functools

from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from psycopg import errors

# What migrations wrote; no test changes it.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}
A_FEW = 300
ATTEMPTS = 5


def empty() -> None:
    """Delete all rows, once everybody who is writing some has ended.

    The live server's worker and this may each hold what the other wants; then this tries again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _empty()
        except DatabaseError as error:
            if attempt == ATTEMPTS or not isinstance(error.__cause__, errors.DeadlockDetected):
                raise CommandError("The database could not be emptied.") from error
        else:
            return


@transaction.atomic
def _empty() -> None:
    names = _tables()
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(" UNION ALL ".join(_counted(name) for name in names))
        counts = dict(cursor.fetchall())
        if max(counts.values()) > A_FEW:
            cursor.execute(f"TRUNCATE {', '.join(names)}")
            return
        for name, count in counts.items():
            if count:
                cursor.execute(f"DELETE FROM {name}")


@functools.cache
def _tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [connection.ops.quote_name(name) for name in sorted(set(names) - KEPT)]


def _counted(name: str) -> str:
    return f"(SELECT '{name}', count(*) FROM (SELECT FROM {name} LIMIT {A_FEW + 1}) AS few)"
