"""The two statements of `track`: one reads everything the rules may ask, one stores everything.

The only raw SQL of the request path. Both are prepared by psycopg after their second use on a connection. Neither
updates a row that all requests of a tenant share: such a row would make them wait for each other.
"""

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from actions import velocity
from actions.models import ENTITY_COLUMNS
from audit.log import Event
from authsignal_portal.errors import NotFound
from authsignal_portal.vocabulary import OPT_IN_METHODS
from rules.velocity import Asked

COUNT_CAP = 101
CHALLENGE_WINDOW_SECONDS = 600
# Where a user verified: as many places as travel is judged by.
PLACES, PLACES_DAYS = 20, 90
OPT_IN = ", ".join(f"'{method}'" for method in sorted(OPT_IN_METHODS))

READ = f"""
SELECT authsignal_now() AS now,
  c.id AS configuration_id, c.version, c.verification_methods AS action_methods,
  c.default_verification_method AS action_default, c.prompt_to_enroll_verification_methods AS action_prompt,
  c.message, c.localized_messages,
  c.dynamic_linking, c.amount_data_point, c.currency_data_point, c.payee_data_point,
  u.id AS user_pk, u.pseudonym, u.email_sealed, u.email_index, u.email_verified,
  u.phone_number_sealed, u.phone_number_index, u.phone_number_verified,
  u.username, u.display_name, u.custom AS user_custom, u.locale, u.last_verified_at, u.created_at AS user_created_at,
  u.default_verification_method AS user_default,
  (SELECT array_agg(x.method) FROM authenticators_authenticatorconfiguration x
    WHERE x.tenant_id = %(tenant)s::uuid AND x.is_active = (x.method = ANY(ARRAY[{OPT_IN}]))) AS switched,
  (SELECT array_agg(DISTINCT x.method) FROM authenticators_authenticator x
    WHERE x.user_id = u.id AND x.verified_at IS NOT NULL
      AND (x.expires_at IS NULL OR x.expires_at > authsignal_now())) AS enrolled,
  EXISTS (SELECT 1 FROM authenticators_authenticator x
    WHERE x.user_id = u.id AND x.verified_at IS NOT NULL) AS was_enrolled,
  (SELECT x.method FROM authenticators_authenticator x
    WHERE x.user_id = u.id AND x.verified_at IS NOT NULL AND x.is_default
      AND (x.expires_at IS NULL OR x.expires_at > authsignal_now()) LIMIT 1) AS enrolled_default,
  d.id AS device_pk, d.authenticated_at, d.invalidated_at, d.remembered_until,
  (SELECT count(*) FROM (SELECT 1 FROM actions_device x WHERE x.user_id = u.id LIMIT {COUNT_CAP}) capped) AS devices,
  EXISTS (SELECT 1 FROM actions_knownaddress x
    WHERE x.user_id = u.id AND x.address = %(address)s::inet) AS address_known,
  (SELECT json_agg(json_build_array(p.latitude, p.longitude, p.accuracy_radius_km,
      extract(epoch FROM p.last_verified_at)))::text
    FROM (SELECT x.latitude, x.longitude, x.accuracy_radius_km, x.last_verified_at FROM actions_knownaddress x
      WHERE x.user_id = u.id AND x.last_verified_at > authsignal_now() - make_interval(days => {PLACES_DAYS})
        AND x.latitude IS NOT NULL ORDER BY x.last_verified_at DESC LIMIT {PLACES}) p) AS places,
  t.value_lists_version,
  (SELECT count(*) FROM (SELECT 1 FROM actions_action x WHERE x.user_id = u.id AND x.outcome = 'CHALLENGE'
    AND x.created_at > authsignal_now() - make_interval(secs => {CHALLENGE_WINDOW_SECONDS})
    LIMIT %(challenge_cap)s) capped) AS recent_challenges,
  a.id AS action_id, a.state, a.fingerprint, f.matched_rules, f.allowed_methods, f.default_method"""  # noqa: S608

