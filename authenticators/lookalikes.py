"""Texts that do not say what they seem to: characters that cannot be seen, and letters that pass for others.

Source: Unicode UTS #39, the parts that a payee's name needs. What would mislead a reader is refused; a word that is
wholly of letters that look Latin, and are none, may be honest, and is shown with the name of its alphabet.
"""

import re
import unicodedata
from functools import partial

MAX_MARKS = 3
# Letters and marks by their category, yet nothing is drawn.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
SELECTORS = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
WORD = re.compile(r"\w+")
# Scripts that are written together in one word, besides each for itself.
TOGETHER = frozenset({"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "LATIN"})
# In everyday use today (UAX #31, Table 5), by the first words of their letters' names. What few can read can hide
# anything: Cherokee and Lisu have a letter for most Latin ones.
# fmt: off
READ = TOGETHER | {
    "ARABIC", "ARMENIAN", "BENGALI", "CYRILLIC", "DEVANAGARI", "ETHIOPIC", "GEORGIAN", "GREEK", "GUJARATI",
    "GURMUKHI", "HEBREW", "KANNADA", "KHMER", "LAO", "MALAYALAM", "MYANMAR", "ORIYA", "SINHALA", "TAMIL", "TELUGU",
    "THAANA", "THAI", "TIBETAN",
}
# fmt: on
# Of the many letters that Unicode calls Latin, those that most languages of today are written with (UAX #31 and UTS #39
# set others apart): no phonetic signs, small capitals, clicks and tone marks, which stand beside a plain twin.
LATIN = re.compile("[A-Za-z\u00aa-\u024f\u1e00-\u1effɓɔɖɗəɛɣɨɩɲʉʊʋʒ]")
OUT_OF_USE = frozenset("ĸſƄƅƍƖƛƧƨƪƫƻƼƽƾƿǀǁǂǃǶǷȜȝȡȢȣȴȵȶȷȸȹɁɂẜẝẟỺỻỼỽ")
# Written like an apostrophe, and letters of Uzbek, Hawaiian, Navajo or Skolt Sami: of whatever alphabet the word is.
OF_ANY_SCRIPT = frozenset("\u02b9\u02bb\u02bc")
# Signs that stand for Latin letters or digits, and that nobody takes for them.
SIGNS = frozenset("™℠№½¼¾")
LATIN_OR_DIGIT = re.compile("[A-Za-z0-9]")
# Letters and digits in shapes, of which Unicode knows no plain form, by their names.
FILLED = re.compile("NEGATIVE (?:CIRCLED|SQUARED)|REGIONAL INDICATOR|CIRCLED SANS-SERIF")
# Letters that a reader takes for Latin ones.
PASS_FOR_LATIN = {
    "ARMENIAN": frozenset("ԼՍՏՕգզհյոսցքօ"),
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
        if is_unseen(char):
            raise Misleading(f"holds a character that cannot be seen ({_name(char)})")
        if category == "Zs" and char != " ":
            raise Misleading(f"holds a space other than the ordinary one ({_name(char)})")
        if _stands_for_another(char, category):
            raise Misleading(f"holds a form of another character ({_name(char)})")
        if category[0] == "L" and _script(char) == "LATIN" and (not LATIN.match(char) or char in OUT_OF_USE):
            raise Misleading(f"holds a letter that is easily taken for another ({_name(char)})")
        marks = marks + 1 if category[0] == "M" else 0
        if marks > MAX_MARKS:
            raise Misleading("has too many marks on one letter")
    if unread := scripts_of(text) - READ:
        raise Misleading(f"is written in an alphabet that few can read ({', '.join(sorted(unread)).title()})")
    for word in WORD.findall(text):
        scripts = scripts_of(word)
        if len(scripts) > 1 and not scripts <= TOGETHER:
            raise Misleading(f"mixes alphabets in one word ({', '.join(sorted(each.title() for each in scripts))})")


def is_unseen(char: str) -> bool:
    """Whether nothing is drawn for it: of control, of format, unassigned, or a letter or mark that is blank."""
    category = unicodedata.category(char)
    return category[0] == "C" or category in ("Zl", "Zp") or char in BLANK or SELECTORS.match(char) is not None


def scripts_of(word: str) -> set[str]:
    """The scripts of its letters, by the first word of Unicode's name for each."""
    return {_script(char) for char in _letters(word)}


def shown(text: str) -> str:
    """The text for a reader: each word that passes for Latin with the name of its alphabet, unless all of the text is
    of that alphabet and some of it can be told.
    """
    letters = _letters(text)
    beside_latin = "LATIN" in scripts_of(text)
    for script, alike in PASS_FOR_LATIN.items():
        told = {char for char in letters if _script(char) == script} - alike
        if beside_latin or not told:
            text = WORD.sub(partial(_marked, script), text)
    return text


def _marked(script: str, word: re.Match[str]) -> str:
    letters = _letters(word[0])
    passes = letters and letters <= PASS_FOR_LATIN[script]
    return f"{word[0]} [{script.title()}]" if passes else word[0]


def _letters(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char)[0] == "L" and char not in OF_ANY_SCRIPT}


def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split()[0]


def _stands_for_another(char: str, category: str) -> bool:
    if category in ("So", "No") and FILLED.search(unicodedata.name(char, "")):
        return True
    plain = unicodedata.normalize("NFKC", char)
    if plain == char or char in SIGNS:
        return False
    return category[0] == "L" or category == "Nd" or LATIN_OR_DIGIT.search(plain) is not None


def _name(char: str) -> str:
    return f"U+{ord(char):04X}"
