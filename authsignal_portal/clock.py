"""One clock for all expiry: the database's.

`authsignal_now()` is our SQL function: the statement's time plus the offset in `test_clock`, a table that only the
owner role can write and that must be empty outside test settings (a start-up check refuses it).
"""

from datetime import datetime

from django.db import connection
from django.db.models import DateTimeField, Func


class Now(Func):
    """`authsignal_now()` inside an ORM expression."""

    function = "authsignal_now"
    output_field = DateTimeField()


def now() -> datetime:
    """The database's time, UTC. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT authsignal_now()")
        row = cursor.fetchone()
    moment: datetime = row[0]
    return moment
