"""A month of a million stored actions, a draft of twenty rules, and the backtest of one on the other.

`python -m tests.bench.backtest_past fill <actions> <users>`, and then `run`, `compare` or `recount`; each prints JSON.
"""

import json
import random
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import django

CODE, DAYS = "withdraw", 30
LISTED = 2_000
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"

USERS = """
INSERT INTO authenticators_enduser (id, tenant_id, user_id, email_index, email_verified, phone_number_index,
    phone_number_verified, username, custom, pseudonym)
  SELECT gen_random_uuid(), %(tenant)s, 'user-' || n, '', true, '', false, 'name' || n, '{}', gen_random_uuid()
  FROM generate_series(0, %(users)s - 1) n
"""
# One row per action with everything that is drawn by lot.
DRAWN = """
CREATE TEMP TABLE drawn AS
SELECT w.*, gen_random_uuid() AS id, u.id AS user_pk, u.user_id,
  %(now)s::timestamptz - make_interval(secs => %(days)s * 86400.0 * (%(actions)s - n) / %(actions)s) AS at,
  country IN ('RU', 'IR') AS embargoed
FROM (
  SELECT n, floor(pow(random(), 1.5) * %(users)s)::int AS account, floor(random() * 3)::int AS device,
    floor(random() * %(actions)s / 5)::int AS address,
    (ARRAY['GB','DE','FR','NZ','AU','US','NL','SE','IE','ES','IT','PL','BR','NG','RU','IR'])
      [1 + floor(pow(random(), 2) * 16)::int] AS country,
    round((exp(random() * 9) + 1)::numeric, 2) AS amount, random() < 0.2 AS is_new_device, random() < 0.001 AS is_bot,
    random() < 0.1 AS is_new_payee, random() < 0.05 AS is_anonymous, random() < 0.4 AS is_unrecognized,
    random() < 0.7 AS is_euro, random() < 0.5 AS is_mobile, random() < 0.7 AS is_enrolled,
    floor(pow(random(), 6) * 12)::int + 1 AS hourly, floor(pow(random(), 5) * 40)::int + 1 AS daily
  FROM generate_series(1, %(actions)s) n
) w JOIN authenticators_enduser u ON u.user_id = 'user-' || w.account AND u.tenant_id = %(tenant)s
"""
# As rules somewhat like the draft's would have decided.
OUTCOME = """CASE WHEN embargoed OR is_bot THEN 'BLOCK' WHEN hourly > 9 THEN 'REVIEW'
    WHEN is_new_device AND amount > 600 OR amount > 6500 OR is_unrecognized AND is_new_payee THEN 'CHALLENGE'
    ELSE 'ALLOW' END"""