FROM = """
FROM authsignal_portal_tenant t
LEFT JOIN rules_actionconfiguration c ON c.tenant_id = %(tenant)s::uuid AND c.action_code = %(action)s
LEFT JOIN authenticators_enduser u ON u.tenant_id = %(tenant)s::uuid AND u.user_id = %(user)s
LEFT JOIN actions_device d ON d.user_id = u.id AND d.device_id = %(device)s
LEFT JOIN actions_action a ON a.user_id = u.id AND a.action_code = %(action)s AND a.idempotency_key = %(key)s
LEFT JOIN actions_actionfacts f ON f.action_id = a.id
WHERE t.id = %(tenant)s::uuid
"""

NEW_USER = """
new_user AS (
  INSERT INTO authenticators_enduser (id, tenant_id, user_id, email_sealed, email_index, email_verified,
    phone_number_sealed, phone_number_index, phone_number_verified, username, custom, locale, pseudonym)
  VALUES (%(user_pk)s, %(tenant)s, %(user)s, %(email_sealed)s, %(email_index)s, false,
    %(phone_sealed)s, %(phone_index)s, false, %(username_sent)s, '{}', %(user_locale_sent)s, %(pseudonym)s)
),"""

CHANGED_USER = """
changed_user AS (
  UPDATE authenticators_enduser SET
    email_sealed = CASE WHEN %(email_new)s THEN %(email_sealed)s ELSE email_sealed END,
    email_index = CASE WHEN %(email_new)s THEN %(email_index)s ELSE email_index END,
    email_verified = email_verified AND NOT %(email_new)s,
    phone_number_sealed = CASE WHEN %(phone_new)s THEN %(phone_sealed)s ELSE phone_number_sealed END,
    phone_number_index = CASE WHEN %(phone_new)s THEN %(phone_index)s ELSE phone_number_index END,
    phone_number_verified = phone_number_verified AND NOT %(phone_new)s,
    username = coalesce(%(username_sent)s, username), locale = coalesce(%(user_locale_sent)s, locale),
    updated_at = %(now)s
  WHERE id = %(user_pk)s
),"""

NEW_DEVICE = """
new_device AS (
  INSERT INTO actions_device (tenant_id, user_id, device_id, created_at, last_verification_method)
  VALUES (%(tenant)s, %(user_pk)s, %(device)s, %(now)s, '')
  ON CONFLICT (user_id, device_id) DO NOTHING
),"""

WRITE = """
action AS (
  INSERT INTO actions_action (id, tenant_id, user_id, action_code, idempotency_key, state, outcome, created_at,
    state_updated_at, verification_method, fingerprint, device_key, address_key, phone_key, email_domain_key,
    country_code, numbers)
  VALUES (%(action_id)s, %(tenant)s, %(user_pk)s, %(action)s, %(key)s, %(state)s, %(outcome)s, %(now)s, %(now)s, '',
    %(fingerprint)s, %(device_key)s, %(address_key)s, %(phone_key)s, %(email_domain_key)s, %(country)s,
    %(numbers)s)
),
facts AS (
  INSERT INTO actions_actionfacts (action_id, configuration_id, policy_version, ip_address, user_agent, device_id,
    facts, trace, private_sealed, matched_rules, shadow_rules, priority_rule_id,
    allowed_methods, default_method, prompt_methods, redirect_url,
    redirect_to_settings, locale, message, browser_hash, transaction, transaction_hash)
  VALUES (%(action_id)s, %(configuration_id)s, %(policy_version)s, %(address)s, %(user_agent)s, %(device)s,
    %(facts)s, %(trace)s, %(private_sealed)s, %(matched)s::uuid[], %(shadowed)s::uuid[], %(priority_rule)s,
    %(allowed)s::varchar[],
    %(default_method)s, %(prompt)s::varchar[], %(redirect_url)s, %(redirect_to_settings)s, %(locale_sent)s,
    %(message)s, '', %(transaction)s, %(transaction_hash)s)
)
INSERT INTO audit_auditevent (event_id, at, tenant_id, tag, actor_kind, actor, subject, action_id, data, leaf_hash)
VALUES """

