"""The demo's tenant, staff, actions and users. Running it again keeps what is there."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit import log
from authenticators import enrolment, users
from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser
from authsignal_portal import clock, embedded
from authsignal_portal.management.commands import create_tenant
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS, Outcome, Role, VerificationMethod
from rules.models import ActionConfiguration, CustomDataPoint, Rule

EMAIL = "analyst@acme-pay.example"
GOOGLE_AAGUID = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
# What the vendor's own test suites expect to find.
PASSKEY_USER = "b60429a1-6288-43dc-80c0-6a3e73dd51b9"
ENROLLED_USER = "user123"

CHALLENGED = ("signIn", "Login", "enroll-passkey")
POINTS = {
    "transactionValue": "number",
    "withdrawalAmount": "number",
    "destinationType": "text",
    "isNewDestination": "boolean",
    "velocityScore": "number",
    "isFirstWithdrawal": "boolean",
    "accountAgeInDays": "number",
}
RULES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "adaptive-mfa-transfer": [
        ("IP is anonymous", {"and": [{"==": [{"var": "ip.isAnonymous"}, True]}]}),
        ("transactionValue > 2000", {"and": [{">": [{"var": "custom.transactionValue"}, 2000]}]}),
    ],
    "withdraw": [("withdrawalAmount > 2000", {"and": [{">": [{"var": "custom.withdrawalAmount"}, 2000]}]})],
}


class Command(BaseCommand):
    help = "Seed the demo and print its credentials as one JSON object. Refuses to run in production."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo's data does not belong into production.")
        kept = Path(os.environ.get("DEMO_CREDENTIALS", embedded.demo_directory(settings.BASE_DIR) / "tenant.json"))
        told = json.loads(kept.read_text()) if kept.exists() else {}
        with transaction.atomic():
            told = seed(told)
            write_private(kept, json.dumps(told))
        self.stdout.write(json.dumps(told))


def seed(told: dict[str, str]) -> dict[str, str]:
    """Complete the demo's data. `told` are the credentials of an earlier run, if there was one."""
    tenant = Tenant.objects.filter(pk=told["tenantId"]).first() if told else None
    if tenant is None:
        created = create_tenant.create("Acme Pay", [])
        tenant = Tenant.objects.get(pk=created["tenantId"])
        told = {**created, **staff(tenant)}
        actions(tenant)
        methods(tenant)
        people(tenant)
    allow_demo_origin(tenant)
    return told


def allow_demo_origin(tenant: Tenant) -> None:
    """Acme Pay listens one port above the server."""
    public = urlsplit(settings.PUBLIC_URL)
    origin = f"{public.scheme}://{public.hostname}:{(public.port or 80) + 1}"
    if origin not in tenant.app_origins:
        tenant.app_origins = [*tenant.app_origins, origin]
        tenant.save(update_fields=["app_origins"])


def staff(tenant: Tenant) -> dict[str, str]:
    password, key = secrets.token_urlsafe(15), secrets.token_bytes(20)
    user = get_user_model().objects.create_user(username=EMAIL, email=EMAIL, password=password, is_staff=True)
    Membership.objects.create(user=user, tenant=tenant, role=Role.ADMIN)
    TOTPDevice.objects.create(user=user, name="Demo", key=key.hex(), confirmed=True)
    return {
        "portalEmail": EMAIL,
        "portalPassword": password,
        "portalTotpSecret": base64.b32encode(key).decode(),
    }


def actions(tenant: Tenant) -> None:
    for name, kind in POINTS.items():
        CustomDataPoint.objects.create(tenant=tenant, name=name, data_type=kind)
    for code in CHALLENGED:
        configuration(tenant, code, Outcome.CHALLENGE)
    for code, rules in RULES.items():
        made = configuration(tenant, code, Outcome.ALLOW)
        for priority, (name, conditions) in enumerate(rules):
            Rule.objects.create(
                configuration=made, name=name, priority=priority, outcome=Outcome.CHALLENGE, conditions=conditions
            )
        made.changed()


def configuration(tenant: Tenant, code: str, outcome: Outcome) -> ActionConfiguration:
    made = ActionConfiguration.objects.create(tenant=tenant, action_code=code, default_outcome=outcome)
    made.keep_version()
    return made


def methods(tenant: Tenant) -> None:
    """Acme Pay has no app of its own that brings the SDK."""
    for method in DEVICE_METHODS:
        AuthenticatorConfiguration.objects.create(tenant=tenant, method=method, web_app=True)


def people(tenant: Tenant) -> None:
    users.enrol(tenant, ENROLLED_USER, {"verificationMethod": "SMS", "phoneNumber": "+64270000000"}, actor=log.SYSTEM)
    holder = EndUser.objects.create(tenant=tenant, user_id=PASSKEY_USER)
    row = Authenticator.objects.create(
        tenant=tenant,
        user=holder,
        method=VerificationMethod.PASSKEY,
        credential_id=secrets.token_urlsafe(16),
        rp_id=tenant.relying_party_id,
        public_key=public_key(),
        aaguid=GOOGLE_AAGUID,
        transports=["internal", "hybrid"],
        attachment="platform",
        backup_eligible=True,
        backed_up=True,
        user_agent=CHROME,
        name="demo@example.com",
    )
    enrolment.complete(row, now=clock.now(), actor=log.SYSTEM)


def public_key() -> bytes:
    """A COSE ES256 key in CBOR (RFC 9053 §7.1.1) whose private half nobody keeps."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    # A map of kty EC2, alg ES256, crv P-256, then x and y.
    return bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y


def write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
