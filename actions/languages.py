"""Which language a user is spoken to in: one answer, for a page and for what is sent from it."""

from django.conf import settings

from actions.models import ActionFacts
from authenticators.messaging import compose


def language_of(facts: ActionFacts | None, *, page: str) -> str:
    """What the app wants for this action, else the user, else their page or browser: the first that we speak."""
    wanted = (facts.locale, facts.action.user.locale) if facts else ()
    return asked_for(*wanted) or page or settings.LANGUAGE_CODE


def asked_for(*locales: str | None) -> str:
    """The first of them that we speak, or nothing: the app's wish for an action, then the user's."""
    return next(filter(None, map(compose.spoken, locales)), "")


def locale_of(facts: ActionFacts) -> str:
    """As it was sent, whether or not we speak it: a customer's own sender may."""
    return facts.locale or facts.action.user.locale or ""
