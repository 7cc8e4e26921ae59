"""The backtest of a draft: begun by staff, run by a worker, ended by either.

It answers what the draft would have done to the stored actions of some days past. The rules and the value lists are
those of the moment it is begun; whether an item of a list had expired is judged at each action's own time. Everything
is read in one transaction that cannot write, on a connection of its own; beside it only the row of the backtest is
written, so that its page can show how far it is and ask it to stop.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from psycopg import Connection
from psycopg.errors import ConfigurationLimitExceeded, DiskFull, InsufficientPrivilege, QueryCanceled
from psycopg.sql import SQL, Literal

from actions.backtest_heartbeat import Ended, heartbeat
from actions.backtest_replay import Draft, Progress, TooMuch, replay
from actions.backtest_report import Messages, report
from actions.backtest_rows import Span
from actions.models import Backtest
from authsignal_portal import clock
from authsignal_portal.errors import Conflict
from authsignal_portal.models import Tenant
from rules import policies, value_lists
from rules.models import ActionConfiguration, PolicyVersion

# A worker that lives tells more often that it does (actions.backtest_heartbeat).
SILENT_SECONDS: Final = 120
LONGEST_SECONDS: Final = 3600
PROGRESS_SECONDS: Final = 0.5
# Messages are kept no longer (actions.housekeeping).
MESSAGE_DAYS: Final = 30
OPEN: Final = Q(status__in=[Backtest.Status.QUEUED, Backtest.Status.RUNNING])

# Of files in which it sorts, beyond what is in memory.
TEMPORARY: Final = "10GB"
# Of the reading transaction. A long statement is meant here; it must not take the cores that decisions need.
SETTINGS: Final = {
    "statement_timeout": "30min",
    "idle_in_transaction_session_timeout": "2min",
    "work_mem": "64MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # All rows of a cursor are wanted, not soon the first.
    "cursor_tuple_fraction": "1",
}


class Cancelled(Ended):
    """Somebody asked it to stop, or its row is no longer running."""


class TooLong(Ended):
    """It has run for LONGEST_SECONDS."""


# -- staff ---------------------------------------------------------------------------------------


@transaction.atomic
def begin(configuration: ActionConfiguration, *, days: int, author_id: int | None) -> Backtest:
    """A queued backtest of the newest draft of an action's rules; once it is committed, wake a worker.

    Raises Conflict while another one of the tenant is open.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=configuration.tenant_id)
    now = clock.now()
    for one in Backtest.objects.filter(OPEN, tenant=tenant):
        if is_silent(one, now):
            fail(one, silence())
        elif is_forgotten(one, now):
            fail(one, _("No worker took it up."))
    if Backtest.objects.filter(OPEN, tenant=tenant).exists():
        raise Conflict(_("Another backtest is running. Wait until it has ended, or cancel it."))
    draft = PolicyVersion.objects.filter(configuration=configuration).latest("version")
    backtest = Backtest(
        tenant=tenant,
        configuration=configuration,
        author_id=author_id,
        days=days,
        policy={
            "version": draft.version,
            "defaultOutcome": draft.default_outcome,
            "rules": draft.rules,
            "customPoints": draft.custom_points,
        },
        lists_version=tenant.value_lists_version,
    )
    backtest.save(force_insert=True)
    return backtest


def cancel(backtest: Backtest) -> None:
    """End it if it waits, or ask the worker to."""
    if not Backtest.objects.filter(pk=backtest.pk, status=Backtest.Status.RUNNING).update(cancel_requested=True):
        _end(backtest, Backtest.Status.CANCELLED)


def fail(backtest: Backtest, error: str) -> None:
    _end(backtest, Backtest.Status.FAILED, error=error)


def is_silent(backtest: Backtest, now: datetime) -> bool:
    """It runs, but nobody works on it any more."""
    return backtest.status == Backtest.Status.RUNNING and backtest.progress_at <= _long_before(now)


def silence() -> str:
    return _("It was cut off before it was done. Start it again.")


def is_forgotten(backtest: Backtest, now: datetime) -> bool:
    """It waits, and not for others: no worker has been at any backtest for as long."""
    long_ago = _long_before(now)
    if backtest.status != Backtest.Status.QUEUED or backtest.progress_at > long_ago:
        return False
    return not Backtest.objects.filter(started_at__isnull=False, progress_at__gt=long_ago).exists()


def _long_before(now: datetime) -> datetime:
    return now - timedelta(seconds=SILENT_SECONDS)


def draft_of(backtest: Backtest) -> PolicyVersion:
    """The rules that it tries, as a version that is not stored."""
    kept = backtest.policy
    return PolicyVersion(
        configuration=backtest.configuration,
        version=kept["version"],
        default_outcome=kept["defaultOutcome"],
        rules=kept["rules"],
        custom_points=kept["customPoints"],
    )


