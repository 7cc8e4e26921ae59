"""The translations of what end users read: complete, with the same placeholders, and compiled."""

import gettext
import re
from ast import literal_eval
from pathlib import Path

import pytest
from django.conf import settings

from authsignal_portal import wording

LOCALE = Path(settings.BASE_DIR) / "authsignal_portal" / "locale"
HOLES = re.compile(r"%\(\w+\)s|%%|\{\w+\}|</?\w+>")
SPOKEN = ("de", "es", "fr", "fr_CA", "it", "nl", "pl", "pt_BR")


def catalogue(language: str) -> list[tuple[str, str]]:
    """What is compiled: English texts and their translations, a text that counts once for each form."""
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as compiled:
        translations = gettext.GNUTranslations(compiled)._catalog  # type: ignore[attr-defined]
    return [(key if isinstance(key, str) else key[0], text) for key, text in translations.items() if key]


def test_every_language_that_is_offered_is_there():
    offered = {code for code, _name in settings.LANGUAGES if code != "en"}
    assert {language.replace("_", "-").lower() for language in SPOKEN} == offered


@pytest.mark.parametrize("language", SPOKEN)
def test_every_text_of_the_hosted_pages_is_translated(language):
    told = dict(catalogue(language))
    missing = [point.message for point in wording.points().values() if not told.get(point.message)]
    assert missing == []


@pytest.mark.parametrize("language", SPOKEN)
def test_what_is_filled_in_stands_in_every_translation(language):
    wrong = {}
    for english, text in catalogue(language):
        # One form of a text that counts may say the number in words.
        lost, added = (
            set(HOLES.findall(one)) - set(HOLES.findall(other)) for one, other in ((english, text), (text, english))
        )
        if added or lost - {"%(minutes)s"}:
            wrong[english] = text
    assert wrong == {}


def test_the_compiled_translations_are_those_that_were_written():
    for language in SPOKEN:
        source = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text("utf-8")
        assert "#, fuzzy" not in source
        written = {literal_eval(text) for text in re.findall(r'^msgstr(?:\[\d\])? (".*")$', source, re.MULTILINE)} - {
            ""
        }
        compiled = {text for _english, text in catalogue(language)}
        assert {text for text in written if "Content-Type" not in text} <= compiled