ACTIONS = f"""
INSERT INTO actions_action (id, tenant_id, user_id, action_code, idempotency_key, state, outcome, created_at,
    state_updated_at, verification_method, fingerprint, device_key, address_key, email_domain_key, country_code,
    numbers)
  SELECT id, %(tenant)s, user_pk, %(code)s, id::text,
    CASE outcome WHEN 'CHALLENGE' THEN 'CHALLENGE_SUCCEEDED' WHEN 'REVIEW' THEN 'REVIEW_REQUIRED' ELSE outcome END,
    outcome, at, at, '', '', hashint8extended(account * 3 + device, 1), hashint8extended(address, 2),
    hashint8extended(account %% 50, 3), country, jsonb_build_object('amount', amount)
  FROM (SELECT *, {OUTCOME} AS outcome FROM drawn) d ORDER BY n
"""
FACTS = """
INSERT INTO actions_actionfacts (action_id, configuration_id, policy_version, ip_address, user_agent, device_id, facts,
    trace, matched_rules, shadow_rules, allowed_methods, default_method, prompt_methods, redirect_url,
    redirect_to_settings, locale, message, browser_hash)
  SELECT id, %(configuration)s, 1, null, %(agent)s, 'device-' || account || '-' || device,
    jsonb_build_object(
      'actionCode', %(code)s,
      'custom', jsonb_build_object('amount', amount, 'currency', CASE WHEN is_euro THEN 'EUR' ELSE 'GBP' END,
        'isNewPayee', is_new_payee, 'channel', CASE WHEN is_mobile THEN 'mobile' ELSE 'web' END,
        'payee', 'GB29NWBK' || address),
      'ip', jsonb_build_object('address', '81.2.' || address %% 250 || '.' || address / 250 %% 250,
        'countryCode', country, 'countryCodeInOfacList', embargoed, 'asn', 1000 + address %% 5000,
        'isAnonymous', is_anonymous, 'anonymizer', CASE WHEN is_anonymous THEN 'VPN' ELSE 'NONE' END,
        'isUnrecognized', is_unrecognized),
      'device', jsonb_build_object('id', 'device-' || account || '-' || device, 'isNew', is_new_device,
        'isBot', is_bot, 'isRemembered', false, 'count', 1 + device, 'type', 'desktop', 'browser', 'Chrome',
        'os', 'Windows'),
      'user', jsonb_build_object('userId', user_id, 'username', 'name' || account, 'isEnrolled', is_enrolled,
        'hasPreviouslyVerified', is_enrolled, 'emailVerified', true, 'accountAgeInDays', account %% 900,
        'emailDomain', 'mail' || account %% 50 || '.example',
        'custom', jsonb_build_object('tier', (ARRAY['basic','plus','gold'])[1 + account %% 3])),
      'time', jsonb_build_object('at', round(extract(epoch FROM at), 6), 'hour', extract(hour FROM at)::int,
        'weekday', trim(to_char(at, 'DAY'))),
      'card', '{}'::jsonb, 'crypto', '{}'::jsonb,
      'velocity', jsonb_build_object('count.user.this.1h', hourly, 'count.device.any.1d', daily)),
    jsonb_build_object('verdicts', '{}'::jsonb, 'lists', 0, 'caps',
      jsonb_build_object('velocity.count.user.this.1h', 101, 'velocity.count.device.any.1d', 101)),
    '{}', '{}', '{}', '', '{}', '', false, '', '', ''
  FROM drawn ORDER BY n
"""


def var(name: str) -> dict[str, str]:
    return {"var": name}


