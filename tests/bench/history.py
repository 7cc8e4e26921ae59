"""A tenant with months behind it: users, actions and their facts, as `track` would have stored them."""

from typing import Any

import psycopg
from django.db import connection

from authsignal_portal import clock
from authsignal_portal.models import Tenant
from rules import value_lists
from rules.models import ActionConfiguration, Rule
from tests import make

CODE = "withdraw"
LISTED = 2_000

USERS = """
INSERT INTO authenticators_enduser (id, tenant_id, user_id, email_index, email_verified, phone_number_index,
    phone_number_verified, username, custom, pseudonym)
  SELECT gen_random_uuid(), %(tenant)s, 'user-' || n, '', true, '', false, 'name' || n, '{}', gen_random_uuid()
  FROM generate_series(0, %(users)s - 1) n
"""

# One row per action with everything that is drawn by lot.
DRAWN = """
CREATE TEMP TABLE drawn AS
SELECT n, gen_random_uuid() AS id, u.id AS user_pk, u.user_id, w.account,
  %(now)s::timestamptz - make_interval(secs => %(days)s * 86400.0 * (%(actions)s - n) / %(actions)s) AS at,
  w.device, w.address, w.country, w.amount, w.lot, w.other, w.hourly, w.daily
FROM (
  SELECT n, floor(pow(random(), 1.5) * %(users)s)::int AS account, floor(random() * 3)::int AS device,
    floor(random() * 200000)::int AS address,
    (ARRAY['GB','DE','FR','NZ','AU','US','NL','SE','IE','ES','IT','PL','RU','IR','BR','NG'])
      [1 + floor(pow(random(), 2) * 16)::int] AS country,
    round((exp(random() * 9) + 1)::numeric, 2) AS amount, random() AS lot, random() AS other,
    floor(pow(random(), 6) * 12)::int + 1 AS hourly, floor(pow(random(), 5) * 40)::int + 1 AS daily
  FROM generate_series(1, %(actions)s) n
) w JOIN authenticators_enduser u ON u.user_id = 'user-' || w.account AND u.tenant_id = %(tenant)s
ORDER BY n
"""

ACTIONS = """
INSERT INTO actions_action (id, tenant_id, user_id, action_code, idempotency_key, state, outcome, created_at,
    state_updated_at, verification_method, fingerprint, device_key, address_key, phone_key, email_domain_key,
    country_code)
  SELECT id, %(tenant)s, user_pk, %(code)s, id::text,
    CASE outcome WHEN 'CHALLENGE' THEN 'CHALLENGE_SUCCEEDED' WHEN 'REVIEW' THEN 'REVIEW_REQUIRED' ELSE outcome END,
    outcome, at, at, '', '', hashint8extended(account * 3 + device, 1), hashint8extended(address, 2), null,
    hashint8extended(account %% 50, 3), country
  FROM (SELECT *, CASE WHEN lot < 0.02 THEN 'BLOCK' WHEN lot < 0.05 THEN 'REVIEW' WHEN lot < 0.2 THEN 'CHALLENGE'
    ELSE 'ALLOW' END AS outcome FROM drawn) d ORDER BY n
"""

FACTS = """
INSERT INTO actions_actionfacts (action_id, configuration_id, policy_version, ip_address, user_agent, device_id, facts,
    trace, matched_rules, shadow_rules, allowed_methods, default_method, redirect_url, redirect_to_settings,
    locale, message, browser_hash)
  SELECT id, %(configuration)s, 1, null, %(agent)s, 'device-' || account || '-' || device,
    jsonb_build_object(
      'actionCode', %(code)s,
      'custom', jsonb_build_object('amount', amount, 'currency', CASE WHEN other < 0.7 THEN 'EUR' ELSE 'GBP' END,
        'isNewPayee', other < 0.2, 'channel', CASE WHEN lot < 0.5 THEN 'mobile' ELSE 'web' END,
        'payee', 'GB29NWBK' || address),
      'ip', jsonb_build_object('address', '81.2.' || address %% 250 || '.' || address / 250 %% 250,
        'countryCode', country, 'countryCodeInOfacList', country IN ('RU', 'IR'), 'asn', 1000 + address %% 5000,
        'isAnonymous', other > 0.95, 'anonymizer', CASE WHEN other > 0.95 THEN 'VPN' ELSE 'NONE' END,
        'isUnrecognized', lot > 0.6),
      'device', jsonb_build_object('id', 'device-' || account || '-' || device, 'isNew', lot > 0.8,
        'isBot', other < 0.001, 'isRemembered', false, 'count', 1 + device, 'type', 'desktop', 'browser', 'Chrome',
        'os', 'Windows'),
      'user', jsonb_build_object('userId', user_id, 'username', 'name' || account, 'isEnrolled', lot > 0.3,
        'hasPreviouslyVerified', lot > 0.4, 'emailVerified', true, 'accountAgeInDays', account %% 900,
        'emailDomain', 'mail' || account %% 50 || '.example',
        'custom', jsonb_build_object('tier', (ARRAY['basic','plus','gold'])[1 + account %% 3])),
      'time', jsonb_build_object('at', round(extract(epoch FROM at), 6), 'hour', extract(hour FROM at)::int,
        'weekday', trim(to_char(at, 'day'))),
      'card', '{}'::jsonb, 'crypto', '{}'::jsonb,
      'velocity', jsonb_build_object('count.user.this.1h', hourly, 'count.device.any.1d', daily)),
    jsonb_build_object('verdicts', '{}'::jsonb, 'lists', 0, 'caps',
      jsonb_build_object('velocity.count.user.this.1h', 101, 'velocity.count.device.any.1d', 101)),
    '{}', '{}', '{}', '', '', false, '', '', ''
  FROM drawn ORDER BY n
"""

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"


