"""Create a member of staff; the second factor is enrolled at the first sign-in."""

import json
import secrets
import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from audit import log
from audit.events import Tag
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.vocabulary import Role


class Command(BaseCommand):
    help = "Create a member of staff of one tenant and print their first password, once, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--tenant", required=True, help="the tenant's id")
        parser.add_argument(
            "--existing",
            action="store_true",
            help="also an account that is not new: ask its owner first, for whoever made it may have its password",
        )
        parser.add_argument("--role", choices=[role.value for role in Role], default=Role.ADMIN.value)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email, role = options["email"].lower(), options["role"]
        try:
            validate_email(email)
            tenant = Tenant.objects.get(pk=uuid.UUID(options["tenant"]))
        except ValidationError as error:
            raise CommandError(f"{email!r} is not an email address.") from error
        except (ValueError, Tenant.DoesNotExist) as error:
            raise CommandError(f"{options['tenant']!r} is not the id of a tenant.") from error
        users = get_user_model().objects
        user, told = users.filter(username=email).first(), {"email": email}
        if user is None:
            told["password"] = secrets.token_urlsafe(15)
            user = users.create_user(username=email, email=email, password=told["password"], is_staff=True)
        elif not (options["existing"] or user.memberships.filter(tenant=tenant).exists()):
            raise CommandError(
                f"{email} has an account, and whoever made it may have set its password and its authenticator app. "
                "Ask its owner whether they did, then say --existing."
            )
        Membership.objects.update_or_create(user=user, tenant=tenant, defaults={"role": role})
        log.record(Tag.MEMBER_CHANGED, tenant_id=tenant.pk, row=str(user.pk), role=role)
        self.stdout.write(json.dumps(told))
