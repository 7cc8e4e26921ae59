"""Check a receipt with the tenant's public keys alone: no database, no network."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions import receipts


class Command(BaseCommand):
    help = "Verify a receipt of a linked transaction offline, and print what it proves."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("receipt", type=Path, help="The receipt: a file with a compact JWS.")
        parser.add_argument("--jwks", type=Path, required=True, help="The tenant's public keys: a JWKS file.")

    def handle(self, *args: Any, receipt: Path, jwks: Path, **options: Any) -> None:
        try:
            claims = receipts.verify(receipt.read_text(), json.loads(jwks.read_text()))
        except receipts.InvalidReceipt as problem:
            raise CommandError(f"NOT VALID. {problem}") from problem
        except (OSError, ValueError) as problem:
            raise CommandError(f"A file cannot be read: {problem}") from problem
        # Escaped, so that no letter passes for another one on a terminal.
        self.stdout.write(json.dumps(claims, indent=2))
        self.stdout.write("VALID: the transaction above is what the user confirmed.")
