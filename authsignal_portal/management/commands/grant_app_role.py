"""After migrations, as the owner role: give the application role what it needs and not more."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

# The application may add to these and read them; it may not change or remove a row.
APPEND_ONLY = ["audit_auditevent"]
NEVER_CHANGED = ["rules_policyversion", "rules_publication"]
READ_ONLY = ["test_clock", "django_migrations"]


class Command(BaseCommand):
    help = "Grant the application role its privileges; the audit log becomes append-only for it."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        role = settings.DATABASE_APP_ROLE
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, to_regrole(%s) IS NOT NULL", [role])
            current, exists = cursor.fetchone()
            if not exists:
                raise CommandError(f"The role {role!r} does not exist. Create it, or set DATABASE_APP_ROLE.")
            if current == role:
                raise CommandError("Run this as the owner of the tables (AUTHSIGNAL_AS_OWNER=yes).")
            for statement in statements(role):
                cursor.execute(statement.as_string(cursor.connection))
        self.stderr.write(f"Granted to {role}; append-only: {', '.join(APPEND_ONLY)}.")


def statements(role: str) -> list[sql.Composed]:
    who = sql.Identifier(role)
    tables = [
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(who),
        sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(who),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(who),
        sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(who),
        sql.SQL("GRANT EXECUTE ON FUNCTION authsignal_now() TO {}").format(who),
    ]
    taken = {
        "UPDATE, DELETE, TRUNCATE": APPEND_ONLY,
        "UPDATE": NEVER_CHANGED,
        "INSERT, UPDATE, DELETE, TRUNCATE": READ_ONLY,
    }
    return tables + [
        sql.SQL("REVOKE {} ON {} FROM {}").format(sql.SQL(rights), sql.Identifier(name), who)
        for rights, names in taken.items()
        for name in names
    ]
