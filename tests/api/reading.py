"""Reading what a caller got, and what was sent to the user."""

import json
import re
from pathlib import Path
from typing import Any

import jwt
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from audit.models import AuditEvent
from authenticators.models import Message

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Tables that no request may write to by mistake; the test clock and Django's own are not among them.
APPS = ("actions_", "authenticators_", "authsignal_portal_", "rules_", "audit_")
# When a key was last used is not a change that a caller causes by what they send.
NOTED = {"last_used_at"}


def issued_at(token: str) -> int:
    """Seconds: when what the token stands for was proved."""
    told: int = jwt.decode(token, options={"verify_signature": False})["iat"]
    return told


def refused(answer: Any, status: int, code: str) -> str:
    """The description of a refusal, once its status, code and shape are right."""
    assert answer.status_code == status, answer.body
    assert answer["Content-Type"] == "application/json"
    assert list(answer.body) == ["error", "errorCode", "errorDescription"]
    assert answer.body["error"] == answer.body["errorCode"] == code, answer.body
    assert answer.body["errorDescription"]
    return str(answer.body["errorDescription"])


def ok(answer: Any) -> Any:
    """The body of a success: 200, no `error`, nothing null."""
    assert answer.status_code == 200, answer.body
    assert "error" not in answer.body
    assert not list(nulls(answer.body)), answer.body
    return answer.body


def nulls(value: Any, path: str = "") -> Any:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from nulls(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from nulls(item, f"{path}[{number}]")


def code_sent() -> str:
    """The code in the newest message: still owed, or sent at once where the test commits."""
    message = Message.objects.filter(notice="").select_related("tenant").latest("created_at")
    text = message.payload or Path(settings.OUTBOX_FILE).read_text().splitlines()[-1]
    return str(json.loads(text)["code"])


def wrong(code: str) -> str:
    return "000000" if code != "000000" else "111111"


def everything_stored(*, without: str = "\0") -> str:
    """All rows of all our tables, to compare with later; `without` those that hold a text."""
    with connection.cursor() as cursor:
        names = [name for name in connection.introspection.table_names(cursor) if name.startswith(APPS)]
        tables = {}
        for name in sorted(names):
            cursor.execute(f'SELECT * FROM "{name}"')
            columns = [column.name for column in cursor.description]
            rows = [
                [bytes(item).hex() if isinstance(item, (bytes, memoryview)) else item for item in row]
                for row in cursor.fetchall()
            ]
            kept = [number for number, column in enumerate(columns) if column not in NOTED]
            texts = [json.dumps([row[n] for n in kept], cls=DjangoJSONEncoder) for row in rows]
            tables[name] = sorted(text for text in texts if without not in text)
    return json.dumps(tables, indent=0)


def tags(**where: Any) -> list[str]:
    """The audit log, oldest first."""
    return list(AuditEvent.objects.filter(**where).order_by("id").values_list("tag", flat=True))
