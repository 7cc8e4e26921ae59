"""Texts that do not say what they seem to: characters that cannot be seen, and letters that pass for others.

Source: Unicode UTS #39, the parts that a payee's name needs. What would mislead a reader is refused; a word that is
wholly of Cyrillic or Greek letters that look Latin may be honest, and is shown with the name of its alphabet.
"""

import re
import unicodedata

MAX_MARKS = 3
# Letters and marks by their category, yet nothing is drawn.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
SELECTORS = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
WORD = re.compile(r"\w+")
# Scripts that are written together in one word, besides each for itself.
TOGETHER = frozenset({"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "LATIN"})
# Letters that a reader takes for Latin ones.
PASS_FOR_LATIN = {
    "CYRILLIC": frozenset("АВЕЅІЈКМНОРСТУХЬҮҺӀԌԚԜавеѕіјкмнопрстухьүһӏԁԛԝѵг"),
    "GREEK": frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳαβεικνορτυχηγ"),
}


class Misleading(ValueError):
    """Why a text is refused, for its sender."""


def check(text: str) -> None:
    """Raises Misleading for what cannot be seen, or looks like something else."""
    if unicodedata.normalize("NFC", text) != text:
        raise Misleading("is not in Unicode's composed form (NFC)")
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        if category[0] == "C" or category in ("Zl", "Zp") or char in BLANK or SELECTORS.match(char):
            raise Misleading(f"holds a character that cannot be seen ({_name(char)})")
        if category == "Zs" and char != " ":
            raise Misleading(f"holds a space other than the ordinary one ({_name(char)})")
        if (category[0] == "L" or category == "Nd") and unicodedata.normalize("NFKC", char) != char:
            raise Misleading(f"holds a form of another character ({_name(char)})")
        marks = marks + 1 if category[0] == "M" else 0
        if marks > MAX_MARKS:
            raise Misleading("has too many marks on one letter")
    for word in WORD.findall(text):
        scripts = scripts_of(word)
        if len(scripts) > 1 and not scripts <= TOGETHER:
            raise Misleading(f"mixes alphabets in one word ({', '.join(sorted(each.title() for each in scripts))})")


def scripts_of(word: str) -> set[str]:
    """The scripts of its letters, by the first word of Unicode's name for each."""
    return {unicodedata.name(char, "UNKNOWN").split()[0] for char in word if unicodedata.category(char)[0] == "L"}


def shown(text: str) -> str:
    """The text for a reader: with the name of its alphabet where all of it passes for Latin."""
    letters = {char for char in text if unicodedata.category(char)[0] == "L"}
    for script, alike in PASS_FOR_LATIN.items():
        if letters and letters <= alike:
            return f"{text} [{script.title()}]"
    return text


def _name(char: str) -> str:
    return f"U+{ord(char):04X}"