AMOUNT, COUNTRY, NEW_PAYEE = var("custom.amount"), var("ip.countryCode"), {"==": [var("custom.isNewPayee"), True]}
TIER, AGE = var("user.custom.tier"), var("user.accountAgeInDays")
# (outcome, conditions), the first to be looked at first: numbers, countries, text, booleans, lists, velocity.
RULES: list[tuple[str, Any]] = [
    ("BLOCK", {"==": [var("ip.countryCodeInOfacList"), True]}),
    ("BLOCK", {"==": [var("device.isBot"), True]}),
    ("BLOCK", {"in": [var("user.userId"), var("lists.blocked-users")]}),
    ("BLOCK", {"and": [{">": [AMOUNT, 7500]}, {"==": [var("ip.isAnonymous"), True]}, NEW_PAYEE]}),
    ("REVIEW", {">": [var("velocity.count.user.this.1h"), 8]}),
    ("REVIEW", {"and": [{"in": [COUNTRY, ["BR", "NG", "PL"]]}, {">": [AMOUNT, 4000]}]}),
    ("REVIEW", {"and": [{"startsWith": [var("user.userId"), "user-13"]}, {">=": [AMOUNT, 5000]}]}),
    ("REVIEW", {"and": [{"==": [var("ip.anonymizer"), "VPN"]}, {"<": [AGE, 30]}]}),
    ("ALLOW", {"and": [{"==": [TIER, "gold"]}, {"<": [AMOUNT, 50]}]}),
    ("CHALLENGE", {"and": [{"==": [var("device.isNew"), True]}, {">": [AMOUNT, 500]}]}),
    ("CHALLENGE", {"and": [{"==": [var("ip.isUnrecognized"), True]}, NEW_PAYEE]}),
    ("CHALLENGE", {"or": [{"<=": [3900, AMOUNT, 4000]}, {">": [AMOUNT, 6000]}]}),
    ("CHALLENGE", {"and": [{"!": {"in": [COUNTRY, ["GB", "DE", "FR", "NL", "IE"]]}}, {">": [AMOUNT, 5900]}]}),
    ("CHALLENGE", {">=": [var("velocity.count.device.any.1d"), 36]}),
    ("CHALLENGE", {"and": [{"==": [var("custom.currency"), "GBP"]}, {"==": [COUNTRY, "DE"]}, NEW_PAYEE]}),
    ("CHALLENGE", {"in": [var("custom.payee"), var("lists.watched-payees")]}),
    ("CHALLENGE", {"and": [{"<": [AGE, 7]}, {">": [AMOUNT, 1000]}]}),
    ("CHALLENGE", {"and": [{"endsWith": [var("custom.payee"), "00"]}, {"!": NEW_PAYEE}, {">": [AMOUNT, 500]}]}),
    ("CHALLENGE", {"and": [{"==": [var("custom.channel"), "web"]}, {"==": [TIER, "basic"]}, {">": [AMOUNT, 5500]}]}),
    ("ALLOW", {"or": [{"in": [TIER, ["gold", "plus"]]}, {"<": [AMOUNT, 20]}]}),
]
# What no action was told: asked for by the draft as rule 21, it is counted anew.
UNTOLD = "velocity.count.address.any.1d"
POINTS = {"amount": "number", "currency": "text", "isNewPayee": "boolean", "channel": "text", "payee": "text"}


def fill(actions: int, users: int) -> dict[str, Any]:
    """A tenant and its history, ending now. Needs the role of the owner."""
    import psycopg
    from django.db import connection

    from authsignal_portal import clock
    from rules import value_lists
    from tests import make

    tenant = make.make_tenant("Bench")
    for name, kind in POINTS.items():
        make.make_point(tenant, name, kind)
    make.make_point(tenant, "tier", "text", "user")
    for name, prefix in (("Blocked users", "user-9"), ("Watched payees", "GB29NWBK19")):
        made = value_lists.create(tenant, name)
        value_lists.add(made, [value_lists.NewItem(f"{prefix}{number}") for number in range(LISTED)])
    configuration = make.make_action(tenant, CODE, "ALLOW")
    given = {"tenant": tenant.pk, "users": users, "actions": actions, "days": DAYS, "code": CODE, "agent": AGENT}
    given |= {"now": clock.now(), "configuration": configuration.pk}
    # Values written into the text: their types follow from it.
    with psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT setseed(0.5)")
        for statement in (USERS, DRAWN, ACTIONS, FACTS, "DROP TABLE drawn", "VACUUM ANALYZE"):
            cursor.execute(statement, given if "%(" in statement else None)
    for priority, (outcome, conditions) in enumerate(RULES):
        make.make_rule(configuration, conditions, outcome, priority=priority)
    return {"actions": actions}


def run() -> dict[str, Any]:
    """As the worker runs it: the wall time of all of it, and the most memory that the process had."""
    from actions import backtest
    from actions.models import Backtest

    made = backtest.begin(configuration_of(), days=DAYS, author_id=None)
    started, used = time.perf_counter(), time.process_time()
    backtest.run(made.pk)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    report = Backtest.objects.get(pk=made.pk).report
    assert report is not None
    counts = {name: report[name] for name in ("actions", "changed", "users", "recounted")}
    return {"seconds": seconds, "cpu_seconds": cpu, "mb": most_memory(), **counts}


def most_memory() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def configuration_of() -> Any:
    from rules.models import ActionConfiguration

    return ActionConfiguration.objects.get(action_code=CODE)


