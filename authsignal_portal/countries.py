"""What countries are called in a language, by their two-letter code (ISO 3166-1).

The names are those of Unicode's CLDR, as Babel keeps them; browsers (`Intl.DisplayNames`) have theirs from there too.
"""

import unicodedata
from collections.abc import Iterable

from babel import Locale


def name(code: str, language: str = "") -> str:
    """The country's name; the code itself where the data has none. `language`: as Django writes it, `pt-br`; English
    where it is empty."""
    found: str = Locale.parse(language or "en", sep="-").territories.get(code, code)
    return found


def names(codes: Iterable[str]) -> str:
    return ", ".join(sorted(map(name, codes), key=alphabetical))


def alphabetical(word: str) -> str:
    """A key to sort words by that puts É beside E."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(sign))
