"""Texts that do not say what they seem to."""

import pytest

from authenticators import lookalikes


@pytest.mark.parametrize(
    "text",
    [
        "Bob Miller",
        "Café Zoë",
        "Søren Ångström",
        "O'Neill & Söhne, Nr. 5 (Berlin)",
        "ООО Ромашка",
        "ЗАО Acme",
        "Հայաստան",
        "㈱東京",
        "№ 5 ½",
        "Αθήνα",
        "東京カフェABC",
        "山々 さん",
        "한국전력",
        "محمد علي",
        "भारत",
        "Nguyễn Văn Ấ",
        "Acme™",
        "Əliyev Şükür",
        "Ɗan Ɓala",
        "Dr. Ðorđe Łęcki, Ħamrun",
        "Ɛyram Kɔfi",
        "O\u02bbzbekiston havo yo\u02bbllari",
        "Lili\u02bbuokalani",
        "T\u02bcáá Diné",
        "Sä\u02b9mmlaž",
        "Yɩɩ",
    ],
)
def test_honest_names_pass_and_are_shown_as_they_are(text):
    lookalikes.check(text)
    assert lookalikes.shown(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Bob\u202eelliM",  # right-to-left override
        "Bob\u2066Miller",  # isolate
        "Bob\u200bMiller",  # zero width space
        "Bob\u200dMiller",  # joiner
        "Bob\u00adMiller",  # soft hyphen
        "\ufeffBob",
        "Bob\nMiller",
        "Bob\tMiller",
        "Bob\u0085Miller",
        "Bob\u2028Miller",
        "Bob\u00a0Miller",  # another space
        "Bob\u3000Miller",
        "Bob\u034fMiller",  # drawn as nothing
        "Bob\u3164Miller",
        "Bob\ufe0fMiller",
        "Bob\ue000",  # private use
        "Bob\U000e0041",  # tag
        "Cafe\u0301",  # not composed
        "\uff22\uff4f\uff42",  # full width
        "\U0001d401\U0001d428\U0001d41b",  # mathematical bold
        "\ufb01nance",  # ligature
        "B\u0430nk",  # Cyrillic a
        "\u0410cme",
        "P\u03b1yP\u03b1l",  # Greek alpha
        "\u0440\u0430ypal",
        "a\u0338\u0338\u0338\u0338",
        "\u2167",  # the number eight as one character
        "\u2460\u2461",  # digits in circles
        "10\u00b2",  # a raised digit
        "\u24b6cme",  # a letter in a circle
        "\U0001f170cme",  # in a filled square: it has no plain form
        "\U0001f1e6cme",
        "\u2776",
        "\u13a2\u13a9 Ltd",  # Cherokee
        "\ua4d0\ua4f2",  # Lisu
        "Goo\u0261le",  # phonetic
        "P\u0251ypal",
        "PayPa\u01c0",  # a click
        "\u1d00mazon",  # a small capital
        "\ua731ony",
        "\u0196deal",
        "\u0184ank",  # a tone
    ],
)
def test_what_misleads_is_refused(text):
    with pytest.raises(lookalikes.Misleading):
        lookalikes.check(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u0410\u0440\u0440\u04cf\u0435", "\u0410\u0440\u0440\u04cf\u0435 [Cyrillic]"),
        ("\u041e\u0421\u041d\u0410 1", "\u041e\u0421\u041d\u0410 [Cyrillic] 1"),
        ("\u0410\u0440\u0440\u04cf\u0435 Inc", "\u0410\u0440\u0440\u04cf\u0435 [Cyrillic] Inc"),
        ("Pay \u0391\u0395\u039d \u0410\u041e", "Pay \u0391\u0395\u039d [Greek] \u0410\u041e [Cyrillic]"),
        ("\u041e\u041e\u041e Acme \u042f", "\u041e\u041e\u041e [Cyrillic] Acme \u042f"),
        ("\u0410\u041e \u0391\u0395\u039d \u03a9", "\u0410\u041e [Cyrillic] \u0391\u0395\u039d \u03a9"),
        ("\u057d\u0578 Bank", "\u057d\u0578 [Armenian] Bank"),
        ("\u0391\u0395\u039d", "\u0391\u0395\u039d [Greek]"),
        ("AEN", "AEN"),
        ("", ""),
        ("123", "123"),
    ],
)
def test_a_word_that_passes_for_latin_is_shown_with_its_alphabet(text, shown):
    lookalikes.check(text)
    assert lookalikes.shown(text) == shown
