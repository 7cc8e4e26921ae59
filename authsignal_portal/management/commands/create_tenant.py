"""Create a tenant with its API keys."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit import log
from audit.events import Tag
from authsignal_portal.models import ApiKey, Tenant
from authsignal_portal.vocabulary import KeyKind


class Command(BaseCommand):
    help = (
        "Create a tenant and print its keys, once, as one JSON object on standard output: "
        "tenantId, apiSecretKey, managementSecret."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="shown to end users")
        parser.add_argument(
            "--origin",
            action="append",
            default=[],
            metavar="URL",
            help="an app origin: may call the Client API, frame the hosted pages and be redirected to; repeatable",
        )
        parser.add_argument("--json", action="store_true", help="accepted for scripts; the output is JSON in any case")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                created = create(options["name"], options["origin"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(json.dumps(created))


def create(name: str, origins: list[str]) -> dict[str, str]:
    """A tenant and its two keys. Call inside a transaction. Raises ValidationError."""
    tenant = Tenant.create(name=name, app_origins=origins)
    log.record(Tag.TENANT_CREATED, tenant_id=tenant.pk)
    secrets = {}
    for kind in (KeyKind.SERVER, KeyKind.MANAGEMENT):
        key, secrets[kind] = ApiKey.create(tenant=tenant, kind=kind)
        log.record(Tag.API_KEY_CREATED, tenant_id=tenant.pk, api_key=key.pk, kind=kind.value)
    return {
        "tenantId": str(tenant.pk),
        "apiSecretKey": secrets[KeyKind.SERVER],
        "managementSecret": secrets[KeyKind.MANAGEMENT],
    }
