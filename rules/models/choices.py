"""What the fields that have choices take: outcomes, methods, and the methods that a user is asked to set up."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from authsignal_portal import words
from authsignal_portal.vocabulary import Outcome, VerificationMethod


def outcome_choices() -> list[tuple[str, str]]:
    return [(o.value, o.value.title()) for o in Outcome]


def method_choices() -> list[tuple[str, str]]:
    return [(m.value, words.method(m)) for m in VerificationMethod]


def prompt_choices() -> list[tuple[str, str]]:
    """The wire knows one: a passkey."""
    return [(VerificationMethod.PASSKEY.value, str(_("Passkey")))]


def prompt_field(help_text: Any) -> Any:
    return ArrayField(
        models.CharField(max_length=32, choices=prompt_choices),
        verbose_name=_("ask to set up"),
        null=True,
        blank=True,
        help_text=help_text,
    )