EVENT = (
    "(%(e{0}_id)s, %(now)s, %(tenant)s, %(e{0}_tag)s, %(e{0}_kind)s, %(e{0}_actor)s, %(pseudonym)s, "
    "%(e{0}_action)s, %(e{0}_data)s, %(e{0}_hash)s)"
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the read statement found; each name is a column of it."""

    now: datetime
    configuration_id: uuid.UUID | None
    version: int | None
    action_methods: list[str] | None
    action_default: str | None
    action_prompt: list[str] | None
    message: str | None
    localized_messages: Any
    dynamic_linking: bool | None
    amount_data_point: str | None
    currency_data_point: str | None
    payee_data_point: str | None
    user_pk: uuid.UUID | None
    pseudonym: uuid.UUID | None
    email_sealed: bytes | None
    email_index: str | None
    email_verified: bool | None
    phone_number_sealed: bytes | None
    phone_number_index: str | None
    phone_number_verified: bool | None
    username: str | None
    display_name: str | None
    user_custom: Any
    locale: str | None
    last_verified_at: datetime | None
    user_created_at: datetime | None
    user_default: str | None
    switched: list[str] | None
    enrolled: list[str] | None
    was_enrolled: bool
    enrolled_default: str | None
    device_pk: int | None
    authenticated_at: datetime | None
    invalidated_at: datetime | None
    remembered_until: datetime | None
    devices: int
    address_known: bool
    places: list[list[float]]
    value_lists_version: int
    recent_challenges: int
    action_id: uuid.UUID | None
    state: str | None
    fingerprint: str | None
    matched_rules: list[uuid.UUID] | None
    allowed_methods: list[str] | None
    default_method: str | None
    # One row of numbers for each velocity that was asked for.
    velocities: tuple[Any, ...] = ()


COLUMNS = len(fields(Known)) - 1


def read(
    *,
    tenant_id: uuid.UUID,
    user_id: str,
    idempotency_key: str,
    device_id: str,
    address: str | None,
    challenge_cap: int,
    asked: Sequence[Asked] = (),
    around: velocity.Entities,
) -> Known:
    """Everything the decision needs, in one statement. Raises NotFound where the tenant is gone."""
    given = {
        "tenant": tenant_id,
        "user": user_id,
        "action": around.action_code,
        "key": idempotency_key,
        "device": device_id,
        "address": address,
        "challenge_cap": challenge_cap,
        **{name: getattr(around, name) for name in ENTITY_COLUMNS if asked},
    }
    with connection.cursor() as cursor:
        cursor.execute(
            READ + velocity.columns(asked, around.action_code) + FROM, given | velocity.parameters(asked, around)
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound("No such tenant.")
    known = Known(*row[:COLUMNS], *(row[COLUMNS:],))  # type: ignore[call-arg]  # a column for each field
    for name in ("user_custom", "localized_messages"):
        if isinstance(text := getattr(known, name), str):  # Django hands JSON over as text
            object.__setattr__(known, name, json.loads(text))
    object.__setattr__(known, "places", json.loads(row[COLUMN_OF_PLACES] or "[]"))
    return known


COLUMN_OF_PLACES = [field.name for field in fields(Known)].index("places")


def write(values: dict[str, Any], events: list[Event], *, new_user: bool, changed_user: bool, new_device: bool) -> None:
    """Store the action, its facts, its events and what is new of user and device: all of it or nothing.

    Raises IntegrityError when the action or the user came into being, or the user went, since the read.
    """
    parts = [
        NEW_USER if new_user else "",
        CHANGED_USER if changed_user else "",
        NEW_DEVICE if new_device else "",
    ]
    parameters = dict(values)
    for number, event in enumerate(events):
        parameters |= {
            f"e{number}_id": event.event_id,
            f"e{number}_tag": event.tag.value,
            f"e{number}_kind": event.actor.kind.value,
            f"e{number}_actor": event.actor.ident,
            f"e{number}_action": event.action_id,
            f"e{number}_data": json.dumps(event.data),
            f"e{number}_hash": event.leaf_hash,
        }
    rows = ", ".join(EVENT.format(number) for number in range(len(events)))
    statement = "WITH" + "".join(parts) + WRITE + rows
    with connection.cursor() as cursor:
        cursor.execute(statement, {name: parameters[name] for name in _named(statement)})


@cache
def _named(statement: str) -> tuple[str, ...]:
    """The parameters that the statement has a place for. Given more than fifty, used or not, psycopg would take the
    statement apart anew each time, as it does where the user is new or changed.
    """
    return tuple(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
