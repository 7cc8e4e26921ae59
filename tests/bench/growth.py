"""Whether `track` stays as fast: beside a database with 10,000 stored actions, one with 10,000,000, interleaved.

Twenty rules of which five ask the past: two counts of the user, one of the device, one of the address, the different
devices of the user together with a sum of theirs. Both databases are filled by INSERT … SELECT, with their indexes
built afterwards, and are dropped at the end; each gets a server with one worker. Every user has about fifty actions
over a year, a tenth of them in the last day, so that the counts are the same and only the history differs. One user has
a hundred thousand (in the small database half of all) actions of the last hour, and is measured apart, with the sum and
without it.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from authsignal_portal.embedded import SUPERUSER, database_url, postgres_directory
from tests.bench.load import Run, run
from tests.bench.serving import (
    FOLDER,
    ROOT,
    databases,
    entry,
    environment,
    keep,
    median,
    migrate,
    request_for,
    seed,
    server,
)

PORT = int(os.environ.get("PORT", "8791"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "9"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
SMALL, LARGE = 10_000, 10_000_000
PER_USER = 50
ASKED = 200  # users whose actions are tracked while measuring; there are as many in the small database
HOT = 100_000
RULES = 20
CONNECTIONS = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=LARGE, help="in the large database")
    large = parser.parse_args().actions
    with ExitStack() as stack:
        sides = {name: Side(stack, name, size, PORT + n) for n, (name, size) in
                 enumerate({"small": SMALL, "large": large}.items())}  # fmt: skip
        results = compare(sides)
    return 0 if keep(results) else 1


class Side:
    """A database of `size` actions and a server on it."""

    def __init__(self, stack: ExitStack, name: str, size: int, port: int) -> None:
        self.name, self.port = name, port
        self.data = data = FOLDER / f"growth-{name}"
        self.postgres = stack.enter_context(databases(data))
        self.where = where = environment(data, port)
        migrate(where)
        told = seed(where, "velocity", str(RULES))
        self.secret = told["apiSecretKey"]
        fill(data, where, told["tenantId"], size)
        self.web = stack.enter_context(server(where, port, workers=1))

    def leave_sums_off(self) -> None:
        """From the next request on."""
        command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", SUMS_OFF]
        subprocess.run(command, cwd=ROOT, env=self.where, check=True)

    def heat(self) -> None:
        """The hot user's actions are those of the last hour again, as they were when they were made."""
        with psycopg.connect(database_url(postgres_directory(self.data), SUPERUSER), autocommit=True) as connection:
            connection.execute(
                """UPDATE actions_action SET created_at = now() - random() * interval '1 hour'
                   WHERE user_id = md5('user0')::uuid AND idempotency_key ~ '^[0-9]{1,8}$'"""
            )
            connection.execute("VACUUM ANALYZE actions_action")

    def run(self, *, users: int, seconds: float = SECONDS) -> Run:
        make: Callable[[int], bytes] = request_for("users/{}/actions/bench", self.secret, users=users)
        assert self.postgres.child is not None
        roots = [self.web, self.postgres.child.pid]
        done = run(self.port, make, connections=CONNECTIONS, seconds=seconds, roots=roots)
        assert done.requests, f"{self.name}: nothing was tracked"
        assert not done.errors, f"{self.name}: {done.errors} requests failed"
        return done


def compare(sides: dict[str, Side]) -> dict[str, dict[str, Any]]:
    for side in sides.values():
        side.run(users=ASKED, seconds=2 * SECONDS)
    pairs = []
    for number in range(PAIRS):
        order = list(sides) if number % 2 else list(reversed(sides))
        pair = {name: sides[name].run(users=ASKED) for name in order}
        pairs.append(pair)
        told = "  ".join(f"{name} p50 {one.percentile(0.5):5.1f} p95 {one.percentile(0.95):5.1f} ms"
                         for name, one in pair.items())  # fmt: skip
        print(f"pair {number + 1}: {told}", flush=True)

    def ratio(share: float) -> float:
        return median(pair["large"].percentile(share) / pair["small"].percentile(share) for pair in pairs)

    def milliseconds(name: str, share: float) -> float:
        return median(pair[name].percentile(share) for pair in pairs)

    beside = {f"{name}_p{int(100 * share)}_ms": milliseconds(name, share) for name in sides for share in (0.5, 0.95)}
    with_sum = ratio_of_hot(sides["large"])
    sides["large"].leave_sums_off()
    hot = ratio_of_hot(sides["large"])
    return {
        "growth_p95": entry(ratio(0.95), 1.5, "<=", "times the p95 with 10,000 actions", beside),
        "growth_p50": entry(ratio(0.5), 1.25, "<=", "times the p50 with 10,000 actions", beside),
        "growth_hot_user_p50": entry(
            hot,
            1.5,
            "<=",
            "times the p50 of another user, same database",
            {"actions": HOT, "with_a_sum": with_sum},
        ),
    }


def ratio_of_hot(side: Side) -> float:
    """A user with a hundred thousand actions in the last hour beside the others; user 0 is that one.

    Filling and measuring took longer than the window of what every decision looks at: they are brought back to now.
    """
    side.heat()
    pairs = [(side.run(users=1), side.run(users=ASKED)) for _pair in range(3)]
    return median(hot.percentile(0.5) / other.percentile(0.5) for hot, other in pairs)


# -- filling -------------------------------------------------------------------------------------

FACTS = """'{"actionCode":"bench","ip":{"address":"81.2.3.4","countryCode":"GB","anonymizer":"NONE","isAnonymous":false,
"isUnrecognized":true,"asn":2856},"device":{"id":"d","isNew":true,"isBot":false,"count":1,"isRemembered":false},
"user":{"userId":"u","isEnrolled":false,"hasPreviouslyVerified":false,"accountAgeInDays":3,"custom":{}},
"time":{"at":1770000000.0,"hour":3,"weekday":"MONDAY"},"card":{},"crypto":{},"velocity":{},
"custom":{"amount":1200,"currency":"EUR","isNewPayee":false}}'::jsonb"""