# -- the worker ----------------------------------------------------------------------------------


def run(backtest_id: uuid.UUID) -> None:
    """Run a backtest that is queued; any other is left alone, so that a task that comes twice does nothing."""
    queued = Backtest.objects.filter(pk=backtest_id, status=Backtest.Status.QUEUED)
    if not queued.update(status=Backtest.Status.RUNNING, started_at=clock.Now(), progress_at=clock.Now()):
        return
    backtest = Backtest.objects.select_related("tenant", "configuration").get(pk=backtest_id)
    try:
        found = _replayed(backtest)
    except Cancelled:
        _end(backtest, Backtest.Status.CANCELLED)
    except BaseException as error:
        fail(backtest, _reason(error))
        raise
    else:
        _end(backtest, Backtest.Status.DONE, report=found)


def _reason(error: BaseException) -> str:
    if isinstance(error, (QueryCanceled, TooLong)):
        return _("It took too long. Choose fewer days.")
    if isinstance(error, (ConfigurationLimitExceeded, DiskFull)):
        return _("Sorting the actions takes more room than the database may use. Choose fewer days.")
    if isinstance(error, TooMuch):
        return str(error)
    return _("It ended unexpectedly (%(kind)s). The log of the worker says more.") % {"kind": type(error).__name__}


def _end(backtest: Backtest, status: str, **fields: Any) -> None:
    """Unless it has ended already."""
    Backtest.objects.filter(OPEN, pk=backtest.pk).update(status=status, ended_at=clock.Now(), **fields)


class _Written(Progress):
    """Progress that is kept in the row. Raises Cancelled when it is not wanted any more, TooLong after an hour."""

    def __init__(self, backtest: Backtest) -> None:
        self._row = Backtest.objects.filter(pk=backtest.pk, status=Backtest.Status.RUNNING, cancel_requested=False)
        self._begun = self._written = monotonic()

    def advance(self, rows: int) -> None:
        super().advance(rows)
        if monotonic() - self._written >= PROGRESS_SECONDS:
            self._written = monotonic()
            self.write()

    def write(self) -> None:
        self._tell(done=self.done, total=self.total)

    def touch(self) -> None:
        """That it lives; called from another thread."""
        self._tell()

    def _tell(self, **columns: int) -> None:
        if monotonic() - self._begun >= LONGEST_SECONDS:
            raise TooLong
        if not self._row.update(progress_at=clock.Now(), **columns):
            raise Cancelled


def _replayed(backtest: Backtest) -> dict[str, Any]:
    tenant, code = backtest.tenant, backtest.configuration.action_code
    policy, lists = policies.compiled(draft_of(backtest), code), value_lists.read(tenant.pk, backtest.lists_version)
    progress = _Written(backtest)
    with reading() as connection, heartbeat(progress.touch, connection):
        until = _one(connection, SQL("SELECT authsignal_now()"))
        span = Span(tenant_id=tenant.pk, action_code=code, since=until - timedelta(days=backtest.days), until=until)
        size = _one(connection, SQL("SELECT count(*) FROM actions_action a WHERE {}").format(span.holds("a")))
        tally = replay(connection, span, Draft(policy, lists), tenant=tenant, size=size, progress=progress)
        progress.write()
        missing = [alias for alias in policy.lists if alias not in lists]
        return report(tally, span, _messages(connection, span, backtest.days), missing_lists=missing)


@contextmanager
def reading() -> Iterator[Connection[Any]]:
    """A transaction of its own that sees one moment of the database, and cannot write."""
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        own.ensure_connection()
        connection: Connection[Any] = own.connection
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for name, value in SETTINGS.items():
                _set(connection, name, value)
            # PostgreSQL lets only those set it who were granted it.
            with suppress(InsufficientPrivilege), connection.transaction():
                _set(connection, "temp_file_limit", TEMPORARY)
            yield connection
    finally:
        own.close()


def _set(connection: Connection[Any], name: str, value: str) -> None:
    connection.execute(SQL("SET LOCAL {} = {}").format(SQL(name), Literal(value)))


def _messages(connection: Connection[Any], span: Span, days: int) -> Messages:
    """What the challenges of the action took, as far as messages are kept."""
    days = min(days, MESSAGE_DAYS)
    recent = replace(span, since=span.until - timedelta(days=days)).holds("a")
    challenged = SQL("SELECT count(*) FROM actions_action a WHERE {} AND a.outcome = 'CHALLENGE'").format(recent)
    sent = SQL(
        "SELECT count(*) FROM authenticators_message m JOIN actions_action a ON a.id = m.action_id"
        " WHERE m.tenant_id = {} AND m.status = 'sent' AND {} AND a.outcome = 'CHALLENGE'"
    ).format(Literal(span.tenant_id), recent)
    return Messages(days, _one(connection, challenged), _one(connection, sent))


def _one(connection: Connection[Any], query: Any) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