def compare(number: int) -> dict[str, Any]:
    """The backtest's result of some actions beside the live engine's; the share that is the same in all of it."""
    from actions import backtest
    from actions.backtest_replay import Velocities
    from actions.backtest_rows import ACTION, Source, Span
    from actions.models import ActionFacts
    from authsignal_portal import clock
    from rules import policies, value_lists
    from rules.columns import Columns
    from rules.engine import decide

    configuration = configuration_of()
    tenant, policy = configuration.tenant, policies.compiled(configuration.versions.latest("version"), CODE)
    lists = value_lists.read(tenant.pk, tenant.value_lists_version)
    until = clock.now()
    span = Span(tenant_id=tenant.pk, action_code=CODE, since=until - timedelta(days=DAYS), until=until)
    columns, lot = Columns(policy, lists), random.Random(1)
    source, velocities = Source(policy, tenant, is_timed=columns.is_timed), Velocities(policy, {}, trusts_stored=True)
    drawn: dict[str, Any] = {}
    with backtest.reading() as connection, closing(source.batches(connection, span, in_order=False)) as batches:
        for batch in batches:
            velocities.fill(batch, 0)
            for row, place in zip(batch.rows, columns.decide(batch.columns, batch.moments), strict=True):
                if lot.random() < 0.05:
                    drawn[str(UUID(bytes=row[ACTION]))] = columns.results[place]
    some = lot.sample(sorted(drawn), min(number, len(drawn)))
    rules, same = [rule.spec.rule_id for rule in policy.rules], 0
    for facts in ActionFacts.objects.filter(pk__in=some):
        live, ours = decide(facts.opened(), policy, lists), drawn[str(facts.pk)]
        unknown = [name for name, verdict in live.verdicts.items() if verdict == "unknown"]
        same += (live.outcome, list(live.matched), list(live.shadowed), unknown) == (
            ours.outcome,
            *([rules[place] for place in places] for places in (ours.matched, ours.shadowed, ours.unknown)),
        )
    return {"compared": len(some), "identical": same / len(some)}


def recount(number: int) -> dict[str, Any]:
    """Add a rule on what no action was told; some counts beside what PostgreSQL counts for each of them alone."""
    from django.db import connection

    from actions import backtest, backtest_history
    from actions.backtest_rows import Span
    from authsignal_portal import clock
    from rules.velocity import Asked
    from tests import make

    configuration = configuration_of()
    make.make_rule(configuration, {">": [var(UNTOLD), 9]}, "BLOCK", priority=len(RULES))
    until = clock.now()
    since = until - timedelta(days=DAYS)
    span = Span(tenant_id=configuration.tenant_id, action_code=CODE, since=since, until=until)
    mine = "SELECT id, row_number() OVER (ORDER BY created_at, id) AS place FROM actions_action WHERE created_at > %s"
    counted = """SELECT m.place, (SELECT count(*) FROM actions_action x WHERE x.tenant_id = a.tenant_id
      AND x.address_key = a.address_key AND x.created_at > a.created_at - interval '1 day'
      AND (x.created_at, x.id) <= (a.created_at, a.id))
    FROM mine m JOIN actions_action a USING (id) ORDER BY md5(id::text) LIMIT %s"""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT count(*) FROM actions_action WHERE created_at > %s", [since])
        (size,) = cursor.fetchone()
        cursor.execute(f"WITH mine AS ({mine}) {counted}", [since, number])
        expected = cursor.fetchall()
    with backtest.reading() as reading:
        values = backtest_history.recount(
            reading, span, Asked.of(UNTOLD, [9]), size=size, advance=lambda _rows: None
        ).column(0, size)
    same = sum(values[place - 1] == count for place, count in expected)
    return {"compared": len(expected), "identical": same / len(expected)}


if __name__ == "__main__":
    django.setup()
    command, *numbers = sys.argv[1:]
    print(json.dumps(globals()[command](*map(int, numbers))))