KEYS = """
from authsignal_portal.models import Tenant
from tests.bench.serving import address_of, device_of
tenant = Tenant.objects.get(pk={tenant!r})
for user in range({users}):
    print(user, tenant.entity_key("device", device_of(user)), tenant.entity_key("address", address_of(user, user)))
"""


SUMS_OFF = """
from rules.models import ActionConfiguration
configuration = ActionConfiguration.objects.get(action_code="bench")
for rule in configuration.rules.all():
    rule.conditions["and"] = [one for one in rule.conditions["and"] if "velocity.sum" not in str(one)]
    rule.save()
configuration.changed()
"""


def fill(data: Path, where: dict[str, str], tenant: str, size: int) -> None:
    started = time.monotonic()

    def tell(what: str) -> None:
        print(f"  {size:>10,} actions: {what} ({time.monotonic() - started:.0f} s)", flush=True)

    users = max(size // PER_USER, ASKED)
    with psycopg.connect(database_url(postgres_directory(data), SUPERUSER), autocommit=True) as connection:
        # The rows refer to rows that are made here too: nobody needs to look.
        connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2")
        _keys(connection, where, tenant, users)
        _users(connection, tenant)
        tell("users")
        indexes = _without_indexes(connection)
        _actions(connection, tenant, size, users)
        tell("rows")
        for definition in indexes:
            connection.execute(definition)
        tell("indexes")
        for table in ("actions_action", "actions_actionfacts", "authenticators_enduser", "actions_device"):
            connection.execute(f"VACUUM ANALYZE {table}")
        tell("vacuumed")
        # What filling left to be written would be written while track is measured.
        connection.execute("CHECKPOINT")
        os.sync()
        tell("on disk")


def _keys(connection: Any, where: dict[str, str], tenant: str, users: int) -> None:
    code = KEYS.format(tenant=tenant, users=users)
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    made = subprocess.run(command, cwd=ROOT, env=where, check=True, capture_output=True, text=True)
    connection.execute("CREATE TEMP TABLE k (u int, device bigint, address bigint)")
    with connection.cursor() as cursor, cursor.copy("COPY k FROM STDIN (DELIMITER ' ')") as copy:
        copy.write(made.stdout)


def _users(connection: Any, tenant: str) -> None:
    connection.execute(
        """INSERT INTO authenticators_enduser (id, tenant_id, user_id, email_index, email_verified, phone_number_index,
             phone_number_verified, custom, pseudonym, created_at, updated_at)
           SELECT md5('user' || u)::uuid, %(tenant)s::uuid, 'user-' || u, '', false, '', false, '{}', gen_random_uuid(),
             now() - interval '400 days', now() FROM k""",
        {"tenant": tenant},
    )
    connection.execute(
        """INSERT INTO actions_device (tenant_id, user_id, device_id, created_at, last_verification_method)
           SELECT %(tenant)s::uuid, md5('user' || u)::uuid, 'device-' || u, now(), '' FROM k""",
        {"tenant": tenant},
    )


def _without_indexes(connection: Any) -> list[str]:
    """Drops every index of the two tables that no constraint needs; returns how to make them again."""
    found = connection.execute(
        """SELECT i.indexname, i.indexdef FROM pg_indexes i
           WHERE i.tablename IN ('actions_action', 'actions_actionfacts')
           AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)"""
    ).fetchall()
    for name, _definition in found:
        connection.execute(f'DROP INDEX "{name}"')
    return [definition for _name, definition in found]


def _actions(connection: Any, tenant: str, size: int, users: int) -> None:
    given = {"tenant": tenant, "size": size, "users": users, "hot": min(HOT, size // 2)}
    connection.execute(
        """CREATE TEMP TABLE made AS
           SELECT gen_random_uuid() AS id, n, CASE WHEN n <= %(hot)s THEN 0 ELSE 1 + n %% (%(users)s - 1) END AS u,
             now() - CASE WHEN n <= %(hot)s THEN random() * interval '1 hour'
                          WHEN n %% 10 = 0 THEN random() * interval '1 day'
                          ELSE random() * interval '365 days' END AS at
           FROM generate_series(1, %(size)s) n""",
        given,
    )
    connection.execute(
        """INSERT INTO actions_action (id, tenant_id, user_id, action_code, idempotency_key, state, outcome, created_at,
             state_updated_at, verification_method, fingerprint, device_key, address_key, country_code,
             numbers)
           SELECT m.id, %(tenant)s::uuid, md5('user' || m.u)::uuid, CASE WHEN n %% 3 = 0 THEN 'login' ELSE 'bench' END,
             n::text, 'ALLOW', 'ALLOW', m.at, m.at, '', '', k.device, k.address, 'GB',
             '{"amount": 1200}'
           FROM made m JOIN k ON k.u = m.u""",
        given,
    )
    connection.execute(
        f"""INSERT INTO actions_actionfacts (action_id, configuration_id, policy_version, user_agent, device_id, facts,
              trace, matched_rules, shadow_rules, allowed_methods, default_method, redirect_url, redirect_to_settings,
              locale, message, browser_hash, prompt_methods)
            SELECT id, gen_random_uuid(), 1, '', '', {FACTS}, '{{"verdicts": {{}}, "lists": 1}}', '{{}}', '{{}}',
              '{{}}', '', '', false, '', '', '', '{{}}' FROM made""",
    )
    connection.execute("DROP TABLE made")


if __name__ == "__main__":
    sys.exit(main())
