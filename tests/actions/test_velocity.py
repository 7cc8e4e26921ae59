"""The SQL of velocity: however many actions are stored, each count reads a bounded piece of an index."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

from django.db import connection
from psycopg import sql

from actions import store, velocity
from actions.models import ENTITY_COLUMNS
from rules.velocity import _POINTLESS, FAILED, FOLDS, METRICS, SCOPES, Asked
from tests import make

ROWS, USERS = 30_000, 300
ACTIONS = ("this", "any", "action:login+transfer")
# Plans know no window: it stands in a sub-select.
WINDOW = "90d"
TABLES = ("actions_action", "actions_actionfacts")
STORED = """
INSERT INTO actions_action (id, tenant_id, user_id, action_code, idempotency_key, state, outcome, created_at,
  state_updated_at, verification_method, fingerprint, country_code, device_key, address_key, phone_key,
  email_domain_key, failed_at, numbers)
SELECT gen_random_uuid(), u.tenant_id, u.id, (ARRAY['pay', 'login', 'transfer'])[1 + mod(n, 3)], n::text,
  'ALLOW', CASE WHEN mod(n, 7) = 0 THEN 'CHALLENGE' ELSE 'ALLOW' END,
  authsignal_now() - n * interval '4 minutes', authsignal_now(), '', '', 'NZ',
  CASE WHEN mod(n, 20) > 0 THEN 7 ELSE mod(n, 500) END, mod(n, 700), mod(n, 400), mod(n, 20),
  CASE WHEN mod(n, 10) = 0 THEN authsignal_now() END, '{"v": 5}'
FROM generate_series(1, %s) n
JOIN (SELECT id, tenant_id, row_number() OVER () - 1 AS place FROM authenticators_enduser) u ON u.place = mod(n, %s)
"""
FACTS = """
INSERT INTO actions_actionfacts (action_id, configuration_id, policy_version, user_agent, device_id, facts, trace,
  matched_rules, shadow_rules, allowed_methods, default_method, redirect_url, redirect_to_settings, locale, message,
  browser_hash, prompt_methods)
SELECT id, gen_random_uuid(), 1, '', '', '{"custom": {"v": 5}}', '{}', '{}', '{}', '{}', '', '', false, '', '', '', '{}'
FROM actions_action
"""


def every_velocity() -> Iterator[Asked]:
    for metric in METRICS:
        for scope in SCOPES:
            for actions in ACTIONS:
                if (metric, scope) not in _POINTLESS:
                    name = f"{metric}:v" if metric in FOLDS else metric
                    yield Asked.of(f"velocity.{name}.{scope}.{actions}.{WINDOW}", [5])


def plan(asked: Asked | None, tenant: Any, user_id: str, *, generic: bool) -> dict[str, Any]:
    """The plan of the read statement with this one velocity, or none; a generic one knows no value of a parameter."""
    some = [asked] if asked else []
    around = velocity.Entities(
        action_code="pay", device_key=7, address_key=7, phone_key=7, email_domain_key=7, country_code="NZ"
    )
    given = {
        "tenant": tenant.pk,
        "user": user_id,
        "action": "pay",
        "key": "k",
        "device": "",
        "address": None,
        "challenge_cap": 301,
        **{name: getattr(around, name) for name in ENTITY_COLUMNS},
        **velocity.parameters(some, around),
    }
    names: list[str] = []
    statement = re.sub(
        r"%\((\w+)\)s",
        lambda found: f"${(names if found[1] in names else names.append(found[1]) or names).index(found[1]) + 1}",
        store.READ + velocity.columns(some, "pay") + store.FROM,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SET plan_cache_mode = force_{'generic' if generic else 'custom'}_plan")
        name = f"p{uuid.uuid4().hex}"
        cursor.execute(f"PREPARE {name} AS {statement}")
        values = sql.SQL(", ").join(sql.Literal(given[one]) for one in names)
        cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE {} ({})").format(sql.Identifier(name), values))
        found = cursor.fetchone()[0]
        cursor.execute(f"DEALLOCATE {name}")
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


def indexes(asked: Asked) -> set[str]:
    """Those that begin with what the scope goes by, and end with the time."""
    entity = {"phoneNumber": "phone", "emailDomain": "email_domain"}.get(asked.velocity.scope, asked.velocity.scope)
    if asked.velocity.metric == FAILED:
        return {f"failed_by_{entity}"}
    by_code = entity in ("user", "tenant") and asked.velocity.codes("") is not None
    return {f"action_by_{entity}_and_code" if by_code else f"action_by_{entity}"}


def scans(node: dict[str, Any], tables: tuple[str, ...]) -> list[tuple[str, str]]:
    """(how, through which index) each of the tables is read; of a bitmap, its index."""
    return [
        (one["Node Type"], one.get("Index Name", one.get("Relation Name", "")))
        for one in nodes(node)
        if one.get("Relation Name") in tables or one["Node Type"] == "Bitmap Index Scan"
    ]


def test_each_count_goes_through_the_index_of_its_scope_and_reads_no_table(acme, globex):
    for number in range(USERS):
        make.make_user(globex if number % 10 == 0 else acme, f"user-{number}")
    with connection.cursor() as cursor:
        cursor.execute(STORED, [ROWS, USERS])
        cursor.execute(FACTS)
        for table in ("actions_action", "actions_actionfacts", "authenticators_enduser"):
            cursor.execute(f"ANALYZE {table}")
    costs: dict[str, list[float]] = {}
    for generic in (False, True):
        without = plan(None, acme, "user-7", generic=generic)
        # What is not asked by a rule is bounded too: an index holds nothing but what counts.
        filters = [one.get("Filter", "") for one in nodes(without) if one.get("Relation Name") == "actions_action"]
        assert [one for one in filters if "outcome" in one] == []
        assert ("Index Only Scan", "challenged_by_user") in scans(without, TABLES)
        for asked in every_velocity():
            planned = plan(asked, acme, "user-7", generic=generic)
            costs.setdefault(asked.velocity.key, []).append(planned["Total Cost"] - without["Total Cost"])
            found = scans(planned, TABLES)
            for one in scans(without, TABLES):
                found.remove(one)
            [(how, index)] = found
            assert how in ("Index Scan", "Index Only Scan"), (asked.velocity.key, generic, found)
            assert index in indexes(asked), (asked.velocity.key, generic, found)
    # A plan for known values looks no cheaper than one for all: else each request would be planned anew.
    assert {key: both for key, both in costs.items() if both[0] < 0.99 * both[1]} == {}
