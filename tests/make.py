"""Plain factories. Acme is the tenant under test; Globex must see nothing of Acme."""

import base64
import uuid
from datetime import timedelta
from typing import Any

from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal import clock
from authsignal_portal.models import ApiKey, Tenant
from authsignal_portal.vocabulary import KeyKind, VerificationMethod
from rules.models import ActionConfiguration, CustomDataPoint, Rule

APP_ORIGIN = "https://app.acme.example"


def make_tenant(name: str = "Acme", *, app_origins: list[str] | None = None, **fields: Any) -> Tenant:
    tenant = Tenant.create(name=name, app_origins=[APP_ORIGIN] if app_origins is None else app_origins)
    for field, value in fields.items():
        setattr(tenant, field, value)
    tenant.save()
    return tenant


def make_key(tenant: Tenant, kind: KeyKind = KeyKind.SERVER) -> str:
    return ApiKey.create(tenant=tenant, kind=kind)[1]


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"{secret}:".encode()).decode()


def make_user(tenant: Tenant, user_id: str = "alice", **fields: Any) -> EndUser:
    user = EndUser(tenant=tenant, user_id=user_id)
    for field, value in fields.items():
        setattr(user, field, value)
    user.save(force_insert=True)
    return user


def make_authenticator(
    user: EndUser, method: VerificationMethod = VerificationMethod.EMAIL_OTP, **fields: Any
) -> Authenticator:
    row = Authenticator(tenant=user.tenant, user=user, method=method, verified_at=clock.now())
    for field, value in fields.items():
        setattr(row, field, value)
    row.save(force_insert=True)
    return row


def make_configuration(tenant: Tenant, method: str, **fields: Any) -> AuthenticatorConfiguration:
    return AuthenticatorConfiguration.objects.create(tenant=tenant, method=method, **fields)


def make_challenge(user: EndUser | None, tenant: Tenant | None = None, **fields: Any) -> Challenge:
    owner = user.tenant if user else tenant
    assert owner is not None
    row = Challenge(
        tenant=owner,
        user=user,
        method=VerificationMethod.EMAIL_OTP,
        action_id=uuid.uuid4(),
        expires_at=clock.now() + timedelta(minutes=10),
    )
    for field, value in fields.items():
        setattr(row, field, value)
    row.save(force_insert=True)
    return row


def make_action(tenant: Tenant, code: str, outcome: str = "ALLOW", **fields: Any) -> ActionConfiguration:
    configuration = ActionConfiguration.objects.create(
        tenant=tenant, action_code=code, default_outcome=outcome, **fields
    )
    configuration.keep_version()
    return configuration


def make_rule(configuration: ActionConfiguration, conditions: Any, outcome: str = "CHALLENGE", **fields: Any) -> Rule:
    fields.setdefault("name", f"rule {fields.get('priority', 0)}")
    rule = Rule.objects.create(configuration=configuration, conditions=conditions, outcome=outcome, **fields)
    configuration.changed()
    return rule


def make_point(tenant: Tenant, name: str, data_type: str, model_type: str = "action") -> CustomDataPoint:
    return CustomDataPoint.objects.create(tenant=tenant, name=name, data_type=data_type, model_type=model_type)
