"""`manage.py demo`: the whole product in one foreground tree, on embedded parts where none are configured."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from authsignal_portal import demo
from authsignal_portal.processes import ProcessError


class Command(BaseCommand):
    help = "Run the demo: database, queue, web server, worker and the bank Acme Pay. PORT moves it (8000)."
    # The database they look at is started only here.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--drop", action="store_true", help="remove the demo's data instead of running it")
        parser.add_argument("--with-parent", action="store_true", help="stop also when the calling program dies")

    def handle(self, *_args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT != "demo":
            raise CommandError("The demo runs in demo settings only: set AUTHSIGNAL_ENV=demo (make demo does).")
        try:
            if options["drop"]:
                demo.drop(self._say)
            else:
                demo.run(self._say, with_parent=options["with_parent"])
        except ProcessError as error:
            raise CommandError(str(error)) from error

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