def var(name: str) -> dict[str, str]:
    return {"var": name}


AMOUNT, COUNTRY, NEW_PAYEE = var("custom.amount"), var("ip.countryCode"), {"==": [var("custom.isNewPayee"), True]}
# (outcome, conditions), the first to be looked at first: numbers, countries, text, booleans, lists, velocity.
RULES: list[tuple[str, Any]] = [
    ("BLOCK", {"==": [var("ip.countryCodeInOfacList"), True]}),
    ("BLOCK", {"==": [var("device.isBot"), True]}),
    ("BLOCK", {"in": [var("user.userId"), var("lists.blocked-users")]}),
    ("BLOCK", {"and": [{">": [AMOUNT, 7500]}, {"==": [var("ip.isAnonymous"), True]}, NEW_PAYEE]}),
    ("REVIEW", {">": [var("velocity.count.user.this.1h"), 8]}),
    ("REVIEW", {"and": [{"in": [COUNTRY, ["BR", "NG", "PL"]]}, {">": [AMOUNT, 2000]}]}),
    ("REVIEW", {"and": [{"startsWith": [var("user.userId"), "user-13"]}, {">=": [AMOUNT, 1000]}]}),
    ("REVIEW", {"and": [{"==": [var("ip.anonymizer"), "VPN"]}, {"<": [var("user.accountAgeInDays"), 30]}]}),
    ("ALLOW", {"and": [{"==": [var("user.custom.tier"), "gold"]}, {"<": [AMOUNT, 50]}]}),
    ("CHALLENGE", {"and": [{"==": [var("device.isNew"), True]}, {">": [AMOUNT, 500]}]}),
    ("CHALLENGE", {"and": [{"==": [var("ip.isUnrecognized"), True]}, NEW_PAYEE]}),
    ("CHALLENGE", {"or": [{"<=": [3000, AMOUNT, 4000]}, {">": [AMOUNT, 6000]}]}),
    ("CHALLENGE", {"and": [{"!": {"in": [COUNTRY, ["GB", "DE", "FR", "NL", "IE"]]}}, {">": [AMOUNT, 900]}]}),
    ("CHALLENGE", {">=": [var("velocity.count.device.any.1d"), 30]}),
    ("CHALLENGE", {"and": [{"==": [var("custom.currency"), "GBP"]}, {"==": [COUNTRY, "DE"]}, NEW_PAYEE]}),
    ("CHALLENGE", {"in": [var("custom.payee"), var("lists.watched-payees")]}),
    ("CHALLENGE", {"and": [{"<": [var("user.accountAgeInDays"), 7]}, {">": [AMOUNT, 100]}]}),
    ("CHALLENGE", {"and": [{"endsWith": [var("custom.payee"), "00"]}, {"!": NEW_PAYEE}, {">": [AMOUNT, 50]}]}),
    ("CHALLENGE", {"and": [{"==": [var("custom.channel"), "web"]}, {"==": [var("user.custom.tier"), "basic"]},
                           {">": [AMOUNT, 1500]}]}),
    ("ALLOW", {"or": [{"in": [var("user.custom.tier"), ["gold", "plus"]]}, {"<": [AMOUNT, 20]}]}),
]  # fmt: skip
POINTS = {"amount": "number", "currency": "text", "isNewPayee": "boolean", "channel": "text", "payee": "text"}


def fill(*, actions: int, users: int, days: int) -> ActionConfiguration:
    """Make the tenant and its history, ending now; as the owner of the tables."""
    tenant: Tenant = make.make_tenant("Bench")
    for name, kind in POINTS.items():
        make.make_point(tenant, name, kind)
    make.make_point(tenant, "tier", "text", "user")
    for name, prefix in (("Blocked users", "user-9"), ("Watched payees", "GB29NWBK19")):
        made = value_lists.create(tenant, name)
        value_lists.add(made, [value_lists.NewItem(f"{prefix}{number}") for number in range(LISTED)])
    configuration = make.make_action(tenant, CODE, "ALLOW")
    given = {"tenant": tenant.pk, "users": users, "actions": actions, "days": days, "code": CODE, "agent": AGENT}
    given |= {"now": clock.now(), "configuration": configuration.pk}
    # Values written into the text: their types follow from it.
    with psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT setseed(0.5)")
        for statement in (USERS, DRAWN, ACTIONS, FACTS, "DROP TABLE drawn", "ANALYZE"):
            cursor.execute(statement, given if "%(" in statement else None)
    draft(configuration)
    return configuration


def draft(configuration: ActionConfiguration, extra: list[tuple[str, Any]] | None = None) -> None:
    """Twenty rules and some more, as a draft."""
    for priority, (outcome, conditions) in enumerate([*RULES, *(extra or [])]):
        Rule.objects.create(
            configuration=configuration,
            name=f"rule {priority}",
            priority=priority,
            outcome=outcome,
            conditions=conditions,
        )
    configuration.save_draft()
