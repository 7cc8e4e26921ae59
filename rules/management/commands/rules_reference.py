"""Print the reference of what rules can ask, as Markdown."""

from typing import Any

from django.core.management.base import BaseCommand

from rules.reference import markdown


class Command(BaseCommand):
    help = "Print docs/rules-reference.md as it should be."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        self.stdout.write(markdown(), ending="")
