"""The counters of `guard`, in PostgreSQL: one statement adds to all of them, or the caller rolls back.

A counter is a row for a scope and an hour or a day. Whoever adds to it holds it until their transaction ends, so that
no number of simultaneous messages passes a limit; all take their rows in one order. Only sending and answering a text
message touch these rows.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import connection

from authenticators.guard import Charge, Credit, Reason
from authsignal_portal.models import Tenant

ADD = """
    INSERT INTO authenticators_sendingcount AS c
        (tenant_id, scope, start, sends, proofs, refusals, cost, most_messages, most_cost)
    SELECT %s, w.scope, w.start, 1, 0, 0, %s, w.most_messages, w.most_cost
    FROM unnest(%s::text[], %s::timestamptz[], %s::int[], %s::bigint[]) AS w(scope, start, most_messages, most_cost)
    WHERE coalesce(w.most_messages, 1) > 0 AND coalesce(w.most_cost, %s) >= %s
    ORDER BY w.scope, w.start
    ON CONFLICT (tenant_id, scope, start) DO UPDATE SET
        sends = c.sends + 1, cost = c.cost + excluded.cost,
        most_messages = excluded.most_messages, most_cost = excluded.most_cost
    WHERE (excluded.most_messages IS NULL OR c.sends - c.proofs < excluded.most_messages)
        AND (excluded.most_cost IS NULL OR c.cost + excluded.cost <= excluded.most_cost)
    RETURNING c.scope, c.start
"""
CREDIT = """
    INSERT INTO authenticators_sendingcount AS c (tenant_id, scope, start, sends, proofs, refusals, cost)
    SELECT %s, w.scope, w.start, 0, 1, 0, -w.cost FROM unnest(%s::text[], %s::timestamptz[], %s::bigint[])
        AS w(scope, start, cost)
    ORDER BY w.scope, w.start
    ON CONFLICT (tenant_id, scope, start) DO UPDATE SET proofs = c.proofs + 1, cost = c.cost + excluded.cost
"""
REFUSE = """
    INSERT INTO authenticators_sendingcount AS c (tenant_id, scope, start, sends, proofs, refusals, cost)
    VALUES (%s, %s, %s, 0, 0, 1, 0)
    ON CONFLICT (tenant_id, scope, start) DO UPDATE SET refusals = c.refusals + 1
"""
HOLD = """
    INSERT INTO authenticators_sendingcount AS c (tenant_id, scope, start, sends, proofs, refusals, cost)
    VALUES (%s, %s, %s, 0, 0, 0, 0)
    ON CONFLICT (tenant_id, scope, start) DO UPDATE SET sends = c.sends
"""
FIRST = """
    INSERT INTO authenticators_sendingcount (tenant_id, scope, start, sends, proofs, refusals, cost)
    VALUES (%s, %s, %s, 0, 0, 0, 0) ON CONFLICT (tenant_id, scope, start) DO NOTHING
"""


def add(tenant: Tenant, charges: Sequence[Charge], *, price: int) -> Charge | None:
    """Count one message everywhere. Returns the charge that did not fit: then roll back, others were counted."""
    starts = [moment(charge.start) for charge in charges]
    with connection.cursor() as cursor:
        cursor.execute(
            ADD,
            [
                tenant.pk,
                price,
                [charge.scope for charge in charges],
                starts,
                [charge.messages for charge in charges],
                [charge.cost for charge in charges],
                price,
                price,
            ],
        )
        counted = set(cursor.fetchall())
    return next((one for one, start in zip(charges, starts, strict=True) if (one.scope, start) not in counted), None)


def credit(tenant: Tenant, earned: Sequence[Credit], *, price: int) -> None:
    """Count one proof everywhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            CREDIT,
            [
                tenant.pk,
                [one.scope for one in earned],
                [moment(one.start) for one in earned],
                [price if one.gives_back else 0 for one in earned],
            ],
        )


def hold(tenant: Tenant, scope: str, start: int) -> None:
    """Take a counter that is added to later in this transaction, and comes before others in everybody's order."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [tenant.pk, scope, moment(start)])


def refuse(tenant: Tenant, scope: str, start: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(REFUSE, [tenant.pk, scope, moment(start)])


def is_first(tenant: Tenant, scope: str, start: int) -> bool:
    """Whether nobody has asked for this scope and time before. Of many at once, one is first. In a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST, [tenant.pk, scope, moment(start)])
        return bool(cursor.rowcount)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def reason_of(charge: Charge) -> Reason:
    assert charge.reason is not None, "a charge without a limit always fits"
    return charge.reason
